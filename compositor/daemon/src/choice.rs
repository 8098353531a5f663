//! Where the configuration comes from, and what is shown where nobody has written one.
//!
//! It is made as a text that a person could have written, so that there is one way to read it, and that who
//! wants another one can begin with it (`--print-config`).

use std::{
    fmt::Write as _,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    rc::Rc,
};

use porthole_core::config::{Config, ConfigErrors, limits};

use crate::{
    cli::Cli,
    handlers::parents::Parents,
    machine::Session,
    screens::{Cards, drm::DrmError},
};

/// Where the configuration is when nobody says otherwise.
const FILE: &str = "/etc/porthole/porthole.toml";
/// What is called a file in messages about a text that was made here.
const MADE: &str = "the configuration that was made";

/// Where the configuration comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// Nobody has written one.
    Made {
        text: String,
        /// It counts once it is there.
        unless: Option<PathBuf>,
        /// What was chosen, and why.
        why: String,
    },
}

/// What of a source counts.
enum Now<'a> {
    File(&'a Path),
    /// The text that was made.
    Made(&'a str),
}

impl Source {
    /// What the command line says, and else what there is. `cards` are opened to see what is on them.
    pub(crate) fn find(cli: &Cli, parents: &Parents, cards: &mut Cards) -> Self {
        let unless = match &cli.config {
            Some(file) => return Self::File(file.clone()),
            None => (!cli.no_config).then(|| PathBuf::from(FILE)),
        };
        if let Some(file) = unless.as_ref().filter(|file| is_there(file)) {
            return Self::File(file.clone());
        }
        let (place, why) = place(parents.session(), || screens(cli, cards));
        let lacking = match &unless {
            Some(file) => format!("there is no {}", file.display()),
            None => "no configuration is wanted".to_owned(),
        };
        Self::Made { text: text(&place), unless, why: format!("{lacking}: {why}") }
    }

    /// Reads it, and its text.
    ///
    /// # Errors
    /// All that is wrong with it, or that it cannot be read.
    pub(crate) fn load(&self) -> Result<(Config, String), ConfigErrors> {
        match self.now() {
            Now::File(file) => Config::load_with_text(file),
            Now::Made(text) => Ok((Config::parse(text, MADE)?, text.to_owned())),
        }
    }

    /// What counts now.
    fn now(&self) -> Now<'_> {
        match self {
            Self::File(file) => Now::File(file),
            Self::Made { unless: Some(file), .. } if is_there(file) => Now::File(file),
            Self::Made { text, .. } => Now::Made(text),
        }
    }

    /// The file that counts.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self.now() {
            Now::File(file) => Some(file),
            Now::Made(_) => None,
        }
    }

    /// What was chosen, and why, where nobody has written anything.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Made { why, .. } => Some(why),
        }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match self.now() {
            Now::File(file) => file.display().to_string(),
            Now::Made(_) => MADE.to_owned(),
        }
    }
}

/// Whether somebody has written a file. One that cannot be reached is there, and is told of when it is
/// read.
fn is_there(file: &Path) -> bool {
    file.try_exists().unwrap_or(true)
}

/// The screens that are there. Where the service itself may not open a card, a session may.
fn screens(cli: &Cli, cards: &mut Cards) -> Result<Vec<(PathBuf, String)>, DrmError> {
    let found = cards.connected();
    let refused = matches!(&found, Err(DrmError::Open { source, .. }) if source.kind() == ErrorKind::PermissionDenied);
    // One that is begun takes the console, which who only asks does not want.
    if !refused || cli.print_config || cli.print_needs {
        return found;
    }
    match Session::of_anybody() {
        Ok(session) => cards.set_session(Rc::new(session)),
        Err(error) => {
            tracing::info!("no session opens it either: {error}");
            return found;
        }
    }
    let found = cards.connected();
    if found.is_err() {
        cards.set_session(Rc::default());
    }
    found
}

/// Where pictures go.
#[derive(Debug)]
enum Place {
    Window,
    /// The connectors that have a screen: their card's device files and names.
    Screens(Vec<(PathBuf, String)>),
    Headless,
}

/// The first that is there: a Wayland session, a screen on a graphics card that is free, nothing.
fn place(
    session: Option<&Path>,
    screens: impl FnOnce() -> Result<Vec<(PathBuf, String)>, DrmError>,
) -> (Place, String) {
    let no_session = match session.map(|socket| (socket, UnixStream::connect(socket))) {
        Some((socket, Ok(_))) => {
            let socket = socket.display();
            return (
                Place::Window,
                format!("a window in the Wayland session at {socket} is shown"),
            );
        }
        Some((socket, Err(error))) => {
            format!("the Wayland session at {} does not answer ({error})", socket.display())
        }
        None => "no Wayland session is around (WAYLAND_DISPLAY is not set)".to_owned(),
    };
    match screens() {
        Ok(screens) => {
            let names: Vec<String> = screens
                .iter()
                .map(|(card, connector)| format!("{connector} of {}", card.display()))
                .collect();
            let why = format!("{} is shown on, as {no_session}", names.join(", "));
            (Place::Screens(screens), why)
        }
        Err(error) => {
            let why = format!("a port is shown to viewers only, as {no_session}, and {error}");
            (Place::Headless, why)
        }
    }
}

