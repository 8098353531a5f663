//! libFuzzer around one target, which the environment variable `PORTHOLE_FUZZ_TARGET` names.
//! `cargo xtask fuzz` builds it with the instrumentation that it needs, and runs it.

#![no_main]

use std::process::abort;
use std::sync::OnceLock;

use porthole_fuzz::{Target, target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    let name = std::env::var("PORTHOLE_FUZZ_TARGET").unwrap_or_default();
    // The engine has no way to refuse a start but its end.
    target(&name).unwrap_or_else(|| abort())
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (CHOSEN.get_or_init(choose).run)(bytes);
});
