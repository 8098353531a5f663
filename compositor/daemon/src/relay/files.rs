//! Which of the files that clients hand over are taken.
//!
//! A file may lie on a filesystem that is another program (FUSE) or another machine (NFS), which may never
//! answer. Whoever reads such a file, asks for its size or only closes it, waits. So before anything else is
//! done with a descriptor, the kernel is asked which mount it is on, which asks no filesystem.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek},
    os::fd::{AsFd, AsRawFd},
};

use rustix::{
    event::{
        PollFd, PollFlags, Timespec,
        epoll::{self, CreateFlags},
        poll,
    },
    fs::fcntl_get_seals,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    pipe::{PipeFlags, pipe_with},
};

/// Filesystems that are the kernel's own, in memory or on a disk: they answer. An overlay is as good as what
/// it lies over, and in our own table only who rules the machine can have put it.
const LOCAL: [&str; 31] = [
    "tmpfs",
    "ramfs",
    "rootfs",
    "devtmpfs",
    "devpts",
    "hugetlbfs",
    "ext2",
    "ext3",
    "ext4",
    "xfs",
    "btrfs",
    "bcachefs",
    "f2fs",
    "zfs",
    "jfs",
    "nilfs2",
    "reiserfs",
    "ubifs",
    "jffs2",
    "vfat",
    "msdos",
    "exfat",
    "ntfs3",
    "erofs",
    "squashfs",
    "cramfs",
    "iso9660",
    "udf",
    "minix",
    "hfsplus",
    "overlay",
];
/// The most that is read of the kernel's table of mounts, in bytes: tens of thousands of them.
const LONGEST: u64 = 8 << 20;

/// A file that is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "a file on a filesystem that may never answer ({0}) was handed over: use a memfd, or a file on tmpfs or a disk"
    )]
    Remote(String),
    #[error(
        "a file on a filesystem that is not the service's was handed over: use a memfd, or a file on tmpfs"
    )]
    Unknown,
    #[error("nobody knows where a file that was handed over lies: {0}")]
    Untold(io::ErrorKind),
}

/// Knows the machine's filesystems.
#[derive(Debug)]
pub(super) struct Files {
    /// The kernel's table of mounts, which says when it changes; `None` where there is none.
    table: Option<File>,
    /// Each mount's number, and what kind of filesystem is there.
    mounts: BTreeMap<u64, String>,
    /// Mounts that are in no table: the kernel's own, of pipes, sockets and its like, and a folder's that is our root.
    internal: Vec<u64>,
}

impl Files {
    /// Opens what is asked later.
    pub(super) fn new() -> Self {
        let mut files = Self { table: None, mounts: BTreeMap::new(), internal: Vec::new() };
        match files.open() {
            Ok(table) => files.table = Some(table),
            Err(error) => tracing::warn!(
                "it is not known where clients' files lie, and one on a filesystem that does not answer \
                 would stop the service: {error}"
            ),
        }
        files
    }

    fn open(&mut self) -> io::Result<File> {
        let (pipe, _) = pipe_with(PipeFlags::CLOEXEC)?;
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        // Timelines of drivers and events are on the same one.
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        for fd in [pipe, socket, poll] {
            self.internal.extend(Told::of(&fd)?.mount);
        }
        let mut table = File::open("/proc/self/mountinfo")?;
        self.mounts = read(&mut table)?;
        // In a root that is only a folder of a filesystem (chroot), the table leaves that one out. All that the
        // service has of its own is there.
        let root = Told::of(File::open("/")?)?.mount;
        self.internal.extend(root.filter(|root| !self.mounts.contains_key(root)));
        Ok(table)
    }

    /// Whether nothing that is done with a file ever waits for anybody.
    pub(super) fn check(&mut self, fd: impl AsFd) -> Result<(), Refused> {
        // Only memory can be sealed, and nearly all pictures are memory.
        if self.table.is_none() || fcntl_get_seals(&fd).is_ok() {
            return Ok(());
        }
        let untold = |error: io::Error| Refused::Untold(error.kind());
        let told = Told::of(fd).map_err(untold)?;
        let mount = told.mount.ok_or_else(|| untold(io::ErrorKind::InvalidData.into()))?;
        if told.is_device || self.internal.contains(&mount) {
            return Ok(());
        }
        self.renew().map_err(untold)?;
        match self.mounts.get(&mount) {
            Some(kind) if LOCAL.contains(&kind.as_str()) => Ok(()),
            Some(kind) => Err(Refused::Remote(kind.clone())),
            None => Err(Refused::Unknown),
        }
    }