/// A port for each screen, the first of which shows a guest and programs, and a socket that may do all.
fn text(place: &Place) -> String {
    let mut ports = Vec::new();
    let mut text = "version = 1\n".to_owned();
    match place {
        Place::Window => {
            ports.push("main".to_owned());
            text += "\n[[port]]\nname = \"main\"\nkind = \"window\"\n";
        }
        Place::Headless => {
            ports.push("main".to_owned());
            text += "\n[[port]]\nname = \"main\"\nsize = [1280, 720]\nresize = \"viewers\"\n";
        }
        Place::Screens(screens) => {
            text += "\n[seat]\n";
            for (card, connector) in screens {
                let name = port_name(&ports, connector);
                let card = card.display();
                let _ = write!(
                    text,
                    "\n[[port]]\nname = \"{name}\"\nkind = \"drm\"\nconnector = \"{connector}\"\n\
                     card = \"{card}\"\n"
                );
                ports.push(name);
            }
        }
    }
    let kinds = ["capture", "input", "clipboard", "resize", "layout", "power", "safety"];
    let rights = ports.iter().flat_map(|port| kinds.map(|kind| format!("\"{kind}:{port}\"")));
    let rights: Vec<String> = rights.collect();
    let _ = write!(
        text,
        "\n[[guest]]\nname = \"guest\"\n\
         \n[[layer]]\nname = \"guest\"\nport = \"main\"\nguest = \"guest\"\norder = 1\n\
         \n[[layer]]\nname = \"programs\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"*\"\norder = 2\n\
         \n[[socket]]\nname = \"viewer\"\nrights = [{}, \"watch\"]\n",
        rights.join(", ")
    );
    text
}

/// The first port is called `main`, others like their connectors.
fn port_name(ports: &[String], connector: &str) -> String {
    if ports.is_empty() {
        return "main".to_owned();
    }
    let name: String =
        connector.to_ascii_lowercase().chars().take(limits::CONNECTOR_NAME - 4).collect();
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !ports.contains(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_a_configuration() {
        let screens = [("/dev/dri/card0", "HDMI-A-1"), ("/dev/dri/card0", "Virtual-1")];
        let third = ("/dev/dri/card1", "Virtual-1");
        let screens = screens.into_iter().chain([third]);
        let screens = screens.map(|(card, name)| (PathBuf::from(card), name.to_owned()));
        for place in [Place::Window, Place::Headless, Place::Screens(screens.collect())] {
            let text = text(&place);
            let config =
                Config::parse(&text, MADE).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            let names: Vec<&str> = config.ports.iter().map(|port| port.name.as_str()).collect();
            match &place {
                Place::Screens(_) => assert_eq!(names, ["main", "virtual-1", "virtual-1-2"]),
                Place::Window | Place::Headless => assert_eq!(names, ["main"]),
            }
            // Who sits in front of a screen has a keyboard there.
            assert_eq!(config.seat.is_some(), matches!(place, Place::Screens(_)));
        }
    }

    #[test]
    fn a_file_counts_once_it_is_there_even_if_it_cannot_be_reached() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("porthole.toml");
        let made =
            |unless| Source::Made { text: text(&Place::Headless), unless, why: String::new() };
        made(Some(file.clone())).load().unwrap();
        assert_eq!(made(Some(file.clone())).name(), MADE);
        std::fs::write(&file, "version = 2").unwrap();
        // What is below a file cannot be looked at.
        for file in [file.join("porthole.toml"), file] {
            assert_eq!(made(Some(file.clone())).name(), file.display().to_string());
            let errors = made(Some(file.clone())).load().unwrap_err().to_string();
            assert!(errors.contains(&*file.to_string_lossy()), "{errors}");
        }
        made(None).load().unwrap();
    }

    #[test]
    fn a_session_that_does_not_answer_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("wayland-0");
        let (_, why) = place(Some(&socket), || Err(DrmError::NoCard));
        assert!(why.contains("does not answer (No such file"), "{why}");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(matches!(place(Some(&socket), || Err(DrmError::NoCard)), (Place::Window, _)));
        let (place, why) = place(None, || Err(DrmError::NoCard));
        assert!(matches!(place, Place::Headless), "{why}");
        assert!(
            why.contains("WAYLAND_DISPLAY is not set") && why.contains("no graphics card"),
            "{why}"
        );
    }
}
