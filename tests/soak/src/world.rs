//! All that runs, and what the screen must show.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_rig::progress::say;
use porthole_tests::failure::OrFail;
use porthole_tests::guest::Options;
use porthole_tests::process::{Process, built};
use porthole_tests::program::Program;
use porthole_tests::service::{VncServer, configuration};
use porthole_tests::wait::{GUEST, SHORT, pause, wait_until};
use porthole_tests::{Capture, Failure, Guest, Picture, Result, Scene, Service, Viewer};
use rustix::process::Signal;
use serde_json::json;
use wayland_client::protocol::wl_shm::Format;

use crate::report::Report;
use crate::sample::{Reading, read};

/// The one port, and its size.
const PORT: &str = "main";
const SIZE: (u32, u32) = (1280, 720);
/// What each guest has for a display.
const GUEST_SIZE: (u32, u32) = (400, 300);
/// How far to the right and down a guest's layer may be.
pub(crate) const FREE: (u32, u32) = (SIZE.0 - GUEST_SIZE.0, SIZE.1 - GUEST_SIZE.1);
/// The sizes that the last guest's display may have.
pub(crate) const SIZES: [(u16, u16); 4] = [(400, 300), (320, 240), (360, 280), (400, 200)];
/// The program's layer: where it is, and how large.
const PROGRAM: (u32, u32, u32, u32) = (1200, 660, 64, 48);
/// The program's name for its windows.
const APP: &str = "org.porthole.soak";
/// How many pictures are timed in each round.
const PROBES: u32 = 5;
/// How long the processes are looked at while nothing changes.
const QUIET: Duration = Duration::from_secs(1);
/// How often, until they sleep: what happened just before may echo on a busy machine.
const LOOKS: u32 = 5;

/// The service, its guests, its viewers.
pub(crate) struct World {
    /// Who looks on.
    pub(crate) viewers: Vec<Viewer>,
    capture: Capture,
    vnc: VncServer,
    guests: Vec<Guest>,
    scene: Scene,
    service: Service,
}

/// How a guest of a number is built: the last one has a display that follows its layer's size.
fn options(guest: usize, guests: usize) -> Options {
    let usual = if guest + 1 == guests { Options::generic(1) } else { Options::default() };
    Options { qmp: true, reboots: true, ..usual }
}

/// Each guest on a step of its own, from the bottom left up.
fn scene(guests: u8) -> Scene {
    (0..guests).map(u32::from).fold(Scene::new(PORT, SIZE.0, SIZE.1), |scene, n| {
        let (x, y) = (n * 120 % FREE.0, n * 60 % FREE.1);
        let rect = (x, y, GUEST_SIZE.0, GUEST_SIZE.1);
        scene.layer(&format!("guest-{n}"), rect, Pattern::Noise, n)
    })
}

fn configured(scene: &Scene) -> String {
    let text = configuration(std::slice::from_ref(scene));
    let text = text.replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    let (x, y, width, height) = PROGRAM;
    format!(
        "{text}\n[[layer]]\nname = \"program\"\nport = \"{PORT}\"\nsocket = \"viewer\"\n\
         app_id = \"{APP}\"\nrect = [{x}, {y}, {width}, {height}]\norder = 99\n"
    )
}

/// How often all of them have woken up.
fn woken(readings: &[(String, Reading)]) -> u64 {
    readings.iter().map(|(_, reading)| reading.wake_ups).sum()
}

impl World {
    /// Starts everything and waits until it is on the screen.
    pub(crate) fn start(guests: u8) -> Result<World> {
        let scene = scene(guests);
        let service = Service::start_with(&configured(&scene))?;
        let vnc = service.vnc(PORT)?;
        let capture = Capture::start(&service.socket("viewer")?, PORT)?;
        let mut booted = Vec::new();
        for (number, layer) in scene.layers.iter().enumerate() {
            say(&format!("* booting {}", layer.guest));
            let how = options(number, scene.layers.len());
            let mut guest = Guest::start(&service, &layer.guest, &how)?;
            let (pattern, seed) = (layer.pattern, layer.seed);
            guest.order(&Order::Draw { head: 0, pattern, seed, area: None })?;
            booted.push(guest);
        }
        let viewers = Vec::new();
        let mut world = World { viewers, capture, vnc, guests: booted, scene, service };
        // The splash stays until every layer has shown something, the program's too.
        world.program(0)?;
        world.judge("start")?;
        Ok(world)
    }

    /// How many guests there are.
    pub(crate) fn guests(&self) -> usize {
        self.guests.len()
    }

    /// Where viewers connect.
    pub(crate) fn address(&self) -> &str {
        &self.vnc.address
    }

    /// The guest of a number.
    pub(crate) fn guest(&mut self, number: usize) -> Result<&mut Guest> {
        self.guests.get_mut(number).ok_or_else(|| Failure::new(format!("no guest {number}")))
    }

