//! The objects of QEMU's display and what can be asked of them.

use porthole_client::texts::TYPES;
use porthole_dbus::{Call, Message, Value, Writer};
use porthole_pixel::Size;

use crate::connection::Output;

/// The name that QEMU has on a bus.
pub(crate) const NAME: &str = "org.qemu";
const VM: &str = "/org/qemu/Display1/VM";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(crate) const MOUSE: &str = "org.qemu.Display1.Mouse";
pub(crate) const KEYBOARD: &str = "org.qemu.Display1.Keyboard";
const TOUCH: &str = "org.qemu.Display1.MultiTouch";
pub(crate) const CONSOLE: &str = "org.qemu.Display1.Console";
/// Where QEMU has its clipboard, and calls ours.
pub(crate) const CLIPBOARD_PATH: &str = "/org/qemu/Display1/Clipboard";
pub(crate) const CLIPBOARD: &str = "org.qemu.Display1.Clipboard";
/// What was copied, not what is merely marked.
pub(crate) const SELECTION: u32 = 0;
/// The one type of copied things that QEMU knows.
pub(crate) const TEXT: &str = TYPES[0];

/// Calls to QEMU's display, on a bus or not.
#[derive(Debug)]
pub(crate) struct Calls<'a> {
    pub(crate) output: &'a mut Output,
    /// Its name on the bus.
    pub(crate) destination: Option<&'a str>,
}

/// The path of a console.
fn console(id: u32) -> String {
    format!("/org/qemu/Display1/Console_{id}")
}

impl Calls<'_> {
    fn call(&mut self, path: &str, (interface, member): (&str, &str), body: &Writer) -> u32 {
        let destination = self.destination;
        let call = Call { destination, path, interface, member, descriptors: 0 };
        self.output.call(&call, body)
    }

    /// All properties of the VM.
    pub(crate) fn vm(&mut self) -> u32 {
        let body = Writer::new().text("org.qemu.Display1.VM");
        self.call(VM, (PROPERTIES, "GetAll"), &body)
    }

    /// All properties of an interface of a console.
    fn all(&mut self, id: u32, interface: &str) -> u32 {
        self.call(&console(id), (PROPERTIES, "GetAll"), &Writer::new().text(interface))
    }

    /// How a console is.
    pub(crate) fn console(&mut self, id: u32) -> u32 {
        self.all(id, CONSOLE)
    }

    /// How its mouse is.
    pub(crate) fn mouse(&mut self, id: u32) -> u32 {
        self.all(id, MOUSE)
    }

    /// How its keyboard is.
    pub(crate) fn keyboard(&mut self, id: u32) -> u32 {
        self.all(id, KEYBOARD)
    }

    /// Asks to be shown what a console shows.
    pub(crate) fn listen(&mut self, id: u32, listener: std::os::fd::OwnedFd) -> u32 {
        let (destination, path) = (self.destination, console(id));
        let (path, interface, member) = (path.as_str(), CONSOLE, "RegisterListener");
        let call = Call { destination, path, interface, member, descriptors: 0 };
        self.output.call_with(&call, listener)
    }

    /// Asks the guest for another size.
    pub(crate) fn resize(&mut self, id: u32, millimetres: (u16, u16), size: (u32, u32)) -> u32 {
        let body = Writer::new().u16(millimetres.0).u16(millimetres.1).i32(0).i32(0);
        self.call(&console(id), (CONSOLE, "SetUIInfo"), &body.u32(size.0).u32(size.1))
    }

    /// Presses or releases a key.
    pub(crate) fn key(&mut self, id: u32, number: u32, pressed: bool) -> u32 {
        let member = if pressed { "Press" } else { "Release" };
        self.call(&console(id), (KEYBOARD, member), &Writer::new().u32(number))
    }

    /// Presses or releases a button.
    pub(crate) fn button(&mut self, id: u32, number: u32, pressed: bool) -> u32 {
        let member = if pressed { "Press" } else { "Release" };
        self.call(&console(id), (MOUSE, member), &Writer::new().u32(number))
    }

    /// Puts the pointer somewhere.
    pub(crate) fn point(&mut self, id: u32, (x, y): (u32, u32)) -> u32 {
        self.call(&console(id), (MOUSE, "SetAbsPosition"), &Writer::new().u32(x).u32(y))
    }

    /// Moves the pointer.
    pub(crate) fn travel(&mut self, id: u32, (dx, dy): (i32, i32)) -> u32 {
        self.call(&console(id), (MOUSE, "RelMotion"), &Writer::new().i32(dx).i32(dy))
    }

    /// A finger comes, moves or leaves.
    pub(crate) fn touch(&mut self, id: u32, (kind, slot): (u32, u64), (x, y): (f64, f64)) -> u32 {
        let body = Writer::new().u32(kind).u64(slot).f64(x).f64(y);
        self.call(&console(id), (TOUCH, "SendEvent"), &body)
    }
}

