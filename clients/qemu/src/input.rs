//! What people do at the layers, to the guest.
//!
//! Every call is answered, and only so many wait for their answers: of motion the newest, of keys and
//! buttons what was pressed is always released. So a QEMU that hangs costs no memory, and is not flooded
//! when it goes on.
//!
//! Which buttons and fingers a bridge that was killed has left down nobody here knows, so all are released
//! when a console is shown. Keys QEMU lifts by itself when a listener goes.

use std::collections::{BTreeMap, BTreeSet};

use porthole_client::present::{Told, Touch};
use porthole_keys::xt_from_evdev;
use porthole_pixel::Size;

use crate::calls::Calls;

/// Calls that may wait for their answers.
const MOST: usize = 256;
/// Motions among them.
const MOST_MOTIONS: usize = 2;
/// Fingers that QEMU tells apart.
const FINGERS: u64 = 10;
/// What a detent of a wheel is.
const DETENT: i32 = 120;
/// Detents that are told at once at most: a hand turns fewer.
const MOST_DETENTS: i32 = 16;

/// The first button of `linux/input-event-codes.h`.
const BTN_MOUSE: u16 = 0x110;
/// QEMU's numbers of the buttons from there on: left, right, middle, side, extra.
const BUTTONS: [u32; 5] = [0, 2, 1, 5, 6];
const WHEEL_UP: u32 = 3;
const WHEEL_DOWN: u32 = 4;
const WHEEL_LEFT: u32 = 7;
const WHEEL_RIGHT: u32 = 8;

/// What becomes of a finger, in QEMU's numbers.
const DOWN: u32 = 0;
const MOTION: u32 = 1;
const UP: u32 = 2;

/// Something that is pressed and will be released.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Press {
    Key(u32),
    Button(u32),
    /// By its slot.
    Finger(u64),
}

/// Motion that waits.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Motion {
    To(f64, f64),
    By(i32, i32),
}

/// A console as input sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// QEMU's number.
    pub(crate) id: u32,
    /// The size of its picture.
    pub(crate) size: Option<Size>,
    /// Whether its pointer is told places, not motion.
    pub(crate) absolute: bool,
    /// Whether there is a touch screen.
    pub(crate) touch: bool,
}

/// All that is under way.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pressed: BTreeSet<(usize, Press)>,
    waiting: BTreeMap<usize, Motion>,
    /// Parts of detents, by scanout: up, right.
    turned: BTreeMap<usize, (i32, i32)>,
    /// Calls without an answer, and whether each was motion.
    open: BTreeMap<u32, bool>,
}

impl Inputs {
    /// A call was answered; false when it was none of these.
    pub(crate) fn answered(&mut self, serial: u32) -> bool {
        self.open.remove(&serial).is_some()
    }

    fn motions(&self) -> usize {
        self.open.values().filter(|motion| **motion).count()
    }

    /// Somebody did something at a console.
    pub(crate) fn told(&mut self, told: &Told, target: Target, calls: &mut Calls<'_>) {
        match *told {
            Told::Key { scanout, code, pressed } => {
                let press = if code >= BTN_MOUSE {
                    let button = BUTTONS.get(usize::from(code - BTN_MOUSE)).copied();
                    button.map(Press::Button)
                } else {
                    xt_from_evdev(code).map(Press::Key)
                };
                if let Some(press) = press {
                    self.go(scanout, target, calls);
                    self.press(scanout, press, pressed, target, calls);
                }
            }
            Told::Pointer { scanout, x, y } if target.absolute => {
                self.waiting.insert(scanout, Motion::To(x, y));
                self.go_if_free(scanout, target, calls);
            }
            Told::Motion { scanout, dx, dy } if !target.absolute => {
                let before = match self.waiting.get(&scanout) {
                    Some(Motion::By(dx, dy)) => (*dx, *dy),
                    _ => (0, 0),
                };
                let motion = Motion::By(before.0.saturating_add(dx), before.1.saturating_add(dy));
                self.waiting.insert(scanout, motion);
                self.go_if_free(scanout, target, calls);
            }
            Told::Wheel { scanout, vertical, horizontal } => {
                self.go(scanout, target, calls);
                self.wheel(scanout, (vertical, horizontal), target, calls);
            }
            Told::Touch { scanout, id, touch, x, y } if target.touch => {
                self.touch(scanout, (id, touch), (x, y), target, calls);
            }
            _ => {}
        }
    }

