//! A guest of the user's own: which files it starts from, checked before anything is started.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::{Context, Result, RigError};
use crate::packages;
use crate::plain::Plain;

/// What the guest is started from, and on which machine.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "A guest of your own, shown from its firmware's first picture on")]
pub struct Own {
    /// Boot this disk: raw, qcow2, VMDK, VDI or VHDX. Nothing is written to it without --write
    #[arg(long, value_name = "IMAGE")]
    disk: Option<PathBuf>,
    /// Put this disc into the drive; it is booted first
    #[arg(long, value_name = "ISO")]
    cdrom: Option<PathBuf>,
    /// Start this Linux kernel itself
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The kernel's first root file system
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// The kernel's command line
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    append: Option<String>,
    /// Let the guest write to its disk
    #[arg(long, requires = "disk")]
    write: bool,
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    memory: u32,
    /// What starts the guest
    #[arg(long, value_enum, default_value_t = Firmware::Bios)]
    firmware: Firmware,
    /// QEMU's display device: VGA, virtio-vga, qxl-vga, cirrus-vga, bochs-display and more
    #[arg(long, value_name = "DEVICE", default_value = "VGA")]
    card: String,
    /// Without a network
    #[arg(long)]
    no_network: bool,
    /// The QEMU of this Debian release (bookworm, trixie or sid) instead of the installed one
    #[arg(long, value_name = "RELEASE")]
    qemu: Option<String>,
}

/// What a machine runs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Firmware {
    /// SeaBIOS
    Bios,
    /// EDK II
    Uefi,
}

impl Own {
    /// Whether there is a guest at all.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.disk.is_some() || self.cdrom.is_some() || self.kernel.is_some()
    }

    /// QEMU's name of the display device, with its properties.
    #[must_use]
    pub fn card(&self) -> &str {
        &self.card
    }

    /// The Debian release whose QEMU is wanted.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.qemu.as_deref()
    }

    /// What the guest is called: its file's name, as far as a guest may be called so.
    #[must_use]
    pub fn name(&self) -> String {
        let file = self.disk.as_ref().or(self.cdrom.as_ref()).or(self.kernel.as_ref());
        // What follows the last dot of a version is no ending.
        let ending = |text: &OsStr| text.to_str().is_some_and(|text| text.starts_with(is_letter));
        let ends = file.and_then(|file| file.extension()).is_some_and(ending);
        let name = file.and_then(|file| if ends { file.file_stem() } else { file.file_name() });
        let stem = name.unwrap_or_default().to_string_lossy();
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        let name: String = stem.to_ascii_lowercase().chars().map(plain).take(32).collect();
        let name = name.trim_matches('-');
        // The viewers' socket has that name.
        if name.is_empty() || name == "viewer" { "guest".to_owned() } else { name.to_owned() }
    }

    /// Looks at every file: what is not what it should be is told before anything starts.
    ///
    /// # Errors
    /// With a sentence that names the file and what is wrong with it.
    pub fn check(&self) -> Result<()> {
        if let Some(disk) = &self.disk {
            format(disk)?;
            if self.write && fs::OpenOptions::new().write(true).open(disk).is_err() {
                return Err(wrong(disk, "cannot be written to, which --write asks for"));
            }
        }
        if let Some(disc) = &self.cdrom
            && head(disc, 0x8001, 5)? != b"CD001"
        {
            let what = "is no disc image (ISO 9660); a disk's image is given with --disk";
            return Err(wrong(disc, what));
        }
        if let Some(kernel) = &self.kernel {
            let linux = head(kernel, 0x202, 4)? == b"HdrS";
            if !linux && head(kernel, 0, 4)? != b"\x7fELF" {
                return Err(wrong(kernel, "is no Linux kernel for x86 (neither bzImage nor ELF)"));
            }
        }
        if let Some(initrd) = &self.initrd {
            head(initrd, 0, 1)?;
        }
        Ok(())
    }

    /// The machine, with a keyboard, a mouse and a tablet; files that it writes to lie in `folder`.
    ///
    /// # Errors
    /// When a file is wrong ([`Own::check`]) or the firmware cannot be downloaded.
    pub fn machine(&self, folder: &Path) -> Result<Plain> {
        self.check()?;
        let mut boot = Vec::new();
        let mut add = |words: [&str; 2]| boot.extend(words.map(str::to_owned));
        if let Some(disk) = &self.disk {
            let (format, keep) = (format(disk)?, if self.write { "off" } else { "on" });
            let file = path(disk)?;
            add(["-drive", &format!("file={file},format={format},if=ide,snapshot={keep}")]);
        }
        if let Some(disc) = &self.cdrom {
            let file = path(disc)?;
            add(["-drive", &format!("file={file},format=raw,media=cdrom,readonly=on")]);
            add(["-boot", "once=d"]);
        }
        if let Some(kernel) = &self.kernel {
            add(["-kernel", &kernel.to_string_lossy()]);
        }
        if let Some(initrd) = &self.initrd {
            add(["-initrd", &initrd.to_string_lossy()]);
        }
        if let Some(line) = &self.append {
            add(["-append", line]);
        }
        if !self.no_network {
            // Started from a file, it needs no firmware of its own to boot from the network.
            add(["-netdev", "user,id=net"]);
            add(["-device", "e1000,netdev=net,romfile="]);
        }
        let machine = match self.firmware {
            Firmware::Bios => "pc",
            Firmware::Uefi => {
                let (code, store) = uefi(folder)?;
                add(["-drive", &format!("if=pflash,unit=0,format=raw,readonly=on,file={code}")]);
                add(["-drive", &format!("if=pflash,unit=1,format=raw,file={store}")]);
                "q35"
            }
        };
        let devices = ["qemu-xhci", "usb-tablet", "virtio-rng-pci"].map(str::to_owned).to_vec();
        Ok(Plain {
            machine: machine.to_owned(),
            memory: self.memory,
            cards: vec![self.card.clone()],
            devices,
            boot,
            reboots: true,
            ..Plain::new()
        })
    }
}

