//! The programs whose pictures a compositor shows while it is measured.

mod client;
mod events;
mod flood;
mod surface;

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use porthole_rig::{Result, RigError};

use crate::compositor::Compositor;
use crate::scene::Scene;

pub(crate) use client::{Client, serve, wayland};
pub(crate) use flood::{Flood, Flooding};

/// How often a client that waits for its orders looks for them.
const LOOK: Duration = Duration::from_millis(10);
/// How long answers to the last commits may take.
const ECHO: Duration = Duration::from_millis(200);

/// A span of time in which frames are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// What became of the frames of a window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Of all surfaces.
    pub(crate) commits: u64,
    /// Commits that were never shown.
    pub(crate) missed: u64,
    /// Frames of the output: as many as its fastest surface had shown.
    pub(crate) frames: u64,
    /// Ticks that a client slept through, which is nobody's fault but the machine's.
    pub(crate) late: u64,
    /// Nanoseconds from each commit until it was shown, where the compositor tells them by our clock.
    pub(crate) delays: Vec<u64>,
}

/// The programs of a scene, which end with this value.
#[derive(Debug)]
pub(crate) struct Load {
    clients: Vec<(Sender<Window>, JoinHandle<Result<Tally>>)>,
}

impl Load {
    /// Starts the programs of a scene one after the other and waits until all are shown.
    pub(crate) fn start(compositor: &Compositor, scene: &Scene) -> Result<Self> {
        let all: Vec<_> = (0_usize..).zip(scene.layers.iter().cloned()).collect();
        let parts = if scene.apart { all.chunks(1) } else { all.chunks(all.len().max(1)) };
        let mut clients = Vec::new();
        for part in parts.map(<[_]>::to_vec) {
            let mut client = Client::connect(compositor, scene.size)?;
            for (number, layer) in part {
                client.show(number, &layer)?;
            }
            let (orders, inbox) = channel();
            clients.push((orders, std::thread::spawn(move || client.live(&inbox))));
        }
        Ok(Self { clients })
    }

    /// Has the programs draw until the end of a window.
    pub(crate) fn draw(&self, window: Window) {
        for (orders, _) in &self.clients {
            // One that has failed says so at the end.
            let _ = orders.send(window);
        }
    }

    /// Waits for the programs to end and adds up what they counted.
    pub(crate) fn finish(self) -> Result<Tally> {
        let mut sum = Tally::default();
        for (orders, client) in self.clients {
            drop(orders);
            let tally = client.join().map_err(|_| RigError::failed("a client panicked"))??;
            sum.commits += tally.commits;
            sum.missed += tally.missed;
            sum.late += tally.late;
            sum.frames = sum.frames.max(tally.frames);
            sum.delays.extend(tally.delays);
        }
        Ok(sum)
    }
}

impl Client {
    /// Serves the compositor until it is told to draw, draws, and counts.
    fn live(mut self, orders: &Receiver<Window>) -> Result<Tally> {
        let window = loop {
            match orders.try_recv() {
                Ok(window) => break window,
                Err(TryRecvError::Disconnected) => return Ok(Tally::default()),
                Err(TryRecvError::Empty) => self.serve(Instant::now() + LOOK)?,
            }
        };
        self.draw_until(window)?;
        let end = Instant::now() + ECHO;
        while Instant::now() < end {
            self.serve(end)?;
        }
        Ok(self.tally())
    }
}
