//! Copied text on its way from one program to another, through a pipe.
//!
//! Both ends are somebody else's who may be slow, silent or gone: a text is bounded in bytes and in time,
//! and nothing waits for it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{Interest, LoopHandle, Mode, PostAction, RegistrationToken};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

/// Bytes of a text. What agents in guests take goes up to a mebibyte, with some bytes around it.
pub const MAX_TEXT: usize = 1_000_000;
/// How long a text may take, either way.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pastes of one clipboard's texts at once, and of all together.
const MAX_PASTES: usize = 8;
const MAX_ALL_PASTES: usize = 64;

/// As what a text is offered; the first is what everybody should take.
pub const TYPES: [&str; 5] =
    ["text/plain;charset=utf-8", "UTF8_STRING", "text/plain", "TEXT", "STRING"];

/// The place of a type in [`TYPES`]; none for what is no text.
#[must_use]
pub fn rank(kind: &str) -> Option<usize> {
    TYPES.iter().position(|known| known.eq_ignore_ascii_case(kind))
}

/// What a loop does with texts. There may be several clipboards; each has a number.
pub trait Texts: Sized + 'static {
    /// What is on its way.
    fn transfers(&mut self) -> &mut Transfers<Self>;

    /// The text that was fetched for a clipboard has come, or it will not.
    fn fetched(&mut self, whose: u64, text: Option<Arc<str>>);
}

/// All that is on its way.
#[derive(Debug)]
pub struct Transfers<T> {
    handle: LoopHandle<'static, T>,
    /// What is fetched, by clipboard. Only one thing is for each, the newest.
    coming: BTreeMap<u64, Coming>,
    going: BTreeMap<u64, Going>,
    next: u64,
    patience: Duration,
}

#[derive(Debug)]
struct Watched {
    source: RegistrationToken,
    timer: RegistrationToken,
}

#[derive(Debug)]
struct Coming {
    number: u64,
    watched: Watched,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Going {
    whose: u64,
    watched: Watched,
    text: Arc<str>,
    /// Bytes of it that are on their way.
    at: usize,
    way: Way,
}

/// How a text gets to who pastes it. Whether calls wait is written at an open file, which is theirs as much
/// as ours: they may change that at any time, so each call says by itself that it is not to wait.
#[derive(Debug)]
enum Way {
    Socket,
    /// Through a pipe of ours, as only what moves data from pipe to pipe can be told so.
    Pipe {
        give: OwnedFd,
        take: OwnedFd,
        /// Bytes in it.
        held: usize,
    },
}

impl Way {
    /// The way into what is to be written; nothing where that could make us wait.
    fn to(fd: &OwnedFd) -> Option<Self> {
        match FileType::from_raw_mode(fstat(fd).ok()?.st_mode) {
            FileType::Socket => Some(Self::Socket),
            FileType::Fifo => {
                let (take, give) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
                Some(Self::Pipe { give, take, held: 0 })
            }
            _ => None,
        }
    }

    /// Takes some of the bytes, and passes some on; how many it took. `Err(AGAIN)` where it can do neither.
    fn step(&mut self, rest: &[u8], fd: &OwnedFd) -> Result<usize, Errno> {
        match self {
            Self::Socket => send(fd, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Self::Pipe { give, take, held } => {
                let taken = match rustix::io::write(&*give, rest) {
                    Err(Errno::AGAIN) => 0,
                    other => other?,
                };
                *held += taken;
                match splice(&*take, None, fd, None, *held, SpliceFlags::NONBLOCK) {
                    Ok(passed) => *held = held.saturating_sub(passed),
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(error) => return Err(error),
                }
                Ok(taken)
            }
        }
    }

    /// Whether nothing is left on the way.
    const fn is_empty(&self) -> bool {
        match self {
            Self::Socket => true,
            Self::Pipe { held, .. } => *held == 0,
        }
    }
}

impl<T: Texts> Transfers<T> {
    /// Nothing yet, in this loop.
    #[must_use]
    pub const fn new(handle: LoopHandle<'static, T>) -> Self {
        let coming = BTreeMap::new();
        Self { handle, coming, going: BTreeMap::new(), next: 0, patience: PATIENCE }
    }

