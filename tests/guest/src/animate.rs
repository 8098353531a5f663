//! Draws numbered frames one after the other, for measurements.
//!
//! Drawing is as cheap as can be: what is measured begins where the kernel is told of a frame. Right
//! before that the frame's number goes to an I/O port, from where the host gets it at once and can tell
//! the time by its own clock.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use porthole_guest::motion::{MARK, Motion, mark};
use porthole_guest::pattern::{Area, Pattern};
use rustix::event::{Timespec, poll};

use crate::kms::{Canvas, Card};

/// The port of QEMU's `isa-debugcon`.
const PORT: u64 = 0xe9;

/// When the next frame is due.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Microseconds from frame to frame at least.
    pub(crate) interval: u32,
    /// Up to so many are added.
    pub(crate) spread: u32,
}

impl Pace {
    /// The time from this frame to the next one.
    fn after(self, frame: u32) -> Duration {
        let random = frame.wrapping_mul(0x9e37_79b1) >> 8;
        let more = random.checked_rem(self.spread).unwrap_or(0);
        Duration::from_micros(u64::from(self.interval) + u64::from(more))
    }
}

/// Draws for so long and tells how that went.
pub(crate) fn run(
    card: &mut Card,
    head: usize,
    motion: Motion,
    first: u32,
    (span, pace): (Duration, Pace),
) -> io::Result<String> {
    let host = OpenOptions::new().write(true).open("/dev/port")?;
    let before = interrupts()?;
    let start = Instant::now();
    let clock = Clock { end: start + span, pace };
    let frames = if motion == Motion::Flip {
        flips(card, head, first, &clock, &host)?
    } else {
        card.with_front(head, |canvas, changed| {
            draws(canvas, changed, motion, first, (&clock, &host))
        })?
    };
    let spent = start.elapsed().as_micros();
    let interrupts = interrupts()?.saturating_sub(before);
    Ok(format!("frames {frames} microseconds {spent} interrupts {interrupts}"))
}

struct Clock {
    end: Instant,
    pace: Pace,
}

impl Clock {
    /// Waits until a frame is due. A guest that is late does not hurry afterwards.
    fn wait(&self, due: &mut Instant, frame: u32) -> io::Result<bool> {
        let now = Instant::now();
        if let Some(rest) = due.checked_duration_since(now).filter(|rest| !rest.is_zero()) {
            let rest = Timespec::try_from(rest).map_err(io::Error::other)?;
            poll(&mut [], Some(&rest))?;
        }
        let now = Instant::now();
        *due = now.max(*due) + self.pace.after(frame);
        Ok(now < self.end)
    }
}

/// Tells the host the number of a frame.
fn tell(host: &File, frame: u32) -> io::Result<()> {
    host.write_all_at(&frame.to_le_bytes()[..1], PORT)
}

fn draws(
    canvas: Canvas<'_>,
    changed: &dyn Fn(Area) -> io::Result<()>,
    motion: Motion,
    first: u32,
    (clock, host): (&Clock, &File),
) -> io::Result<u32> {
    let Canvas { size: (width, height), stride, rows } = canvas;
    let ground = rows.to_vec();
    let whole = Area::whole(width, height);
    let brush = match motion {
        Motion::Film => Vec::new(),
        _ => brush(motion.area(first, width, height)),
    };
    let (mut frame, mut old) = (first, None);
    let mut due = Instant::now();
    while clock.wait(&mut due, frame)? {
        let area = motion.area(frame, width, height);
        if motion == Motion::Film {
            tint(&ground, rows, frame);
        } else {
            if motion == Motion::Window
                && let Some(old) = old
            {
                copy_area((&ground, stride, old), (rows, stride), old);
            }
            let packed = (brush.as_slice(), area.width as usize * 4, origin(area));
            copy_area(packed, (rows, stride), area);
            // A window that changes in itself would be another motion.
            if motion == Motion::Small {
                let shade =
                    Area { y: area.y + MARK, height: area.height.saturating_sub(MARK), ..area };
                fill(rows, stride, shade, mark(!frame));
            }
        }
        fill(rows, stride, corner(area), mark(frame));
        let dirty = match (motion, old.replace(area)) {
            (Motion::Film, _) => whole,
            (_, Some(old)) => union(area, old),
            (_, None) => area,
        };
        tell(host, frame)?;
        changed(dirty)?;
        frame = frame.wrapping_add(1);
    }
    Ok(frame.wrapping_sub(first))
}

