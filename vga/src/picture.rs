//! The picture: how large it is, where it is, and which of its lines changed.

use std::ops::Range;
use std::time::Duration;

use porthole_pixel::Size;

use crate::blink::Kind;
use crate::device::Vga;
use crate::lines::Colours;
use crate::model::Behaviour;
use crate::rows::Scratch;
use crate::screen::{self, Screen};
use crate::text::Cells;
use crate::vram::Vram;

/// What a screen has before the guest sets a mode.
const FIRST: Size = Size::new(640, 480);

/// Where the pixels of a picture are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The guest shows nothing: all lines are black.
    Blank,
    /// In video memory, as they are: XRGB8888, lowest byte first.
    Vram {
        /// The first byte of the first line.
        offset: u32,
        /// Bytes from one line to the next.
        stride: u32,
    },
    /// They are to be made, by [`Vga::convert`].
    Converted,
    /// The registers describe no picture (a guest is between two modes, or writes nonsense): the last
    /// one stays as it was.
    Held,
}

/// What the guest shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    /// Pixels; 16000 x 12000 at most.
    pub size: Size,
    /// Where they are.
    pub source: Source,
    /// The lines that changed since the last picture, from the top down, none twice. All of them when
    /// the size or the source is another.
    pub dirty: Vec<Range<u32>>,
}

/// What was shown last.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) screen: Option<Screen>,
    pub(crate) size: Size,
    pub(crate) colours: Box<Colours>,
    pub(crate) cells: Cells,
    pub(crate) scratch: Scratch,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            screen: None,
            size: FIRST,
            colours: Box::default(),
            cells: Cells::default(),
            scratch: Scratch::default(),
        }
    }
}

impl<V: Vram> Vga<V> {
    /// What the guest shows now, and what of it changed since the last call.
    ///
    /// Blinking goes by the time that [`advance`](Self::advance) told. Writes that the device did not
    /// see must have been told by [`mark_written`](Self::mark_written).
    pub fn picture(&mut self) -> Picture {
        let kind = screen::kind(&self.registers, self.model());
        self.registers.blink.look(kind);
        let memory = self.vram().len();
        let (model, behaviour) = (self.model(), self.behaviour());
        let Some(screen) = Screen::of(&self.registers, model, behaviour, memory) else {
            return Picture { size: self.shown.size, source: Source::Held, dirty: Vec::new() };
        };
        let size = match &screen {
            Screen::Blank => self.shown.size,
            Screen::Text(text) => Size::new(text.width(), text.lines),
            Screen::Graphic(graphic) => graphic.size(),
        };
        let mut colours = self.shown.colours.single;
        screen.colours(&self.registers, behaviour, &mut colours);
        let repainted = colours != self.shown.colours.single;
        if repainted {
            self.shown.colours.single = colours;
            self.shown.colours.pair_up();
        }
        let is_text = matches!(screen, Screen::Text(_));
        let fonts = self.fonts_changed(is_text);
        if fonts {
            self.shown.cells.forget_fonts();
        }
        let same = self.shown.screen.as_ref() == Some(&screen)
            && !(repainted && screen != Screen::Blank)
            && !(is_text && (fonts || self.restyled()));
        let source = match &screen {
            Screen::Blank => Source::Blank,
            Screen::Graphic(graphic) if graphic.is_plain() => {
                Source::Vram { offset: graphic.start, stride: graphic.pitch }
            }
            Screen::Text(_) | Screen::Graphic(_) => Source::Converted,
        };
        let dirty = if same { self.changed(&screen) } else { self.all(&screen, size) };
        self.dirty.clear();
        self.shown.screen = Some(screen);
        self.shown.size = size;
        Picture { size, source, dirty }
    }

    /// The bytes of memory that the next [`picture`](Self::picture) is made of: who lends memory that the
    /// guest writes behind the device's back looks for changes there. Empty when it is made of none.
    pub fn watched(&self) -> Range<u32> {
        let (model, behaviour) = (self.model(), self.behaviour());
        let screen = Screen::of(&self.registers, model, behaviour, self.vram.len());
        match screen.as_ref().or(self.shown.screen.as_ref()) {
            None | Some(Screen::Blank) => 0..0,
            // Fonts are in the planes; QEMU's text goes on behind them.
            Some(Screen::Text(text)) => 0..text.end().max(screen::PLANES_LEN).min(self.vram.len()),
            Some(Screen::Graphic(graphic)) => {
                let (mut first, mut last) = (u32::MAX, 0);
                for line in graphic.lines() {
                    let start = line.address % graphic.span;
                    let end = start.saturating_add(graphic.line_len());
                    if end > graphic.span {
                        return 0..graphic.span;
                    }
                    (first, last) = (first.min(start), last.max(end));
                }
                first.min(last)..last
            }
        }
    }

    /// When the picture changes by itself next, in the time of [`advance`](Self::advance): there is
    /// text that blinks, or a cursor. Nothing else changes without the guest.
    pub fn next_change(&self) -> Option<Duration> {
        let registers = &self.registers;
        if screen::kind(registers, self.model()) != Kind::Text {
            return None;
        }
        let cursor = registers.crtc.cursor_shape(registers.crtc.row_lines());
        let cursor = cursor.map(|_| registers.blink.until());
        let text = registers.attribute.blinks().then(|| registers.blink.text_until());
        cursor.into_iter().chain(text).min()
    }

    /// Whether the fonts are others than those that characters were drawn with. Text that a guest writes into
    /// mapped memory lies between the lines of its font.
    fn fonts_changed(&self, is_text: bool) -> bool {
        let differ = || !is_text || self.shown.cells.fonts_differ(&self.vram, &self.dirty);
        self.dirty.fonts() || self.dirty.perhaps_fonts() && differ()
    }

    /// Whether the chip draws all characters anew, because of a register that QEMU does not heed.
    fn restyled(&self) -> bool {
        let (style, was) = (screen::phase(&self.registers).style, self.shown.cells.style());
        self.behaviour() == Behaviour::Hardware
            && (style.line_graphics, style.blinks) != (was.line_graphics, was.blinks)
    }

    /// Everything is shown anew.
    fn all(&mut self, screen: &Screen, size: Size) -> Vec<Range<u32>> {
        if let Screen::Text(text) = screen {
            let phase = screen::phase(&self.registers);
            let mut cells = std::mem::take(&mut self.shown.cells);
            cells.reload(text, phase, self.vram());
            self.shown.cells = cells;
        }
        std::iter::once(0..size.height).collect()
    }

    /// The same screen as before: what of it changed.
    fn changed(&mut self, screen: &Screen) -> Vec<Range<u32>> {
        let mut lines: Vec<Range<u32>> = Vec::new();
        let mut add = |range: Range<u32>| match lines.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => lines.push(range),
        };
        match screen {
            Screen::Blank => {}
            Screen::Text(text) => {
                let phase = screen::phase(&self.registers);
                let mut cells = std::mem::take(&mut self.shown.cells);
                cells.update(text, phase, (self.vram(), &self.dirty), add);
                self.shown.cells = cells;
            }
            Screen::Graphic(graphic) if self.dirty.any() => {
                for line in graphic.lines() {
                    let (start, len) = (line.address % graphic.span, graphic.line_len());
                    let end = start + len;
                    let wrapped = end > graphic.span
                        && self.dirty.touches(0..(end - graphic.span).min(graphic.span));
                    if wrapped || self.dirty.touches(start..end.min(graphic.span)) {
                        add(line.y..line.y + 1);
                    }
                }
            }
            Screen::Graphic(_) => {}
        }
        lines
    }
}
