//! The thread that writes, so that nobody waits for a disk. It takes the newest state and leaves out
//! what came before.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use porthole_core::model::Device;

use super::{
    Digest, Remembered,
    file::Folder,
    pictures::{self, AllKept},
};
use crate::handlers::output_management::ViewerSizes;

/// The least time from one writing to the next: a controller may move things with every frame.
const REST: Duration = Duration::from_millis(200);

type Newest = Arc<Mutex<Option<State>>>;

/// What is to be written.
#[derive(Debug)]
pub(super) struct State {
    pub(super) device: Device,
    pub(super) sizes: ViewerSizes,
    pub(super) digest: Digest,
    pub(super) pictures: AllKept,
}

/// The thread's handle. What is to be written is written before this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    newest: Newest,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(folder: Folder) -> io::Result<Self> {
        let newest = Newest::default();
        let (wake, woken) = sync_channel(1);
        let of_thread = newest.clone();
        let thread = std::thread::Builder::new().name("remember".to_owned());
        let thread = thread.spawn(move || run(&folder, &of_thread, &woken))?;
        Ok(Self { newest, wake: Some(wake), thread: Some(thread) })
    }

    /// Has this written, soon.
    pub(super) fn write(&self, state: State) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = newest.replace(state);
        drop(newest);
        drop(before);
        // If it is full, the thread is about to look anyway.
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that remembers changes has failed");
        }
    }
}

fn run(folder: &Folder, newest: &Newest, woken: &Receiver<()>) {
    let mut failed = false;
    let mut last = String::new();
    let mut write = || {
        let taken = newest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(State { device, sizes, digest, pictures }) = taken else { return };
        let remembered = Remembered::of(&device, &sizes, digest);
        let text = format!("{remembered:?}");
        if text == last {
            return;
        }
        // What names a picture comes after the picture.
        let written = pictures::write(folder, &pictures);
        let written = written.and_then(|()| folder.write(&remembered));
        match written.and_then(|()| pictures::clean(folder, &pictures)) {
            Ok(()) => (failed, last) = (false, text),
            Err(error) if !std::mem::replace(&mut failed, true) => {
                let path = folder.file();
                tracing::warn!("changes cannot be remembered: {}: {error}", path.display());
            }
            Err(_) => {}
        }
    };
    while woken.recv().is_ok() {
        write();
        // What comes meanwhile is written after it.
        while rest(woken) == Some(true) {
            write();
        }
    }
    write();
}

/// Lets some time pass; whether something came, or `None` at the end.
fn rest(woken: &Receiver<()>) -> Option<bool> {
    let end = std::time::Instant::now() + REST;
    let mut came = false;
    loop {
        let left = end.saturating_duration_since(std::time::Instant::now());
        match woken.recv_timeout(left) {
            Ok(()) => came = true,
            Err(RecvTimeoutError::Timeout) => return Some(came),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}