fn flips(card: &mut Card, head: usize, first: u32, clock: &Clock, host: &File) -> io::Result<u32> {
    let ground = card.with_front(head, |canvas, _| Ok(canvas.rows.to_vec()))?;
    let mut frame = first;
    let mut due = Instant::now();
    while clock.wait(&mut due, frame)? {
        let paint = |canvas: Canvas<'_>| {
            let (width, height) = canvas.size;
            tint(&ground, canvas.rows, frame);
            let area = Motion::Flip.area(frame, width, height);
            fill(canvas.rows, canvas.stride, corner(area), mark(frame));
        };
        card.flip_with(head, paint, || tell(host, frame))?;
        frame = frame.wrapping_add(1);
    }
    Ok(frame.wrapping_sub(first))
}

fn origin(area: Area) -> Area {
    Area::whole(area.width, area.height)
}

/// The place of the number in what is drawn.
fn corner(area: Area) -> Area {
    Area { width: area.width.min(MARK), height: area.height.min(MARK), ..area }
}

/// What a window or a square is painted with: packed rows.
fn brush(area: Area) -> Vec<u8> {
    let stride = area.width as usize * 4;
    let mut rows = vec![0; stride * area.height as usize];
    let (size, whole) = ((area.width, area.height), Area::whole(area.width, area.height));
    Pattern::Cluster.draw(1, size, whole, stride, &mut rows);
    rows
}

/// Makes a frame of a film: the ground in another light. All pixels change, and each differs from its
/// neighbours as much as before.
fn tint(ground: &[u8], rows: &mut [u8], frame: u32) {
    let [red, green, blue] = mark(frame);
    let light = u32::from_le_bytes([blue, green, red, 0]);
    for (to, from) in rows.as_chunks_mut::<4>().0.iter_mut().zip(ground.as_chunks::<4>().0) {
        *to = (u32::from_le_bytes(*from) ^ light).to_le_bytes();
    }
}

/// Fills a rectangle with a colour.
fn fill(rows: &mut [u8], stride: usize, area: Area, [red, green, blue]: [u8; 3]) {
    for row in area.y..area.y.saturating_add(area.height) {
        let start = row as usize * stride + area.x as usize * 4;
        let row = rows.get_mut(start..start + area.width as usize * 4).unwrap_or_default();
        for pixel in row.as_chunks_mut::<4>().0 {
            *pixel = [blue, green, red, 0xff];
        }
    }
}

/// Copies a rectangle from a place of packed or padded rows to a place of the picture.
fn copy_area(source: (&[u8], usize, Area), (rows, stride): (&mut [u8], usize), to: Area) {
    let (bytes, source_stride, from) = source;
    let line = to.width as usize * 4;
    for row in 0..to.height as usize {
        let start = (from.y as usize + row) * source_stride + from.x as usize * 4;
        let place = (to.y as usize + row) * stride + to.x as usize * 4;
        if let (Some(from), Some(to)) =
            (bytes.get(start..start + line), rows.get_mut(place..place + line))
        {
            to.copy_from_slice(from);
        }
    }
}

fn union(a: Area, b: Area) -> Area {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let right = (a.x + a.width).max(b.x + b.width);
    let bottom = (a.y + a.height).max(b.y + b.height);
    Area { x, y, width: right - x, height: bottom - y }
}

/// How often the device has interrupted this machine for its commands.
fn interrupts() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/interrupts")?;
    let lines = text.lines().filter(|line| line.trim_end().ends_with("-control"));
    let counts = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(counts.sum())
}
