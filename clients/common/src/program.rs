//! What the programs that show a guest have in common, whatever brings its pictures: their options, the loop
//! that they work in, what they give up, and the line that tells a parent that they are at work.

mod events;
mod options;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use porthole_program::sandbox::Held;
use serde_json::{Map, Value};

pub use self::events::{Events, Program, watch};
pub use self::options::{Options, fits_name, guest_name};

/// Writes the line of `--ready-fd` and closes the descriptor: that the program is ready, by which sandbox it
/// is held, and the `facts` of this program.
///
/// # Errors
/// The system's, when nobody reads it.
pub fn tell_ready<const N: usize>(
    fd: OwnedFd,
    held: Option<Held>,
    facts: [(&str, Value); N],
) -> io::Result<()> {
    let sandbox = held.map(|held| held.to_string());
    let all = [("ready", true.into()), ("sandbox", sandbox.into())].into_iter().chain(facts);
    let line: Map<String, Value> = all.map(|(name, value)| (name.to_owned(), value)).collect();
    writeln!(File::from(fd), "{}", Value::Object(line))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_line() {
        let line = |held| {
            let (mut reader, writer) = io::pipe().unwrap();
            tell_ready(writer.into(), held, [("consoles", 2.into())]).unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true));
            serde_json::from_str::<Value>(&text).unwrap()
        };
        assert_eq!(line(None), json!({ "ready": true, "sandbox": null, "consoles": 2 }));
        let held = line(Some(Held { landlock: Some(4), calls: Some(71) }));
        assert_eq!(held["sandbox"], "landlock 4, 71 system calls");
    }
}