/// The firmware, and where it may store what it is told.
fn uefi(folder: &Path) -> Result<(String, String)> {
    let files = packages::unpacked("ovmf")?.join("usr/share/OVMF");
    let (code, store) = (files.join("OVMF_CODE_4M.fd"), folder.join("firmware-store.fd"));
    let empty = files.join("OVMF_VARS_4M.fd");
    fs::copy(&empty, &store).at("copy", &empty)?;
    Ok((path(&code)?, path(&store)?))
}

const fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphabetic()
}

/// QEMU's name for what a disk's image is.
fn format(disk: &Path) -> Result<&'static str> {
    const KNOWN: [(&[u8], &str); 3] =
        [(b"QFI\xfb", "qcow2"), (b"KDMV", "vmdk"), (b"vhdxfile", "vhdx")];
    let start = head(disk, 0, 8)?;
    if let Some((_, name)) = KNOWN.into_iter().find(|(magic, _)| start.starts_with(magic)) {
        return Ok(name);
    }
    if head(disk, 0x40, 4)? == [0x7f, 0x10, 0xda, 0xbe] {
        return Ok("vdi");
    }
    let size = fs::metadata(disk).at("look at", disk)?.len();
    if size % 512 == 0 && size > 0 {
        return Ok("raw");
    }
    Err(wrong(disk, &format!("is no disk's image that is known here ({size} bytes)")))
}

/// Bytes of a file at a place; fewer where it ends.
fn head(file: &Path, at: u64, count: usize) -> Result<Vec<u8>> {
    if file.is_dir() {
        return Err(wrong(file, "is a folder"));
    }
    let mut reader = File::open(file).at("open", file)?;
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(at)).at("read", file)?;
    let limit = u64::try_from(count).unwrap_or(u64::MAX);
    reader.take(limit).read_to_end(&mut bytes).at("read", file)?;
    Ok(bytes)
}

fn wrong(file: &Path, what: &str) -> RigError {
    RigError::failed(format!("{} {what}", file.display()))
}

/// A path inside QEMU's `-drive`, where a comma ends a value.
fn path(file: &Path) -> Result<String> {
    let text = file.to_str().ok_or_else(|| wrong(file, "has a name that is no text"))?;
    Ok(text.replace(',', ",,"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        own: Own,
    }

    fn own(line: &[&str]) -> Own {
        Line::try_parse_from([&["demo"], line].concat()).map(|line| line.own).unwrap()
    }

    /// A file of this test run with some content.
    fn file(name: &str, content: &[u8]) -> PathBuf {
        let folder = crate::cache::target().join("guest/own");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, content).unwrap();
        file
    }

    fn complaint(option: &str, file: &Path) -> String {
        own(&[option, file.to_str().unwrap()]).check().unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_image_is_told_with_its_name() {
        let text = file("notes.txt", b"not an image");
        assert!(complaint("--disk", &text).contains("notes.txt is no disk's image"));
        assert!(complaint("--cdrom", &text).contains("notes.txt is no disc image"));
        assert!(complaint("--kernel", &text).contains("notes.txt is no Linux kernel"));
        assert!(complaint("--disk", Path::new("/")).contains("is a folder"));
        assert!(complaint("--disk", Path::new("/nowhere.img")).contains("open /nowhere.img"));
        assert!(complaint("--disk", &file("empty.img", b"")).contains("(0 bytes)"));
    }

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let mut vdi = vec![0; 0x40];
        vdi.extend([0x7f, 0x10, 0xda, 0xbe]);
        let images: [(&[u8], _); 4] =
            [(b"QFI\xfb....", "qcow2"), (b"KDMV....", "vmdk"), (&vdi, "vdi"), (&[0; 512], "raw")];
        for (bytes, name) in images {
            assert_eq!(format(&file(&format!("{name}.img"), bytes)).unwrap(), name);
        }
    }

    #[test]
    fn a_machine_has_what_it_was_given_and_writes_only_where_it_may() {
        let disk = file("a,b.img", &[0; 1024]);
        let disk = disk.to_str().unwrap();
        let machine = own(&["--disk", disk, "--memory", "64"]).machine(Path::new("/")).unwrap();
        let line = machine.boot.join(" ");
        assert!(line.contains("a,,b.img,format=raw,if=ide,snapshot=on"), "{line}");
        assert!(line.contains("-netdev"), "{line}");
        assert_eq!(machine.memory, 64);
        let own = own(&["--disk", disk, "--write", "--no-network"]);
        let line = own.machine(Path::new("/")).unwrap().boot.join(" ");
        assert!(line.contains("snapshot=off") && !line.contains("-netdev"), "{line}");
    }

    #[test]
    fn a_guest_is_called_like_its_file() {
        let names = [
            ("/x/Debian 12.iso", "debian-12"),
            ("/viewer.iso", "guest"),
            ("/.iso", "iso"),
            ("/boot/vmlinuz-6.1.0-56-amd64", "vmlinuz-6-1-0-56-amd64"),
        ];
        for (path, name) in names {
            assert_eq!(own(&["--cdrom", path]).name(), name);
        }
    }

    #[test]
    fn what_belongs_to_a_kernel_needs_one() {
        for line in [["demo", "--initrd", "x"], ["demo", "--append", "x"]] {
            assert!(Line::try_parse_from(line).is_err());
        }
        assert!(Line::try_parse_from(["demo", "--write"]).is_err());
    }
}
