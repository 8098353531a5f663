//! A guest on QEMU's own devices, shown by `porthole-qemu`, with QEMU's own picture of it beside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use porthole_guest::commands::Command as Order;
use porthole_rig::{Image, Plain, Qemu, disks};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::line::Line;
use crate::picture::Picture;
use crate::process::{Process, built};
use crate::qmp::Qmp;
use crate::screen::Screen;
use crate::service::Service;
use crate::wait::{GUEST, wait_until};

/// What the tests' port shows where no guest is.
pub const BACKGROUND: [u8; 3] = [0x10, 0x14, 0x18];
/// The size of the tests' port: the largest picture of a guest here.
pub const PORT: (u32, u32) = (1280, 800);
/// QEMU's own display for programs that show it.
pub const DBUS: &str = "dbus,p2p=yes";

/// What a machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// Nothing: the firmware is on its own.
    Firmware,
    /// The program that draws in the firmware's video modes.
    Modes,
    /// A boot loader's menu.
    Menu,
    /// The test guest, with what it draws at its start.
    Guest(Option<&'static str>),
    /// The test guest without a driver for its display.
    Vesa,
    /// The same with a second kernel for when the first one has crashed.
    Twice,
    /// The program that is not Linux.
    Program,
    /// Whatever else the firmware starts as if it were a kernel.
    Kernel(PathBuf),
}

/// How a machine is built.
#[derive(Clone, Debug)]
pub struct Options {
    /// The QEMU of this Debian release instead of one that works here.
    pub release: Option<&'static str>,
    /// The machine, without sockets and without what it boots.
    pub machine: Plain,
    /// What it boots.
    pub boot: Boot,
    /// More options for `porthole-qemu`.
    pub bridge: Vec<String>,
}

impl Options {
    /// A standard VGA, PS/2 keyboard and mouse.
    #[must_use]
    pub fn new(boot: Boot) -> Self {
        let machine = Plain { display: DBUS.to_owned(), ..Plain::new() };
        Options { release: None, machine, boot, bridge: Vec::new() }
    }

    /// With another display device.
    #[must_use]
    pub fn card(mut self, device: &str) -> Self {
        self.machine.cards = vec![device.to_owned()];
        self
    }

    /// With one more device.
    #[must_use]
    pub fn device(mut self, device: &str) -> Self {
        self.machine.devices.push(device.to_owned());
        self
    }

    /// On the newest QEMU.
    #[must_use]
    pub fn newest(mut self) -> Self {
        self.release = Some(porthole_rig::roots::NEWEST);
        self
    }
}

/// A running machine, without anything that shows it.
#[derive(Debug)]
pub struct Machine {
    /// QEMU's process.
    pub process: Process,
    /// QEMU's own word on what the machine shows.
    pub qmp: Qmp,
    line: Line,
    folder: PathBuf,
}

/// A running machine and its bridge.
#[derive(Debug)]
pub struct PlainGuest {
    /// The machine.
    pub machine: Machine,
    /// The bridge's process.
    pub bridge: Process,
    name: String,
    options: Vec<String>,
}

/// A thing that is made once a process.
fn once<T>(
    cell: &'static OnceLock<std::result::Result<T, String>>,
    make: fn() -> porthole_rig::Result<T>,
) -> Result<&'static T> {
    let made = cell.get_or_init(|| make().map_err(|error| error.to_string()));
    made.as_ref().map_err(|error| Failure::new(error.clone()))
}

/// The image of guests on QEMU's own devices.
///
/// # Errors
/// When it cannot be made.
pub fn image() -> Result<&'static Image> {
    static IMAGE: OnceLock<std::result::Result<Image, String>> = OnceLock::new();
    once(&IMAGE, Image::prepare_plain)
}

fn image_twice() -> Result<&'static Image> {
    static IMAGE: OnceLock<std::result::Result<Image, String>> = OnceLock::new();
    once(&IMAGE, Image::prepare_twice)
}

fn disk(boot: &Boot) -> Result<Option<&'static PathBuf>> {
    static MODES: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    static MENU: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    static PROGRAM: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    match boot {
        Boot::Modes => once(&MODES, disks::modes).map(Some),
        Boot::Menu => once(&MENU, disks::menu).map(Some),
        Boot::Program => once(&PROGRAM, disks::program).map(Some),
        Boot::Firmware | Boot::Guest(_) | Boot::Vesa | Boot::Twice | Boot::Kernel(_) => Ok(None),
    }
}

