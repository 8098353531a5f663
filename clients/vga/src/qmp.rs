//! What is said to QEMU's monitor (QMP): keys and pointers, for guests without a driver for ours.
//!
//! Bytes in, lines out; the process around it does the rest. QEMU is trusted as little as everybody.

use serde_json::{Value, json};

/// The longest line; what is asked here is answered in a few hundred bytes.
const LONGEST: usize = 64 << 10;
/// The number of the one question.
const MICE: u64 = 1;
/// The names of the buttons from `BTN_LEFT` on, and of what a wheel does.
const BUTTONS: [&str; 9] = [
    "left",
    "right",
    "middle",
    "side",
    "extra",
    "wheel-up",
    "wheel-down",
    "wheel-left",
    "wheel-right",
];

/// Something that a person did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    /// A key by the number that PCs gave it.
    Key { code: u16, down: bool },
    /// A button by its place in a list of ours.
    Button { button: u16, down: bool },
    /// The pointer is at a place, from 0 to 0x7fff each way.
    To { x: u16, y: u16 },
    /// The pointer moved.
    By { dx: i16, dy: i16 },
}

/// An act between two processes.
pub(crate) type Record = [u8; 6];

impl Act {
    pub(crate) fn record(self) -> Record {
        let (kind, [a, b], [c, d]) = match self {
            Act::Key { code, down } => (1, code.to_le_bytes(), [u8::from(down), 0]),
            Act::Button { button, down } => (2, button.to_le_bytes(), [u8::from(down), 0]),
            Act::To { x, y } => (3, x.to_le_bytes(), y.to_le_bytes()),
            Act::By { dx, dy } => (4, dx.to_le_bytes(), dy.to_le_bytes()),
        };
        [kind, 0, a, b, c, d]
    }

    pub(crate) fn of(record: Record) -> Option<Self> {
        let [kind, 0, a, b, c, d] = record else { return None };
        let (first, down) = (u16::from_le_bytes([a, b]), c != 0);
        Some(match kind {
            1 => Act::Key { code: first, down },
            2 if usize::from(first) < BUTTONS.len() => Act::Button { button: first, down },
            3 => Act::To { x: first, y: u16::from_le_bytes([c, d]) },
            4 => Act::By { dx: i16::from_le_bytes([a, b]), dy: i16::from_le_bytes([c, d]) },
            _ => return None,
        })
    }

    /// The command for it, as one line.
    pub(crate) fn line(self) -> String {
        let axes = |kind: &str, x: i32, y: i32| {
            let axis = |axis: &str, value: i32| json!({ "type": kind, "data": { "axis": axis, "value": value } });
            vec![axis("x", x), axis("y", y)]
        };
        let events = match self {
            Act::Key { code, down } => {
                let key = json!({ "type": "number", "data": code });
                vec![json!({ "type": "key", "data": { "down": down, "key": key } })]
            }
            Act::Button { button, down } => {
                let name = BUTTONS.get(usize::from(button)).unwrap_or(&"left");
                vec![json!({ "type": "btn", "data": { "down": down, "button": name } })]
            }
            Act::To { x, y } => axes("abs", x.into(), y.into()),
            Act::By { dx, dy } => axes("rel", dx.into(), dy.into()),
        };
        let arguments = json!({ "events": events });
        format!("{}\n", json!({ "execute": "input-send-event", "arguments": arguments }))
    }
}

/// What a monitor said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// It is there: this is to be answered.
    Greets(String),
    /// Whether the guest is pointed at by places instead of motion.
    Points { absolute: bool },
    /// It refuses something.
    Refuses(String),
}

/// The peer is no monitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stranger;

/// A talk with a monitor, who speaks first.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    line: Vec<u8>,
    ready: bool,
}

/// The question what the guest is pointed at with.
pub(crate) fn ask_mice() -> String {
    format!("{}\n", json!({ "execute": "query-mice", "id": MICE }))
}

impl Talk {
    /// Whether it takes commands.
    pub(crate) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes bytes that came.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Said>, Stranger> {
        let mut said = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > LONGEST {
                    return Err(Stranger);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            said.extend(self.said(&line)?);
        }
        Ok(said)
    }

    fn said(&mut self, line: &[u8]) -> Result<Option<Said>, Stranger> {
        let line: Value = serde_json::from_slice(line).map_err(|_| Stranger)?;
        if !self.ready {
            if line.get("QMP").is_none() {
                return Err(Stranger);
            }
            self.ready = true;
            let enter = json!({ "execute": "qmp_capabilities" });
            return Ok(Some(Said::Greets(format!("{enter}\n{}", ask_mice()))));
        }
        if let Some(error) = line.get("error") {
            let why = error.get("desc").and_then(Value::as_str).unwrap_or("no reason is given");
            let why = why.chars().filter(|c| !c.is_control()).take(200).collect();
            return Ok(Some(Said::Refuses(why)));
        }
        let mice =
            line.get("return").filter(|_| line.get("id").and_then(Value::as_u64) == Some(MICE));
        let Some(Value::Array(mice)) = mice else { return Ok(None) };
        let yes = |mouse: &&Value, key: &str| mouse.get(key).and_then(Value::as_bool) == Some(true);
        let current = mice.iter().find(|mouse| yes(mouse, "current"));
        Ok(Some(Said::Points { absolute: current.is_some_and(|mouse| yes(&mouse, "absolute")) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let all = [
            Act::Key { code: 0x9c, down: true },
            Act::Button { button: 8, down: false },
            Act::To { x: 0x7fff, y: 1 },
            Act::By { dx: -3, dy: i16::MAX },
        ];
        for act in all {
            assert_eq!(Act::of(act.record()), Some(act));
        }
        for record in [[0; 6], [2, 0, 9, 0, 0, 0], [1, 1, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0]] {
            assert_eq!(Act::of(record), None);
        }
    }

    #[test]
    fn a_key_is_one_line() {
        let line = Act::Key { code: 30, down: true }.line();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        let event = &value["arguments"]["events"][0];
        assert_eq!(
            (&event["data"]["key"]["data"], &event["data"]["down"]),
            (&json!(30), &json!(true))
        );
    }

    #[test]
    fn a_monitor_is_heard_and_a_stranger_is_not() {
        let mut talk = Talk::default();
        assert_eq!(talk.take(b"{\"QMP\": {}}").unwrap(), []);
        let [Said::Greets(answer)] = &talk.take(b"\r\n").unwrap()[..] else { panic!() };
        assert!(answer.contains("qmp_capabilities") && talk.is_ready());
        let mice = b"{\"return\": {}}\n{\"return\": [{\"current\": false, \"absolute\": true}, \
            {\"current\": true, \"absolute\": false}], \"id\": 1}\n{\"event\": \"RESUME\"}\n";
        assert_eq!(talk.take(mice).unwrap(), [Said::Points { absolute: false }]);
        let refused = talk.take(b"{\"error\": {\"desc\": \"no\\u0007 handler\"}}\n").unwrap();
        assert_eq!(refused, [Said::Refuses("no handler".to_owned())]);
        for stranger in [&b"hello\n"[..], b"{}\n", b"[1]\n", &[b'x'; LONGEST + 1]] {
            assert_eq!(Talk::default().take(stranger), Err(Stranger), "{}", stranger.len());
        }
    }
}
