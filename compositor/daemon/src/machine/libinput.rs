//! libinput, which knows what each kind of input device means by what it says: scrolling wheels, touchpads,
//! pointer speed, pens, and the mistakes of single models.
//!
//! It is loaded when the configuration asks for the machine's own devices; the service starts without it.
//! Devices are added one by one, by path: it follows no udev by itself, so that nothing is opened that no
//! rule has looked at.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt, io,
    os::{
        fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    rc::Rc,
};

use porthole_core::{devices::Manner, scene::Point};
use rustix::ioctl::{IntegerSetter, ioctl, opcode};

use super::{MachineError, Session};
use crate::library::{self, functions};

functions! {
    /// What we use of libinput 1.19.
    Functions {
        create: c"libinput_path_create_context"(*const Interface, *mut c_void) -> *mut c_void;
        unref: c"libinput_unref"(*mut c_void) -> *mut c_void;
        get_fd: c"libinput_get_fd"(*mut c_void) -> c_int;
        dispatch: c"libinput_dispatch"(*mut c_void) -> c_int;
        get_event: c"libinput_get_event"(*mut c_void) -> *mut c_void;
        add_device: c"libinput_path_add_device"(*mut c_void, *const c_char) -> *mut c_void;
        remove_device: c"libinput_path_remove_device"(*mut c_void);
        ref_device: c"libinput_device_ref"(*mut c_void) -> *mut c_void;
        unref_device: c"libinput_device_unref"(*mut c_void) -> *mut c_void;
        lamps: c"libinput_device_led_update"(*mut c_void, u32);
        set_speed: c"libinput_device_config_accel_set_speed"(*mut c_void, f64) -> u32;
        set_profile: c"libinput_device_config_accel_set_profile"(*mut c_void, u32) -> u32;
        set_natural: c"libinput_device_config_scroll_set_natural_scroll_enabled"(*mut c_void, c_int) -> u32;
        set_left: c"libinput_device_config_left_handed_set"(*mut c_void, c_int) -> u32;
        set_tap: c"libinput_device_config_tap_set_enabled"(*mut c_void, u32) -> u32;
        event_destroy: c"libinput_event_destroy"(*mut c_void);
        event_type: c"libinput_event_get_type"(*mut c_void) -> u32;
        event_device: c"libinput_event_get_device"(*mut c_void) -> *mut c_void;
        as_key: c"libinput_event_get_keyboard_event"(*mut c_void) -> *mut c_void;
        key: c"libinput_event_keyboard_get_key"(*mut c_void) -> u32;
        key_state: c"libinput_event_keyboard_get_key_state"(*mut c_void) -> u32;
        as_pointer: c"libinput_event_get_pointer_event"(*mut c_void) -> *mut c_void;
        dx: c"libinput_event_pointer_get_dx"(*mut c_void) -> f64;
        dy: c"libinput_event_pointer_get_dy"(*mut c_void) -> f64;
        absolute_x: c"libinput_event_pointer_get_absolute_x_transformed"(*mut c_void, u32) -> f64;
        absolute_y: c"libinput_event_pointer_get_absolute_y_transformed"(*mut c_void, u32) -> f64;
        button: c"libinput_event_pointer_get_button"(*mut c_void) -> u32;
        button_state: c"libinput_event_pointer_get_button_state"(*mut c_void) -> u32;
        has_axis: c"libinput_event_pointer_has_axis"(*mut c_void, u32) -> c_int;
        scroll: c"libinput_event_pointer_get_scroll_value"(*mut c_void, u32) -> f64;
        scroll_v120: c"libinput_event_pointer_get_scroll_value_v120"(*mut c_void, u32) -> f64;
        as_touch: c"libinput_event_get_touch_event"(*mut c_void) -> *mut c_void;
        touch_slot: c"libinput_event_touch_get_slot"(*mut c_void) -> i32;
        touch_x: c"libinput_event_touch_get_x_transformed"(*mut c_void, u32) -> f64;
        touch_y: c"libinput_event_touch_get_y_transformed"(*mut c_void, u32) -> f64;
        as_pen: c"libinput_event_get_tablet_tool_event"(*mut c_void) -> *mut c_void;
        pen_x: c"libinput_event_tablet_tool_get_x_transformed"(*mut c_void, u32) -> f64;
        pen_y: c"libinput_event_tablet_tool_get_y_transformed"(*mut c_void, u32) -> f64;
        pen_tip: c"libinput_event_tablet_tool_get_tip_state"(*mut c_void) -> u32;
        pen_near: c"libinput_event_tablet_tool_get_proximity_state"(*mut c_void) -> u32;
        pen_pressure: c"libinput_event_tablet_tool_get_pressure"(*mut c_void) -> f64;
        pen_distance: c"libinput_event_tablet_tool_get_distance"(*mut c_void) -> f64;
        pen_tilt_x: c"libinput_event_tablet_tool_get_tilt_x"(*mut c_void) -> f64;
        pen_tilt_y: c"libinput_event_tablet_tool_get_tilt_y"(*mut c_void) -> f64;
        pen_rotation: c"libinput_event_tablet_tool_get_rotation"(*mut c_void) -> f64;
        pen_slider: c"libinput_event_tablet_tool_get_slider_position"(*mut c_void) -> f64;
        pen_turned: c"libinput_event_tablet_tool_wheel_has_changed"(*mut c_void) -> c_int;
        pen_degrees: c"libinput_event_tablet_tool_get_wheel_delta"(*mut c_void) -> f64;
        pen_clicks: c"libinput_event_tablet_tool_get_wheel_delta_discrete"(*mut c_void) -> c_int;
        pen_tool: c"libinput_event_tablet_tool_get_tool"(*mut c_void) -> *mut c_void;
        tool_type: c"libinput_tablet_tool_get_type"(*mut c_void) -> u32;
        tool_model: c"libinput_tablet_tool_get_tool_id"(*mut c_void) -> u64;
        tool_serial: c"libinput_tablet_tool_get_serial"(*mut c_void) -> u64;
        tool_is_unique: c"libinput_tablet_tool_is_unique"(*mut c_void) -> c_int;
        tool_has_pressure: c"libinput_tablet_tool_has_pressure"(*mut c_void) -> c_int;
        tool_has_distance: c"libinput_tablet_tool_has_distance"(*mut c_void) -> c_int;
        tool_has_tilt: c"libinput_tablet_tool_has_tilt"(*mut c_void) -> c_int;
        tool_has_rotation: c"libinput_tablet_tool_has_rotation"(*mut c_void) -> c_int;
        tool_has_slider: c"libinput_tablet_tool_has_slider"(*mut c_void) -> c_int;
        tool_has_wheel: c"libinput_tablet_tool_has_wheel"(*mut c_void) -> c_int;
        can: c"libinput_device_has_capability"(*mut c_void, u32) -> c_int;
        pen_button: c"libinput_event_tablet_tool_get_button"(*mut c_void) -> u32;
        pen_button_state: c"libinput_event_tablet_tool_get_button_state"(*mut c_void) -> u32;
    }
}

