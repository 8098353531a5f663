//! What is wrong is said with what to do, and nothing is half done.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};

use porthole_guest::Pattern;
use porthole_tests::guest::Options;
use porthole_tests::process::built;
use porthole_tests::service::configuration;
use porthole_tests::wait::SHORT;
use porthole_tests::{Guest, Result, Scene, Service};

fn good() -> String {
    let scene = Scene::new("main", 640, 480).layer("ivi", (0, 0, 640, 480), Pattern::Noise, 1);
    configuration(&[scene])
}

fn check(text: &str) -> Result<Output> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("porthole.toml");
    fs::write(&file, text)?;
    Ok(Command::new(built("porthole")?).arg("--check").arg("--config").arg(&file).output()?)
}

fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_good_configuration_is_accepted() -> Result<()> {
    let output = check(&good())?;
    assert!(output.status.success(), "{}", said(&output));
    Ok(())
}

#[test]
fn bad_configurations_are_refused_with_line_and_remedy() -> Result<()> {
    let twice = "\n[[port]]\nname = \"main\"\nsize = [640, 480]\n";
    let guest_twice = "\n[[guest]]\nname = \"ivi\"\n";
    for (addition, expected) in [
        ("\n[[port]]\nname = \"x\"\nsize = [640, 480]\nrefesh = 60\n", "refresh"),
        (twice, "main"),
        (guest_twice, "ivi"),
        ("\n[[layer]]\nname = \"y\"\nport = \"nowhere\"\nguest = \"ivi\"\norder = 9\n", "nowhere"),
        ("\n[[socket]]\nname = \"z\"\nrights = [\"fly:main\"]\n", "fly"),
        ("\n[[nothing]]\nname = \"z\"\n", "nothing"),
    ] {
        let output = check(&(good() + addition))?;
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{addition}: {text}");
        assert!(text.contains(expected), "{addition}: {text}");
        let line = text.lines().find(|line| line.contains("porthole.toml:"));
        assert!(line.is_some_and(|line| line.contains(';')), "no line and remedy: {text}");
    }
    Ok(())
}

#[test]
fn wrong_usage_is_status_2() -> Result<()> {
    for (program, arguments) in [
        ("porthole", ["--no-such-option", "x"]),
        ("porthole-gpu", ["--scanouts", "99"]),
        ("porthole-qemu", ["--peer", "fd:1"]),
        ("porthole-vnc", ["--no-such-option", "x"]),
    ] {
        let output = Command::new(built(program)?).args(arguments).output()?;
        assert_eq!(output.status.code(), Some(2), "{program}: {}", said(&output));
    }
    Ok(())
}

#[test]
fn an_unusable_socket_folder_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("porthole.toml");
    fs::write(&file, good())?;
    // A file where a folder should be: unusable for root too.
    let runtime = folder.path().join("run");
    fs::write(&runtime, "not a folder")?;
    let mut command = Command::new(built("porthole")?);
    let output = command.arg("--config").arg(&file).arg("--runtime-dir").arg(&runtime).output()?;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&runtime.display().to_string()), "{text}");
    Ok(())
}

#[test]
fn a_bus_that_lets_this_user_not_in_is_told_of() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path)?;
    let bus = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        // As dbus-daemon does: it believes who somebody is, and hangs up then.
        for line in BufReader::new(stream.try_clone()?).lines() {
            match line?.trim_start_matches('\0').split(' ').next() {
                Some("AUTH") => stream.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n")?,
                Some("NEGOTIATE_UNIX_FD") => stream.write_all(b"AGREE_UNIX_FD\r\n")?,
                _ => break,
            }
        }
        Ok(())
    });
    let mut command = Command::new(built("porthole-qemu")?);
    command.arg("--null").arg("--bus").arg(format!("unix:path={}", path.display()));
    let output = command.output()?;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("does not let in user") && text.contains("libvirt-qemu"), "{text}");
    bus.join().expect("the bus has spoken")?;
    Ok(())
}

#[test]
fn a_busy_address_is_refused() -> Result<()> {
    let service = Service::start_with(&good())?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let mut command = Command::new(built("porthole-vnc")?);
    command.args(["--port", "main", "--listen", &address]);
    command.arg("--wayland").arg(service.socket("viewer")?);
    let output = command.output()?;
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&address), "{text}");
    Ok(())
}

#[test]
fn guest_memory_that_is_not_shared_is_refused() -> Result<()> {
    let service = Service::start_with(&good())?;
    let options = Options { shared_memory: false, input: false, ..Options::default() };
    let wayland = service.socket("ivi")?;
    // QEMU may end first, so that the guest cannot even be talked to: only the device counts.
    let folder = service.folder().join("guest-ivi");
    match Guest::power_on(&wayland, service.folder(), "ivi", &options) {
        Ok(mut guest) => {
            let status = guest.device.wait_end(SHORT)?;
            assert_eq!(status.code(), Some(1), "{}", guest.device.log());
        }
        Err(error) => assert!(error.to_string().contains("qemu"), "{error}"),
    }
    let log = fs::read_to_string(folder.join("porthole-gpu.log"))?;
    assert!(log.contains("share=on"), "{log}");
    Ok(())
}
