//! What somebody can do who has taken over a process: the running programs are made to call the kernel
//! in every way that leads out of them, and go on working afterwards.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;

use nix::libc;
use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::process::built;
use porthole_tests::tracee::{MISSING, Tracee, answer_of, threads};
use porthole_tests::wait::{GUEST, SHORT, somebody_connects, wait_until};
use porthole_tests::{Capture, Guest, Picture, Process, Result, Scene, Service, Viewer, source};
use rustix::process::{Pid, Signal, kill_process};

const PICTURE: (u32, u32, u32, u32) = (0, 0, 640, 480);
/// The bit that makes a number one of x86's x32 interface.
const X32: i64 = 0x4000_0000;

fn scene(pattern: Pattern) -> Scene {
    Scene::new("main", 640, 480).layer("ivi", PICTURE, pattern, 1)
}

/// The scene, and another guest whose socket is nobody's business but its own.
fn service() -> Result<Service> {
    let other = "[[guest]]\nname = \"cluster\"\n";
    Service::start_with(&format!(
        "{}\n{other}",
        porthole_tests::service::configuration(&[scene(Pattern::Noise)])
    ))
}

/// Tries everything from every thread.
fn break_out(process: &Process, service: &Service) -> Result<()> {
    let precious = service.folder().join("precious");
    fs::write(&precious, "of somebody else")?;
    let found = threads(process.id())?;
    for thread in found {
        let mut tracee = Tracee::stop(thread)?;
        // What the program is allowed works, so that refusals below are not our mistake.
        let process_id = tracee.call(libc::SYS_getpid, [0; 6])?;
        assert_eq!(process_id, i64::from(process.id()));
        let name = tracee.bytes(b"x\0")?;
        let memory = tracee.call(libc::SYS_memfd_create, [name, 0, 0, 0, 0, 0])?;
        assert!(memory > 2, "{memory}");
        tracee.call(libc::SYS_close, [memory.cast_unsigned(), 0, 0, 0, 0, 0])?;

        open_files(&mut tracee, precious.as_os_str().as_encoded_bytes())?;
        make_sockets(&mut tracee, service)?;
        start_programs(&mut tracee)?;
        ask_for_more(&mut tracee)?;
    }
    assert_eq!(fs::read_to_string(&precious)?, "of somebody else");
    Ok(())
}

fn open_files(tracee: &mut Tracee, precious: &[u8]) -> Result<()> {
    let here = i64::from(libc::AT_FDCWD).cast_unsigned();
    let secret = tracee.bytes(b"/etc/shadow\0")?;
    let root = tracee.bytes(b"/\0")?;
    let new = tracee.bytes(b"/tmp/of-the-intruder\0")?;
    let precious = tracee.bytes(&[precious, b"\0"].concat())?;
    let how = tracee.bytes(&[0; 24])?;
    for (number, arguments) in [
        (libc::SYS_open, [secret, 0, 0, 0, 0, 0]),
        (libc::SYS_openat, [here, secret, 0, 0, 0, 0]),
        (libc::SYS_openat, [here, root, 0, 0, 0, 0]),
        (libc::SYS_openat | X32, [here, secret, 0, 0, 0, 0]),
        (libc::SYS_openat2, [here, secret, how, 24, 0, 0]),
        (libc::SYS_open_by_handle_at, [here, how, 0, 0, 0, 0]),
        (libc::SYS_creat, [new, 0o600, 0, 0, 0, 0]),
        (libc::SYS_mkdir, [new, 0o700, 0, 0, 0, 0]),
        (libc::SYS_mknod, [new, 0o600, 0, 0, 0, 0]),
        (libc::SYS_truncate, [precious, 0, 0, 0, 0, 0]),
        (libc::SYS_rename, [precious, new, 0, 0, 0, 0]),
        (libc::SYS_link, [precious, new, 0, 0, 0, 0]),
        (libc::SYS_symlink, [precious, new, 0, 0, 0, 0]),
        (libc::SYS_readlink, [root, how, 24, 0, 0, 0]),
        (libc::SYS_chmod, [precious, 0o777, 0, 0, 0, 0]),
        (libc::SYS_chown, [precious, 0, 0, 0, 0, 0]),
        (libc::SYS_stat, [secret, how, 0, 0, 0, 0]),
        (libc::SYS_inotify_init1, [0; 6]),
        (libc::SYS_fanotify_init, [0; 6]),
        (libc::SYS_chdir, [root, 0, 0, 0, 0, 0]),
        (libc::SYS_chroot, [root, 0, 0, 0, 0, 0]),
        (libc::SYS_mount, [root, root, 0, 0, 0, 0]),
    ] {
        assert_eq!(tracee.call(number, arguments)?, MISSING, "system call {number}");
    }
    // Our own sockets' files may be removed, where they lie; nothing else may.
    let removed = tracee.call(libc::SYS_unlinkat, [here, precious, 0, 0, 0, 0])?;
    assert!([MISSING, answer_of(libc::EACCES)].contains(&removed), "{removed}");
    Ok(())
}

