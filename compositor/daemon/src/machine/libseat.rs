//! libseat, which knows who hands out a machine's screens and keyboards: systemd-logind, seatd, or for root
//! without either a process of its own.
//!
//! It is loaded when the configuration asks for it; the service starts without it.

use std::{
    cell::RefCell,
    ffi::{CStr, CString, c_char, c_int, c_void},
    fmt, io,
    os::{
        fd::{BorrowedFd, FromRawFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixStream},
        },
    },
    path::Path,
    ptr,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{MachineError, seatd};
use crate::library::{self, functions};

functions! {
    /// What we use of libseat 0.7.
    Functions {
        open_seat: c"libseat_open_seat"(*const Listener, *mut c_void) -> *mut c_void;
        disable_seat: c"libseat_disable_seat"(*mut c_void) -> c_int;
        close_seat: c"libseat_close_seat"(*mut c_void) -> c_int;
        open_device: c"libseat_open_device"(*mut c_void, *const c_char, *mut c_int) -> c_int;
        close_device: c"libseat_close_device"(*mut c_void, c_int) -> c_int;
        seat_name: c"libseat_seat_name"(*mut c_void) -> *const c_char;
        switch_session: c"libseat_switch_session"(*mut c_void, c_int) -> c_int;
        get_fd: c"libseat_get_fd"(*mut c_void) -> c_int;
        dispatch: c"libseat_dispatch"(*mut c_void, c_int) -> c_int;
    }
}

/// What libseat tells of.
#[repr(C)]
#[derive(Debug)]
struct Listener {
    enable: extern "C" fn(*mut c_void, *mut c_void),
    disable: extern "C" fn(*mut c_void, *mut c_void),
}

static LISTENER: Listener = Listener { enable: enabled, disable: disabled };

/// What became of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// The screens and keyboards are ours.
    Ours,
    /// They are wanted by others, who wait for us to let go.
    Wanted,
}

/// What was told and not taken yet. Its address is libseat's.
type Told = RefCell<Vec<Change>>;

extern "C" fn enabled(_: *mut c_void, told: *mut c_void) {
    tell(told, Change::Ours);
}

extern "C" fn disabled(_: *mut c_void, told: *mut c_void) {
    tell(told, Change::Wanted);
}

fn tell(told: *mut c_void, change: Change) {
    // SAFETY: the pointer that `Seat::open` gave, to a list that lives longer than the seat and is changed
    // through this cell only.
    let told = unsafe { &*told.cast::<Told>() };
    // libseat tells while we wait for it, when nobody has the list.
    if let Ok(mut told) = told.try_borrow_mut() {
        told.push(change);
    }
}

impl Functions {
    /// Loads the library.
    fn open() -> Result<Self, MachineError> {
        // SAFETY: loading libseat runs no code of its own.
        let find = unsafe { library::open("libseat.so.1") }
            .map_err(|error| MachineError::NoLibseat(error.to_string()))?;
        // SAFETY: libseat.h, whose version is in the library's name, declares these functions so; the
        // library is never unloaded.
        Ok(unsafe { Self::load(find) }?)
    }
}

/// A session.
pub(super) struct Seat {
    functions: Functions,
    seat: *mut c_void,
    told: Box<Told>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Seat {
    /// Begins a session. It has nothing before it is told so.
    ///
    /// # Errors
    /// When the library is not there, or nobody gives us a session.
    pub(super) fn open() -> Result<Self, MachineError> {
        let functions = Functions::open()?;
        let told: Box<Told> = Box::default();
        let data = ptr::from_ref(&*told).cast_mut().cast();
        // SAFETY: the listener is static, and the list lives longer than the seat: both are ours.
        let seat = unsafe { (functions.open_seat)(&raw const LISTENER, data) };
        if seat.is_null() {
            return Err(seatd::why_not(io::Error::last_os_error()));
        }
        Ok(Self { functions, seat, told })
    }

    /// What the seat is called.
    pub(super) fn name(&self) -> String {
        // SAFETY: the seat is there.
        let name = unsafe { (self.functions.seat_name)(self.seat) };
        if name.is_null() {
            return String::new();
        }
        // SAFETY: a text that ends with a zero byte and is there as long as the seat.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    }

    /// Something is told when it is readable.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub(super) fn poll(&self) -> io::Result<OwnedFd> {
        // SAFETY: the seat is there.
        let fd = unsafe { (self.functions.get_fd)(self.seat) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the seat has it open, and is not closed meanwhile.
        unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
    }

    /// Takes what was told; waits for it so many milliseconds.
    ///
    /// # Errors
    /// When who gave us the session is gone.
    pub(super) fn take(&self, wait: c_int) -> io::Result<Vec<Change>> {
        // SAFETY: the seat is there.
        let done = unsafe { (self.functions.dispatch)(self.seat, wait) };
        let failure = io::Error::last_os_error();
        let told = std::mem::take(&mut *self.told.borrow_mut());
        if !told.is_empty() {
            return Ok(told);
        }
        if done < 0 && failure.raw_os_error() != Some(libc::EAGAIN) {
            return Err(failure);
        }
        // libseat 0.7 does not tell of an end that it reads without waiting.
        if self.is_hung_up() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(told) }
    }

    /// Whether nobody is at the other end of what it waits for.
    fn is_hung_up(&self) -> bool {
        let Ok(fd) = self.poll() else { return true };
        let mut polled = [PollFd::new(&fd, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Whether seatd gave it.
    pub(super) fn is_of_seatd(&self) -> bool {
        self.peer().is_ok_and(|peer| peer.as_pathname() == Some(&*seatd::socket()))
    }

    /// Whether a process of libseat's own gave it.
    pub(super) fn is_of_its_own(&self) -> bool {
        self.peer().is_ok_and(|peer| peer.is_unnamed())
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        UnixStream::from(self.poll()?).peer_addr()
    }

    /// Lets others have the screens and keyboards.
    pub(super) fn release(&self) {
        // SAFETY: the seat is there.
        unsafe { (self.functions.disable_seat)(self.seat) };
    }

    /// Opens a device; the number is for closing it.
    ///
    /// # Errors
    /// When the session may not.
    pub(super) fn open_device(&self, path: &Path) -> io::Result<(OwnedFd, c_int)> {
        let file = CString::new(path.as_os_str().as_bytes())?;
        let mut fd: c_int = -1;
        // SAFETY: a seat that is there, a text that ends with a zero byte, and a number to be written.
        let id = unsafe { (self.functions.open_device)(self.seat, file.as_ptr(), &raw mut fd) };
        if id < 0 || fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: libseat leaves it to us to close the descriptor.
        Ok((unsafe { OwnedFd::from_raw_fd(fd) }, id))
    }

    /// Lets go of a device.
    pub(super) fn close_device(&self, id: c_int) {
        // SAFETY: the seat is there; it knows its own numbers.
        unsafe { (self.functions.close_device)(self.seat, id) };
    }

    /// Asks for another console to be shown.
    ///
    /// # Errors
    /// When there is none of this number.
    pub(super) fn switch(&self, console: u32) -> io::Result<()> {
        let console = c_int::try_from(console).map_err(io::Error::other)?;
        // SAFETY: the seat is there.
        let asked = unsafe { (self.functions.switch_session)(self.seat, console) };
        if asked < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // SAFETY: ours, and used no more.
        unsafe { (self.functions.close_seat)(self.seat) };
    }
}