mod pen;
mod read;

pub(crate) use pen::PenEvent;

/// Numbers of `libinput.h`.
mod number {
    pub(super) const REMOVED: u32 = 2;
    pub(super) const KEY: u32 = 300;
    pub(super) const MOTION: u32 = 400;
    pub(super) const ABSOLUTE: u32 = 401;
    pub(super) const BUTTON: u32 = 402;
    pub(super) const WHEEL: u32 = 404;
    pub(super) const FINGERS: u32 = 405;
    pub(super) const CONTINUOUS: u32 = 406;
    pub(super) const TOUCH_DOWN: u32 = 500;
    pub(super) const TOUCH_UP: u32 = 501;
    pub(super) const TOUCH_MOTION: u32 = 502;
    pub(super) const TOUCH_CANCEL: u32 = 503;
    pub(super) const TOUCH_FRAME: u32 = 504;
    pub(super) const PEN_AXIS: u32 = 600;
    pub(super) const PEN_NEAR: u32 = 601;
    pub(super) const PEN_TIP: u32 = 602;
    pub(super) const PEN_BUTTON: u32 = 603;
    /// It has pens.
    pub(super) const CAN_PENS: u32 = 3;
    pub(super) const FLAT: u32 = 1;
    pub(super) const ADAPTIVE: u32 = 2;
}

/// `EVIOCGRAB` of `linux/input.h`.
const GRAB: rustix::ioctl::Opcode = opcode::write::<c_int>(b'E', 0x90);

/// A device that is open. Numbers are never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct DeviceId(u64);

impl DeviceId {
    /// Names its fingers. Virtual devices count from 0, windows from the largest number down.
    pub(crate) const fn number(self) -> u64 {
        self.0 | 1 << 62
    }
}

