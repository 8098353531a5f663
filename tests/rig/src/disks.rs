//! Disks that guests boot without an operating system: a program of our own that draws in the
//! firmware's video modes, and GRUB with a menu.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command::output;
use crate::error::{Context, Result};
use crate::packages;

/// The sources of [`modes`] and [`canvas`].
const MODES: &str = concat!(include_str!("../boot/loader.S"), include_str!("../boot/modes.S"));
const CANVAS: &str = concat!(include_str!("../boot/loader.S"), include_str!("../boot/canvas.S"));

/// What the menu of [`menu`] shows; it waits until an entry is chosen. An entry prints a line and
/// waits for a key, or draws the menu anew in the graphics mode.
const MENU: &str = "set timeout=-1\n\
    terminal_output console\n\
    menuentry 'Porthole: first entry' { echo 'the first entry was chosen' ; read key }\n\
    menuentry 'Porthole: second entry' { echo 'the second entry was chosen' ; read key }\n\
    menuentry 'Porthole: the menu in pictures' {\n\
    set gfxmode=800x600x32\n\
    loadfont (memdisk)/boot/grub/letters.pf2\n\
    terminal_output gfxterm\n\
    }\n";

/// What the menu needs.
const MODULES: &[&str] =
    &["memdisk", "tar", "normal", "echo", "read", "configfile", "gfxterm", "vbe", "font"];

/// A disk with the program in `boot/modes.S`, whose comments say what it does.
///
/// # Errors
/// When the assembler or the linker fails.
pub fn modes() -> Result<PathBuf> {
    assembled("modes", MODES)
}

/// A disk with the program in `boot/canvas.S`, whose comments say what it does.
///
/// # Errors
/// When the assembler or the linker fails.
pub fn canvas() -> Result<PathBuf> {
    assembled("canvas", CANVAS)
}

fn assembled(name: &str, text: &str) -> Result<PathBuf> {
    made(name, |folder, disk| {
        let (source, object) = (folder.join("source.S"), folder.join("object.o"));
        fs::write(&source, text).at("write", &source)?;
        output(Command::new("as").arg("--32").arg(&source).arg("-o").arg(&object))?;
        let mut link = Command::new("ld");
        link.args(["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o"]);
        output(link.arg(disk).arg(&object)).map(drop)
    })
}

/// A disk with the program that is not Linux ([`crate::program`]).
///
/// # Errors
/// When it cannot be written.
pub fn program() -> Result<PathBuf> {
    made("program", |_, disk| fs::write(disk, crate::program::disk()?).at("write", disk))
}

/// A disk from which the firmware starts GRUB, which shows a menu of three entries and waits.
///
/// # Errors
/// When GRUB cannot be downloaded or put together.
pub fn menu() -> Result<PathBuf> {
    let (tools, parts) = (packages::unpacked("grub-common")?, packages::unpacked("grub-pc-bin")?);
    // The tool is linked with it, and it may not be here; its other libraries are.
    let library = packages::unpacked("libdevmapper1.02.1")?;
    made("menu", |folder, disk| {
        let inside = folder.join("files/boot/grub");
        fs::create_dir_all(&inside).at("make", &inside)?;
        let menu = inside.join("grub.cfg");
        fs::write(&menu, MENU).at("write", &menu)?;
        let letters = tools.join("usr/share/grub/euro.pf2");
        fs::copy(&letters, inside.join("letters.pf2")).at("copy", &letters)?;
        let archive = folder.join("files.tar");
        let mut tar = Command::new("tar");
        tar.args(["--format=ustar", "-C"]).arg(folder.join("files")).arg("-cf").arg(&archive);
        output(tar.arg("boot"))?;
        let (parts, core) = (parts.join("usr/lib/grub/i386-pc"), folder.join("core.img"));
        let mut make = Command::new(tools.join("usr/bin/grub-mkimage"));
        let folders = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
        let folders = folders.map(|name| library.join(name).display().to_string());
        make.env("LD_LIBRARY_PATH", folders.join(":"));
        make.args(["-O", "i386-pc", "-p", "(memdisk)/boot/grub", "-d"]).arg(&parts);
        make.arg("-m").arg(&archive).arg("-o").arg(&core).args(MODULES);
        output(&mut make)?;
        // Where GRUB's own installer writes it on a disk without partitions: the first sector,
        // and all the rest from the second one on.
        let first = parts.join("boot.img");
        let mut bytes = fs::read(&first).at("read", &first)?;
        bytes.extend(fs::read(&core).at("read", &core)?);
        bytes.resize(bytes.len().next_multiple_of(1 << 20), 0);
        fs::write(disk, bytes).at("write", disk)
    })
}

/// Makes a disk in a folder of this process, and gives it its name at the end: a guest that boots
/// meanwhile keeps the whole old file.
fn made(name: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache::target().join("guest");
    let work = folder.join(format!("{name}-{}.partial", cache::unique()));
    fs::create_dir_all(&work).at("make", &work)?;
    let (new, disk) = (work.join("disk.img"), folder.join(format!("{name}.img")));
    make(&work, &new)?;
    fs::rename(&new, &disk).at("rename", &new)?;
    fs::remove_dir_all(&work).at("remove", &work)?;
    Ok(disk)
}
