//! One module a target.

pub(crate) mod config;
pub(crate) mod dbus;
pub(crate) mod edid;
pub(crate) mod gpu;
pub(crate) mod input_device;
pub(crate) mod keyboard;
pub(crate) mod messages;
pub(crate) mod model;
pub(crate) mod queues;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod snapshot;
pub(crate) mod trace;
pub(crate) mod updates;
pub(crate) mod vfio;
pub(crate) mod vga;
pub(crate) mod viewer;
