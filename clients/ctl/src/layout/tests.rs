//! Layouts from files and words, and what they change.

use proptest::{collection::btree_map, prelude::*, sample::select};

use super::*;
use crate::{
    control::{
        told::{Hole, Layer, Mode, Port, State, Stream, Turn},
        words::{FALLBACKS, FILTERS, FITS, INPUTS, LEADS, PIXELS, POWERS, Words},
    },
    show::json,
};

/// A port `main` with a layer `app`, which shows a program, and a layer 7 without a name.
fn state() -> State {
    let mut state = State::default();
    let mode = Mode { id: 1, size: [64, 48], refresh_mhz: 60_000, preferred: false };
    let port = Port { name: "main".into(), mode, gamma: 1.0, ..Port::default() };
    state.ports.insert(1, Port { power: "on".into(), ..port });
    let layer = Layer {
        name: "app".into(),
        port: 1,
        order: 1,
        source: 3,
        stream: 2,
        rect: [8, 4, 40, 20],
        transparency: json::GLOBAL_ALPHA | json::SOURCE_ALPHA,
        alpha: 65_535,
        ..Layer::default()
    };
    let spare = Layer { port: 1, ..Layer::default() };
    state.layers.extend([(5, layer), (7, spare)]);
    let guest = Stream { is_guest: true, socket: "ivi".into(), ..Stream::default() };
    let app = Stream { socket: "viewer".into(), app_id: "app".into(), ..Stream::default() };
    state.streams.extend([(1, guest), (2, app)]);
    state
}

fn plan(text: &str) -> Result<Plan, String> {
    let layout = read(text).map_err(|wrong| format!("{}: {}", wrong.line, wrong.what))?;
    Plan::new(&state(), layout)
}

#[test]
fn a_layout_changes_only_what_is_otherwise() {
    let text = "[[port]]\nname = 'main'\nbackground = '#000000'\nrefresh = 60.0\n\
                [[layer]]\nname = 'app'\nrect = [8, 4, 40, 20]\nopacity = 0.5\n\
                socket = 'viewer'\napp_id = 'app'\nmask = 'none'\nhole = []\n";
    let plan = plan(text).unwrap();
    assert!(plan.ports.is_empty(), "{plan:?}");
    let mut half = LayerKeys::default();
    half.alpha = Some(32_768);
    assert_eq!(plan.layers, [(5, half)]);
}

#[test]
fn files_say_line_key_and_remedy() {
    for (text, want) in [
        (
            "[[layer]]\nname = 'app'\nopasity = 1\n",
            "3: a layer has no key 'opasity'; did you mean 'opacity'?",
        ),
        ("[[layer]]\nname = 'app'\n\nopacity = 'x'\n", "4: opacity: write a number from 0"),
        ("[[layer]]\nname = 'app'\nrect = [1, 2, 3]\n", "3: rect: write X, Y, WIDTH and HEIGHT"),
        (
            "[[layer]]\nname = 'app'\nfit = 'fitt'\n",
            "3: fit: 'fitt' is none of its words; did you mean 'fit'?",
        ),
        (
            "[[layer]]\nname = 'app'\nguest = 'ivi'\napp_id = 'x'\n",
            "1: a layer: it has 'guest' and 'app_id'",
        ),
        ("[[port]]\nname = 'main'\ngamma = 9\n", "3: gamma: write a number from 0.25 to 4"),
        ("[[ports]]\nname = 'main'\n", "1: a layout has no key 'ports'; did you mean 'port'?"),
        ("[[layer]\n", "1: "),
        (
            "{\n \"layer\": [\n  {\"name\": \"app\",\n   \"order\": 1.5}]}",
            "4: order: write a whole number",
        ),
        ("{\"layer\": [{\"name\": \"a\", \"name\": \"b\"}]}", "1: 'name' is given twice"),
        ("{\"layer\": 1}", "1: invalid type"),
    ] {
        let error = plan(text).unwrap_err();
        assert!(error.starts_with(want), "{text}: {error}");
    }
}

