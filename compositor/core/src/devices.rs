//! The machine's own input devices: which rule is for which device, and where what it does goes.
//!
//! All of this is about values; files and events are the service's.

use std::{collections::BTreeMap, path::PathBuf};

use porthole_pixel::{Rect, Size};

use crate::config::Keymap;
use crate::name::Name;
use crate::scene::Point;

mod calibration;

#[cfg(test)]
mod tests;

pub use calibration::Calibration;

/// What a device can do. A device may be several of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// It has keys.
    Keyboard,
    /// It moves a pointer, or has one somewhere: mice, touchpads.
    Pointer,
    /// Fingers on a screen.
    Touch,
    /// A pen.
    Tablet,
}

impl Kind {
    /// What the configuration calls each.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("keyboard", Self::Keyboard),
        ("pointer", Self::Pointer),
        ("touch", Self::Touch),
        ("tablet", Self::Tablet),
    ];
}

/// What is known of a device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Described {
    /// Such as `Logitech USB Receiver`.
    pub model: String,
    /// Who made it, and the maker's number for it.
    pub id: (u32, u32),
    /// Its device file, and all links to that: below `/dev/input/by-id` and `/dev/input/by-path`.
    pub paths: Vec<PathBuf>,
    /// What it can do.
    pub kinds: Vec<Kind>,
    /// What else udev says of it, such as `ID_SEAT` or `ID_SERIAL`.
    pub properties: BTreeMap<String, String>,
}

/// Which devices a rule is for: those of which all is true that is said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Match {
    /// The model's name; a `*` in it stands for any text.
    pub model: Option<String>,
    /// Maker and number.
    pub id: Option<(u32, u32)>,
    /// The device file, or a link to it.
    pub path: Option<PathBuf>,
    /// What it can do.
    pub kind: Option<Kind>,
    /// What udev says of it.
    pub property: Option<Property>,
}

/// Something that udev says of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Property {
    /// Its name, such as `ID_SERIAL`.
    pub name: String,
    /// What it says, in which a `*` stands for any text; when absent, anything but nothing and 0.
    pub value: Option<String>,
}

impl Property {
    fn is_of(&self, device: &Described) -> bool {
        let said = device.properties.get(&self.name);
        said.is_some_and(|said| match &self.value {
            Some(value) => is_like(said, value),
            None => !matches!(said.as_str(), "" | "0"),
        })
    }
}

impl Match {
    /// Whether a device is meant.
    #[must_use]
    pub fn is_for(&self, device: &Described) -> bool {
        self.model.as_ref().is_none_or(|model| is_like(&device.model, model))
            && self.id.is_none_or(|id| id == device.id)
            && self.path.as_ref().is_none_or(|path| device.paths.contains(path))
            && self.kind.is_none_or(|kind| device.kinds.contains(&kind))
            && self.property.as_ref().is_none_or(|property| property.is_of(device))
    }
}

/// Whether a text is like a pattern, in which `*` stands for any text.
///
/// Takes time in proportion to the product of the lengths at most.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    // Without a star the pattern is all of the text.
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Where what a device does goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Destination {
    /// To the own seat of a port: whatever is shown there.
    Port(Name),
    /// To a seat of its own at a port, as a person at a viewer has: its own pointer and keyboard focus.
    Seat {
        /// The port.
        port: Name,
        /// The seat's name at the port.
        seat: Name,
    },
    /// To one guest, wherever that is shown; nobody else hears of it.
    Guest(Name),
    /// Nowhere: the device is left to others.
    Nowhere,
}

/// How a device is used. `None` leaves a thing as the device has it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Manner {
    /// How a pointer gains speed: -1 is slowest, 1 fastest.
    pub speed: Option<f64>,
    /// The pointer goes as far as the device, however fast that is moved.
    pub flat: Option<bool>,
    /// Scrolling moves the content, not the view.
    pub natural_scroll: Option<bool>,
    /// For the left hand: buttons are exchanged.
    pub left_handed: Option<bool>,
    /// Touching a touchpad shortly is a click.
    pub tap: Option<bool>,
    /// What becomes of places of absolute devices.
    pub calibration: Calibration,
    /// The part of the port, in its pixels, that the device covers; all of it when absent.
    pub area: Option<Rect>,
}

/// `[[device]]`: what is to become of some devices.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Which.
    pub devices: Match,
    /// Where what they do goes; where that of other devices goes when absent.
    pub to: Option<Destination>,
    /// The layout of a keyboard, for programs; guests have their own.
    pub keymap: Option<Keymap>,
    /// How they are used.
    pub manner: Manner,
}

/// What becomes of a device.
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    /// Where what it does goes.
    pub to: Destination,
    /// The layout of a keyboard, for programs.
    pub keymap: Keymap,
    /// How it is used.
    pub manner: Manner,
}

/// What becomes of a device: what the first rule for it says, and else where all go.
#[must_use]
pub fn assign(
    rules: &[Rule],
    device: &Described,
    otherwise: &Destination,
    keymap: &Keymap,
) -> Assignment {
    let rule = rules.iter().find(|rule| rule.devices.is_for(device));
    Assignment {
        to: rule.and_then(|rule| rule.to.clone()).unwrap_or_else(|| otherwise.clone()),
        keymap: rule.and_then(|rule| rule.keymap.clone()).unwrap_or_else(|| keymap.clone()),
        manner: rule.map(|rule| rule.manner).unwrap_or_default(),
    }
}

impl Manner {
    /// Where a place of an absolute device is on a port, as parts of the port; both are 0 to 1 from the
    /// left and upper edge. `area` is what the device covers where the rule does not say.
    #[must_use]
    pub fn place(&self, at: Point, port: Size, area: Option<Rect>) -> Point {
        let at = self.calibration.apply(at);
        let Some(area) = self.area.or(area) else { return at };
        let part = |at: f64, from: i32, covered: u32, all: u32| {
            (f64::from(from) + at * f64::from(covered)) / f64::from(all.max(1))
        };
        let size = area.size();
        Point {
            x: part(at.x, area.left(), size.width, port.width),
            y: part(at.y, area.top(), size.height, port.height),
        }
    }
}
