use proptest::prelude::*;

use super::*;
use crate::model::{CommitError, Device, Flags, Images, Mode, Pending, Scope};
use crate::rights::Right;
use crate::scene::{Filter, Fit, Lead, PixelAspect, Sampling};

mod documents;
mod mistakes;
mod quotas;
mod seat;

/// A right file to be made wrong, one thing at a time. The line numbers matter.
const GOOD: &str = r##"version = 1
splash = "splash.png"
[[port]]
name = "main"
size = [1280, 720]
refresh = 59.94
background = "#101418"
pipelines = 2
[[guest]]
name = "ivi"
keymap = "de:nodeadkeys"
scanouts = 2
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
scanout = 1
rect = [0, 0, 640, 720]
order = 1
opacity = 0.5
source = [0, 0.5, 100, 100]
fit = "centre"
keyboard = false
[[layer]]
name = "map"
port = "main"
app_id = "org.example.map"
socket = "viewer"
order = 2
[[socket]]
name = "viewer"
mode = "0770"
rights = ["capture:main", "input:main"]
[[program]]
name = "vnc"
command = ["porthole-vnc", "--port", "main"]
socket = "viewer"
restart = "never"
env = { RUST_LOG = "info" }
"##;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn held_keys_repeat_as_the_file_says() {
    let repeat = |text: &str| {
        let text = GOOD.replace("[[port]]", &format!("{text}\n[[port]]"));
        let repeat = Config::parse(&text, "f").map(|c| c.input.repeat);
        repeat.map(|Repeat { rate, delay }| (rate, delay)).map_err(|error| error.to_string())
    };
    assert_eq!(repeat(""), Ok((25, 600)));
    assert_eq!(repeat("[input]\nrepeat_rate = 0"), Ok((0, 600)));
    assert_eq!(repeat("[input]\nrepeat_rate = 40\nrepeat_delay = 250"), Ok((40, 250)));
    assert!(repeat("[input]\nrepeat_rate = 101").unwrap_err().contains("from 0 to 100"));
    assert!(repeat("[input]\nrepeat_delay = \"1s\"").unwrap_err().contains("from 50 to 5000"));
}

#[test]
fn the_chord_is_there_unless_the_file_says_otherwise() {
    let escape = |text: &str| {
        let text = GOOD.replace("[[port]]", &format!("{text}\n[[port]]"));
        Config::parse(&text, "f").map(|c| c.input.escape.map(|chord| chord.to_string()))
    };
    let default = Some("ctrl+alt+shift+escape".to_owned());
    assert_eq!(escape("").unwrap(), default);
    assert_eq!(escape("[input]").unwrap(), default);
    assert_eq!(escape("[input]\nescape = \"super+f12\"").unwrap(), Some("super+f12".to_owned()));
    assert_eq!(escape("[input]\nescape = \"none\"").unwrap(), None);
    let wrong = |text: &str| escape(text).unwrap_err().to_string();
    let said = wrong("[input]\nescape = \"ctrl+q\"");
    assert!(said.contains("f:4: there is no key 'q' for chords; write escape = "), "{said}");
    assert!(wrong("[input]\nescape = 1").contains("write escape = \"...\""));
    assert!(wrong("input = 1").contains("[input]"));
    assert!(wrong("[input]\nescpe = \"none\"").contains("did you mean 'escape'"));
}

#[test]
fn everything_is_read() {
    let config = Config::parse(GOOD, "/etc/porthole/porthole.toml").unwrap();
    assert_eq!(config.splash.as_deref(), Some(Path::new("/etc/porthole/splash.png")));
    let port = config.port("main").unwrap();
    assert_eq!(port.size, Size::new(1280, 720));
    assert_eq!((port.refresh.millihertz(), port.pipelines), (59_940, 2));
    assert_eq!(port.background.argb(), 0xff10_1418);
    let guest = config.guest("ivi").unwrap();
    assert_eq!((guest.keymap.to_string(), guest.scanouts), ("de:nodeadkeys".to_owned(), 2));
    let [ivi, map] = config.layers_of("main")[..] else { panic!("two layers") };
    assert_eq!(ivi.content, Content::Guest { guest: name("ivi"), scanout: 1 });
    assert_eq!(ivi.crop, Some(SourceRect::new(0.0, 0.5, 100.0, 100.0)));
    assert_eq!((ivi.opacity, ivi.sizing, ivi.keyboard), (0.5, Fit::Centre.into(), false));
    assert_eq!(map.rect, Rect::new(0, 0, 1280, 720), "the whole port by default");
    assert_eq!((map.opacity, map.sizing, map.keyboard), (1.0, Sizing::default(), true));
    let socket = config.socket("viewer").unwrap();
    assert_eq!(socket.mode, 0o770);
    assert!(socket.rights.allows(&Right::Input(name("main"))));
    let program = &config.programs[0];
    assert_eq!(program.command, ["porthole-vnc", "--port", "main"]);
    assert_eq!((program.restart, program.env["RUST_LOG"].as_str()), (Restart::Never, "info"));
}

