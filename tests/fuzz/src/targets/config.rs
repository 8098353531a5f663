//! The configuration file, and the device that it makes.

use porthole_core::config::{Changes, Config, ConfigErrors};
use porthole_core::model::{Device, Flags, Images, Scope};

pub(crate) fn run(bytes: &[u8]) {
    // A file that is no text is refused before.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let config = match Config::parse(text, "porthole.toml") {
        Ok(config) => config,
        Err(errors) => return mistakes(text, &errors),
    };
    assert_eq!(Config::parse(text, "porthole.toml").as_ref(), Ok(&config));
    assert!(Changes::between(&config, &config).is_empty());
    let images = Images::default();
    // Pictures that the file names are not there: that may be an error, never more.
    let Ok(mut device) = Device::from_config(&config, &images) else { return };
    assert_eq!(device.ports().count(), config.ports.len());
    let before = device.clone();
    let mut pending = device.prepare(&config, &images).expect("a device of the same file");
    let flags = Flags { test_only: false, allow_modeset: false };
    device.commit(Scope::EntireDevice, &mut pending, flags).expect("no change");
    let (after, before): (Vec<_>, Vec<_>) =
        (device.pipelines().collect(), before.pipelines().collect());
    assert_eq!(after, before);
}

fn mistakes(text: &str, errors: &ConfigErrors) {
    let lines = text.lines().count().max(1) + 1;
    let list = errors.list();
    assert!(!list.is_empty() && list.len() <= ConfigErrors::MAX);
    for error in list {
        assert!(error.line.is_none_or(|line| line >= 1 && line <= lines), "{error}");
        assert!(!error.what.is_empty() && !error.remedy.is_empty());
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
