//! What a guest or socket may have by its configuration, what all have together, and what the
//! service counts of each.

use std::time::Duration;

use porthole_tests::{
    Result, Service,
    demo::statistics,
    program::{PoolMemory, Program},
    wait::{SHORT, pause, wait_until},
};
use serde_json::Value;
use wayland_client::protocol::{
    wl_shm::{Format, WlShm},
    wl_shm_pool::WlShmPool,
};

use crate::portholectl::ctl_on;
use crate::portholectl_watch::Watch;
use crate::wayland_scene::APP;

const MIB: u64 = 1 << 20;

/// Two sockets and a guest, with more keys for all and for each.
fn configuration(top: &str, app: &str, guest: &str) -> String {
    format!(
        r#"
version = 1
{top}
[[port]]
name = "main"
size = [64, 48]
[[port]]
name = "side"
size = [64, 48]
[[socket]]
name = "viewer"
rights = ["capture:main", "watch"]
{app}
[[socket]]
name = "control"
rights = ["capture:main", "layout:main", "layout:side", "power:main", "power:side", "watch"]
[[guest]]
name = "ivi"
{guest}
[[layer]]
name = "app"
port = "main"
socket = "viewer"
app_id = "{APP}"
rect = [8, 4, 40, 20]
order = 1
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 0
"#
    )
}

/// Waits until the client of a socket is told why it is ended, and the log names the socket with it.
fn refused(service: &Service, socket: &str, program: &mut Program, why: &str) -> Result<()> {
    let told = program.roundtrip().and_then(|()| program.roundtrip()).expect_err(why).to_string();
    assert!(told.contains(why), "{told} instead of {why}");
    let named = format!("socket=\"{socket}\"");
    wait_until("the log to say so", SHORT, || {
        let log = service.process.log();
        Ok(log.lines().any(|l| l.contains(why) && l.contains(&named)).then_some(()))
    })
}

/// A pool of so many bytes, of which nothing is touched.
fn pool(program: &Program, bytes: u64) -> Result<WlShmPool> {
    let memory = PoolMemory::new(bytes, true)?;
    let shm: WlShm = program.bind()?;
    let len = i32::try_from(bytes).expect("bytes");
    Ok(shm.create_pool(memory.fd(), len, program.handle(), ()))
}

/// What was counted for a socket.
fn counted(service: &Service, socket: &str, what: &str) -> Result<u64> {
    let all = statistics(&service.process)?;
    let count = all.get("accounts").and_then(|a| a.get(socket)?.get(what)).and_then(Value::as_u64);
    Ok(count.unwrap_or_else(|| panic!("no {what} of {socket} in {all}")))
}

#[test]
fn a_guest_has_the_limits_that_its_entry_says() -> Result<()> {
    let own = r#"limits = { memory = "4 MiB", surfaces = 4, buffers = 8, clients = 2 }"#;
    let service = Service::start_with(&configuration("", "", own))?;
    let ivi = service.socket("ivi")?;
    let connect = || Program::connect(&ivi);

    let mut greedy = connect()?;
    (0..300).for_each(|_| drop(greedy.surface()));
    refused(&service, "ivi", &mut greedy, "too many wl_surface objects; a client may have 4")?;

    let mut greedy = connect()?;
    let small = pool(&greedy, 4096)?;
    for _ in 0..300 {
        small.create_buffer(0, 4, 4, 16, Format::Xrgb8888, greedy.handle(), ());
    }
    refused(&service, "ivi", &mut greedy, "too many wl_buffer objects; a client may have 8")?;

    // The memory is that of all its clients together.
    let (mut first, mut second) = (connect()?, connect()?);
    let _held = pool(&first, 3 * MIB)?;
    first.roundtrip()?;
    pool(&second, MIB + 1)?;
    let why = "pictures of socket 'ivi' would take 4194305 bytes; it may have 4194304";
    refused(&service, "ivi", &mut second, why)?;
    drop(second);
    let second = wait_until("room for another", SHORT, || Ok(connect().ok()))?;
    // Who came before there was room was refused too.
    let refused = counted(&service, "ivi", "refusals")?;
    assert!(refused >= 3, "{refused}");
    Program::connect(&ivi).expect_err("a third client");
    assert!(service.process.log().contains("a client was refused: there are 2 already"));
    drop(second);

    // Nobody else has these limits.
    let mut other = Program::connect(&service.socket("viewer")?)?;
    let _held = pool(&other, 64 * MIB)?;
    (0..300).for_each(|_| drop(other.surface()));
    other.roundtrip()?;
    first.roundtrip()?;
    assert_eq!(counted(&service, "ivi", "refusals")?, refused + 1);
    assert_eq!(counted(&service, "viewer", "refusals")?, 0);
    assert_eq!(counted(&service, "ivi", "memory")?, 3 * MIB);
    Ok(())
}

