//! A guest with a graphics card in which the service itself runs, judged by QEMU.

mod listener;
mod pen;
mod plug;
mod pointer;
mod seat;
pub mod sleep;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use porthole_guest::commands::Command as Order;
use porthole_rig::kms::{self, CARD, Card, SHARED};
use porthole_rig::qemu::Machine;
use porthole_rig::{Image, Qemu, vkms};
use tempfile::TempDir;

pub use self::pen::{Pen, PenDoes};

use crate::failure::{Failure, OrFail, Result};
use crate::line::Line;
use crate::picture::Picture;
use crate::process::{Process, built};
use crate::qmp::Qmp;
use crate::wait::{GUEST, pause, wait_until};
pub use seat::User;

/// Where the service in the guest has its sockets.
const RUNTIME: &str = "/run/porthole";

/// A running guest, in whose files are this machine's, and a folder that both write.
#[derive(Debug)]
pub struct KmsGuest {
    line: Line,
    /// QEMU itself.
    pub qmp: Qmp,
    qemu: Process,
    folder: TempDir,
    /// Nothing of this machine is in it but what was packed: see `sleep.rs`.
    in_memory: bool,
}

fn new_folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("porthole-kms-").tempdir().or_fail("make a folder")
}

fn image() -> Result<&'static Image> {
    static IMAGE: OnceLock<std::result::Result<Image, String>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| kms::image().map_err(|error| error.to_string()));
    image.as_ref().map_err(|error| Failure::new(error.clone()))
}

