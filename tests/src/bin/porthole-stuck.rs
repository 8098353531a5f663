//! A hostile Wayland program: hands over a file on a filesystem of its own (FUSE), which lets it be opened
//! and then answers nothing any more. It needs namespaces of its own, as `unshare --user --map-root-user
//! --mount` gives.

use std::ffi::CString;
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use porthole_tests::failure::OrFail;
use porthole_tests::{Failure, Result};
use rustix::mount::MountFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Requests of linux/fuse.h.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const INIT: u32 = 26;
/// Its version of the protocol, and bytes that are written at once at most.
const VERSION: (u32, u32) = (7, 31);
const MAX_WRITE: u32 = 4096;
const MAX_REQUEST: usize = 1 << 17;
/// Nodes, and modes of a folder and a file.
const ROOT: (u64, u32) = (1, 0o40_755);
const NODE: (u64, u32) = (2, 0o100_644);

/// Hands over files that never answer.
#[derive(Parser)]
struct Options {
    /// The Wayland socket
    socket: PathBuf,
    /// An empty folder
    folder: PathBuf,
    /// How many times it connects
    times: u32,
    /// The filesystem is there: be the program
    #[arg(long)]
    program: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    // Nobody is left to tell where even this cannot be written.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run(options: &Options) -> Result<()> {
    if options.program {
        return hand_over_all(options);
    }
    let device = File::options().read(true).write(true).open("/dev/fuse").or_fail("no FUSE")?;
    let how = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let how = CString::new(how).or_fail("options")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("stuck", &options.folder, "fuse.stuck", flags, how.as_c_str())
        .or_fail("no FUSE")?;
    // The program's end waits for the file, so it must be another process, and end with this one.
    let mut program = Command::new(std::env::current_exe().or_fail("find itself")?);
    program.args(std::env::args_os().skip(1)).arg("--program").stdin(Stdio::piped());
    let _program = program.spawn().or_fail("start the program")?;
    serve(&device)
}

/// What the program does. It ends when nobody has the other end of its input any more.
fn hand_over_all(options: &Options) -> Result<()> {
    let file = File::options().read(true).write(true).open(options.folder.join("file"));
    let file = file.or_fail("open a file")?;
    say("open");
    for _ in 0..options.times {
        hand_over(options, &file)?;
    }
    say("done");
    std::io::stdin().read_to_end(&mut Vec::new()).or_fail("wait for the end").map(drop)
}

/// Hands the file over with a harmless request, and says what was answered to that.
fn hand_over(options: &Options, file: &File) -> Result<()> {
    let mut socket = UnixStream::connect(&options.socket).or_fail("connect")?;
    // wl_display.sync
    let request: Vec<u8> =
        [1, 12 << 16, 2].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&files));
    let sent = sendmsg(&socket, &[IoSlice::new(&request)], &mut control, SendFlags::NOSIGNAL);
    let mut answer = Vec::new();
    // A socket that is closed before its bytes were read says so.
    let read = sent.is_ok() && socket.read_to_end(&mut answer).is_ok();
    let text: String =
        answer.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect();
    say(&if read && !text.is_empty() {
        format!("ended: {text}")
    } else {
        "turned away".to_owned()
    });
    Ok(())
}

/// Answers until the file is open.
fn serve(mut device: &File) -> Result<()> {
    let mut request = vec![0; MAX_REQUEST];
    loop {
        let read = device.read(&mut request).or_fail("read a request")?;
        let word = |at: usize| {
            let bytes = request.get(..read)?.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_ne_bytes(*bytes))
        };
        let (Some(opcode), Some(low), Some(high), Some(node)) =
            (word(4), word(8), word(12), word(16))
        else {
            return Err(Failure::new("half a request"));
        };
        let answer = match opcode {
            INIT => [VERSION.0, VERSION.1, 0, 0, 0, MAX_WRITE].into_iter().chain([0; 10]).collect(),
            LOOKUP => [2, 0, 0, 0, 0, 0, 0, 0, 0, 0].into_iter().chain(attributes(NODE)).collect(),
            GETATTR if u64::from(node) == ROOT.0 => {
                [0; 4].into_iter().chain(attributes(ROOT)).collect()
            }
            OPEN => vec![0; 4],
            FORGET => continue,
            _ => {
                say(&format!("asked for {opcode}"));
                continue;
            }
        };
        let len = u32::try_from(16 + 4 * answer.len()).or_fail("count")?;
        let head = [len, 0, low, high];
        let bytes: Vec<u8> =
            head.into_iter().chain(answer).flat_map(|word| word.to_ne_bytes()).collect();
        device.write_all(&bytes).or_fail("answer")?;
    }
}

/// `fuse_attr` of a node of 4096 bytes, which are never valid for longer than a moment.
fn attributes((node, mode): (u64, u32)) -> Vec<u32> {
    let number = u32::try_from(node).unwrap_or_default();
    let (size, times) = (4096, [0; 9]);
    let mut words = vec![number, 0, size, 0, 8, 0];
    words.extend(times);
    // Mode, links, owner, group, device, block size, flags.
    words.extend([mode, 1, 0, 0, 0, size, 0]);
    words
}
