//! The option ROM: the firmware's driver for this function.
//!
//! By default it is SeaBIOS's for `bochs-display`, which reaches the registers through the BAR: no legacy
//! port goes over vfio-user. Firmware takes a ROM only if its PCI ids are the function's, so they are
//! written into the copy that is served, and the checksum with them. UEFI firmware drives the function by
//! itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Where distributions put QEMU's ROMs.
const FOLDERS: [&str; 4] =
    ["/usr/share/seabios", "/usr/share/qemu", "/usr/share/qemu-kvm", "/usr/local/share/qemu"];
const NAME: &str = "vgabios-bochs-display.bin";
/// The longest ROM that a BIOS can hold a copy of.
const LONGEST: usize = 256 << 10;
const BLOCK: usize = 512;

/// Why there is no ROM.
#[derive(Debug, Error)]
pub enum RomError {
    /// None was named, and none is where they usually are.
    #[error(
        "no {NAME} in {}: install it (Debian: seabios, Fedora: seavgabios-bin), name one with --rom, or \
         say --rom none for guests with UEFI firmware",
        FOLDERS.join(", ")
    )]
    Missing,
    /// It cannot be read.
    #[error("cannot read the ROM {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It is none.
    #[error("{0} is no option ROM: {1}")]
    Form(PathBuf, &'static str),
}

/// Which ROM the function has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rom {
    /// The one that is found in the usual folders.
    Usual,
    /// None.
    None,
    /// This one.
    File(PathBuf),
}

impl std::str::FromStr for Rom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("give the path of a ROM, or none"),
            "none" => Ok(Self::None),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl Rom {
    /// The bytes to serve: with the function's ids, filled up to a power of two. Nothing where there is
    /// to be none.
    ///
    /// # Errors
    /// When there is none, or the file is no ROM.
    pub(crate) fn load(&self, ids: (u16, u16)) -> Result<Vec<u8>, RomError> {
        let path = match self {
            Self::None => return Ok(Vec::new()),
            Self::File(path) => path.clone(),
            Self::Usual => {
                let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(NAME));
                paths.clone().find(|path| path.is_file()).ok_or(RomError::Missing)?
            }
        };
        let bytes = read(&path).map_err(|error| RomError::Read(path.clone(), error))?;
        serve(bytes, ids).map_err(|what| RomError::Form(path, what))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is taken tells that there is more.
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks a ROM and gives it other ids.
fn serve(mut bytes: Vec<u8>, (vendor, device): (u16, u16)) -> Result<Vec<u8>, &'static str> {
    if bytes.len() > LONGEST {
        return Err("it is longer than 256 KiB");
    }
    if !bytes.starts_with(&[0x55, 0xaa]) {
        return Err("it does not begin with 55 AA");
    }
    let blocks = bytes.get(2).map_or(0, |blocks| usize::from(*blocks));
    let len = blocks * BLOCK;
    if len == 0 || len > bytes.len() {
        return Err("its length in byte 2 is not that of the file");
    }
    let pointer = bytes.get(0x18..0x1a).and_then(|bytes| bytes.first_chunk());
    let structure = usize::from(u16::from_le_bytes(*pointer.ok_or("it ends too early")?));
    if bytes.get(structure..).is_none_or(|bytes| !bytes.starts_with(b"PCIR")) {
        return Err("it has no PCI data structure");
    }
    let ids = [vendor.to_le_bytes(), device.to_le_bytes()].concat();
    let place = bytes.get_mut(structure + 4..structure + 8).ok_or("it ends too early")?;
    place.copy_from_slice(&ids);
    // All bytes of an image together are zero; this one says nothing else.
    let sum = bytes.iter().take(len).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(byte) = bytes.get_mut(6) {
        *byte = byte.wrapping_sub(sum);
    }
    bytes.resize(bytes.len().next_power_of_two().max(2048), 0);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rom() -> Vec<u8> {
        let mut bytes = vec![7; 1024];
        bytes[..3].copy_from_slice(&[0x55, 0xaa, 2]);
        bytes[0x18..0x1a].copy_from_slice(&[0x40, 0]);
        bytes[0x40..0x48].copy_from_slice(b"PCIR\x34\x12\x11\x11");
        bytes
    }

    #[test]
    fn ids_and_checksum_are_mended() {
        let served = serve(rom(), (0x1af4, 0x1050)).unwrap();
        assert_eq!(served.len(), 2048);
        assert_eq!(served[0x44..0x48], [0xf4, 0x1a, 0x50, 0x10]);
        let sum = served[..1024].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(sum, 0);
    }

    #[test]
    fn what_is_no_rom_is_refused() {
        let broken: [(usize, u8); 4] = [(0, 0), (2, 0), (2, 3), (0x41, 0)];
        for (at, value) in broken {
            let mut bytes = rom();
            bytes[at] = value;
            serve(bytes, (0, 0)).unwrap_err();
        }
        let mut far = rom();
        far[0x18..0x1a].copy_from_slice(&[0xfc, 3]);
        far[0x3fc..].copy_from_slice(b"PCIR");
        assert_eq!(serve(far, (0, 0)), Err("it ends too early"));
        serve(vec![0x55, 0xaa], (0, 0)).unwrap_err();
        serve(vec![0; LONGEST + 1], (0, 0)).unwrap_err();
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = Rom::File("/nonexistent/rom.bin".into()).load((0, 0)).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read the ROM /nonexistent/rom.bin");
        assert_eq!(Rom::None.load((0, 0)).unwrap(), Vec::<u8>::new());
        assert!(RomError::Missing.to_string().contains("--rom none"));
    }
}