    /// Holds what captures and viewers see to what must be there.
    pub(crate) fn judge(&self, name: &str) -> Result<()> {
        let expected = self.scene.picture();
        self.capture.expect(&format!("soak-{name}"), &expected, GUEST)?;
        for viewer in &self.viewers {
            viewer.expect(&format!("soak-{name}-viewer"), &expected, GUEST)?;
        }
        Ok(())
    }

    /// A guest draws.
    pub(crate) fn draw(&mut self, guest: usize, pattern: Pattern, seed: u32) -> Result<()> {
        self.order(guest, &[(pattern, seed)])
    }

    /// A guest draws one picture after the other; the last one stays.
    pub(crate) fn order(&mut self, guest: usize, pictures: &[(Pattern, u32)]) -> Result<()> {
        for (pattern, seed) in pictures.iter().copied() {
            self.guest(guest)?.order(&Order::Draw { head: 0, pattern, seed, area: None })?;
            if let Some(layer) = self.scene.layers.get_mut(guest) {
                (layer.pattern, layer.seed) = (pattern, seed);
            }
        }
        Ok(())
    }

    /// Puts a guest's layer somewhere else.
    pub(crate) fn place(&mut self, guest: usize, (x, y): (u32, u32)) -> Result<()> {
        let Some(layer) = self.scene.layers.get_mut(guest) else { return Ok(()) };
        let (_, _, width, height) = layer.rect;
        layer.rect = (x, y, width, height);
        self.set(guest)
    }

    /// Gives the last guest's layer another size, which the guest's display takes.
    pub(crate) fn resize(&mut self, (width, height): (u16, u16), seed: u32) -> Result<()> {
        let last = self.guests.len().saturating_sub(1);
        let Some(layer) = self.scene.layers.get_mut(last) else { return Ok(()) };
        (layer.rect.2, layer.rect.3) = (width.into(), height.into());
        self.set(last)?;
        let guest = self.guest(last)?;
        guest.order(&Order::WaitSize { head: 0, width, height })?;
        guest.order(&Order::Mode { head: 0, width, height })?;
        self.draw(last, Pattern::Noise, seed)
    }

    /// Tells the service where a layer is now.
    fn set(&self, guest: usize) -> Result<()> {
        let Some(layer) = self.scene.layers.get(guest) else { return Ok(()) };
        let (x, y, width, height) = layer.rect;
        self.control(&["set", &layer.guest, &format!("rect={width}x{height}+{x}+{y}")])
    }

