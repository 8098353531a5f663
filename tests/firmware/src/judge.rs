//! QEMU with its own VGA, whose accesses to ports it traces.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use porthole_vectors::vga::Pixels;

use crate::devices::Bars;

const PATIENCE: Duration = Duration::from_secs(120);
/// How the device's memory is told of in what QEMU says of its bus.
const LINES: [&str; 2] = ["BAR0: 32 bit prefetchable memory at ", "BAR2: 32 bit memory at "];

/// A QEMU that runs a boot sector.
#[derive(Debug)]
pub(crate) struct Judge {
    child: Child,
    folder: PathBuf,
    line: UnixStream,
    monitor: BufReader<UnixStream>,
    log: File,
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Judge {
    /// Starts one by a command that has no arguments yet, with the VGA's BIOS and a boot sector. Its
    /// sockets and files are in the folder.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(
        mut command: Command,
        rom: &Path,
        boot: &[u8],
        folder: &Path,
    ) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let file = |name: &str| folder.join(name).display().to_string();
        let (line, monitor) = (listen(folder, "line")?, listen(folder, "monitor")?);
        let mut disk = boot.to_vec();
        disk.resize(1_474_560, 0);
        fs::write(file("disk"), disk).map_err(|error| error.to_string())?;
        fs::write(file("log"), "").map_err(|error| error.to_string())?;
        let errors = File::create(file("errors")).map_err(|error| error.to_string())?;
        command.args(["-machine", "pc", "-accel", "tcg", "-m", "64", "-nodefaults"]);
        command.args(["-display", "none", "-vga", "none", "-no-reboot"]);
        command.args(["-device", &format!("VGA,vgamem_mb=16,romfile={}", rom.display())]);
        command.args(["-drive", &format!("file={},format=raw,if=floppy", file("disk"))]);
        command.args(["-chardev", &format!("socket,id=line,path={}", file("line"))]);
        command.args(["-serial", "chardev:line"]);
        command.args(["-chardev", &format!("socket,id=monitor,path={}", file("monitor"))]);
        command.args(["-mon", "chardev=monitor,mode=control"]);
        command.args(["-trace", "vga_std_*", "-trace", "vga_vbe_*", "-D", &file("log")]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let mut child = command.spawn().map_err(|error| format!("QEMU does not start: {error}"))?;
        let connected = accept(&mut child, &line)
            .and_then(|line| accept(&mut child, &monitor).map(|monitor| (line, monitor)));
        let (line, monitor) = connected.map_err(|error| {
            let told = fs::read_to_string(folder.join("errors")).unwrap_or_default();
            let _ = child.kill();
            let _ = child.wait();
            format!("{error}: {}", told.trim())
        })?;
        let log = File::open(file("log")).map_err(|error| error.to_string())?;
        let monitor = BufReader::new(monitor);
        let mut judge = Self { child, folder: folder.to_owned(), line, monitor, log };
        judge.greeting()?;
        judge.ask(r#"{"execute": "qmp_capabilities"}"#)?;
        Ok(judge)
    }

    /// Sends bytes over the line.
    ///
    /// # Errors
    /// When QEMU has ended.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.line.write_all(bytes).map_err(|error| format!("the line: {error}"))
    }

    /// Waits for so many bytes.
    ///
    /// # Errors
    /// When they do not come.
    pub(crate) fn wait(&mut self, count: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; count];
        self.line.read_exact(&mut bytes).map_err(|error| format!("the line: {error}"))?;
        Ok(bytes)
    }

    /// What was traced since the last time.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn take_log(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.log.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    /// Where the BIOS put the device's memory.
    ///
    /// # Errors
    /// When it did not.
    pub(crate) fn bars(&mut self) -> Result<Bars, String> {
        let answer = self.ask(
            r#"{"execute": "human-monitor-command", "arguments": {"command-line": "info pci"}}"#,
        )?;
        let [memory, registers] = LINES.map(|line| {
            let (_, rest) = answer.split_once(line)?;
            let digits = rest.trim_start_matches("0x").split(' ').next()?;
            u32::from_str_radix(digits, 16).ok()
        });
        let both = memory.zip(registers);
        let (memory, registers) = both.ok_or("QEMU tells of no memory of a VGA")?;
        Ok(Bars { memory, registers })
    }

    /// Bytes of the machine's memory.
    ///
    /// # Errors
    /// When QEMU has ended.
    pub(crate) fn memory(&mut self, at: u32, len: usize) -> Result<Vec<u8>, String> {
        let file = self.folder.join("memory");
        let name = file.display();
        self.ask(&format!(
            r#"{{"execute": "pmemsave", "arguments": {{"val": {at}, "size": {len}, "filename": "{name}"}}}}"#
        ))?;
        fs::read(&file).map_err(|error| format!("{name}: {error}"))
    }

    /// What is shown now.
    ///
    /// # Errors
    /// When QEMU has ended.
    pub(crate) fn screen(&mut self) -> Result<Pixels, String> {
        let file = self.folder.join("screen.ppm");
        let name = file.display();
        self.ask(&format!(
            r#"{{"execute": "screendump", "arguments": {{"filename": "{name}"}}}}"#
        ))?;
        let bytes = fs::read(&file).map_err(|error| format!("{name}: {error}"))?;
        Pixels::of_ppm(&bytes).ok_or_else(|| format!("{name} is no picture"))
    }

    /// Presses a key, by the name that QEMU gives it.
    ///
    /// # Errors
    /// When QEMU knows no such key.
    pub(crate) fn press(&mut self, key: &str) -> Result<(), String> {
        self.ask(&format!(
            r#"{{"execute": "send-key", "arguments": {{"keys": [{{"type": "qcode", "data": "{key}"}}]}}}}"#
        ))
        .map(drop)
    }

    /// A line of text that the guest says.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        loop {
            match self.wait(1)?.first() {
                Some(b'\n') => return Ok(line),
                Some(byte) => line.push(char::from(*byte)),
                None => {}
            }
        }
    }

    fn greeting(&mut self) -> Result<(), String> {
        let mut line = String::new();
        self.monitor.read_line(&mut line).map(drop).map_err(|error| error.to_string())
    }

    fn ask(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.monitor.get_mut(), "{command}").map_err(|error| error.to_string())?;
        loop {
            let mut line = String::new();
            let read = self.monitor.read_line(&mut line).map_err(|error| error.to_string())?;
            if read == 0 || line.contains("\"error\"") {
                return Err(format!("{command}: {}", line.trim_end()));
            }
            if line.contains("\"return\"") {
                return Ok(line);
            }
        }
    }
}

fn listen(folder: &Path, name: &str) -> Result<UnixListener, String> {
    let path = folder.join(name);
    // Of a run before; it may not be there.
    let _ = fs::remove_file(&path);
    UnixListener::bind(&path)
        .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn accept(child: &mut Child, socket: &UnixListener) -> Result<UnixStream, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Ok((stream, _)) = socket.accept() {
            return stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
                .map(|()| stream)
                .map_err(|error| error.to_string());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("QEMU ended with {status}"));
        }
        if Instant::now() > until {
            return Err("QEMU does not connect".to_owned());
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
