//! Captures by the older protocol, as `grim` and `wayvnc` make them.

use wayland_client::{
    Connection, Dispatch, QueueHandle, WEnum, delegate_noop, protocol::wl_output::WlOutput,
};
use wayland_protocols_wlr::screencopy::v1::client::{
    zwlr_screencopy_frame_v1::{self as frame, ZwlrScreencopyFrameV1},
    zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// Binds the manager of copies.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn copies(&self) -> Result<ZwlrScreencopyManagerV1> {
        self.bind()
    }

    /// A frame of an output, or of a part of it (x, y, width, height); waits until the service says
    /// what buffer it takes.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn copy_frame(
        &mut self,
        manager: &ZwlrScreencopyManagerV1,
        output: &WlOutput,
        part: Option<[i32; 4]>,
    ) -> Result<ZwlrScreencopyFrameV1> {
        let frame = match part {
            None => manager.capture_output(0, output, self.handle(), ()),
            Some([x, y, width, height]) => {
                manager.capture_output_region(0, output, x, y, width, height, self.handle(), ())
            }
        };
        let mark = self.log.len();
        self.wait_for("what the frame takes", mark, |line| {
            line == "copy told" || line == "copy failed"
        })?;
        Ok(frame)
    }
}

impl Dispatch<ZwlrScreencopyFrameV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ZwlrScreencopyFrameV1,
        event: frame::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            frame::Event::Buffer { format: WEnum::Value(format), width, height, stride } => {
                log.say(format!("copy {format:?} {width}x{height} {stride}"));
            }
            frame::Event::BufferDone => log.say("copy told"),
            frame::Event::Damage { x, y, width, height } => {
                log.say(format!("copy damage {width}x{height}+{x}+{y}"));
            }
            frame::Event::Ready { .. } => log.say("copy ready"),
            frame::Event::Failed => log.say("copy failed"),
            _ => {}
        }
    }
}

delegate_noop!(Log: ZwlrScreencopyManagerV1);
