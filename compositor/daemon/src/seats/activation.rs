//! A program hands the keyboard on: who has it may say which window gets it next.

use std::time::Duration;

use smithay::{
    input::Seat,
    reexports::{
        wayland_protocols::xdg::activation::v1::server::{
            xdg_activation_token_v1::XdgActivationTokenV1, xdg_activation_v1::XdgActivationV1,
        },
        wayland_server::{
            Client, DataInit, DisplayHandle, GlobalDispatch, New, Resource,
            protocol::wl_surface::WlSurface,
        },
    },
    wayland::xdg_activation::{
        ActivationTokenData, XdgActivationHandler, XdgActivationState, XdgActivationToken,
        XdgActivationTokenData,
    },
};

use crate::{desktop::is_program, state::State};

/// How long a program that was started may take until it asks for the keyboard.
const VALID: Duration = Duration::from_secs(30);
/// Tokens that are kept at a time; each is used once.
const MOST: usize = 64;

impl XdgActivationHandler for State {
    fn activation_state(&mut self) -> &mut XdgActivationState {
        &mut self.globals.desktop.activation
    }

    /// Only who has the keyboard of a seat can hand it on.
    fn token_created(&mut self, _: XdgActivationToken, data: XdgActivationTokenData) -> bool {
        let tokens = &mut self.globals.desktop.activation;
        tokens.retain_tokens(|_, token| token.timestamp.elapsed() < VALID);
        let Some((serial, seat)) = data.serial.filter(|_| tokens.tokens().count() < MOST) else {
            return false;
        };
        let keyboard = Seat::<Self>::from_resource(&seat).and_then(|seat| seat.get_keyboard());
        let Some(keyboard) = keyboard else { return false };
        let has_it = keyboard.current_focus().and_then(|surface| surface.client());
        // A serial from before its client had the keyboard is somebody else's.
        has_it.is_some_and(|client| Some(client.id()) == data.client_id)
            && keyboard.last_enter().is_some_and(|enter| serial >= enter)
    }

    fn request_activation(
        &mut self,
        token: XdgActivationToken,
        data: XdgActivationTokenData,
        surface: WlSurface,
    ) {
        self.globals.desktop.activation.remove_token(&token);
        if data.timestamp.elapsed() >= VALID {
            return;
        }
        let seat = data.serial.and_then(|(_, seat)| Seat::<Self>::from_resource(&seat));
        let id = seat.and_then(|seat| self.seats.id_of(&seat));
        let port = id.and_then(|id| self.seats.get(id)).and_then(|seat| seat.port);
        let layer = self.windows.layer_of(&surface);
        // A layer of another port is not among those that can be clicked.
        if let (Some(id), Some(port), Some(layer)) = (id, port, layer) {
            self.click_focus(id, port, layer);
        }
    }
}

impl GlobalDispatch<XdgActivationV1, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<XdgActivationV1>,
        (): &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }

    /// Guests get keys where people point, and hand them on to nobody.
    fn can_view(client: Client, (): &()) -> bool {
        is_program(&client)
    }
}

wayland_server::delegate_dispatch!(State: [XdgActivationV1: ()] => XdgActivationState);
wayland_server::delegate_dispatch!(State: [XdgActivationTokenV1: ActivationTokenData] => XdgActivationState);
