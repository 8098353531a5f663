//! What a configuration needs of the machine that it is read on: for who makes an initramfs of parts of it.

use std::{collections::BTreeSet, path::Path};

use porthole_core::{
    config::Config,
    owner::{Account, Owner},
};

/// A line for each, and none twice.
pub(crate) fn list(file: Option<&Path>, config: &Config) -> String {
    let layers = config.layers.iter();
    let pictures = layers.flat_map(|layer| [layer.mask.as_deref(), layer.fallback.picture.file()]);
    let files = [file, config.splash.as_deref()].into_iter().chain(pictures);
    let files = files.flatten().map(|path| format!("file {}", path.display()));
    let programs = config.programs.iter().filter_map(|program| program.command.first());
    let programs = programs.map(|program| format!("program {program}"));
    let owners = config.guests.iter().map(|guest| &guest.owner);
    let owners = owners.chain(config.sockets.iter().map(|socket| &socket.owner)).flatten();
    let lines: BTreeSet<String> = files.chain(programs).chain(owners.flat_map(accounts)).collect();
    lines.into_iter().map(|line| line + "\n").collect()
}

/// What must be known by name.
fn accounts(owner: &Owner) -> impl Iterator<Item = String> + use<> {
    let line = |kind: &str, account: &Account| match account {
        Account::Name(name) => Some(format!("{kind} {name}")),
        Account::Id(_) => None,
    };
    let group = owner.group.as_ref().and_then(|group| line("group", group));
    line("user", &owner.user).into_iter().chain(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_listed_once() {
        let text = "version = 1\nsplash = \"splash.png\"\n[[port]]\nname = \"main\"\nsize = [640, 480]\n\
             [[guest]]\nname = \"ivi\"\nowner = \"vm-ivi\"\n[[guest]]\nname = \"other\"\nowner = \"vm-ivi:7\"\n\
             [[socket]]\nname = \"viewer\"\nowner = \"1000:viewers\"\n\
             [[layer]]\nname = \"ivi\"\nport = \"main\"\nguest = \"ivi\"\norder = 1\n\
             mask = \"round.png\"\nfallback = \"/lost.png\"\n\
             [[layer]]\nname = \"other\"\nport = \"main\"\nguest = \"other\"\norder = 2\nfallback = \"/lost.png\"\n\
             [[program]]\nname = \"camera\"\ncommand = [\"camera\", \"-x\"]\nsocket = \"viewer\"\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("porthole.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        let here = folder.path().display();
        let wanted = format!(
            "file /lost.png\nfile {here}/porthole.toml\nfile {here}/round.png\nfile {here}/splash.png\n\
             group viewers\nprogram camera\nuser vm-ivi\n"
        );
        assert_eq!(list(Some(&file), &config), wanted);
    }

    #[test]
    fn a_configuration_that_nobody_wrote_needs_nothing() {
        assert_eq!(list(None, &Config::default()), "");
    }
}
