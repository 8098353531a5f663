use porthole_rfb::client::Picture;

use super::*;

struct Desk {
    input: Input,
    keymap: Keymap,
    client: Client<Picture>,
}

impl Desk {
    fn new(scancodes: bool) -> Self {
        let mut client = Client::new(None, true);
        let mut hello = b"RFB 003.008\n\x01\x01\0\0\0\0\0\x64\0\x32".to_vec();
        hello.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        client.feed(&hello);
        client.next_event().unwrap().unwrap();
        client.take_output();
        let input = Input { scancodes, ..Input::default() };
        Self { input, keymap: Keymap::of_layout("us").unwrap(), client }
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn tell(&mut self, what: Told) -> Vec<u8> {
        self.input.tell(&what, &mut self.keymap, &mut self.client);
        self.client.take_output()
    }

    fn key(&mut self, code: u16, pressed: bool) -> Vec<u8> {
        self.tell(Told::Key { scanout: 0, code, pressed })
    }
}

#[test]
fn keys_go_as_scancodes_or_as_symbols() {
    let mut desk = Desk::new(true);
    assert_eq!(desk.key(30, true), [255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e]);
    assert_eq!(desk.key(30, false), [255, 0, 0, 0, 0, 0, 0, 0x61, 0, 0, 0, 0x1e]);
    assert_eq!(desk.key(103, true), [255, 0, 0, 1, 0, 0, 0xff, 0x52, 0, 0, 0, 0xc8]);
    let mut desk = Desk::new(false);
    assert_eq!(desk.key(42, true), [4, 1, 0, 0, 0, 0, 0xff, 0xe1]);
    assert_eq!(desk.key(30, true), [4, 1, 0, 0, 0, 0, 0, 0x41]);
    assert_eq!(desk.key(42, false), [4, 0, 0, 0, 0, 0, 0xff, 0xe1]);
    // The letter comes up as what it went down.
    assert_eq!(desk.key(30, false), [4, 0, 0, 0, 0, 0, 0, 0x41]);
    assert!(desk.key(30, false).is_empty(), "what is up cannot come up");
}

#[test]
fn the_pointer_is_a_pixel_of_the_picture() {
    let mut desk = Desk::new(false);
    let at = |x, y| Told::Pointer { scanout: 0, x, y };
    assert_eq!(desk.tell(at(0.5, 0.0)), [5, 0, 0, 50, 0, 0]);
    assert_eq!(desk.key(0x110, true), [5, 1, 0, 50, 0, 0]);
    assert_eq!(desk.tell(at(1.0, 1.0)), [5, 1, 0, 99, 0, 49]);
    assert_eq!(desk.key(0x111, true), [5, 5, 0, 99, 0, 49]);
    assert_eq!(desk.key(0x110, false), [5, 4, 0, 99, 0, 49]);
    let wheel = |vertical, horizontal| Told::Wheel { scanout: 0, vertical, horizontal };
    assert!(desk.tell(wheel(60, 0)).is_empty());
    assert_eq!(desk.tell(wheel(60, 0)), [5, 4 | 8, 0, 99, 0, 49, 5, 4, 0, 99, 0, 49]);
    assert_eq!(desk.tell(wheel(0, -120))[1], 4 | 0x20);
    assert_eq!(desk.tell(wheel(i32::MIN, 0)).len(), 12 * 20);
    desk.input.relative = true;
    let motion = Told::Motion { scanout: 0, dx: -3, dy: 100_000 };
    assert_eq!(desk.tell(motion), [5, 4, 0x7f, 0xfc, 0x8f, 0xff]);
}

#[test]
fn one_finger_is_the_pointer() {
    let mut desk = Desk::new(false);
    let touch = |id, touch| Told::Touch { scanout: 0, id, touch, x: 0.1, y: 0.1 };
    assert_eq!(desk.tell(touch(7, Touch::Down)), [5, 0, 0, 10, 0, 5, 5, 1, 0, 10, 0, 5]);
    assert!(desk.tell(touch(8, Touch::Down)).is_empty());
    assert_eq!(desk.tell(touch(7, Touch::Up))[6..8], [5, 0]);
}
