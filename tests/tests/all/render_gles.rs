//! Ports that a GPU draws, beside ports that the CPU draws. Mesa's EGL without a GPU is enough for it.

use std::path::{Path, PathBuf};

use porthole_tests::{
    Failure, Result, Service,
    demo::statistics,
    program::{Buffer, Program, Toplevel},
    wait::{SHORT, wait_until},
};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::show;

/// Large enough for the render thread: the state thread draws little frames by itself, without a GPU.
const PORT: (u32, u32) = (800, 600);
const KEY: u32 = 0xff_00ff;

/// Application id, size and format of each window, from the bottom up; `configuration` says the rest.
const WINDOWS: [(&str, (u32, u32), Format); 4] = [
    ("below", (800, 600), Format::Xrgb8888),
    ("turned", (300, 400), Format::Argb8888),
    ("keyed", (150, 100), Format::Xrgb8888),
    ("masked", (400, 300), Format::Argb8888),
];

fn configuration(renderer: &str, mask: &Path) -> String {
    let mut text = format!(
        "version = 1\n[render]\nrenderer = \"{renderer}\"\n\
         [[port]]\nname = \"main\"\nsize = [800, 600]\nbackground = \"#102030\"\n\
         [[socket]]\nname = \"viewer\"\nrights = [\"capture:main\", \"input:main\"]\n"
    );
    let mask = format!("mask = {:?}\nopacity = 0.7", mask.display().to_string());
    for (order, (app, keys)) in [
        ("below", "rect = [20, 10, 780, 590]\nfilter = \"nearest\""),
        ("turned", "rect = [30, 40, 400, 300]\nrotation = 90\nmirror = true\nopacity = 0.6"),
        ("keyed", "rect = [310, 220, 450, 300]\nkey = \"#ff00ff\"\nfilter = \"bilinear\""),
        ("masked", &format!("rect = [200, 250, 400, 300]\nhole = [[50, 60, 70, 80]]\n{mask}")),
    ]
    .into_iter()
    .enumerate()
    {
        text.push_str(&format!(
            "[[layer]]\nname = \"{app}\"\nport = \"main\"\nsocket = \"viewer\"\n\
             app_id = \"{app}\"\nlead = \"none\"\norder = {order}\n{keys}\n"
        ));
    }
    text
}

/// Premultiplied colours of all alphas, and of the key here and there.
fn word(x: u32, y: u32) -> u32 {
    let alpha = (x * 3 + y) % 256;
    let part = |v: u32| (v % 256) * alpha / 255;
    if (x / 7 + y / 5).is_multiple_of(4) {
        return 0xff00_0000 | KEY;
    }
    alpha << 24 | part(x * 5) << 16 | part(y * 7) << 8 | part(x + y)
}

/// How much is seen: nothing on the left, all on the right.
fn mask(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("mask.png");
    let saved = image::GrayImage::from_fn(400, 300, |x, _| {
        image::Luma([u8::try_from((x * 300 / 400).saturating_sub(20).min(255)).unwrap_or(255)])
    })
    .save(&file);
    saved.map_err(|error| Failure::new(format!("cannot write a mask: {error}")))?;
    Ok(file)
}

struct Stage {
    service: Service,
    program: Program,
    windows: Vec<(Toplevel, Buffer)>,
}

impl Stage {
    fn start(renderer: &str, env: &[(&str, &str)], log: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let text = configuration(renderer, &mask(folder.path())?);
        let service = Service::start_with_env(&text, env)?;
        if !log.is_empty() {
            wait_until(log, SHORT, || Ok(service.process.log().contains(log).then_some(())))?;
        }
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let mut windows = Vec::new();
        for (app, size, format) in WINDOWS {
            let toplevel = program.toplevel(app)?;
            let buffer = program.buffer(size, format, true)?;
            buffer.paint(word)?;
            show(&mut program, &toplevel, &buffer)?;
            windows.push((toplevel, buffer));
        }
        Ok(Self { service, program, windows })
    }

