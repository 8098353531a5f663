//! The VGA and what is shown of it.
//!
//! A picture of 32 bits a pixel is video memory itself: the guest writes what the compositor reads, and
//! nothing is copied. Any other is converted into a memory of its own, line by line as they change. Both may
//! tear, as the hardware does.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_client::present::{Frame, Show};
use porthole_edid::Edid;
use porthole_memory::{Changes, Memory};
use porthole_pixel::{Format, Layout, Rect, Region, Size};
use porthole_trace::{Event, PIECE, Tap};
use porthole_vga_device::{Bad, Model, Picture, Source, Unfit, Vga, Vram};

use crate::pace::Pace;
use crate::vram::Video;

/// Rectangles of damage that one frame may have.
const MAX_RECTS: usize = 32;
/// Pictures of the VGA have numbers that no picture of virtio-gpu has.
pub(crate) const FIRST_SERIAL: u64 = 1 << 63;
/// The EDID's rate; nothing of the VGA depends on it.
const REFRESH_MHZ: u32 = 60_000;

/// The VGA.
#[derive(Debug)]
pub(crate) struct Monitor {
    pub(crate) vga: Vga<Video>,
    name: String,
    video: Video,
    changes: Changes,
    shown: Option<Shown>,
    pace: Pace,
    serial: u64,
    /// Numbers of buffers count down from the highest: those of virtio-gpu count up.
    buffer: u64,
    started: Instant,
    looked: Instant,
    /// Where it is recorded.
    tap: Tap,
    /// Checksums are wanted though nothing is recorded.
    sums: bool,
}

/// What the presenter was given last.
#[derive(Debug)]
struct Shown {
    buffer: u64,
    layout: Layout,
    memory: Arc<Memory>,
    converted: bool,
}

/// What a look brought.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// For the presenter, in this order.
    pub(crate) show: Vec<Show>,
    /// The guest has drawn, or set a mode.
    pub(crate) changed: bool,
    /// The size of what is shown.
    pub(crate) size: Option<Size>,
    /// Checksum of what was made or seen anew, where there is a trace; see [`porthole_trace::Event::Sum`].
    pub(crate) sum: u32,
}

impl Monitor {
    pub(crate) fn new(model: Model, video: Video, name: &str) -> Result<Self, Unfit> {
        let vga = Vga::new(model, video.clone())?;
        let now = Instant::now();
        Ok(Self {
            vga,
            name: name.to_owned(),
            video,
            changes: Changes::default(),
            shown: None,
            pace: Pace::default(),
            serial: FIRST_SERIAL,
            buffer: u64::MAX,
            started: now,
            looked: now,
            tap: Tap::default(),
            sums: false,
        })
    }

    /// Makes checksums of pictures.
    pub(crate) fn sum(&mut self) {
        self.sums = true;
    }

    /// Records what is seen and shown from now on.
    pub(crate) fn trace(&mut self, tap: Tap) -> std::io::Result<()> {
        self.tap = tap;
        self.video.keep()
    }

    /// Forgets what was seen: at the next look everything counts as written, as after a restart from the
    /// state that is returned.
    pub(crate) fn begin_anew(&mut self) -> Vec<u8> {
        let state = self.vga.snapshot();
        if self.restore(&state).is_err() {
            tracing::error!("a state of our own is refused");
        }
        state
    }

    /// Takes the registers of a state; memory is to be written anew.
    pub(crate) fn restore(&mut self, state: &[u8]) -> Result<(), Bad> {
        self.changes = Changes::default();
        self.vga.restore(state)
    }

    /// Tells the guest's firmware which size is wanted.
    pub(crate) fn describe(&mut self, size: Size, millimetres: (u32, u32)) {
        self.tap.record(|| Event::Display { scanout: 0, size: Some((size.width, size.height)) });
        let refresh_mhz = REFRESH_MHZ;
        self.tap.record(|| Event::Describe { scanout: 0, refresh_mhz, millimetres });
        let edid = Edid::new(size, REFRESH_MHZ, &self.name).with_millimetres(millimetres);
        self.vga.set_edid(&edid.to_bytes());
    }

    /// The guest does something with the registers: worth a look soon.
    pub(crate) fn poke(&mut self) {
        self.pace.poke();
    }

    /// The guest has set a mode, and is about to draw.
    pub(crate) fn hurry(&mut self) {
        self.pace.hurry();
    }

    /// When to look next.
    pub(crate) fn next_look(&self, watched: bool) -> Instant {
        self.looked + self.pace.interval(watched)
    }

