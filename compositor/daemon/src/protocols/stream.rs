//! `wfd_stream_v1`: what the layout wants of a guest's display, and how the guest is.

use std::time::Duration;

use porthole_pixel::Size;
pub(crate) use porthole_wayland::stream::server::wfd_stream_v1::{
    PointerMode, State as GuestState,
};
use porthole_wayland::stream::server::{
    wfd_stream_manager_v1::{self as manager, WfdStreamManagerV1 as Manager},
    wfd_stream_v1::{self as stream, Lamps, WfdStreamV1 as Stream},
};
use smithay::{
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, WEnum, Weak,
        backend::ClientId, protocol::wl_surface::WlSurface,
    },
    wayland::{compositor::get_role, shell::xdg::XDG_TOPLEVEL_ROLE},
};

use crate::protocols::globals::plain_manager;

/// The display that the layout wants a guest to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    /// In pixels; empty where the guest may choose.
    pub(crate) size: Size,
    pub(crate) refresh_mhz: u32,
    /// A layer shows it.
    pub(crate) connected: bool,
    pub(crate) millimetres: (u32, u32),
}

/// The last heartbeat of a guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Heartbeat {
    /// The guest's own number.
    pub(crate) sequence: u32,
    /// When it came, by the service's clock.
    pub(crate) at: Duration,
}

/// What a guest's device said of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Report {
    pub(crate) state: GuestState,
    /// None until the first one: who sends none is not held to it.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Pictures in 1000 seconds that are promised.
    pub(crate) rate_mhz: Option<u32>,
    /// None until it says so: then they are those of the seat's own keymap.
    pub(crate) lamps: Option<Lamps>,
    pub(crate) pointer_mode: PointerMode,
    /// The display that the device says to have told the guest.
    pub(crate) told: Option<Wanted>,
}

/// What a request changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    Told,
    State,
    Heartbeat,
    Rate,
    Lamps,
    PointerMode,
}

/// What the compositor must answer.
pub(crate) trait StreamHandler {
    fn stream_state(&mut self) -> &mut StreamState;
    /// A toplevel has a stream from now on: it is to be configured, unless it will be anyway.
    fn new_stream(&mut self, surface: &WlSurface);
    /// The time, for heartbeats.
    fn stream_now(&self) -> Duration;
    /// What a toplevel's stream reports has changed.
    fn stream_changed(&mut self, surface: &WlSurface, what: Change);
    /// A toplevel has no stream any more.
    fn stream_gone(&mut self, surface: &WlSurface);
}

/// A toplevel's stream.
#[derive(Debug)]
struct OneStream {
    object: Stream,
    surface: WlSurface,
    /// The last configure.
    sent: Option<(u32, Wanted)>,
    /// The last one that was answered.
    answered: Option<u32>,
    visible: bool,
    report: Report,
}

impl OneStream {
    fn new(object: Stream, surface: WlSurface) -> Self {
        let report = Report {
            state: GuestState::Off,
            heartbeat: None,
            rate_mhz: None,
            lamps: None,
            pointer_mode: PointerMode::Absolute,
            told: None,
        };
        Self { object, surface, sent: None, answered: None, visible: false, report }
    }

    /// Takes the answer to a configure; false where none with this serial waits for one.
    fn ack(&mut self, serial: u32) -> bool {
        let Some((last, wanted)) = self.sent else { return false };
        // Serials count from 1 on, one for each configure.
        let waits = serial != 0 && serial <= last && self.answered.is_none_or(|a| a < serial);
        if waits {
            self.answered = Some(serial);
            if serial == last {
                self.report.told = Some(wanted);
            }
        }
        waits
    }
}

/// All streams.
#[derive(Debug)]
pub(crate) struct StreamState {
    streams: Vec<OneStream>,
}

impl StreamState {
    /// Announces the global to all clients: any may show a toplevel.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, ()>(1, ());
        Self { streams: Vec::new() }
    }

    /// What a toplevel's device said of its guest, where it has a stream.
    pub(crate) fn report(&self, surface: &WlSurface) -> Option<&Report> {
        self.streams.iter().find(|s| s.surface == *surface).map(|s| &s.report)
    }

    /// The toplevels that have streams.
    pub(crate) fn surfaces(&self) -> Vec<WlSurface> {
        self.streams.iter().map(|s| s.surface.clone()).collect()
    }

    /// Tells a toplevel's stream what the layout wants, if that is news to it.
    pub(crate) fn configure(&mut self, surface: &WlSurface, wanted: Wanted) {
        let Some(one) = self.get_mut(surface) else { return };
        let serial = match one.sent {
            Some((_, sent)) if sent == wanted => return,
            Some((serial, _)) => serial.wrapping_add(1).max(1),
            None => 1,
        };
        if serial == 1 {
            one.answered = None;
        }
        one.sent = Some((serial, wanted));
        let Wanted { size, refresh_mhz, connected, millimetres: (across, down) } = wanted;
        let connected = connected.into();
        one.object.configure(serial, size.width, size.height, refresh_mhz, connected, across, down);
    }

    /// Tells a toplevel's stream whether anybody sees it, if that is news to it.
    pub(crate) fn set_visible(&mut self, surface: &WlSurface, visible: bool) {
        if let Some(one) = self.get_mut(surface)
            && std::mem::replace(&mut one.visible, visible) != visible
        {
            one.object.visible(visible.into());
        }
    }

    /// A toplevel is gone: its stream says nothing more.
    pub(crate) fn toplevel_gone(&mut self, surface: &WlSurface) {
        self.streams.retain(|s| s.surface != *surface);
    }

    fn get_mut(&mut self, surface: &WlSurface) -> Option<&mut OneStream> {
        self.streams.iter_mut().find(|s| s.surface == *surface)
    }
}

