//! Every service of a VGA's BIOS, in every mode that it has.

mod legacy;
mod pages;
mod vesa;

use crate::monitor::Registers;
use crate::pair::Pair;

/// Where tables are that services read, and where they write to.
const TABLE: (u16, u16) = (0x2000, 0);
const BUFFER: (u16, u16) = (0x3000, 0);

/// Goes through everything.
///
/// # Errors
/// When a machine does not answer.
pub fn all(pair: &mut Pair) -> Result<(), String> {
    pages::text(pair)?;
    legacy::modes(pair)?;
    pages::state(pair)?;
    vesa::all(pair)
}

/// Calls a service that takes four registers.
fn video(pair: &mut Pair, ax: u16, bx: u16, cx: u16, dx: u16) -> Result<Registers, String> {
    pair.video(Registers::new(ax, bx, cx, dx))
}