/// What a device did. Places are 0 to 1 from the device's left and upper edge.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Event {
    Key {
        code: u32,
        pressed: bool,
    },
    Motion {
        dx: f64,
        dy: f64,
    },
    Place(Point),
    Button {
        code: u32,
        pressed: bool,
    },
    Scroll {
        source: Scroll,
        axis: Axis,
        value: f64,
        v120: f64,
    },
    Finger(FingerEvent),
    Pen(PenEvent),
    /// It is gone: nothing comes any more.
    Removed,
}

/// What fingers did, by their numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum FingerEvent {
    Down(i32, Point),
    Motion(i32, Point),
    Up(i32),
    /// What all of them did was not meant.
    Cancel,
    /// What came before belongs together.
    Frame,
}

/// What a person scrolls by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scroll {
    Wheel,
    /// Of a touchpad; ends with a value of 0.
    Fingers,
    Continuous,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Axis {
    Vertical,
    Horizontal,
}

/// How libinput opens and closes files.
#[repr(C)]
#[derive(Debug)]
struct Interface {
    open: extern "C" fn(*const c_char, c_int, *mut c_void) -> c_int,
    close: extern "C" fn(c_int, *mut c_void),
}

static INTERFACE: Interface = Interface { open: open_restricted, close: close_restricted };

extern "C" fn open_restricted(path: *const c_char, _: c_int, session: *mut c_void) -> c_int {
    // SAFETY: libinput passes a text that ends with a zero byte, for this call.
    let path = unsafe { CStr::from_ptr(path) };
    // SAFETY: the pointer that `Devices::new` gave, to a session that lives as long as the context, and
    // is never changed through another reference.
    let session = unsafe { &*session.cast::<Session>() };
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    match session.open(path) {
        Ok(fd) => fd.into_raw_fd(),
        Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
    }
}

extern "C" fn close_restricted(fd: c_int, session: *mut c_void) {
    // SAFETY: as in `open_restricted`.
    let session = unsafe { &*session.cast::<Session>() };
    // SAFETY: it came from `open_restricted`, and libinput uses it no more.
    session.close(unsafe { OwnedFd::from_raw_fd(fd) });
}

/// Nobody else hears an input device any more, the kernel's console neither.
pub(super) fn grab(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: the kernel's interface says that the argument of this command is a number.
    let grab = unsafe { IntegerSetter::<GRAB>::new_usize(1) };
    // SAFETY: the command changes who is told of events, and no memory.
    Ok(unsafe { ioctl(fd, grab) }?)
}

impl Functions {
    /// Loads the library.
    fn open() -> Result<Self, MachineError> {
        // SAFETY: loading libinput runs its initialisers and those of libudev and libevdev, which
        // only prepare their own memory.
        let find = unsafe { library::open("libinput.so.10") }
            .map_err(|error| MachineError::Library(error.to_string()))?;
        // SAFETY: libinput.h, whose version is in the library's name, declares these functions so; the
        // library is never unloaded.
        Ok(unsafe { Self::load(find) }?)
    }
}

/// The devices that are open.
pub(crate) struct Devices {
    functions: Functions,
    context: *mut c_void,
    /// libinput's own epoll.
    fd: RawFd,
    session: Rc<Session>,
    open: BTreeMap<DeviceId, *mut c_void>,
    next: u64,
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").field("open", &self.open.keys()).finish_non_exhaustive()
    }
}

impl AsFd for Devices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the context has it open as long as it is there, and so are we.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl Devices {
    /// Loads the library. No device is open yet.
    ///
    /// # Errors
    /// When it is not there, or too old.
    pub(crate) fn new(session: Rc<Session>) -> Result<Self, MachineError> {
        let functions = Functions::open()?;
        let data = Rc::as_ptr(&session).cast_mut().cast();
        // SAFETY: the interface is static, and the session lives as long as the context: both are ours.
        let context = unsafe { (functions.create)(&raw const INTERFACE, data) };
        if context.is_null() {
            return Err(MachineError::Context);
        }
        // SAFETY: the context is there.
        let fd = unsafe { (functions.get_fd)(context) };
        Ok(Self { functions, context, fd, session, open: BTreeMap::new(), next: 0 })
    }

