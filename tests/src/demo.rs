//! The demo: an instrument cluster over an infotainment screen, two guests on one port.

use std::fs;
use std::path::Path;
use std::time::Instant;

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::failure::{Failure, OrFail, Result};
use crate::guest::{Guest, Options, image};
use crate::picture::Picture;
use crate::process::Process;
use crate::scene::Scene;
use crate::service::{Service, VncServer};
use crate::viewer::Viewer;
use crate::wait::{GUEST, SHORT, wait_until};

/// The name of the one port.
const PORT: &str = "main";

/// A running demo.
#[derive(Debug)]
pub struct Demo {
    /// Where VNC viewers connect.
    pub vnc: VncServer,
    scene: Scene,
    guests: Vec<(String, Guest)>,
    service: Service,
    start: Instant,
    times: Vec<(&'static str, u128)>,
}

/// The demo's port with its layers.
fn scene() -> Scene {
    Scene::new(PORT, 1280, 720).layer("ivi", (0, 0, 1280, 720), Pattern::Infotainment, 1).layer(
        "cluster",
        (320, 40, 640, 272),
        Pattern::Cluster,
        3,
    )
}

impl Demo {
    /// Starts everything; `say` is told each step. With `window` the port is in a window of this session.
    ///
    /// # Errors
    /// When a part does not come up.
    pub fn start(listen: &str, window: bool, say: impl Fn(&str)) -> Result<Demo> {
        // Made before the clock starts: it is part of the set-up.
        image()?;
        let (start, mut scene) = (Instant::now(), scene());
        if window {
            // The guests do not follow another size.
            "kind = \"window\"\ntitle = \"Porthole\"\nresize = \"config\"\n"
                .clone_into(&mut scene.keys);
        }
        say("starting the display service");
        let service = Service::start(std::slice::from_ref(&scene))?;
        // The splash is on every port before the first socket exists, so at the latest now.
        let mut times = vec![("splash", start.elapsed().as_millis())];
        let vnc = service.vnc_with(PORT, listen, &[])?;
        let mut guests = Vec::new();
        for layer in &scene.layers {
            say(&format!("booting the guest \"{}\"", layer.guest));
            let draw = format!("0:{}:{}", layer.pattern, layer.seed);
            let options = Options { draw: Some(draw), ..Options::default() };
            let socket = service.socket(&layer.guest)?;
            let guest = Guest::power_on(&socket, service.folder(), &layer.guest, &options)?;
            guests.push((layer.guest.clone(), guest));
        }
        for (_, guest) in &mut guests {
            guest.wait_for("STATE drawn")?;
            if times.len() == 1 {
                times.push(("first_guest_frame", start.elapsed().as_millis()));
            }
        }
        Ok(Demo { vnc, scene, guests, service, start, times })
    }

    /// Waits until a VNC viewer sees every layer's picture, and writes `screen.png` and
    /// `report.json` into a folder.
    ///
    /// # Errors
    /// When a layer does not show its guest's picture; the text names the layers.
    pub fn check(&mut self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).or_fail("make the folder for the report")?;
        let viewer = Viewer::connect(&self.vnc.address)?;
        wait_until("a first picture at the viewer", SHORT, || {
            Ok((viewer.screen.updates() > 1).then_some(()))
        })?;
        self.times.push(("first_viewer_frame", self.start.elapsed().as_millis()));
        let expected = self.scene.picture();
        let seen = viewer.expect("demo", &expected, GUEST);
        self.times.push(("every_layer_at_viewer", self.start.elapsed().as_millis()));
        if let Some(picture) = viewer.screen.picture() {
            picture.write(&folder.join("screen.png"))?;
            if let Err(error) = seen {
                let missing = self.missing(&picture, &expected);
                return Err(Failure::new(format!("{error}\nmissing: {}", missing.join(", "))));
            }
        } else {
            seen?;
        }
        let report = serde_json::to_string_pretty(&self.report()?).or_fail("write the report")?;
        fs::write(folder.join("report.json"), report + "\n").or_fail("write the report")
    }

    /// The layers whose part of the picture is not right.
    fn missing(&self, picture: &Picture, expected: &Picture) -> Vec<String> {
        let layers = self.scene.layers.iter();
        let wrong = layers.filter(|layer| {
            let (x, y, width, height) = layer.rect;
            picture.crop((x, y), (width, height)) != expected.crop((x, y), (width, height))
        });
        wrong.map(|layer| format!("the picture of \"{}\"", layer.guest)).collect()
    }

    /// What was measured: times, bytes that were copied, memory of each process.
    fn report(&self) -> Result<Value> {
        let times: serde_json::Map<String, Value> = self
            .times
            .iter()
            .map(|(name, time)| {
                ((*name).to_owned(), json!(u64::try_from(*time).unwrap_or(u64::MAX)))
            })
            .collect();
        let mut memory = serde_json::Map::new();
        let mut add = |name: String, process: &Process| {
            process.status("VmRSS").map(|kilobytes| memory.insert(name, json!(kilobytes))).map(drop)
        };
        add("porthole".to_owned(), &self.service.process)?;
        add("porthole-vnc".to_owned(), &self.vnc.process)?;
        for (name, guest) in &self.guests {
            add(format!("porthole-gpu {name}"), &guest.device)?;
            add(format!("qemu {name}"), &guest.qemu)?;
        }
        let service = statistics(&self.service.process)?;
        let mut transferred = serde_json::Map::new();
        for (name, guest) in &self.guests {
            let device = statistics(&guest.device)?;
            let bytes = |name: &str| device.get(name).cloned().unwrap_or_default();
            let (taken, repaired) = (bytes("transferred_bytes"), bytes("repaired_bytes"));
            let counts = json!({ "transferred_bytes": taken, "repaired_bytes": repaired });
            transferred.insert(name.clone(), counts);
        }
        let copied = json!({
            "guests": transferred,
            "ports": service.get("ports"),
            "captured_bytes": service.get("captured_bytes"),
        });
        Ok(json!({
            "guest_kernel": image()?.version,
            "milliseconds": times,
            "bytes_copied": copied,
            "memory_kilobytes": memory,
        }))
    }

    /// Lets the guests draw the next picture, so that one sees that they live.
    ///
    /// # Errors
    /// When a guest has ended.
    pub fn animate(&mut self, step: u32) -> Result<()> {
        for (layer, (_, guest)) in self.scene.layers.iter().zip(&mut self.guests) {
            let (pattern, seed) = (layer.pattern, layer.seed.wrapping_add(step));
            guest.order(&Order::Flip { head: 0, pattern, seed, count: 1 })?;
        }
        Ok(())
    }
}

/// Asks a program for its counters and waits for the line in its log.
///
/// # Errors
/// When it does not answer in time.
pub fn statistics(process: &Process) -> Result<Value> {
    let lines = |log: &str| log.lines().filter(|line| line.contains("statistics {")).count();
    let before = lines(&process.log());
    process.signal(Signal::USR1)?;
    wait_until("the service's statistics", SHORT, || {
        let log = process.log();
        if lines(&log) <= before {
            return Ok(None);
        }
        let last = log.lines().rev().find_map(|line| line.split_once("statistics "));
        Ok(last.and_then(|(_, json)| serde_json::from_str(json.trim()).ok()))
    })
}