fn make_sockets(tracee: &mut Tracee, service: &Service) -> Result<()> {
    let mut other = vec![1, 0];
    other.extend(service.socket("cluster")?.as_os_str().as_encoded_bytes());
    other.push(0);
    let length = u64::try_from(other.len()).unwrap();
    let address = tracee.bytes(&other)?;
    let pair = tracee.bytes(&[0; 8])?;
    let stream = libc::SOCK_STREAM.unsigned_abs().into();
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_VSOCK] {
        let made =
            tracee.call(libc::SYS_socket, [family.unsigned_abs().into(), stream, 0, 0, 0, 0])?;
        assert_eq!(made, MISSING, "family {family}");
    }
    let made = tracee.call(libc::SYS_socketpair, [1, stream, 0, pair, 0, 0])?;
    assert_eq!(made, MISSING);
    // Nor can one that it has be turned to another guest.
    for descriptor in 3..64 {
        for number in [libc::SYS_connect, libc::SYS_bind] {
            let turned = tracee.call(number, [descriptor, address, length, 0, 0, 0])?;
            assert_eq!(turned, MISSING, "descriptor {descriptor}");
        }
    }
    Ok(())
}

fn start_programs(tracee: &mut Tracee) -> Result<()> {
    let program = tracee.bytes(b"/bin/true\0")?;
    let list = tracee.bytes(&[0; 8])?;
    let fork = libc::SIGCHLD.unsigned_abs().into();
    let how = tracee.bytes(&[0; 88])?;
    for (number, arguments) in [
        (libc::SYS_execve, [program, list, list, 0, 0, 0]),
        (libc::SYS_execve | X32, [program, list, list, 0, 0, 0]),
        (libc::SYS_execveat, [0, program, list, list, 0, 0]),
        (libc::SYS_fork, [0; 6]),
        (libc::SYS_vfork, [0; 6]),
        (libc::SYS_clone, [fork, 0, 0, 0, 0, 0]),
        (libc::SYS_clone3, [how, 88, 0, 0, 0, 0]),
        // Code of one's own.
        (libc::SYS_mmap, [0, 4096, 7, 0x22, u64::MAX, 0]),
        (libc::SYS_mprotect, [program & !4095, 4096, 5, 0, 0, 0]),
        (libc::SYS_pkey_mprotect, [program & !4095, 4096, 5, 0, 0, 0]),
        (libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(tracee.call(number, arguments)?, MISSING, "system call {number}");
    }
    Ok(())
}

fn ask_for_more(tracee: &mut Tracee) -> Result<()> {
    let block = tracee.bytes(&[0; 128])?;
    for (number, arguments) in [
        (libc::SYS_kill, [1, 0, 0, 0, 0, 0]),
        (libc::SYS_tgkill, [1, 1, 0, 0, 0, 0]),
        (libc::SYS_tkill, [1, 0, 0, 0, 0, 0]),
        (libc::SYS_pidfd_open, [1, 0, 0, 0, 0, 0]),
        (libc::SYS_pidfd_getfd, [3, 3, 0, 0, 0, 0]),
        (libc::SYS_ptrace, [16, 1, 0, 0, 0, 0]),
        (libc::SYS_process_vm_readv, [1, block, 1, block, 1, 0]),
        (libc::SYS_process_vm_writev, [1, block, 1, block, 1, 0]),
        (libc::SYS_io_uring_setup, [8, block, 0, 0, 0, 0]),
        (libc::SYS_bpf, [0, block, 128, 0, 0, 0]),
        (libc::SYS_userfaultfd, [0; 6]),
        (libc::SYS_perf_event_open, [block, 0, 0, 0, 0, 0]),
        (libc::SYS_unshare, [0x1000_0000, 0, 0, 0, 0, 0]),
        (libc::SYS_setns, [3, 0, 0, 0, 0, 0]),
        (libc::SYS_keyctl, [0; 6]),
        (libc::SYS_init_module, [block, 128, block, 0, 0, 0]),
        (libc::SYS_setuid, [0; 6]),
        // Another process, and all of a user.
        (libc::SYS_setpriority, [0, 1, 0, 0, 0, 0]),
        (libc::SYS_setpriority, [2, 0, 0, 0, 0, 0]),
        (libc::SYS_prctl, [38, 0, 0, 0, 0, 0]),
        (libc::SYS_seccomp, [0, 0, 0, 0, 0, 0]),
        (libc::SYS_setrlimit, [7, block, 0, 0, 0, 0]),
        (libc::SYS_ioctl, [2, 0x5412, block, 0, 0, 0]),
    ] {
        assert_eq!(tracee.call(number, arguments)?, MISSING, "system call {number}");
    }
    Ok(())
}

/// Whatever a process holds open is a socket, memory without a name, an event, or its log.
fn holds_no_files(process: &Process) -> Result<()> {
    let mut log = false;
    for descriptor in fs::read_dir(format!("/proc/{}/fd", process.id()))? {
        let held = fs::read_link(descriptor?.path())?;
        let held = held.to_string_lossy();
        let nameless = ["socket:", "anon_inode:", "/memfd:", "pipe:", "/dev/null"];
        log |= held.ends_with(".log");
        // Files that never had a name come from the compositor: keymaps.
        let fine =
            nameless.iter().any(|kind| held.starts_with(kind)) || held.ends_with(" (deleted)");
        let fine = fine || held.ends_with(".log");
        assert!(fine, "{held}");
    }
    assert!(log);
    Ok(())
}

/// The process that connects for another one: it is confined too, and costs next to nothing.
fn connector(process: &Process) -> Result<u32> {
    let children = children(process)?;
    let [child] = children[..] else { panic!("{children:?}") };
    is_connector(child)?;
    Ok(child)
}

fn children(process: &Process) -> Result<Vec<u32>> {
    let path = format!("/proc/{0}/task/{0}/children", process.id());
    let children = fs::read_to_string(path)?;
    Ok(children.split_whitespace().map(|id| id.parse().unwrap()).collect())
}

fn is_connector(child: u32) -> Result<()> {
    let status = fs::read_to_string(format!("/proc/{child}/status"))?;
    assert!(status.starts_with("Name:\tconnector\n"), "{status}");
    for held in ["NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"] {
        assert!(status.contains(held), "{status}");
    }
    let rollup = fs::read_to_string(format!("/proc/{child}/smaps_rollup"))?;
    let private = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).unwrap();
    let private: u64 = private.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(private < 1024, "{private} KiB");
    // A socket, its log, and nothing that a peer could see staying open.
    // Whom it has just connected knows of it sooner.
    wait_until("the connector to hold two descriptors", SHORT, || {
        let held = fs::read_dir(format!("/proc/{child}/fd"))?.count();
        Ok((held <= 2).then_some(()))
    })
}

