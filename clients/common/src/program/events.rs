//! The loop that such a program works in.

use std::os::fd::OwnedFd;
use std::time::Instant;

use calloop::channel::{self, Sender};
use calloop::generic::Generic;
use calloop::signals::{Signal, Signals};
use calloop::{EventLoop, Interest, LoopHandle, Mode, PostAction, RegistrationToken};

use crate::present::Told;

/// What the loop works on.
pub trait Program: Sized + 'static {
    /// Why the program cannot go on.
    type Failure: From<calloop::Error>;

    /// The presenter has news.
    fn told(&mut self, told: Told);

    /// The presenter is gone. Nobody looks any more; the guest goes on.
    fn unseen(&mut self);

    /// What was done, as numbers for the log; somebody asks for it with a signal.
    fn statistics(&mut self) -> Option<serde_json::Value>;

    /// How the program ends; set by whatever ends it.
    fn end(&mut self) -> &mut Option<Result<(), Self::Failure>>;

    /// After each turn: what is due is done.
    ///
    /// # Errors
    /// When the program cannot go on.
    fn settle(&mut self) -> Result<(), Self::Failure>;

    /// When there is something to do though nothing comes; asked after [`settle`](Self::settle).
    fn deadline(&self) -> Option<Instant>;
}

/// The loop, and what every program hears.
#[derive(Debug)]
pub struct Events<P: Program> {
    events: EventLoop<'static, P>,
}

impl<P: Program> Events<P> {
    /// A loop that hears signals and a presenter, which tells what it has to tell by the sender. Threads
    /// inherit that the signals are blocked, so they start after this.
    ///
    /// # Errors
    /// The system's, when it has no descriptors left.
    pub fn new() -> Result<(Self, Sender<Told>), P::Failure> {
        let events = EventLoop::<P>::try_new()?;
        let handle = events.handle();
        let signals = Signals::new(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1])?;
        let signalled = |event: calloop::signals::Event, (): &mut (), program: &mut P| {
            if event.signal() != Signal::SIGUSR1 {
                tracing::info!(signal = ?event.signal(), "ending");
                program.end().get_or_insert(Ok(()));
            } else if let Some(line) = program.statistics() {
                tracing::info!("statistics {line}");
            }
        };
        handle.insert_source(signals, signalled).map_err(|error| error.error)?;
        let (tell, told) = channel::channel();
        let hear = |event, (): &mut (), program: &mut P| match event {
            channel::Event::Msg(told) => program.told(told),
            channel::Event::Closed => program.unseen(),
        };
        handle.insert_source(told, hear).map_err(|error| error.error)?;
        Ok((Self { events }, tell))
    }

    /// By this the program has other things watched.
    #[must_use]
    pub fn handle(&self) -> LoopHandle<'static, P> {
        self.events.handle()
    }

    /// Runs until the program says how it ends.
    ///
    /// # Errors
    /// Why it ended, if not well.
    pub fn run(mut self, program: &mut P) -> Result<(), P::Failure> {
        loop {
            program.settle()?;
            if let Some(end) = program.end().take() {
                return end;
            }
            let now = Instant::now();
            let wait = program.deadline().map(|deadline| deadline.saturating_duration_since(now));
            self.events.dispatch(wait, program)?;
            if let Some(end) = program.end().take() {
                return end;
            }
        }
    }
}

/// Has a descriptor watched: `turn` is called whenever it is ready, until it says that this is over.
///
/// # Errors
/// The system's, when it cannot be watched.
pub fn watch<P>(
    handle: &LoopHandle<'static, P>,
    fd: OwnedFd,
    interest: Interest,
    mut turn: impl FnMut(&mut P) -> PostAction + 'static,
) -> calloop::Result<RegistrationToken> {
    let source = Generic::new(fd, interest, Mode::Level);
    let token = handle.insert_source(source, move |_, _, program| Ok(turn(program)));
    token.map_err(|error| error.error)
}
