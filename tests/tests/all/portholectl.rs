//! `portholectl` against the running service: each command by what it answers and by the picture.

use std::process::{Command, Stdio};

use porthole_tests::process::built;
use porthole_tests::program::{Buffer, Program};
use porthole_tests::{Failure, Picture, Result, Service};
use serde_json::{Value, json};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, BACK, expect, in_layer, pattern, picture, show};
use crate::wfd_control::{controller, service};

/// What a run answered.
pub(crate) struct Answer {
    code: Option<i32>,
    said: String,
    complained: String,
}

impl Answer {
    /// What it said to people.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// A run that must succeed.
    pub(crate) fn succeeded(&self) -> Result<()> {
        assert_eq!(self.code, Some(0), "{}", self.complained);
        Ok(())
    }

    /// What the service said to a run that it must refuse.
    pub(crate) fn refused(&self) -> Result<String> {
        assert_eq!(self.code, Some(1), "{} {}", self.said, self.complained);
        Ok(self.complained.clone())
    }

    /// The JSON of a run that went well.
    pub(crate) fn json(&self) -> Result<Value> {
        assert_eq!(self.code, Some(0), "{}", self.complained);
        serde_json::from_str(&self.said).map_err(|e| Failure::new(format!("{e}: {}", self.said)))
    }
}

pub(crate) fn command(service: &Service, socket: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(built("portholectl")?);
    command.args(arguments).current_dir(service.folder()).env_remove("WAYLAND_DISPLAY");
    command.arg("--wayland").arg(service.socket(socket)?);
    Ok(command)
}

pub(crate) fn ctl_on(service: &Service, socket: &str, arguments: &[&str]) -> Result<Answer> {
    let output = command(service, socket, arguments)?.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(Answer {
        code: output.status.code(),
        said: text(&output.stdout),
        complained: text(&output.stderr),
    })
}

pub(crate) fn ctl(service: &Service, arguments: &[&str]) -> Result<Answer> {
    ctl_on(service, "viewer", arguments)
}

/// A change that must succeed.
pub(crate) fn done(service: &Service, arguments: &[&str]) -> Result<()> {
    let answer = ctl(service, arguments)?;
    assert_eq!(answer.code, Some(0), "{arguments:?}: {}", answer.complained);
    Ok(())
}

/// The layer `app`.
fn layer(service: &Service) -> Result<Value> {
    let all = ctl(service, &["layers", "--json"])?.json()?;
    let layers = all["layer"].as_array().cloned().unwrap_or_default();
    let app = layers.into_iter().find(|layer| layer["name"] == "app");
    app.ok_or_else(|| Failure::new(format!("no layer app: {all}")))
}

/// All that can be committed: what is only so now may change by itself.
fn state(service: &Service) -> Result<Value> {
    let mut all = ctl(service, &["state", "--json"])?.json()?;
    for what in ["port", "layer"] {
        for object in all[what].as_array_mut().into_iter().flatten() {
            object.as_object_mut().and_then(|object| object.remove("now"));
        }
    }
    Ok(all)
}

/// A program that fills the layer `app` with a pattern.
pub(crate) fn app(service: &Service) -> Result<(Program, Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(pattern)?;
    show(&mut program, &toplevel, &buffer)?;
    Ok((program, buffer))
}

pub(crate) fn write(service: &Service, name: &str, text: &str) -> Result<()> {
    Ok(std::fs::write(service.folder().join(name), text)?)
}

/// A PNG file of 40 x 20.
fn draw(service: &Service, name: &str, word: impl Fn(u32, u32) -> u32) -> Result<()> {
    let mut picture = Picture::new(40, 20, [0; 3]);
    for (x, y) in (0..20).flat_map(|y| (0..40).map(move |x| (x, y))) {
        let [_, red, green, blue] = word(x, y).to_be_bytes();
        picture.set(x, y, [red, green, blue]);
    }
    picture.write(&service.folder().join(name))
}

