//! A running `porthole` with a configuration of its own, and the VNC servers on its ports.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::failure::{Failure, OrFail, Result};
use crate::process::{Process, built};
use crate::scene::Scene;
use crate::wait::{SHORT, wait_until};

/// The service and the folder where it keeps its sockets.
#[derive(Debug)]
pub struct Service {
    /// The service's process.
    pub process: Process,
    /// The line that told readiness.
    pub ready: Value,
    runtime: PathBuf,
    configuration: PathBuf,
    // Removed last: the processes above use it.
    folder: TempDir,
}

/// A running `porthole-vnc`.
#[derive(Debug)]
pub struct VncServer {
    /// The server's process.
    pub process: Process,
    /// The address that viewers connect to.
    pub address: String,
}

/// The configuration of scenes: their ports, layers and guests, and a socket `viewer` that may
/// capture and control every port.
#[must_use]
pub fn configuration(scenes: &[Scene]) -> String {
    let mut text = "version = 1\n\n".to_owned();
    let mut guests = Vec::new();
    let mut rights = Vec::new();
    for scene in scenes {
        text.push_str(&scene.configuration());
        guests.extend(scene.guests());
        rights.push(format!("\"capture:{0}\", \"input:{0}\"", scene.port));
    }
    guests.sort();
    guests.dedup();
    for guest in guests {
        text.push_str(&format!("[[guest]]\nname = \"{guest}\"\n\n"));
    }
    text.push_str(&format!("[[socket]]\nname = \"viewer\"\nrights = [{}]\n", rights.join(", ")));
    text
}

impl Service {
    /// Starts the service for scenes and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(scenes: &[Scene]) -> Result<Service> {
        Service::start_with(&configuration(scenes))
    }

    /// Starts the service with a configuration's text.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_with(text: &str) -> Result<Service> {
        Service::start_with_env(text, &[])
    }

    /// Starts the service with a configuration's text and variables of its environment.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_with_env(text: &str, variables: &[(&str, &str)]) -> Result<Service> {
        Service::start_handed(text, variables, None)
    }

    /// The same with a listening socket handed over under a name.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_handed(
        text: &str,
        env: &[(&str, &str)],
        handed: Option<(&str, OwnedFd)>,
    ) -> Result<Service> {
        let folder = tempfile::Builder::new().prefix("porthole-").tempdir()?;
        let configuration = folder.path().join("porthole.toml");
        fs::write(&configuration, text)?;
        let runtime = folder.path().join("run");
        fs::create_dir(&runtime)?;
        let (process, ready) = launch(folder.path(), env, handed)?;
        Ok(Service { process, ready, runtime, configuration, folder })
    }

    /// Starts a service that has ended again, in the same place.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(
        &mut self,
        env: &[(&str, &str)],
        handed: Option<(&str, OwnedFd)>,
    ) -> Result<()> {
        (self.process, self.ready) = launch(self.folder.path(), env, handed)?;
        Ok(())
    }

    /// Kills the service as nothing kills it twice, and waits for its end.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn kill(&mut self) -> Result<()> {
        self.process.signal(rustix::process::Signal::KILL)?;
        self.process.wait_end(SHORT).map(drop)
    }

    /// Waits until the service has written down, for its next start, something with this text.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn remembers(&self, text: &str) -> Result<()> {
        let file = self.remembered();
        wait_until(text, SHORT, || {
            Ok(fs::read_to_string(&file).is_ok_and(|all| all.contains(text)).then_some(()))
        })
        .map_err(|error| Failure::new(format!("{error}: {:?}", fs::read_to_string(&file))))
    }

    /// The file in which the service remembers what was changed.
    #[must_use]
    pub fn remembered(&self) -> PathBuf {
        self.runtime.join(".state/scene")
    }

    /// The folder for logs and sockets of everything that belongs to this service.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file that the service read, for tests that change it.
    #[must_use]
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The Wayland socket of a name, as the ready line told it.
    ///
    /// # Errors
    /// When there is no such socket.
    pub fn socket(&self, name: &str) -> Result<PathBuf> {
        let told = self.ready.get("sockets").and_then(|sockets| sockets.get(name)?.as_str());
        let path = told.map(PathBuf::from);
        let path = path.ok_or_else(|| Failure::new(format!("no socket {name}: {}", self.ready)))?;
        if path.starts_with(&self.runtime) {
            return Ok(path);
        }
        Err(Failure::new(format!("{} is outside of the runtime folder", path.display())))
    }

    /// Starts a VNC server for a port on a free TCP port.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn vnc(&self, port: &str) -> Result<VncServer> {
        self.vnc_with(port, "127.0.0.1:0", &[])
    }

    /// Starts a VNC server with an address and more options.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn vnc_with(&self, port: &str, listen: &str, options: &[&str]) -> Result<VncServer> {
        let mut command = Command::new(built("porthole-vnc")?);
        command.args(["--port", port, "--listen", listen]).args(options);
        command.arg("--wayland").arg(self.socket("viewer")?);
        let name = format!("vnc-{port}");
        let (process, ready) = Process::start_ready(&name, self.folder(), &mut command)?;
        let address = ready.get("listen").and_then(Value::as_str);
        let address = address.ok_or_else(|| Failure::new(format!("no address in {ready}")))?;
        Ok(VncServer { address: address.to_owned(), process })
    }

    /// Writes a new configuration and asks the service to read it.
    ///
    /// # Errors
    /// When the file cannot be written or the service is gone.
    pub fn reload(&self, text: &str) -> Result<()> {
        // The service may be reading because of a reload before this one: it finds the one or the other.
        let new = self.configuration.with_extension("new");
        fs::write(&new, text).or_fail("write the configuration")?;
        fs::rename(&new, &self.configuration).or_fail("put the configuration in its place")?;
        self.process.signal(rustix::process::Signal::HUP)
    }
}

fn launch(
    folder: &Path,
    env: &[(&str, &str)],
    handed: Option<(&str, OwnedFd)>,
) -> Result<(Process, Value)> {
    let mut command = Command::new(built("porthole")?);
    command.arg("--config").arg(folder.join("porthole.toml"));
    command.arg("--runtime-dir").arg(folder.join("run")).envs(env.iter().copied());
    match handed {
        None => Process::start_ready("porthole", folder, &mut command),
        Some(handed) => {
            command.args(["--ready-fd", "1"]);
            Process::start_handed("porthole", folder, &command, handed)
        }
    }
}