#[test]
fn every_way_of_sizing_is_read() {
    let text = GOOD
        .replace(
            "fit = \"centre\"",
            "lead = \"none\"\nfit = \"1:1\"\npixels = \"square\"\nfilter = \"nearest\"",
        )
        .replace("refresh = 59.94", "scale = 1.5\nresize = \"viewers\"");
    let config = Config::parse(&text, "f").unwrap();
    let port = config.port("main").unwrap();
    assert_eq!((port.scale.steps(), port.resized_by), (180, ResizedBy::Viewers));
    let sizing = config.layers[0].sizing;
    let sampling = Sampling::Always(Filter::Nearest);
    let aspect = PixelAspect::Square;
    assert_eq!(sizing, Sizing { fit: Fit::Exact, lead: Lead::Neither, aspect, sampling });
}

#[test]
fn layers_go_with_their_port() {
    let config = Config::parse(GOOD, "f").unwrap();
    let small = config.with_port_size("main", Size::new(600, 300));
    assert_eq!(small.port("main").unwrap().size, Size::new(600, 300));
    assert_eq!(small.layers[0].rect, Rect::new(0, 0, 600, 300), "cut to what is left");
    assert_eq!(small.layers[1].rect, Rect::new(0, 0, 600, 300), "goes on filling the port");
    let large = config.with_port_size("main", Size::new(1920, 1080));
    assert_eq!(large.layers[0].rect, config.layers[0].rect);
    assert_eq!(large.layers[1].rect, Rect::new(0, 0, 1920, 1080));
    assert_eq!(config.with_port_size("other", Size::new(1, 1)), config);
}

#[test]
fn owners_are_read_by_name_and_by_number() {
    let text = GOOD
        .replace("scanouts = 2\n", "scanouts = 2\nowner = 990\n")
        .replace("mode = \"0770\"\n", "mode = \"0770\"\nowner = \"anna:video\"\n");
    let config = Config::parse(&text, "f.toml").unwrap();
    let owners = [&config.guests[0].owner, &config.sockets[0].owner];
    assert_eq!(owners.map(|o| o.as_ref().unwrap().to_string()), ["990", "anna:video"]);
}

#[test]
fn the_least_file_is_a_version() {
    assert_eq!(Config::parse("version = 1", "f").unwrap(), Config::default());
}

/// Changes the good file and gives the messages.
fn wrong(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    Config::parse(&text, "f.toml").expect_err(&format!("{to} is wrong")).to_string()
}

#[test]
fn each_mistake_names_its_line_and_a_remedy() {
    for (from, to, message) in mistakes::ALL {
        let messages = wrong(from, to);
        assert!(
            messages.lines().any(|line| line == *message),
            "for {to}:\n{messages}\nnot {message}"
        );
        assert!(messages.lines().count() <= 3, "one mistake, many messages:\n{messages}");
    }
}

#[test]
fn names_are_unique_in_their_kind() {
    for kind in ["port", "guest", "layer", "socket", "program"] {
        let start = GOOD.find(&format!("[[{kind}]]")).unwrap();
        let end = GOOD[start + 1..].find("\n[[").map_or(GOOD.len(), |at| start + 1 + at + 1);
        let text = format!("{GOOD}{}", &GOOD[start..end]);
        let messages = Config::parse(&text, "f").unwrap_err().to_string();
        // The second one's name is on the line after its title.
        let line = GOOD.lines().count() + 2;
        let begin = format!("f:{line}: there is a {kind} '");
        assert!(messages.lines().any(|m| m.starts_with(&begin)), "{begin}\n{messages}");
    }
}

#[test]
fn one_picture_has_one_layer() {
    let layer =
        "[[layer]]\nname = \"two\"\nport = \"main\"\nguest = \"ivi\"\nscanout = 1\norder = 3\n";
    let text = format!("{}{layer}", GOOD.replace("pipelines = 2", ""));
    let messages = Config::parse(&text, "f").unwrap_err().to_string();
    assert_eq!(
        messages,
        "f:41: scanout 1 of guest 'ivi' is shown by layer 'ivi' already; show it by one layer only"
    );
}

