use proptest::prelude::*;

use super::*;

fn words32(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn words64(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn numbers_and_codes_agree() {
    for number in 0..=50 {
        match RequestCode::from_number(number) {
            Some(code) => assert_eq!(code as u32, number),
            None => assert!(number == 0 || number > 44),
        }
    }
}

#[test]
fn unknown_requests_are_no_error() {
    assert_eq!(Request::parse(999, &[1, 2], 3), Ok(Request::Unknown(999)));
    assert_eq!(
        Request::parse(26, &[], 0),
        Ok(Request::Unsupported(RequestCode::CreateCryptoSession))
    );
}

#[test]
fn memory_table() {
    let mut payload = words32(&[2, 0]);
    payload.extend(words64(&[0, 0xa0000, 0x7f00_0000_0000, 0]));
    payload.extend(words64(&[0xc0000, 0x1000, 0x7f00_000c_0000, 0xc0000]));
    let Request::SetMemTable(regions) = Request::parse(5, &payload, 2).unwrap() else {
        panic!("another request");
    };
    assert_eq!(regions.len(), 2);
    assert_eq!(regions[1].guest_address, 0xc0000);
    assert_eq!(regions[1].size, 0x1000);
    assert_eq!(regions[1].user_address, 0x7f00_000c_0000);
    assert_eq!(regions[1].file_offset, 0xc0000);
    // A descriptor is missing: memory that the front-end cannot share.
    assert!(matches!(Request::parse(5, &payload, 1), Err(RequestError::Fds { got: 1, .. })));
    Request::parse(5, &payload[..40], 2).unwrap_err();
    payload[0] = 9;
    assert_eq!(Request::parse(5, &payload, 2), Err(RequestError::Regions(9)));
}

#[test]
fn vring_messages() {
    assert_eq!(
        Request::parse(8, &words32(&[1, 64]), 0),
        Ok(Request::SetVringNum(VringState { index: 1, value: 64 }))
    );
    let mut payload = words32(&[1, 0]);
    payload.extend(words64(&[0x1000, 0x2000, 0x3000, 0]));
    assert_eq!(
        Request::parse(9, &payload, 0),
        Ok(Request::SetVringAddr(VringAddress {
            index: 1,
            flags: 0,
            descriptors: 0x1000,
            used: 0x2000,
            available: 0x3000,
        }))
    );
    assert_eq!(
        Request::parse(12, &words64(&[1]), 1),
        Ok(Request::SetVringKick { index: 1, fd: true })
    );
    assert_eq!(
        Request::parse(13, &words64(&[0x100]), 0),
        Ok(Request::SetVringCall { index: 0, fd: false })
    );
    Request::parse(12, &words64(&[1]), 0).unwrap_err();
    Request::parse(13, &words64(&[0x100]), 1).unwrap_err();
}

#[test]
fn config_is_bounded() {
    assert_eq!(
        Request::parse(24, &words32(&[0, 24, 0]), 0),
        Ok(Request::GetConfig(ConfigSpan { offset: 0, size: 24, flags: 0 }))
    );
    Request::parse(24, &words32(&[0, 257, 0]), 0).unwrap_err();
    Request::parse(24, &words32(&[u32::MAX, 1, 0]), 0).unwrap_err();
    let mut write = words32(&[4, 4, 0]);
    Request::parse(25, &write, 0).unwrap_err();
    write.extend([1, 0, 0, 0]);
    let Ok(Request::SetConfig(span, data)) = Request::parse(25, &write, 0) else {
        panic!("refused");
    };
    assert_eq!((span.offset, data), (4, vec![1, 0, 0, 0]));
}

#[test]
fn memory_slots() {
    let mut payload = words64(&[0]);
    payload.extend(words64(&[0x1_0000_0000, 0x1000, 0x7000_0000, 0x8000_0000]));
    assert!(matches!(Request::parse(37, &payload, 1), Ok(Request::AddMemReg(_))));
    Request::parse(37, &payload, 0).unwrap_err();
    for fds in 0..=1 {
        assert!(matches!(Request::parse(38, &payload, fds), Ok(Request::RemMemReg(_))));
    }
}

proptest! {
    #[test]
    fn never_panics(request in 0u32..60, payload: Vec<u8>, fds in 0usize..10) {
        let _ = Request::parse(request, &payload, fds);
    }
}
