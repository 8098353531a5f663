//! Who may connect to a socket.

use nix::unistd::{Gid as NixGid, Group, Uid as NixUid, User};
use porthole_core::owner::{Account, Owner};
use rustix::{
    fs::{Gid, Uid},
    process::{getegid, geteuid},
};

use super::peer::Peer;

/// The write bits of a mode: connecting needs them.
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// An owner as this machine knows it, and the mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Access {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) mode: u32,
}

impl Access {
    /// Looks an owner up; without one it is the service itself. An error says what is missing.
    pub(super) fn resolve(owner: Option<&Owner>, mode: u32) -> Result<Self, String> {
        let Some(owner) = owner else {
            return Ok(Self { uid: geteuid(), gid: getegid(), mode });
        };
        let failed = |e: nix::Error| format!("the accounts of this machine cannot be read: {e}");
        let user = match &owner.user {
            Account::Id(id) => User::from_uid(NixUid::from_raw(*id)).map_err(failed)?,
            Account::Name(name) => {
                let user = User::from_name(name).map_err(failed)?;
                Some(user.ok_or_else(|| format!("there is no user '{name}' on this machine"))?)
            }
        };
        let uid = match (&owner.user, &user) {
            (_, Some(user)) => user.uid.as_raw(),
            (Account::Id(id), None) => *id,
            (Account::Name(name), None) => return Err(format!("there is no user '{name}'")),
        };
        let gid = match (&owner.group, user) {
            (Some(Account::Id(id)), _) => *id,
            (Some(Account::Name(name)), _) => {
                let group = Group::from_name(name).map_err(failed)?;
                let group =
                    group.ok_or_else(|| format!("there is no group '{name}' on this machine"))?;
                NixGid::as_raw(group.gid)
            }
            (None, Some(user)) => user.gid.as_raw(),
            (None, None) => {
                return Err(format!(
                    "user {uid} has no account; say the group too: \"{uid}:GROUP\""
                ));
            }
        };
        Ok(Self { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), mode })
    }

    /// The mode of the folder around the socket. It stays the service's own, so that nobody else can
    /// put something in the socket's place; others get passage, and may look, so that they hear of the
    /// socket when the service makes it anew.
    pub(super) fn folder_mode(&self) -> u32 {
        let group = self.uid != geteuid() || self.mode & GROUP_WRITES != 0;
        let others = self.mode & OTHERS_WRITE != 0;
        0o700 | if group { 0o050 } else { 0 } | if others { 0o005 } else { 0 }
    }

    /// Whether a process may connect. The kernel has looked at the file already, but a socket may
    /// have been handed over, or its folder bound, with other permissions.
    pub(super) fn admits(&self, peer: &Peer) -> bool {
        peer.uid.is_root()
            || peer.uid == geteuid()
            || peer.uid == self.uid
            || self.mode & OTHERS_WRITE != 0
            || (self.mode & GROUP_WRITES != 0 && self.has_member(peer))
    }

    fn has_member(&self, peer: &Peer) -> bool {
        peer.gid == self.gid || peer.groups.contains(&self.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(uid: u32, gid: u32, mode: u32) -> Access {
        Access { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), mode }
    }

    fn cred(uid: u32, gid: u32) -> Peer {
        Peer { pid: None, uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups: Vec::new() }
    }

    #[test]
    fn owners_are_looked_up_or_told() {
        let root = Access::resolve(Owner::parse("root").as_ref(), 0o700).unwrap();
        assert_eq!(root, access(0, 0, 0o700));
        let both = Access::resolve(Owner::parse("4000000:4000001").as_ref(), 0o770).unwrap();
        assert_eq!(both, access(4_000_000, 4_000_001, 0o770));
        for (owner, why) in [
            ("nobody-has-this-name", "there is no user 'nobody-has-this-name' on this machine"),
            ("root:nobody-has-this", "there is no group 'nobody-has-this' on this machine"),
            ("4000000", "user 4000000 has no account; say the group too: \"4000000:GROUP\""),
        ] {
            assert_eq!(Access::resolve(Owner::parse(owner).as_ref(), 0o700).unwrap_err(), why);
        }
    }

    #[test]
    fn the_mode_says_who_else_may_connect() {
        let (owner, member, other) = (cred(1000, 1000), cred(1001, 44), cred(1002, 1002));
        for (mode, admitted) in [
            (0o700, [true, false, false]),
            (0o770, [true, true, false]),
            (0o777, [true, true, true]),
        ] {
            let access = access(1000, 44, mode);
            assert!(access.admits(&cred(0, 0)));
            assert_eq!([&owner, &member, &other].map(|peer| access.admits(peer)), admitted);
            let further =
                Peer { groups: vec![Gid::from_raw(7), Gid::from_raw(44)], ..cred(1002, 1002) };
            assert_eq!(access.admits(&further), mode != 0o700);
        }
    }

    #[test]
    fn a_folder_gives_passage_to_those_who_may_connect() {
        let own = Access::resolve(None, 0o700).unwrap();
        assert_eq!(own.folder_mode(), 0o700);
        assert_eq!(access(4_000_000, 44, 0o700).folder_mode(), 0o750);
        assert_eq!(access(4_000_000, 44, 0o777).folder_mode(), 0o755);
    }
}
