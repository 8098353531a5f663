//! A Wayland program for guests with a screen: shows a pattern, changes parts of it frame by frame, and
//! stays.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use porthole_guest::Pattern;
use porthole_tests::failure::OrFail;
use porthole_tests::program::{Buffer, DeviceMemory, Program, Writing, refuse_mistakes};
use porthole_tests::{Failure, Result};
use wayland_client::protocol::{
    wl_buffer::WlBuffer, wl_output::WlOutput, wl_shm::Format, wl_surface::WlSurface,
};
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1 as VirtualPointer;

/// Shows a pattern on a Wayland socket.
#[derive(Parser)]
struct Options {
    /// The socket
    socket: PathBuf,
    /// Width in pixels
    width: u32,
    /// Height in pixels
    height: u32,
    /// The pattern
    pattern: Pattern,
    /// How many parts are changed, each in a frame of its own
    frames: u32,
    /// Moves the pointer of the port of this name to its middle
    #[arg(long, value_name = "PORT")]
    pointer: Option<String>,
    /// Moves that pointer so many times more, each in a frame of its own
    #[arg(long, value_name = "TIMES", default_value_t = 0, requires = "pointer")]
    walk: u32,
    /// Hides it at last, where it is over this program
    #[arg(long, requires = "walk")]
    hide: bool,
    /// Does all that when somebody has written to this pipe
    #[arg(long, value_name = "PATH", requires = "walk")]
    when: Option<PathBuf>,
    /// Its application id
    #[arg(long, value_name = "ID", default_value = "pattern")]
    app_id: String,
    /// Prints what it hears of all seats that are there
    #[arg(long)]
    listen: bool,
    /// Asks for their pens too, so many times
    #[arg(long, value_name = "TIMES", default_value_t = 0, requires = "listen")]
    pens: u32,
    /// Gives each pen that comes this program's own window for its looks, which is a mistake
    #[arg(long, requires = "pens")]
    misuse: bool,
    /// Draws into memory of this card, or of /dev/udmabuf
    #[arg(long, value_name = "DEVICE")]
    device: Option<PathBuf>,
    /// Has a device (vgem) write the last frame until this is asked for: a frame too soon is an error.
    /// With "never" it goes on writing
    #[arg(long, value_name = "signal|never", requires = "device")]
    fence: Option<String>,
    /// Takes the memory's pages away when all is shown, which /dev/udmabuf must have kept, and shows it anew
    #[arg(long, requires = "device", conflicts_with = "fence")]
    take_away: bool,
    /// Shows nothing: tries what must be refused with /dev/udmabuf
    #[arg(long)]
    mistakes: bool,
}

/// Where the picture is drawn.
enum Memory {
    Shared(Buffer),
    Device(DeviceMemory, WlBuffer),
}

impl Memory {
    fn new(options: &Options, program: &Program) -> Result<Memory> {
        let size = (options.width, options.height);
        let Some(device) = &options.device else {
            return Ok(Memory::Shared(program.buffer(size, Format::Xrgb8888, true)?));
        };
        let memory = DeviceMemory::new(device, size)?;
        let buffer = program.device_buffer(&memory)?;
        Ok(Memory::Device(memory, buffer))
    }

    const fn object(&self) -> &WlBuffer {
        match self {
            Memory::Shared(buffer) => &buffer.object,
            Memory::Device(_, buffer) => buffer,
        }
    }

    fn paint(&mut self, word: impl Fn(u32, u32) -> u32) -> Result<()> {
        match self {
            Memory::Shared(buffer) => buffer.paint(word),
            Memory::Device(memory, _) => memory.paint(word),
        }
    }

