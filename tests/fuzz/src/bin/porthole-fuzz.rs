//! libFuzzer around one target, which the environment variable `PORTHOLE_FUZZ_TARGET` names.
//! `cargo xtask fuzz` builds it with the instrumentation that it needs, and runs it.

#![no_main]

use std::process::abort;
use std::sync::OnceLock;

use nix::sys::signal::{SigSet, Signal};
use porthole_fuzz::{Target, target};

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    // As in every program of Rust, a pipe without a reader is an error and not the end; the engine has a
    // `main` of its own.
    if SigSet::from(Signal::SIGPIPE).thread_block().is_err() {
        abort();
    }
    let name = std::env::var("PORTHOLE_FUZZ_TARGET").unwrap_or_default();
    // The engine has no way to refuse a start but its end.
    target(&name).unwrap_or_else(|| abort())
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (CHOSEN.get_or_init(choose).run)(bytes);
});