/// A service with one port, on which a guest of a name is shown at its own size in the corner.
#[must_use]
pub fn configuration(name: &str) -> String {
    let [red, green, blue] = BACKGROUND;
    let (width, height) = PORT;
    format!(
        "version = 1\n\n\
         [[port]]\nname = \"main\"\nsize = [{width}, {height}]\n\
         background = \"#{red:02x}{green:02x}{blue:02x}\"\n\n\
         [[guest]]\nname = \"{name}\"\n\n\
         [[layer]]\nname = \"{name}\"\nport = \"main\"\nguest = \"{name}\"\n\
         rect = [0, 0, {width}, {height}]\norder = 1\nlead = \"picture\"\n\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    )
}

impl Machine {
    /// Switches a machine on.
    ///
    /// # Errors
    /// When QEMU does not come up.
    pub fn power_on(folder: &Path, options: &Options) -> Result<Machine> {
        fs::create_dir_all(folder)?;
        let mut plain = options.machine.clone();
        let control = folder.join("control.sock");
        plain.serial = Some((folder.join("console.log"), control.clone()));
        plain.qmp = vec![folder.join("qmp.sock"), folder.join("bridge-qmp.sock")];
        if let Some(disk) = disk(&options.boot)? {
            plain = plain.disk(disk);
        }
        plain = match options.boot {
            Boot::Guest(draw) => plain.guest(image()?, draw),
            Boot::Vesa => plain.guest_on_vesa(crate::guest::image()?),
            Boot::Twice => plain.guest_on_vesa(image_twice()?),
            Boot::Kernel(ref file) => plain.kernel(file),
            Boot::Program => Plain { line_first: true, ..plain },
            Boot::Firmware | Boot::Modes | Boot::Menu => plain,
        };
        let qemu = match options.release {
            Some(release) => Qemu::of_release(release)?,
            None => Qemu::for_dbus_display()?,
        };
        let mut command = qemu.plain(&plain);
        let mut process = Process::start("qemu", folder, command.stdout(Stdio::null()))?;
        let line = Line::connect(&control, &mut process)?;
        let qmp = Qmp::connect(&folder.join("qmp.sock"))?;
        Ok(Machine { process, qmp, line, folder: folder.to_owned() })
    }

    /// The socket where QEMU takes commands of the bridge.
    #[must_use]
    pub fn bridge_qmp(&self) -> PathBuf {
        self.folder.join("bridge-qmp.sock")
    }

    /// What QEMU says that a head of its first display shows.
    ///
    /// # Errors
    /// When QEMU cannot say it.
    pub fn screen(&mut self) -> Result<Picture> {
        self.qmp.screen(&self.folder)
    }

    /// The lines of the text that is on the screen, as it is in the display's own memory. Only
    /// while the display is in a text mode of 80 columns.
    ///
    /// # Errors
    /// When QEMU cannot read it.
    pub fn text(&mut self) -> Result<Vec<String>> {
        let file = self.folder.join("text");
        let arguments = json!({"val": 0xb8000, "size": 80 * 25 * 2, "filename": file});
        self.qmp.execute("pmemsave", arguments)?;
        let bytes = fs::read(&file)?;
        let letters: Vec<char> = bytes.iter().step_by(2).map(|byte| char::from(*byte)).collect();
        let line = |line: &[char]| line.iter().collect::<String>().trim_end().to_owned();
        Ok(letters.chunks(80).map(line).collect())
    }

    /// Waits until a line of the text on the screen holds something.
    ///
    /// # Errors
    /// When it does not before the deadline; the failure shows the text.
    pub fn says(&mut self, what: &str) -> Result<()> {
        let mut last = Vec::new();
        let seen = wait_until(what, GUEST, || {
            last = self.text()?;
            Ok(last.iter().any(|line| line.contains(what)).then_some(()))
        });
        seen.map_err(|error| Failure::new(format!("{error}; it says\n{}", last.join("\n"))))
    }

    /// Gives an order to the test guest and returns the lines of the answer.
    ///
    /// # Errors
    /// When it cannot be carried out.
    pub fn order(&mut self, order: &Order) -> Result<Vec<String>> {
        self.line.order(order)
    }

    /// The test guest's line, or that of the program that draws in the firmware's modes.
    pub const fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// Waits until the machine's first serial port, where the kernel's console is, has said something.
    ///
    /// # Errors
    /// When it has not before the deadline.
    pub fn prints(&self, what: &str) -> Result<()> {
        wait_until(what, GUEST, || Ok(self.console()?.contains(what).then_some(())))
    }

    /// What the machine's first serial port has said.
    ///
    /// # Errors
    /// When nobody writes it down.
    pub fn console(&self) -> Result<String> {
        let said = fs::read(self.folder.join("console.log"))?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Tells the program that draws in the firmware's modes what to draw, and waits until it has.
    ///
    /// # Errors
    /// When it does not.
    pub fn draw(&mut self, letter: char) -> Result<()> {
        self.ask(letter, &format!("DONE {letter}")).map(drop)
    }

    /// Sends a letter, and waits for an answer that begins so.
    ///
    /// # Errors
    /// When it does not come.
    pub fn ask(&mut self, letter: char, answer: &str) -> Result<String> {
        self.line.say(&letter.to_string())?;
        self.line.wait_for(answer)
    }
}

impl PlainGuest {
    /// Switches a machine on and shows it on a service's socket of the machine's name.
    ///
    /// # Errors
    /// When one of both does not come up.
    pub fn start(service: &Service, name: &str, options: &Options) -> Result<PlainGuest> {
        let folder = service.folder().join(format!("guest-{name}"));
        let machine = Machine::power_on(&folder, options)?;
        let bridge = bridge(&service.socket(name)?, &machine, name, &options.bridge)?;
        let (name, options) = (name.to_owned(), options.bridge.clone());
        Ok(PlainGuest { machine, bridge, name, options })
    }

    /// A machine with a bridge that was started for it.
    #[must_use]
    pub fn of(machine: Machine, bridge: Process, name: &str) -> PlainGuest {
        PlainGuest { machine, bridge, name: name.to_owned(), options: Vec::new() }
    }

    /// Starts the bridge again, after it has ended or was killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn bridge_again(&mut self, service: &Service) -> Result<()> {
        let socket = service.socket(&self.name)?;
        self.bridge = bridge(&socket, &self.machine, &self.name, &self.options)?;
        Ok(())
    }

    /// Waits until a capture or a viewer of the tests' port sees what QEMU says that the machine
    /// shows, in the port's corner, and nothing else; returns the machine's picture.
    ///
    /// # Errors
    /// When it does not before the deadline; the pictures are then beside the build under `name`.
    pub fn same(&mut self, name: &str, screen: &Screen) -> Result<Picture> {
        self.same_when(name, screen, |_| true)
    }

    /// The same for a picture that fulfils a condition, as that it has a size.
    ///
    /// # Errors
    /// As [`PlainGuest::same`].
    pub fn same_when(
        &mut self,
        name: &str,
        screen: &Screen,
        is_it: impl Fn(&Picture) -> bool,
    ) -> Result<Picture> {
        let mut last = None;
        let (machine, bridge) = (&mut self.machine, &mut self.bridge);
        // QEMU's picture is taken anew each time: a cursor may blink in it.
        let seen = wait_until(name, GUEST, || {
            bridge.must_run()?;
            let own = machine.screen()?;
            let expected = on_port(&own);
            let picture = screen.picture();
            if picture.as_ref() == Some(&expected) && is_it(&own) {
                return Ok(Some(own));
            }
            if let Some(reason) = screen.ended() {
                return Err(Failure::new(format!("{name}: cut off: {reason}")));
            }
            last = picture.map(|picture| (picture, expected, own));
            Ok(None)
        });
        let Err(error) = seen else { return seen };
        let Some((picture, expected, own)) = last else {
            return Err(self.bridge.failure(&format!("{error}; no picture came at all")));
        };
        let folder = picture.write_comparison(&expected, name)?;
        let difference = picture.difference(&expected);
        Err(self.bridge.failure(&format!(
            "{error}; {difference:?}, QEMU shows {own:?}, see {}",
            folder.display()
        )))
    }

    /// Waits until the screen shows QEMU's picture of a size.
    ///
    /// # Errors
    /// As [`PlainGuest::same`].
    pub fn same_of(&mut self, name: &str, screen: &Screen, size: (u32, u32)) -> Result<Picture> {
        self.same_when(name, screen, |own| (own.width(), own.height()) == size)
    }
}

/// The tests' port with a machine's picture in its corner.
#[must_use]
pub fn on_port(own: &Picture) -> Picture {
    let mut picture = Picture::new(PORT.0, PORT.1, BACKGROUND);
    picture.put(own, (0, 0));
    picture
}

/// Starts `porthole-qemu` for a machine.
///
/// # Errors
/// When it does not become ready.
pub fn bridge(
    wayland: &Path,
    machine: &Machine,
    name: &str,
    options: &[String],
) -> Result<Process> {
    let mut command = Command::new(built("porthole-qemu")?);
    command.args(["--guest", name, "--qmp"]).arg(machine.bridge_qmp());
    command.arg("--wayland").arg(wayland).args(options);
    Process::start_ready("porthole-qemu", &machine.folder, &mut command).map(|(bridge, _)| bridge)
}