impl Calls<'_> {
    fn clipboard(&mut self, member: &str, body: &Writer) -> u32 {
        self.call(CLIPBOARD_PATH, (CLIPBOARD, member), body)
    }

    /// Asks to be told of the guest's clipboard.
    pub(crate) fn clipboard_register(&mut self) -> u32 {
        self.clipboard("Register", &Writer::new())
    }

    /// Lets go of who is told of the guest's clipboard.
    pub(crate) fn clipboard_unregister(&mut self) -> u32 {
        self.clipboard("Unregister", &Writer::new())
    }

    /// There is a text for the guest.
    pub(crate) fn clipboard_grab(&mut self, serial: u32) -> u32 {
        let body = Writer::new().u32(SELECTION).u32(serial).texts(&[TEXT]);
        self.clipboard("Grab", &body)
    }

    /// There is none any more.
    pub(crate) fn clipboard_release(&mut self) -> u32 {
        self.clipboard("Release", &Writer::new().u32(SELECTION))
    }

    /// Asks for the text that the guest has copied.
    pub(crate) fn clipboard_request(&mut self) -> u32 {
        let body = Writer::new().u32(SELECTION).texts(&[TEXT]);
        self.clipboard("Request", &body)
    }
}

/// What the bus itself is asked.
#[derive(Debug)]
pub(crate) struct BusCalls<'a>(pub(crate) &'a mut Output);

impl BusCalls<'_> {
    fn call(&mut self, member: &str, body: &Writer) -> u32 {
        let (path, interface) = ("/org/freedesktop/DBus", "org.freedesktop.DBus");
        let destination = Some(interface);
        let call = Call { destination, path, interface, member, descriptors: 0 };
        self.0.call(&call, body)
    }

    /// The first call of everybody.
    pub(crate) fn hello(&mut self) -> u32 {
        self.call("Hello", &Writer::new())
    }

    /// Asks to hear such signals.
    pub(crate) fn hear(&mut self, rule: &str) -> u32 {
        self.call("AddMatch", &Writer::new().text(rule))
    }

    /// Who has QEMU's name, and who would like to have it.
    pub(crate) fn owners(&mut self) -> u32 {
        self.call("ListQueuedOwners", &Writer::new().text(NAME))
    }
}

/// A VM, as it says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Vm {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) consoles: Vec<u32>,
}

/// A console, as it says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct About {
    pub(crate) label: String,
    pub(crate) head: u32,
    pub(crate) text: bool,
    pub(crate) size: Size,
    pub(crate) interfaces: Vec<String>,
}

/// The arguments of an answer with properties.
pub(crate) fn read_properties<'a>(
    message: &Message<'a>,
    each: impl FnMut(&'a str, Value<'a>),
) -> Result<(), porthole_dbus::Malformed> {
    message.arguments("a{sv}")?.properties(each)
}

impl Vm {
    /// Texts are cut to what a log line should hold.
    pub(crate) fn read(message: &Message<'_>) -> Result<Self, porthole_dbus::Malformed> {
        let mut vm = Self::default();
        read_properties(message, |name, value| match (name, value) {
            ("Name", Value::Text(text)) => vm.name = cut(text),
            ("UUID", Value::Text(text)) => vm.uuid = cut(text).to_ascii_lowercase(),
            ("ConsoleIDs", Value::U32s(ids)) => vm.consoles = ids,
            _ => {}
        })?;
        Ok(vm)
    }
}

impl About {
    pub(crate) fn read(message: &Message<'_>) -> Result<Self, porthole_dbus::Malformed> {
        let mut about = Self::default();
        read_properties(message, |name, value| match (name, value) {
            ("Label", Value::Text(text)) => about.label = cut(text),
            ("Head", Value::U32(head)) => about.head = head,
            ("Width", Value::U32(width)) => about.size.width = width,
            ("Height", Value::U32(height)) => about.size.height = height,
            ("Type", Value::Text(kind)) => about.text = kind == "Text",
            ("Interfaces", Value::Texts(list)) => {
                about.interfaces = list.into_iter().take(16).map(cut).collect();
            }
            _ => {}
        })?;
        Ok(about)
    }

    /// Whether the guest has a touch screen there.
    pub(crate) fn has_touch(&self) -> bool {
        self.interfaces.iter().any(|interface| interface == TOUCH)
    }
}

/// A text of QEMU's for a log line.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
