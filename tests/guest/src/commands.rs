//! The lines of the control port: what a test may ask of the guest.
//!
//! A command is one line. The guest answers with any number of data lines that begin with `| `,
//! then with `ok` or `error TEXT`. Between answers it may send `STATE NAME` when it reaches a state
//! and `EV DEVICE TYPE CODE VALUE` for every input event.

use std::fmt;
use std::str::FromStr;

use crate::motion::Motion;
use crate::pattern::{Area, Pattern};

/// One order to the guest. A head is a connector, counted from zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Answers with a line for each head: index, name, state and modes.
    Heads,
    /// Draws a pattern (or a part of one) and shows it; sets the preferred mode if none is set.
    Draw {
        /// Which connector.
        head: usize,
        /// What to draw.
        pattern: Pattern,
        /// The pattern's seed.
        seed: u32,
        /// The part to draw; the whole picture when absent.
        area: Option<Area>,
    },
    /// Sets a mode from the head's list, with a black picture.
    Mode {
        /// Which connector.
        head: usize,
        /// Pixels from left to right.
        width: u16,
        /// Pixels from top to bottom.
        height: u16,
    },
    /// Flips pages `count` times, each with the next seed, and waits for each flip's event.
    Flip {
        /// Which connector.
        head: usize,
        /// What to draw.
        pattern: Pattern,
        /// The first page's seed.
        seed: u32,
        /// How many flips.
        count: u32,
    },
    /// Draws numbered frames for a while. Answers with `frames`, `microseconds` and `interrupts`, each
    /// followed by its number. The low byte of each frame's number goes to the I/O port 0xe9 right
    /// before the kernel is told of the frame.
    Animate {
        /// Which connector.
        head: usize,
        /// What changes.
        motion: Motion,
        /// The first frame's number.
        first: u32,
        /// For how long.
        milliseconds: u32,
        /// Microseconds from frame to frame at least; 0 for as many frames as can be.
        interval: u32,
        /// Up to so many microseconds are added to each interval.
        spread: u32,
    },
    /// Writes a pattern through the fbdev device.
    Framebuffer {
        /// What to draw.
        pattern: Pattern,
        /// The pattern's seed.
        seed: u32,
    },
    /// Shows a cursor of 64 by 64 pixels.
    CursorShow {
        /// Which connector.
        head: usize,
        /// What to draw in it.
        pattern: Pattern,
        /// The pattern's seed.
        seed: u32,
        /// The pixel of the image that points.
        hot: (i32, i32),
    },
    /// Moves the cursor's image to a position of the picture.
    CursorMove {
        /// Which connector.
        head: usize,
        /// Pixels from the left edge.
        x: i32,
        /// Pixels from the top edge.
        y: i32,
    },
    /// Hides the cursor.
    CursorHide {
        /// Which connector.
        head: usize,
    },
    /// Switches the head off.
    Off {
        /// Which connector.
        head: usize,
    },
    /// Waits until the head's preferred mode has this size.
    WaitSize {
        /// Which connector.
        head: usize,
        /// Pixels from left to right.
        width: u16,
        /// Pixels from top to bottom.
        height: u16,
    },
    /// Has a text copied in the guest, so many times over.
    Copy {
        /// How often.
        times: usize,
        /// The text, without a line's end.
        text: String,
    },
    /// Has nothing copied any more.
    Uncopy,
    /// Runs a line in busybox's shell and answers with what it prints.
    Shell(String),
    /// Ends the guest.
    PowerOff,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Heads => f.write_str("heads"),
            Command::Draw { head, pattern, seed, area: None } => {
                write!(f, "draw {head} {pattern} {seed}")
            }
            Command::Draw { head, pattern, seed, area: Some(area) } => {
                let Area { x, y, width, height } = area;
                write!(f, "draw {head} {pattern} {seed} {x} {y} {width} {height}")
            }
            Command::Mode { head, width, height } => write!(f, "mode {head} {width} {height}"),
            Command::Flip { head, pattern, seed, count } => {
                write!(f, "flip {head} {pattern} {seed} {count}")
            }
            Command::Animate { head, motion, first, milliseconds, interval, spread } => {
                write!(f, "animate {head} {motion} {first} {milliseconds} {interval} {spread}")
            }
            Command::Framebuffer { pattern, seed } => write!(f, "fb {pattern} {seed}"),
            Command::CursorShow { head, pattern, seed, hot: (x, y) } => {
                write!(f, "cursor-show {head} {pattern} {seed} {x} {y}")
            }
            Command::CursorMove { head, x, y } => write!(f, "cursor-move {head} {x} {y}"),
            Command::CursorHide { head } => write!(f, "cursor-hide {head}"),
            Command::Off { head } => write!(f, "off {head}"),
            Command::WaitSize { head, width, height } => {
                write!(f, "wait-size {head} {width} {height}")
            }
            Command::Copy { times, text } => write!(f, "copy {times} {text}"),
            Command::Uncopy => f.write_str("uncopy"),
            Command::Shell(line) => write!(f, "sh {line}"),
            Command::PowerOff => f.write_str("poweroff"),
        }
    }
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCommand(String);

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a command: {}", self.0)
    }
}

