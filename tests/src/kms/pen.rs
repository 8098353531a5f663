//! A pen of the guest, made by its kernel's uinput: what no library calls, a line of perl does there.

use std::fs;

use porthole_guest::commands::Command as Order;
use porthole_rig::kms::{self, SHARED};

use super::KmsGuest;
use crate::failure::{OrFail, Result};
use crate::wait::{GUEST, wait_until};

/// Makes a device like the pen of a screen of 20480 x 15360 hundredths of a millimetre, tells that it is
/// there, and does what it reads: type, code and value of each event.
const PERL: &str = r"
open(my $u, '+>', '/dev/uinput') or die $!;
sub bit { my ($request, $bit) = @_; ioctl($u, $request, $bit + 0) or die $!; }
bit(0x40045564, $_) for 1, 3, 4;
bit(0x40045565, $_) for 0x140, 0x141, 0x14a, 0x14b, 0x14c;
bit(0x40045568, 0);
bit(0x4004556e, 1);
sub axis {
    my ($code, $least, $most, $resolution) = @_;
    bit(0x40045567, $code);
    my $a = pack('Sx2l6', $code, 0, $least, $most, 0, 0, $resolution);
    ioctl($u, 0x401c5504, $a) or die $!;
}
axis(0, 0, 20480, 100);
axis(1, 0, 15360, 100);
axis(0x18, 0, 2047, 0);
axis(0x19, 0, 63, 0);
axis($_, -60, 60, 57) for 0x1a, 0x1b;
my $setup = pack('S4a80L', 3, 0x1234, 0x5678, 1, 'Test Pen', 0);
ioctl($u, 0x405c5503, $setup) or die $!;
ioctl($u, 0x5501, 0) or die $!;
open(my $in, '+<', '/run/pen') or die $!;
open(my $told, '>', 'pen-is') or die $!;
print $told 'there';
close($told);
while (my $line = <$in>) {
    exit if $line eq qq(gone\n);
    my @all = split(' ', $line);
    while (my ($type, $code, $value) = splice(@all, 0, 3)) {
        syswrite($u, pack('qqSSl', 0, 0, $type, $code, $value)) or die $!;
    }
}
";

/// Codes of `linux/input-event-codes.h`.
mod code {
    pub(super) const PRESSURE: u32 = 0x18;
    pub(super) const DISTANCE: u32 = 0x19;
    pub(super) const TILT: [u32; 2] = [0x1a, 0x1b];
    pub(super) const PEN: u32 = 0x140;
    pub(super) const RUBBER: u32 = 0x141;
    pub(super) const TOUCH: u32 = 0x14a;
}

/// The pen.
#[derive(Debug)]
pub struct Pen(());

/// Something that the pen does, at once with what else it does.
#[derive(Clone, Copy, Debug)]
pub enum PenDoes {
    /// It comes near, with this number of its own.
    Comes(u32),
    /// Its other end does.
    RubberComes(u32),
    /// It is at this pixel of 1024 x 768.
    At(i32, i32),
    /// Its tip is pressed so hard, of 2047, or lifted.
    Presses(i32),
    /// It is so far above the screen, of 63.
    Hovers(i32),
    /// It leans so many 57ths of a radian.
    Leans(i32, i32),
    /// A button goes down or up.
    Button(u32, bool),
    /// Either end goes.
    Goes,
}

impl PenDoes {
    fn events(self) -> Vec<[i64; 3]> {
        let axis = |code: u32, value: i32| [3, i64::from(code), i64::from(value)];
        let key = |code: u32, down: bool| [1, i64::from(code), i64::from(down)];
        match self {
            PenDoes::Comes(number) => vec![[4, 0, i64::from(number)], key(code::PEN, true)],
            PenDoes::RubberComes(number) => {
                vec![[4, 0, i64::from(number)], key(code::RUBBER, true)]
            }
            PenDoes::At(x, y) => vec![axis(0, x * 20 + 10), axis(1, y * 20 + 10)],
            PenDoes::Presses(hard) => vec![axis(code::PRESSURE, hard), key(code::TOUCH, hard > 0)],
            PenDoes::Hovers(high) => vec![axis(code::DISTANCE, high)],
            PenDoes::Leans(x, y) => {
                let [across, down] = code::TILT;
                vec![axis(across, x), axis(down, y)]
            }
            PenDoes::Button(button, down) => vec![key(button, down)],
            PenDoes::Goes => vec![key(code::PEN, false), key(code::RUBBER, false)],
        }
    }
}

impl KmsGuest {
    /// Adds a pen, which does what is written to a file.
    ///
    /// # Errors
    /// When the kernel cannot make one.
    pub fn add_pen(&mut self) -> Result<Pen> {
        fs::write(self.folder().join("uinput.ko"), kms::module("uinput")?)
            .or_fail("copy uinput")?;
        self.line.order(&Order::Shell(format!("insmod /host{SHARED}/uinput.ko")))?;
        Pen::plug(self)
    }
}

impl Pen {
    fn plug(guest: &mut KmsGuest) -> Result<Pen> {
        fs::write(guest.folder().join("pen.pl"), PERL)?;
        let is_there = guest.folder().join("pen-is");
        guest.sh(&format!(
            "mkfifo /run/pen; (perl {SHARED}/pen.pl >{SHARED}/pen.log 2>&1 </dev/null &)"
        ))?;
        let told = wait_until("the pen", GUEST, || {
            Ok(fs::read_to_string(&is_there).is_ok_and(|text| text == "there").then_some(()))
        });
        let said = fs::read_to_string(guest.folder().join("pen.log")).unwrap_or_default();
        told.or_fail(&format!("make a pen: {said}"))?;
        Ok(Pen(()))
    }

    /// Does things at once.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn does(&self, guest: &mut KmsGuest, what: &[PenDoes]) -> Result<()> {
        self.does_all(guest, &[what])
    }

    /// Does things one after another.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn does_all(&self, guest: &mut KmsGuest, all: &[&[PenDoes]]) -> Result<()> {
        let events = all.iter().flat_map(|what| {
            let what = what.iter().flat_map(|what| what.events());
            what.chain([[0, 0, 0]])
        });
        let words: Vec<String> = events.flatten().map(|number| number.to_string()).collect();
        guest.sh(&format!("echo {} >/run/pen", words.join(" "))).map(drop)
    }

    /// Plugs it out.
    ///
    /// # Errors
    /// When the guest is gone.
    pub fn unplug(self, guest: &mut KmsGuest) -> Result<()> {
        guest.sh("echo gone >/run/pen").map(drop)
    }
}
