//! The adapter of a trace, without its guest: the same registers, video memory as the trace has it, and the
//! pictures of that.

use std::ops::Range;
use std::sync::Arc;

use clap::ValueEnum;
use porthole_client::present::{Frame, Show};
use porthole_device::trace;
use porthole_gpu_device::Options;
use porthole_pixel::Size;
use porthole_replay::{Device, Displays, Report};
use porthole_trace::{DeviceInfo, Event};
use porthole_vfio_device::Function;
use porthole_vga_device::Vram;
use serde_json::{Value, json};

use crate::cli::Model;
use crate::config::{LEN, region};
use crate::engine::Engine;
use crate::function::Adapter;
use crate::monitor::{Look, Monitor};
use crate::vram::Video;
use crate::worker::Shared;

/// What the device is called in a trace.
pub(crate) const KIND: &str = "vga";
/// The longest option ROM that a trace may speak of.
const LONGEST_ROM: u64 = 16 << 20;
/// Runs of memory that are told apart between two looks.
const MOST_RUNS: usize = 1 << 16;
/// More than a state has.
const LONGEST_STATE: usize = LEN + (1 << 16);

/// How an adapter is made, for a trace.
pub(crate) fn info(model: Model, vram: u32, rom: usize, guest: &str, size: Size) -> DeviceInfo {
    let model = model.to_possible_value();
    DeviceInfo {
        kind: KIND.to_owned(),
        options: json!({
            "model": model.as_ref().map(clap::builder::PossibleValue::get_name),
            "vram": vram,
            "rom": rom,
            "name": guest,
            "size": [size.width, size.height],
        }),
    }
}

/// An adapter that does again what a trace says.
pub(crate) struct AdapterReplay {
    adapter: Adapter,
    vram: Video,
    /// What of memory was written since the last look.
    written: Vec<Range<u64>>,
    time_us: u64,
    /// What the last look brought, up to the frame that shows it.
    look: Look,
    state: Vec<u8>,
    size: Size,
    /// Something is missing: what registers read is not known.
    moved: bool,
}

/// The device of a kind, if this program alone has it.
pub(crate) fn make(kind: &str, options: &Value) -> Option<Box<dyn Device>> {
    if kind != KIND {
        return None;
    }
    Some(Box::new(AdapterReplay::new(options)?))
}

impl AdapterReplay {
    fn new(options: &Value) -> Option<Self> {
        let side = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let model = Model::from_str(options.get("model")?.as_str()?, false).ok()?.into();
        let sides = options.get("size")?;
        let size = Size::new(side(sides.get(0)?)?, side(sides.get(1)?)?);
        let rom = options.get("rom")?.as_u64().filter(|rom| *rom <= LONGEST_ROM)?;
        let vram = Video::new(side(options.get("vram")?)?).ok()?;
        let name = options.get("name")?.as_str()?;
        let mut monitor = Monitor::new(model, vram.clone(), name).ok()?;
        monitor.describe(size, (0, 0));
        monitor.sum();
        // What is behind virtio's registers is done again by another device.
        let engine = Engine::new(Options::default());
        let shared = Arc::new(Shared::new(engine).ok()?);
        let rom = vec![0; usize::try_from(rom).ok()?];
        Some(Self {
            adapter: Adapter::new(model, monitor, rom, shared).alone(),
            vram,
            written: Vec::new(),
            time_us: 0,
            look: Look::default(),
            state: Vec::new(),
            size,
            moved: false,
        })
    }

    fn access(
        &mut self,
        (space, write): (u8, bool),
        address: u64,
        bytes: &[u8],
        report: &mut Report,
    ) {
        let space = u32::from(space);
        if write {
            if self.adapter.write(space, address, bytes).is_err() {
                report.differs("a write is refused that was none");
            }
            return;
        }
        let mut read = vec![0; bytes.len()];
        if self.adapter.read(space, address, &mut read).is_err() {
            return report.differs("a read is refused that was none");
        }
        let known = !self.moved && !self.is_memory(space, address);
        if known && read != bytes {
            report.differs(&format!(
                "region {space}, offset {address:#x} reads {read:02x?} instead of {bytes:02x?}"
            ));
        }
    }