#[test]
fn a_device_process_opens_no_other_socket_and_no_file() -> Result<()> {
    let mut service = service()?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    guest.order(&draw(Pattern::Noise))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("confined-before", &scene(Pattern::Noise).picture(), GUEST)?;

    break_out(&guest.device, &service)?;
    holds_no_files(&guest.device)?;
    let connector = connector(&guest.device)?;

    // Nothing of that has hurt the guest, and its device still finds its compositor.
    guest.order(&draw(Pattern::Bars))?;
    capture.expect("confined-after", &scene(Pattern::Bars).picture(), GUEST)?;
    drop(capture);
    service.process.signal(Signal::KILL)?;
    service.process.wait_end(SHORT)?;
    service.start_again(&[], None)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("confined-again", &scene(Pattern::Bars).picture(), GUEST)?;
    guest.power_off()?;
    // The other process goes with its owner.
    wait_until("the end of the connector", SHORT, || {
        let gone = fs::read_to_string(format!("/proc/{connector}/comm")).is_err();
        Ok(gone.then_some(()))
    })
}

#[test]
fn a_display_source_opens_no_other_socket_and_no_file() -> Result<()> {
    let size = (640, 480);
    for over_tcp in [true, false] {
        let service = service()?;
        let path = service.folder().join("server");
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let unix = UnixListener::bind(&path)?;
        let address = if over_tcp { tcp.local_addr()?.to_string() } else { source::unix(&path) };
        let accept = || -> Result<Box<dyn Write>> {
            if over_tcp {
                somebody_connects(&tcp)?;
                return Ok(Box::new(tcp.accept()?.0));
            }
            somebody_connects(&unix)?;
            Ok(Box::new(unix.accept()?.0))
        };
        let process = source::source(&service, "ivi", &address, &[])?;
        let mut server = accept()?;
        server.write_all(&[source::hello(size), source::grey(size, 0x44)].concat())?;
        let capture = Capture::start(&service.socket("viewer")?, "main")?;
        let grey = |value| Picture::new(size.0.into(), size.1.into(), [value; 3]);
        capture.expect("confined-source", &grey(0x44), SHORT)?;

        break_out(&process, &service)?;
        holds_no_files(&process)?;
        // One for the compositor, one for the server.
        let connectors = children(&process)?;
        assert_eq!(connectors.len(), 2);
        connectors.into_iter().try_for_each(is_connector)?;

        server.write_all(&source::grey(size, 0x55))?;
        capture.expect("confined-source-after", &grey(0x55), SHORT)?;
        // And it still finds its server.
        drop(server);
        let mut server = accept()?;
        server.write_all(&[source::hello(size), source::grey(size, 0x66)].concat())?;
        capture.expect("confined-source-again", &grey(0x66), SHORT)?;
    }
    Ok(())
}

