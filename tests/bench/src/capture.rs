//! Takes pictures of an output, by the protocol that the service and sway have in common.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use porthole_memory::Memory;
use porthole_rig::error::Context;
use porthole_rig::{Result, RigError};
use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_output::WlOutput;
use wayland_client::protocol::wl_registry;
use wayland_client::protocol::wl_shm::{Format, WlShm};
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, WEnum, delegate_noop};
use wayland_protocols_wlr::screencopy::v1::client::{
    zwlr_screencopy_frame_v1::{self as frame, ZwlrScreencopyFrameV1 as Frame},
    zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1 as Manager,
};

use crate::load::{serve, wayland};

/// How long one picture may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A picture: words of `0x..RRGGBB`, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) size: (u32, u32),
    pub(crate) words: Vec<u32>,
}

/// What the compositor said of the frame that was asked for last.
#[derive(Debug, Default)]
struct Told {
    /// Format, width, height and bytes of a row.
    buffer: Option<(Format, u32, u32, u32)>,
    ready: bool,
    failed: bool,
}

/// A program that captures again and again.
#[derive(Debug)]
pub(crate) struct Capturer {
    queue: EventQueue<Told>,
    told: Told,
    manager: Manager,
    output: WlOutput,
    shm: WlShm,
    buffer: Option<(WlBuffer, Memory, (u32, u32, u32))>,
    frame: Option<Frame>,
}

/// The picture of an output, once.
pub(crate) fn take(socket: &Path) -> Result<Picture> {
    let mut capturer = Capturer::connect(socket)?;
    capturer.ask(false)?;
    capturer.wait()?;
    capturer.picture()
}

impl Capturer {
    /// Connects to a compositor.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).at("connect to", socket)?;
        let connection = Connection::from_socket(stream).map_err(wayland)?;
        let (list, queue) = registry_queue_init::<Told>(&connection).map_err(wayland)?;
        let handle = queue.handle();
        let manager = list.bind(&handle, 3..=3, ()).map_err(wayland)?;
        let output = list.bind(&handle, 1..=1, ()).map_err(wayland)?;
        let shm = list.bind(&handle, 1..=1, ()).map_err(wayland)?;
        let (told, buffer, frame) = (Told::default(), None, None);
        Ok(Self { queue, told, manager, output, shm, buffer, frame })
    }

    /// Asks for a picture: at once, or once something has changed. The request is with the compositor
    /// when this returns.
    pub(crate) fn ask(&mut self, changed: bool) -> Result<()> {
        self.told = Told::default();
        let handle = self.queue.handle();
        let frame = self.manager.capture_output(0, &self.output, &handle, ());
        let deadline = Instant::now() + PATIENCE;
        while self.told.buffer.is_none() {
            self.serve(deadline)?;
        }
        self.make_buffer()?;
        let Some((buffer, ..)) = &self.buffer else { return Ok(()) };
        if changed {
            frame.copy_with_damage(buffer);
        } else {
            frame.copy(buffer);
        }
        self.frame = Some(frame);
        self.queue.flush().map_err(wayland)
    }

    /// Waits until the compositor has taken all that was sent.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.queue.roundtrip(&mut self.told).map(drop).map_err(wayland)
    }

    /// Waits for the picture that was asked for.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.told.ready {
            self.serve(deadline)?;
        }
        if let Some(frame) = self.frame.take() {
            frame.destroy();
        }
        Ok(())
    }

    /// Lets time pass as a viewer does: takes each picture that comes and asks for the next one.
    pub(crate) fn follow(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            if self.told.ready {
                self.wait()?;
                self.ask(true)?;
            }
            serve(&mut self.queue, &mut self.told, until)?;
        }
        Ok(())
    }

    fn serve(&mut self, deadline: Instant) -> Result<()> {
        serve(&mut self.queue, &mut self.told, deadline)?;
        if self.told.failed || Instant::now() > deadline {
            return Err(RigError::failed("the output cannot be captured"));
        }
        Ok(())
    }

    /// One buffer serves all captures of one size.
    fn make_buffer(&mut self) -> Result<()> {
        let Some((format, width, height, stride)) = self.told.buffer else { return Ok(()) };
        if self.buffer.as_ref().is_some_and(|(.., shape)| *shape == (width, height, stride)) {
            return Ok(());
        }
        let bytes = u64::from(stride) * u64::from(height);
        let memory = Memory::create("capture", bytes).context(|| "make a buffer".to_owned())?;
        let signed =
            |n: u64| i32::try_from(n).map_err(|_| RigError::failed("the output is too large"));
        let handle = self.queue.handle();
        let pool = self.shm.create_pool(memory.fd(), signed(bytes)?, &handle, ());
        let (w, h, row) = (signed(width.into())?, signed(height.into())?, signed(stride.into())?);
        let buffer = pool.create_buffer(0, w, h, row, format, &handle, ());
        pool.destroy();
        self.buffer = Some((buffer, memory, (width, height, stride)));
        Ok(())
    }

    /// The colour of a pixel of the last picture.
    pub(crate) fn pixel(&self, x: u32, y: u32) -> Option<u32> {
        let (_, memory, (.., stride)) = self.buffer.as_ref()?;
        let mut word = [0; 4];
        let offset = u64::from(y) * u64::from(*stride) + u64::from(x) * 4;
        memory.read_at(offset, &mut word).ok()?;
        Some(u32::from_le_bytes(word) & 0xff_ffff)
    }

    /// The last picture.
    pub(crate) fn picture(&self) -> Result<Picture> {
        let Some((_, memory, (width, height, stride))) = &self.buffer else {
            return Err(RigError::failed("nothing was captured"));
        };
        let row = *width as usize * 4;
        let words = memory.with_bytes(|bytes| {
            let rows = bytes.chunks_exact(*stride as usize).take(*height as usize);
            let pixels =
                rows.flat_map(|line| line.get(..row).unwrap_or_default().as_chunks::<4>().0);
            pixels.map(|word| u32::from_le_bytes(*word) & 0xff_ffff).collect()
        });
        Ok(Picture { size: (*width, *height), words })
    }
}

impl Dispatch<Frame, ()> for Told {
    fn event(
        told: &mut Self,
        _: &Frame,
        event: frame::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            frame::Event::Buffer { format: WEnum::Value(format), width, height, stride } => {
                told.buffer = Some((format, width, height, stride));
            }
            frame::Event::Ready { .. } => told.ready = true,
            frame::Event::Failed => told.failed = true,
            _ => {}
        }
    }
}

impl Dispatch<wl_registry::WlRegistry, GlobalListContents> for Told {
    fn event(
        _: &mut Self,
        _: &wl_registry::WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

delegate_noop!(Told: Manager);
delegate_noop!(Told: WlShmPool);
delegate_noop!(Told: ignore WlShm);
delegate_noop!(Told: ignore WlBuffer);
delegate_noop!(Told: ignore WlOutput);
