//! What WLCS calls, in the form of its C headers (`wlcs/display_server.h`, `pointer.h`, `touch.h`).
//!
//! Each structure that WLCS gets begins with the functions that it may call; what is ours lies behind.
//! WLCS has one thread for these calls.

use std::ffi::{c_char, c_int};
use std::fmt::Display;
use std::os::fd::RawFd;

use crate::server::{Pointer, Server, Touch};

#[repr(C)]
struct Extension {
    name: *const c_char,
    version: u32,
}

#[repr(C)]
struct Descriptor {
    version: u32,
    count: usize,
    extensions: *const Extension,
}

/// What is described may be read by every thread: it never changes.
#[repr(transparent)]
struct Shared<T>(T);
// SAFETY: the pointers in it point to constants.
unsafe impl<T> Sync for Shared<T> {}

static EXTENSIONS: Shared<[Extension; 12]> = Shared([
    Extension { name: c"wl_compositor".as_ptr(), version: 6 },
    Extension { name: c"wl_subcompositor".as_ptr(), version: 1 },
    Extension { name: c"wl_shm".as_ptr(), version: 2 },
    Extension { name: c"wl_seat".as_ptr(), version: 9 },
    Extension { name: c"wl_output".as_ptr(), version: 4 },
    Extension { name: c"wl_data_device_manager".as_ptr(), version: 3 },
    Extension { name: c"xdg_wm_base".as_ptr(), version: 6 },
    Extension { name: c"wp_viewporter".as_ptr(), version: 1 },
    Extension { name: c"zwp_primary_selection_device_manager_v1".as_ptr(), version: 1 },
    Extension { name: c"zwp_relative_pointer_manager_v1".as_ptr(), version: 1 },
    Extension { name: c"zwp_pointer_constraints_v1".as_ptr(), version: 1 },
    Extension { name: c"zxdg_output_manager_v1".as_ptr(), version: 3 },
]);

static DESCRIPTOR: Shared<Descriptor> =
    Shared(Descriptor { version: 1, count: 12, extensions: (&raw const EXTENSIONS).cast() });

#[repr(C)]
struct DisplayServer {
    version: u32,
    start: extern "C" fn(*mut DisplayServer),
    stop: extern "C" fn(*mut DisplayServer),
    connect: extern "C" fn(*mut DisplayServer) -> c_int,
    place: extern "C" fn(*mut DisplayServer, *mut ClientDisplay, *mut u8, c_int, c_int),
    pointer: extern "C" fn(*mut DisplayServer) -> *mut PointerDevice,
    touch: extern "C" fn(*mut DisplayServer) -> *mut TouchDevice,
    descriptor: extern "C" fn(*const DisplayServer) -> *const Descriptor,
    start_here: Option<extern "C" fn(*mut DisplayServer, *mut u8)>,
    /// Ours; none before the start and after the stop.
    server: Option<Server>,
}

/// A `wl_display` of the client library that WLCS uses.
#[repr(C)]
struct ClientDisplay([u8; 0]);

#[repr(C)]
struct PointerDevice {
    version: u32,
    move_to: extern "C" fn(*mut PointerDevice, i32, i32),
    move_by: extern "C" fn(*mut PointerDevice, i32, i32),
    up: extern "C" fn(*mut PointerDevice, c_int),
    down: extern "C" fn(*mut PointerDevice, c_int),
    destroy: extern "C" fn(*mut PointerDevice),
    device: Pointer,
}

#[repr(C)]
struct TouchDevice {
    version: u32,
    down: extern "C" fn(*mut TouchDevice, i32, i32),
    move_to: extern "C" fn(*mut TouchDevice, i32, i32),
    up: extern "C" fn(*mut TouchDevice),
    destroy: extern "C" fn(*mut TouchDevice),
    device: Touch,
}

#[repr(C)]
struct Integration {
    version: u32,
    create: extern "C" fn(c_int, *const *const c_char) -> *mut DisplayServer,
    destroy: extern "C" fn(*mut DisplayServer),
}

/// The symbol that WLCS looks for.
// SAFETY: the name is the one of WLCS's header, and nothing else here has it.
#[unsafe(no_mangle)]
static wlcs_server_integration: Integration = Integration { version: 1, create, destroy };

