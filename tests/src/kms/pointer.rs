//! Pointers that a card shows by itself, which are in no picture of its screen.

use std::os::unix::net::UnixStream;

use porthole_rig::kms;

use super::{KmsGuest, plug::ask_for_pointer};
use crate::failure::{OrFail, Result};
use crate::wait::GUEST;

impl KmsGuest {
    /// Where the cards' planes for pointers are, of those that show something, as the kernel says.
    ///
    /// # Errors
    /// When it does not say.
    pub fn pointer_planes(&mut self) -> Result<Vec<(i32, i32)>> {
        let mount = "mountpoint -q /sys/kernel/debug || mount -t debugfs debug /sys/kernel/debug";
        let told = self.sh(&format!("{mount}; cat /sys/kernel/debug/dri/[0-9]/state"))?;
        let planes = told.split("plane[").filter_map(|rest| rest.split("crtc[").next());
        let shown = planes.filter(|plane| !plane.contains("crtc=(null)"));
        let places = shown.filter_map(|plane| plane.split_once("crtc-pos=64x64"));
        let signed = |text: &str| text.trim_start_matches('+').parse().or_fail("read a place");
        let place = |text: &str| {
            let text = text.split_whitespace().next().unwrap_or_default();
            let at = text.rfind(['+', '-']).unwrap_or(0);
            let (x, y) = text.split_at(at);
            Ok((signed(x)?, signed(y)?))
        };
        places.map(|(_, rest)| place(rest)).collect()
    }

    /// What QEMU was told to draw as its pointer above the card's last head: four bytes a pixel from the
    /// lowest, blue first, of 64 rows of 64.
    ///
    /// # Errors
    /// When it does not say.
    pub fn pointer_shape(&mut self) -> Result<Vec<u8>> {
        let socket = UnixStream::connect(kms::plug(self.folder())).or_fail("reach QEMU's VNC")?;
        socket.set_read_timeout(Some(GUEST))?;
        ask_for_pointer(&socket).or_fail("ask for the pointer")
    }
}
