//! What is asked of QEMU's VNC server, which has the card's last head: as much of RFC 6143 as that takes.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// Begins to talk with a VNC server, as RFC 6143 says.
fn greet(mut socket: &UnixStream) -> io::Result<()> {
    let mut version = [0; 12];
    socket.read_exact(&mut version)?;
    socket.write_all(&version)?;
    let mut count = [0];
    socket.read_exact(&mut count)?;
    let mut kinds = vec![0; count[0].into()];
    socket.read_exact(&mut kinds)?;
    // No password.
    socket.write_all(&[1])?;
    socket.read_exact(&mut [0; 4])?;
    // Shared.
    socket.write_all(&[1])?;
    let mut start = [0; 24];
    socket.read_exact(&mut start)?;
    let (_, [a, b, c, d]) = start.split_last_chunk().unwrap_or((&[], &[0; 4]));
    let name = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(0);
    socket.read_exact(&mut vec![0; name])
}

/// Asks for the picture of the pointer alone, with its alpha (encoding -314 of RFC 6143's community).
pub(super) fn ask_for_pointer(mut socket: &UnixStream) -> io::Result<Vec<u8>> {
    greet(socket)?;
    let with_alpha = (-314_i32).to_be_bytes();
    socket.write_all(&[&[2, 0, 0, 2][..], &[0; 4], &with_alpha].concat())?;
    // One rectangle: place, size, encoding, and the encoding of its pixels.
    let mut head = [0; 20];
    socket.read_exact(&mut head)?;
    let expected = [&[0, 0, 0, 1][..], &[0; 4], &[0, 64, 0, 64], &with_alpha, &[0; 4]].concat();
    if head[..] != expected[..] {
        return Err(io::Error::other(format!("it sends {head:?}")));
    }
    let mut pixels = vec![0; 64 * 64 * 4];
    socket.read_exact(&mut pixels)?;
    Ok(pixels)
}

/// Asks a VNC server for a size, by its community's extension (SetDesktopSize).
pub(super) fn ask_for_size(mut socket: &UnixStream, (width, height): (u16, u16)) -> io::Result<()> {
    greet(socket)?;
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    let request = [&[251, 0][..], &width, &height, &[1, 0], &[0; 8], &width, &height, &[0; 4]];
    socket.write_all(&request.concat())?;
    // What comes after it is read when QEMU has taken the request: all of the picture, a pixel at least.
    socket.write_all(&[3, 0, 0, 0, 0, 0, 0, 1, 0, 1])?;
    socket.read_exact(&mut [0])
}
