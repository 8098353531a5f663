//! What is said to QEMU's monitor: only what makes a connection to its display.

use serde_json::Value;

use crate::failure::Failure;

/// The longest line; QEMU's greeting has a few hundred bytes.
const LONGEST: usize = 64 << 10;
/// The name of the descriptor on its way.
const NAME: &str = "porthole-display";

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Greeting,
    Capabilities,
    /// It is asked whether its guest is there.
    Status,
    /// The guest is on its way from another machine.
    Arriving,
    /// QEMU looks at what the guest shows.
    Look,
    Descriptor,
    Client,
    Done,
}

/// What is to be sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Say {
    /// One line.
    pub(crate) line: String,
    /// Whether the descriptor goes with it.
    pub(crate) with_descriptor: bool,
}

/// A talk with a monitor.
#[derive(Debug)]
pub(crate) struct Talk {
    place: String,
    /// To wait for a guest that comes from another machine.
    wait: bool,
    step: Step,
    line: Vec<u8>,
}

impl Talk {
    /// With the monitor at a place, who speaks first.
    pub(crate) const fn new(place: String, wait: bool) -> Self {
        Self { place, wait, step: Step::Greeting, line: Vec::new() }
    }

    /// Where the monitor is.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether QEMU has the connection.
    pub(crate) fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Whether it has said nothing yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.step == Step::Greeting
    }

    /// Whether the guest is waited for, which takes as long as it takes.
    pub(crate) fn is_waiting(&self) -> bool {
        self.step == Step::Arriving
    }

    /// Takes bytes that came; what is to be said.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Say>, Failure> {
        let mut say = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > LONGEST {
                    return Err(self.no_monitor());
                }
                continue;
            }
            say.extend(self.line()?);
            self.line.clear();
        }
        Ok(say)
    }

    fn no_monitor(&self) -> Failure {
        let said = String::from_utf8_lossy(&self.line).trim().chars().take(60).collect();
        Failure::NoMonitor { place: self.place.clone(), said }
    }

    fn line(&mut self) -> Result<Option<Say>, Failure> {
        let Ok(Value::Object(line)) = serde_json::from_slice(&self.line) else {
            return Err(self.no_monitor());
        };
        if let Some(error) = line.get("error")
            && self.step != Step::Look
        {
            return Err(self.refused(error));
        }
        let answer = line.get("return");
        let answers = answer.is_some();
        let comes = answer.and_then(|answer| answer.get("status")?.as_str()) == Some("inmigrate");
        let resumes = line.get("event").and_then(Value::as_str) == Some("RESUME");
        let (next, say) = match self.step {
            Step::Greeting if line.contains_key("QMP") => {
                (Step::Capabilities, Some((r#"{"execute":"qmp_capabilities"}"#.to_owned(), false)))
            }
            Step::Greeting => return Err(self.no_monitor()),
            Step::Capabilities if answers && self.wait => {
                (Step::Status, Some((r#"{"execute":"query-status"}"#.to_owned(), false)))
            }
            Step::Status if comes => {
                tracing::info!("waiting for the guest, which comes from another machine");
                (Step::Arriving, None)
            }
            // Where nobody has looked yet, QEMU would first show a picture of its own.
            Step::Capabilities | Step::Status if answers => (Step::Look, Some(look())),
            Step::Arriving if resumes => (Step::Look, Some(look())),
            // It may have no picture to look at.
            Step::Look if answers || line.contains_key("error") => {
                let arguments = serde_json::json!({ "fdname": NAME });
                let ask = serde_json::json!({ "execute": "getfd", "arguments": arguments });
                (Step::Descriptor, Some((ask.to_string(), true)))
            }
            Step::Descriptor if answers => {
                let arguments = serde_json::json!({ "protocol": "@dbus-display", "fdname": NAME });
                let ask = serde_json::json!({ "execute": "add_client", "arguments": arguments });
                (Step::Client, Some((ask.to_string(), false)))
            }
            Step::Client if answers => (Step::Done, None),
            // An event of QEMU's own.
            other => (other, None),
        };
        self.step = next;
        Ok(say.map(|(line, with_descriptor)| Say { line: line + "\n", with_descriptor }))
    }

    fn refused(&self, error: &Value) -> Failure {
        let said = error.get("desc").and_then(Value::as_str).unwrap_or("no reason is given");
        let said = said.chars().filter(|c| !c.is_control()).take(200).collect();
        let (command, advice) = match self.step {
            Step::Descriptor => ("getfd", "use a monitor on a Unix socket"),
            Step::Client => (
                "add_client",
                "start it with -display dbus,p2p=yes; if it knows no such display, install its module \
                 (Debian has it in qemu-system-common or qemu-system-gui)",
            ),
            Step::Status => ("query-status", "start this program without --wait"),
            _ => ("qmp_capabilities", "give QEMU one more -qmp for this program"),
        };
        Failure::Monitor { command, said, advice }
    }
}

/// Has QEMU look at what the guest shows, which it does for those that it shows it to.
fn look() -> (String, bool) {
    let arguments = serde_json::json!({ "filename": "/dev/null" });
    (serde_json::json!({ "execute": "screendump", "arguments": arguments }).to_string(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(lines: &[&str]) -> (Talk, Vec<Say>) {
        let mut talk = Talk::new("/run/qmp".to_owned(), false);
        let say = lines.iter().flat_map(|line| talk.take(line.as_bytes()).unwrap()).collect();
        (talk, say)
    }

    const GREETING: &str = "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n";
    const OK: &str = "{\"return\": {}}\r\n";
    const EVENT: &str = "{\"event\": \"RESUME\", \"timestamp\": {}}\r\n";

    #[test]
    fn a_connection_is_handed_over() {
        const NO_PICTURE: &str = "{\"error\": {\"desc\": \"no console\"}}\r\n";
        let (talk, say) = talk(&[GREETING, EVENT, OK, NO_PICTURE, OK, EVENT, OK]);
        assert!(talk.is_done());
        let lines: Vec<&str> = say.iter().map(|say| say.line.trim()).collect();
        assert_eq!(
            say.iter().map(|say| say.with_descriptor).collect::<Vec<_>>(),
            [false, false, true, false]
        );
        assert!(lines[2].contains("getfd") && lines[3].contains("@dbus-display"), "{lines:?}");
    }

    #[test]
    fn a_guest_that_comes_from_another_machine_is_waited_for() {
        const COMES: &str = "{\"return\": {\"running\": false, \"status\": \"inmigrate\"}}\r\n";
        const RUNS: &str = "{\"return\": {\"running\": true, \"status\": \"running\"}}\r\n";
        let say = |lines: &[&str]| {
            let mut talk = Talk::new("/run/qmp".to_owned(), true);
            let say = lines.iter().flat_map(|line| talk.take(line.as_bytes()).unwrap());
            (say.filter(|say| say.with_descriptor).count(), talk.is_waiting())
        };
        assert_eq!(say(&[GREETING, OK, RUNS, OK]), (1, false));
        assert_eq!(say(&[GREETING, EVENT, OK, COMES]), (0, true));
        let stop = "{\"event\": \"STOP\", \"timestamp\": {}}\r\n";
        assert_eq!(say(&[GREETING, OK, COMES, stop]), (0, true));
        assert_eq!(say(&[GREETING, OK, COMES, stop, EVENT, OK]), (1, false));
    }

    #[test]
    fn what_is_no_monitor_is_told_apart_from_one_that_refuses() {
        for said in ["SSH-2.0-OpenSSH\r\n", "(qemu) \n", "[]\n", "{\"return\": {}}\n", "\n"] {
            let error = Talk::new("x".to_owned(), false).take(said.as_bytes()).unwrap_err();
            assert!(matches!(error, Failure::NoMonitor { .. }), "{said:?}: {error}");
        }
        let mut endless = Talk::new("x".to_owned(), false);
        let error = endless.take(&vec![b'a'; LONGEST + 1]).unwrap_err();
        assert!(error.to_string().len() < 200);
        let (mut talk, _) = talk(&[GREETING, OK, OK, OK]);
        let refusal =
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"spice is not in use\"}}\n";
        let error = talk.take(refusal.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains("spice is not in use; start it with -display dbus,p2p=yes"),
            "{error}"
        );
    }
}
