//! Programs in the guest that tell what they hear.

use std::fs;

use porthole_rig::kms::SHARED;

use super::{KmsGuest, RUNTIME};
use crate::failure::{Failure, Result};
use crate::process::built;
use crate::wait::{GUEST, wait_until};

impl KmsGuest {
    /// Starts a program on a socket that shows a pattern and tells what it hears; `name` is its log's.
    ///
    /// # Errors
    /// When it does not show anything in time.
    pub fn listener(&mut self, name: &str, socket: &str, app_id: &str) -> Result<()> {
        self.listener_with(name, socket, app_id, "")
    }

    /// The same with more options.
    ///
    /// # Errors
    /// As [`KmsGuest::listener`].
    pub fn listener_with(
        &mut self,
        name: &str,
        socket: &str,
        app_id: &str,
        options: &str,
    ) -> Result<()> {
        let (program, out) = (built("porthole-pattern")?, self.folder().join(name));
        self.sh(&format!(
            "({} {RUNTIME}/{socket}/wayland-0 320 240 noise 0 --listen {options} --app-id {app_id} \
             >{SHARED}/{name} 2>&1 </dev/null &)",
            program.display()
        ))?;
        let shown = wait_until("a listener", GUEST, || {
            Ok(fs::read_to_string(&out).is_ok_and(|text| text.contains("shown")).then_some(()))
        });
        shown.map_err(|error| self.explain(&error))
    }

    /// What a listener has heard so far, a line for each event.
    #[must_use]
    pub fn heard(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.folder().join(name)).unwrap_or_default();
        text.lines().skip_while(|line| *line != "shown").skip(1).map(str::to_owned).collect()
    }

    /// Waits until a listener has heard a line.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn hears(&self, name: &str, line: &str) -> Result<()> {
        let heard = wait_until(line, GUEST, || {
            Ok(self.heard(name).iter().any(|heard| heard == line).then_some(()))
        });
        heard.map_err(|error| {
            let heard = self.heard(name).join(", ");
            self.explain(&Failure::new(format!("{error}; '{name}' heard {heard}")))
        })
    }
}