#[test]
fn a_vnc_server_opens_no_other_socket_and_no_file() -> Result<()> {
    let service = service()?;
    let mut guest = Guest::start(&service, "ivi", &Options::default())?;
    guest.order(&draw(Pattern::Noise))?;
    let server = service.vnc("main")?;
    let viewer = Viewer::connect(&server.address)?;
    viewer.expect("confined-viewer", &scene(Pattern::Noise).picture(), GUEST)?;

    break_out(&server.process, &service)?;
    holds_no_files(&server.process)?;
    connector(&server.process)?;

    guest.order(&draw(Pattern::Bars))?;
    viewer.expect("confined-viewer-after", &scene(Pattern::Bars).picture(), GUEST)?;
    // It takes the next one.
    let late = Viewer::connect(&server.address)?;
    late.expect("confined-viewer-late", &scene(Pattern::Bars).picture(), GUEST)?;
    guest.power_off()
}

#[test]
fn the_service_writes_nowhere_else_and_starts_nothing() -> Result<()> {
    let service = service()?;
    let precious = service.folder().join("precious");
    fs::write(&precious, "of somebody else")?;
    let here = i64::from(libc::AT_FDCWD).cast_unsigned();
    let to_write = libc::O_WRONLY.unsigned_abs().into();
    let to_make = (libc::O_WRONLY | libc::O_CREAT).unsigned_abs().into();
    let refused = answer_of(libc::EACCES);
    for thread in threads(service.process.id())? {
        let mut tracee = Tracee::stop(thread)?;
        let mut path = precious.as_os_str().as_encoded_bytes().to_vec();
        path.push(0);
        let precious = tracee.bytes(&path)?;
        let new = tracee.bytes(b"/tmp/of-the-intruder\0")?;
        for (flags, path) in [(to_write, precious), (to_make, new)] {
            let opened = tracee.call(libc::SYS_openat, [here, path, flags, 0o600, 0, 0])?;
            assert_eq!(opened, refused);
        }
        for number in [libc::SYS_unlink, libc::SYS_rmdir] {
            assert_eq!(tracee.call(number, [precious, 0, 0, 0, 0, 0])?, refused);
        }
        for family in [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET] {
            let family = family.unsigned_abs().into();
            assert_eq!(tracee.call(libc::SYS_socket, [family, 1, 0, 0, 0, 0])?, MISSING);
        }
        for number in [libc::SYS_execve, libc::SYS_fork, libc::SYS_kill, libc::SYS_ptrace] {
            assert_eq!(tracee.call(number, [1, 0, 0, 0, 0, 0])?, MISSING);
        }
        // What a reload may name is readable.
        let read = tracee.call(libc::SYS_openat, [here, precious, 0, 0, 0, 0])?;
        assert!(read > 2, "{read}");
        tracee.call(libc::SYS_close, [read.cast_unsigned(), 0, 0, 0, 0, 0])?;
    }
    assert_eq!(fs::read_to_string(&precious)?, "of somebody else");

    let good = fs::read_to_string(service.configuration())?;
    let program = "[[socket]]\nname = \"apps\"\n[[program]]\nname = \"p\"\nsocket = \"apps\"\ncommand = [\"true\"]\n";
    service.reload(&format!("{good}\n{program}"))?;
    wait_for_log(&service.process, "gave up the right to start any")?;
    service.reload(&format!("{good}\n[[socket]]\nname = \"late\"\n"))?;
    wait_for_log(&service.process, "the configuration was read again")?;
    // The new socket is there, and works.
    let late = service.socket("viewer")?.with_file_name("../late/wayland-0");
    std::os::unix::net::UnixStream::connect(late)?;

    Ok(())
}