    /// A console is shown: whoever was here before may have left something down.
    pub(crate) fn begin(&mut self, target: Target, calls: &mut Calls<'_>) {
        let fingers = (0..if target.touch { FINGERS } else { 0 }).map(Press::Finger);
        for press in BUTTONS.into_iter().map(Press::Button).chain(fingers) {
            self.send(press, false, target, calls);
        }
    }

    /// Sends motion that waits, for the consoles that `target` knows, as far as QEMU keeps up.
    pub(crate) fn settle(
        &mut self,
        target: impl Fn(usize) -> Option<Target>,
        calls: &mut Calls<'_>,
    ) {
        let waiting: Vec<usize> = self.waiting.keys().copied().collect();
        for scanout in waiting {
            match target(scanout) {
                Some(target) => self.go_if_free(scanout, target, calls),
                None => drop(self.waiting.remove(&scanout)),
            }
        }
    }

    /// Lets go of everything.
    pub(crate) fn release_all(
        &mut self,
        target: impl Fn(usize) -> Option<Target>,
        calls: &mut Calls<'_>,
    ) {
        for (scanout, press) in std::mem::take(&mut self.pressed) {
            if let Some(target) = target(scanout) {
                self.send(press, false, target, calls);
            }
        }
    }

    fn go_if_free(&mut self, scanout: usize, target: Target, calls: &mut Calls<'_>) {
        if self.motions() < MOST_MOTIONS {
            self.go(scanout, target, calls);
        }
    }

    /// What waits to move at a scanout moves.
    fn go(&mut self, scanout: usize, target: Target, calls: &mut Calls<'_>) {
        let Some(motion) = self.waiting.remove(&scanout) else { return };
        if self.open.len() >= MOST {
            return;
        }
        let call = match (motion, target.size) {
            (Motion::To(x, y), Some(size)) if target.absolute => {
                calls.point(target.id, place(x, y, size))
            }
            (Motion::By(dx, dy), _) if !target.absolute => calls.travel(target.id, (dx, dy)),
            _ => return,
        };
        self.open.insert(call, true);
    }

    fn press(
        &mut self,
        scanout: usize,
        press: Press,
        pressed: bool,
        target: Target,
        calls: &mut Calls<'_>,
    ) {
        if pressed {
            if self.open.len() >= MOST {
                tracing::debug!("QEMU does not keep up: something that was pressed is left out");
                return;
            }
            self.pressed.insert((scanout, press));
        } else if !self.pressed.remove(&(scanout, press)) {
            return;
        }
        self.send(press, pressed, target, calls);
    }

    fn send(&mut self, press: Press, pressed: bool, target: Target, calls: &mut Calls<'_>) {
        let call = match press {
            Press::Key(number) => calls.key(target.id, number, pressed),
            Press::Button(number) => calls.button(target.id, number, pressed),
            // Where it leaves does not matter.
            Press::Finger(slot) => calls.touch(target.id, (UP, slot), (0.0, 0.0)),
        };
        self.open.insert(call, false);
    }

    /// A wheel is a button for each way, pressed once for each detent.
    fn wheel(&mut self, scanout: usize, by: (i32, i32), target: Target, calls: &mut Calls<'_>) {
        let turned = self.turned.entry(scanout).or_default();
        let whole = |turned: &mut i32, by: i32| {
            *turned = turned.saturating_add(by);
            let detents = *turned / DETENT;
            *turned %= DETENT;
            detents.clamp(-MOST_DETENTS, MOST_DETENTS)
        };
        let (up, right) = (whole(&mut turned.0, by.0), whole(&mut turned.1, by.1));
        let ways = [(up, WHEEL_UP, WHEEL_DOWN), (right, WHEEL_RIGHT, WHEEL_LEFT)];
        for (detents, forth, back) in ways {
            let button = if detents > 0 { forth } else { back };
            for _ in 0..detents.unsigned_abs() {
                if self.open.len() < MOST {
                    self.send(Press::Button(button), true, target, calls);
                    self.send(Press::Button(button), false, target, calls);
                }
            }
        }
    }

