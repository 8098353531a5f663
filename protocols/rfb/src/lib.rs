//! The RFB protocol (RFC 6143 and the community specification rfbproto) without sockets or clocks.
//!
//! [`Server`] is one viewer's connection seen from our side: bytes go in with [`Server::feed`],
//! [`Event`]s come out of [`Server::next_event`], and bytes for the viewer wait in
//! [`Server::output`]. Pictures go in as [`Frame`]s plus damage; at most one update is written for
//! each call of [`Server::update`], so that the caller decides when a viewer may have more.
//! [`client::Client`] is the opposite side: a strict decoder that refuses whatever the
//! specification does not allow, and thereby judges the server in tests.
#![forbid(unsafe_code)]

pub mod client;
mod clipboard;
mod convert;
mod cursor;
mod encode;
mod error;
mod frame;
mod handshake;
mod message;
mod moves;
mod pixel_format;
mod qemu;
mod screen;
mod security;
mod server;
mod spec;
mod wire;

pub use clipboard::{ClipboardWays, from_latin1};
pub use cursor::{CursorError, CursorImage, MAX_CURSOR_SIDE};
pub use error::ProtocolError;
pub use frame::{Frame, FrameError, MAX_SIDE, Overlay};
pub use handshake::Security;
pub use message::MAX_CUT_TEXT;
pub use moves::{Move, find_move};
pub use pixel_format::{Channel, Colour, PixelFormat, PixelFormatError};
pub use qemu::Leds;
pub use security::{Password, vnc_auth_response};
pub use server::{Config, Event, Server, Update};
pub use spec::Encoding;

#[cfg(test)]
mod hostile_tests;