    fn unwatch(&self, watched: &Watched) {
        self.handle.remove(watched.source);
        self.handle.remove(watched.timer);
    }

    /// Whatever is fetched for a clipboard is not wanted any more.
    pub fn stop_fetching(&mut self, whose: u64) {
        if let Some(coming) = self.coming.remove(&whose) {
            self.unwatch(&coming.watched);
        }
    }

    /// Nobody is to get anything any more.
    pub fn stop(&mut self) {
        for coming in std::mem::take(&mut self.coming).into_values() {
            self.unwatch(&coming.watched);
        }
        for going in std::mem::take(&mut self.going).into_values() {
            self.unwatch(&going.watched);
        }
    }

    fn watch(&mut self, fd: OwnedFd, interest: Interest, number: u64) -> Option<Watched> {
        let turn = move |_: calloop::Readiness,
                         fd: &mut calloop::generic::NoIoDrop<OwnedFd>,
                         state: &mut T| {
            state.transfers().turn(number, fd).finish(state, number);
            Ok(PostAction::Continue)
        };
        let source = Generic::new(fd, interest, Mode::Level);
        let source = self.handle.insert_source(source, turn).ok()?;
        let late = move |_, (): &mut (), state: &mut T| {
            tracing::warn!("copied text is left: it took too long");
            Turn::Over.finish(state, number);
            TimeoutAction::Drop
        };
        let Ok(timer) = self.handle.insert_source(Timer::from_duration(self.patience), late) else {
            self.handle.remove(source);
            return None;
        };
        Some(Watched { source, timer })
    }

    /// Begins to fetch a text for a clipboard instead of what was fetched before. The descriptor is for who
    /// has it; none where the system has none left.
    pub fn fetch(&mut self, whose: u64) -> Option<OwnedFd> {
        self.stop_fetching(whose);
        let flags = PipeFlags::CLOEXEC;
        let (ours, theirs) = pipe_with(flags).ok()?;
        rustix::io::ioctl_fionbio(&ours, true).ok()?;
        let number = self.next;
        self.next += 1;
        let watched = self.watch(ours, Interest::READ, number)?;
        self.coming.insert(whose, Coming { number, watched, bytes: Vec::new() });
        Some(theirs)
    }

    /// Begins to give a text of a clipboard to somebody who pastes it.
    pub fn give(&mut self, whose: u64, text: Arc<str>, fd: OwnedFd) {
        let own = self.going.values().filter(|going| going.whose == whose).count();
        let fits = own < MAX_PASTES && self.going.len() < MAX_ALL_PASTES;
        let way = Way::to(&fd).filter(|_| fits);
        let Some(way) = way else {
            tracing::debug!("a paste is refused");
            return;
        };
        let number = self.next;
        self.next += 1;
        if let Some(watched) = self.watch(fd, Interest::WRITE, number) {
            self.going.insert(number, Going { whose, watched, text, at: 0, way });
        }
    }

    /// Ends one; for whom, when that was fetched.
    fn end(&mut self, number: u64) -> Option<u64> {
        let mut coming = self.coming.iter().filter(|(_, coming)| coming.number == number);
        let coming = coming.next().map(|(whose, _)| *whose);
        if let Some(whose) = coming {
            self.stop_fetching(whose);
        } else if let Some(going) = self.going.remove(&number) {
            self.unwatch(&going.watched);
        }
        coming
    }

    fn turn(&mut self, number: u64, fd: &OwnedFd) -> Turn {
        match self.coming.values_mut().find(|coming| coming.number == number) {
            Some(coming) => coming.turn(fd),
            None => self.going.get_mut(&number).map_or(Turn::Over, |going| going.turn(fd)),
        }
    }
}

/// What a turn has come to.
enum Turn {
    More,
    Over,
    Whole(Vec<u8>),
}

impl Turn {
    fn finish<T: Texts>(self, state: &mut T, number: u64) {
        let text = match self {
            Self::More => return,
            Self::Over => None,
            Self::Whole(bytes) => {
                let text = text(bytes);
                if text.is_none() {
                    tracing::info!("copied text is left: it is not in UTF-8");
                }
                text
            }
        };
        if let Some(whose) = state.transfers().end(number) {
            state.fetched(whose, text);
        }
    }
}

/// Bytes as text. Some programs count a zero at the end.
#[must_use]
pub fn text(mut bytes: Vec<u8>) -> Option<Arc<str>> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).map(Arc::from)
}

