//! Handing the keyboard on.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, protocol::wl_seat::WlSeat,
};
use wayland_protocols::xdg::activation::v1::client::{
    xdg_activation_token_v1::{self, XdgActivationTokenV1},
    xdg_activation_v1::XdgActivationV1,
};

use super::{Log, Program, Toplevel};
use crate::failure::{Failure, Result};

impl Program {
    /// A token for the next window that gets the keyboard of a seat, on the strength of a serial.
    ///
    /// # Errors
    /// When none comes.
    pub fn activation_token(&mut self, seat: &WlSeat, serial: u32) -> Result<String> {
        let token = self.bind::<XdgActivationV1>()?.get_activation_token(&self.handle, ());
        token.set_serial(serial, seat);
        let mark = self.log.len();
        token.commit();
        self.roundtrip()?;
        let told = self.log.since(mark).iter().find_map(|l| l.strip_prefix("token "));
        told.map(str::to_owned).ok_or_else(|| Failure::new("no token came"))
    }

    /// Asks for the keyboard for a window.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn activate(&mut self, toplevel: &Toplevel, token: &str) -> Result<()> {
        self.bind::<XdgActivationV1>()?.activate(token.to_owned(), &toplevel.surface);
        self.roundtrip()
    }
}

impl Dispatch<XdgActivationTokenV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &XdgActivationTokenV1,
        event: <XdgActivationTokenV1 as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_activation_token_v1::Event::Done { token } = event {
            log.say(format!("token {token}"));
        }
    }
}

delegate_noop!(Log: XdgActivationV1);
