//! Pictures in memory of devices (dma-bufs), where the kernel has some that needs no hardware: vgem's, or
//! plain memory that `/dev/udmabuf` makes one of.
//!
//! What no library calls, a line of perl does on a descriptor that it inherits.

mod plain;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};

use drm::buffer::{Buffer as _, DrmFourcc, Handle};
use drm::control::{Device as _, dumbbuffer::DumbBuffer};
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::Flags, zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
};

use self::plain::Plain;
use super::Program;
use crate::failure::{Failure, OrFail, Result};
use crate::wait::GUEST;

/// `DRM_IOCTL_VGEM_FENCE_ATTACH` of drm/vgem_drm.h, for writing, and when a line comes,
/// `DRM_IOCTL_VGEM_FENCE_SIGNAL`; each is told. One program does both: to start another one may take so long
/// that nobody waits for the fence any more.
const FENCE: &str = "my $a = pack('L4', WHICH, 1, 0, 0); ioctl(STDIN, 0xc0106441, $a) or die $!; \
                     open(my $o, '+<&=', 1) or die $!; syswrite($o, \"begun\\n\"); \
                     sysread($o, my $l, 1) or exit; my $b = pack('L2', unpack('x8L', $a), 0); \
                     ioctl(STDIN, 0x40086442, $b) or die $!; syswrite($o, \"done\\n\")";

/// An open card.
#[derive(Debug)]
struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for Card {}
impl drm::control::Device for Card {}

#[derive(Debug)]
enum Maker {
    Card(Card, DumbBuffer),
    Plain(Plain),
}

/// A picture of four bytes a pixel in memory of a device.
#[derive(Debug)]
pub struct DeviceMemory {
    maker: Maker,
    fd: OwnedFd,
    size: (u32, u32),
    stride: u32,
}

impl DeviceMemory {
    /// Memory of a card, or of `/dev/udmabuf`.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(device: &Path, size: (u32, u32)) -> Result<Self> {
        if device.ends_with("udmabuf") { Self::plain(size) } else { Self::of_card(device, size) }
    }

    fn of_card(device: &Path, size: (u32, u32)) -> Result<Self> {
        let card = OpenOptions::new().read(true).write(true).open(device);
        let card = Card(card.or_fail("open the card")?);
        let dumb =
            card.create_dumb_buffer(size, DrmFourcc::Xrgb8888, 32).or_fail("make a picture")?;
        let flags = drm::CLOEXEC | drm::RDWR;
        let fd = card.buffer_to_prime_fd(dumb.handle(), flags).or_fail("export a picture")?;
        Ok(Self { fd, size, stride: dumb.pitch(), maker: Maker::Card(card, dumb) })
    }

    fn plain(size: (u32, u32)) -> Result<Self> {
        let stride = size.0 * 4;
        let (plain, fd) = Plain::new(pages(size), true)?;
        Ok(Self { fd, size, stride, maker: Maker::Plain(plain) })
    }

    /// Paints every pixel as a word.
    ///
    /// # Errors
    /// When the memory cannot be written.
    pub fn paint(&mut self, word: impl Fn(u32, u32) -> u32) -> Result<()> {
        let stride = usize::try_from(self.stride).or_fail("count")?;
        let (width, height) = self.size;
        let mut rows = (0..height).map(|y| {
            let mut row: Vec<u8> = (0..width).flat_map(|x| word(x, y).to_le_bytes()).collect();
            row.resize(stride, 0);
            row
        });
        match &mut self.maker {
            Maker::Card(card, dumb) => {
                let mut map = card.map_dumb_buffer(dumb).or_fail("map a picture")?;
                map.as_mut().chunks_mut(stride).zip(&mut rows).for_each(|(to, row)| {
                    to.copy_from_slice(&row);
                });
                Ok(())
            }
            Maker::Plain(plain) => plain.write(&rows.flatten().collect::<Vec<u8>>()),
        }
    }

    /// Takes the memory's pages away behind the dma-buf's back.
    ///
    /// # Errors
    /// When it is a card's.
    pub fn take_away(&self) -> Result<()> {
        let Maker::Plain(plain) = &self.maker else { return Err(Failure::new("a card's")) };
        plain.take_away()
    }

    /// The dma-buf.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Bytes from a row to the next.
    #[must_use]
    pub const fn stride(&self) -> u32 {
        self.stride
    }

    /// Has a device write the picture until that is ended, or ten seconds have gone.
    ///
    /// # Errors
    /// When it is no memory of vgem.
    pub fn begin_write(&self) -> Result<Writing> {
        let Maker::Card(card, dumb) = &self.maker else { return Err(Failure::new("no card")) };
        let handle: Handle = dumb.handle();
        let card = card.0.try_clone().or_fail("copy a descriptor")?;
        let (ours, theirs) = UnixStream::pair().or_fail("make sockets")?;
        ours.set_read_timeout(Some(GUEST))?;
        let mut perl = Command::new("perl");
        perl.args(["-e", &FENCE.replace("WHICH", &u32::from(handle).to_string())]);
        perl.stdin(card).stdout(OwnedFd::from(theirs));
        let mut writing = Writing { perl: perl.spawn().or_fail("start perl")?, line: ours };
        // It has the other end alone: what it does not say ends the line.
        drop(perl);
        writing.hear("begun\n")?;
        Ok(writing)
    }
}