    fn touch(
        &mut self,
        scanout: usize,
        (id, touch): (i32, Touch),
        (x, y): (f64, f64),
        target: Target,
        calls: &mut Calls<'_>,
    ) {
        let slot = u64::try_from(id).ok().filter(|slot| *slot < FINGERS);
        let (Some(size), Some(slot)) = (target.size, slot) else { return };
        let finger = (scanout, Press::Finger(slot));
        // What comes down always goes up.
        let kind = match touch {
            Touch::Down if self.open.len() < MOST => {
                self.pressed.insert(finger);
                DOWN
            }
            Touch::Motion if self.open.len() < MOST && self.pressed.contains(&finger) => MOTION,
            Touch::Up if self.pressed.remove(&finger) => UP,
            Touch::Down | Touch::Motion | Touch::Up => return,
        };
        let (x, y) = place(x, y, size);
        let call = calls.touch(target.id, (kind, slot), (f64::from(x), f64::from(y)));
        self.open.insert(call, touch == Touch::Motion);
    }
}

/// A place in pixels. QEMU refuses those outside of the picture.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value lies between 0 and the side"
)]
fn place(x: f64, y: f64, size: Size) -> (u32, u32) {
    let pixel = |fraction: f64, side: u32| {
        let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
        ((fraction * f64::from(side)) as u32).min(side.saturating_sub(1))
    };
    (pixel(x, size.width), pixel(y, size.height))
}

#[cfg(test)]
mod tests {
    use porthole_dbus::Inbox;

    use super::*;
    use crate::connection::Output;

    const TARGET: Target =
        Target { id: 0, size: Some(Size::new(100, 50)), absolute: true, touch: true };

    /// What is told, as QEMU hears it.
    fn heard(inputs: &mut Inputs, target: Target, told: &[Told]) -> Vec<String> {
        let mut output = Output::default();
        for told in told {
            inputs.told(told, target, &mut Calls { output: &mut output, destination: None });
        }
        calls(&output)
    }

    fn calls(output: &Output) -> Vec<String> {
        let mut inbox = Inbox::new(1 << 16);
        inbox.put(&output.bytes()).unwrap();
        let mut heard = Vec::new();
        while let Some(message) = inbox.pop().unwrap() {
            let kind = message.interface.rsplit('.').next().unwrap();
            let two = |types| {
                let mut from = message.arguments(types).unwrap();
                (from.i32().unwrap(), if types.len() > 1 { from.i32().unwrap() } else { 0 })
            };
            let arguments = match message.member {
                "SetAbsPosition" => two("uu"),
                "RelMotion" => two("ii"),
                "SendEvent" => two("utdd"),
                _ => two("u"),
            };
            heard.push(format!("{kind}.{} {},{}", message.member, arguments.0, arguments.1));
        }
        heard
    }

    fn key(code: u16, pressed: bool) -> Told {
        Told::Key { scanout: 0, code, pressed }
    }

    #[test]
    fn keys_and_buttons_have_qemus_numbers() {
        let all =
            [key(30, true), key(97, true), key(30, false), key(0x110, true), key(0x111, true)];
        assert_eq!(
            heard(&mut Inputs::default(), TARGET, &all),
            [
                "Keyboard.Press 30,0",
                "Keyboard.Press 157,0",
                "Keyboard.Release 30,0",
                "Mouse.Press 0,0",
                "Mouse.Press 2,0"
            ]
        );
        let nothing = [key(250, true), key(0x120, true), key(57, false)];
        assert!(heard(&mut Inputs::default(), TARGET, &nothing).is_empty());
    }

    #[test]
    fn places_stay_inside_and_the_newest_counts() {
        let at = |x, y| Told::Pointer { scanout: 0, x, y };
        let mut inputs = Inputs::default();
        let first = heard(
            &mut inputs,
            TARGET,
            &[at(0.0, 0.0), at(1.0, 1.0), at(0.1, 0.1), at(0.5, f64::NAN)],
        );
        assert_eq!(first, ["Mouse.SetAbsPosition 0,0", "Mouse.SetAbsPosition 99,49"]);
        // A click is where the pointer is.
        let click = heard(&mut inputs, TARGET, &[key(0x110, true)]);
        assert_eq!(click, ["Mouse.SetAbsPosition 50,0", "Mouse.Press 0,0"]);
    }