    /// Opens a device that udev has described.
    ///
    /// # Errors
    /// Says why the session could not open it, or that libinput does not know such a device.
    pub(crate) fn add(&mut self, path: &Path, manner: &Manner) -> Result<DeviceId, MachineError> {
        let unknown = || MachineError::Unknown(path.display().to_string());
        let file = CString::new(path.as_os_str().as_bytes()).map_err(|_| unknown())?;
        // SAFETY: a context that is there, and a text that ends with a zero byte.
        let device = unsafe { (self.functions.add_device)(self.context, file.as_ptr()) };
        if device.is_null() {
            return Err(self.session.take_failure(path));
        }
        // SAFETY: the device that libinput just made.
        let device = unsafe { (self.functions.ref_device)(device) };
        self.next += 1;
        let id = DeviceId(self.next);
        self.open.insert(id, device);
        self.set_manner(id, manner);
        Ok(id)
    }

    /// Has a new device be used in a manner. What a kind of device does not have is not set.
    fn set_manner(&self, id: DeviceId, manner: &Manner) {
        let Some(device) = self.open.get(&id).copied() else { return };
        let with = &self.functions;
        if let Some(speed) = manner.speed {
            // SAFETY: a device that is held, as in the other calls below; the functions refuse what a
            // device cannot do.
            unsafe { (with.set_speed)(device, speed) };
        }
        if let Some(flat) = manner.flat {
            let profile = if flat { number::FLAT } else { number::ADAPTIVE };
            // SAFETY: as above.
            unsafe { (with.set_profile)(device, profile) };
        }
        if let Some(natural) = manner.natural_scroll {
            // SAFETY: as above.
            unsafe { (with.set_natural)(device, natural.into()) };
        }
        if let Some(left) = manner.left_handed {
            // SAFETY: as above.
            unsafe { (with.set_left)(device, left.into()) };
        }
        if let Some(tap) = manner.tap {
            // SAFETY: as above.
            unsafe { (with.set_tap)(device, tap.into()) };
        }
    }

    /// Closes a device; nothing is heard of it any more, not even that it lets go of what it holds.
    pub(crate) fn remove(&mut self, id: DeviceId) {
        if let Some(device) = self.open.remove(&id) {
            // SAFETY: a device that is held.
            unsafe { (self.functions.remove_device)(device) };
            // SAFETY: held since it was added, and used no more.
            unsafe { (self.functions.unref_device)(device) };
        }
    }

    /// Lights lamps of a keyboard: 1 is Num Lock, 2 Caps Lock, 4 Scroll Lock.
    pub(crate) fn light(&self, id: DeviceId, lamps: u32) {
        if let Some(device) = self.open.get(&id) {
            // SAFETY: a device that is held.
            unsafe { (self.functions.lamps)(*device, lamps) };
        }
    }

    /// Whether a device has pens: one with buttons for a tablet has none.
    pub(crate) fn has_pens(&self, id: DeviceId) -> bool {
        self.open.get(&id).is_some_and(|device| {
            // SAFETY: a device that is held.
            unsafe { (self.functions.can)(*device, number::CAN_PENS) != 0 }
        })
    }

    /// Takes what devices did.
    pub(crate) fn take(&mut self) -> Vec<(DeviceId, Event)> {
        let mut events = Vec::new();
        // SAFETY: the context is there. What fails is tried again when something comes.
        unsafe { (self.functions.dispatch)(self.context) };
        loop {
            // SAFETY: the context is there.
            let event = unsafe { (self.functions.get_event)(self.context) };
            if event.is_null() {
                return events;
            }
            // SAFETY: an event that was not destroyed.
            let device = unsafe { (self.functions.event_device)(event) };
            let of = self.open.iter().find(|(_, open)| **open == device).map(|(id, _)| *id);
            if let Some(id) = of {
                self.read(event, &mut |event| events.push((id, event)));
                // Not what another device said before, if this one's event tells nothing.
                if events.last() == Some(&(id, Event::Removed)) {
                    self.forget(id);
                }
            }
            // SAFETY: ours, and used no more.
            unsafe { (self.functions.event_destroy)(event) };
        }
    }

    /// A device is gone by itself.
    fn forget(&mut self, id: DeviceId) {
        if let Some(device) = self.open.remove(&id) {
            // SAFETY: held since it was added, and used no more.
            unsafe { (self.functions.unref_device)(device) };
        }
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        let open: Vec<DeviceId> = self.open.keys().copied().collect();
        open.into_iter().for_each(|id| self.remove(id));
        // SAFETY: ours, and used no more. It closes what it has open through the session, which is still
        // there.
        unsafe { (self.functions.unref)(self.context) };
    }
}
