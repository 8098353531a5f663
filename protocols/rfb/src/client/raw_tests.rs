//! Raw pixels: how often they are copied, however they come.

use super::*;

/// A picture that notes where in memory lies what is drawn on it.
struct Noted {
    picture: Picture,
    from: Vec<std::ops::Range<*const u8>>,
}

impl Canvas for Noted {
    fn size(&self) -> Size {
        self.picture.size()
    }

    fn resize(&mut self, size: Size) -> Result<(), CanvasError> {
        self.picture.resize(size)
    }

    fn begin(&mut self, rect: Rect) {
        self.picture.begin(rect);
    }

    fn write(&mut self, _rect: Rect, _values: &[u32]) {
        panic!("these pixels come as they are in memory");
    }

    fn put(&mut self, rect: Rect, bytes: &[u8]) {
        self.from.push(bytes.as_ptr_range());
        self.picture.put(rect, bytes);
    }

    fn fill(&mut self, _rect: Rect, _value: u32) {
        panic!("nobody fills anything");
    }

    fn copy(&mut self, _to: Rect, _from: Rect) {
        panic!("nobody copies anything");
    }
}

#[test]
fn raw_pixels_are_drawn_out_of_the_memory_that_they_were_received_in() {
    let size = Size::new(7, 5);
    let canvas = Noted { picture: Picture::new(Size::new(0, 0)), from: Vec::new() };
    let mut client = Client::onto(canvas, None, true);
    client.feed(b"RFB 003.008\n\x01\x01\0\0\0\0\0\x07\0\x05");
    client.feed(&[&PixelFormat::BGRX.to_wire()[..], b"\0\0\0\x01n"].concat());
    while client.next_event().unwrap().is_some() {}
    for (cut, round) in [1, 3, 4, 27, 28, 29, 61, 300].into_iter().zip(1_u32..) {
        let values: Vec<u32> = (0..35).map(|n: u32| n.wrapping_mul(0x0102_0304 * round)).collect();
        let pixels = values.iter().flat_map(|value| value.to_le_bytes());
        let mut update = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 7, 0, 5, 0, 0, 0, 0];
        update.extend(pixels);
        let mut drawn = 0;
        for piece in update.chunks(cut) {
            let came = client.feed_with(|input| {
                input.extend_from_slice(piece);
                input.as_ptr_range()
            });
            while client.next_event().unwrap().is_some() {}
            for from in std::mem::take(&mut client.canvas_mut().from) {
                assert!(came.start <= from.start && from.end <= came.end, "it was copied before");
                drawn += from.end.addr() - from.start.addr();
            }
            // What is whole is drawn; what is kept is less than a pixel.
            assert!(client.input.len() - client.parsed < 16);
        }
        assert_eq!(drawn, 7 * 5 * 4, "each pixel once, cut by {cut}");
        assert_eq!(client.canvas().picture.values(), values, "cut by {cut}");
        assert_eq!(client.canvas().picture.size(), size);
    }
}
