//! What can happen to a device.

use serde::{Deserialize, Serialize};

/// Width and height in pixels.
pub type Size = (u32, u32);

/// Left, top, width, height in pixels.
pub type Rect = [i32; 4];

/// An input event as the driver gets it: type, code, value.
pub type Word = (u16, u16, i32);

/// One thing that happened. The order of the variants is the format: new ones go to the end, with a
/// new [`crate::VERSION`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event<'a> {
    /// Driver and front-end use these virtio features.
    Features {
        /// Bits as in virtio.
        bits: u64,
    },
    /// A request was taken from a queue. Up to its [`Event::Answer`] come the accesses to guest memory that
    /// it led to.
    Request {
        /// Which queue.
        queue: u8,
        /// Bytes that the driver made room for.
        writable: u32,
        /// The driver's request was longer than any that has a meaning; the rest is left out.
        truncated: bool,
        /// What the driver wrote.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Guest memory was read. A long piece comes in parts that follow each other.
    Memory {
        /// Guest physical address.
        address: u64,
        /// What was there.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Guest memory was asked for that is no RAM.
    NotRam {
        /// Guest physical address.
        address: u64,
        /// Bytes.
        length: u64,
        /// Whether it was to be read; else the device only asked.
        read: bool,
    },
    /// The answer to the last request.
    Answer {
        /// Names what it waits for, when it is held back.
        token: Option<u64>,
        /// What is written into the guest's memory.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// An answer that was held back went out.
    Fence {
        /// Its name.
        token: u64,
        /// It waited for too long, or its queue stopped.
        late: bool,
    },
    /// The driver read configuration space.
    ConfigRead {
        /// First byte.
        offset: u64,
        /// What it got.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// The driver wrote configuration space.
    ConfigWrite {
        /// First byte.
        offset: u64,
        /// What it wrote.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// A register or device memory was accessed.
    Access {
        /// Which range: ports, memory, or a bar; the device's own numbers.
        space: u8,
        /// Written, else read.
        write: bool,
        /// From the range's start.
        address: u64,
        /// Bytes: 1 to 8.
        width: u8,
        /// What was written or read.
        value: u64,
    },
    /// A queue stopped.
    Stop {
        /// Which one.
        queue: u8,
    },
    /// The driver reset the device.
    Reset,
    /// The host asks the guest for another size.
    Display {
        /// Which display.
        scanout: u8,
        /// Nothing when it is unplugged.
        size: Option<Size>,
    },
    /// The host says how a display is.
    Describe {
        /// Which display.
        scanout: u8,
        /// Frames in 1000 seconds.
        refresh_mhz: u32,
        /// Width and height; 0 where they are not known.
        millimetres: Size,
    },
    /// Whether somebody sees a display.
    Visible {
        /// Which display.
        scanout: u8,
        /// Somebody does.
        visible: bool,
    },
    /// The presenter holds a buffer no longer.
    Released {
        /// Which display.
        scanout: u8,
        /// Its number, as in [`Event::Frame`].
        buffer: u64,
        /// The last frame with it that the presenter got.
        serial: u64,
    },
    /// A frame is on the screen.
    Presented {
        /// Which display.
        scanout: u8,
        /// Which frame.
        serial: u64,
    },
    /// A frame will never be on the screen.
    Discarded {
        /// Which display.
        scanout: u8,
        /// Which frame.
        serial: u64,
    },
    /// The device shows a picture.
    Frame {
        /// On which display.
        scanout: u8,
        /// Number of the frame.
        serial: u64,
        /// Number of the buffer, of no meaning beyond this trace.
        buffer: u64,
        /// Size of the picture.
        size: Size,
        /// What differs from the frame before.
        damage: Vec<Rect>,
    },
    /// The device shows nothing.
    Disabled {
        /// On which display.
        scanout: u8,
    },
    /// Buffers that will not be shown again.
    Retired {
        /// Their numbers.
        buffers: Vec<u64>,
    },
    /// The cursor has a new image.
    CursorImage {
        /// On which display.
        scanout: u8,
        /// The hot spot.
        hot: Size,
        /// Packed pixels.
        #[serde(borrow, with = "serde_bytes")]
        pixels: &'a [u8],
    },
    /// The cursor moved.
    CursorMoved {
        /// On which display.
        scanout: u8,
        /// From the left.
        x: i32,
        /// From the top.
        y: i32,
    },
    /// The cursor is not visible.
    CursorHidden {
        /// On which display.
        scanout: u8,
    },
    /// A person did something.
    Input(Input),
    /// The driver reads events, or no longer.
    Listening {
        /// It does.
        on: bool,
    },
    /// A packet of events went to the driver.
    Packet {
        /// All of it, the end mark included.
        events: Vec<Word>,
    },
    /// A piece of the device's whole state: see `docs/migration.md`. Pieces follow each other.
    State {
        /// There is no further piece.
        last: bool,
        /// Part of the state.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// What happened here is not in the trace: the disk was too slow.
    Lost {
        /// Records that are missing.
        records: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The trace has reached its limit; the device went on.
    Limit {
        /// Bytes that it might have at most.
        bytes: u64,
    },
    /// The program ended in order.
    End {
        /// What the device counted, as JSON.
        summary: &'a str,
    },
    /// An access of more than eight bytes; see [`Event::Access`].
    Block {
        /// Which range.
        space: u8,
        /// Written, else read.
        write: bool,
        /// From the range's start.
        address: u64,
        /// What was written or read.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// The driver is told that its configuration has changed.
    Changed,
    /// The device looked at its memory, of which everything that was written since is in the records
    /// of memory before this one, and made a picture of it, which is shown if a frame follows.
    Look {
        /// Microseconds since power-on, as far as the device knows.
        time_us: u64,
        /// All of the picture, changed or not.
        anew: bool,
    },
    /// The checksum of what the frame before this one changed.
    Sum {
        /// CRC-32 of the pixels, row by row from the top, as they are in memory.
        crc: u32,
    },
}

/// What a person does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// A key or button, by its evdev code.
    Key {
        /// The code.
        code: u16,
        /// Down.
        pressed: bool,
    },
    /// A position across the whole device.
    Pointer {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A mouse went so far.
    Motion {
        /// To the right.
        dx: i32,
        /// Down.
        dy: i32,
    },
    /// Wheels, in 1/120 of a detent.
    Wheel {
        /// Away from the person.
        vertical: i32,
        /// To the right.
        horizontal: i32,
    },
    /// A finger came down.
    TouchDown {
        /// Its number.
        id: i32,
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A finger moved.
    TouchMotion {
        /// Its number.
        id: i32,
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// A finger left.
    TouchUp {
        /// Its number.
        id: i32,
    },
    /// Everything that is down comes up.
    ReleaseAll,
    /// A pen is near.
    Pen {
        /// Its other end is meant.
        rubber: bool,
        /// From the left, and from the top.
        place: (u16, u16),
        /// How hard it is pressed.
        pressure: u16,
        /// How far it is above.
        distance: u16,
        /// How it leans, in degrees.
        tilt: (i8, i8),
    },
    /// The pen is not near any more.
    PenLeft,
}

impl Event<'_> {
    /// A short name, for lists and counts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Features { .. } => "features",
            Self::Request { .. } => "request",
            Self::Memory { .. } => "memory",
            Self::NotRam { .. } => "not-ram",
            Self::Answer { .. } => "answer",
            Self::Fence { .. } => "fence",
            Self::ConfigRead { .. } => "config-read",
            Self::ConfigWrite { .. } => "config-write",
            Self::Access { .. } => "access",
            Self::Stop { .. } => "stop",
            Self::Reset => "reset",
            Self::Display { .. } => "display",
            Self::Describe { .. } => "describe",
            Self::Visible { .. } => "visible",
            Self::Released { .. } => "released",
            Self::Presented { .. } => "presented",
            Self::Discarded { .. } => "discarded",
            Self::Frame { .. } => "frame",
            Self::Disabled { .. } => "disabled",
            Self::Retired { .. } => "retired",
            Self::CursorImage { .. } => "cursor-image",
            Self::CursorMoved { .. } => "cursor-moved",
            Self::CursorHidden { .. } => "cursor-hidden",
            Self::Input(_) => "input",
            Self::Listening { .. } => "listening",
            Self::Packet { .. } => "packet",
            Self::State { .. } => "state",
            Self::Lost { .. } => "lost",
            Self::Limit { .. } => "limit",
            Self::End { .. } => "end",
            Self::Block { .. } => "block",
            Self::Changed => "changed",
            Self::Look { .. } => "look",
            Self::Sum { .. } => "sum",
        }
    }
}