    /// Looks whether the picture changed. With `anew` all of it is shown again, changed or not.
    pub(crate) fn look(&mut self, now: Instant, anew: bool) -> Look {
        self.looked = now;
        let time = now.saturating_duration_since(self.started).as_micros();
        let time_us = u64::try_from(time).unwrap_or(u64::MAX);
        let mut written: Vec<Range<u64>> = Vec::new();
        let watched = self.vga.watched();
        let watched = u64::from(watched.start)..u64::from(watched.end);
        self.changes.look(self.video.shared(), watched, |run| written.push(run));
        if self.tap.is_on() {
            self.record(&written);
            self.tap.record(|| Event::Look { time_us, anew });
        }
        let look = self.look_at(time_us, &written, anew);
        self.video.go_on();
        let changed = look.changed || !written.is_empty();
        self.pace.looked(changed);
        Look { changed, ..look }
    }

    /// Records what was written, as it is now: the picture will be made of that.
    fn record(&self, written: &[Range<u64>]) {
        self.video.hold();
        let longest = written.iter().map(|run| run.end - run.start).max().unwrap_or(0);
        let mut bytes = vec![0; usize::try_from(longest).unwrap_or(PIECE).min(PIECE)];
        for run in written {
            self.video.see(run);
            let mut at = run.start;
            while at < run.end {
                let left = usize::try_from(run.end - at).unwrap_or(PIECE).min(PIECE);
                let piece = bytes.get_mut(..left).unwrap_or_default();
                self.vga.vram().copy_out(cut(at), piece);
                self.tap.memory(at, piece);
                at = at.saturating_add(left as u64);
            }
        }
    }

    /// Makes the picture of a time after so much of memory was written.
    pub(crate) fn look_at(&mut self, time_us: u64, written: &[Range<u64>], anew: bool) -> Look {
        self.vga.advance(Duration::from_micros(time_us));
        for run in written {
            self.vga.mark_written(cut(run.start)..cut(run.end));
        }
        let picture = self.vga.picture();
        match picture.source {
            // What there was may stay.
            Source::Blank | Source::Held => Look::default(),
            Source::Vram { offset, stride } => {
                self.plain(&picture, (offset, stride), written, anew)
            }
            Source::Converted => self.converted(&picture, anew),
        }
    }

    /// Video memory as it is.
    fn plain(
        &mut self,
        picture: &Picture,
        (offset, stride): (u32, u32),
        written: &[Range<u64>],
        anew: bool,
    ) -> Look {
        let memory = self.video.shared().memory();
        let layout =
            Layout::new(Format::Xrgb8888, picture.size, stride, offset.into(), memory.len());
        let Ok(layout) = layout else { return Look::default() };
        let same =
            self.shown.as_ref().is_some_and(|shown| shown.layout == layout && !shown.converted);
        let memory = Arc::clone(memory);
        let mut show = Vec::new();
        if !same {
            self.replace(Shown { buffer: 0, layout, memory, converted: false }, &mut show);
        }
        let damage = if same && !anew {
            damage_of(&layout, written)
        } else {
            Region::from_rect(Rect::from_size(layout.size()))
        };
        let sum = if self.makes_sums() { self.sum_of(&layout, &damage) } else { 0 };
        Look { sum, ..self.frame(damage, !same, show) }
    }

    fn makes_sums(&self) -> bool {
        self.sums || self.tap.is_on()
    }