/// A device that writes a picture; it goes on for a while when this is dropped.
#[derive(Debug)]
pub struct Writing {
    perl: Child,
    line: UnixStream,
}

impl Writing {
    /// The device has done.
    ///
    /// # Errors
    /// When its fence is over already.
    pub fn end(mut self) -> Result<()> {
        self.line.write_all(b"\n").or_fail("talk to perl")?;
        self.hear("done\n")
    }

    fn hear(&mut self, wanted: &str) -> Result<()> {
        let mut told = vec![0; wanted.len()];
        self.line.read_exact(&mut told).or_fail("hear perl, which says why it ended")?;
        if told == wanted.as_bytes() { Ok(()) } else { Err(Failure::new("perl says nonsense")) }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.perl.kill();
        let _ = self.perl.wait();
    }
}

/// Bytes of a picture in whole pages.
fn pages((width, height): (u32, u32)) -> u64 {
    (u64::from(width) * 4 * u64::from(height)).next_multiple_of(4096)
}

/// Tries what cannot be with plain memory as a device's: the kernel and the service must refuse it.
///
/// # Errors
/// When one of them does not.
pub fn refuse_mistakes(socket: &Path, size: (u32, u32)) -> Result<()> {
    if Plain::new(pages(size), false).is_ok() {
        return Err(Failure::new("a dma-buf of memory that may be cut short"));
    }
    let memory = DeviceMemory::plain(size)?;
    let ((width, height), stride) = (size, memory.stride);
    // Whatever is left of the last page.
    let rest =
        u32::try_from(pages(size) - u64::from(stride) * u64::from(height)).or_fail("count")?;
    let more = rest / stride + 1;
    for (offset, stride, height) in [
        (0, stride, height + more),
        (rest + 4, stride, height),
        (u32::MAX - 3, stride, height),
        (0, stride - 4, height),
        (0, u32::MAX - 3, height),
        (0, stride, i32::MAX as u32),
    ] {
        let mut program = Program::connect(socket)?;
        let dmabuf: ZwpLinuxDmabufV1 = program.bind_at(3)?;
        let params = dmabuf.create_params(&program.handle, ());
        params.add(memory.fd(), 0, offset, stride, 0, 0);
        let side = |side: u32| i32::try_from(side).or_fail("count");
        let (format, handle) = (DrmFourcc::Xrgb8888 as u32, &program.handle);
        params.create_immed(side(width)?, side(height)?, format, Flags::empty(), handle, ());
        let what = format!("offset {offset}, stride {stride}, height {height}");
        match program.roundtrip() {
            Ok(()) => return Err(Failure::new(format!("{what}: taken"))),
            Err(error) if error.to_string().contains("zwp_linux_buffer_params_v1 error") => {}
            Err(error) => return Err(Failure::new(format!("{what}: {error}"))),
        }
    }
    Ok(())
}

impl Program {
    /// A buffer in memory of a device.
    ///
    /// # Errors
    /// When the service offers none.
    pub fn device_buffer(&self, memory: &DeviceMemory) -> Result<WlBuffer> {
        let dmabuf: ZwpLinuxDmabufV1 = self.bind_at(3)?;
        let params = dmabuf.create_params(&self.handle, ());
        params.add(memory.fd(), 0, 0, memory.stride, 0, 0);
        let side = |side: u32| i32::try_from(side).or_fail("count");
        let (width, height) = (side(memory.size.0)?, side(memory.size.1)?);
        let format = DrmFourcc::Xrgb8888 as u32;
        let buffer = params.create_immed(width, height, format, Flags::empty(), &self.handle, ());
        params.destroy();
        Ok(buffer)
    }
}
