//! Who may connect to a socket, and sockets that are there before the service and after it.

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    path::Path,
    process::Command,
};

use porthole_tests::{
    Result, Service,
    process::built,
    program::Program,
    wait::{SHORT, wait_until},
};
use rustix::{
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::geteuid,
    thread::set_thread_res_uid,
};

use crate::wayland_scene::{configuration, service};

/// Numbers that no account has.
const OWNER: u32 = 4_000_000;
const GROUP: u32 = 4_000_001;
const STRANGER: u32 = 4_000_002;

/// The configuration of the other tests, where the socket `plain` has more keys.
fn with_plain(keys: &str) -> String {
    let plain = "name = \"plain\"\n";
    configuration("").replace(plain, &format!("{plain}{keys}\n"))
}

/// Connects as another user, which a thread can be for itself.
fn connect_as(uid: u32, socket: &Path) -> Result<Program> {
    let socket = socket.to_owned();
    let thread = std::thread::spawn(move || {
        let uid = rustix::fs::Uid::from_raw(uid);
        set_thread_res_uid(uid, uid, uid).expect("only root may be somebody else");
        UnixStream::connect(socket)
    });
    Program::on(thread.join().expect("the connecting thread")?)
}

/// Lets everybody reach the sockets' folder inside of the test's own.
fn open_folder(service: &Service) -> Result<()> {
    fs::set_permissions(service.folder(), fs::Permissions::from_mode(0o711))?;
    Ok(())
}

#[test]
fn a_socket_belongs_to_its_owner() -> Result<()> {
    if !geteuid().is_root() {
        return refuses_to_give_away();
    }
    let service = Service::start_with(&with_plain(&format!("owner = \"{OWNER}:{GROUP}\"")))?;
    open_folder(&service)?;
    let socket = service.socket("plain")?;
    let (file, folder) = (fs::metadata(&socket)?, fs::metadata(socket.parent().unwrap())?);
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (OWNER, GROUP, 0o700));
    // Nobody but the service can put another file in its place.
    assert_eq!((folder.uid(), folder.gid(), folder.mode() & 0o777), (0, GROUP, 0o750));
    Program::connect(&socket)?.roundtrip()?;
    connect_as(STRANGER, &socket).expect_err("a stranger");
    // The group is no member's here, so that only a mode for all lets the owner pass.
    service.reload(&with_plain(&format!("owner = \"{OWNER}:{GROUP}\"\nmode = \"0707\"")))?;
    wait_until("the new mode", SHORT, || Ok(connect_as(STRANGER, &socket).ok()))?.roundtrip()?;
    service.reload(&with_plain(&format!("owner = {OWNER}\n")))?;
    wait_until("the refusal", SHORT, || {
        let why = format!("user {OWNER} has no account; say the group too");
        Ok(service.process.log().contains(&why).then_some(()))
    })?;
    connect_as(STRANGER, &socket)?.roundtrip()
}

/// Who is not root cannot give a socket to others: told at the start, with what to do.
fn refuses_to_give_away() -> Result<()> {
    let text = with_plain(&format!("owner = \"{OWNER}:{GROUP}\""));
    let error = Service::start_with(&text).expect_err("only root can give").to_string();
    assert!(error.contains("run the service as root, or leave 'owner' out"), "{error}");
    Ok(())
}

#[test]
fn an_owner_that_is_not_there_is_told_by_the_check_too() -> Result<()> {
    let text = with_plain("owner = \"nobody-has-this-name\"");
    let error = Service::start_with(&text).expect_err("no such user").to_string();
    let why = "the owner 'nobody-has-this-name' of socket 'plain' cannot be had: there is no user";
    assert!(error.contains(why), "{error}");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("porthole.toml");
    fs::write(&file, text)?;
    let check =
        Command::new(built("porthole")?).arg("--check").arg("--config").arg(file).output()?;
    assert!(!check.status.success());
    assert!(String::from_utf8_lossy(&check.stderr).contains(why), "{check:?}");
    Ok(())
}

