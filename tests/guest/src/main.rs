//! The test guest's first process: it prepares the machine, then obeys the control port.

#![forbid(unsafe_code)]

mod agent;
mod animate;
mod boot;
mod control;
mod framebuffer;
mod input;
mod kms;
mod session;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() != 1 {
        control::log("this program is the init of a test guest and does nothing elsewhere");
        return ExitCode::FAILURE;
    }
    if let Err(error) = boot::prepare().and_then(|()| session::run()) {
        control::log(&format!("fatal: {error}"));
    }
    boot::power_off();
    ExitCode::FAILURE
}