#[test]
fn what_there_is_is_told_to_people_and_to_programs() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let ports = ctl(&service, &["ports", "--json"])?.json()?;
    assert_eq!(ports["port"].as_array().map(Vec::len), Some(1), "{ports}");
    let port = &ports["port"][0];
    assert_eq!((&port["name"], &port["size"]), (&json!("main"), &json!([64, 48])));
    assert_eq!((&port["background"], &port["power"]), (&json!("#102030"), &json!("on")));
    let layer = layer(&service)?;
    for (key, value) in [
        ("rect", json!([8, 4, 40, 20])),
        ("order", json!(1)),
        ("opacity", json!(1.0)),
        ("socket", json!("viewer")),
        ("app_id", json!(APP)),
        ("hole", json!([])),
        ("fallback", json!("hide")),
    ] {
        assert_eq!(layer[key], value, "{key}");
    }
    assert_eq!(layer["now"]["picture"], json!([40, 20]));
    let streams = ctl(&service, &["guests", "--json"])?.json()?;
    let guest = &streams["stream"][0];
    assert_eq!((&guest["guest"], &guest["state"]), (&json!("ivi"), &json!("off")));
    let dump = ctl(&service, &["dump", "--json"])?.json()?;
    assert_eq!(dump["ports"][0]["name"], "main");

    let state = ctl(&service, &["state"])?.said;
    let lines: Vec<&str> = state.lines().map(str::trim_end).collect();
    assert!(lines[0].starts_with("PORT  SIZE   HZ  POWER  BACKGROUND"), "{state}");
    assert!(lines[1].starts_with("main  64x48  60  on     #102030"), "{state}");
    assert!(state.contains("app:viewer/org.porthole.test  running  40x20"), "{state}");
    assert!(!state.contains('\u{1b}'), "no colours where nobody sees them");
    let tree = ctl(&service, &["dump"])?.said;
    assert!(tree.contains("├─ app  order 1, 40x20+8+4") && tree.contains("surface"), "{tree}");
    Ok(())
}

/// What a program writes to a terminal of 60 columns, and its exit code.
fn on_terminal(line: &str) -> Result<(Option<i32>, String)> {
    let mut command = Command::new("script");
    let output = command.args(["-qec", &format!("stty cols 60; {line}"), "/dev/null"]).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn a_terminal_is_used_for_what_it_can() -> Result<()> {
    let service = service()?;
    let _app = app(&service)?;
    let program = built("portholectl")?;
    let socket = service.socket("viewer")?;
    let state = format!("{} state --wayland {}", program.display(), socket.display());
    let (code, said) = on_terminal(&format!("TERM=xterm {state}"))?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\u{1b}[1mPORT\u{1b}[0m"), "{said}");
    let (code, said) = on_terminal(&format!("NO_COLOR=1 {state}"))?;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let longest = said.lines().map(|line| line.trim_end().chars().count()).max();
    assert_eq!(longest, Some(60), "what does not fit is cut: {said}");
    // Errors and logs go to the terminal too.
    let (code, said) = on_terminal(&format!("{} ports --wayland /nonexistent", program.display()))?;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with("portholectl: no compositor answers"), "{said}");
    Ok(())
}

#[test]
fn settings_are_seen_in_the_picture() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    let answer = ctl(&service, &["set", "app", "rect=40x20+20+20", "order=3", "--json"])?.json()?;
    assert_eq!((&answer["outcome"], &answer["port"]), (&json!("presented"), &json!("main")));
    assert_eq!(answer["changed"], json!(["layer app"]));
    assert!(answer["time_ns"].as_u64() > Some(0) && answer["frame"].as_u64() > Some(0));
    expect(&picture(&mut program)?, |x, y| {
        let inside = (20..60).contains(&x) && (20..40).contains(&y);
        if inside { pattern(x - 20, y - 20) } else { BACK }
    });
    assert_eq!(layer(&service)?["order"], 3);

    // A hole, then a part of the picture that is flipped.
    done(&service, &["set", "app", "rect=8,4,40,20"])?;
    done(&service, &["hole", "app", "0,0,5,5", "3x4+10+10"])?;
    expect(&picture(&mut program)?, |x, y| {
        let (a, b) = (x.wrapping_sub(8), y.wrapping_sub(4));
        let hole = a < 5 && b < 5 || (10..13).contains(&a) && (10..14).contains(&b);
        if in_layer(x, y) && !hole { pattern(a, b) } else { BACK }
    });
    assert_eq!(layer(&service)?["hole"], json!([[0, 0, 5, 5], [10, 10, 3, 4]]));
    done(&service, &["hole", "app", "none"])?;
    done(&service, &["set", "app", "flip=true"])?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, 23 - y) } else { BACK }
        },
    );
    let turned = layer(&service)?;
    assert_eq!((&turned["flip"], &turned["rotation"]), (&json!(true), &json!(0)));
    let same = ctl(&service, &["set", "app", "flip=true", "--json"])?.json()?;
    assert_eq!(same["outcome"], "unchanged");
    done(&service, &["set", "app", "flip=false", "rect=none"])?;
    expect(&picture(&mut program)?, |_, _| BACK);
    done(&service, &["set", "--port", "main", "background=#fedcba"])?;
    expect(&picture(&mut program)?, |_, _| 0xfe_dcba);
    Ok(())
}