impl std::error::Error for BadCommand {}

/// The words of a line, taken one by one and converted.
struct Words<'a> {
    line: &'a str,
    words: std::str::SplitWhitespace<'a>,
}

impl Words<'_> {
    fn bad(&self) -> BadCommand {
        BadCommand(self.line.to_owned())
    }

    fn next<T: FromStr>(&mut self) -> Result<T, BadCommand> {
        let word = self.words.next().ok_or_else(|| self.bad())?;
        word.parse().map_err(|_| self.bad())
    }

    fn area(&mut self) -> Result<Option<Area>, BadCommand> {
        if self.words.clone().next().is_none() {
            return Ok(None);
        }
        let (x, y) = (self.next()?, self.next()?);
        Ok(Some(Area { x, y, width: self.next()?, height: self.next()? }))
    }
}

impl FromStr for Command {
    type Err = BadCommand;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let line = line.trim();
        if let Some(script) = line.strip_prefix("sh ") {
            return Ok(Command::Shell(script.to_owned()));
        }
        if let Some((times, text)) = line.strip_prefix("copy ").and_then(|l| l.split_once(' ')) {
            let times = times.parse().map_err(|_| BadCommand(line.to_owned()))?;
            return Ok(Command::Copy { times, text: text.to_owned() });
        }
        let mut words = Words { line, words: line.split_whitespace() };
        let name: String = words.next()?;
        let command = match name.as_str() {
            "heads" => Command::Heads,
            "uncopy" => Command::Uncopy,
            "poweroff" => Command::PowerOff,
            "draw" => Command::Draw {
                head: words.next()?,
                pattern: words.next()?,
                seed: words.next()?,
                area: words.area()?,
            },
            "mode" => {
                Command::Mode { head: words.next()?, width: words.next()?, height: words.next()? }
            }
            "flip" => Command::Flip {
                head: words.next()?,
                pattern: words.next()?,
                seed: words.next()?,
                count: words.next()?,
            },
            "animate" => Command::Animate {
                head: words.next()?,
                motion: words.next()?,
                first: words.next()?,
                milliseconds: words.next()?,
                interval: words.next()?,
                spread: words.next()?,
            },
            "fb" => Command::Framebuffer { pattern: words.next()?, seed: words.next()? },
            "cursor-show" => Command::CursorShow {
                head: words.next()?,
                pattern: words.next()?,
                seed: words.next()?,
                hot: (words.next()?, words.next()?),
            },
            "cursor-move" => {
                Command::CursorMove { head: words.next()?, x: words.next()?, y: words.next()? }
            }
            "cursor-hide" => Command::CursorHide { head: words.next()? },
            "off" => Command::Off { head: words.next()? },
            "wait-size" => Command::WaitSize {
                head: words.next()?,
                width: words.next()?,
                height: words.next()?,
            },
            _ => return Err(words.bad()),
        };
        if words.words.next().is_some() { Err(words.bad()) } else { Ok(command) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_round_trip() {
        let (head, pattern, seed) = (1, Pattern::Noise, 7);
        let area = Some(Area { x: 1, y: 2, width: 3, height: 4 });
        for command in [
            Command::Heads,
            Command::Draw { head, pattern, seed, area: None },
            Command::Draw { head, pattern, seed, area },
            Command::Mode { head, width: 1024, height: 768 },
            Command::Flip { head, pattern, seed, count: 3 },
            Command::Animate {
                head,
                motion: Motion::Window,
                first: 1,
                milliseconds: 2,
                interval: 3,
                spread: 4,
            },
            Command::Framebuffer { pattern, seed },
            Command::CursorShow { head, pattern, seed, hot: (3, 4) },
            Command::CursorMove { head, x: -5, y: 6 },
            Command::CursorHide { head },
            Command::Off { head },
            Command::WaitSize { head, width: 800, height: 600 },
            Command::Copy { times: 3, text: "a text ".trim().to_owned() },
            Command::Uncopy,
            Command::Shell("cat /proc/uptime | head -1".into()),
            Command::PowerOff,
        ] {
            assert_eq!(command.to_string().parse(), Ok(command));
        }
    }

    #[test]
    fn bad_lines_are_refused() {
        for line in ["", "draw", "draw 0 stripes 1", "draw 0 bars 1 2", "mode 0 1 2 3", "dance"] {
            assert_eq!(line.parse::<Command>(), Err(BadCommand(line.to_owned())));
        }
    }
}
