use porthole_pixel::{Format, Rect, Size};
use proptest::prelude::*;

use super::*;
use crate::wire::{event, feature, request};

const ALL: u64 = feature::EDID | feature::RESOURCE_UUID | feature::RESOURCE_BLOB;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn parse(bytes: &[u8]) -> Result<Command, ErrorCode> {
    Command::parse(&Header::parse(bytes).unwrap(), bytes, ALL)
}

#[test]
fn create_2d_golden() {
    let bytes = hex("01010000 00000000 0000000000000000 00000000 00000000
                     01000000 02000000 40010000 c8000000");
    let size = Size::new(320, 200);
    let format = Some(Format::Xrgb8888);
    assert_eq!(parse(&bytes), Ok(Command::Create2d { resource: 1, format, size }));
}

#[test]
fn transfer_golden() {
    let bytes = hex("05010000 00000000 0000000000000000 00000000 00000000
                     08000000 09000000 10000000 11000000 2008000000000001 07000000 00000000");
    let rect = WireRect { x: 8, y: 9, width: 16, height: 17 };
    let offset = 0x0100_0000_0000_0820;
    assert_eq!(parse(&bytes), Ok(Command::Transfer { resource: 7, rect, offset }));
}

#[test]
fn attach_golden_and_bad_lists() {
    let head = "06010000 00000000 0000000000000000 00000000 00000000 05000000";
    let entry = "0000400000000000 00100000 00000000";
    let two = hex(&format!("{head} 02000000 {entry} {entry}"));
    let one = Entry { address: 0x40_0000, length: 4096 };
    let good = Command::AttachBacking { resource: 5, entries: Ok(vec![one, one]) };
    assert_eq!(parse(&two), Ok(good));
    let bad = Ok(Command::AttachBacking { resource: 5, entries: Err(BadEntries) });
    assert_eq!(parse(&two[..two.len() - 1]), bad);
    assert_eq!(parse(&hex(&format!("{head} 01400000 {entry}"))), bad);
    assert_eq!(parse(&hex(&format!("{head} ffffffff {entry}"))), bad);
    assert_eq!(parse(&hex(head)), Err(ErrorCode::Parameter));
}

#[test]
fn blob_commands_golden() {
    let create = hex("0c010000 00000000 0000000000000000 00000000 00000000
                      01000000 01000000 02000000 01000000 0000000000000000 0040000000000000
                      0000400000000000 00400000 00000000");
    let entries = Ok(vec![Entry { address: 0x40_0000, length: 0x4000 }]);
    let memory = BlobMemory::Guest;
    let expected = Command::CreateBlob { resource: 1, memory, size: 0x4000, entries };
    assert_eq!(parse(&create), Ok(expected));
    let set = hex("0d010000 00000000 0000000000000000 00000000 00000000
                   00000000 00000000 40000000 40000000 02000000 01000000 40000000 41000000
                   02000000 00000000 00010000 01000000 00000000 00000000 10000000 00000000
                   00000000 00000000");
    let rect = WireRect { x: 0, y: 0, width: 64, height: 64 };
    let framebuffer = BlobFramebuffer {
        format: Some(Format::Xrgb8888),
        size: Size::new(64, 65),
        stride: 256,
        offset: 16,
    };
    let expected = Command::SetScanoutBlob { scanout: 2, resource: 1, rect, framebuffer };
    assert_eq!(parse(&set), Ok(expected));
    let header = Header::parse(&set).unwrap();
    assert_eq!(Command::parse(&header, &set, feature::EDID), Err(ErrorCode::Parameter));
}

#[test]
fn every_command_has_its_length() {
    let lengths = [
        (request::GET_DISPLAY_INFO, 24),
        (request::RESOURCE_CREATE_2D, 40),
        (request::RESOURCE_UNREF, 32),
        (request::SET_SCANOUT, 48),
        (request::RESOURCE_FLUSH, 48),
        (request::TRANSFER_TO_HOST_2D, 56),
        (request::RESOURCE_ATTACH_BACKING, 32),
        (request::RESOURCE_DETACH_BACKING, 32),
        (request::GET_EDID, 32),
        (request::RESOURCE_ASSIGN_UUID, 32),
        (request::RESOURCE_CREATE_BLOB, 56),
        (request::SET_SCANOUT_BLOB, 96),
    ];
    for (kind, length) in lengths {
        let mut bytes = vec![0; length];
        bytes[..4].copy_from_slice(&kind.to_le_bytes());
        parse(&bytes).unwrap();
        for short in 24..length {
            assert_eq!(parse(&bytes[..short]), Err(ErrorCode::Parameter), "{kind:x} {short}");
        }
    }
}

#[test]
fn unknown_and_3d_commands_are_unspecified() {
    for kind in [0, 0xff, 0x108, 0x109, 0x10e, 0x200, 0x207, 0x300, 0x1100, u32::MAX] {
        let mut bytes = vec![0; 96];
        bytes[..4].copy_from_slice(&u32::to_le_bytes(kind));
        assert_eq!(parse(&bytes), Err(ErrorCode::Unspecified), "{kind:x}");
    }
    let mut uuid = vec![0; 32];
    uuid[..4].copy_from_slice(&request::RESOURCE_ASSIGN_UUID.to_le_bytes());
    let header = Header::parse(&uuid).unwrap();
    assert_eq!(Command::parse(&header, &uuid, feature::EDID), Err(ErrorCode::Unspecified));
}

#[test]
fn cursor_commands() {
    let mut bytes = hex("00030000 00000000 0000000000000000 00000000 00000000
                         01000000 feffffff 0a000000 00000000 02000000 03000000 04000000 00000000");
    let image = Some(CursorImage { resource: 2, hot_x: 3, hot_y: 4 });
    let update = CursorCommand { scanout: 1, x: -2, y: 10, image };
    assert_eq!(CursorCommand::parse(&bytes), Ok(update));
    assert_eq!(CursorCommand::parse(&bytes[..55]), Err(ErrorCode::Parameter));
    bytes[0] = 1;
    assert_eq!(CursorCommand::parse(&bytes), Ok(CursorCommand { image: None, ..update }));
    bytes[0] = 2;
    assert_eq!(CursorCommand::parse(&bytes), Err(ErrorCode::Unspecified));
    assert_eq!(CursorCommand::parse(&[]), Err(ErrorCode::Parameter));
}

#[test]
fn fence_comes_back_only_when_asked_for() {
    let mut header = Header { kind: 1, flags: 3, fence_id: 5, context_id: 7, ring: 9 };
    let expected = hex("00110000 01000000 0500000000000000 07000000 00000000");
    assert_eq!(Response::Done.encode(&header), expected);
    header.flags = 2;
    let expected = hex("05120000 00000000 0000000000000000 00000000 00000000");
    assert_eq!(Response::Error(ErrorCode::Parameter).encode(&header), expected);
}

#[test]
fn responses_have_their_lengths_and_zero_padding() {
    let header = Header::default();
    let display = Display { rect: Rect::new(0, 0, 1280, 800), enabled: true };
    let bytes = Response::Displays(vec![display; 2]).encode(&header);
    assert_eq!(bytes.len(), 408);
    assert_eq!(bytes[24..48], bytes[48..72]);
    assert_eq!(bytes[24..48], hex("00000000 00000000 00050000 20030000 01000000 00000000"));
    assert!(bytes[72..].iter().all(|b| *b == 0));
    assert_eq!(Response::Displays(vec![display; 99]).encode(&header).len(), 408);
    let bytes = Response::Edid(vec![0xee; 128]).encode(&header);
    assert_eq!((bytes.len(), &bytes[24..32]), (1056, &hex("0004000000000000")[..]));
    assert!(bytes[32..160].iter().all(|b| *b == 0xee) && bytes[160..].iter().all(|b| *b == 0));
    assert_eq!(Response::Edid(vec![1; 4000]).encode(&header).len(), 1056);
    assert_eq!(Response::Uuid([3; 16]).encode(&header).len(), 40);
}

#[test]
fn formats_round_trip() {
    let codes: Vec<u32> = Format::ALL.into_iter().filter_map(format_code).collect();
    assert_eq!(codes.len(), 8);
    for code in codes {
        assert_eq!(format_from_code(code).and_then(format_code), Some(code));
    }
    // BGRA in memory is ARGB in a word.
    assert_eq!(format_from_code(1), Some(Format::Argb8888));
    assert_eq!(format_from_code(0), None);
}

#[test]
fn rectangles_are_checked_without_overflow() {
    let size = Size::new(64, 64);
    let rect = |x, y, width, height| WireRect { x, y, width, height }.within(size);
    assert_eq!(rect(48, 48, 16, 16), Some(Rect::new(48, 48, 16, 16)));
    assert_eq!(rect(64, 64, 0, 0), Some(Rect::new(64, 64, 0, 0)));
    assert_eq!(rect(65, 0, 0, 0), None);
    assert_eq!(rect(u32::MAX, 0, 2, 16), None);
    assert_eq!(rect(0, u32::MAX - 15, 16, 32), None);
    let huge = Size::new(u32::MAX, u32::MAX);
    assert_eq!(WireRect { x: 0, y: 0, width: u32::MAX, height: 1 }.within(huge), None);
}

#[test]
fn config_reads_and_clears() {
    let mut config = Config { events_read: event::DISPLAY, num_scanouts: 2 };
    assert_eq!(config.read(0, 16), hex("01000000 00000000 02000000 00000000"));
    assert_eq!(config.read(8, 24)[..8], hex("02000000 00000000"));
    assert_eq!(config.read(u64::MAX, 3), [0; 3]);
    config.write(0, &[0xff; 4]);
    config.write(8, &[0xff; 16]);
    config.write(u64::MAX - 1, &[0xff; 4]);
    assert_eq!(config, Config { events_read: 1, num_scanouts: 2 });
    config.write(0, &hex("00000000 01000000 00000000 00000000 00000000 00000000"));
    assert_eq!(config.events_read, 0);
}

proptest! {
    #[test]
    fn parsing_never_panics(kind in 0x100_u32..0x110, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(start) = bytes.first_chunk_mut::<4>() {
            *start = kind.to_le_bytes();
        }
        if let Some(header) = Header::parse(&bytes) {
            let _ = Command::parse(&header, &bytes, ALL);
        }
        let _ = CursorCommand::parse(&bytes);
    }
}
