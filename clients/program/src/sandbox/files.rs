//! Rules about files and other things that have names, by landlock.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

/// The newest version that we know; older kernels hold what they can.
const NEWEST: ABI = ABI::V9;

/// What stays reachable.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Files {
    /// Files, or folders with all that is below.
    pub(super) read: Vec<PathBuf>,
    /// Folders in which everything may be done but start programs.
    pub(super) write: Vec<PathBuf>,
    /// Folders out of which files may be removed.
    pub(super) remove: Vec<PathBuf>,
    /// Whether sockets may be connected to by their paths and names.
    pub(super) connects: bool,
    /// A TCP port that may be connected to.
    pub(super) port: Option<u16>,
}

impl Files {
    /// Gives up everything else; landlock's version, or `None` where the kernel has none.
    pub(super) fn restrict(&self) -> Result<Option<i32>, RulesetError> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = AccessFs::from_all(NEWEST) & !BitFlags::from(AccessFs::Execute);
        let (mut handled, mut scopes) = (AccessFs::from_all(NEWEST), Scope::from_all(NEWEST));
        if self.connects {
            handled.remove(AccessFs::ResolveUnix);
            scopes.remove(Scope::AbstractUnixSocket);
        }
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(handled)?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(scopes)?;
        let mut ruleset = ruleset.create()?;
        let named = [(&self.read, read), (&self.write, write)];
        let named = named.into_iter().chain([(&self.remove, AccessFs::RemoveFile.into())]);
        for (paths, access) in named {
            for path in paths {
                // What is not there needs no rule: it could not be opened either.
                if let Ok(opened) = PathFd::new(path) {
                    let file = AccessFs::from_file(NEWEST);
                    let access = if path.is_dir() { access } else { access & file };
                    let access = access & handled;
                    ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
                }
            }
        }
        if let Some(port) = self.port {
            ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
        Ok(match ruleset.restrict_self()?.landlock {
            LandlockStatus::Available { effective_abi, kernel_abi } => {
                Some(kernel_abi.unwrap_or(effective_abi as i32))
            }
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
        })
    }
}

/// Whether this kernel has rules about ports.
#[cfg(test)]
pub(super) fn has_rules_about_ports() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(AccessNet::ConnectTcp).and_then(Ruleset::create).is_ok()
}
