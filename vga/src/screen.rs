//! What the registers say is to be shown: plain values, made anew for each picture and compared with
//! the last one's.

use porthole_pixel::Size;

use crate::blink::Kind;
use crate::crtc::CursorShape;
use crate::graphics::Shift;
use crate::model::{Behaviour, Model};
use crate::registers::Registers;
use crate::vram::CELL;

/// Most characters of a text screen; more is no text mode that anybody has set.
const MOST_CHARACTERS: u32 = 160 * 100;
/// Bytes of memory that the VGA's own modes reach: 64 KiB of each plane.
pub(crate) const PLANES_LEN: u32 = 256 << 10;
/// Line compare of bochs modes: never.
const NEVER: u32 = u32::MAX;

/// A picture's form.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Screen {
    /// Nothing but black, of the size that was there.
    #[default]
    Blank,
    Text(Text),
    Graphic(Graphic),
}

/// Text: cells of a character and its attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    pub(crate) columns: u32,
    /// Whole rows; where the chip's rules hold, all lines count and the last row may be cut.
    pub(crate) rows: u32,
    pub(crate) lines: u32,
    /// Pixels of a character: 8, 9, or 16 for the half clock.
    pub(crate) cell_width: u32,
    pub(crate) cell_lines: u32,
    /// The first cell.
    pub(crate) start: u32,
    /// Cells from one row to the next.
    pub(crate) pitch: u32,
    /// Cells after which addresses begin again.
    pub(crate) span: u32,
    pub(crate) line_compare: u32,
    /// The fonts' places in plane 2, in steps of 8 KiB.
    pub(crate) fonts: [u8; 2],
    /// The first character whose eighth column line graphics double into the ninth; the last is DF.
    pub(crate) first_doubled: u8,
    /// The line under characters whose attribute asks for it.
    pub(crate) underline: Option<u32>,
    /// Fine scrolling. QEMU heeds nothing of it, but draws all anew when its registers change.
    pub(crate) panning: Panning,
    /// Whether the chip's rules hold.
    pub(crate) chip: bool,
}

impl Text {
    /// Where in memory it ends at the most.
    pub(crate) const fn end(&self) -> u32 {
        let cells = (self.rows + 1).saturating_mul(self.pitch.saturating_add(self.columns));
        self.start.saturating_add(cells).saturating_mul(CELL)
    }
}

/// Fine scrolling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Panning {
    pub(crate) lines: u32,
    pub(crate) pixels: u32,
    pub(crate) to_split: bool,
}

/// How a character is drawn, beside its cell. QEMU looks at this only when it draws the character for
/// another reason, and so recorded pictures have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Style {
    /// Line graphics continue into the ninth column.
    pub(crate) line_graphics: bool,
    /// Attribute bit 7 blinks; else it is the background's intensity.
    pub(crate) blinks: bool,
    /// Characters that blink are hidden.
    pub(crate) hidden: bool,
}

/// What changes in text without the screen's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Phase {
    /// The cell of the cursor.
    pub(crate) place: u32,
    /// The cursor's lines, if it shows.
    pub(crate) cursor: Option<CursorShape>,
    pub(crate) style: Style,
}

/// How bytes of memory become pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// A bit of each plane.
    Planar,
    /// Two bits of two planes.
    Cga,
    /// A byte for two pixels of the palette.
    Halved,
    /// A byte of the palette.
    Indexed,
    Rgb15,
    Rgb16,
    Rgb24,
    Rgb32,
}

impl Format {
    /// Bits of memory for a pixel.
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Format::Planar | Format::Cga | Format::Halved => 4,
            Format::Indexed => 8,
            Format::Rgb15 | Format::Rgb16 => 16,
            Format::Rgb24 => 24,
            Format::Rgb32 => 32,
        }
    }
}

