//! Hearing of a compositor's socket when it comes, instead of looking again and again.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::errand;

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

/// A descriptor that becomes readable when somebody may listen at this path: something new is in its
/// folder (in the nearest one that there is), or what is at the path was replaced. It can do so for
/// nothing.
///
/// Whoever finds nobody listening calls this, then tries once more, because somebody may have come
/// between the two; then waits for the descriptor, drops it, and begins again.
///
/// # Errors
/// When neither the folder nor the file may be watched, or the system has no watches left: only looking
/// again helps then.
pub fn watch(path: &Path) -> io::Result<OwnedFd> {
    errand::watch(path)
}

/// The same for who does it in another process's place.
pub(crate) fn watch_here(path: &Path) -> io::Result<OwnedFd> {
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

/// Waits between attempts.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LAST_WAIT: Duration = Duration::from_secs(2);
/// Who has made a socket listens at it soon.
const SOON: Duration = Duration::from_millis(640);

/// Pauses between attempts where there is nothing to wait for but time, each twice as long as the one
/// before, from 5 ms to 2 s.
#[derive(Debug)]
pub struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_WAIT)
    }
}

impl Pauses {
    /// Makes one.
    pub fn pause(&mut self) {
        sleep(&mut [], Some(self.0));
        self.0 = (self.0 * 2).min(LAST_WAIT);
    }
}

/// Whether something happened before the time was over.
fn sleep(fds: &mut [PollFd<'_>], time: Option<Duration>) -> bool {
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    poll(fds, time.as_ref()).is_ok_and(|count| count > 0)
}

/// Nobody listens.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    watch: Option<OwnedFd>,
    /// How long the next wait lasts at most, after something has happened.
    soon: Option<Duration>,
}

impl Absence {
    /// Waits until another attempt makes sense; false where that cannot be seen.
    pub(crate) fn wait(&mut self, path: &Path) -> bool {
        if let Some(watch) = &self.watch {
            if !sleep(&mut [PollFd::new(watch, PollFlags::IN)], self.soon) {
                self.soon = self.soon.map(|soon| soon * 2).filter(|soon| *soon <= SOON);
                return true;
            }
            self.soon = Some(FIRST_WAIT);
        }
        // Somebody may have come just before: the next attempt follows at once.
        self.watch = watch(path).ok();
        self.watch.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

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
                let fd = watch_here(&path).unwrap();
                if path.exists() {
                    break;
                }
                let long = Some(Duration::from_secs(60));
                assert!(sleep(&mut [PollFd::new(&fd, PollFlags::IN)], long), "round {round}");
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
