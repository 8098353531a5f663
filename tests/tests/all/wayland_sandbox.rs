//! What comes from a sandbox has no rights, and the name that its engine gave it.

use std::os::unix::net::{UnixListener, UnixStream};

use porthole_tests::{
    Result,
    program::Program,
    wait::{SHORT, wait_until},
};
use rustix::net::Shutdown;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, picture, service};

/// Sandboxes that a socket may have.
const MOST: usize = 64;

const MANAGER: &str = "wp_security_context_manager_v1";

#[test]
fn a_sandbox_has_no_rights_and_the_name_that_was_given_to_it() -> Result<()> {
    let service = service()?;
    let mut engine = Program::connect(&service.socket("viewer")?)?;
    let path = service.folder().join("sandbox");
    let (context, close) = engine.sandbox(UnixListener::bind(&path)?)?;
    context.set_sandbox_engine("org.porthole.tests".into());
    context.set_app_id(APP.into());
    context.commit();
    engine.roundtrip()?;

    let mut program = Program::connect(&path)?;
    let names = program.global_names();
    let plain = Program::connect(&service.socket("plain")?)?.global_names();
    let expected: Vec<_> = plain.into_iter().filter(|name| name != MANAGER).collect();
    assert_eq!(names, expected, "what a socket without rights has, but no way to make sandboxes");
    assert!(engine.global_names().iter().any(|name| name == MANAGER));

    // It is shown where the application of that name is, whatever it calls itself.
    let toplevel = program.toplevel("somebody.else")?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0xab_cdef)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    assert!(picture(&mut engine)?.contains(&0xab_cdef));

    // The end of the sandbox is the end of its listener; who is connected stays.
    drop(close);
    wait_until("the listener's end", SHORT, || Ok(UnixStream::connect(&path).err()))?;
    program.roundtrip()
}

#[test]
fn a_reload_that_takes_the_socket_away_ends_its_sandboxes() -> Result<()> {
    let service = service()?;
    let engine = &mut Program::connect(&service.socket("plain")?)?;
    let path = service.folder().join("sandbox");
    let (context, _close) = engine.sandbox(UnixListener::bind(&path)?)?;
    context.commit();
    engine.roundtrip()?;
    let mut program = Program::connect(&path)?;
    program.roundtrip()?;
    let text =
        crate::wayland_scene::configuration("").replace("[[socket]]\nname = \"plain\"\n", "");
    service.reload(&text)?;
    wait_until("the connection's end", SHORT, || Ok(program.roundtrip().err()))?;
    wait_until("the listener's end", SHORT, || Ok(UnixStream::connect(&path).err()))?;
    Program::connect(&service.socket("viewer")?)?.roundtrip()
}

#[test]
fn sandboxes_of_a_socket_are_counted_and_one_too_many_is_refused() -> Result<()> {
    let service = service()?;
    let mut engine = Program::connect(&service.socket("viewer")?)?;
    let mut second = Program::connect(&service.socket("viewer")?)?;
    let make = |engine: &mut Program, number: usize| {
        let path = service.folder().join(format!("sandbox-{number}"));
        let (context, close) = engine.sandbox(UnixListener::bind(&path)?)?;
        context.commit();
        engine.roundtrip()?;
        Ok::<_, porthole_tests::Failure>((path, close))
    };
    let mut made = Vec::new();
    for number in 0..MOST {
        // They are counted for the socket, whichever of its clients makes them.
        let engine = if number % 2 == 0 { &mut engine } else { &mut second };
        made.push(make(engine, number)?);
    }
    Program::connect(&made[MOST - 1].0)?.roundtrip()?;

    // One too many: nobody listens there, and the client goes on.
    let (path, _close) = make(&mut second, MOST)?;
    wait_until("the listener's end", SHORT, || Ok(UnixStream::connect(&path).err()))?;
    let log = service.process.log();
    assert!(log.contains("is refused: there are 64 already"), "{log}");
    engine.roundtrip()?;
    // Another socket has its own.
    let mut other = Program::connect(&service.socket("plain")?)?;
    let (path, _others) = make(&mut other, MOST + 1)?;
    Program::connect(&path)?.roundtrip()?;

    // Where one ends there is room for another one.
    let (path, close) = made.swap_remove(0);
    drop(close);
    wait_until("the listener's end", SHORT, || Ok(UnixStream::connect(&path).err()))?;
    let (path, _close) = make(&mut engine, MOST + 2)?;
    Program::connect(&path)?.roundtrip()
}

#[test]
fn listeners_that_are_none_or_are_shut_down_harm_nobody() -> Result<()> {
    let service = service()?;
    let connect = || Program::connect(&service.socket("viewer")?);
    let (not_listening, _other) = UnixStream::pair()?;
    let mut engine = connect()?;
    let _context = engine.sandbox(&not_listening)?;
    let error = engine.roundtrip().expect_err("no listener").to_string();
    assert!(error.contains("wp_security_context_manager_v1 error 1"), "{error}");

    // It listens when it is looked at, and not when it is asked.
    let mut engine = connect()?;
    let path = service.folder().join("sandbox");
    let listener = UnixListener::bind(&path)?;
    let (context, _close) = engine.sandbox(&listener)?;
    context.commit();
    engine.roundtrip()?;
    rustix::net::shutdown(&listener, Shutdown::Both).expect("shut down");
    wait_until("the log line", SHORT, || {
        let log = service.process.log();
        Ok(log.contains("a sandbox is closed").then_some(()))
    })?;

    // Said twice, and used twice.
    for (code, twice) in [(2, false), (1, true)] {
        let mut engine = connect()?;
        let path = service.folder().join(format!("sandbox-{code}"));
        let (context, _close) = engine.sandbox(UnixListener::bind(&path)?)?;
        context.set_app_id("one".into());
        if twice {
            context.commit();
        }
        context.set_app_id("two".into());
        let error = engine.roundtrip().expect_err("a mistake").to_string();
        assert!(error.contains(&format!("wp_security_context_v1 error {code}")), "{error}");
    }
    connect()?.roundtrip()
}
