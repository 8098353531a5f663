//! What processes of guests and viewers say of their work, and what they are told of themselves.

use std::fs;
use std::path::Path;

use porthole_tests::front_end::DeviceProcess;
use porthole_tests::front_end::driver::Driver;
use porthole_tests::program::Program;
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Process, Result, Service};
use serde_json::{Value, json};

use crate::portholectl::ctl_on;

/// Two viewers' sockets with their keys, and a guest.
fn configuration(main: &str, side: &str) -> String {
    format!(
        r#"
version = 1
[[port]]
name = "main"
size = [64, 48]
[[socket]]
name = "viewer"
rights = ["capture:main", "watch"]
{main}
[[socket]]
name = "side"
rights = ["capture:main"]
{side}
[[socket]]
name = "plain"
priority = 9
[[guest]]
name = "ivi"
priority = 8
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 1
"#
    )
}

/// What an account's process says.
pub(crate) fn said(service: &Service, account: &str) -> Result<Value> {
    let all = ctl_on(service, "viewer", &["guests", "--json"])?.json()?;
    let accounts = all["account"].as_array().into_iter().flatten();
    let account = accounts.clone().find(|a| a["name"] == account);
    Ok(account.ok_or_else(|| Failure::new("no such account"))?["device_says"].clone())
}

fn bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[test]
fn what_a_process_says_is_shown_apart_and_forgotten_with_it() -> Result<()> {
    let service = Service::start_with(&configuration("", ""))?;
    assert_eq!(said(&service, "ivi")?, Value::Null);
    let mut first = Program::connect(&service.socket("ivi")?)?;
    let mut second = Program::connect(&service.socket("ivi")?)?;
    let (one, other) = (first.process()?, second.process()?);
    one.state(bytes(&[1, 2, 3]));
    first.roundtrip()?;
    // Numbers without a name are not shown; the newest word is the one that counts.
    other.state(bytes(&[u64::MAX; 32]));
    second.roundtrip()?;
    assert_eq!(said(&service, "ivi")?["most_picture_bytes"], u64::MAX);
    other.destroy();
    second.roundtrip()?;
    let numbers = json!({ "commands": 1, "refused": 2, "frames": 3 });
    assert_eq!(said(&service, "ivi")?, numbers);
    assert_eq!(said(&service, "plain")?, Value::Null, "it is the guest's");
    drop(first);
    wait_until("it to be forgotten", SHORT, || Ok(said(&service, "ivi")?.is_null().then_some(())))
}

#[test]
fn numbers_that_cannot_be_end_who_says_them() -> Result<()> {
    let service = Service::start_with(&configuration("", ""))?;
    for wrong in [vec![0; 7], vec![0; 33 * 8]] {
        let mut program = Program::connect(&service.socket("ivi")?)?;
        program.process()?.state(wrong);
        let told = program.roundtrip().expect_err("a mistake").to_string();
        assert!(told.contains("porthole_process_v1 error 0"), "{told}");
    }
    Program::connect(&service.socket("ivi")?)?.roundtrip()
}

/// The real device says what its guest did: a front-end knows exactly how much.
#[test]
fn a_device_says_how_much_its_guest_did() -> Result<()> {
    let service = Service::start_with(&configuration("", ""))?;
    let socket = service.socket("ivi")?;
    let device = DeviceProcess::start_shown(service.folder(), &socket, &["--max-memory", "64"])?;
    let mut driver = Driver::start(&device)?;
    // A picture of 64 by 64 pixels with memory of the guest's, shown and flushed.
    for (kind, words) in [
        (0x101, &[1, 2, 64, 64][..]),
        (0x106, &[1, 1, 0x20_0000, 0, 64 * 64 * 4, 0]),
        (0x103, &[0, 0, 64, 64, 0, 1]),
        (0x105, &[0, 0, 64, 64, 0, 0, 1, 0]),
        (0x104, &[0, 0, 64, 64, 1, 0]),
        // There is no such picture.
        (0x102, &[9, 0]),
    ] {
        driver.ask(kind, words)?;
    }
    let shown = wait_until("all of it to be said", SHORT, || {
        let said = said(&service, "ivi")?;
        Ok((said["refused"] == 1).then_some(said))
    })?;
    let picture = 64 * 64 * 4;
    let mut expected = json!({
        "commands": 6, "refused": 1, "frames": 1, "transferred_bytes": picture,
        "repaired_bytes": 0, "resources": 1, "most_picture_bytes": 64 << 20,
    });
    for key in ["kicks", "picture_bytes"] {
        expected[key] = shown[key].clone();
    }
    assert_eq!(shown, expected);
    assert!(shown["kicks"].as_u64() >= Some(1), "{shown}");
    assert!(shown["picture_bytes"].as_u64() >= Some(picture), "{shown}");
    Ok(())
}

/// The niceness of a process's first thread.
fn niceness(process: &Process) -> Result<i64> {
    let stat = fs::read_to_string(Path::new("/proc").join(process.id().to_string()).join("stat"))?;
    let (_, behind) = stat.rsplit_once(") ").unwrap_or_default();
    let word = behind.split(' ').nth(16).and_then(|word| word.parse().ok());
    word.ok_or_else(|| Failure::new(stat))
}

#[test]
fn servers_of_viewers_that_matter_less_leave_the_processor_to_the_others() -> Result<()> {
    let service = Service::start_with(&configuration("priority = 7", "priority = 3"))?;
    let mut program = Program::connect(&service.socket("side")?)?;
    let _process = program.process()?;
    program.roundtrip()?;
    // Only sockets that capture count: not the guest's, and not that of any program.
    program.wait_for("its priority", 0, |line| line == "priority 3 of 7")?;
    let start = |socket: &str| -> Result<Process> {
        let mut command =
            std::process::Command::new(porthole_tests::process::built("porthole-vnc")?);
        command.args(["--port", "main", "--listen", "127.0.0.1:0"]);
        command.arg("--wayland").arg(service.socket(socket)?);
        Ok(Process::start_ready(&format!("vnc-{socket}"), service.folder(), &mut command)?.0)
    };
    let (high, low) = (start("viewer")?, start("side")?);
    let base = niceness(&service.process)?;
    wait_until("the one to be nice", SHORT, || Ok((niceness(&low)? == base + 8).then_some(())))?;
    assert_eq!(niceness(&high)?, base);
    // It follows the configuration.
    service.reload(&configuration("priority = 9", "priority = 3"))?;
    wait_until("the one to be nicer", SHORT, || Ok((niceness(&low)? == base + 12).then_some(())))?;
    assert_eq!(niceness(&high)?, base);
    let mark = program.log.len();
    service.reload(&configuration("", "priority = 9"))?;
    program.wait_for("the news", mark, |line| line == "priority 9 of 9")?;
    wait_until("the other to be nice", SHORT, || Ok((niceness(&high)? == base + 8).then_some(())))
}