/// A service with programs is confined all the same, and what it starts is not: that is another's process.
#[test]
fn programs_of_a_confined_service_are_free() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (facts, done) = (folder.path().join("facts"), folder.path().join("done"));
    let script = format!(
        "exec 9> {facts}; (grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; echo socket $WAYLAND_DISPLAY; \
         echo fds $(ls /proc/$$/fd); echo group $$ $(cut -d' ' -f5 /proc/$$/stat); ulimit -c) >&9; \
         mv {facts} {done}; exec sleep 1000",
        facts = facts.display(),
        done = done.display()
    );
    let program = |command: &str| {
        format!(
            "[[socket]]\nname = \"apps\"\n[[program]]\nname = \"p\"\nsocket = \"apps\"\n\
             command = [\"sh\", \"-c\", {command:?}]\n"
        )
    };
    let scene = Scene::new("main", 640, 480);
    let base = porthole_tests::service::configuration(std::slice::from_ref(&scene));
    let service = Service::start_with(&format!("{base}\n{}", program(&script)))?;
    assert_eq!((service.process.status("NoNewPrivs")?, service.process.status("Seccomp")?), (1, 2));
    let text = wait_until("the program's facts", GUEST, || Ok(fs::read_to_string(&done).ok()))?;
    // It may do what its user may, and gets no more by what it starts.
    assert!(text.contains("NoNewPrivs:\t1") && text.contains("Seccomp:\t0"), "{text}");
    assert!(text.contains("apps"), "its own socket: {text}");
    // Descriptor 9 is the script's own.
    assert!(text.contains("fds 0 1 2 9\n"), "{text}");
    let mut group = text.lines().find_map(|line| line.strip_prefix("group ")).unwrap().split(' ');
    let (pid, leader) = (group.next().unwrap(), group.next().unwrap());
    assert_eq!(pid, leader, "a process group of its own");
    assert!(text.ends_with("\n0\n"), "no core files: {text}");
    wait_for_log(&service.process, &format!("pid={pid}"))?;

    // It goes with its entry, and what fails is said and tried again.
    service.reload(&format!("{base}\n{}", program("exit 3")))?;
    wait_for_log(&service.process, "ended: exit status: 3")?;
    let gone = format!("/proc/{pid}/cmdline");
    let is_gone = || Ok(fs::read(&gone).is_err().then_some(()));
    wait_until("the program's end", GUEST, is_gone)?;
    let twice = || {
        let log = service.process.log();
        Ok((log.matches("ended: exit status: 3").count() >= 2).then_some(()))
    };
    wait_until("another try", GUEST, twice)?;
    let bad = program("true").replace("\"sh\"", "\"no-such-program\"");
    service.reload(&format!("{base}\n{bad}"))?;
    wait_for_log(&service.process, "cannot be started: No such file")?;
    Ok(())
}

