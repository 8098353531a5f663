//! vkms, the kernel's graphics card without hardware: the only one in a guest whose screen has a clock.
//! Debian's kernels leave it out, so it is built from their own source, once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command::output;
use crate::error::{Context, Result, RigError};
use crate::kernel;
use crate::packages;
use crate::progress::Step;

/// Where the driver is in the kernel's source.
const SOURCE: &str = "drivers/gpu/drm/vkms";

/// The module for the guests' kernel.
///
/// # Errors
/// When source or headers cannot be downloaded, or it does not build.
pub fn module() -> Result<PathBuf> {
    let kernel = kernel::of_this_release()?;
    let folder = cache::folder()?.join("vkms").join(&kernel.version);
    cache::once(&folder, |into| {
        let _step = Step::start("building vkms for the guests' kernel (150 MB to download)");
        let work = into.join("work");
        fs::create_dir_all(&work).at("make", &work)?;
        let built = build(&kernel.version, &work)?;
        let module = into.join("vkms.ko");
        fs::copy(&built, &module).at("copy", &built)?;
        // A gigabyte of source and headers would stay for nothing.
        fs::remove_dir_all(&work).at("remove", &work)
    })?;
    Ok(folder.join("vkms.ko"))
}

fn build(version: &str, work: &Path) -> Result<PathBuf> {
    let short: Vec<&str> = version.split('.').take(2).collect();
    let short = short.join(".");
    let common = format!("{}-common", version.trim_end_matches("-amd64"));
    let headers = format!("linux-headers-{version}");
    for package in [
        format!("linux-source-{short}"),
        headers.clone(),
        format!("linux-headers-{common}"),
        format!("linux-kbuild-{short}"),
    ] {
        packages::fetch(&package, work)?;
    }
    let archive = work.join(format!("usr/src/linux-source-{short}.tar.xz"));
    let mut unpack = Command::new("tar");
    unpack.arg("-xJf").arg(&archive).arg("-C").arg(work);
    output(unpack.arg(format!("linux-source-{short}/{SOURCE}")))?;
    let headers = work.join("usr/src").join(headers);
    relocate(&headers, work)?;
    let source = work.join(format!("linux-source-{short}")).join(SOURCE);
    let mut make = Command::new("make");
    make.arg("-C").arg(&headers).arg(format!("M={}", source.display()));
    // Flags of an outer make are none of this one's.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    output(make.args(["CONFIG_DRM_VKMS=m", "modules"]))?;
    let module = source.join("vkms.ko");
    output(Command::new("strip").arg("-d").arg(&module))?;
    Ok(module)
}

/// The headers name their other parts by where they are installed; here all are below `work`.
fn relocate(headers: &Path, work: &Path) -> Result<()> {
    let makefile = headers.join("Makefile");
    let text = fs::read_to_string(&makefile).at("read", &makefile)?;
    let here = format!("{}/usr/src/", work.display());
    fs::write(&makefile, text.replace("/usr/src/", &here)).at("write", &makefile)?;
    for entry in fs::read_dir(headers).at("list", headers)? {
        let link = entry.at("list", headers)?.path();
        let Ok(target) = fs::read_link(&link) else { continue };
        let Ok(inside) = target.strip_prefix("/") else { continue };
        fs::remove_file(&link).at("remove", &link)?;
        symlink(work.join(inside), &link).at("link", &link)?;
    }
    // Without it no description of its types is asked for, which takes a program more.
    match fs::remove_file(headers.join("vmlinux")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RigError::failed(format!("vmlinux stays: {error}")))
        }
        _ => Ok(()),
    }
}
