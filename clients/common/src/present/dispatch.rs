//! Events of the compositor, by interface.

use wayland_client::protocol::wl_buffer::{self, WlBuffer};
use wayland_client::protocol::wl_callback::{self, WlCallback};
use wayland_client::protocol::wl_compositor::WlCompositor;
use wayland_client::protocol::wl_keyboard::{self, WlKeyboard};
use wayland_client::protocol::wl_pointer::{self, WlPointer};
use wayland_client::protocol::wl_region::WlRegion;
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_seat::{self, WlSeat};
use wayland_client::protocol::wl_shm::{self, WlShm};
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_client::protocol::wl_subsurface::WlSubsurface;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::protocol::wl_touch::{self, WlTouch};
use wayland_client::{Connection, Dispatch, QueueHandle, WEnum, delegate_noop};
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;
use wayland_protocols::wp::presentation_time::client::wp_presentation_feedback::{
    self, WpPresentationFeedback,
};
use wayland_protocols::wp::tablet::zv2::client::zwp_tablet_tool_v2::{
    self as tool, ZwpTabletToolV2 as Tool,
};
use wayland_protocols::xdg::shell::client::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::client::xdg_toplevel::{self, XdgToplevel};
use wayland_protocols::xdg::shell::client::xdg_wm_base::{self, XdgWmBase};

use porthole_pixel::Size;
use porthole_wayland::process::client::porthole_process_v1::PortholeProcessV1;
use porthole_wayland::stream::client::wfd_stream_manager_v1::WfdStreamManagerV1;

use super::Told;
use super::buffers::BufferOf;
use super::stage::Stage;
use super::window::Window;

/// What a callback is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallbackOf {
    /// All globals have been told.
    Globals,
    /// The compositor has seen the last change that a guest may make without end.
    Seen,
    /// A window may follow up.
    Frame { scanout: usize },
}

/// Which frame a feedback is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FeedbackOf {
    pub(super) scanout: usize,
    pub(super) serial: u64,
}

impl Stage {
    /// Lets `act` do its work and then tells the device what it collected.
    pub(super) fn telling(&mut self, act: impl FnOnce(&mut Self, &mut Vec<Told>)) {
        let mut told = Vec::new();
        act(self, &mut told);
        for what in told {
            self.tell(what);
        }
    }
}

impl Stage {
    /// A tool did something.
    pub(super) fn pen(&mut self, object: &Tool, event: &tool::Event, told: &mut Vec<Told>) {
        self.seats.pen(object, event, size_of(&self.windows), told);
    }
}

/// The size of the picture in a window.
fn size_of(windows: &[Window]) -> impl Fn(usize) -> Option<Size> {
    |scanout| windows.get(scanout)?.top.as_ref()?.attached
}

impl Dispatch<WlRegistry, ()> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global { name, interface, version } => {
                let Some(link) = stage.link.as_mut() else { return };
                if let Some(seat) = link.global(name, &interface, version) {
                    stage.seats.add(name, seat);
                    if link.is_ready() {
                        stage.seats.connected(link);
                    }
                }
            }
            wl_registry::Event::GlobalRemove { name } => {
                stage.telling(|stage, told| stage.seats.remove(name, told));
            }
            _ => {}
        }
    }
}

impl Dispatch<WlCallback, CallbackOf> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlCallback,
        _: wl_callback::Event,
        of: &CallbackOf,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match *of {
            CallbackOf::Globals => stage.connected(),
            CallbackOf::Seen => {
                if let Some(link) = &mut stage.link {
                    link.unseen = false;
                }
            }
            CallbackOf::Frame { scanout } => {
                stage.works();
                let feedback = stage.link.as_ref().is_some_and(|link| link.presentation.is_some());
                let window = stage.windows.get_mut(scanout);
                let Some(top) = window.and_then(|window| window.top.as_mut()) else { return };
                top.answered();
                let serial = top.last_serial;
                if !feedback {
                    // Without better knowledge, a frame is on the screen when the next is asked for.
                    stage.tell(Told::Presented { scanout, serial, refresh_mhz: 0 });
                }
            }
        }
    }
}