#[test]
fn a_connector_that_is_killed_ends_no_device() -> Result<()> {
    let mut service = service()?;
    let mut command = Command::new(built("porthole-gpu")?);
    command.args(["--guest", "ivi", "--socket"]).arg(service.folder().join("gpu.sock"));
    command.arg("--wayland").arg(service.socket("ivi")?);
    let (mut device, _) = Process::start_ready("device", service.folder(), &mut command)?;
    let mut server = service.vnc("main")?;
    wait_for_log(&device, "connected to the compositor")?;
    for process in [&device, &server.process] {
        let child = i32::try_from(connector(process)?).ok().and_then(Pid::from_raw).unwrap();
        kill_process(child, Signal::KILL).map_err(std::io::Error::from)?;
        // One that still runs would do another errand, and nobody would miss it.
        let status = format!("/proc/{}/status", child.as_raw_nonzero());
        wait_until("the connector's end", SHORT, || {
            let ended = std::fs::read_to_string(&status).map_or(true, |s| s.contains("State:\tZ"));
            Ok(ended.then_some(()))
        })?;
    }
    service.process.signal(Signal::KILL)?;
    service.process.wait_end(SHORT)?;
    // A VNC server has nobody who depends on it: it ends and its unit starts it again.
    let status = server.process.wait_end(SHORT)?;
    assert_eq!(status.code(), Some(1), "{}", server.process.log());
    // A guest depends on its device, picture or not.
    wait_for_log(&device, "the process that connects for this one is gone")?;
    device.must_run()
}

fn wait_for_log(process: &Process, line: &str) -> Result<()> {
    let found = wait_until(line, SHORT, || Ok(process.log().contains(line).then_some(())));
    found.map_err(|error| process.failure(&error.to_string()))
}

fn draw(pattern: Pattern) -> Order {
    Order::Draw { head: 0, pattern, seed: 1, area: None }
}

#[test]
fn who_wants_no_sandbox_says_so() -> Result<()> {
    let service = service()?;
    let server = service.vnc_with("main", "127.0.0.1:0", &["--no-sandbox"])?;
    assert!(server.process.log().contains("--no-sandbox"), "{}", server.process.log());
    assert_eq!(server.process.status("Seccomp")?, 0);
    assert_eq!(server.process.status("NoNewPrivs")?, 0);
    let server = service.vnc("main")?;
    assert_eq!(server.process.status("Seccomp")?, 2);
    assert_eq!(server.process.status("NoNewPrivs")?, 1);
    let line = "sandbox: landlock ";
    assert!(server.process.log().contains(line), "{}", server.process.log());
    Ok(())
}
