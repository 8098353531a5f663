//! The pure part of Porthole's compositor: what is shown where, decided without a device.
//!
//! Everything here is a value or a function of values. There is no Wayland, no file descriptor
//! and no clock: the daemon passes in the time of its turn, and carries out what it is told.
//!
//! The modules follow a picture from the configuration file to the screen:
//! [`config`] (what the file says) is built into a [`model`] (OpenWF Display objects, changed only
//! by an all-or-nothing commit); the daemon lists a port's surfaces as a [`scene`]; a [`plan`] says
//! which pixels of the next frame to paint from which surface; [`redraw`] says when. [`input`]
//! decides who gets a key or a pointer, [`pen`] who hears of a pen, [`devices`] what becomes of the machine's own, [`owner`] who may connect to a socket, and [`rights`] what
//! its clients may ask for. [`budget`] says how much each may have, [`share`] who is served first,
//! and [`account`] what each has used.

#![forbid(unsafe_code)]

pub mod account;
pub mod budget;
pub mod chord;
pub mod color;
pub mod config;
pub mod devices;
pub mod input;
pub mod model;
pub mod name;
pub mod owner;
pub mod pen;
pub mod plan;
pub mod redraw;
pub mod refresh;
pub mod rights;
pub mod scale;
pub mod scene;
pub mod share;

pub use color::Color;
pub use name::Name;
pub use refresh::Refresh;
pub use scale::Scale;
pub use share::Priority;