#[test]
fn names_that_do_not_exist_are_told_with_those_that_do() {
    for (text, want) in [
        (
            "[[layer]]\nname = 'apq'",
            "there is no layer 'apq' that this socket may see; did you mean 'app'?",
        ),
        ("[[layer]]\nname = 'main'", "'main' is a port, not a layer"),
        ("[[layer]]\norder = 1", "a layer: add name"),
        ("[[layer]]\nid = 99", "there is no layer 99"),
        ("[[layer]]\nname = '5'\n[[layer]]\nname = 'app'", "layer 'app' is there twice"),
        (
            "[[port]]\nname = 'side'",
            "there is no port 'side' that this socket may see; there are 'main'",
        ),
        ("[[layer]]\nname = 'app'\nport = 'side'", "layer 'app': it is on the port 'main'"),
        ("[[layer]]\nname = 'app'\nguest = 'ivy'", "there is no guest 'ivy'; did you mean 'ivi'?"),
        (
            "[[layer]]\nname = 'app'\nshow = 'ivi:3'",
            "guest 'ivi' has no picture 3; the last one is 0",
        ),
    ] {
        let error = plan(text).unwrap_err();
        assert!(error.starts_with(want), "{text}: {error}");
    }
}

#[test]
fn words_of_a_command_line_are_as_those_of_a_file() {
    let mut keys = LayerKeys::default();
    for word in [
        "rect=40x20+8+4",
        "order=-2",
        "opacity=0.25",
        "source=1.5,0,2,2",
        "fit=1:1",
        "lead=none",
        "filter=nearest",
        "rotation=90",
        "flip=yes",
        "mirror=off",
        "alpha=ignore",
        "key=#010203",
        "hole=0,0,1,1 2x2+5+5",
        "input=pass",
        "fallback=last",
        "deadline=0.25",
        "rate_limit=none",
        "keyboard=false",
        "show=app:viewer/a/b",
        "mask=a.png",
    ] {
        assign(&mut keys, word).unwrap_or_else(|why| panic!("{word}: {why}"));
    }
    keys.finish().unwrap();
    assert_eq!(keys.rect, Some([8, 4, 40, 20]));
    assert_eq!((keys.order, keys.alpha), (Some(-2), Some(16_384)));
    assert_eq!((keys.flip, keys.mirror, keys.rotation), (Some(true), Some(false), Some(90)));
    assert_eq!(keys.hole, Some(vec![[0, 0, 1, 1], [5, 5, 2, 2]]));
    assert_eq!((keys.deadline_ms, keys.rate_limit_mhz), (Some(250), Some(0)));
    let app = Shows::App { socket: "viewer".into(), app_id: "a/b".into() };
    assert_eq!(keys.shows, Some(app));
    for (word, want) in [
        ("opacity", "write KEY=VALUE"),
        ("opacity=2", "opacity: write a number from 0"),
        ("opacty=1", "did you mean 'opacity'?"),
        ("gamma=1", "say --port"),
        ("show=app:x", "app:SOCKET/APPID"),
        ("rotation=45", "0, 90, 180 or 270"),
    ] {
        let why = assign(&mut keys, word).unwrap_err();
        assert!(why.contains(want), "{word}: {why}");
    }
}

#[test]
fn a_turn_is_told_by_what_it_does() {
    let turn = |flip, mirror, rotation| Turn { flip, mirror, rotation };
    let now = turn(false, false, 90);
    assert_eq!(turned(now, (None, Some(true), None)), turn(false, true, 90));
    assert_eq!(turned(turn(true, false, 0), (Some(true), None, None)), turn(true, false, 0));
    assert_eq!(turned(turn(true, false, 0), (Some(false), None, None)), Turn::default());
}

fn word<T>(words: &'static Words<T>) -> impl Strategy<Value = crate::control::words::Word> {
    let words: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
    select(words).prop_map(Into::into)
}

fn turns() -> impl Strategy<Value = Turn> {
    (any::<bool>(), any::<bool>(), select(vec![0, 90, 180, 270]))
        .prop_map(|(flip, mirror, rotation)| Turn { flip, mirror, rotation }.simplest())
}

/// A side in the steps of the protocol.
fn fixed() -> impl Strategy<Value = f64> {
    (1_u32..1 << 20).prop_map(|steps| f64::from(steps) / 256.0)
}

