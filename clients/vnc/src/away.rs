//! What viewers see while the display service is away: its last picture, darkened, with a sign that
//! says so.

use porthole_client::sign;
use porthole_pixel::Size;
use porthole_rfb::Frame;

const SIGN: &str = "THE DISPLAY SERVICE IS AWAY";

/// The picture.
#[derive(Debug)]
pub(crate) struct Away {
    size: Size,
    bytes: Vec<u8>,
}

impl Away {
    /// Makes it of the last picture, in rows of `0xXXRRGGBB` words without gaps.
    pub(crate) fn new(size: Size, last: &[u8]) -> Self {
        let mut bytes = last.to_vec();
        sign::put(SIGN, size, &mut bytes);
        Self { size, bytes }
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        Frame::new(self.size, self.size.width as usize * 4, &self.bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_its_size_and_the_sign_can_be_said() {
        assert!(sign::can_say(SIGN));
        let size = Size::new(20, 10);
        let away = Away::new(size, &[0xff; 800]);
        assert_eq!(away.size(), size);
        assert!(away.frame().is_some());
    }
}