    /// Reads the table again if it has changed. The number of a mount on which a file is open is not given to
    /// another one, so it is enough to ask after the file came.
    fn renew(&mut self) -> io::Result<()> {
        let Some(table) = &mut self.table else { return Ok(()) };
        let changed = {
            let fd = table.as_fd();
            let mut polled = [PollFd::new(&fd, PollFlags::PRI)];
            poll(&mut polled, Some(&Timespec::default()))? > 0
        };
        if changed {
            self.mounts = read(table)?;
        }
        Ok(())
    }
}

/// Reads the table from its start.
fn read(table: &mut File) -> io::Result<BTreeMap<u64, String>> {
    let mut text = Vec::new();
    table.rewind()?;
    table.take(LONGEST).read_to_end(&mut text)?;
    // Names of folders may be no text.
    Ok(String::from_utf8_lossy(&text).lines().filter_map(mount).collect())
}

/// A mount's number and kind in a line of the table (`proc_pid_mountinfo(5)`).
fn mount(line: &str) -> Option<(u64, String)> {
    let (number, _) = line.split_once(' ')?;
    // Spaces in names are written otherwise.
    let (_, filesystem) = line.split_once(" - ")?;
    let kind = filesystem.split(' ').next()?;
    Some((number.parse().ok()?, kind.to_owned()))
}

/// What the kernel tells of a descriptor without asking anybody.
#[derive(PartialEq, Eq, Debug)]
struct Told {
    mount: Option<u64>,
    /// It is a dma-buf.
    is_device: bool,
}

impl Told {
    fn of(fd: impl AsFd) -> io::Result<Self> {
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        Ok(Self::parse(&String::from_utf8_lossy(&fs::read(path)?)))
    }

    fn parse(text: &str) -> Self {
        let after = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        Self {
            mount: after("mnt_id:").and_then(|number| number.trim().parse().ok()),
            is_device: after("exp_name:").is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    #[test]
    fn the_kernels_lines_are_understood() {
        let lines = [
            ("36 35 98:0 /a /b rw,noatime master:1 - ext4 /dev/root rw,x - y", 36, "ext4"),
            (
                "4294967296 35 0:51 / /a\\040-\\040b rw - fuse.sshfs h:/x rw",
                4_294_967_296,
                "fuse.sshfs",
            ),
            ("7 1 0:3 / / rw shared:1 propagate_from:2 - nfs4 server:/ rw", 7, "nfs4"),
        ];
        for (line, number, kind) in lines {
            assert_eq!(mount(line), Some((number, kind.to_owned())), "{line}");
        }
        for line in ["", "36", "36 35 98:0 / / rw", "x 35 - ext4 a b"] {
            assert_eq!(mount(line), None, "{line}");
        }
        let told = Told::parse("pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t3\nexp_name:\tudmabuf\n");
        assert_eq!(told, Told { mount: Some(15), is_device: true });
        assert_eq!(Told::parse("pos:\t0\n"), Told { mount: None, is_device: false });
    }

    #[test]
    fn memory_pipes_sockets_and_files_of_disks_are_taken() {
        let mut files = Files::new();
        let memory = memfd_create("files-test", MemfdFlags::CLOEXEC).unwrap();
        files.check(&memory).unwrap();
        files.check(pipe_with(PipeFlags::CLOEXEC).unwrap().0).unwrap();
        files.check(UnixStream::pair().unwrap().0).unwrap();
        files.check(File::open("/dev/null").unwrap()).unwrap();
        files.check(tempfile::tempfile().unwrap()).unwrap();
    }

    #[test]
    fn what_others_answer_for_is_refused_by_name() {
        let mut files = Files::new();
        let file = tempfile::tempfile().unwrap();
        let of = Told::of(&file).unwrap().mount.unwrap();
        // Where this runs in a folder that is the root, the file is on the mount of that.
        files.internal.clear();
        for kind in ["fuse.sshfs", "fuseblk", "nfs4", "9p", "cifs", "proc", "autofs"] {
            // A temporary folder may be memory, which is not looked for in the table.
            files.mounts.insert(of, kind.to_owned());
            let refused = files.check(&file).err();
            let is_memory = fcntl_get_seals(&file).is_ok();
            assert_eq!(refused, (!is_memory).then(|| Refused::Remote(kind.to_owned())));
        }
        let secrets = File::open("/proc/self/status").unwrap();
        let why = files.check(&secrets).unwrap_err().to_string();
        assert!(why.contains("may never answer (proc)"), "{why}");
        files.mounts.clear();
        assert_eq!(files.check(&secrets), Err(Refused::Unknown));
    }
}
