//! Letting go of a framebuffer without taking it off the screen, which the library lacks.

use std::{io, os::fd::AsFd};

use drm::control::framebuffer;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// `struct drm_mode_closefb` of drm_mode.h.
#[repr(C)]
struct CloseFb {
    fb_id: u32,
    pad: u32,
}

/// `DRM_IOCTL_MODE_CLOSEFB`, since Linux 6.8.
const CLOSE_FB: Opcode = opcode::read_write::<CloseFb>(b'd', 0xD0);

/// Has the screen go on showing a framebuffer when its owner is gone.
///
/// # Errors
/// Older kernels do not know it, and take the picture off the screen with the descriptor's end.
pub(super) fn close_framebuffer(card: impl AsFd, id: framebuffer::Handle) -> io::Result<()> {
    let mut argument = CloseFb { fb_id: id.into(), pad: 0 };
    // SAFETY: the number belongs to this structure, which the kernel only reads.
    let request = unsafe { Updater::<CLOSE_FB, CloseFb>::new(&mut argument) };
    // SAFETY: as above; the call keeps no address.
    Ok(unsafe { ioctl(card.as_fd(), request) }?)
}
