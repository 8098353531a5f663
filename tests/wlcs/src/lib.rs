//! The service as a display server under test of WLCS, the Wayland conformance suite.
//!
//! WLCS loads this library and asks it for a server for each of its tests. Every client of a test gets
//! a socket of its own, whose one layer shows the client's newest toplevel as large as it is; where
//! WLCS places a window, the configuration is written anew and read by the running service. Input
//! comes from a virtual pointer and a virtual touch screen, as a viewer's would.

mod abi;
mod server;