// SAFETY: the declaration is that of wayland-client-core.h; WLCS is linked to that library.
unsafe extern "C" {
    fn wl_display_get_fd(display: *mut ClientDisplay) -> RawFd;
}

/// Borrows what WLCS hands back.
fn given<'a, T>(pointer: *mut T) -> &'a mut T {
    // SAFETY: WLCS hands back what it got from here, in one thread, until it has it destroyed.
    unsafe { &mut *pointer }
}

/// Takes back what was given away.
fn back<T>(pointer: *mut T) {
    // SAFETY: it came from a box of this type, and WLCS does not use it any more.
    drop(unsafe { Box::from_raw(pointer) });
}

/// A failure is the test's: WLCS sees that nothing came of the call.
#[expect(clippy::print_stderr, reason = "WLCS shows what its servers write")]
fn told<T>(outcome: Result<T, impl Display>) -> Option<T> {
    outcome.map_err(|error| eprintln!("porthole-wlcs: {error}")).ok()
}

extern "C" fn create(_: c_int, _: *const *const c_char) -> *mut DisplayServer {
    Box::into_raw(Box::new(DisplayServer {
        version: 2,
        start,
        stop,
        connect,
        place,
        pointer,
        touch,
        descriptor,
        start_here: None,
        server: None,
    }))
}

extern "C" fn destroy(server: *mut DisplayServer) {
    back(server);
}

extern "C" fn start(server: *mut DisplayServer) {
    given(server).server = told(Server::start());
}

extern "C" fn stop(server: *mut DisplayServer) {
    given(server).server = None;
}

extern "C" fn connect(server: *mut DisplayServer) -> c_int {
    given(server).server.as_mut().and_then(|server| told(server.connect())).unwrap_or(-1)
}

extern "C" fn place(
    server: *mut DisplayServer,
    display: *mut ClientDisplay,
    _: *mut u8,
    x: c_int,
    y: c_int,
) {
    // SAFETY: WLCS passes a display of its own that is connected.
    let client = unsafe { wl_display_get_fd(display) };
    if let Some(server) = &mut given(server).server {
        told(server.place(client, x, y));
    }
}

extern "C" fn pointer(server: *mut DisplayServer) -> *mut PointerDevice {
    let device = given(server).server.as_ref().and_then(|server| told(server.pointer()));
    device.map_or(std::ptr::null_mut(), |device| {
        Box::into_raw(Box::new(PointerDevice {
            version: 1,
            move_to: pointer_to,
            move_by: pointer_by,
            up: button_up,
            down: button_down,
            destroy: destroy_pointer,
            device,
        }))
    })
}

extern "C" fn pointer_to(pointer: *mut PointerDevice, x: i32, y: i32) {
    told(given(pointer).device.move_to(x, y));
}

extern "C" fn pointer_by(pointer: *mut PointerDevice, dx: i32, dy: i32) {
    told(given(pointer).device.move_by(dx, dy));
}

extern "C" fn button_up(pointer: *mut PointerDevice, code: c_int) {
    told(given(pointer).device.button(code, false));
}

extern "C" fn button_down(pointer: *mut PointerDevice, code: c_int) {
    told(given(pointer).device.button(code, true));
}

extern "C" fn destroy_pointer(pointer: *mut PointerDevice) {
    back(pointer);
}

extern "C" fn touch(server: *mut DisplayServer) -> *mut TouchDevice {
    let device = given(server).server.as_ref().and_then(|server| told(server.touch()));
    device.map_or(std::ptr::null_mut(), |device| {
        Box::into_raw(Box::new(TouchDevice {
            version: 1,
            down: touch_down,
            move_to: touch_to,
            up: touch_up,
            destroy: destroy_touch,
            device,
        }))
    })
}

extern "C" fn touch_down(touch: *mut TouchDevice, x: i32, y: i32) {
    told(given(touch).device.down(x, y));
}

extern "C" fn touch_to(touch: *mut TouchDevice, x: i32, y: i32) {
    told(given(touch).device.move_to(x, y));
}

extern "C" fn touch_up(touch: *mut TouchDevice) {
    told(given(touch).device.up());
}

extern "C" fn destroy_touch(touch: *mut TouchDevice) {
    back(touch);
}

extern "C" fn descriptor(_: *const DisplayServer) -> *const Descriptor {
    &raw const DESCRIPTOR.0
}
