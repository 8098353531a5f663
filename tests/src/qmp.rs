//! QEMU's control protocol, as far as tests need it: pictures of QEMU's own displays and input
//! through QEMU's own devices, which judge the guest's program apart from Porthole.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Failure, OrFail, Result};
use crate::picture::Picture;
use crate::wait::{SHORT, wait_until};

/// A connection to a QEMU.
#[derive(Debug)]
pub struct Qmp(BufReader<UnixStream>);

impl Qmp {
    /// Connects to the socket of `-qmp`.
    ///
    /// # Errors
    /// When nothing listens there in time.
    pub fn connect(socket: &Path) -> Result<Qmp> {
        let stream =
            wait_until("QEMU's QMP socket", SHORT, || Ok(UnixStream::connect(socket).ok()))?;
        stream.set_read_timeout(Some(SHORT))?;
        let mut qmp = Qmp(BufReader::new(stream));
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and returns what it returns.
    ///
    /// # Errors
    /// When QEMU refuses it.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let mut request = json!({"execute": command});
        if let Value::Object(request) = &mut request {
            request.insert("arguments".to_owned(), arguments);
        }
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).or_fail("talk to QEMU")?;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).or_fail("listen to QEMU")?;
            let answer: Value = serde_json::from_str(&line).or_fail("understand QEMU")?;
            if let Some(value) = answer.get("return") {
                return Ok(value.clone());
            }
            if let Some(error) = answer.get("error") {
                return Err(Failure::new(format!("{command}: {error}")));
            }
        }
    }

    /// What QEMU's own display shows.
    ///
    /// # Errors
    /// When QEMU cannot write it into `folder`.
    pub fn screen(&mut self, folder: &Path) -> Result<Picture> {
        let file = folder.join("screen.ppm");
        self.execute("screendump", json!({"filename": file}))?;
        Picture::from_ppm(&std::fs::read(file)?)
    }

    /// What a head of a display device shows.
    ///
    /// # Errors
    /// When QEMU cannot write it into `folder`.
    pub fn screen_of(&mut self, folder: &Path, device: &str, head: u32) -> Result<Picture> {
        Picture::from_ppm(&self.film_of(folder, device, head)?)
    }

    /// The same as the bytes of a PPM file, for who looks so often that reading it counts.
    ///
    /// # Errors
    /// As [`Qmp::screen_of`].
    pub fn film_of(&mut self, folder: &Path, device: &str, head: u32) -> Result<Vec<u8>> {
        let file = folder.join(format!("screen-{head}.ppm"));
        let arguments = json!({"filename": file, "device": device, "head": head});
        self.execute("screendump", arguments)?;
        Ok(std::fs::read(file)?)
    }

    /// What a person does with devices that belong to a head of a display, or to none.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn input(&mut self, head: Option<(&str, u32)>, events: &Value) -> Result<()> {
        let mut arguments = json!({"events": events});
        if let (Some((device, head)), Value::Object(arguments)) = (head, &mut arguments) {
            arguments.insert("device".to_owned(), json!(device));
            arguments.insert("head".to_owned(), json!(head));
        }
        self.execute("input-send-event", arguments).map(drop)
    }

    /// Presses or releases a key by QEMU's name for it.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn key(&mut self, name: &str, down: bool) -> Result<()> {
        let key = json!({"type": "qcode", "data": name});
        let event = json!({"type": "key", "data": {"down": down, "key": key}});
        self.execute("input-send-event", json!({"events": [event]})).map(drop)
    }
}
