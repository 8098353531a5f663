//! The file: whole or not there. Its first line says version, length and check sum of what follows.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::PathBuf,
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, renameat, unlinkat},
    io::Errno,
    process::geteuid,
};

use super::Remembered;

const FILE: &str = "scene";
/// What it is called until it is whole and on the disk.
const UNFINISHED: &str = "scene.new";
/// How the first line begins.
const TITLE: &str = "porthole-scene";
/// The `VERSION` that this release writes and reads.
const VERSION: &str = "1";
/// Bytes that it may have: tens of thousands of layers, or thousands with the largest holes.
const MOST: u64 = 8 << 20;

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not a file of this user")]
    Foreign,
    #[error("it is larger than {0} bytes")]
    Large(u64),
    #[error("it is of version {0}, and this release reads version {VERSION}")]
    Version(String),
    #[error("it was cut short, or changed")]
    Torn,
    #[error("it makes no sense: {0}")]
    Content(String),
}

/// A sum by which a change by accident is noticed (FNV-1a, 64 bits).
pub(super) fn hash(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in text.as_ref() {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    sum
}

/// The folder with the file.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file's path, for messages.
    pub(super) fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, &self.0, flags, Mode::empty())
    }

    /// What was remembered; `None` when nothing ever was.
    pub(super) fn read(&self) -> Result<Option<Remembered>, ReadError> {
        self.get(FILE, MOST)?.map(|bytes| parse(&bytes)).transpose()
    }

    /// The bytes of a file of at most so many; `None` when it is not there.
    pub(super) fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let folder = match self.open() {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        // A pipe in its place must not make us wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        for fd in [&folder, &file] {
            if fstat(fd).map_err(io::Error::from)?.st_uid != geteuid().as_raw() {
                return Err(ReadError::Foreign);
            }
        }
        let mode = fstat(&file).map_err(io::Error::from)?.st_mode;
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return Err(ReadError::Foreign);
        }
        let mut bytes = Vec::new();
        let read = File::from(file).take(most + 1).read_to_end(&mut bytes)?;
        if read as u64 > most {
            return Err(ReadError::Large(most));
        }
        Ok(Some(bytes))
    }

    /// Puts a new file in the place of the old one, which stays until the new one is on the disk.
    pub(super) fn write(&self, remembered: &Remembered) -> io::Result<()> {
        let text = text(remembered)?;
        if text.len() as u64 > MOST {
            return Err(io::Error::other(format!("more than {MOST} bytes")));
        }
        self.put(FILE, &text)
    }

    /// The same for any file.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.make()?;
        match unlinkat(&folder, UNFINISHED, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&folder, UNFINISHED, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        file.write_all(bytes)?;
        file.sync_data()?;
        renameat(&folder, UNFINISHED, &folder, name)?;
        Ok(rustix::fs::fsync(&folder)?)
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(self.make()?, name, AtFlags::empty())?)
    }

    /// The names of files that begin so.
    pub(super) fn names_of(&self, beginning: &str) -> io::Result<BTreeSet<String>> {
        self.make()?;
        let names = std::fs::read_dir(&self.0)?.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.starts_with(beginning).then_some(name)
        });
        Ok(names.collect())
    }

    /// The folder, made if it is not there.
    fn make(&self) -> io::Result<OwnedFd> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        Ok(self.open()?)
    }
}

fn text(remembered: &Remembered) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(remembered).map_err(io::Error::other)?;
    let title = format!("{TITLE} {VERSION} {} {:016x}\n", body.len(), hash([&body]));
    Ok([title.into_bytes(), body].concat())
}

fn parse(bytes: &[u8]) -> Result<Remembered, ReadError> {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let title = parts.next().and_then(|title| std::str::from_utf8(title).ok()).unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let words: Vec<&str> = title.split(' ').collect();
    match words.as_slice() {
        [TITLE, VERSION, length, sum] => {
            if *length != body.len().to_string() || *sum != format!("{:016x}", hash([body])) {
                return Err(ReadError::Torn);
            }
        }
        [TITLE, version, ..] if *version != VERSION => {
            let known = version.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            return Err(ReadError::Version(known));
        }
        _ => return Err(ReadError::Torn),
    }
    serde_json::from_slice(body).map_err(|error| ReadError::Content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

    use porthole_core::model::Device;

    use super::*;

    fn some() -> Remembered {
        Remembered {
            configuration: "12".to_owned(),
            viewer_sizes: BTreeMap::from([("main".to_owned(), [640, 480])]),
            device: Device::with_ids_after(7).save(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().join("a/b"));
        assert!(folder.read().unwrap().is_none(), "nothing was ever written");
        for _ in 0..2 {
            folder.write(&some()).unwrap();
            let read = folder.read().unwrap().unwrap();
            assert_eq!(text(&read).unwrap(), text(&some()).unwrap());
        }
        let names = fs::read_dir(temporary.path().join("a/b")).unwrap();
        assert_eq!(names.count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let whole = text(&some()).unwrap();
        parse(&whole).unwrap();
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(parse(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn other_versions_and_other_things_say_what_they_are() {
        let error = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(error(b"porthole-scene 2 0 0\n{}").contains("version 2"));
        assert!(error(b"").contains("cut short"));
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().to_owned());
        symlink("/etc/passwd", temporary.path().join(FILE)).unwrap();
        folder.read().unwrap_err();
        fs::remove_file(temporary.path().join(FILE)).unwrap();
        let file = fs::File::create(temporary.path().join(FILE)).unwrap();
        file.set_len(1 << 40).unwrap();
        assert!(matches!(folder.read(), Err(ReadError::Large(_))));
        // A link in the place of the unfinished file is not followed.
        let outside = temporary.path().join("outside");
        symlink(&outside, temporary.path().join(UNFINISHED)).unwrap();
        folder.write(&some()).unwrap();
        assert!(!outside.exists() && folder.read().unwrap().is_some());
    }
}
