//! A GPU that does again what a trace says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use porthole_device::trace;
use porthole_gpu_device::{Answer, BufferId, Event as Shown, Gpu, Options, Quotas, State, Token};
use porthole_pixel::Size;
use porthole_trace::{Event, ReadError};
use serde_json::Value;

use super::Source;
use super::displays::Displays;
use super::memory::Memory;
use super::report::Report;

const CONTROL: u8 = 0;
/// Most memory that a replay takes for pictures, whatever the trace says of its device.
const MOST: u64 = 4 << 30;
/// Most resources and pieces of guest memory, likewise.
const MOST_THINGS: u64 = 1 << 20;
/// Fences that are kept in mind; no ring has so many entries.
const FENCES: usize = 1 << 16;

/// A GPU, and what its trace calls things.
pub(super) struct GpuReplay {
    gpu: Gpu,
    options: Options,
    visible: BTreeMap<usize, bool>,
    /// A whole state, as far as it has come.
    state: Vec<u8>,
    /// What our numbers are more than the trace's, of frames and of fences; another device began there.
    ahead: (u64, u64),
    /// The numbers are compared anew.
    resumed: (bool, bool),
    /// Things of before may come back.
    moved: bool,
    /// Our buffers by the trace's numbers.
    buffers: BTreeMap<u64, BufferId>,
    /// What was shown and not seen in the trace yet.
    shown: VecDeque<Shown>,
    waiting: BTreeMap<u64, Token>,
    completed: BTreeSet<Token>,
}

impl GpuReplay {
    /// A device as after power-on; nothing when the options are none.
    pub(super) fn new(options: &Value) -> Option<Self> {
        let number = |key: &str, most: u64| Some(options.get(key)?.as_u64()?.min(most));
        let side = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let size = |value: &Value| Some(Size::new(side(value.get(0)?)?, side(value.get(1)?)?));
        let scanouts = options.get("scanouts")?.as_array()?;
        let quotas = Quotas {
            bytes: number("max_bytes", MOST)?,
            resources: usize::try_from(number("max_resources", MOST_THINGS)?).ok()?,
            entries: usize::try_from(number("max_entries", MOST_THINGS)?).ok()?,
        };
        let options = Options {
            name: options.get("name")?.as_str()?.to_owned(),
            scanouts: scanouts.iter().map(size).collect(),
            quotas,
            blob: options.get("blob")?.as_bool()?,
            uuids: options.get("uuids").and_then(Value::as_u64),
        };
        Some(Self {
            gpu: Gpu::new(&options),
            options,
            visible: BTreeMap::new(),
            state: Vec::new(),
            ahead: (0, 0),
            resumed: (false, false),
            moved: false,
            buffers: BTreeMap::new(),
            shown: VecDeque::new(),
            waiting: BTreeMap::new(),
            completed: BTreeSet::new(),
        })
    }

    pub(super) const fn scanouts(&self) -> usize {
        self.gpu.scanouts()
    }

    /// Something is missing here.
    pub(super) fn lost(&mut self) {
        self.state.clear();
        self.shown.clear();
    }

