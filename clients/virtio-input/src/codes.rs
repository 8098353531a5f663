//! The evdev numbers that the devices use (`linux/input-event-codes.h`).

/// End of a packet and its like.
pub const EV_SYN: u16 = 0x00;
/// Keys and buttons.
pub const EV_KEY: u16 = 0x01;
/// Relative axes: wheels.
pub const EV_REL: u16 = 0x02;
/// Absolute axes.
pub const EV_ABS: u16 = 0x03;
/// Lamps of a keyboard; the guest sends these.
pub const EV_LED: u16 = 0x11;
/// The guest's kernel repeats held keys.
pub const EV_REP: u16 = 0x14;

/// The end of a packet.
pub const SYN_REPORT: u16 = 0;

/// Left button; right, middle, side, extra, forward, back and task follow.
pub const BTN_LEFT: u16 = 0x110;
/// The last of the mouse buttons.
pub const BTN_TASK: u16 = 0x117;
/// A pen is near the screen.
pub const BTN_TOOL_PEN: u16 = 0x140;
/// The other end of a pen is.
pub const BTN_TOOL_RUBBER: u16 = 0x141;
/// The third button of a pen.
pub const BTN_STYLUS3: u16 = 0x149;
/// The first button of a pen.
pub const BTN_STYLUS: u16 = 0x14b;
/// The second button of a pen.
pub const BTN_STYLUS2: u16 = 0x14c;
/// A finger, or the tip of a pen, is on the screen.
pub const BTN_TOUCH: u16 = 0x14a;

/// How far a mouse went to the right.
pub const REL_X: u16 = 0x00;
/// How far a mouse went down.
pub const REL_Y: u16 = 0x01;
/// Horizontal wheel, in detents, positive to the right.
pub const REL_HWHEEL: u16 = 0x06;
/// Vertical wheel, in detents, positive away from the user.
pub const REL_WHEEL: u16 = 0x08;
/// Vertical wheel in 1/120 of a detent.
pub const REL_WHEEL_HI_RES: u16 = 0x0b;
/// Horizontal wheel in 1/120 of a detent.
pub const REL_HWHEEL_HI_RES: u16 = 0x0c;

/// Pointer position from the left.
pub const ABS_X: u16 = 0x00;
/// Pointer position from the top.
pub const ABS_Y: u16 = 0x01;
/// How hard a pen is pressed.
pub const ABS_PRESSURE: u16 = 0x18;
/// How far a pen is above the screen.
pub const ABS_DISTANCE: u16 = 0x19;
/// How far a pen leans to the right.
pub const ABS_TILT_X: u16 = 0x1a;
/// How far a pen leans down.
pub const ABS_TILT_Y: u16 = 0x1b;
/// Which finger the following events are about.
pub const ABS_MT_SLOT: u16 = 0x2f;
/// A finger's position from the left.
pub const ABS_MT_POSITION_X: u16 = 0x35;
/// A finger's position from the top.
pub const ABS_MT_POSITION_Y: u16 = 0x36;
/// A finger's number for its time on the screen; -1 when it leaves.
pub const ABS_MT_TRACKING_ID: u16 = 0x39;

/// The lamp of Num Lock.
pub const LED_NUML: u16 = 0;
/// The lamp of Caps Lock.
pub const LED_CAPSL: u16 = 1;
/// The lamp of Scroll Lock.
pub const LED_SCROLLL: u16 = 2;

/// The device is the screen itself.
pub const INPUT_PROP_DIRECT: u16 = 1;

/// The bus of devices that are no hardware.
pub const BUS_VIRTUAL: u16 = 6;
