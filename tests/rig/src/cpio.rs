//! Writes the "newc" archive that the kernel unpacks as its first root file system
//! (the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`).

/// An archive being written.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const TEXT: u32 = 0o100_644;

impl Archive {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Archive::default()
    }

    /// Adds a folder; its parents must be there already.
    pub fn folder(&mut self, path: &str) {
        self.entry(path, FOLDER, &[]);
    }

    /// Adds a file that everybody may read and execute.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        self.entry(path, PROGRAM, content);
    }

    /// Adds a file that everybody may read.
    pub fn text(&mut self, path: &str, content: &[u8]) {
        self.entry(path, TEXT, content);
    }

    /// Ends the archive and returns its bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.inode = 0;
        self.entry("TRAILER!!!", 0, &[]);
        self.pad();
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (links, no_owner, no_device, no_time, no_checksum) = (1, 0, 0, 0, 0);
        let fields = [
            self.inode,
            mode,
            no_owner,
            no_owner,
            links,
            no_time,
            length(content.len()),
            no_device,
            no_device,
            no_device,
            no_device,
            length(path.len() + 1),
            no_checksum,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    /// Names and contents begin at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_documented_layout() {
        let mut archive = Archive::new();
        archive.folder("d");
        archive.file("d/f", b"abc");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(bytes.len() % 4, 0);
        assert!(text.starts_with("07070100000001000041ed"));
        // Header 110 bytes, the name with its end 2 bytes: the next header begins at 112.
        let second = &text[112..];
        assert!(second.starts_with("07070100000002000081ed"));
        assert_eq!(&second[54..62], "00000003", "content length");
        assert_eq!(&second[94..102], "00000004", "name length with its end");
        assert_eq!(&second[110..114], "d/f\0");
        assert_eq!(&second[116..120], "abc\0");
        assert!(text.contains("TRAILER!!!"));
    }

    #[test]
    fn the_cpio_tool_reads_it_if_it_is_there() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut archive = Archive::new();
        archive.folder("dev");
        archive.file("init", &[7; 1001]);
        let mut command = Command::new("cpio");
        command.args(["-it", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut tool) = command.spawn() else { return };
        tool.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        let listing = tool.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listing.stdout), "dev\ninit\n");
    }
}
