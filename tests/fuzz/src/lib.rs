//! Fuzz targets: what must hold of our parsers and state machines whatever bytes come.
//!
//! A target takes bytes and panics where a promise is broken. The bytes are either what a hostile peer
//! sends, or a script of what it does: then each byte chooses, so that a fuzzer that changes one byte
//! changes one step. [`TARGETS`] lists them with their promises; `docs/fuzzing.md` says how they are
//! run. Nothing here knows the engine, so the corpus is replayed by an ordinary test.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is what a target exists for: it tells a finding"
)]

mod input;
pub mod seed;
mod targets;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line, and the folder of its corpus.
    pub name: &'static str,
    /// What holds whatever the bytes are, in a few words.
    pub promise: &'static str,
    /// Longer inputs bring nothing new.
    pub longest: usize,
    /// Tries one input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "gpu",
        promise: "a guest's commands: answers of the right form, quotas held, nothing left behind, \
                  a snapshot is the device",
        longest: 2048,
        run: targets::gpu::run,
    },
    Target {
        name: "queues",
        promise: "a front-end's messages and a guest's rings: bounded work, requests within their \
                  limit, and then silence",
        longest: 1024,
        run: targets::queues::run,
    },
    Target {
        name: "messages",
        promise: "vhost-user's stream: the same messages however it is cut, sizes within bounds",
        longest: 1024,
        run: targets::messages::run,
    },
    Target {
        name: "dbus",
        promise: "what QEMU's D-Bus display sends: the same messages however it is cut, sizes within \
                  bounds",
        longest: 1024,
        run: targets::dbus::run,
    },
    Target {
        name: "input",
        promise: "a guest's input devices: whole packets, what went down comes up, bounded memory",
        longest: 1024,
        run: targets::input_device::run,
    },
    Target {
        name: "viewer",
        promise: "a viewer's bytes: the same events however they are cut, updates of bounded size",
        longest: 2048,
        run: targets::viewer::run,
    },
    Target {
        name: "server",
        promise: "a VNC server's bytes, in any encoding: the same events however they are cut",
        longest: 2048,
        run: targets::server::run,
    },
    Target {
        name: "updates",
        promise: "what our server encodes our client decodes to the same picture",
        longest: 512,
        run: targets::updates::run,
    },
    Target {
        name: "config",
        promise: "a configuration file: mistakes with a line and a remedy, or a device that a reload \
                  of the same file leaves alone",
        longest: 4096,
        run: targets::config::run,
    },
    Target {
        name: "model",
        promise: "a controller's requests: commits are all or nothing and keep WFD's rules",
        longest: 1024,
        run: targets::model::run,
    },
    Target {
        name: "relay",
        promise: "a Wayland client's bytes: requests are found the same however the stream is cut",
        longest: 8192,
        run: targets::relay::run,
    },
    Target {
        name: "edid",
        promise: "EDIDs: what is written is read the same, anything else is refused",
        longest: 512,
        run: targets::edid::run,
    },
    Target {
        name: "keyboard",
        promise: "a viewer's keys in any layout: no key goes down twice, all come up in the end",
        longest: 512,
        run: targets::keyboard::run,
    },
    Target {
        name: "trace",
        promise: "a trace as a file: it is read up to where it is damaged, in memory that it does not choose",
        longest: 2048,
        run: targets::trace::run,
    },
    Target {
        name: "snapshot",
        promise: "a saved GPU as a file: refused, or a device within its quotas that is saved the same",
        longest: 2048,
        run: targets::snapshot::run,
    },
    Target {
        name: "vga",
        promise: "a guest's accesses to the VGA: nothing outside of its memory, bounded pictures and work, \
                  lines that changed are told, a snapshot is the device",
        longest: 2048,
        run: targets::vga::run,
    },
    Target {
        name: "vfio",
        promise: "vfio-user's stream: the same requests however it is cut, sizes within bounds, no request \
                  before the versions",
        longest: 2048,
        run: targets::vfio::run,
    },
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