    /// Does a request: its queue, the room for an answer, its bytes.
    pub(super) fn request(
        &mut self,
        device: u8,
        (queue, writable, bytes): (u8, u32, &[u8]),
        source: &Source,
        report: &mut Report,
    ) -> Result<(), ReadError> {
        self.nothing_shown(report);
        report.command(queue, bytes);
        let memory = Memory::new(source, device);
        let writable = usize::try_from(writable).unwrap_or(usize::MAX);
        let (token, answer) = if queue == CONTROL {
            match self.gpu.control(bytes, writable, &memory) {
                Answer::Now(bytes) => (None, bytes),
                Answer::WhenPresented { bytes, token } => (Some(token), bytes),
            }
        } else {
            self.gpu.cursor(bytes, &memory);
            (None, Vec::new())
        };
        if let Some(wrong) = memory.finish()? {
            report.differs(&wrong);
        }
        if let Some(token) = token.filter(|_| self.waiting.len() < FENCES) {
            self.waiting.insert(token.get(), token);
        }
        let mut source = source.borrow_mut();
        let Some((_, _, event)) = source.peek()? else { return Ok(()) };
        if matches!(event, Event::Lost { .. }) {
            return Ok(());
        }
        let Event::Answer { token: then, bytes: recorded } = event else {
            report.differs("the trace has no answer to this request");
            return Ok(());
        };
        if let (Some(then), Some(token)) = (then, token)
            && std::mem::take(&mut self.resumed.1)
        {
            self.ahead.1 = token.get().wrapping_sub(then);
        }
        if then.map(|then| then.wrapping_add(self.ahead.1)) != token.map(Token::get) {
            report.differs("what the answer waits for is not what it waited for");
        }
        if recorded != answer {
            report.differs(&format!("the answer is {} instead of {}", hex(&answer), hex(recorded)));
        }
        source.next()?;
        Ok(())
    }

    /// Does anything else.
    pub(super) fn apply(
        &mut self,
        event: &Event<'_>,
        report: &mut Report,
        displays: &mut Displays,
    ) {
        match event {
            Event::Frame { .. }
            | Event::Disabled { .. }
            | Event::Retired { .. }
            | Event::CursorImage { .. }
            | Event::CursorMoved { .. }
            | Event::CursorHidden { .. } => return self.show(event, report, displays),
            _ => self.nothing_shown(report),
        }
        match *event {
            Event::ConfigRead { offset, bytes } => {
                let same = self.gpu.config(offset, bytes.len()) == bytes;
                report.check(same, "configuration space reads otherwise");
            }
            Event::ConfigWrite { offset, bytes } => self.gpu.write_config(offset, bytes),
            Event::Reset => {
                self.waiting.clear();
                self.gpu.reset();
            }
            Event::Fence { token, late } => self.fence(token, late, report),
            Event::Display { scanout, size } => {
                let size = size.map(|(width, height)| Size::new(width, height));
                self.gpu.set_size(usize::from(scanout), size);
            }
            Event::Describe { scanout, refresh_mhz, millimetres } => {
                self.gpu.describe(usize::from(scanout), refresh_mhz, millimetres);
            }
            Event::Visible { scanout, visible } => {
                self.visible.insert(usize::from(scanout), visible);
                self.gpu.set_visible(usize::from(scanout), visible);
            }
            Event::Released { scanout, buffer, serial } => match self.buffers.get(&buffer) {
                Some(buffer) => {
                    let serial = serial.wrapping_add(self.ahead.0);
                    self.gpu.buffer_released(usize::from(scanout), *buffer, serial);
                }
                None if self.moved => {}
                None => report.differs("a buffer came back that was never shown"),
            },
            Event::Presented { scanout, serial } => {
                self.gpu.presented(usize::from(scanout), serial.wrapping_add(self.ahead.0));
            }
            Event::Discarded { scanout, serial } => {
                self.gpu.discarded(usize::from(scanout), serial.wrapping_add(self.ahead.0));
            }
            Event::State { last, bytes } => self.take_state(last, bytes, report, displays),
            Event::End { summary } => report.summary(summary),
            _ => {}
        }
    }

    /// A fence went out.
    fn fence(&mut self, number: u64, late: bool, report: &mut Report) {
        self.completed.extend(self.gpu.take_completed());
        let number = number.wrapping_add(self.ahead.1);
        let Some(token) = self.waiting.remove(&number) else {
            report.check(self.moved, "a fence went out that nobody waits for");
            return;
        };
        let done = self.completed.remove(&token);
        if !late && !done {
            report.differs("a fence went out before its frame was on the screen");
        }
        self.gpu.expired(token);
        if self.waiting.is_empty() {
            self.completed.clear();
        }
    }