#[test]
fn limits_for_all_are_those_of_who_says_nothing() -> Result<()> {
    let own = "limits = { surfaces = 100 }";
    let service = Service::start_with(&configuration("[limits]\nsurfaces = 10", own, ""))?;
    let mut plain = Program::connect(&service.socket("control")?)?;
    (0..300).for_each(|_| drop(plain.surface()));
    refused(&service, "control", &mut plain, "too many wl_surface objects; a client may have 10")?;
    let mut other = Program::connect(&service.socket("viewer")?)?;
    (0..300).for_each(|_| drop(other.surface()));
    refused(&service, "viewer", &mut other, "too many wl_surface objects; a client may have 100")
}

#[test]
fn all_share_a_budget_and_what_is_reserved_is_kept() -> Result<()> {
    let top = "[budget]\nmemory = \"64 MiB\"";
    let text = configuration(top, "", "reserve = \"24 MiB\"");
    let service = Service::start_with(&text)?;
    let (viewer, ivi) = (service.socket("viewer")?, service.socket("ivi")?);
    let mut greedy = Program::connect(&viewer)?;
    pool(&greedy, 41 * MIB)?;
    let free = format!("{} are free for it", 40 * MIB);
    refused(&service, "viewer", &mut greedy, &free)?;
    let mut modest = Program::connect(&viewer)?;
    let mut all = pool(&modest, 40 * MIB)?;
    modest.roundtrip()?;
    // Nothing is left but what is the guest's.
    let mut late = Program::connect(&service.socket("control")?)?;
    pool(&late, 4096)?;
    refused(
        &service,
        "control",
        &mut late,
        "would take 4096 bytes more; of the budget 0 are free",
    )?;
    let mut guest = Program::connect(&ivi)?;
    let held = pool(&guest, 24 * MIB)?;
    guest.roundtrip()?;
    let mut more = Program::connect(&ivi)?;
    pool(&more, 4096)?;
    refused(&service, "ivi", &mut more, "of the budget 0 are free for it")?;
    // Growing a pool is asked for like a new one, and what is given back can be had by others.
    all.destroy();
    modest.roundtrip()?;
    let grown = PoolMemory::new(40 * MIB, true)?;
    let shm: WlShm = modest.bind()?;
    all = shm.create_pool(grown.fd(), 4096, modest.handle(), ());
    all.resize(i32::try_from(40 * MIB).expect("bytes"));
    modest.roundtrip()?;
    all.resize(i32::try_from(40 * MIB + 4096).expect("bytes"));
    refused(
        &service,
        "viewer",
        &mut modest,
        "would take 4096 bytes more; of the budget 0 are free",
    )?;
    drop((modest, held));
    // A lower budget takes nothing away from who has it.
    service.reload(&text.replace("64 MiB", "32 MiB"))?;
    wait_until("the reload", SHORT, || {
        Ok(service.process.log().contains("limits changed").then_some(()))
    })?;
    guest.roundtrip()?;
    let mut again = Program::connect(&viewer)?;
    pool(&again, 9 * MIB)?;
    refused(&service, "viewer", &mut again, &format!("of the budget {} are free", 8 * MIB))
}