    fn begin_write(&self) -> Result<Writing> {
        match self {
            Memory::Shared(_) => Err(Failure::new("no device")),
            Memory::Device(memory, _) => memory.begin_write(),
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let size = (options.width, options.height);
    if options.mistakes {
        return refuse_mistakes(&options.socket, size);
    }
    let word = |seed: u32, x: u32, y: u32| {
        let [red, green, blue] = options.pattern.rgb(seed, size.0, size.1, x, y);
        u32::from_be_bytes([255, red, green, blue])
    };
    let mut program = Program::connect(&options.socket)?;
    if options.listen {
        program.all_seats()?;
    }
    if options.pens > 0 {
        program.all_pens(options.pens)?;
    }
    let toplevel = program.toplevel(&options.app_id)?;
    // Two, so that each frame is in another one.
    let mut buffers = [Memory::new(options, &program)?, Memory::new(options, &program)?];
    let mut words: Vec<u32> = (0..size.1)
        .flat_map(|y| (0..size.0).map(move |x| (x, y)))
        .map(|(x, y)| word(1, x, y))
        .collect();
    let at = |x: u32, y: u32| (y * size.0 + x) as usize;
    for frame in 0..=options.frames {
        // A part of another pattern, somewhere else in each frame.
        let side = 40.min(size.0).min(size.1);
        let (left, top) = ((frame * 97) % (size.0 - side + 1), (frame * 61) % (size.1 - side + 1));
        if frame > 0 {
            for (x, y) in (top..top + side).flat_map(|y| (left..left + side).map(move |x| (x, y))) {
                if let Some(to) = words.get_mut(at(x, y)) {
                    *to = word(frame + 1, x, y);
                }
            }
        }
        let index = usize::try_from(frame % 2).or_fail("count")?;
        let buffer = buffers.get_mut(index).ok_or_else(|| Failure::new("no buffer"))?;
        buffer.paint(|x, y| words.get(at(x, y)).copied().unwrap_or_default())?;
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        let signed = |v: u32| i32::try_from(v).or_fail("count");
        let part = [signed(left)?, signed(top)?, signed(side)?, signed(side)?];
        let fence = options.fence.as_ref().filter(|_| frame == options.frames);
        let mut writing = fence.map(|_| buffer.begin_write()).transpose()?;
        let [x, y, width, height] = if frame == 0 { [0, 0, i32::MAX, i32::MAX] } else { part };
        toplevel.surface.attach(Some(buffer.object()), 0, 0);
        toplevel.surface.damage_buffer(x, y, width, height);
        toplevel.surface.commit();
        if writing.is_some() {
            program.roundtrip()?;
            let early = program.log.since(mark).iter().any(|line| line == "frame done");
            if early {
                return Err(Failure::new("a frame is shown that the device still writes"));
            }
        }
        if options.fence.as_deref() == Some("signal") {
            writing.take().map(Writing::end).transpose()?;
        }
        program.wait_for("the frame", mark, |line| line == "frame done")?;
    }
    if options.take_away {
        take_away(&mut program, &toplevel.surface, &buffers)?;
    }
    let mut out = std::io::stdout();
    let _pointer = show_pointer(options, &mut program, (&toplevel.surface, &mut out))?;
    let mut mark = program.log.len();
    loop {
        // Stays until it is killed, or the service ends.
        let waited = program.wait_for("anything", mark, |_| options.listen);
        let heard = program.log.since(mark).join("\n");
        if options.listen && !heard.is_empty() {
            mark = program.log.len();
            writeln!(out, "{heard}").and_then(|()| out.flush()).or_fail("say what is heard")?;
            if options.misuse && heard.contains("pen in") {
                program.dress_pen(&toplevel.surface)?;
            }
        }
        if waited.is_err() {
            program.roundtrip()?;
        }
    }
}

/// Has nothing left of the memory but what the device keeps, and draws everything anew.
fn take_away(program: &mut Program, surface: &WlSurface, buffers: &[Memory]) -> Result<()> {
    for buffer in buffers {
        if let Memory::Device(memory, _) = buffer {
            memory.take_away()?;
        }
    }
    let mark = program.log.len();
    program.frame(surface);
    surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
    surface.commit();
    program.wait_for("a frame of what is left", mark, |line| line == "frame done")
}

/// Says that it is shown, with a pointer where one is wanted, which then does what is asked of it.
fn show_pointer(
    options: &Options,
    program: &mut Program,
    (surface, out): (&WlSurface, &mut impl Write),
) -> Result<Option<(WlOutput, VirtualPointer)>> {
    let own = options.pointer.as_deref().filter(|_| options.hide);
    let own = own.map(|port| program.relative_pointer(port)).transpose()?;
    let pointer = options.pointer.as_deref().map(|port| point(program, port)).transpose()?;
    writeln!(out, "shown").and_then(|()| out.flush()).or_fail("say that it is shown")?;
    let is_asked = || match &options.when {
        Some(pipe) => std::fs::read(pipe).or_fail("wait for a word").map(drop),
        None => Ok(()),
    };
    for step in 1..=options.walk {
        if step == 1 {
            is_asked()?;
        }
        let mark = program.log.len();
        if let Some((_, pointer)) = &pointer {
            pointer.motion_absolute(0, PLACES / 2 - step, PLACES / 2 - step, PLACES, PLACES);
            pointer.frame();
        }
        program.frame(surface);
        surface.commit();
        program.wait_for("a step", mark, |line| line == "frame done")?;
    }
    if let Some(pointer) = own {
        is_asked()?;
        program.wait_for("the pointer", 0, |line| line.starts_with("pointer enter"))?;
        pointer.set_cursor(program.pointer_serial()?, None, 0, 0);
        program.roundtrip()?;
    }
    Ok(pointer)
}

/// How many places a walking pointer tells apart, across and down.
const PLACES: u32 = 512;

/// A pointer in the middle of a port, for as long as the device is kept.
fn point(program: &mut Program, port: &str) -> Result<(WlOutput, VirtualPointer)> {
    let output = program.output(port)?;
    let pointer = program.virtual_pointer(&output)?;
    pointer.motion_absolute(0, 1, 1, 2, 2);
    pointer.frame();
    program.roundtrip()?;
    Ok((output, pointer))
}