    fn picture(&mut self) -> Result<Vec<u32>> {
        let output = self.program.output("main")?;
        let session = self.program.capture(&output)?;
        let buffer = self.program.buffer(PORT, Format::Xrgb8888, true)?;
        let mark = self.program.log.len();
        self.program.capture_frame(&session, &buffer);
        self.program.wait_for("a capture", mark, |line| line == "capture ready")?;
        session.destroy();
        buffer.words()
    }

    /// Frames that a GPU drew.
    fn gpu_frames(&self) -> Result<u64> {
        let all = statistics(&self.service.process)?;
        Ok(all.pointer("/ports/main/gpu_frames").and_then(|n| n.as_u64()).unwrap_or(0))
    }

    /// The windows change in this rectangle.
    fn change(&mut self, seed: u32, rect: [i32; 4]) -> Result<()> {
        for (toplevel, buffer) in &self.windows {
            buffer.paint(|x, y| word(x + seed, y + seed / 3))?;
            let mark = self.program.log.len();
            self.program.frame(&toplevel.surface);
            toplevel.show_damaged(buffer, rect);
            self.program.wait_for("a frame", mark, |line| line == "frame done")?;
        }
        Ok(())
    }
}

fn near(seen: &[u32], expected: &[u32], what: &str) {
    let far = |a: u32, b: u32| {
        let channels = a.to_be_bytes().into_iter().zip(b.to_be_bytes()).skip(1);
        channels.map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
    };
    let width = PORT.0 as usize;
    let wrong: Vec<String> = seen
        .iter()
        .zip(expected)
        .enumerate()
        .filter(|(_, (seen, expected))| far(**seen, **expected) > 2)
        .map(|(i, (s, e))| format!("{},{} is {s:06x}, not {e:06x}", i % width, i / width))
        .collect();
    let some = wrong.get(..6.min(wrong.len()));
    assert!(wrong.is_empty(), "{what}: {} pixels wrong: {some:?}", wrong.len());
    assert_eq!(seen.len(), expected.len());
}

#[test]
fn a_gpu_shows_what_the_cpu_shows() -> Result<()> {
    let mut by_gpu = Stage::start("gles", &[], "the port is drawn with OpenGL ES on")?;
    let mut by_cpu = Stage::start("cpu", &[], "")?;
    near(&by_gpu.picture()?, &by_cpu.picture()?, "at first");
    let first = by_gpu.gpu_frames()?;
    assert!(first >= 1, "the GPU drew {first} frames");
    // Little frames are the CPU's, whoever draws the others.
    let all = [0, 0, i32::MAX, i32::MAX];
    for (seed, rect) in [(50, all), (90, [0, 0, 20, 10]), (110, all), (140, [10, 40, 90, 33])] {
        // All of each window's buffer is new; what is damaged of it is all that may be seen.
        for stage in [&mut by_gpu, &mut by_cpu] {
            stage.change(seed, rect)?;
        }
        if rect == all {
            near(&by_gpu.picture()?, &by_cpu.picture()?, "after a change");
        }
    }
    assert!(by_gpu.gpu_frames()? > first);
    assert_eq!(by_cpu.gpu_frames()?, 0);
    assert!(by_gpu.service.process.terminate()?.success());
    Ok(())
}

#[test]
fn without_a_gpu_the_cpu_draws_and_the_log_says_why() -> Result<()> {
    let nothing = tempfile::tempdir()?;
    // Where EGL looks for drivers.
    let drivers = nothing.path().display().to_string();
    let env = [("__EGL_VENDOR_LIBRARY_DIRS", drivers.as_str())];
    let mut without = Stage::start("gles", &env, "the port is drawn by the CPU")?;
    let mut by_cpu = Stage::start("cpu", &[], "")?;
    assert!(without.picture()? == by_cpu.picture()?);
    assert_eq!(without.gpu_frames()?, 0);
    let log = without.service.process.log();
    assert_eq!(log.matches("the port is drawn by the CPU").count(), 1, "{log}");
    assert!(!by_cpu.service.process.log().contains("drawn by the CPU"), "it was asked for");
    Ok(())
}
