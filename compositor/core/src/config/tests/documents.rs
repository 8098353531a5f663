//! The documents belong to the service's users; here they are held to the code.

use super::*;
use crate::config::{entries, read};

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_example_is_right() {
    let config = Config::parse(&file("data/porthole.toml"), "data/porthole.toml").unwrap();
    assert_eq!(config.guests.len(), 2);
    assert_eq!(config.layers_of("main").len(), 2);
    assert_eq!(config.programs[0].command[0], "porthole-vnc");
    crate::model::Device::from_config(&config, &crate::model::Images::new()).unwrap();
}

#[test]
fn every_key_is_described_and_nothing_else() {
    let text = file("docs/config.md");
    let sections: Vec<&str> = text.split("\n## ").collect();
    let described = |section: &str| -> Vec<String> {
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
    };
    for kind in [
        "input", "seat", "render", "limits", "budget", "port", "guest", "layer", "socket",
        "program", "device",
    ] {
        let (title, keys) = entries::keys(kind);
        let section = sections.iter().find(|s| s.starts_with(&format!("`{title}`"))).unwrap();
        assert_eq!(described(section), keys, "{title}");
        assert!(read::KEYS.contains(&kind));
    }
    let top = sections.iter().find(|s| s.starts_with("At the top")).unwrap();
    assert_eq!(described(top), read::KEYS[..2]);
    assert_eq!(read::KEYS.len(), 2 + 11);
}

#[test]
fn the_ranges_are_those_of_the_code() {
    let text = file("docs/config.md");
    for range in [
        format!("each {} to {}.", limits::PORT_SIDE.start(), limits::PORT_SIDE.end()),
        format!("can have, {} to {}.", limits::PIPELINES.start(), limits::PIPELINES.end()),
        format!("may show, {} to {}.", limits::SCANOUTS.start(), limits::SCANOUTS.end()),
        format!("at most {} MiB", limits::FRAME_MEMORY >> 20),
        format!("at most {} entries", limits::ENTRIES),
        format!("| `{}` | How many layers", limits::DEFAULT_PIPELINES),
    ] {
        assert!(text.contains(&range), "{range}");
    }
}
