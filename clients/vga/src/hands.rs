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

/// Places for each step of motion: as on a screen of 1024 pixels each way.
const STEP: i32 = 32;

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
    /// The place up to which motion was told, where the machine is told motion only.
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
                    self.place = None;
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
        self.pay();
        for press in std::mem::take(&mut self.pressed) {
            self.release(press);
        }
    }

    /// Whether something is to be let go of once the way is free.
    pub(crate) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Lets go of what could not be let go of before, as far as the way is free.
    pub(crate) fn pay(&mut self) {
        for press in std::mem::take(&mut self.owed) {
            self.release(press);
        }
    }

    /// Does what a seat did, as far as no driver of the guest's reads our devices.
    pub(crate) fn input(&mut self, input: Input, inputs: &Inputs) {
        self.pay();
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
                    self.owed.remove(&press);
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
        let (from_x, from_y) = *self.place.get_or_insert((x, y));
        let steps = |from: u16, to: u16| (i32::from(to) - i32::from(from)) / STEP;
        let (dx, dy) = (steps(from_x, x), steps(from_y, y));
        // What is less than a step counts with the next motion.
        let place = |from: u16, by: i32| u16::try_from(i32::from(from) + by * STEP).unwrap_or(from);
        self.place = Some((place(from_x, dx), place(from_y, dy)));
        if (dx, dy) != (0, 0) {
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

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// The hands, and where they reach.
    fn hands() -> (Hands, OwnedFd) {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        (Hands::new((ours, None)), theirs)
    }

    /// What has come.
    fn acts(theirs: &OwnedFd) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut record = [0; 6];
        while let Ok((_, 6)) = recv(theirs, &mut record[..], RecvFlags::DONTWAIT) {
            acts.push(Act::of(record).unwrap());
        }
        acts
    }

    #[test]
    fn motion_that_is_slow_goes_as_far_as_one_that_is_fast() {
        let (mut hands, theirs) = hands();
        for x in (100..1100).step_by(5) {
            hands.follow(x, 1000 - x / 2);
        }
        let (mut right, mut down) = (0, 0);
        for act in acts(&theirs) {
            let Act::By { dx, dy } = act else { panic!("{act:?}") };
            (right, down) = (right + dx, down + dy);
        }
        assert_eq!((right, down), ((1095 - 100) / 32, -(1095 / 2 - 50) / 32));
    }

    #[test]
    fn what_cannot_be_let_go_of_is_let_go_of_when_the_way_is_free() {
        let inputs = Inputs::open("ivi", [None; 5]).unwrap();
        for everything in [false, true] {
            let (mut hands, theirs) = hands();
            let key = |code, pressed| Input::Key { code, pressed };
            hands.input(key(30, true), &inputs);
            hands.input(key(31, true), &inputs);
            while hands.send(Act::To { x: 0, y: 0 }) {}
            hands.input(key(30, false), &inputs);
            assert!(hands.owes(), "the way is full");
            acts(&theirs);
            if everything {
                hands.release_all();
            } else {
                hands.pay();
            }
            assert!(!hands.owes());
            let up = |code| Act::Key { code, down: false };
            let told: &[Act] = if everything { &[up(30), up(31)] } else { &[up(30)] };
            assert_eq!(acts(&theirs), told);
        }
    }
}
