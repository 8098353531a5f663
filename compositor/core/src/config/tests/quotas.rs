//! Limits, reservations and the budget.

use super::*;
use crate::model::{CommitError, Device, Flags, Images, Pending, Power, Scope, Status};
use crate::share::Priority;

const TEXT: &str = r#"
version = 1
[limits]
memory = "64 MiB"
surfaces = 20
[budget]
memory = "100 MiB"
pixels_per_second = 2_000_000
[[port]]
name = "main"
size = [100, 100]
refresh = 60
[[port]]
name = "side"
size = [100, 100]
refresh = 60
[[guest]]
name = "ivi"
priority = 9
reserve = "40 MiB"
limits = { surfaces = 5, pictures = 240 }
[[guest]]
name = "cluster"
[[socket]]
name = "apps"
limits = { memory = "128 MiB" }
rights = ["watch"]
"#;

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, "f.toml")
}

#[test]
fn what_a_guest_says_counts_before_what_is_said_for_all() {
    let config = parse(TEXT).unwrap();
    let ivi = config.quota("ivi");
    assert_eq!((ivi.memory, ivi.surfaces, ivi.pictures), (64 << 20, 5, 240));
    assert_eq!((ivi.clients, ivi.objects), (64, 16_384));
    assert_eq!(config.quota("cluster").surfaces, 20);
    assert_eq!(config.quota("apps").memory, 128 << 20);
    assert_eq!(config.standing("ivi").priority, Priority::HIGHEST);
    assert_eq!(config.standing("ivi").reserve, 40 << 20);
    assert_eq!(config.standing("cluster"), Standing::default());
    assert_eq!(config.budget.memory, Some(100 << 20));
    assert!(config.socket("apps").unwrap().rights.may_account());
    let plain = parse("version = 1").unwrap();
    assert_eq!(plain.quota("anybody"), Quota::default());
    assert_eq!(plain.budget, Budget::default());
}

#[test]
fn what_is_set_aside_fits_the_budget() {
    let more = format!("{TEXT}reserve = \"61 MiB\"\n");
    let error = parse(&more).unwrap_err().to_string();
    assert!(error.contains("what is set aside up to 'apps' takes"), "{error}");
    parse(&format!("{TEXT}reserve = \"60 MiB\"\n")).unwrap();
}

#[test]
fn ports_draw_no_more_than_the_budget() {
    let error = parse(&TEXT.replacen("[100, 100]", "[200, 200]", 1)).unwrap_err().to_string();
    assert!(error.contains("up to 'main' draw 2400000 pixels a second"), "{error}");
    let mut device = Device::from_config(&parse(TEXT).unwrap(), &Images::new()).unwrap();
    assert_eq!(device.pixel_rate(), 1_200_000);
    let (main, mode) = device.port_named("main").map(|(id, port)| (id, port.mode)).unwrap();
    let (side, _) = device.port_named("side").unwrap();
    let larger = crate::model::Mode { size: Size::new(200, 200), ..mode };
    let mut pending = Pending::new();
    pending.set_mode(main, larger).unwrap();
    let test = Flags { test_only: true, ..Flags::MODESET };
    let before = device.clone();
    for flags in [test, Flags::MODESET] {
        let error = device.commit(Scope::EntireDevice, &mut pending, flags).unwrap_err();
        assert_eq!(error, CommitError::PixelRate { needed: 3_000_000, limit: 2_000_000 });
        assert_eq!(error.status(), Status::NotSupported);
        assert_eq!(device, before);
    }
    // A port that is off draws nothing; what it would draw is asked of when it goes on.
    let middle = crate::model::Mode { size: Size::new(180, 180), ..mode };
    let mut pending = Pending::new();
    pending.set_mode(main, middle).unwrap();
    pending.set_power(side, Power::Off);
    device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).unwrap();
    assert_eq!(device.pixel_rate(), 1_944_000);
    let mut pending = Pending::new();
    pending.set_power(side, Power::On);
    device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).unwrap_err();
}