impl KmsGuest {
    /// Boots a guest with a card.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(card: Card) -> Result<KmsGuest> {
        Self::bring_up(card, &[], false)
    }

    /// The same with the kernel's consoles on the screen.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`].
    pub fn boot_with_consoles(card: Card) -> Result<KmsGuest> {
        Self::bring_up(card, &[], true)
    }

    /// The same, and with more devices, by QEMU's names.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`].
    pub fn boot_with_consoles_and(card: Card, devices: &[&str]) -> Result<KmsGuest> {
        Self::bring_up(card, devices, true)
    }

    /// A guest without consoles on its screen and with more devices, by QEMU's names.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`].
    pub fn boot_with(card: Card, devices: &[&str]) -> Result<KmsGuest> {
        Self::bring_up(card, devices, false)
    }

    /// The same with a newer kernel, which has `/dev/udmabuf`.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`], and when the kernel cannot be downloaded.
    pub fn boot_newer(card: Card) -> Result<KmsGuest> {
        let image = kms::newer_image().or_fail("get a newer kernel")?;
        Self::start_with(&image, &Qemu::installed()?, card, &[], false)
    }

    /// The same with more cards, by QEMU's names.
    ///
    /// # Errors
    /// As [`KmsGuest::boot`].
    pub fn boot_with_cards(card: Card, more: &[&str]) -> Result<KmsGuest> {
        Self::start_on(&Qemu::installed()?, card, more, false)
    }

    fn bring_up(card: Card, devices: &[&str], text: bool) -> Result<KmsGuest> {
        // Old ones have no touch screens.
        let qemu = if devices.is_empty() { Qemu::installed()? } else { Qemu::for_vhost_user()? };
        Self::start_on(&qemu, card, devices, text)
    }

    fn start_on(qemu: &Qemu, card: Card, devices: &[&str], text: bool) -> Result<KmsGuest> {
        Self::start_with(image()?, qemu, card, devices, text)
    }

    fn start_with(
        image: &Image,
        qemu: &Qemu,
        card: Card,
        devices: &[&str],
        text: bool,
    ) -> Result<KmsGuest> {
        let folder = new_folder()?;
        let mut machine = kms::machine(folder.path(), card);
        machine.text = text;
        let devices = devices.iter().flat_map(|device| ["-device", device]);
        machine.options.extend(devices.map(str::to_owned));
        Self::start_in(folder, image, qemu, &machine, &kms::mounts())
    }

    /// Boots a machine whose files are in a folder, and has the guest prepare its own by a line of shell.
    fn start_in(
        folder: TempDir,
        image: &Image,
        qemu: &Qemu,
        machine: &Machine,
        mounts: &str,
    ) -> Result<KmsGuest> {
        let mut command = qemu.boot(image, machine);
        let mut qemu = Process::start("qemu", folder.path(), &mut command)?;
        let mut line = Line::connect(&machine.control, &mut qemu)?;
        let qmp = Qmp::connect(&folder.path().join("qmp.sock"))?;
        line.wait_for("STATE up")?;
        line.order(&Order::Shell(mounts.to_owned()))?;
        Ok(KmsGuest { line, qmp, qemu, folder, in_memory: false })
    }

    /// Adds a second card, whose screen has a clock and is seen by nobody (vkms).
    ///
    /// # Errors
    /// When its driver cannot be built or loaded.
    pub fn add_vkms(&mut self) -> Result<()> {
        let module = vkms::module()?;
        fs::copy(module, self.folder().join("vkms.ko")).or_fail("copy vkms")?;
        let line = format!("insmod /host{SHARED}/vkms.ko enable_overlay=1 enable_cursor=1");
        self.line.order(&Order::Shell(line)).map(drop)
    }

    /// Adds a card without screens whose memory has device's fences (vgem).
    ///
    /// # Errors
    /// When the kernel has none.
    pub fn add_vgem(&mut self) -> Result<()> {
        fs::write(self.folder().join("vgem.ko"), kms::module("vgem")?).or_fail("copy vgem")?;
        self.line.order(&Order::Shell(format!("insmod /host{SHARED}/vgem.ko"))).map(drop)
    }

    /// Runs a line of a shell in this machine's files; gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn sh(&mut self, line: &str) -> Result<String> {
        let told = self.line.order(&Order::Shell(kms::inside(line)));
        told.map(|lines| lines.join("\n")).map_err(|error| self.explain(&error))
    }

    /// The shared folder, as this machine sees it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, text: &str) -> Result<()> {
        fs::write(self.folder().join("porthole.toml"), text).or_fail("write the configuration")
    }

    /// Starts the service and waits until it is ready. `before` is put before the command.
    ///
    /// # Errors
    /// When it is not ready in time.
    pub fn start(&mut self, before: &str) -> Result<()> {
        self.begin(&format!("{before} exec"), &format!("--config {SHARED}/porthole.toml"))?;
        self.is_ready()
    }

    /// Starts the service with these options, and waits for nothing.
    ///
    /// # Errors
    /// When the guest does not take it.
    pub fn begin(&mut self, before: &str, options: &str) -> Result<()> {
        let porthole = built("porthole")?;
        let porthole = porthole.display();
        fs::write(self.folder().join("ready"), "")?;
        self.sh(&format!(
            "({before} {porthole} {options} --runtime-dir {RUNTIME} --ready-fd 1 \
             >{SHARED}/ready 2>>{SHARED}/log </dev/null & echo $! >{SHARED}/pid)"
        ))
        .map(drop)
    }

    /// Waits until the service that was begun is ready.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn is_ready(&mut self) -> Result<()> {
        let ready = self.folder().join("ready");
        let told = wait_until("the service in the guest", GUEST, || {
            Ok(fs::read_to_string(&ready).is_ok_and(|text| text.contains("ready")).then_some(()))
        });
        told.map_err(|error| self.explain(&error))
    }

    /// Sends the service a signal, by its name.
    ///
    /// # Errors
    /// When it runs no more.
    pub fn signal(&mut self, name: &str) -> Result<()> {
        self.sh(&format!("kill -{name} $(cat {SHARED}/pid)")).map(drop)
    }

    /// The service's log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Waits until the service has logged something so many times.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn logs(&self, text: &str, times: usize) -> Result<()> {
        let seen = wait_until(text, GUEST, || {
            Ok((self.log().matches(text).count() >= times).then_some(()))
        });
        seen.map_err(|error| self.explain(&error))
    }

    /// Starts a program that shows a pattern and changes parts of it in so many frames; returns when it
    /// has shown the last.
    ///
    /// # Errors
    /// When it does not show it in time.
    pub fn pattern(&mut self, size: (u32, u32), frames: u32) -> Result<()> {
        self.pattern_with(size, frames, "")
    }

    /// The same with more options.
    ///
    /// # Errors
    /// As [`KmsGuest::pattern`].
    pub fn pattern_with(
        &mut self,
        (width, height): (u32, u32),
        frames: u32,
        options: &str,
    ) -> Result<()> {
        let (program, out) = (built("porthole-pattern")?, self.folder().join("pattern"));
        fs::write(&out, "")?;
        self.sh(&format!(
            "({} {RUNTIME}/viewer/wayland-0 {width} {height} noise {frames} {options} \
             >{SHARED}/pattern 2>&1 </dev/null &)",
            program.display()
        ))?;
        let shown = wait_until("the pattern", GUEST, || {
            Ok(fs::read_to_string(&out).is_ok_and(|text| text.contains("shown")).then_some(()))
        });
        shown.map_err(|error| {
            let said = fs::read_to_string(&out).unwrap_or_default();
            self.explain(&Failure::new(format!("{error}; it said {said}")))
        })
    }

    /// Starts a second service in another folder, with a command before it, until it has logged something.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn second(&mut self, before: &str, wanted: &str) -> Result<()> {
        let (porthole, log) = (built("porthole")?, self.folder().join("second"));
        fs::write(&log, "")?;
        self.sh(&format!(
            "mkdir -m 777 -p /run/second; ({before} timeout 100 {} --config {SHARED}/porthole.toml \
             --runtime-dir /run/second/dir >/dev/null 2>{SHARED}/second </dev/null & \
             echo $! >{SHARED}/second-pid)",
            porthole.display()
        ))?;
        let said = wait_until(wanted, GUEST, || {
            Ok(fs::read_to_string(&log).is_ok_and(|text| text.contains(wanted)).then_some(()))
        });
        self.sh(&format!("kill $(cat {SHARED}/second-pid) || true; rm -rf /run/second"))?;
        said.map_err(|error| {
            let text = fs::read_to_string(&log).unwrap_or_default();
            Failure::new(format!("{error}; it said {text}"))
        })
    }

    /// Captures a port as a viewer does.
    ///
    /// # Errors
    /// When it cannot be captured.
    pub fn capture(&mut self, port: &str) -> Result<Picture> {
        self.capture_with(port, "")
    }

    /// The same with more options.
    ///
    /// # Errors
    /// When it cannot be captured.
    pub fn capture_with(&mut self, port: &str, options: &str) -> Result<Picture> {
        let shot = built("porthole-shot")?;
        let file = self.folder().join("capture.png");
        self.sh(&format!(
            "{} capture --wayland {RUNTIME}/viewer/wayland-0 --timeout {} --port {port} {options} \
             {SHARED}/capture.png",
            shot.display(),
            GUEST.as_secs()
        ))?;
        if self.in_memory {
            self.fetch("capture.png")?;
        }
        Picture::read(&file)
    }

    /// Runs `portholectl` on the socket `viewer`.
    ///
    /// # Errors
    /// When it fails.
    pub fn control(&mut self, arguments: &str) -> Result<String> {
        let control = built("portholectl")?;
        let wayland = format!("--wayland {RUNTIME}/viewer/wayland-0");
        self.sh(&format!("{} {wayland} {arguments}", control.display()))
    }

    /// Plugs a screen of this size into the card's last connector, or no screen.
    ///
    /// # Errors
    /// When QEMU does not take it.
    pub fn plug(&mut self, size: Option<(u16, u16)>) -> Result<()> {
        let socket = UnixStream::connect(kms::plug(self.folder())).or_fail("reach QEMU's VNC")?;
        socket.set_read_timeout(Some(GUEST))?;
        plug::ask_for_size(&socket, size.unwrap_or_default()).or_fail("plug a screen in")
    }

    /// What a screen shows.
    ///
    /// # Errors
    /// When QEMU does not say.
    pub fn screen(&mut self, head: u32) -> Result<Picture> {
        let folder: PathBuf = self.folder().to_owned();
        self.qmp.screen_of(&folder, CARD, head)
    }

    /// Waits until a screen shows what a viewer of the port captures.
    ///
    /// # Errors
    /// When it does not; both pictures are then beside the build under `name`.
    pub fn same(&mut self, name: &str, port: &str, head: u32) -> Result<Picture> {
        let expected = self.capture(port)?;
        self.shows(name, head, &expected)?;
        Ok(expected)
    }

    /// Waits until a screen shows a picture.
    ///
    /// # Errors
    /// As [`KmsGuest::same`].
    pub fn shows(&mut self, name: &str, head: u32, expected: &Picture) -> Result<()> {
        let mut last = None;
        let seen = wait_until(name, GUEST, || {
            let picture = self.screen(head)?;
            let same = picture.difference(expected).is_none();
            last = Some(picture);
            Ok(same.then_some(()))
        });
        match (seen, last) {
            (Err(error), Some(last)) => {
                let folder = last.write_comparison(expected, name)?;
                let text = format!("{error}, see {}", folder.display());
                Err(self.explain(&Failure::new(text)))
            }
            (seen, _) => seen,
        }
    }

    /// Waits until the screen of another card shows what a viewer of the port captures.
    ///
    /// # Errors
    /// As [`KmsGuest::same`].
    pub fn same_on(&mut self, name: &str, port: &str, card: &str) -> Result<Picture> {
        let expected = self.capture(port)?;
        let folder: PathBuf = self.folder().to_owned();
        let mut last = None;
        let seen = wait_until(name, GUEST, || {
            let picture = self.qmp.screen_of(&folder, card, 0)?;
            let same = picture.difference(&expected).is_none();
            last = Some(picture);
            Ok(same.then_some(()))
        });
        let Err(error) = seen else { return Ok(expected) };
        let folder = last.map(|last| last.write_comparison(&expected, name)).transpose()?;
        Err(self.explain(&Failure::new(format!("{error}, see {folder:?}"))))
    }

    /// What the service counts of a port.
    ///
    /// # Errors
    /// When it does not say.
    pub fn counted(&mut self, port: &str) -> Result<serde_json::Value> {
        let before = self.log().matches("statistics {").count();
        self.signal("USR1")?;
        // The line may be seen before all of it is written.
        let told = wait_until("the service's statistics", GUEST, || {
            let log = self.log();
            let mut lines =
                log.lines().filter_map(|line| line.split_once("statistics ")).skip(before);
            let told = lines.next().map(|(_, json)| serde_json::from_str(json.trim()));
            Ok::<Option<serde_json::Value>, Failure>(told.and_then(std::result::Result::ok))
        });
        let told = told.map_err(|error| self.explain(&error))?;
        let counted = told.pointer(&format!("/ports/{port}")).cloned();
        counted.ok_or_else(|| Failure::new(format!("there is no port {port}")))
    }

    /// Takes pictures of a screen until the service has logged something so many times. Each must be one
    /// of these, or else, once that is logged, what the screen then shows.
    ///
    /// # Errors
    /// When a picture is another one; it is then beside the build under `name`. Or when that is not logged.
    pub fn only_shows(
        &mut self,
        name: &str,
        known: &[&Picture],
        (text, times): (&str, usize),
    ) -> Result<()> {
        let (begun, mut others) = (Instant::now(), Vec::<Picture>::new());
        loop {
            self.qemu.must_run()?;
            // How many there are is no matter of the service's.
            let screen = self.screen(0)?;
            let is_same = |other: &Picture| screen.difference(other).is_none();
            if !known.iter().any(|known| is_same(known)) && !others.last().is_some_and(is_same) {
                others.push(screen);
            }
            if self.log().matches(text).count() >= times {
                break;
            }
            if begun.elapsed() > GUEST {
                return Err(self.explain(&Failure::new(format!("{text}: not logged in time"))));
            }
            // While QEMU writes a picture it does little else for the guest.
            pause(Duration::from_millis(10));
        }
        let last = self.screen(0)?;
        for other in others {
            if other.difference(&last).is_some() {
                let folder = other.write_comparison(&last, name)?;
                let text = format!("a frame is none that should be seen, see {}", folder.display());
                return Err(self.explain(&Failure::new(text)));
            }
        }
        Ok(())
    }

    fn explain(&self, error: &Failure) -> Failure {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n    ");
        self.qemu.failure(&format!("{error}\n  the service's log ends with\n    {end}"))
    }
}