plain_manager!(StreamState, Manager);

impl<D> Dispatch<Manager, (), D> for StreamState
where
    D: StreamHandler + Dispatch<Manager, ()> + Dispatch<Stream, Weak<WlSurface>> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        manager: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::GetStream { id, surface } = request else { return };
        let object = init.init(id, surface.downgrade());
        if get_role(&surface) != Some(XDG_TOPLEVEL_ROLE) {
            manager.post_error(manager::Error::Role, "the surface is no xdg_toplevel");
        } else if state.stream_state().get_mut(&surface).is_some() {
            manager.post_error(manager::Error::Exists, "the toplevel has a stream already");
        } else {
            state.stream_state().streams.push(OneStream::new(object, surface.clone()));
            state.new_stream(&surface);
        }
    }
}

impl<D> Dispatch<Stream, Weak<WlSurface>, D> for StreamState
where
    D: StreamHandler + Dispatch<Stream, Weak<WlSurface>> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        object: &Stream,
        request: stream::Request,
        surface: &Weak<WlSurface>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let now = state.stream_now();
        let streams = &mut state.stream_state().streams;
        // One whose toplevel is gone says nothing to anybody.
        let Some(one) = streams.iter_mut().find(|s| s.object == *object) else { return };
        let before = one.report;
        let change = match request {
            stream::Request::AckConfigure { serial } => {
                if !one.ack(serial) {
                    let why = format!("no configure {serial} waits for an answer");
                    object.post_error(stream::Error::InvalidSerial, why);
                    return;
                }
                Change::Told
            }
            stream::Request::SetState { state: WEnum::Value(state) } => {
                one.report.state = state;
                Change::State
            }
            stream::Request::Heartbeat { sequence } => {
                one.report.heartbeat = Some(Heartbeat { sequence, at: now });
                Change::Heartbeat
            }
            stream::Request::SetRate { rate_mhz } => {
                one.report.rate_mhz = Some(rate_mhz).filter(|rate| *rate != 0);
                Change::Rate
            }
            stream::Request::SetLeds { lamps: WEnum::Value(lamps) } => {
                one.report.lamps = Some(lamps);
                Change::Lamps
            }
            stream::Request::SetPointerMode { mode: WEnum::Value(mode) } => {
                one.report.pointer_mode = mode;
                Change::PointerMode
            }
            stream::Request::SetState { .. }
            | stream::Request::SetLeds { .. }
            | stream::Request::SetPointerMode { .. } => {
                object.post_error(stream::Error::InvalidValue, "the protocol has no such value");
                return;
            }
            _ => return,
        };
        let changed = one.report != before;
        if let Ok(surface) = surface.upgrade()
            && changed
        {
            state.stream_changed(&surface, change);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, object: &Stream, surface: &Weak<WlSurface>) {
        let streams = &mut state.stream_state().streams;
        let Some(at) = streams.iter().position(|s| s.object == *object) else { return };
        streams.remove(at);
        if let Ok(surface) = surface.upgrade() {
            state.stream_gone(&surface);
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_stream {
    ($state:ty) => {
        const _: () = {
            use ::porthole_wayland::stream::server::{
                wfd_stream_manager_v1::WfdStreamManagerV1, wfd_stream_v1::WfdStreamV1,
            };
            use ::smithay::reexports::wayland_server::{Weak, protocol::wl_surface::WlSurface};
            use $crate::protocols::stream::StreamState;
            ::wayland_server::delegate_global_dispatch!($state: [WfdStreamManagerV1: ()] => StreamState);
            ::wayland_server::delegate_dispatch!($state: [WfdStreamManagerV1: ()] => StreamState);
            ::wayland_server::delegate_dispatch!($state: [WfdStreamV1: Weak<WlSurface>] => StreamState);
        };
    };
}
pub(crate) use delegate_stream;