#[test]
fn pictures_and_masks_are_read_from_files() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    let other = |x: u32, y: u32| pattern(x, y) ^ 0x70_7070;
    draw(&service, "other.png", other)?;
    draw(&service, "mask.png", |x, _| if x < 15 { 0 } else { 0xff_ffff })?;
    done(&service, &["source", "app", "other.png"])?;
    expect(&picture(&mut program)?, |x, y| if in_layer(x, y) { other(x - 8, y - 4) } else { BACK });
    done(&service, &["mask", "app", "mask.png"])?;
    let masked = |x: u32, y: u32| {
        if in_layer(x, y) && x >= 8 + 15 { other(x - 8, y - 4) } else { BACK }
    };
    expect(&picture(&mut program)?, masked);
    let taken = ctl(&service, &["screenshot", "main", "shot.png", "--json"])?.json()?;
    assert_eq!(taken, json!({ "file": "shot.png", "port": "main", "size": [64, 48] }));
    let shot = Picture::read(&service.folder().join("shot.png"))?;
    for (x, y) in (0..48).flat_map(|y| (0..64).map(move |x| (x, y))) {
        let [_, red, green, blue] = masked(x, y).to_be_bytes();
        assert_eq!(shot.pixel(x, y), Some([red, green, blue]), "{x},{y}");
    }
    // What is shown goes on being shown after its file, and is given up with the next one.
    std::fs::remove_file(service.folder().join("other.png"))?;
    done(&service, &["mask", "app", "none"])?;
    done(&service, &["source", "app", &format!("app:viewer/{APP}")])?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    let gone = ctl(&service, &["source", "app", "other.png"])?;
    assert_eq!(gone.code, Some(3));
    assert!(gone.complained.contains("cannot read other.png"), "{}", gone.complained);
    Ok(())
}

#[test]
fn a_guest_is_shown_by_its_name_and_a_picture_while_it_is_gone() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    let mut guest = Program::connect(&service.socket("ivi")?)?;
    let scanout = guest.toplevel("porthole.scanout.0")?;
    let buffer = guest.buffer((40, 20), Format::Xrgb8888, true)?;
    let drawn = |x: u32, y: u32| pattern(x, y) ^ 0x0f_0f0f;
    buffer.paint(drawn)?;
    scanout.show(&buffer);
    guest.roundtrip()?;
    draw(&service, "away.png", |x, y| pattern(x, y) ^ 0x3c_3c3c)?;
    done(&service, &["source", "app", "ivi", "--when-ready", "40"])?;
    done(&service, &["set", "app", "fallback=away.png"])?;
    let shows = |program: &mut Program, want: &dyn Fn(u32, u32) -> u32| -> Result<()> {
        expect(&picture(program)?, |x, y| if in_layer(x, y) { want(x - 8, y - 4) } else { BACK });
        Ok(())
    };
    shows(&mut program, &drawn)?;
    let streams = ctl(&service, &["guests", "--json"])?.json()?;
    assert_eq!(
        (&streams["stream"][0]["guest"], &streams["stream"][0]["layer"]),
        (&json!("ivi"), &json!("app"))
    );
    let layer_now = layer(&service)?;
    assert_eq!((&layer_now["guest"], &layer_now["scanout"]), (&json!("ivi"), &json!(0)));

    guest.die();
    porthole_tests::wait::wait_until("the fallback", porthole_tests::wait::SHORT, || {
        let seen = picture(&mut program)?;
        Ok((seen[4 * 64 + 8] == pattern(0, 0) ^ 0x3c_3c3c).then_some(()))
    })?;
    shows(&mut program, &|x, y| pattern(x, y) ^ 0x3c_3c3c)
}