    #[test]
    fn motion_that_waits_is_added_up() {
        let target = Target { absolute: false, ..TARGET };
        let by = |dx, dy| Told::Motion { scanout: 0, dx, dy };
        let mut inputs = Inputs::default();
        assert_eq!(heard(&mut inputs, target, &[by(1, 1), by(1, 0), by(3, 4), by(-1, 2)]).len(), 2);
        let serial = *inputs.open.keys().next().unwrap();
        assert!(inputs.answered(serial));
        let mut output = Output::default();
        inputs.settle(|_| Some(target), &mut Calls { output: &mut output, destination: None });
        assert_eq!(calls(&output), ["Mouse.RelMotion 2,6"]);
        // Places mean nothing to it.
        assert!(
            heard(&mut inputs, target, &[Told::Pointer { scanout: 0, x: 0.5, y: 0.5 }]).is_empty()
        );
    }

    #[test]
    fn a_detent_is_a_click_of_the_wheels_button() {
        let turn = |vertical, horizontal| Told::Wheel { scanout: 0, vertical, horizontal };
        let mut inputs = Inputs::default();
        assert!(heard(&mut inputs, TARGET, &[turn(60, 0)]).is_empty());
        assert_eq!(
            heard(&mut inputs, TARGET, &[turn(60, -120)]),
            ["Mouse.Press 3,0", "Mouse.Release 3,0", "Mouse.Press 7,0", "Mouse.Release 7,0"]
        );
        assert_eq!(heard(&mut inputs, TARGET, &[turn(i32::MIN, 0)]).len(), 2 * 16);
    }

    #[test]
    fn fingers_have_slots_and_leave_with_everything_else() {
        let finger = |id, touch| Told::Touch { scanout: 0, id, touch, x: 0.5, y: 0.5 };
        let mut inputs = Inputs::default();
        let all = [
            finger(3, Touch::Down),
            finger(3, Touch::Motion),
            finger(4, Touch::Motion),
            finger(4, Touch::Up),
            finger(10, Touch::Down),
            finger(-1, Touch::Down),
            finger(9, Touch::Down),
            finger(3, Touch::Up),
        ];
        let kinds = ["0", "1", "0", "2"].map(|kind| format!("MultiTouch.SendEvent {kind},0"));
        assert_eq!(heard(&mut inputs, TARGET, &all), kinds);
        let mut output = Output::default();
        inputs.release_all(|_| Some(TARGET), &mut Calls { output: &mut output, destination: None });
        assert_eq!(calls(&output), ["MultiTouch.SendEvent 2,0"]);
        let none = Target { touch: false, ..TARGET };
        assert!(heard(&mut inputs, none, &[finger(1, Touch::Down)]).is_empty());
    }

    #[test]
    fn what_may_have_been_left_down_is_released() {
        let mut inputs = Inputs::default();
        let mut output = Output::default();
        inputs.begin(TARGET, &mut Calls { output: &mut output, destination: None });
        let released = calls(&output);
        let count = |what: &str| released.iter().filter(|call| call.starts_with(what)).count();
        assert_eq!((count("Mouse.Release"), count("MultiTouch.SendEvent 2")), (5, 10));
        assert!(inputs.pressed.is_empty());
    }

    #[test]
    fn a_qemu_that_hangs_costs_nothing_and_finds_nothing_pressed() {
        let mut inputs = Inputs::default();
        let many: Vec<Told> = (0..10_000).map(|n| key(30 + n % 2, n % 4 < 2)).collect();
        let heard_at_all = heard(&mut inputs, TARGET, &many);
        assert!(heard_at_all.len() <= MOST + 2, "{}", heard_at_all.len());
        let presses = heard_at_all.iter().filter(|call| call.contains("Press")).count();
        let mut output = Output::default();
        inputs.release_all(|_| Some(TARGET), &mut Calls { output: &mut output, destination: None });
        assert_eq!(presses * 2, heard_at_all.len() + calls(&output).len());
    }
}
