//! Our server against our client: pictures that change at random, in any format and encoding.

use porthole_pixel::{Rect, Region, Size};
use porthole_rfb::client::{Client, Event};
use porthole_rfb::{
    Channel, Colour, Config, CursorImage, Encoding, Frame, Leds, PixelFormat, Security, Server,
};

use crate::input::Input;

const MOST_STEPS: usize = 40;

struct Pair {
    server: Server,
    client: Client,
    size: Size,
    pixels: Vec<u32>,
}

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let size = size(&mut input);
    let config = Config { security: Security::None, name: "fuzz".to_owned(), size };
    let mut pair = Pair {
        server: Server::new(config).unwrap(),
        client: Client::new(None, true),
        size,
        pixels: vec![0; usize::try_from(size.area()).unwrap()],
    };
    pair.exchange();
    let format = format(&mut input);
    if let Some(format) = format {
        pair.client.set_format(format);
    }
    let order = [16, 5, 1, 0, -239, -224, -257, -258, -261, -307];
    let mut asked: Vec<_> = order.into_iter().filter_map(Encoding::from_number).collect();
    asked.rotate_left(input.below(4));
    asked.truncate(1 + input.below(asked.len()));
    // Without one of these the picture cannot change its size.
    asked.push(Encoding::from_number(if input.flag() { -223 } else { -308 }).unwrap());
    pair.client.set_encodings(&asked);
    pair.client.request_update(false);
    pair.exchange();
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
    }
    // After a second request at the latest everything is there: the first may bring a new size only.
    for _ in 0..3 {
        pair.client.request_update(true);
        pair.exchange();
        pair.update();
    }
    assert!(pair.server.is_current());
    assert_eq!(pair.client.picture().size(), pair.size);
    if format.is_none() {
        assert!(pair.client.picture().values() == pair.pixels, "another picture");
    }
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 10 {
            0..=3 => self.draw(input),
            4 => {
                self.size = size(input);
                let count = usize::try_from(self.size.area()).unwrap();
                self.pixels = vec![input.u32() & 0xff_ffff; count];
                self.server.resize(self.size);
                // Which it tells by itself only where the size is another one.
                self.server.damage(&Region::from_rect(Rect::from_size(self.size)));
            }
            5 => {
                let size = Size::new(u32::from(input.u8() % 20), u32::from(input.u8() % 20));
                let count = usize::try_from(size.area()).unwrap();
                let pixels = vec![input.u32(); count];
                if let Ok(cursor) = CursorImage::new(size, (0, 0), pixels) {
                    self.server.set_cursor(cursor);
                }
            }
            6 => {
                let bits = input.u8();
                let leds = Leds { scroll: bits & 1 != 0, num: bits & 2 != 0, caps: bits & 4 != 0 };
                self.server.set_leds(leds);
                self.server.set_relative(bits & 8 != 0);
                self.server.set_name(format!("fuzz {bits}"));
            }
            7 => self.client.request_update(input.flag()),
            _ => {
                self.client.request_update(true);
                self.exchange();
                self.update();
            }
        }
    }

    /// Draws a rectangle, in one colour or in a few.
    fn draw(&mut self, input: &mut Input<'_>) {
        let mut side = || i32::from(input.u8());
        let rect = Rect::new(side(), side(), side(), side());
        let Some(rect) = rect.intersect(Rect::from_size(self.size)) else { return };
        let (colour, step) = (input.u32(), u32::from(input.u8() / 64));
        let width = usize::try_from(self.size.width).unwrap();
        for (number, y) in (0_u32..).zip(rect.top()..rect.bottom()) {
            for (column, x) in (0_u32..).zip(rect.left()..rect.right()) {
                let at = usize::try_from(y).unwrap() * width + usize::try_from(x).unwrap();
                let value = colour.wrapping_add(((number ^ column) & 0xff) * step * 0x1_0203);
                self.pixels[at] = value & 0xff_ffff;
            }
        }
        self.server.damage(&Region::from_rect(rect));
    }

    fn update(&mut self) {
        let bytes: Vec<u8> = self.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        let stride = usize::try_from(self.size.width).unwrap() * 4;
        let frame = Frame::new(self.size, stride, &bytes).unwrap();
        self.server.update(&frame, None);
        self.exchange();
    }

    /// Until neither has more to say.
    fn exchange(&mut self) {
        loop {
            let up = self.client.take_output();
            let down = self.server.output().to_vec();
            self.server.consume(down.len());
            if up.is_empty() && down.is_empty() {
                return;
            }
            self.server.feed(&up);
            while self.server.next_event().expect("our own client").is_some() {}
            self.client.feed(&down);
            while let Some(event) = self.client.next_event().expect("our own server") {
                if let Event::Cursor(cursor) = event {
                    assert_eq!(cursor.values.len() as u64, cursor.size.area());
                }
            }
        }
    }
}

fn size(input: &mut Input<'_>) -> Size {
    const SIDES: [u32; 10] = [1, 2, 15, 16, 17, 63, 64, 65, 100, 130];
    Size::new(input.one_of(&SIDES), input.one_of(&SIDES))
}

/// `None` is the server's own, in which values can be compared.
fn format(input: &mut Input<'_>) -> Option<PixelFormat> {
    let channel = |max, shift| Channel { max, shift };
    let colour = |max: [u16; 3], shift: [u8; 3]| {
        let [red, green, blue] = [0, 1, 2].map(|i| channel(max[i], shift[i]));
        Colour::True { red, green, blue }
    };
    let (bits, depth, colour) = match input.u8() % 9 {
        0 => (32, 24, colour([255; 3], [0, 8, 16])),
        1 => (32, 30, colour([1023; 3], [20, 10, 0])),
        2 => (16, 16, colour([31, 63, 31], [11, 5, 0])),
        3 => (8, 8, colour([7, 7, 3], [0, 3, 6])),
        4 => (8, 8, Colour::Map),
        _ => return None,
    };
    PixelFormat::new(bits, depth, input.flag(), colour).ok()
}