/// Pixels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Graphic {
    pub(crate) format: Format,
    /// Pixels of a line in memory, a multiple of 8.
    pub(crate) width: u32,
    /// Each pixel is shown twice.
    pub(crate) wide: bool,
    pub(crate) height: u32,
    /// The first byte.
    pub(crate) start: u32,
    /// Bytes from one line to the next.
    pub(crate) pitch: u32,
    /// Bytes after which addresses begin again; a power of two.
    pub(crate) span: u32,
    pub(crate) line_compare: u32,
    /// How often each line is shown.
    pub(crate) repeat: u32,
    /// The address bit that is bit 0 of the line, on the CGA.
    pub(crate) cga_bit: Option<u32>,
    /// Whether address bit 15 is bit 1 of the line, on the Hercules card.
    pub(crate) hercules: bool,
    /// Pixels to the left.
    pub(crate) pan: u32,
    /// Bytes for every two of them, where a byte is two pixels of the screen: QEMU moves by a byte of
    /// each plane, the chip by one.
    pub(crate) pan_bytes: u32,
    pub(crate) pan_to_split: bool,
    pub(crate) planes: u8,
    pub(crate) big_endian: bool,
}

impl Graphic {
    /// Size on the screen.
    pub(crate) const fn size(&self) -> Size {
        Size::new(if self.wide { self.width * 2 } else { self.width }, self.height)
    }

    /// Whether memory holds the picture as it is to be shown: 32 bits a pixel, lowest byte first.
    pub(crate) fn is_plain(&self) -> bool {
        let end = u64::from(self.start) + u64::from(self.height) * u64::from(self.pitch);
        self.format == Format::Rgb32
            && !self.big_endian
            && self.repeat == 1
            && self.line_compare == NEVER
            && end <= u64::from(self.span)
    }
}

/// What kind of screen is set.
pub(crate) fn kind(registers: &Registers, model: Model) -> Kind {
    if model == Model::Bochs {
        return if registers.dispi.is_on() { Kind::Graphics } else { Kind::Blank };
    }
    if !registers.attribute.shown() {
        Kind::Blank
    } else if registers.graphics.is_graphics() {
        Kind::Graphics
    } else {
        Kind::Text
    }
}

impl Screen {
    /// What is to be shown; nothing, where the registers describe no picture and the last one stays.
    pub(crate) fn of(
        registers: &Registers,
        model: Model,
        behaviour: Behaviour,
        memory: u32,
    ) -> Option<Screen> {
        let off = behaviour == Behaviour::Hardware && registers.sequencer.screen_off();
        match kind(registers, model) {
            Kind::Blank => Some(Screen::Blank),
            Kind::Text | Kind::Graphics if off => Some(Screen::Blank),
            Kind::Text => text(registers, behaviour, memory).map(Screen::Text),
            Kind::Graphics => Some(Screen::Graphic(graphic(registers, behaviour, memory))),
        }
    }

    /// The colours that it needs: 16 or 256 of them, the others stay.
    pub(crate) fn colours(
        &self,
        registers: &Registers,
        behaviour: Behaviour,
        into: &mut [u32; 256],
    ) {
        let mask = if behaviour == Behaviour::Hardware { registers.dac.mask() } else { 0xff };
        let many = match self {
            Screen::Blank => return,
            Screen::Text(_) => false,
            Screen::Graphic(graphic) => match graphic.format {
                Format::Planar | Format::Cga => false,
                Format::Halved | Format::Indexed => true,
                _ => return,
            },
        };
        if many {
            for (index, colour) in (0..=u8::MAX).zip(into) {
                *colour = registers.dac.colour(index & mask);
            }
        } else {
            for (index, colour) in (0..16).zip(into) {
                *colour = registers.dac.six_bits(registers.attribute.colour(index) & mask);
            }
        }
    }
}

/// What changes by itself, as it is now.
pub(crate) fn phase(registers: &Registers) -> Phase {
    let shape = registers.crtc.cursor_shape(registers.crtc.row_lines());
    let blinks = registers.attribute.blinks();
    Phase {
        place: registers.crtc.cursor(),
        cursor: shape.filter(|_| registers.blink.cursor()),
        style: Style {
            line_graphics: registers.attribute.line_graphics(),
            blinks,
            hidden: blinks && !registers.blink.text(),
        },
    }
}