impl Dispatch<WpPresentationFeedback, FeedbackOf> for Stage {
    fn event(
        stage: &mut Self,
        _: &WpPresentationFeedback,
        event: wp_presentation_feedback::Event,
        of: &FeedbackOf,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let FeedbackOf { scanout, serial } = *of;
        match event {
            wp_presentation_feedback::Event::Presented { refresh, .. } => {
                // From nanoseconds a frame to millihertz.
                let refresh_mhz = 1_000_000_000_000_u64.checked_div(u64::from(refresh));
                let refresh_mhz = u32::try_from(refresh_mhz.unwrap_or(0)).unwrap_or(0);
                stage.tell(Told::Presented { scanout, serial, refresh_mhz });
            }
            wp_presentation_feedback::Event::Discarded => {
                stage.tell(Told::Discarded { scanout, serial });
            }
            _ => {}
        }
    }
}

impl Dispatch<WlBuffer, BufferOf> for Stage {
    fn event(
        stage: &mut Self,
        object: &WlBuffer,
        event: wl_buffer::Event,
        of: &BufferOf,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            stage.telling(|stage, told| {
                if let Some(window) = stage.windows.get_mut(of.scanout) {
                    window.buffers.released(of.buffer, object, told);
                }
            });
        }
    }
}

impl Dispatch<WlShm, ()> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlShm,
        event: wl_shm::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let (wl_shm::Event::Format { format }, Some(link)) = (event, stage.link.as_mut()) {
            link.formats.push(match format {
                WEnum::Value(format) => u32::from(format),
                WEnum::Unknown(code) => code,
            });
        }
    }
}

impl Dispatch<XdgWmBase, ()> for Stage {
    fn event(
        _: &mut Self,
        wm: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            wm.pong(serial);
        }
    }
}

impl Dispatch<XdgSurface, usize> for Stage {
    fn event(
        stage: &mut Self,
        _: &XdgSurface,
        event: xdg_surface::Event,
        scanout: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            stage.telling(|stage, told| {
                if let Some(window) = stage.windows.get_mut(*scanout) {
                    window.configure(serial, told);
                }
            });
        }
    }
}

impl Dispatch<XdgToplevel, usize> for Stage {
    fn event(
        stage: &mut Self,
        _: &XdgToplevel,
        event: xdg_toplevel::Event,
        scanout: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            xdg_toplevel::Event::Configure { width, height, states } => {
                let side = |length: i32| u32::try_from(length).unwrap_or(0);
                let suspended = u32::from(xdg_toplevel::State::Suspended).to_ne_bytes();
                let suspended = states.chunks_exact(4).any(|state| state == suspended);
                let window = stage.windows.get_mut(*scanout);
                if let Some(top) = window.and_then(|window| window.top.as_mut()) {
                    top.next = (Size::new(side(width), side(height)), suspended);
                }
            }
            xdg_toplevel::Event::Close => stage.tell(Told::Closed { scanout: *scanout }),
            _ => {}
        }
    }
}

impl Dispatch<WlSeat, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlSeat,
        event: wl_seat::Event,
        name: &u32,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        if let wl_seat::Event::Capabilities { capabilities: WEnum::Value(has) } = event {
            stage.telling(|stage, told| stage.seats.capabilities(*name, has, queue, told));
        }
    }
}

impl Dispatch<WlKeyboard, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        stage.telling(|stage, told| stage.seats.keyboard(*name, event, told));
    }
}

impl Dispatch<WlPointer, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlPointer,
        event: wl_pointer::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        stage.telling(|stage, told| {
            stage.seats.pointer(*name, event, size_of(&stage.windows), told);
        });
    }
}

impl Dispatch<WlTouch, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        stage.telling(|stage, told| {
            stage.seats.touch(*name, event, size_of(&stage.windows), told);
        });
    }
}

delegate_noop!(Stage: ignore WlCompositor);
delegate_noop!(Stage: ignore WlSubcompositor);
delegate_noop!(Stage: ignore WlSubsurface);
delegate_noop!(Stage: ignore WlRegion);
delegate_noop!(Stage: ignore WlShmPool);
delegate_noop!(Stage: ignore WlSurface);
delegate_noop!(Stage: ignore WpPresentation);
// Its priority is that of the guest, which is a process of its own.
delegate_noop!(Stage: ignore PortholeProcessV1);
delegate_noop!(Stage: WfdStreamManagerV1);

impl Dispatch<WlSurface, usize> for Stage {
    // Which outputs show a window is no news for a guest.
    fn event(
        _: &mut Self,
        _: &WlSurface,
        _: wayland_client::protocol::wl_surface::Event,
        _: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}
