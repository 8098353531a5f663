//! QEMU's VGA as the target of a scenario, through QEMU's test interface.
//!
//! No guest runs: the processor halts at its first instruction, and each access comes from here.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use porthole_vga_device::Width;

use super::pixels::Pixels;
use super::run::{Space, Target};

/// Where the device's memory is put.
const BAR0: u32 = 0xe000_0000;
const BAR2: u32 = 0xf000_0000;
const WINDOW: u32 = 0xa_0000;
/// Bytes in one command.
const AT_ONCE: usize = 16 << 10;
/// Commands that may wait for their answers together, so that neither side waits for the other.
const PENDING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);
/// `cli; hlt; jmp` to itself, at the reset vector.
const HALT: [u8; 4] = [0xfa, 0xf4, 0xeb, 0xfc];

/// A QEMU with one display device, stopped at its first instruction.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    folder: PathBuf,
    test: BufReader<UnixStream>,
    monitor: BufReader<UnixStream>,
    pending: usize,
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Qemu {
    /// Starts one by a command that has no arguments yet, with a device such as `VGA,vgamem_mb=16`.
    /// Its sockets and pictures are in the folder.
    ///
    /// # Errors
    /// When it does not start or does not have the device.
    pub fn start(command: Command, device: &str, folder: &Path) -> Result<Self, String> {
        Self::start_with(command, &format!("{device},romfile="), folder)
    }

    /// The same with a device as QEMU is told of it, which may be in JSON. It must have no ROM.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_with(mut command: Command, device: &str, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let listen = |name: &str| {
            let path = folder.join(name);
            // Of a run before; it may not be there.
            let _ = fs::remove_file(&path);
            UnixListener::bind(&path)
                .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        let (test, monitor) = (listen("test")?, listen("monitor")?);
        let mut bios = vec![0; 0x1_0000];
        if let Some(start) = bios.get_mut(0xfff0..0xfff4) {
            start.copy_from_slice(&HALT);
        }
        let file = folder.join("bios");
        fs::write(&file, bios).map_err(|error| format!("{}: {error}", file.display()))?;
        let errors = fs::File::create(folder.join("errors")).map_err(|error| error.to_string())?;
        command.args(["-machine", "pc", "-accel", "tcg", "-S", "-nodefaults", "-vga", "none"]);
        command.args(["-display", "none", "-m", "16", "-qtest-log", "/dev/null"]);
        command.arg("-bios").arg(&file).args(["-device", device]);
        command.arg("-qtest").arg(format!("unix:{}", folder.join("test").display()));
        command.arg("-chardev");
        command.arg(format!("socket,id=m,path={}", folder.join("monitor").display()));
        command.args(["-mon", "chardev=m,mode=control"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let mut child = command.spawn().map_err(|error| format!("QEMU does not start: {error}"))?;
        let connected = accept(&mut child, &test)
            .and_then(|test| accept(&mut child, &monitor).map(|monitor| (test, monitor)));
        let (test, monitor) = match connected {
            Ok(sockets) => sockets,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                let told = fs::read_to_string(folder.join("errors")).unwrap_or_default();
                return Err(format!("{error}: {}", told.trim()));
            }
        };
        let folder = folder.to_owned();
        let mut qemu = Self { child, folder, test, monitor, pending: 0 };
        qemu.line_of_monitor()?;
        qemu.monitor(r#"{"execute": "qmp_capabilities"}"#)?;
        qemu.program_bars()?;
        Ok(qemu)
    }

    /// Has it draw what is shown now, into a file.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn dump(&mut self) -> Result<PathBuf, String> {
        let file = self.folder.join("screen.ppm");
        let name = file.display();
        self.monitor(&format!(
            r#"{{"execute": "screendump", "arguments": {{"filename": "{name}"}}}}"#
        ))?;
        Ok(file)
    }

    /// Has it draw what is shown now, and nothing more: a file that cannot be is asked for, which QEMU
    /// finds out when it has drawn.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn draw(&mut self) -> Result<(), String> {
        let nowhere = "/dev/null/nowhere";
        let command =
            format!(r#"{{"execute": "screendump", "arguments": {{"filename": "{nowhere}"}}}}"#);
        match self.monitor(&command) {
            Ok(()) => Err("QEMU wrote a file that cannot be".to_owned()),
            Err(why) if why.contains("\"error\"") => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Gives the device's memory its addresses, as a BIOS does.
    fn program_bars(&mut self) -> Result<(), String> {
        for slot in 0..32 {
            if self.configuration(slot, 8)? >> 24 != 3 {
                continue;
            }
            for (register, value) in [(0x10, BAR0), (0x18, BAR2), (0x04, 7)] {
                self.address(slot, register)?;
                self.tell(&format!("outl 0xcfc {value:#x}"))?;
            }
            return Ok(());
        }
        Err("QEMU has no display device".to_owned())
    }

    fn address(&mut self, slot: u32, register: u32) -> Result<(), String> {
        self.tell(&format!("outl 0xcf8 {:#x}", 0x8000_0000 | slot << 11 | register))
    }

    fn configuration(&mut self, slot: u32, register: u32) -> Result<u64, String> {
        self.address(slot, register)?;
        self.ask_number("inl 0xcfc")
    }

    /// Sends a command whose answer says nothing.
    fn tell(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.test.get_mut(), "{command}").map_err(|error| error.to_string())?;
        self.pending += 1;
        if self.pending >= PENDING {
            self.settle()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        while self.pending > 0 {
            self.answer()?;
            self.pending -= 1;
        }
        Ok(())
    }

    fn ask(&mut self, command: &str) -> Result<String, String> {
        self.settle()?;
        writeln!(self.test.get_mut(), "{command}").map_err(|error| error.to_string())?;
        self.answer().map_err(|error| format!("{command}: {error}"))
    }

    fn ask_number(&mut self, command: &str) -> Result<u64, String> {
        let answer = self.ask(command)?;
        let digits = answer.strip_prefix("0x").unwrap_or(&answer);
        u64::from_str_radix(digits, 16).map_err(|error| format!("{command}: {answer}: {error}"))
    }

    fn answer(&mut self) -> Result<String, String> {
        loop {
            let mut line = String::new();
            let read = self.test.read_line(&mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("QEMU has ended".to_owned());
            }
            let line = line.trim_end();
            match line.split_once(' ') {
                _ if line == "OK" => return Ok(String::new()),
                Some(("OK", answer)) => return Ok(answer.to_owned()),
                Some(("IRQ", _)) => {}
                _ => return Err(format!("QEMU says {line:?}")),
            }
        }
    }

    fn line_of_monitor(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.monitor.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok(line)
    }

    fn monitor(&mut self, command: &str) -> Result<(), String> {
        self.settle()?;
        writeln!(self.monitor.get_mut(), "{command}").map_err(|error| error.to_string())?;
        loop {
            let line = self.line_of_monitor()?;
            if line.contains("\"return\"") {
                return Ok(());
            }
            if line.is_empty() || line.contains("\"error\"") {
                return Err(format!("{command}: {}", line.trim_end()));
            }
        }
    }
}

fn accept(child: &mut Child, socket: &UnixListener) -> Result<BufReader<UnixStream>, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Ok((stream, _)) = socket.accept() {
            let ready = stream
                .set_nonblocking(false)
                .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
            return ready.map(|()| BufReader::new(stream)).map_err(|error| error.to_string());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("QEMU ended with {status}"));
        }
        if Instant::now() > until {
            return Err("QEMU does not connect".to_owned());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

const fn base(space: Space) -> u32 {
    match space {
        Space::Legacy => WINDOW,
        Space::Lfb => BAR0,
        Space::Mmio => BAR2,
    }
}

const fn letter(width: Width) -> char {
    match width {
        Width::Byte => 'b',
        Width::Word => 'w',
        Width::Dword => 'l',
        Width::Qword => 'q',
    }
}

impl Target for Qemu {
    fn io_write(&mut self, port: u16, width: Width, value: u32) -> Result<(), String> {
        self.tell(&format!("out{} {port:#x} {value:#x}", letter(width)))
    }

    fn io_read(&mut self, port: u16, width: Width) -> Result<u32, String> {
        let value = self.ask_number(&format!("in{} {port:#x}", letter(width)))?;
        u32::try_from(value).map_err(|error| error.to_string())
    }

    fn mem_write(&mut self, space: Space, offset: u32, bytes: &[u8]) -> Result<(), String> {
        let mut address = base(space) + offset;
        for part in bytes.chunks(AT_ONCE) {
            let mut command = format!("write {address:#x} {:#x} 0x", part.len());
            for byte in part {
                write!(command, "{byte:02x}").map_err(|error| error.to_string())?;
            }
            self.ask(&command)?;
            address += u32::try_from(part.len()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn mem_read(&mut self, space: Space, offset: u32, len: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::with_capacity(len);
        let mut address = base(space) + offset;
        while bytes.len() < len {
            let part = (len - bytes.len()).min(AT_ONCE);
            let answer = self.ask(&format!("read {address:#x} {part:#x}"))?;
            bytes.extend(super::run::unhex(answer.trim_start_matches("0x"))?);
            address += u32::try_from(part).map_err(|error| error.to_string())?;
        }
        Ok(bytes)
    }

    fn mmio_write(&mut self, offset: u32, width: Width, value: u64) -> Result<(), String> {
        let address = BAR2 + offset;
        self.tell(&format!("write{} {address:#x} {value:#x}", letter(width)))
    }

    fn mmio_read(&mut self, offset: u32, width: Width) -> Result<u64, String> {
        self.ask_number(&format!("read{} {:#x}", letter(width), BAR2 + offset))
    }

    fn pass(&mut self, nanoseconds: Option<u64>) -> Result<(), String> {
        match nanoseconds {
            // Its clock stands still, since nothing can tell it how far to go.
            Some(_) => Err("QEMU's clock stands still here".to_owned()),
            None => {
                self.monitor(r#"{"execute": "system_reset"}"#)?;
                self.program_bars()
            }
        }
    }

    fn screen(&mut self) -> Result<Pixels, String> {
        let file = self.dump()?;
        let name = file.display();
        let bytes = fs::read(&file).map_err(|error| format!("{name}: {error}"))?;
        Pixels::of_ppm(&bytes).ok_or_else(|| format!("{name} is no picture"))
    }
}