fn holes() -> impl Strategy<Value = Hole> {
    let rect = (0..100, 0..100, 1..50, 1..50).prop_map(|(x, y, w, h)| [x, y, w, h]);
    prop::collection::vec(rect, 0..4).prop_map(|rects| Hole {
        count: u32::try_from(rects.len()).unwrap(),
        bounds: [0; 4],
        rects: Some(rects),
    })
}

prop_compose! {
    fn looks()(
        crop in prop_oneof![Just([0.0; 4]), [fixed(), fixed(), fixed(), fixed()]],
        rect in (any::<i32>(), any::<i32>(), 0..i32::MAX, 0..i32::MAX),
        turn in turns(),
        transparency in 0_u32..32,
        alpha in 0_u32..=65_535,
        key in [0_u32..256, 0_u32..256, 0_u32..256],
        hole in holes(),
        mask in [0_u32..9, 0_u32..9],
    ) -> Layer {
        let rect = [rect.0, rect.1, rect.2, rect.3];
        Layer { crop, rect, turn, transparency, alpha, key, hole, mask, ..Layer::default() }
    }
}

prop_compose! {
    fn layers()(
        look in looks(),
        order in any::<i32>(),
        source in 0_u32..3,
        stream in 0_u32..4,
        (filter, fit, lead) in (word(FILTERS), word(FITS), word(LEADS)),
        (pixels, input, fallback) in (word(PIXELS), word(INPUTS), word(FALLBACKS)),
        deadline in prop_oneof![Just(0_u32), 50_u32..3_600_000],
        rate in prop_oneof![Just(0_u32), 1000_u32..240_000],
        keyboard in any::<bool>(),
    ) -> Layer {
        let fallback_source = if fallback == "picture" { 9 } else { 0 };
        let stream = if source == 0 { 0 } else { stream };
        Layer {
            port: 1, order, source, stream, filter, fit, lead, pixels, input, fallback,
            fallback_source, deadline_ms: deadline, rate_limit_mhz: rate, keyboard, ..look
        }
    }
}

prop_compose! {
    fn ports()(
        size in [16_u32..16_384, 16_u32..16_384],
        refresh_mhz in 1000_u32..=240_000,
        background in [0_u32..256, 0_u32..256, 0_u32..256],
        turn in turns(),
        gamma in 64_u32..=1024,
        power in word(POWERS),
    ) -> Port {
        let mode = Mode { id: 1, size, refresh_mhz, preferred: true };
        let background = background.map(|channel| channel * 0x101);
        let gamma = f64::from(gamma) / 256.0;
        Port { name: "main".into(), mode, background, turn, gamma, power, ..Port::default() }
    }
}

proptest! {
    #[test]
    fn what_is_shown_can_be_committed_and_changes_nothing(
        port in ports(),
        layers in btree_map(10_u32..20, (layers(), any::<bool>()), 0..4),
    ) {
        let mut state = state();
        state.ports.insert(1, port);
        state.layers = layers
            .into_iter()
            .map(|(id, (layer, named))| {
                let name = if named { format!("layer-{id}") } else { String::new() };
                (id, Layer { name, ..layer })
            })
            .collect();
        let text = json::state(&state).to_string();
        let layout = read(&text);
        prop_assert!(layout.is_ok(), "{:?}: {}", layout, text);
        let plan = Plan::new(&state, layout.unwrap());
        prop_assert_eq!(plan, Ok(Plan::default()));
        // And again as TOML.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let text = toml::to_string(&without_null(value)).unwrap();
        let layout = read(&text);
        prop_assert!(layout.is_ok(), "{:?}: {}", layout, text);
        prop_assert_eq!(Plan::new(&state, layout.unwrap()), Ok(Plan::default()));
    }

    #[test]
    fn no_text_breaks_the_reader(text in ".{0,200}") {
        let _ = read(&text);
        let _ = read(&format!("{{{text}"));
        let _ = read(&format!("[[layer]]\nname = 'a'\n{text}"));
    }
}

/// TOML has no null: what there is none of is left out.
fn without_null(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let some = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(some.map(|(key, value)| (key, without_null(value))).collect())
        }
        Value::Array(list) => list.into_iter().map(without_null).collect(),
        other => other,
    }
}