#[test]
fn pictures_beyond_the_quota_wait() -> Result<()> {
    let service = Service::start_with(&configuration("", "limits = { pictures = 60 }", ""))?;
    let mut fast = Program::connect(&service.socket("viewer")?)?;
    let toplevel = fast.toplevel(APP)?;
    let buffer = fast.buffer((40, 20), Format::Xrgb8888, true)?;
    for _ in 0..120 {
        toplevel.show(&buffer);
    }
    // All of them come in the end, and none is lost: they were only read later.
    fast.roundtrip()?;
    assert_eq!(counted(&service, "viewer", "pictures")?, 120);
    assert!(counted(&service, "viewer", "pauses")? > 0);
    let told = "a client sends more than it may, and is read more slowly";
    let log = service.process.log();
    assert_eq!(log.lines().filter(|line| line.contains(told)).count(), 1, "{log}");
    Ok(())
}

#[test]
fn who_draws_faster_than_the_port_is_drawn_at_its_rate() -> Result<()> {
    let service = Service::start_with(&configuration("", "", ""))?;
    let mut fast = Program::connect(&service.socket("viewer")?)?;
    let toplevel = fast.toplevel(APP)?;
    let buffer = fast.buffer((40, 20), Format::Xrgb8888, true)?;
    for _ in 0..30 {
        (0..20).for_each(|_| toplevel.show(&buffer));
        fast.roundtrip()?;
    }
    let count = |what: &str| counted(&service, "viewer", what);
    let (pictures, shown, dropped) = (count("pictures")?, count("shown")?, count("dropped")?);
    // The last picture may be drawn meanwhile.
    let frames = statistics(&service.process)?["ports"]["main"]["frames"].as_u64().expect("frames");
    assert_eq!(pictures, 600);
    // Each frame shows one picture at most, and every other one is counted as dropped.
    assert!(shown <= frames, "{shown} of {frames}");
    assert!((pictures - 1..=pictures).contains(&(shown + dropped)), "{shown} and {dropped}");
    assert!(dropped >= 200, "{dropped}");
    assert!(count("composed_bytes")? >= 4 * 40 * 20);
    assert!(count("requests")? >= 600 && count("busy_ns")? > 0);
    assert_eq!(counted(&service, "ivi", "requests")?, 0);
    Ok(())
}

#[test]
fn captures_and_copies_are_counted_for_who_wants_them() -> Result<()> {
    let service = Service::start_with(&configuration("", "", ""))?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    crate::wayland_scene::picture(&mut program)?;
    assert_eq!(counted(&service, "viewer", "captures")?, 1);
    assert_eq!(counted(&service, "viewer", "captured_bytes")?, 64 * 48 * 4);
    let unsealed = program.buffer((40, 20), Format::Xrgb8888, false)?;
    let toplevel = program.toplevel(APP)?;
    toplevel.show(&unsealed);
    program.roundtrip()?;
    assert_eq!(counted(&service, "viewer", "copied_bytes")?, 40 * 20 * 4);
    Ok(())
}

/// What `portholectl guests` knows of an account.
fn account(service: &Service, name: &str) -> Result<Value> {
    let all = ctl_on(service, "control", &["guests", "--json"])?.json()?;
    let accounts = all["account"].as_array().cloned().unwrap_or_default();
    let found = accounts.into_iter().find(|account| account["name"] == name);
    Ok(found.unwrap_or_else(|| panic!("no account {name}")))
}

