//! What people do goes to the devices of the guest that its drivers read, and where there is none by way of
//! QEMU's monitor, to whatever keyboard and pointer the machine has.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use porthole_device::Inputs;
use porthole_input_device::{ABS_MAX, Input, Kind};
use porthole_keys::xt_from_evdev;
use porthole_virtio_device::Claim;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::qmp::Act;
use crate::typist::{ABSENT, RELATIVE};

/// The first button of `linux/input-event-codes.h`: left, right, middle, side and extra.
const BTN_MOUSE: u16 = 0x110;
const BUTTONS: u16 = 5;
const WHEEL_UP: u16 = 5;
const WHEEL_LEFT: u16 = 7;
/// A detent of a wheel, and how many are told at once at most.
const DETENT: i32 = 120;
const MOST_DETENTS: i32 = 16;

/// The way to the process that types.
#[derive(Debug)]
pub(crate) struct Hands {
    socket: OwnedFd,
    _claim: Option<Claim>,
    /// What is pressed there: keys, and buttons.
    pressed: BTreeSet<(bool, u16)>,
    /// What was let go of when the way was full.
    owed: BTreeSet<(bool, u16)>,
    /// Parts of detents: up, left.
    turned: (i32, i32),
    /// The last place, where the machine is told motion only.
    place: Option<(u16, u16)>,
    told: u8,
}

impl Hands {
    pub(crate) fn new((socket, claim): (OwnedFd, Option<Claim>)) -> Self {
        Self {
            socket,
            _claim: claim,
            pressed: BTreeSet::new(),
            owed: BTreeSet::new(),
            turned: (0, 0),
            place: None,
            told: ABSENT,
        }
    }

    /// For the event loop.
    pub(crate) const fn fd(&self) -> &OwnedFd {
        &self.socket
    }

    /// Hears how the machine is pointed at; false when the other process is gone.
    pub(crate) fn hear(&mut self) -> bool {
        let mut told = [0; 16];
        match recv(&self.socket, &mut told[..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => false,
            Ok(_) => {
                let [told, ..] = told;
                if told == ABSENT {
                    // Another machine begins with nothing pressed.
                    (self.pressed, self.owed) = (BTreeSet::new(), BTreeSet::new());
                }
                self.told = told;
                true
            }
            Err(error) => matches!(error, Errno::AGAIN | Errno::INTR),
        }
    }

    /// Whether the machine is told motion, not places.
    pub(crate) const fn is_relative(&self) -> bool {
        self.told == RELATIVE
    }

    /// Lets go of everything.
    pub(crate) fn release_all(&mut self) {
        for press in std::mem::take(&mut self.pressed) {
            self.release(press);
        }
    }

    /// Does what a seat did, as far as no driver of the guest's reads our devices.
    pub(crate) fn input(&mut self, input: Input, inputs: &Inputs) {
        for press in std::mem::take(&mut self.owed) {
            self.release(press);
        }
        let points = inputs.is_listening(Kind::Tablet) || inputs.is_listening(Kind::Mouse);
        match input {
            Input::Key { code, pressed } => {
                let button = code.checked_sub(BTN_MOUSE).filter(|button| *button < BUTTONS);
                let key = || xt_from_evdev(code).and_then(|code| u16::try_from(code).ok());
                let Some(press) = button.map(|b| (true, b)).or_else(|| key().map(|k| (false, k)))
                else {
                    return;
                };
                let (is_button, _) = press;
                let theirs = if is_button { points } else { inputs.is_listening(Kind::Keyboard) };
                if !pressed {
                    if self.pressed.remove(&press) {
                        self.release(press);
                    }
                } else if !theirs && self.send(act(press, true)) {
                    self.pressed.insert(press);
                }
            }
            _ if points => {}
            Input::Pointer { x, y } if self.is_relative() => self.follow(x, y),
            Input::Pointer { x, y } => {
                self.send(Act::To { x: x.min(ABS_MAX), y: y.min(ABS_MAX) });
            }
            Input::Motion { dx, dy } => self.motion(dx, dy),
            Input::Wheel { vertical, horizontal } => self.wheel(vertical, horizontal),
            _ => {}
        }
    }

    fn release(&mut self, press: (bool, u16)) {
        if !self.send(act(press, false)) {
            self.owed.insert(press);
        }
    }

    /// Says a place by motion. What a guest makes of that is its own affair.
    fn follow(&mut self, x: u16, y: u16) {
        let Some((from_x, from_y)) = self.place.replace((x, y)) else { return };
        // As on a screen of 1024 pixels each way.
        let steps = |from: u16, to: u16| (i32::from(to) - i32::from(from)) / 32;
        let (dx, dy) = (steps(from_x, x), steps(from_y, y));
        if (dx, dy) == (0, 0) {
            self.place = Some((from_x, from_y));
        } else {
            self.motion(dx, dy);
        }
    }

    fn motion(&mut self, dx: i32, dy: i32) {
        let step = |by: i32| i16::try_from(by.clamp(-2048, 2047)).unwrap_or(0);
        self.send(Act::By { dx: step(dx), dy: step(dy) });
    }

    fn wheel(&mut self, vertical: i32, horizontal: i32) {
        let turned = |part: i32, by: i32| part.saturating_add(by);
        let (up, left) =
            (turned(self.turned.0, vertical), turned(self.turned.1, horizontal.saturating_neg()));
        self.turned = (up % DETENT, left % DETENT);
        for (whole, forth, back) in
            [(up / DETENT, WHEEL_UP, WHEEL_UP + 1), (left / DETENT, WHEEL_LEFT, WHEEL_LEFT + 1)]
        {
            let button = if whole > 0 { forth } else { back };
            for _ in 0..whole.abs().min(MOST_DETENTS) {
                self.send(Act::Button { button, down: true });
                self.release((true, button));
            }
        }
    }

    /// False when the way is full: what was to be done is not.
    fn send(&self, act: Act) -> bool {
        send(&self.socket, &act.record(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL).is_ok()
    }
}

const fn act((is_button, code): (bool, u16), down: bool) -> Act {
    if is_button { Act::Button { button: code, down } } else { Act::Key { code, down } }
}