#[test]
fn a_layout_is_one_commit_that_is_whole_or_nothing() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    let layout = "[[port]]\nname = \"main\"\nbackground = \"#445566\"\n\
                  [[layer]]\nname = \"app\"\nrect = [0, 0, 40, 20]\n";
    write(&service, "layout.toml", layout)?;
    let before = state(&service)?;
    let tested = ctl(&service, &["commit", "layout.toml", "--test", "--json"])?.json()?;
    assert_eq!(tested["outcome"], "tested");
    assert_eq!(state(&service)?, before, "a test changes nothing");
    done(&service, &["commit", "layout.toml"])?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if x < 40 && y < 20 { pattern(x, y) } else { 0x44_5566 }
        },
    );

    // What is told can be committed, and changes nothing.
    let now = state(&service)?;
    write(&service, "state.json", &ctl(&service, &["state", "--json"])?.said)?;
    let same = ctl(&service, &["commit", "state.json", "--json"])?.json()?;
    assert_eq!(same, json!({ "outcome": "unchanged", "changed": [] }));
    // And undoes what was done since.
    done(&service, &["set", "app", "rect=8,4,40,20", "opacity=0.3", "input=pass"])?;
    done(&service, &["commit", "state.json"])?;
    assert_eq!(state(&service)?, now);

    // One wrong value keeps all from happening.
    let outside = layout.replace("#445566", "#000001").replace("[0, 0,", "[60, 0,");
    write(&service, "outside.toml", &outside)?;
    let refused = ctl(&service, &["commit", "outside.toml", "--json"])?;
    assert_eq!(refused.code, Some(1));
    assert!(refused.complained.contains("layer 'app'"), "{}", refused.complained);
    let told: Value = serde_json::from_str(&refused.said).unwrap();
    assert_eq!((&told["outcome"], &told["status"]), (&json!("failed"), &json!("inconsistency")));
    assert_eq!(state(&service)?, now);
    Ok(())
}

#[test]
fn mistakes_say_where_they_are_and_what_to_do() -> Result<()> {
    let service = service()?;
    write(&service, "a.toml", "[[layer]]\nname = \"app\"\nopasity = 1\n")?;
    write(&service, "b.json", "{\"layer\": [\n{\"name\": \"app\",\n\"fit\": \"tall\"}]}")?;
    let cases: [(&[&str], i32, &str); 11] = [
        (
            &["commit", "a.toml"],
            2,
            "a.toml:3: a layer has no key 'opasity'; did you mean 'opacity'?",
        ),
        (&["commit", "b.json"], 2, "b.json:3: fit: 'tall' is none of its words"),
        (&["commit", "none.toml"], 3, "cannot read none.toml"),
        (&["set", "apq", "order=1"], 2, "did you mean 'app'?"),
        (&["set", "main", "order=1"], 2, "'main' is a port"),
        (&["set", "app", "gamma=1"], 2, "say --port"),
        (&["set", "app", "order"], 2, "write KEY=VALUE"),
        (&["set", "app", "rect=0,0,65,10"], 1, "layer 'app'"),
        (&["source", "app", "ivy"], 2, "did you mean 'ivi'?"),
        (&["power", "main", "of"], 2, "'off'"),
        (&["set", "--port", "main", "size=80x60"], 1, "add --allow-modeset"),
    ];
    for (arguments, code, says) in cases {
        let answer = ctl(&service, arguments)?;
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.complained);
        assert!(answer.complained.contains(says), "{arguments:?}: {}", answer.complained);
        assert!(answer.said.is_empty(), "{arguments:?}: {}", answer.said);
    }
    Ok(())
}

