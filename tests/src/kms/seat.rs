//! A guest whose screens and keyboards seatd hands out to users who may not open them, and udev describes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use porthole_rig::kms::SHARED;
use porthole_rig::seat;

use super::{KmsGuest, RUNTIME};
use crate::failure::{Failure, OrFail, Result};
use crate::picture::Picture;
use crate::process::built;
use crate::wait::{GUEST, wait_until};

/// A user who has no name, and no rights but those of groups.
const USER: &str = "4242";

/// Who runs a service in the guest, and how.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// What its files are called; the service that the guest is asked of has none.
    pub name: &'a str,
    /// Groups beside the user's own.
    pub groups: &'a str,
    /// What is its standard input.
    pub input: &'a str,
}

impl User<'_> {
    /// Who may use Debian's seatd, and is not on a console.
    pub const OF_SEATD: User<'static> = User { name: "", groups: "video", input: "/dev/null" };

    fn file(&self, kind: &str) -> String {
        if self.name.is_empty() { kind.to_owned() } else { format!("{}-{kind}", self.name) }
    }

    fn runtime(&self) -> String {
        if self.name.is_empty() { RUNTIME.to_owned() } else { format!("/run/{}", self.name) }
    }
}

impl KmsGuest {
    /// Starts udev, with these rules among its own, and waits until it has described all devices.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_udev(&mut self, rules: &str) -> Result<()> {
        fs::write(self.folder().join("rules"), rules)?;
        let line = seat::udev(&format!("{SHARED}/rules")).or_fail("get udev")?;
        self.sh(&line).map(drop)
    }

    /// Starts seatd as Debian does, and waits until it listens.
    ///
    /// # Errors
    /// When it does not in time.
    pub fn start_seatd(&mut self) -> Result<()> {
        let log = self.folder().join("seatd");
        fs::write(&log, "")?;
        let seatd = seat::seatd().or_fail("get seatd")?;
        // Somebody asks how it ended: to the kernel it would be there until then, and have its console.
        self.sh(&format!(
            "(({} -g video & echo $! >{SHARED}/seatd-pid; wait) >{SHARED}/seatd 2>&1 </dev/null &)",
            seatd.display()
        ))?;
        wait_until("seatd", GUEST, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            Ok(said.contains("seatd started").then_some(()))
        })
    }

    /// Kills seatd, so that it can do nothing more.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_seatd(&mut self) -> Result<()> {
        self.sh(&format!("kill -9 $(cat {SHARED}/seatd-pid)")).map(drop)
    }

    /// Ends seatd in order.
    ///
    /// # Errors
    /// When it does not run.
    pub fn end_seatd(&mut self) -> Result<()> {
        self.sh(&format!("kill $(cat {SHARED}/seatd-pid)")).map(drop)
    }

    /// Starts a service as a user with these options, and waits for nothing.
    ///
    /// # Errors
    /// When the guest does not take it.
    pub fn begin_as(&mut self, user: User<'_>, options: &str) -> Result<()> {
        // Its folder is the test's, and may be read by others now.
        fs::set_permissions(self.folder(), fs::Permissions::from_mode(0o755))?;
        let [ready, log, pid] = ["ready", "log", "pid"].map(|kind| user.file(kind));
        fs::write(self.folder().join(&ready), "")?;
        let (runtime, porthole) = (user.runtime(), built("porthole")?);
        // A user may not look into all folders on the way to the program.
        self.sh(&format!(
            "install -d -o {USER} -g {USER} {runtime}; \
             (exec 9<{}; exec setpriv --reuid {USER} --regid {USER} --groups {} --inh-caps=-all \
             /proc/self/fd/9 {options} --runtime-dir {runtime} --ready-fd 1 \
             >{SHARED}/{ready} 2>>{SHARED}/{log} <{} & echo $! >{SHARED}/{pid})",
            porthole.display(),
            user.groups,
            user.input
        ))
        .map(drop)
    }

    /// Waits until a user's service has logged something so many times.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn logs_of(&self, user: User<'_>, text: &str, times: usize) -> Result<()> {
        let log = self.folder().join(user.file("log"));
        let read = || fs::read_to_string(&log).unwrap_or_default();
        let seen =
            wait_until(text, GUEST, || Ok((read().matches(text).count() >= times).then_some(())));
        seen.map_err(|error| self.explain(&Failure::new(format!("{error}; it said {}", read()))))
    }

    /// Sends a user's service a signal, and waits until it is gone.
    ///
    /// # Errors
    /// When it runs no more, or for too long.
    pub fn end_of(&mut self, user: User<'_>, signal: &str) -> Result<()> {
        let pid = format!("$(cat {SHARED}/{})", user.file("pid"));
        self.sh(&format!("kill -{signal} {pid}"))?;
        wait_until("a service's end", GUEST, || {
            // Nobody in the guest asks how it ended.
            let state = self.sh(&format!("grep -s State: /proc/{pid}/status || true"))?;
            Ok((state.is_empty() || state.contains('Z')).then_some(()))
        })
    }

    /// What a viewer of a user's service sees of its port `main`.
    ///
    /// # Errors
    /// When it cannot be captured.
    pub fn capture_of(&mut self, user: User<'_>) -> Result<Picture> {
        let (shot, file) = (built("porthole-shot")?, self.folder().join("capture.png"));
        self.sh(&format!(
            "{} capture --wayland {}/viewer/wayland-0 --timeout {} --port main {SHARED}/capture.png",
            shot.display(),
            user.runtime(),
            GUEST.as_secs()
        ))?;
        Picture::read(&file)
    }
}
