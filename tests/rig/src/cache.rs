//! Folders: where downloads are kept between runs, and where results of a build go.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Context, Result, RigError};

/// The workspace's root folder.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The build folder of cargo.
#[must_use]
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// The folder of downloads, made if needed: `$PORTHOLE_CACHE`, else `porthole` in the user's cache.
///
/// It lies outside of the build folder so that a clean build needs no network.
///
/// # Errors
/// When there is no home folder, or the folder cannot be made.
pub fn folder() -> Result<PathBuf> {
    let user = || env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let folder = match env::var_os("PORTHOLE_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => user()
            .or_else(home)
            .ok_or_else(|| RigError::failed("set PORTHOLE_CACHE: there is no home folder"))?
            .join("porthole"),
    };
    fs::create_dir_all(&folder).at("make", &folder)?;
    Ok(folder)
}

/// A part of a name that no other file has, whichever thread or process makes it.
#[must_use]
pub fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes a folder of the cache once: `fill` gets an empty folder, which takes its name at the end.
///
/// # Errors
/// When `fill` fails or the folder cannot be made; nothing is left behind under the final name.
pub fn once(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).at("make", parent)?;
    // One process fills, others wait and find it full.
    let lock_path = folder.with_added_extension("lock");
    let lock = File::create(&lock_path).at("make", &lock_path)?;
    lock.lock().at("lock", &lock_path)?;
    if folder.exists() {
        return Ok(());
    }
    let partial = folder.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).at("remove", &partial)?;
    }
    fs::create_dir_all(&partial).at("make", &partial)?;
    fill(&partial)?;
    fs::rename(&partial, folder).at("rename", &partial)
}