#[test]
fn rights_decide_and_say_what_is_missing() -> Result<()> {
    let service = service()?;
    let answer = ctl_on(&service, "plain", &["ports"])?;
    assert_eq!(answer.code, Some(1));
    assert!(answer.complained.contains("'layout:PORT'"), "{}", answer.complained);
    // Who may capture sees, and changes nothing.
    assert!(ctl_on(&service, "looker", &["state"])?.said.contains("app"));
    for arguments in [&["set", "app", "order=9"][..], &["power", "main", "off"]] {
        let answer = ctl_on(&service, "looker", arguments)?;
        assert_eq!(answer.code, Some(1), "{}", answer.complained);
        assert!(answer.complained.contains("(denied)"), "{}", answer.complained);
        assert!(answer.complained.contains("'layout:PORT'"), "{}", answer.complained);
    }
    // Power is a right of its own.
    let power = |mode| ctl_on(&service, "switch", &["power", "main", mode]);
    assert_eq!(power("off")?.code, Some(0));
    let ports = ctl(&service, &["ports", "--json"])?.json()?;
    assert_eq!(ports["port"][0]["power"], "off");
    assert_eq!(power("on")?.code, Some(0));
    let answer = ctl_on(&service, "switch", &["set", "app", "order=9"])?;
    assert_eq!(answer.code, Some(1), "{}", answer.complained);
    assert_eq!(layer(&service)?["order"], 1);

    // What another controller holds is in use; to look is never.
    let (mut other, device, _, pipelines) = controller(&service)?;
    other.wfd_pipeline(&device, pipelines[0]);
    other.roundtrip()?;
    let answer = ctl(&service, &["set", "app", "order=9"])?;
    assert_eq!(answer.code, Some(1));
    assert!(answer.complained.contains("layer 'app'"), "{}", answer.complained);
    assert!(answer.complained.contains("(in_use)"), "{}", answer.complained);
    assert_eq!(layer(&service)?["order"], 1);

    let mut nowhere = Command::new(built("portholectl")?);
    let output = nowhere.args(["ports", "--wayland", "/nonexistent/socket"]).output()?;
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

#[test]
fn a_port_is_resized_and_turned_off() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    assert_eq!(ctl(&service, &["resize", "main", "80x60@30"])?.code, Some(0));
    let port = &ctl(&service, &["ports", "--json"])?.json()?["port"][0];
    assert_eq!((&port["size"], &port["refresh"]), (&json!([80, 60]), &json!(30)));
    let small = ctl(&service, &["resize", "main", "20x20"])?;
    assert_eq!(small.code, Some(1), "the layer would be outside");
    assert_eq!(ctl(&service, &["resize", "main", "64x48@60"])?.code, Some(0));
    assert_eq!(ctl(&service, &["power", "main", "off"])?.code, Some(0));
    porthole_tests::wait::wait_until("a dark port", porthole_tests::wait::SHORT, || {
        Ok(picture(&mut program)?.iter().all(|word| *word == 0).then_some(()))
    })?;
    assert_eq!(ctl(&service, &["power", "main", "on"])?.code, Some(0));
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    Ok(())
}

#[test]
fn a_source_is_shown_when_it_is_ready_or_not_at_all() -> Result<()> {
    let service = service()?;
    let (mut program, _buffer) = app(&service)?;
    let late = ctl(&service, &["source", "app", "app:viewer/late", "--when-ready", "0.05"])?;
    assert_eq!(late.code, Some(1));
    assert!(late.complained.contains("(timeout)"), "{}", late.complained);
    assert_eq!(layer(&service)?["app_id"], APP);

    let arguments = ["source", "app", "app:viewer/late", "--when-ready", "0", "--json"];
    let mut waiting = command(&service, "viewer", &arguments)?;
    let waiting = waiting.stdout(Stdio::piped()).spawn()?;
    porthole_tests::wait::wait_until("the commit", porthole_tests::wait::SHORT, || {
        let dump = ctl(&service, &["dump", "--json"])?.json()?;
        Ok((dump["held_commits"] == true).then_some(()))
    })?;
    expect(
        &picture(&mut program)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) } else { BACK }
        },
    );
    let mut other = Program::connect(&service.socket("viewer")?)?;
    let toplevel = other.toplevel("late")?;
    let buffer = other.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|x, y| pattern(x, y) ^ 0x33)?;
    show(&mut other, &toplevel, &buffer)?;
    let output = waiting.wait_with_output()?;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["outcome"], "presented");
    expect(&picture(&mut program)?, |x, y| {
        if in_layer(x, y) { pattern(x - 8, y - 4) ^ 0x33 } else { BACK }
    });
    Ok(())
}
