//! `porthole-shot` against the running service: pictures to the pixel, and answers by exit code.

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_tests::process::built;
use porthole_tests::program::Program;
use porthole_tests::wait::SHORT;
use porthole_tests::{Failure, Picture, Result, Service};
use serde_json::Value;
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, picture, service};

/// What a run answered.
struct Answer {
    code: Option<i32>,
    said: String,
    complained: String,
}

impl Answer {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.said).map_err(|e| Failure::new(format!("{e}: {}", self.said)))
    }
}

fn shot(service: &Service, arguments: &[&str]) -> Result<Answer> {
    let mut command = Command::new(built("porthole-shot")?);
    command.args(arguments).current_dir(service.folder()).env_remove("WAYLAND_DISPLAY");
    if arguments.first() == Some(&"capture") {
        command.arg("--wayland").arg(service.socket("viewer")?);
        if !arguments.contains(&"--timeout") {
            command.arg("--timeout").arg(SHORT.as_secs().to_string());
        }
    }
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(Answer {
        code: output.status.code(),
        said: text(&output.stdout),
        complained: text(&output.stderr),
    })
}

fn word(x: u32, y: u32) -> u32 {
    x << 16 | y << 8 | (x ^ y)
}

/// A program on the tests' layer, 40 x 20 at 8, 4, with a picture of 20 x 10.
fn app(service: &Service) -> Result<(Program, porthole_tests::program::Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((20, 10), Format::Xrgb8888, true)?;
    buffer.paint(word)?;
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.show(&buffer);
    program.wait_for("a frame", mark, |line| line == "frame done")?;
    Ok((program, buffer))
}

fn made(width: u32, height: u32, word: impl Fn(u32, u32) -> u32) -> Picture {
    let mut picture = Picture::new(width, height, [0; 3]);
    let words: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| word(x, y).to_le_bytes())
        .collect();
    picture.put_bgrx((0, 0), width, &words);
    picture
}

fn expect(folder: &Path, file: &str, want: &Picture) -> Result<()> {
    let seen = Picture::read(&folder.join(file))?;
    match seen.difference(want) {
        None => Ok(()),
        Some(difference) => Err(Failure::new(format!("{file}: {difference:?}"))),
    }
}

#[test]
fn ports_toplevels_and_parts_are_taken_to_the_pixel() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let port = picture(&mut Program::connect(&service.socket("viewer")?)?)?;
    let at = |x: u32, y: u32| port[(y * 64 + x) as usize];

    let taken = shot(&service, &["capture", "--port", "main", "--json", "port.png"])?;
    assert_eq!(taken.code, Some(0), "{}", taken.complained);
    let told = taken.json()?;
    assert_eq!((told["width"].as_u64(), told["height"].as_u64()), (Some(64), Some(48)));
    expect(service.folder(), "port.png", &made(64, 48, at))?;

    let part = ["capture", "--port", "main", "--region", "10,6,5,7", "part.png"];
    assert_eq!(shot(&service, &part)?.code, Some(0));
    expect(service.folder(), "part.png", &made(5, 7, |x, y| at(x + 10, y + 6)))?;

    let toplevel = ["capture", "--toplevel", APP, "toplevel.png"];
    assert_eq!(shot(&service, &toplevel)?.code, Some(0));
    expect(service.folder(), "toplevel.png", &made(20, 10, word))?;
    Ok(())
}

#[test]
fn a_comparison_answers_by_its_exit_code() -> Result<()> {
    let service = service()?;
    let (mut app, buffer) = app(&service)?;
    let take = |file: &str| shot(&service, &["capture", "--toplevel", APP, file]);
    assert_eq!(take("a.png")?.code, Some(0));
    assert_eq!(take("b.png")?.code, Some(0));
    let same = shot(&service, &["diff", "a.png", "b.png"])?;
    assert_eq!((same.code, same.said.as_str()), (Some(0), "the same: 20x10"));

    // One pixel by one step of one channel.
    buffer.paint(|x, y| word(x, y) ^ u32::from((x, y) == (3, 4)))?;
    let mark = app.log.len();
    let toplevel = app.toplevel(APP)?;
    app.frame(&toplevel.surface);
    toplevel.show(&buffer);
    app.wait_for("a frame", mark, |line| line == "frame done")?;
    let several = take("b.png")?;
    assert_eq!(several.code, Some(3));
    assert!(several.complained.contains("several toplevels"), "{}", several.complained);
    let ids = several.complained.rsplit_once("identifier: ").map_or("", |(_, ids)| ids);
    let newest = ids.rsplit(", ").next().unwrap_or("").to_owned();
    let taken = shot(&service, &["capture", "--toplevel", &newest, "b.png"])?;
    assert_eq!(taken.code, Some(0), "{}", taken.complained);

    let differ = shot(&service, &["diff", "--json", "--out", "diff.png", "a.png", "b.png"])?;
    assert_eq!(differ.code, Some(1), "{}", differ.complained);
    let told = differ.json()?;
    assert_eq!(told["same"], Value::Bool(false));
    assert_eq!(told["bounds"], serde_json::json!([3, 4, 1, 1]));
    assert_eq!(told["largest"], serde_json::json!(1));
    let shown = Picture::read(&service.folder().join("diff.png"))?;
    let grey = |x, y| word(x, y).to_le_bytes()[..3].iter().map(|c| u32::from(*c)).sum::<u32>() / 12;
    let want =
        made(20, 10, |x, y| if (x, y) == (3, 4) { 0xff_00ff } else { grey(x, y) * 0x1_0101 });
    assert!(shown.difference(&want).is_none(), "{:?}", shown.difference(&want));
    Ok(())
}

#[test]
fn what_cannot_be_done_says_why() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let cases: [(&[&str], i32, &str); 6] = [
        (&["capture", "--port", "side", "a.png"], 3, "no port 'side' (it has: main)"),
        (&["capture", "--toplevel", "other", "a.png"], 3, APP),
        (&["capture", "--port", "main", "--region", "60,0,5,1", "a.png"], 3, "64x48"),
        (&["capture", "--port", "main", "--region", "60,0", "a.png"], 2, "four whole numbers"),
        (&["capture", "--port", "main", "no/such/folder.png"], 3, "cannot write"),
        (&["diff", "a.png", "none.png"], 3, "cannot read"),
    ];
    for (arguments, code, says) in cases {
        let answer = shot(&service, arguments)?;
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.complained);
        assert!(answer.complained.contains(says), "{arguments:?}: {}", answer.complained);
    }
    let mut command = Command::new(built("porthole-shot")?);
    command.args(["capture", "--port", "main", "a.png", "--wayland"]);
    let output = command.arg(service.socket("plain")?).current_dir(service.folder()).output()?;
    let complained = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3));
    assert!(complained.contains("the right to capture"), "{complained}");
    let left: Vec<PathBuf> = std::fs::read_dir(service.folder())?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "png"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn a_service_that_is_stopped_is_not_waited_for_without_end() -> Result<()> {
    let service = service()?;
    service.process.signal(rustix::process::Signal::STOP)?;
    let answer = shot(&service, &["capture", "--port", "main", "--timeout", "1", "a.png"])?;
    service.process.signal(rustix::process::Signal::CONT)?;
    assert_eq!(answer.code, Some(3), "{}", answer.complained);
    assert!(answer.complained.contains("did not answer within 1 s"), "{}", answer.complained);
    let answer = shot(&service, &["capture", "--port", "main", "a.png"])?;
    assert_eq!(answer.code, Some(0), "{}", answer.complained);
    Ok(())
}