    /// Checksum of a part of video memory.
    fn sum_of(&self, layout: &Layout, damage: &Region) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        let mut row = Vec::new();
        for rect in damage.rects() {
            let left = u64::from(rect.x.unsigned_abs()).saturating_mul(4);
            row.resize(rect.size().width as usize * 4, 0);
            for y in rect.top().unsigned_abs()..rect.bottom().unsigned_abs() {
                let Some(at) = layout.row_offset(y) else { continue };
                self.vga.vram().copy_out(cut(at.saturating_add(left)), &mut row);
                sum.update(&row);
            }
        }
        sum.finalize()
    }

    /// A copy, made of what changed.
    fn converted(&mut self, picture: &Picture, anew: bool) -> Look {
        let Ok(layout) = Layout::packed(Format::Xrgb8888, picture.size) else {
            return Look::default();
        };
        let same =
            self.shown.as_ref().is_some_and(|shown| shown.layout == layout && shown.converted);
        let mut show = Vec::new();
        if !same {
            let memory = match Memory::create("porthole-vga", layout.byte_len()) {
                Ok(memory) => Arc::new(memory),
                Err(error) => {
                    tracing::error!("no memory for a picture of {}: {error}", picture.size);
                    return Look::default();
                }
            };
            self.replace(Shown { buffer: 0, layout, memory, converted: true }, &mut show);
        }
        let whole: Vec<Range<u32>> = std::iter::once(0..picture.size.height).collect();
        let lines = if same { &picture.dirty } else { &whole };
        let sums = self.makes_sums();
        let Some(shown) = &self.shown else { return Look::default() };
        let (memory, len) = (&shown.memory, usize::try_from(layout.byte_len()).unwrap_or(0));
        let vga = &mut self.vga;
        let mut sum = sums.then(crc32fast::Hasher::new);
        // The layout is that of the memory that was made for it, so all of this is there.
        let _ = memory.with_bytes_mut(0, len, |bytes| {
            vga.convert(lines, |y, pixels| {
                let start = layout.row_offset(y).and_then(|at| usize::try_from(at).ok());
                let row = start.and_then(|start| bytes.get_mut(start..)).unwrap_or_default();
                for (four, pixel) in row.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
                    *four = pixel.to_le_bytes();
                }
                if let Some(sum) = &mut sum {
                    sum.update(row.get(..pixels.len() * 4).unwrap_or_default());
                }
            });
        });
        let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        let mut damage = Region::new();
        let dirty = if anew { &whole } else { lines };
        for range in dirty {
            let (top, bottom) = (side(range.start), side(range.end));
            damage.add(Rect::from_edges(0, top, side(picture.size.width), bottom));
        }
        damage.simplify(MAX_RECTS);
        let sum = sum.map_or(0, crc32fast::Hasher::finalize);
        Look { sum, ..self.frame(damage, !same, show) }
    }

    /// Another picture than before: its buffer has another number, and the old one does not come again.
    fn replace(&mut self, shown: Shown, show: &mut Vec<Show>) {
        self.buffer = self.buffer.wrapping_sub(1);
        let new = Shown { buffer: self.buffer, ..shown };
        if let Some(old) = self.shown.replace(new) {
            show.push(Show::Retired(vec![old.buffer]));
        }
    }

    fn frame(&mut self, damage: Region, other: bool, mut show: Vec<Show>) -> Look {
        let Some(shown) = &self.shown else { return Look::default() };
        let size = Some(shown.layout.size());
        if damage.is_empty() {
            return Look { show, changed: other, size, sum: 0 };
        }
        self.serial = self.serial.wrapping_add(1);
        let frame = Frame {
            scanout: 0,
            serial: self.serial,
            buffer: shown.buffer,
            memory: Arc::clone(&shown.memory).into(),
            layout: shown.layout,
            damage,
        };
        // A buffer is retired when what follows it was given.
        show.insert(0, Show::Frame(frame));
        Look { show, changed: true, size, sum: 0 }
    }
}

/// A place in video memory, which is smaller than any such number.
fn cut(at: u64) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Where the pixels lie of bytes that were written: lines that follow each other are one rectangle.
fn damage_of(layout: &Layout, written: &[Range<u64>]) -> Region {
    let (stride, offset) = (u64::from(layout.stride()), layout.offset());
    let (width, height) = (layout.size().width, layout.size().height);
    let side = |length: u64| i32::try_from(length).unwrap_or(i32::MAX);
    let mut damage = Region::new();
    // Left, right, top, bottom.
    let mut open: Option<[u64; 4]> = None;
    let mut close = |band: [u64; 4]| {
        let [left, right, top, bottom] = band;
        let right = right.min(width.into());
        if left < right {
            damage.add(Rect::from_edges(side(left), side(top), side(right), side(bottom)));
        }
    };
    for run in written {
        let (start, end) = (run.start.max(offset) - offset, run.end.max(offset) - offset);
        if start >= end {
            continue;
        }
        let (top, last) = (start / stride, (end - 1) / stride);
        if top >= u64::from(height) {
            continue;
        }
        let bottom = (last + 1).min(height.into());
        let one = top == last;
        let left = if one { start % stride / 4 } else { 0 };
        let right = if one { ((end - 1) % stride / 4) + 1 } else { width.into() };
        open = Some(match open {
            Some([l, r, t, b]) if top <= b => [l.min(left), r.max(right), t, b.max(bottom)],
            Some(band) => {
                close(band);
                [left, right, top, bottom]
            }
            None => [left, right, top, bottom],
        });
    }
    open.into_iter().for_each(close);
    damage.simplify(MAX_RECTS);
    damage
}

#[cfg(test)]
mod tests;