    /// The whole state of the device, in pieces.
    fn take_state(
        &mut self,
        last: bool,
        bytes: &[u8],
        report: &mut Report,
        displays: &mut Displays,
    ) {
        if (self.state.len() + bytes.len()) as u64 > self.gpu.snapshot_limit() {
            self.state.clear();
            return report.differs("the trace has a state that is longer than any of its device");
        }
        self.state.extend_from_slice(bytes);
        if !last {
            return;
        }
        let bytes = std::mem::take(&mut self.state);
        let restored = State::from_bytes(&bytes).map_err(|error| error.to_string());
        let restored = restored.and_then(|state| {
            Gpu::restore(&self.options, &state).map_err(|error| error.to_string())
        });
        match restored {
            Err(error) => report.differs(&error),
            Ok(gpu) => {
                self.gpu = gpu;
                for (scanout, visible) in &self.visible {
                    self.gpu.set_visible(*scanout, *visible);
                }
                self.buffers.clear();
                self.waiting.clear();
                if !displays.is_shared() {
                    displays.clear();
                }
                (self.resumed, self.moved) = ((true, true), true);
                report.whole_again();
                for event in self.gpu.take_events() {
                    look(event, displays);
                }
            }
        }
    }

    /// The trace says that something was shown.
    fn show(&mut self, event: &Event<'_>, report: &mut Report, displays: &mut Displays) {
        if self.shown.is_empty() {
            self.shown.extend(self.gpu.take_events());
        }
        let Some(ours) = self.shown.pop_front() else {
            report.differs(&format!("nothing is shown where the trace has a {}", event.name()));
            return;
        };
        self.compare(event, &ours, report);
        look(ours, displays);
    }

    fn compare(&mut self, event: &Event<'_>, ours: &Shown, report: &mut Report) {
        match (event, ours) {
            (Event::Frame { scanout, serial, buffer, size, damage }, Shown::Frame(frame)) => {
                self.buffers.insert(*buffer, frame.buffer);
                let same_size = *size == (frame.layout.size().width, frame.layout.size().height);
                if std::mem::take(&mut self.resumed.0) {
                    self.ahead.0 = frame.serial.wrapping_sub(*serial);
                }
                let expected = serial.wrapping_add(self.ahead.0);
                let same_place = usize::from(*scanout) == frame.scanout && expected == frame.serial;
                let rects = frame.damage.rects().iter().map(trace::numbers);
                if !same_size || !same_place || !rects.eq(damage.iter().copied()) {
                    report.differs(&format!("frame {serial} is {:?}", frame.damage));
                }
            }
            (Event::Retired { buffers }, Shown::Retired(ours)) => {
                let ids: BTreeSet<_> =
                    buffers.iter().filter_map(|buffer| self.buffers.remove(buffer)).collect();
                // Those that were never shown have no name in common.
                let known = self.moved || buffers.len() == ours.len();
                if !known || !ids.iter().all(|id| ours.contains(id)) {
                    report.differs("other buffers are retired");
                }
            }
            (event, ours) => {
                if *event != trace::shown(ours) {
                    report.differs(&format!("{:?} is shown instead", trace::shown(ours).name()));
                }
            }
        }
    }

    /// The trace goes on with something else than what is shown.
    fn nothing_shown(&mut self, report: &mut Report) {
        for event in self.shown.drain(..) {
            let name = trace::shown(&event).name();
            report.differs(&format!("a {name} is shown that is not in the trace"));
        }
    }

    /// Compares what was counted.
    pub(super) fn finish(&mut self, report: &mut Report) {
        self.nothing_shown(report);
        report.finish(&self.gpu.statistics());
    }
}

/// Shows what the GPU shows.
fn look(ours: Shown, displays: &mut Displays) {
    // Who shares a display says itself when it shows nothing.
    if !(displays.is_shared() && matches!(ours, Shown::Disabled { scanout: 0 })) {
        displays.show(&porthole_device::order(ours));
    }
}

/// Bytes for a person, cut.
fn hex(bytes: &[u8]) -> String {
    const SHOWN: usize = 48;
    let mut text: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > SHOWN {
        text.push_str(&format!("... ({} bytes)", bytes.len()));
    }
    text
}