    fn control(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(built("portholectl")?);
        command.args(arguments).arg("--wayland").arg(self.service.socket("viewer")?);
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::new(format!("portholectl {}: {said}", arguments.join(" "))))
    }

    /// Writes where the layers are into the configuration, and has it read.
    pub(crate) fn reload(&self) -> Result<()> {
        self.service.reload(&configured(&self.scene))
    }

    /// A program shows one colour in its layer, and dies.
    pub(crate) fn program(&mut self, seed: u32) -> Result<()> {
        let colour = seed & 0x00ff_ffff;
        let (x, y, width, height) = PROGRAM;
        let mut program = Program::connect(&self.service.socket("viewer")?)?;
        let toplevel = program.toplevel(APP)?;
        let buffer = program.buffer((width, height), Format::Xrgb8888, true)?;
        buffer.paint(|_, _| colour)?;
        toplevel.show(&buffer);
        program.roundtrip()?;
        let [_, red, green, blue] = colour.to_be_bytes();
        let window = Picture::new(width, height, [red, green, blue]);
        let mut expected = self.scene.picture();
        for (left, top) in (0..height).flat_map(|top| (0..width).map(move |left| (left, top))) {
            if let Some(pixel) = window.pixel(left, top) {
                expected.set(x + left, y + top, pixel);
            }
        }
        self.capture.expect("soak-window", &expected, GUEST)?;
        program.die();
        Ok(())
    }

    /// A viewer connects and sees the screen.
    pub(crate) fn viewer(&mut self) -> Result<()> {
        self.viewers.push(Viewer::connect(self.address())?);
        Ok(())
    }

    /// Resets a guest, which boots again under the same QEMU with the same device.
    pub(crate) fn reboot(&mut self, guest: usize, pattern: Pattern, seed: u32) -> Result<()> {
        let one = self.guest(guest)?;
        one.qmp()?.execute("system_reset", json!({}))?;
        one.wait_for("STATE up")?;
        self.draw(guest, pattern, seed)
    }

    /// Powers a guest off and starts it again.
    pub(crate) fn restart(&mut self, guest: usize, pattern: Pattern, seed: u32) -> Result<()> {
        let new = self.while_dead(guest, |world, name| {
            if guest >= world.guests.len() {
                return Err(Failure::new(format!("no guest {guest}")));
            }
            world.guests.remove(guest).power_off()?;
            world.judge("powered-off")?;
            let how = options(guest, world.guests.len() + 1);
            Guest::start(&world.service, name, &how)
        })?;
        self.guests.insert(guest, new);
        self.draw(guest, pattern, seed)
    }

    /// Waits until a killed guest has left the screen; the others must still be there.
    pub(crate) fn bury(&mut self, guest: usize) -> Result<()> {
        self.while_dead(guest, |world, _| {
            let dead = world.guest(guest)?;
            // Of a pair of QEMU and device one is dead already, and the other is of no more use.
            let _ = dead.qemu.signal(Signal::KILL);
            dead.qemu.wait_end(SHORT)?;
            let _ = dead.device.signal(Signal::TERM);
            dead.device.wait_end(SHORT)?;
            world.judge("killed")
        })
    }

    /// Starts a killed guest again.
    pub(crate) fn revive(&mut self, guest: usize, pattern: Pattern, seed: u32) -> Result<()> {
        let new = self.while_dead(guest, |world, name| {
            Guest::start(&world.service, name, &options(guest, world.guests.len()))
        })?;
        *self.guest(guest)? = new;
        self.draw(guest, pattern, seed)
    }

    /// Does something while a guest's layer is not on the screen.
    fn while_dead<T>(
        &mut self,
        guest: usize,
        act: impl FnOnce(&mut World, &str) -> Result<T>,
    ) -> Result<T> {
        if guest >= self.scene.layers.len() {
            return Err(Failure::new(format!("no layer {guest}")));
        }
        let layer = self.scene.layers.remove(guest);
        let done = act(self, &layer.guest);
        self.scene.layers.insert(guest, layer);
        done
    }

    /// Kills the VNC server, with which its viewers end, and starts another one.
    pub(crate) fn kill_vnc(&mut self) -> Result<()> {
        self.vnc.process.signal(Signal::KILL)?;
        self.vnc.process.wait_end(SHORT)?;
        self.viewers.clear();
        self.vnc = self.service.vnc(PORT)?;
        self.viewer()
    }

    /// Kills the service and starts it again: guests and viewers go on by themselves.
    pub(crate) fn kill_service(&mut self, report: &mut Report) -> Result<()> {
        self.service.process.signal(Signal::KILL)?;
        self.service.process.wait_end(SHORT)?;
        let start = Instant::now();
        self.service.start_again(&[], None)?;
        self.capture = Capture::start(&self.service.socket("viewer")?, PORT)?;
        self.wait_for_guests()?;
        report.back(start.elapsed());
        self.program(0)
    }

    /// Waits until every guest is where it was; the splash may still be around them.
    fn wait_for_guests(&self) -> Result<()> {
        let expected = self.scene.picture();
        wait_until("the guests on the new service's screen", GUEST, || {
            let Some(seen) = self.capture.screen.picture() else { return Ok(None) };
            let right = self.scene.layers.iter().all(|layer| {
                let (x, y, width, height) = layer.rect;
                seen.crop((x, y), (width, height)) == expected.crop((x, y), (width, height))
            });
            Ok(right.then_some(()))
        })
    }

    /// Lets all come to rest, times a few pictures, and reads what each process holds.
    pub(crate) fn rest(&mut self, report: &mut Report) -> Result<()> {
        self.viewers.clear();
        self.judge("rest")?;
        for probe in 0..PROBES {
            let seed = report.probes() * PROBES + probe;
            let start = Instant::now();
            self.guest(0)?.order(&Order::Heads)?;
            let answered = start.elapsed();
            self.draw(0, Pattern::Checker, seed)?;
            self.judge("probe")?;
            report.picture(start.elapsed() - answered, answered);
        }
        let mut before = self.readings()?;
        for look in 1..=LOOKS {
            pause(QUIET);
            let after = self.readings()?;
            if look == LOOKS || woken(&before) == woken(&after) {
                report.rested(&before, &after, QUIET);
                break;
            }
            before = after;
        }
        Ok(())
    }

    fn readings(&self) -> Result<Vec<(String, Reading)>> {
        let mut found = vec![
            ("porthole".to_owned(), read(&self.service.process)?),
            ("porthole-vnc".to_owned(), read(&self.vnc.process)?),
        ];
        for (layer, guest) in self.scene.layers.iter().zip(&self.guests) {
            found.push((format!("porthole-gpu {}", layer.guest), read(&guest.device)?));
        }
        Ok(found)
    }

    /// Ends everything as a person would, which must go well too.
    pub(crate) fn end(mut self) -> Result<()> {
        self.viewers.clear();
        for guest in self.guests {
            guest.power_off()?;
        }
        let ends = |process: &mut Process, name: &str| -> Result<()> {
            let status = process.terminate()?;
            if status.success() {
                return Ok(());
            }
            Err(process.failure(&format!("{name} ended badly ({status})")))
        };
        ends(&mut self.vnc.process, "porthole-vnc")?;
        ends(&mut self.service.process, "porthole")?;
        // Folders stay for the next start, and what is remembered; a socket would lead nowhere.
        for folder in fs::read_dir(self.service.folder().join("run")).or_fail("list sockets")? {
            let socket = folder?.path().join("wayland-0");
            if socket.exists() {
                return Err(Failure::new(format!("{} is left behind", socket.display())));
            }
        }
        Ok(())
    }
}
