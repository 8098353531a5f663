use std::io::ErrorKind;

use super::{Copies, Memory, Rows};

#[test]
fn memory_is_zero_and_keeps_what_is_written() {
    let memory = Memory::create("test", 4096).unwrap();
    let mut bytes = [1; 4];
    memory.read_at(100, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 4]);
    memory.write_at(4092, &[1, 2, 3, 4]).unwrap();
    memory.read_at(4092, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
    assert_eq!(memory.with_bytes(|all| all.iter().map(|b| u32::from(*b)).sum::<u32>()), 10);
}

#[test]
fn accesses_outside_are_refused_whole() {
    let memory = Memory::create("test", 16).unwrap();
    for offset in [13, 16, 17, u64::MAX, u64::MAX - 3] {
        assert!(memory.write_at(offset, &[9; 4]).is_err(), "{offset}");
        assert!(memory.read_at(offset, &mut [0; 4]).is_err(), "{offset}");
        assert!(memory.with_bytes_mut(offset, 4, |_| ()).is_err(), "{offset}");
    }
    memory.write_at(16, &[]).unwrap();
    assert_eq!(memory.with_bytes(<[u8]>::to_vec), [0; 16]);
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    assert_eq!(Memory::create("test", 0).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(Memory::create("test", u64::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
    Memory::create("test", 1 << 62).unwrap_err();
}

#[test]
fn size_is_sealed() {
    let memory = Memory::create("test", 4096).unwrap();
    rustix::fs::ftruncate(memory.fd(), 1).unwrap_err();
    rustix::fs::ftruncate(memory.fd(), 8192).unwrap_err();
    rustix::fs::fcntl_add_seals(memory.fd(), rustix::fs::SealFlags::WRITE).unwrap_err();
}

#[test]
fn rows_are_copied_between_strides() {
    let from = Memory::create("from", 64).unwrap();
    let to = Memory::create("to", 64).unwrap();
    from.write_at(0, &(0..64).collect::<Vec<u8>>()).unwrap();
    let source = Rows { offset: 9, stride: 8 };
    let copied = from.copy_rows(source, &to, Rows { offset: 2, stride: 16 }, 3, 2).unwrap();
    assert_eq!(copied, 6);
    let mut expected = vec![0; 64];
    expected[2..5].copy_from_slice(&[9, 10, 11]);
    expected[18..21].copy_from_slice(&[17, 18, 19]);
    assert_eq!(to.with_bytes(<[u8]>::to_vec), expected);
}

#[test]
fn rows_outside_are_refused_whole() {
    let from = Memory::create("from", 64).unwrap();
    let to = Memory::create("to", 32).unwrap();
    from.write_at(0, &[7; 64]).unwrap();
    let start = Rows { offset: 0, stride: 8 };
    from.copy_rows(start, &to, start, 8, 5).unwrap_err();
    to.copy_rows(start, &from, start, 8, 5).unwrap_err();
    let far = Rows { offset: 8, stride: u64::MAX / 2 };
    from.copy_rows(far, &to, start, 8, 4).unwrap_err();
    from.copy_rows(start, &from, start, 8, 1).unwrap_err();
    assert_eq!(from.copy_rows(far, &to, start, 8, 0), Ok(0));
    assert_eq!(to.with_bytes(<[u8]>::to_vec), [0; 32]);
}

#[test]
fn a_peer_maps_the_same_file() {
    let memory = Memory::create("test", 4096).unwrap();
    let peer = rustix::io::dup(memory.fd()).unwrap();
    assert_eq!(rustix::fs::fstat(&peer).unwrap().st_ino, memory.inode());
    memory.write_at(5, b"porthole").unwrap();
    let mut bytes = [0; 8];
    rustix::io::pread(&peer, &mut bytes, 5).unwrap();
    assert_eq!(&bytes, b"porthole");
}

#[test]
fn threads_copy_in_both_directions_without_a_deadlock() {
    let one = Memory::create("one", 4096).unwrap();
    let two = Memory::create("two", 4096).unwrap();
    let rows = Rows { offset: 0, stride: 64 };
    let copy = |from: &Memory, to: &Memory| {
        for _ in 0..1000 {
            from.copy_rows(rows, to, rows, 64, 64).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| copy(&one, &two));
        scope.spawn(|| copy(&two, &one));
    });
    assert_eq!(one.with_bytes(<[u8]>::to_vec), [0; 4096]);
}

#[test]
fn copies_add_up() {
    let mut copies = Copies { transfer: 5, repair: 2 };
    copies += Copies { transfer: u64::MAX, repair: 1 };
    assert_eq!(copies, Copies { transfer: u64::MAX, repair: 3 });
    assert_eq!(copies.total(), u64::MAX);
}