    /// Whether an access is to memory that a guest may write unseen, or to what another device answers.
    fn is_memory(&self, space: u32, address: u64) -> bool {
        match space {
            region::VRAM | region::ROM => true,
            region::LEGACY => address >= 0xa_0000,
            region::MMIO | region::CONFIG => self.adapter.is_elsewhere(space, address),
            _ => false,
        }
    }

    fn memory(&mut self, address: u64, bytes: &[u8], report: &mut Report) {
        let end = address.saturating_add(bytes.len() as u64);
        if end > u64::from(self.vram.len()) {
            return report.differs("the trace has more video memory than its device");
        }
        self.vram.write(address, bytes);
        let full = self.written.len() >= MOST_RUNS;
        match self.written.last_mut() {
            Some(last) if last.end == address => last.end = end,
            // More runs than any look has: all from the lowest to the highest.
            Some(last) if full => {
                *last = last.start.min(address)..last.end.max(end);
            }
            _ => self.written.push(address..end),
        }
    }

    /// A frame was shown: what the last look brought.
    fn frame(&mut self, event: &Event<'_>, report: &mut Report, displays: &mut Displays) {
        let shown = std::mem::take(&mut self.look.show);
        let same = |frame: &Frame| {
            let ours = trace::frame(frame);
            match (event, &ours) {
                (
                    Event::Frame { size, damage, .. },
                    Event::Frame { size: other_size, damage: other_damage, .. },
                ) => size == other_size && damage == other_damage,
                _ => false,
            }
        };
        let frames = shown.iter().filter_map(|show| match show {
            Show::Frame(frame) => Some(frame),
            _ => None,
        });
        let frames: Vec<_> = frames.collect();
        match &frames[..] {
            [frame] if same(frame) => {}
            [frame] => report.differs(&format!("the VGA's picture differs in {:?}", frame.damage)),
            _ => report.differs("the VGA shows no picture where the trace has one"),
        }
        shown.iter().for_each(|show| displays.show(show));
    }

    fn take_state(&mut self, last: bool, bytes: &[u8], report: &mut Report) {
        if self.state.len().saturating_add(bytes.len()) > LONGEST_STATE {
            self.state.clear();
            return report.differs("the trace has a state that is longer than any of its device");
        }
        self.state.extend_from_slice(bytes);
        if last {
            let state = std::mem::take(&mut self.state);
            if self.adapter.restore(&state) {
                report.whole_again();
            } else {
                report.differs("the trace has a state that its device cannot have");
            }
        }
    }
}

impl Device for AdapterReplay {
    fn apply(&mut self, event: &Event<'_>, report: &mut Report, displays: &mut Displays) {
        match *event {
            Event::Access { space, write, address, width, value } => {
                let value = value.to_le_bytes();
                match value.get(..usize::from(width)) {
                    Some(bytes) => self.access((space, write), address, bytes, report),
                    None => report.differs("an access is wider than any"),
                }
            }
            Event::Block { space, write, address, bytes } => {
                self.access((space, write), address, bytes, report);
            }
            Event::Memory { address, bytes } => self.memory(address, bytes, report),
            Event::Look { time_us, anew } => {
                // A clock never goes back.
                self.time_us = self.time_us.max(time_us);
                let written = std::mem::take(&mut self.written);
                self.look = self.adapter.monitor.look_at(self.time_us, &written, anew);
            }
            Event::Frame { .. } => self.frame(event, report, displays),
            Event::Sum { crc } => {
                report.check(crc == self.look.sum, "the VGA's picture has other pixels");
            }
            Event::Disabled { .. } => displays.show(&Show::Disabled { scanout: 0 }),
            Event::CursorHidden { .. } => displays.show(&Show::CursorHidden { scanout: 0 }),
            Event::Changed => self.adapter.config_changed(),
            Event::Reset => self.adapter.reset(),
            Event::Display { size: Some((width, height)), .. } => {
                self.size = Size::new(width, height);
            }
            Event::Describe { millimetres, .. } => {
                self.adapter.monitor.describe(self.size, millimetres);
            }
            Event::State { last, bytes } => self.take_state(last, bytes, report),
            Event::Lost { .. } => {
                self.moved = true;
                self.state.clear();
                self.written.clear();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
