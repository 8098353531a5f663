//! What the kernel tells of a socket that may come.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// What happens to a folder when something new is in it.
const FOLDER: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What happens to the file of a dead compositor's socket when another one takes its place. Who may
/// not list the folder may still look at the file.
const FILE: WatchFlags =
    WatchFlags::ATTRIB.union(WatchFlags::DELETE_SELF).union(WatchFlags::MOVE_SELF);

/// See [`crate::arrival::watch`], of which this is the part that the kernel does.
pub(crate) fn watch(path: &Path) -> io::Result<OwnedFd> {
    let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let file = inotify::add_watch(&fd, path, FILE).is_ok();
    let mut before = None;
    loop {
        let nearest = match watch_nearest(&fd, path) {
            Ok(folder) => folder,
            Err(_) if file => return Ok(fd),
            Err(error) => return Err(error),
        };
        // A nearer one may have come after it was looked for and before this one was watched.
        if before.replace(nearest) == Some(nearest) {
            return Ok(fd);
        }
    }
}

/// Watches the nearest folder above a path that there is.
fn watch_nearest<'a>(fd: &OwnedFd, path: &'a Path) -> io::Result<&'a Path> {
    for folder in path.ancestors().skip(1) {
        // The parent of a bare name is the folder that we are in.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match inotify::add_watch(fd, folder, FOLDER) {
            Ok(_) => return Ok(folder),
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn readable(fd: &OwnedFd) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn a_socket_is_heard_of_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/wayland-0");
        for step in ["a", "a/b"] {
            let fd = watch(&path).unwrap();
            assert!(!readable(&fd), "before {step}");
            fs::create_dir(folder.path().join(step)).unwrap();
            assert!(readable(&fd), "{step}");
        }
        let fd = watch(&path).unwrap();
        let beside = path.with_file_name(".new");
        let _listener = UnixListener::bind(&beside).unwrap();
        fs::rename(&beside, &path).unwrap();
        assert!(readable(&fd));
    }

    #[test]
    fn whoever_comes_at_any_moment_is_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..60 {
            let path = folder.path().join(format!("{round}/a/wayland-0"));
            let maker = path.clone();
            let maker = std::thread::spawn(move || {
                fs::create_dir_all(maker.parent().unwrap()).unwrap();
                UnixListener::bind(maker).unwrap()
            });
            loop {
                let fd = watch(&path).unwrap();
                if path.exists() {
                    break;
                }
                let long = Timespec::try_from(Duration::from_secs(60)).unwrap();
                let heard = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&long));
                assert_eq!(heard, Ok(1), "round {round}");
            }
            maker.join().unwrap();
        }
    }

    #[test]
    fn the_file_of_a_dead_one_is_seen_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wayland-0");
        drop(UnixListener::bind(&path).unwrap());
        // As where the folder may not be listed.
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&fd, &path, FILE).unwrap();
        let beside = path.with_file_name(".new");
        let _listener = UnixListener::bind(&beside).unwrap();
        assert!(!readable(&fd));
        fs::rename(&beside, &path).unwrap();
        assert!(readable(&fd));
    }
}
