//! Whose the service in an initramfs is.
//!
//! Everything there is root's, and the service that takes over later has a user of its own, which finds nothing
//! useful in files of another one. So a start by root takes that user for all that it makes, and keeps what an
//! initramfs, which knows no groups of devices, makes it need. Its real user stays root: systemd leaves no
//! others alive when the initramfs goes.

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use porthole_core::owner::Owner;
use rustix::{
    process::{geteuid, getuid},
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities},
};

use crate::sockets;

/// To open devices and folders of root's, and to give sockets to their owners.
const KEPT: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::CHOWN);

/// Why the service cannot be another user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    #[error("--user '{0}' is no user: say a name or a number, or USER:GROUP")]
    Name(String),
    #[error("--user '{0}': {1}; an initramfs needs it in its /etc/passwd")]
    Unknown(String, String),
    #[error("only root can be another user: start the service as root, or leave --user out")]
    NotRoot,
    #[error("the service cannot be user '{0}': {1}")]
    Refused(String, std::io::Error),
}

/// Becomes this user for all but systemd. Call it before anything is opened or made, and before the first
/// thread is started.
///
/// # Errors
/// When there is no such user, or we are not root.
pub(crate) fn become_user(name: &str) -> Result<(), UserError> {
    let owner = Owner::parse(name).ok_or_else(|| UserError::Name(name.to_owned()))?;
    let (user, group) =
        sockets::account(&owner).map_err(|why| UserError::Unknown(name.to_owned(), why))?;
    if !geteuid().is_root() {
        return Err(UserError::NotRoot);
    }
    let (user, group) = (Uid::from_raw(user.as_raw()), Gid::from_raw(group.as_raw()));
    let changed = setgroups(&[])
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(Uid::from_raw(0), user, user))
        .map_err(std::io::Error::from)
        .and_then(|()| Ok(set_capabilities(None, effective(KEPT)?)?));
    changed.map_err(|error| UserError::Refused(name.to_owned(), error))
}

/// What we may do is `rights`; what we may take back is as it was.
fn effective(rights: CapabilitySet) -> std::io::Result<CapabilitySets> {
    let now = capabilities(None)?;
    // A container may lack some.
    Ok(CapabilitySets { effective: now.permitted & rights, ..now })
}

/// Gives up what could be taken back.
pub(crate) fn give_up_the_rest() {
    let given_up = effective(KEPT).and_then(|now| {
        let rights =
            CapabilitySets { permitted: now.effective, inheritable: CapabilitySet::empty(), ..now };
        Ok(set_capabilities(None, rights)?)
    });
    if let Err(error) = given_up {
        tracing::warn!("rights of root's are kept that are not needed: {error}");
    }
}

/// Undoes it, for programs of the initramfs: they are root's, as everything there is. In all other cases there
/// is nothing to undo.
pub(crate) fn be_root_again() {
    if getuid().is_root() && !geteuid().is_root() {
        let root = Uid::from_raw(0);
        let _ = setresuid(root, root, root);
        let _ = setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_nobody_here_is_told() {
        for (name, why) in [
            (":", "--user ':' is no user: say a name or a number, or USER:GROUP"),
            (
                "nobody-has-this-name",
                "--user 'nobody-has-this-name': there is no user 'nobody-has-this-name' on this machine; an \
                 initramfs needs it in its /etc/passwd",
            ),
        ] {
            assert_eq!(become_user(name).unwrap_err().to_string(), why);
        }
    }
}