#[test]
fn all_mistakes_are_told_in_the_order_of_lines() {
    let text = GOOD
        .replace("59.94", "-1")
        .replace("order = 2", "order = 1")
        .replace("\"0770\"", "5")
        .replace("scanouts", "scanuots");
    let errors = Config::parse(&text, "f").unwrap_err();
    let lines: Vec<_> = errors.list().iter().map(|error| error.line.unwrap()).collect();
    assert_eq!(lines, [6, 12, 29, 32], "{errors}");
}

#[test]
fn a_broken_port_does_not_make_its_layers_wrong() {
    let messages = wrong("[1280, 720]", "[1280, \"x\"]");
    assert_eq!(messages.lines().count(), 1, "{messages}");
}

#[test]
fn syntax_is_told_with_its_line() {
    let errors = Config::parse("version = 1\n[[port]\nname = \"x\"\n", "f").unwrap_err();
    assert_eq!(errors.list()[0].line, Some(2), "{errors}");
    let twice = Config::parse("version = 1\nsplash = \"a\"\nsplash = \"b\"\n", "f").unwrap_err();
    assert_eq!(twice.list()[0].line, Some(3), "{twice}");
    for wrong in ["port = 3", "port = [3]", "[port]\nname = \"x\""] {
        let errors = Config::parse(&format!("version = 1\n{wrong}"), "f").unwrap_err().to_string();
        assert!(errors.contains("; begin each port with a line [[port]]"), "{errors}");
    }
}

#[test]
fn the_frames_must_fit_in_memory() {
    let text = "version = 1\n[[port]]\nname = \"a\"\nsize = [16384, 8192]\n\
                [[port]]\nname = \"b\"\nsize = [16384, 8192]\n";
    let messages = Config::parse(text, "f").unwrap_err().to_string();
    assert!(
        messages.starts_with("f:7: the frames of the ports up to 'b' take 3072 MiB; "),
        "{messages}"
    );
    // What a window's parent shows counts too: in the file, and when the window gets another size.
    let text = text.replacen("[16384, 8192]", "[16384, 4096]", 1);
    let text = text.replace("[16384, 8192]", "[16384, 4096]\nkind = \"window\"");
    let messages = Config::parse(&text, "f").unwrap_err().to_string();
    assert!(messages.contains("up to 'b' take 2304 MiB; "), "{messages}");
    let text = text.replacen("[16384, 4096]", "[4096, 4096]", 1);
    let config = Config::parse(&text, "f").unwrap();
    let mut device = Device::from_config(&config, &Images::new()).unwrap();
    let (b, mode) = device.port_named("b").map(|(id, port)| (id, port.mode)).unwrap();
    let mut pending = Pending::new();
    pending.set_mode(b, Mode { size: Size::new(16384, 5120), ..mode }).unwrap();
    let error = device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).unwrap_err();
    let needed = (4096 * 4096 * 3 + 16384 * 5120 * 6) * 4;
    assert_eq!(error, CommitError::FrameMemory { needed, limit: 2 << 30 });
}

#[test]
fn an_unreadable_file_says_what_to_do() {
    let missing = Config::load(Path::new("no/such/porthole.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/porthole.toml: cannot read the configuration: "));
    assert!(missing.ends_with("; create it, or name another with --config"), "{missing}");
    assert!(Config::load(Path::new(".")).is_err(), "a folder");
}

#[test]
fn errors_stay_readable_however_many_there_are() {
    let text = format!("version = 1\n{}", port_lines(250));
    let errors = Config::parse(&text, "f").unwrap_err();
    assert_eq!(errors.list().len(), ConfigErrors::MAX);
}

fn port_lines(count: usize) -> String {
    "[[port]]\nname = \"a\"\n".repeat(count)
}

proptest! {
    /// Whatever is done to a file, reading it ends with a configuration or with messages that
    /// have lines of the file.
    #[test]
    fn no_text_makes_it_panic(
        cuts in prop::collection::vec((0..GOOD.len(), 0..40_usize, "[ -~\n]{0,12}"), 1..6),
    ) {
        let mut text = GOOD.to_owned();
        for (at, length, insert) in cuts {
            // The good file and what is put into it are ASCII, so every place is a boundary.
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &insert);
        }
        match Config::parse(&text, "f") {
            Ok(config) => prop_assert!(crate::model::Device::from_config(&config, &crate::model::Images::new()).is_ok()),
            Err(errors) => {
                let lines = text.split('\n').count();
                for error in errors.list() {
                    prop_assert!((1..=lines).contains(&error.line.unwrap()), "{error}");
                    prop_assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
}
