//! The presenter against a small compositor of our own, which does what a test says, and against one
//! that is not ours.

mod device;
mod frames;
mod input;
mod other;
mod pens;
mod protocols;
mod server;
mod streams;