#[test]
fn portholectl_shows_accounts_and_the_budget() -> Result<()> {
    let top = "[budget]\nmemory = \"64 MiB\"\npixels_per_second = 1_000_000";
    let guest = "reserve = \"24 MiB\"\npriority = 9\nlimits = { memory = \"32 MiB\" }";
    let service = Service::start_with(&configuration(top, "", guest))?;
    let mut device = Program::connect(&service.socket("ivi")?)?;
    let toplevel = device.toplevel("porthole.scanout.0")?;
    let _held = pool(&device, 8 * MIB)?;
    let buffer = device.buffer((64, 48), Format::Xrgb8888, true)?;
    let mark = device.log.len();
    device.frame(&toplevel.surface);
    toplevel.show(&buffer);
    device.wait_for("a frame", mark, |line| line == "frame done")?;
    let ivi = account(&service, "ivi")?;
    assert_eq!((&ivi["kind"], &ivi["priority"]), (&"guest".into(), &9.into()));
    assert_eq!(ivi["memory"]["used"], 8 * MIB + 64 * 48 * 4);
    assert_eq!(
        (&ivi["memory"]["most"], &ivi["memory"]["reserved"]),
        (&(32 * MIB).into(), &(24 * MIB).into())
    );
    assert_eq!((&ivi["total"]["pictures"], &ivi["total"]["shown"]), (&1.into(), &1.into()));
    assert_eq!(ivi["clients"]["now"], 1);
    let all = ctl_on(&service, "control", &["guests", "--json"])?.json()?;
    assert_eq!(all["budget"]["memory"]["limit"], 64 * MIB);
    assert_eq!(all["budget"]["memory"]["set_aside"], 16 * MIB - 64 * 48 * 4);
    assert_eq!(all["budget"]["pixels_per_second"]["used"], 2 * 64 * 48 * 60);
    let table = ctl_on(&service, "control", &["guests"])?;
    for words in ["ACCOUNT", "of 64 MiB used", "free", "pixels a second: 368640 of 1000000 used"] {
        assert!(table.said().contains(words), "{words}: {}", table.said());
    }
    // Whoever has no right to them sees none.
    let text = configuration(top, "", guest).replace(", \"watch\"]", "]");
    service.reload(&text)?;
    wait_until("the right to be gone", SHORT, || {
        let all = ctl_on(&service, "control", &["guests", "--json"])?.json()?;
        Ok(all["account"].is_null().then_some(()))
    })
}

#[test]
fn accounts_are_told_while_they_change_and_then_no_more() -> Result<()> {
    let service = Service::start_with(&configuration("", "", ""))?;
    let mut watch = Watch::start_on(&service, "control", &["watch", "--accounts"])?;
    let state = watch.wait(|line| line["event"] == "state")?;
    assert_eq!(state["account"].as_array().map(Vec::len), Some(3));
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    toplevel.show(&buffer);
    program.roundtrip()?;
    let of_viewer = |line: &Value, what: &str, count: u64| {
        let accounts = line["account"].as_array().cloned().unwrap_or_default();
        accounts.iter().any(|a| a["name"] == "viewer" && a[what]["pictures"] == count)
    };
    let told = watch.wait(|line| of_viewer(line, "total", 1))?;
    // When it is over, the rates come to rest by themselves, and that is the last that is told. A machine
    // that is busy may tell of it when they have.
    if of_viewer(&told, "per_second", 1) {
        watch.wait(|line| of_viewer(line, "per_second", 0))?;
    }
    wait_until("the service to rest", SHORT, || {
        let before = service.process.wake_ups()?;
        pause(Duration::from_millis(1500));
        Ok((service.process.wake_ups()? == before).then_some(()))
    })
}

#[test]
fn a_mode_beyond_the_budget_fails_at_the_test() -> Result<()> {
    let top = "[budget]\npixels_per_second = 800_000";
    let service = Service::start_with(&configuration(top, "", ""))?;
    let ctl = |arguments: &[&str]| ctl_on(&service, "control", arguments);
    for arguments in
        [&["resize", "main", "160x112@65", "--test"][..], &["resize", "main", "160x112@65"]]
    {
        let told = ctl(arguments)?.refused()?;
        let why = "the ports would draw 1349120 pixels a second, and the budget has 800000";
        assert!(told.contains(why) && told.contains("not_supported"), "{told}");
    }
    // What is off draws nothing, until it goes on.
    ctl(&["power", "side", "off"])?.succeeded()?;
    ctl(&["resize", "main", "128x96@60"])?.succeeded()?;
    let told = ctl(&["power", "side", "on"])?.refused()?;
    assert!(told.contains("turn one off"), "{told}");
    ctl(&["resize", "main", "64x48@60"])?.succeeded()?;
    ctl(&["power", "side", "on"])?.succeeded()
}
