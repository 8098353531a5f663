//! What udev says of a device, read from where it keeps that; and the same said in its place where no udev
//! runs, because libinput looks there too.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use porthole_core::devices::{Described, Kind};

use super::MachineError;

/// Where input devices' files are.
pub(super) const DEVICES: &str = "/dev/input";
/// Where udev keeps what it knows.
pub(super) const DATABASE: &str = "/run/udev/data";
/// There while udev runs.
const CONTROL: &str = "/run/udev/control";
const SYSTEM: &str = "/sys/class/input";
/// What udev writes about a device is some hundred bytes.
const LONGEST: u64 = 64 << 10;
/// How an entry begins that we wrote. One that says when it was made is whole; udev writes microseconds
/// since the start.
const OURS: &str = "I:1\n";

/// What was found out about a device file.
#[derive(Debug)]
pub(crate) enum Found {
    /// It can be used.
    Ready(Described),
    /// udev has not said yet what it is.
    NotYet,
    /// It is nothing that people type or point with.
    Other,
}

/// The folders in which files are written for input devices: their own, and where what they are is said if
/// udev does not run. With `make` they are made if they are not there, because rules are for what is there.
pub(crate) fn needed(make: bool) -> Vec<&'static Path> {
    let own = [DEVICES, DATABASE].map(Path::new);
    let own: Vec<_> = own.into_iter().filter(|f| f.ends_with("input") || !runs()).collect();
    if make {
        own.iter().for_each(|folder| drop(fs::create_dir_all(folder)));
        crate::confine::keep(Path::new(DEVICES));
    }
    own
}

/// Whether udev runs.
pub(crate) fn runs() -> bool {
    Path::new(CONTROL).exists()
}

/// All input devices' files, in the kernel's order.
pub(crate) fn devices() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEVICES).into_iter().flatten().flatten();
    let number = |path: &Path| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix("event")?.parse().ok()
    };
    let mut devices: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    devices.retain(|path| number(path).is_some());
    devices.sort_by_key(|path| number(path));
    devices
}

/// What udev's file about a device file is called.
pub(crate) fn entry_of(path: &Path) -> Option<String> {
    let number = text(&Path::new(SYSTEM).join(path.file_name()?).join("dev"))?;
    Some(format!("c{number}"))
}

/// What is known of a device. `named` are paths of rules, which may be links to it. Of one that `is_new`
/// udev has not spoken yet, but perhaps of another one that had its number before.
///
/// # Errors
/// When nobody has said what it is, and we cannot either.
pub(crate) fn look(path: &Path, named: &[PathBuf], is_new: bool) -> Result<Found, MachineError> {
    let Some(name) = path.file_name() else { return Ok(Found::Other) };
    let system = Path::new(SYSTEM).join(name);
    let Some(entry) = entry_of(path) else { return Ok(Found::NotYet) };
    let (entry, udev) = (Path::new(DATABASE).join(entry), runs());
    if udev && is_new {
        return Ok(Found::NotYet);
    }
    let said = said(&entry, udev, || Abilities::of(&system)).map_err(MachineError::NoUdev)?;
    let Some(properties) = said else { return Ok(Found::NotYet) };
    let kinds = kinds(&properties);
    if kinds.is_empty() || says(&properties, "LIBINPUT_IGNORE_DEVICE") {
        return Ok(Found::Other);
    }
    let of = |file: &str| text(&system.join("device").join(file)).unwrap_or_default();
    let number = |file: &str| u32::from_str_radix(&of(file), 16).unwrap_or_default();
    let mut paths = vec![path.to_owned()];
    let same = |other: &&PathBuf| fs::canonicalize(other).is_ok_and(|other| other == path);
    paths.extend(named.iter().filter(same).cloned());
    let id = (number("id/vendor"), number("id/product"));
    Ok(Found::Ready(Described { model: of("name"), id, paths, kinds, properties }))
}

/// What is said of a device in its entry, which we write where no udev does; `None` before udev has.
///
/// # Errors
/// When it cannot be written.
fn said(
    entry: &Path,
    udev: bool,
    abilities: impl FnOnce() -> Abilities,
) -> io::Result<Option<Properties>> {
    let known = text(entry);
    match known {
        Some(known) if udev || !known.starts_with(OURS) => return Ok(Some(properties(&known))),
        None if udev => return Ok(None),
        _ => {}
    }
    // What we wrote stays when its device goes, and the next device may get the same number.
    let properties = abilities().properties();
    write(entry, known.as_deref(), &properties)?;
    Ok(Some(properties))
}

/// A small file's text.
fn text(path: &Path) -> Option<String> {
    use io::Read as _;
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text.trim_end().to_owned())
}

type Properties = BTreeMap<String, String>;