impl Coming {
    fn turn(&mut self, fd: &OwnedFd) -> Turn {
        let mut chunk = [0; 1 << 14];
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => Turn::Whole(std::mem::take(&mut self.bytes)),
            Ok(count) => {
                self.bytes.extend(chunk.iter().take(count));
                if self.bytes.len() <= MAX_TEXT {
                    return Turn::More;
                }
                tracing::warn!("copied text is left: it has more than {MAX_TEXT} bytes");
                Turn::Over
            }
            Err(Errno::INTR | Errno::AGAIN) => Turn::More,
            Err(_) => Turn::Over,
        }
    }
}

impl Going {
    fn turn(&mut self, fd: &OwnedFd) -> Turn {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if rest.is_empty() && self.way.is_empty() {
            return Turn::Over;
        }
        match self.way.step(rest, fd) {
            Ok(count) => {
                self.at += count;
                let is_all = self.at >= self.text.len() && self.way.is_empty();
                if is_all { Turn::Over } else { Turn::More }
            }
            Err(Errno::INTR | Errno::AGAIN) => Turn::More,
            Err(_) => Turn::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};

    use calloop::EventLoop;

    use super::*;

    struct State {
        transfers: Transfers<Self>,
        came: Vec<Option<String>>,
    }

    impl Texts for State {
        fn transfers(&mut self) -> &mut Transfers<Self> {
            &mut self.transfers
        }

        fn fetched(&mut self, _: u64, text: Option<Arc<str>>) {
            self.came.push(text.map(|text| text.to_string()));
        }
    }

    fn state() -> (EventLoop<'static, State>, State) {
        let events = EventLoop::try_new().unwrap();
        let transfers = Transfers::new(events.handle());
        (events, State { transfers, came: Vec::new() })
    }

    fn until(
        events: &mut EventLoop<'static, State>,
        state: &mut State,
        done: impl Fn(&State) -> bool,
    ) {
        while !done(state) {
            events.dispatch(Some(Duration::from_secs(20)), state).unwrap();
        }
    }

    #[test]
    fn a_text_comes_whole_and_only_the_newest() {
        let (mut events, mut state) = state();
        let old = File::from(state.transfers.fetch(1).unwrap());
        let mut new = File::from(state.transfers.fetch(1).unwrap());
        (&old).write_all(b"an old one").unwrap_err();
        let long = "long ".repeat(50_000);
        let expected = long.clone();
        let writer = std::thread::spawn(move || {
            new.write_all(long.as_bytes()).unwrap();
            new.write_all(b"\0").unwrap();
        });
        until(&mut events, &mut state, |state| !state.came.is_empty());
        writer.join().unwrap();
        assert_eq!(state.came, [Some(expected)]);
        assert!(state.transfers.coming.is_empty());
    }

    #[test]
    fn what_is_too_long_or_no_text_is_left() {
        let (mut events, mut state) = state();
        for bytes in [vec![b'a'; MAX_TEXT + 1], vec![0xff, 0xfe], b"a\0b".to_vec()] {
            let mut end = File::from(state.transfers.fetch(1).unwrap());
            let writer = std::thread::spawn(move || drop(end.write_all(&bytes)));
            until(&mut events, &mut state, |state| state.transfers.coming.is_empty());
            writer.join().unwrap();
        }
        assert_eq!(state.came, [None, None, None]);
    }

    #[test]
    fn who_pastes_gets_all_of_it_and_nobody_waits_for_who_does_not_read() {
        let (mut events, mut state) = state();
        let text: Arc<str> = "text ".repeat(60_000).into();
        let (mut ours, theirs) = std::io::pipe().unwrap();
        let (_silent, deaf) = std::io::pipe().unwrap();
        state.transfers.give(1, text.clone(), deaf.into());
        state.transfers.give(1, text.clone(), theirs.into());
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            ours.read_to_string(&mut all).unwrap();
            all
        });
        until(&mut events, &mut state, |state| state.transfers.going.len() == 1);
        assert_eq!(reader.join().unwrap(), *text);
        // A file is refused, and so is the ninth at once.
        state.transfers.give(1, text.clone(), tempfile::tempfile().unwrap().into());
        assert_eq!(state.transfers.going.len(), 1);
        let silent: Vec<_> = (0..MAX_PASTES)
            .map(|_| {
                let (reader, writer) = std::io::pipe().unwrap();
                state.transfers.give(1, text.clone(), writer.into());
                reader
            })
            .collect();
        assert_eq!((state.transfers.going.len(), silent.len()), (MAX_PASTES, MAX_PASTES));
        state.transfers.stop();
        assert!(state.transfers.going.is_empty());
    }

    #[test]
    fn a_clipboard_does_not_hold_up_another_one() {
        let (mut events, mut state) = state();
        let text: Arc<str> = "text ".repeat(60_000).into();
        let silent = |whose| {
            let (reader, writer) = std::io::pipe().unwrap();
            (whose, reader, OwnedFd::from(writer))
        };
        let mut readers = Vec::new();
        for (whose, reader, writer) in (0..12).flat_map(|whose| (0..9).map(move |_| silent(whose)))
        {
            state.transfers.give(whose, text.clone(), writer);
            readers.push(reader);
        }
        // Eight of each, and as many as there may be.
        assert_eq!(state.transfers.going.len(), MAX_ALL_PASTES);
        let of = |whose| state.transfers.going.values().filter(|g| g.whose == whose).count();
        assert_eq!((of(0), of(7), of(8)), (MAX_PASTES, MAX_PASTES, 0));
        let ends = [1, 2].map(|whose| File::from(state.transfers.fetch(whose).unwrap()));
        state.transfers.stop_fetching(1);
        for (mut end, word) in ends.into_iter().zip(["one", "two"]) {
            drop(end.write_all(word.as_bytes()));
        }
        until(&mut events, &mut state, |state| !state.came.is_empty());
        assert_eq!(state.came, [Some("two".to_owned())]);
    }

    #[test]
    fn who_pastes_cannot_have_us_wait() {
        let (mut events, mut state) = state();
        state.transfers.patience = Duration::from_secs(60);
        let text: Arc<str> = "text ".repeat(60_000).into();
        let (silent, deaf) = std::io::pipe().unwrap();
        let (mute, dumb) = std::os::unix::net::UnixStream::pair().unwrap();
        for theirs in [OwnedFd::from(deaf), OwnedFd::from(dumb)] {
            let same = theirs.try_clone().unwrap();
            state.transfers.give(1, text.clone(), theirs);
            // It is theirs to say that calls are to wait.
            let flags = rustix::fs::fcntl_getfl(&same).unwrap();
            assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "nothing was changed");
        }
        // As much as there is room for, and no turn takes long.
        for _ in 0..20 {
            events.dispatch(Some(Duration::ZERO), &mut state).unwrap();
        }
        assert_eq!(state.transfers.going.len(), 2);
        drop(silent);
        until(&mut events, &mut state, |state| state.transfers.going.len() == 1);
        let reader = std::thread::spawn(move || {
            let (mut mute, mut all) = (mute, String::new());
            mute.read_to_string(&mut all).unwrap();
            all
        });
        until(&mut events, &mut state, |state| state.transfers.going.is_empty());
        assert_eq!(reader.join().unwrap(), *text);
    }

    #[test]
    fn a_text_that_does_not_come_in_time_is_left() {
        let (mut events, mut state) = state();
        state.transfers.patience = Duration::ZERO;
        let _silent = state.transfers.fetch(1).unwrap();
        until(&mut events, &mut state, |state| !state.came.is_empty());
        assert_eq!(state.came, [None]);
        assert!(state.transfers.coming.is_empty());
        let (_silent, deaf) = std::io::pipe().unwrap();
        state.transfers.give(1, "text ".repeat(60_000).into(), deaf.into());
        until(&mut events, &mut state, |state| state.transfers.going.is_empty());
    }

    #[test]
    fn texts_are_known_by_their_types() {
        assert_eq!(rank("text/plain;charset=UTF-8"), Some(0));
        assert_eq!(rank("text/html"), None);
    }
}