#[test]
fn a_handed_socket_is_taken_with_those_who_wait_and_still_asks_who_connects() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let path = folder.path().join("by-unit");
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
    // Connected before the service runs.
    let early = UnixStream::connect(&path)?;
    let handed = Some(("plain", OwnedFd::from(listener.try_clone()?)));
    let mut service = Service::start_handed(&configuration(""), &[], handed)?;
    let told = service.ready.pointer("/sockets/plain").and_then(|v| v.as_str());
    assert_eq!(told, path.to_str());
    Program::on(early)?.roundtrip()?;
    if geteuid().is_root() {
        connect_as(STRANGER, &path).expect_err("the unit's mode lets all in, ours does not");
        let why = format!("of user {STRANGER} is not the socket's owner");
        assert!(service.process.log().contains(&why), "{}", service.process.log());
    }
    service.process.terminate()?;
    assert!(path.exists(), "the file is the unit's");
    let waiting = UnixStream::connect(&path)?;
    service.start_again(&[], Some(("plain", listener.into())))?;
    Program::on(waiting)?.roundtrip()
}

#[test]
fn what_is_handed_over_must_be_a_listener_that_the_configuration_knows() -> Result<()> {
    let (stream, _peer) = UnixStream::pair()?;
    let handed = Some(("plain", OwnedFd::from(stream)));
    let error = Service::start_handed(&configuration(""), &[], handed)
        .expect_err("no listener")
        .to_string();
    assert!(error.contains("'plain' is not a listening Unix stream socket"), "{error}");
    let folder = tempfile::tempdir()?;
    let listener = UnixListener::bind(folder.path().join("other"))?;
    let service =
        Service::start_handed(&configuration(""), &[], Some(("other", OwnedFd::from(listener))))?;
    assert!(service.process.log().contains("no socket or guest has that name"));
    Program::connect(&service.socket("plain")?)?.roundtrip()
}

/// What the service told its manager: the text, and the descriptor with it.
fn told(manager: &UnixDatagram) -> Result<(String, Option<OwnedFd>)> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 4096];
    let mut into = [std::io::IoSliceMut::new(&mut bytes)];
    let message = recvmsg(manager, &mut into, &mut control, RecvFlags::empty())
        .map_err(std::io::Error::from)?;
    let fds = control.drain().find_map(|item| match item {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((String::from_utf8_lossy(&bytes[..message.bytes]).into_owned(), fds))
}

#[test]
fn a_kept_socket_serves_who_connected_while_the_service_was_down() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path)?;
    manager.set_read_timeout(Some(SHORT))?;
    let env = [("NOTIFY_SOCKET", path.to_str().expect("a plain path"))];
    let mut service = Service::start_handed(&configuration(""), &env, None)?;
    let mut kept = Vec::new();
    loop {
        let (text, fd) = told(&manager)?;
        if text.contains("READY=1") {
            break;
        }
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).map(str::to_owned);
        if text.starts_with("FDSTORE=1") {
            kept.extend(name.zip(fd));
        }
    }
    let mut names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ivi", "plain", "viewer"]);
    let socket = service.socket("plain")?;
    service.process.terminate()?;
    let waiting = UnixStream::connect(&socket)?;
    let (_, fd) = kept.into_iter().find(|(name, _)| name == "plain").expect("it was kept");
    service.start_again(&env, Some(("plain", fd)))?;
    assert_eq!(service.socket("plain")?, socket);
    Program::on(waiting)?.roundtrip()?;
    // The others were made anew, in the place of those that nobody listens at.
    Program::connect(&service.socket("viewer")?)?.roundtrip()
}

#[test]
fn without_a_manager_files_come_and_go_with_the_service() -> Result<()> {
    let mut service = service()?;
    let socket = service.socket("plain")?;
    service.process.signal(rustix::process::Signal::KILL)?;
    service.process.wait_end(SHORT)?;
    assert!(socket.exists(), "a killed service leaves its files");
    service.start_again(&[], None)?;
    Program::connect(&socket)?.roundtrip()?;
    service.process.terminate()?;
    assert!(!socket.exists());
    Ok(())
}
