use super::*;

#[test]
fn every_message_has_golden_bytes_and_waits_for_its_last() {
    let mut format = vec![0, 0, 0, 0];
    format.extend(PixelFormat::BGRX.to_wire());
    let mut resize = vec![251, 0, 5, 0, 3, 32, 1, 0];
    resize.extend([0; 16]);
    let cases: [(Vec<u8>, Message); 8] = [
        (format, Message::SetPixelFormat(PixelFormat::BGRX)),
        (
            vec![2, 0, 0, 2, 0, 0, 0, 16, 0xff, 0xff, 0xff, 0x11],
            Message::SetEncodings(vec![16, -239]),
        ),
        (
            vec![3, 1, 0, 2, 0, 3, 1, 0, 0, 4],
            Message::UpdateRequest { incremental: true, x: 2, y: 3, width: 256, height: 4 },
        ),
        (vec![4, 1, 0, 0, 0, 0, 0xff, 0x0d], Message::Key { keysym: 0xff0d, down: true }),
        (vec![5, 5, 0, 10, 1, 0], Message::Pointer { x: 10, y: 256, buttons: 5 }),
        (vec![6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'], Message::CutText(b"hi".to_vec())),
        (resize, Message::SetDesktopSize { width: 1280, height: 800 }),
        (
            vec![255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e],
            Message::ExtendedKey { keysym: 0x61, scancode: 0x1e, down: true },
        ),
    ];
    for (bytes, message) in cases {
        for cut in 0..bytes.len() {
            assert_eq!(
                parse(&mut Reader::new(&bytes[..cut]), false),
                Ok(None),
                "{message:?} {cut}"
            );
        }
        let mut longer = bytes.clone();
        longer.push(0xee);
        let mut reader = Reader::new(&longer);
        assert_eq!(parse(&mut reader, false), Ok(Some(message)));
        assert_eq!(reader.remaining(), 1);
    }
}

#[test]
fn lengths_are_checked_before_they_are_waited_for() {
    let parse = |bytes: &[u8]| parse(&mut Reader::new(bytes), false);
    assert_eq!(parse(&[2, 0, 4, 1]), Err(ProtocolError::TooManyEncodings(1025)));
    assert_eq!(parse(&[2, 0, 4, 0]), Ok(None));
    assert_eq!(
        parse(&[6, 0, 0, 0, 0, 0x10, 0, 1]),
        Ok(Some(Message::LongCutText { length: 0x10_0001 }))
    );
    assert_eq!(parse(&[6, 0, 0, 0, 0, 0x10, 0, 0]), Ok(None));
    assert_eq!(
        parse(&[6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc]),
        Err(ProtocolError::CutTextLength(0xffff_fffc))
    );
}

#[test]
fn what_was_not_offered_is_refused() {
    for kind in [1, 7, 150, 248, 254] {
        let result = parse(&mut Reader::new(&[kind]), false);
        assert_eq!(result, Err(ProtocolError::UnknownMessage(kind)));
    }
    let audio = parse(&mut Reader::new(&[255, 1]), false);
    assert_eq!(audio, Err(ProtocolError::UnknownQemuMessage(1)));
}