fn text(registers: &Registers, behaviour: Behaviour, memory: u32) -> Option<Text> {
    let (crtc, attribute) = (&registers.crtc, &registers.attribute);
    let hardware = behaviour == Behaviour::Hardware;
    let (columns, cell_lines) = (crtc.columns(), crtc.row_lines());
    let rows = if crtc.hundred_rows() { 100 } else { crtc.lines() / cell_lines };
    if !(2..=MOST_CHARACTERS).contains(&(columns * rows)) {
        return None;
    }
    let cell_width = if registers.sequencer.half_clock() {
        16
    } else if registers.sequencer.eight_dots() {
        8
    } else {
        9
    };
    let underline = (hardware && attribute.mono()).then(|| crtc.underline());
    let panning = Panning {
        lines: if hardware { crtc.preset_row() } else { 0 },
        pixels: if hardware {
            pan_pixels(attribute.panning(), cell_width)
        } else {
            attribute.panning().into()
        },
        to_split: attribute.pans_to_split(),
    };
    Some(Text {
        columns,
        rows,
        lines: if hardware { crtc.lines() } else { rows * cell_lines },
        cell_width,
        cell_lines,
        start: crtc.start(),
        pitch: crtc.pitch() / 4,
        // QEMU goes on behind the planes, into the memory of bochs modes.
        span: if hardware { PLANES_LEN } else { memory } / CELL,
        line_compare: crtc.line_compare(),
        fonts: registers.sequencer.fonts(),
        // QEMU doubles from B0 on; the chip's line graphics begin at C0.
        first_doubled: if hardware { 0xc0 } else { 0xb0 },
        underline,
        panning,
        chip: hardware,
    })
}

/// Pixels to the left: characters of nine dots count from one, with eight for none.
fn pan_pixels(value: u8, cell_width: u32) -> u32 {
    match (value, cell_width) {
        (8.., 9) => 0,
        (value, 9) => u32::from(value) + 1,
        (value, 16) => u32::from(value & 7) * 2,
        (value, _) => u32::from(value & 7),
    }
}

fn graphic(registers: &Registers, behaviour: Behaviour, memory: u32) -> Graphic {
    let (crtc, dispi, attribute) = (&registers.crtc, &registers.dispi, &registers.attribute);
    let bochs = dispi.is_on();
    let format = match registers.graphics.shift() {
        Shift::Planar => Format::Planar,
        Shift::Cga => Format::Cga,
        Shift::Bytes if !bochs => Format::Halved,
        Shift::Bytes => match dispi.bits() {
            15 => Format::Rgb15,
            16 => Format::Rgb16,
            24 => Format::Rgb24,
            32 => Format::Rgb32,
            _ => Format::Indexed,
        },
    };
    let (width, height) = if bochs {
        let (width, height) = dispi.size();
        (u32::from(width), u32::from(height))
    } else {
        (crtc.columns() * 8, crtc.lines())
    };
    let half = registers.sequencer.half_clock();
    let doubled = u32::from(crtc.double_lines()) + 1;
    let hardware = behaviour == Behaviour::Hardware;
    Graphic {
        format,
        width,
        wide: half && matches!(format, Format::Planar | Format::Cga),
        height,
        start: if bochs { dispi.start() } else { crtc.start() } * 4,
        pitch: if bochs { dispi.pitch() } else { crtc.pitch() },
        // The VGA's own formats never reach further, not even in a bochs mode of planes.
        span: if format.bits() == 4 { PLANES_LEN } else { memory },
        line_compare: if bochs { NEVER } else { crtc.line_compare() },
        repeat: if crtc.cga_banks() { doubled } else { crtc.row_lines() * doubled },
        cga_bit: crtc.cga_banks().then(|| if crtc.counts_bytes() { 15 } else { 14 }),
        hercules: crtc.hercules_banks(),
        pan: if bochs { 0 } else { u32::from(attribute.panning() & 7) },
        pan_bytes: if hardware { 1 } else { CELL },
        pan_to_split: attribute.pans_to_split(),
        planes: attribute.planes(),
        big_endian: registers.big_endian,
    }
}