/// The lines about properties are `E:NAME=VALUE`.
fn properties(text: &str) -> Properties {
    let pairs = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn says(properties: &Properties, name: &str) -> bool {
    properties.get(name).is_some_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// What udev's words mean. Lids, joysticks and sensors are none of these.
fn kinds(properties: &Properties) -> Vec<Kind> {
    let words: [(Kind, &[&str]); 4] = [
        (Kind::Keyboard, &["ID_INPUT_KEYBOARD", "ID_INPUT_KEY"]),
        (
            Kind::Pointer,
            &[
                "ID_INPUT_MOUSE",
                "ID_INPUT_TOUCHPAD",
                "ID_INPUT_POINTINGSTICK",
                "ID_INPUT_TRACKBALL",
            ],
        ),
        (Kind::Touch, &["ID_INPUT_TOUCHSCREEN"]),
        (Kind::Tablet, &["ID_INPUT_TABLET"]),
    ];
    let is = |words: &[&str]| words.iter().any(|word| says(properties, word));
    words.into_iter().filter(|(_, words)| is(words)).map(|(kind, _)| kind).collect()
}

/// Says of a device what udev would, unless that is what the entry says.
fn write(entry: &Path, known: Option<&str>, properties: &Properties) -> io::Result<()> {
    let lines = properties.iter().map(|(name, value)| format!("E:{name}={value}\n"));
    let text: String = std::iter::once(OURS.to_owned()).chain(lines).collect();
    if known == Some(text.trim_end()) {
        return Ok(());
    }
    entry.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(entry, text)
}

/// The kernel's bits for what a device has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Abilities {
    keys: Vec<u64>,
    relative: Vec<u64>,
    absolute: Vec<u64>,
    /// What it is like, such as a screen that is touched directly.
    properties: Vec<u64>,
}

/// Codes of `linux/input-event-codes.h`.
mod code {
    pub(super) const LETTERS_AND_DIGITS: std::ops::Range<u32> = 1..32;
    pub(super) const KEYS_BELOW: u32 = 0x100;
    pub(super) const KEYS_ABOVE: std::ops::Range<u32> = 0x160..0x220;
    pub(super) const MOUSE_BUTTON: u32 = 0x110;
    pub(super) const JOYSTICK_BUTTONS: std::ops::Range<u32> = 0x120..0x140;
    pub(super) const PEN: u32 = 0x140;
    pub(super) const FINGER: u32 = 0x145;
    pub(super) const TOUCH: u32 = 0x14a;
    pub(super) const STYLUS: u32 = 0x14b;
    pub(super) const X: u32 = 0;
    pub(super) const Y: u32 = 1;
    pub(super) const MANY_X: u32 = 0x35;
    pub(super) const MANY_Y: u32 = 0x36;
    pub(super) const DIRECT: u32 = 1;
}

impl Abilities {
    fn of(system: &Path) -> Self {
        let device = system.join("device");
        let bits = |file: &str| bits(&text(&device.join(file)).unwrap_or_default());
        Self {
            keys: bits("capabilities/key"),
            relative: bits("capabilities/rel"),
            absolute: bits("capabilities/abs"),
            properties: bits("properties"),
        }
    }

    /// What udev would say of it.
    fn properties(&self) -> Properties {
        let key = |code| has(&self.keys, code);
        let direct = has(&self.properties, code::DIRECT);
        let at = has(&self.absolute, code::X) && has(&self.absolute, code::Y);
        let many = has(&self.absolute, code::MANY_X) && has(&self.absolute, code::MANY_Y);
        let moves = has(&self.relative, code::X) && has(&self.relative, code::Y);
        let pen = at && (key(code::PEN) || key(code::STYLUS));
        let touched = !pen && (many || at && key(code::TOUCH));
        let pad = touched && !direct && key(code::FINGER);
        let screen = touched && direct;
        let mouse = key(code::MOUSE_BUTTON) && (moves || at && !pen && !pad && !screen);
        // What has such buttons beside axes is a joystick, whatever else it has.
        let joystick = at && !mouse && code::JOYSTICK_BUTTONS.into_iter().any(key);
        let keys = (1..code::KEYS_BELOW).chain(code::KEYS_ABOVE).any(key);
        let words = [
            ("ID_INPUT_KEY", keys && !joystick),
            ("ID_INPUT_KEYBOARD", code::LETTERS_AND_DIGITS.into_iter().all(key)),
            ("ID_INPUT_MOUSE", mouse),
            ("ID_INPUT_TOUCHPAD", pad),
            ("ID_INPUT_TOUCHSCREEN", screen && !joystick),
            ("ID_INPUT_TABLET", pen),
            ("ID_INPUT_JOYSTICK", joystick),
        ];
        let said = words.into_iter().filter(|(_, is)| *is).map(|(word, _)| word);
        let said = said.chain(["ID_INPUT"]);
        said.map(|word| (word.to_owned(), "1".to_owned())).collect()
    }
}

/// Words of 64 bits, the one with the highest bits first.
fn bits(text: &str) -> Vec<u64> {
    let words = text.split_ascii_whitespace().rev();
    words.map(|word| u64::from_str_radix(word, 16).unwrap_or_default()).collect()
}

fn has(bits: &[u64], bit: u32) -> bool {
    let word = usize::try_from(bit / 64).ok().and_then(|index| bits.get(index));
    word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds_of(keys: &str, relative: &str, absolute: &str, direct: &str) -> Vec<Kind> {
        let abilities = Abilities {
            keys: bits(keys),
            relative: bits(relative),
            absolute: bits(absolute),
            properties: bits(direct),
        };
        kinds(&abilities.properties())
    }

    #[test]
    fn devices_are_told_apart_by_what_they_have() {
        // As the kernel has them in /sys.
        let keyboard = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe";
        assert_eq!(kinds_of(keyboard, "0", "0", "0"), [Kind::Keyboard]);
        assert_eq!(kinds_of("1f0000 0 0 0 0", "103", "0", "0"), [Kind::Pointer], "a mouse");
        assert_eq!(kinds_of("70000 0 0 0 0", "100", "3", "0"), [Kind::Pointer], "QEMU's tablet");
        let pad = "e520 10000 0 0 0 0";
        assert_eq!(kinds_of(pad, "0", "660800011000003", "5"), [Kind::Pointer], "a touchpad");
        assert_eq!(kinds_of("400 0 0 0 0 0", "0", "665000000000003", "2"), [Kind::Touch]);
        assert_eq!(kinds_of("1c03 0 0 0 0 0", "0", "1000003", "2"), [Kind::Tablet]);
        assert_eq!(kinds_of("10000000000000 0", "0", "0", "0"), [Kind::Keyboard], "a power button");
        assert_eq!(kinds_of("7fdb000000000000 0 0 0 0", "0", "3003f", "0"), [], "a joystick");
        assert_eq!(kinds_of("0", "0", "7", "0"), [], "an accelerometer");
        assert_eq!(kinds_of("", "", "", ""), []);
    }

    #[test]
    fn what_udev_wrote_is_read() {
        let text = "I:6543\nE:ID_INPUT=1\nE:ID_INPUT_KEYBOARD=1\nE:ID_INPUT_MOUSE=0\nG:seat\nV:1";
        assert_eq!(kinds(&properties(text)), [Kind::Keyboard]);
        assert!(kinds(&properties("E:\nE:=\nnonsense\nE:ID_INPUT_TOUCHSCREEN")).is_empty());
        // What is too long is cut.
        let file = tempfile::NamedTempFile::new().unwrap();
        let long = format!("E:ID_INPUT_KEYBOARD=1\n{}E:LAST=1", "E:X=1\n".repeat(20_000));
        std::fs::write(file.path(), long).unwrap();
        let read = super::text(file.path()).unwrap();
        // But for the white space at its end.
        assert!((LONGEST - 8..=LONGEST).contains(&u64::try_from(read.len()).unwrap()));
        assert!(!properties(&read).contains_key("LAST"));
        assert_eq!(kinds(&properties(&read)), [Kind::Keyboard]);
    }

    #[test]
    fn what_was_said_of_a_device_is_not_believed_of_the_next() {
        let abilities = |keys: &str| Abilities {
            keys: bits(keys),
            relative: bits("103"),
            ..Abilities::default()
        };
        let keyboard = || abilities("402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe");
        let mouse = || abilities("1f0000 0 0 0 0");
        let folder = tempfile::tempdir().unwrap();
        let entry = folder.path().join("data/c13:64");
        let said = |udev, device: &dyn Fn() -> Abilities| {
            said(&entry, udev, device).unwrap().map(|said| kinds(&said))
        };
        assert_eq!(said(true, &keyboard), None, "udev has not said yet");
        assert_eq!(said(false, &keyboard), Some(vec![Kind::Keyboard]));
        let first = fs::read_to_string(&entry).unwrap();
        assert_eq!(said(false, &mouse), Some(vec![Kind::Pointer]), "it has the number now");
        let second = fs::read_to_string(&entry).unwrap();
        assert_ne!(first, second, "libinput reads it too");
        let epoch = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().append(true).open(&entry).unwrap().set_modified(epoch).unwrap();
        assert_eq!(said(false, &mouse), Some(vec![Kind::Pointer]));
        let written = fs::metadata(&entry).unwrap().modified().unwrap();
        assert_eq!(written, epoch, "nothing else is to be said");
        // udev's own counts, whether it still runs or not.
        fs::remove_file(&entry).unwrap();
        fs::write(&entry, "I:6543\nE:ID_INPUT_TOUCHSCREEN=1\n").unwrap();
        assert_eq!(said(false, &mouse), Some(vec![Kind::Touch]));
        assert_eq!(said(true, &mouse), Some(vec![Kind::Touch]));
    }
}
