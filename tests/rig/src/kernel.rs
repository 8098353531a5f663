//! A guest kernel from a Debian package, taken out of its compressed wrapping: QEMU starts the bare
//! ELF file through its PVH entry, which under emulation saves seconds of decompression.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache;
use crate::error::{Context, Result, RigError};
use crate::packages;

/// A kernel and its modules.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The version, as `uname -r` says it.
    pub version: String,
    /// The ELF file that QEMU's `-kernel` takes.
    pub image: PathBuf,
    /// The file as Debian has it, which a boot loader starts.
    pub wrapped: PathBuf,
    /// The folder with the kernel's modules and its `modules.builtin`.
    pub modules: PathBuf,
}

/// The kernel of the Debian release that runs here, downloaded once.
///
/// # Errors
/// When it cannot be downloaded or has a form that is not known here.
pub fn of_this_release() -> Result<Kernel> {
    named("linux-image-amd64", "kernel-package")
}

/// A kernel that is as new as Debian 13's, which has what its predecessor's was built without: this
/// release's own, or the one that it has beside, downloaded once.
///
/// # Errors
/// As [`of_this_release`].
pub fn newer() -> Result<Kernel> {
    let own = of_this_release()?;
    if is_new(&own.version) { Ok(own) } else { named("linux-image-6.12-amd64", "newer-kernel") }
}

fn is_new(version: &str) -> bool {
    let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(std::result::Result::ok).unwrap_or_default();
    (next(), next()) >= (6, 12)
}

/// The kernel that a package stands for, which is remembered in a file of the cache.
fn named(meta: &str, remembered: &str) -> Result<Kernel> {
    let chosen = cache::folder()?.join(remembered);
    // What was chosen once stays, so that runs can be compared and need no network.
    let package = match fs::read_to_string(&chosen) {
        Ok(package) => package.trim().to_owned(),
        Err(_) => {
            let package = packages::dependency(meta, "linux-image-")?;
            fs::write(&chosen, &package).at("write", &chosen)?;
            package
        }
    };
    let folder = packages::unpacked(&package)?;
    let version = package.trim_start_matches("linux-image-").to_owned();
    let lib = ["usr/lib/modules", "lib/modules"].map(|lib| folder.join(lib).join(&version));
    let modules = lib
        .into_iter()
        .find(|modules| modules.is_dir())
        .ok_or_else(|| RigError::failed(format!("{package} holds no modules")))?;
    let wrapped = [folder.join("boot").join(format!("vmlinuz-{version}")), modules.join("vmlinuz")];
    let wrapped = wrapped
        .into_iter()
        .find(|file| file.is_file())
        .ok_or_else(|| RigError::failed(format!("{package} holds no kernel")))?;
    let image = folder.join("vmlinux");
    if !image.exists() {
        let bytes = fs::read(&wrapped).at("read", &wrapped)?;
        let partial = folder.join("vmlinux.partial");
        fs::write(&partial, unwrap(&bytes)?).at("write", &partial)?;
        fs::rename(&partial, &image).at("rename", &partial)?;
    }
    Ok(Kernel { version, image, wrapped, modules })
}

/// The ELF file inside a bzImage (the kernel's `Documentation/arch/x86/boot.rst`).
fn unwrap(image: &[u8]) -> Result<Vec<u8>> {
    let bad = || RigError::failed("the kernel is no bzImage");
    let word = |at: usize| {
        let bytes = image.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    if image.get(0x202..0x206) != Some(b"HdrS") {
        return Err(bad());
    }
    let sectors = usize::from(*image.get(0x1f1).ok_or_else(bad)?);
    let start = (sectors + 1) * 512 + word(0x248).ok_or_else(bad)?;
    let length = word(0x24c).ok_or_else(bad)?;
    let payload = image.get(start..start + length).ok_or_else(bad)?;
    // All but gzip have the unpacked size in four bytes more at the end.
    let body = payload.get(..payload.len().saturating_sub(4)).unwrap_or_default();
    let unpacked = match payload.get(..4).ok_or_else(bad)? {
        [0x7f, b'E', b'L', b'F'] => payload.to_vec(),
        [0xfd, b'7', b'z', b'X'] => filter("xz", &["-dc"], body)?,
        [0x28, 0xb5, 0x2f, 0xfd] => filter("zstd", &["-dcq"], body)?,
        [0x1f, 0x8b, ..] => filter("gzip", &["-dcq"], payload)?,
        [0x02, 0x21, 0x4c, 0x18] => filter("lz4", &["-dcq"], body)?,
        other => {
            return Err(RigError::failed(format!(
                "the kernel is packed in an unknown way: {other:x?}"
            )));
        }
    };
    if unpacked.starts_with(b"\x7fELF") { Ok(unpacked) } else { Err(bad()) }
}

/// A module's bytes, unpacked if its file's name says so.
///
/// # Errors
/// When the file cannot be read or unpacked.
pub fn read_module(file: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(file).at("read", file)?;
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => filter("xz", &["-dc"], &bytes),
        Some("zst") => filter("zstd", &["-dcq"], &bytes),
        _ => Ok(bytes),
    }
}

/// Sends bytes through a program.
fn filter(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context(|| format!("run {program}"))?;
    let mut pipe = child.stdin.take();
    let written = std::thread::scope(|scope| {
        // A thread of its own writes, so that neither side waits for the other.
        let writer =
            scope.spawn(move || pipe.as_mut().map_or(Ok(()), |pipe| pipe.write_all(input)));
        let output = child.wait_with_output();
        let _ = writer.join();
        output
    });
    let output = written.context(|| format!("run {program}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(RigError::failed(format!("{program} failed: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image_with(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 0x800];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.truncate(0x400 + 16);
        image.extend(payload);
        image
    }

    #[test]
    fn unwraps_what_is_packed_and_what_is_not() {
        let elf = b"\x7fELF and the rest";
        assert_eq!(unwrap(&image_with(elf)).unwrap(), elf);
        let mut packed = filter("xz", &["-c", "--check=crc32"], elf).unwrap();
        packed.extend(18u32.to_le_bytes());
        assert_eq!(unwrap(&image_with(&packed)).unwrap(), elf);
    }

    #[test]
    fn versions_are_ordered() {
        let new = ["6.12.94+deb13-amd64", "6.12-amd64", "7.0.4-1-amd64", "6.13.1-amd64"];
        assert!(new.iter().all(|version| is_new(version)));
        assert!(!["6.1.0-56-amd64", "5.10.0-30-amd64", ""].iter().any(|version| is_new(version)));
    }

    #[test]
    fn refuses_what_is_no_kernel() {
        for bytes in [Vec::new(), vec![0; 4096], image_with(b"?!?!?!?!")] {
            unwrap(&bytes).unwrap_err();
        }
    }
}
