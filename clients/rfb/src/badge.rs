//! What is seen while the server is away: its last picture, darkened, with a sign that says so.

use porthole_client::present::Frame;
use porthole_client::sign;

use crate::screen::Screen;

const SIGN: &str = "THE VNC SERVER IS AWAY";

/// The frame, where there was a picture.
pub(crate) fn frame(screen: &mut Screen) -> Option<Frame> {
    screen.instead(|size, bytes| sign::put(SIGN, size, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_can_be_said() {
        assert!(sign::can_say(SIGN));
    }
}
