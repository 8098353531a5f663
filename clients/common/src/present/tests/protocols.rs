//! The protocols of the small compositor.

use std::sync::Mutex;

use porthole_wayland::stream::server::wfd_stream_manager_v1::{self, WfdStreamManagerV1};
use porthole_wayland::stream::server::wfd_stream_v1::{self, WfdStreamV1};
use wayland_protocols::wp::presentation_time::server::wp_presentation::{self, WpPresentation};
use wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::{
    self, WpPresentationFeedback,
};
use wayland_protocols::wp::tablet::zv2::server::{
    zwp_tablet_manager_v2::{self, ZwpTabletManagerV2},
    zwp_tablet_pad_group_v2::{self, ZwpTabletPadGroupV2},
    zwp_tablet_pad_ring_v2::{self, ZwpTabletPadRingV2},
    zwp_tablet_pad_v2::{self, ZwpTabletPadV2},
    zwp_tablet_seat_v2::{self, ZwpTabletSeatV2},
    zwp_tablet_tool_v2::{self, ZwpTabletToolV2},
    zwp_tablet_v2::{self, ZwpTabletV2},
};
use wayland_protocols::xdg::shell::server::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::server::xdg_toplevel::{self, XdgToplevel};
use wayland_protocols::xdg::shell::server::xdg_wm_base::{self, XdgWmBase};
use wayland_server::protocol::wl_buffer::{self, WlBuffer};
use wayland_server::protocol::wl_callback::{self, WlCallback};
use wayland_server::protocol::wl_compositor::{self, WlCompositor};
use wayland_server::protocol::wl_keyboard::{self, WlKeyboard};
use wayland_server::protocol::wl_pointer::{self, WlPointer};
use wayland_server::protocol::wl_region::{self, WlRegion};
use wayland_server::protocol::wl_seat::{self, Capability, WlSeat};
use wayland_server::protocol::wl_shm::{self, WlShm};
use wayland_server::protocol::wl_shm_pool::{self, WlShmPool};
use wayland_server::protocol::wl_subcompositor::{self, WlSubcompositor};
use wayland_server::protocol::wl_subsurface::{self, WlSubsurface};
use wayland_server::protocol::wl_surface::{self, WlSurface};
use wayland_server::protocol::wl_touch::{self, WlTouch};
use wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
};

use super::server::Server;

/// What a surface will show after its next commit.
#[derive(Default)]
struct Next {
    /// Name in the log; windows and cursors get theirs by their role.
    role: &'static str,
    attached: Option<String>,
    buffer: Option<WlBuffer>,
    damage: Vec<[i32; 4]>,
    frame: Option<WlCallback>,
}

type SurfaceData = Mutex<Next>;

struct Pool {
    inode: u64,
}

/// Implements binding of a global that says nothing at first.
macro_rules! global {
    ($interface:ty, $bound:expr) => {
        impl GlobalDispatch<$interface, ()> for Server {
            fn bind(
                _: &mut Self,
                _: &DisplayHandle,
                _: &Client,
                new: New<$interface>,
                (): &(),
                init: &mut DataInit<'_, Self>,
            ) {
                let bound: fn(&$interface) = $bound;
                bound(&init.init(new, ()));
            }
        }
    };
}

/// Implements the requests of an interface as one closure over (server, object, request, data, init).
macro_rules! requests {
    ($interface:ty, $module:ident, $data:ty, $act:expr) => {
        impl Dispatch<$interface, $data> for Server {
            fn request(
                server: &mut Self,
                _: &Client,
                object: &$interface,
                request: $module::Request,
                data: &$data,
                _: &DisplayHandle,
                init: &mut DataInit<'_, Self>,
            ) {
                type Act = fn(
                    &mut Server,
                    &$interface,
                    $module::Request,
                    &$data,
                    &mut DataInit<'_, Server>,
                );
                let act: Act = $act;
                act(server, object, request, data, init);
            }
        }
    };
}

global!(WlCompositor, |_| ());
global!(WlSubcompositor, |_| ());
global!(WlShm, |shm| {
    shm.format(wl_shm::Format::Argb8888);
    shm.format(wl_shm::Format::Xrgb8888);
});
global!(XdgWmBase, |_| ());
global!(WpPresentation, |_| ());
global!(WfdStreamManagerV1, |_| ());
global!(ZwpTabletManagerV2, |_| ());
global!(WlSeat, |seat| seat
    .capabilities(Capability::Keyboard | Capability::Pointer | Capability::Touch));

requests!(ZwpTabletManagerV2, zwp_tablet_manager_v2, (), |server, _, request, (), init| {
    if let zwp_tablet_manager_v2::Request::GetTabletSeat { tablet_seat, .. } = request {
        server.pens.push(init.init(tablet_seat, ()));
        server.note("pens are wanted".to_owned());
    }
});
requests!(ZwpTabletSeatV2, zwp_tablet_seat_v2, (), |server, _, request, (), _| {
    if let zwp_tablet_seat_v2::Request::Destroy = request {
        server.note("pens are not wanted".to_owned());
    }
});
requests!(ZwpTabletV2, zwp_tablet_v2, (), |_, _, _, (), _| ());
requests!(ZwpTabletPadV2, zwp_tablet_pad_v2, (), |_, _, _, (), _| ());
requests!(ZwpTabletPadGroupV2, zwp_tablet_pad_group_v2, (), |_, _, _, (), _| ());
requests!(ZwpTabletPadRingV2, zwp_tablet_pad_ring_v2, (), |_, _, _, (), _| ());
requests!(ZwpTabletToolV2, zwp_tablet_tool_v2, (), |server, _, request, (), _| {
    if let zwp_tablet_tool_v2::Request::SetCursor { serial, surface: None, .. } = request {
        server.note(format!("pen {serial} is hidden"));
    }
});
requests!(WlCompositor, wl_compositor, (), |_, _, request, (), init| match request {
    wl_compositor::Request::CreateSurface { id } => {
        let next = Next { role: "cursor", ..Next::default() };
        init.init(id, SurfaceData::new(next));
    }
    wl_compositor::Request::CreateRegion { id } => drop(init.init(id, ())),
    _ => {}
});
requests!(WlSurface, wl_surface, SurfaceData, |server, surface, request, data, init| {
    let mut next = data.lock().unwrap();
    match request {
        wl_surface::Request::Attach { buffer, .. } => {
            let name = buffer.as_ref().map(|buffer| buffer.data::<String>().unwrap().clone());
            next.attached = Some(name.unwrap_or_else(|| "nothing".to_owned()));
            next.buffer = buffer;
        }
        wl_surface::Request::DamageBuffer { x, y, width, height } => {
            next.damage.push([x, y, width, height]);
        }
        wl_surface::Request::Frame { callback } => next.frame = Some(init.init(callback, ())),
        wl_surface::Request::Commit => {
            let Next { role, attached, buffer, damage, frame } = std::mem::take(&mut *next);
            next.role = role;
            let attached = attached.map(|name| format!(" {name}")).unwrap_or_default();
            let damage = damage.first().map(|rect| format!(" {rect:?}")).unwrap_or_default();
            server.note(format!("{role}:{attached}{damage}"));
            server.frames.extend(frame);
            if role == "window" {
                server.attached.extend(buffer);
            }
            let _ = surface;
        }
        _ => {}
    }
});
requests!(WlSubcompositor, wl_subcompositor, (), |_, _, request, (), init| {
    if let wl_subcompositor::Request::GetSubsurface { id, surface, .. } = request {
        surface.data::<SurfaceData>().unwrap().lock().unwrap().role = "overlay";
        init.init(id, ());
    }
});
requests!(WlSubsurface, wl_subsurface, (), |server, _, request, (), _| {
    if let wl_subsurface::Request::SetPosition { x, y } = request {
        server.note(format!("overlay at {x},{y}"));
    }
});
requests!(WlShm, wl_shm, (), |_, _, request, (), init| {
    if let wl_shm::Request::CreatePool { id, fd, .. } = request {
        init.init(id, Pool { inode: rustix::fs::fstat(&fd).unwrap().st_ino });
    }
});
requests!(WlShmPool, wl_shm_pool, Pool, |_, _, request, pool, init| {
    if let wl_shm_pool::Request::CreateBuffer { id, width, height, format, .. } = request {
        let WEnum::Value(format) = format else { panic!("a format that was not offered") };
        init.init(id, format!("{width}x{height} {format:?} of {}", pool.inode));
    }
});
requests!(XdgWmBase, xdg_wm_base, (), |server, _, request, (), init| {
    if let xdg_wm_base::Request::GetXdgSurface { id, surface } = request {
        surface.data::<SurfaceData>().unwrap().lock().unwrap().role = "window";
        server.xdg = Some(init.init(id, ()));
        server.window = Some(surface);
    }
});
requests!(XdgSurface, xdg_surface, (), |server, _, request, (), init| match request {
    xdg_surface::Request::GetToplevel { id } => server.toplevel = Some(init.init(id, ())),
    xdg_surface::Request::AckConfigure { .. } => server.note("acknowledged".to_owned()),
    _ => {}
});
requests!(XdgToplevel, xdg_toplevel, (), |server, _, request, (), _| match request {
    xdg_toplevel::Request::SetAppId { app_id } => server.note(format!("id {app_id}")),
    xdg_toplevel::Request::SetTitle { title } => server.note(format!("title {title}")),
    _ => {}
});
requests!(WpPresentation, wp_presentation, (), |server, _, request, (), init| {
    if let wp_presentation::Request::Feedback { callback, .. } = request {
        server.feedback.push(init.init(callback, ()));
    }
});
requests!(WlSeat, wl_seat, (), |server, _, request, (), init| match request {
    wl_seat::Request::GetKeyboard { id } => server.keyboards.push(init.init(id, ())),
    wl_seat::Request::GetPointer { id } => server.pointers.push(init.init(id, ())),
    wl_seat::Request::GetTouch { id } => server.touches.push(init.init(id, ())),
    _ => {}
});
requests!(WlPointer, wl_pointer, (), |server, _, request, (), _| {
    if let wl_pointer::Request::SetCursor { serial, surface, hotspot_x, hotspot_y } = request {
        let what = if surface.is_some() { "an image" } else { "nothing" };
        server.note(format!("pointer {serial} wears {what} at {hotspot_x},{hotspot_y}"));
    }
});
requests!(WlBuffer, wl_buffer, String, |server, _, request, name, _| {
    if let wl_buffer::Request::Destroy = request {
        server.note(format!("destroyed {name}"));
    }
});
requests!(WfdStreamManagerV1, wfd_stream_manager_v1, (), |server, _, request, (), init| {
    if let wfd_stream_manager_v1::Request::GetStream { id, .. } = request {
        server.stream = Some(init.init(id, ()));
    }
});
requests!(WfdStreamV1, wfd_stream_v1, (), |server, _, request, (), _| {
    server.note(match request {
        wfd_stream_v1::Request::AckConfigure { serial } => format!("stream: told {serial}"),
        wfd_stream_v1::Request::SetState { state: WEnum::Value(state) } => {
            format!("stream: {state:?}")
        }
        wfd_stream_v1::Request::SetLeds { lamps: WEnum::Value(lamps) } => {
            format!("stream: lamps {}", lamps.bits())
        }
        wfd_stream_v1::Request::SetPointerMode { mode: WEnum::Value(mode) } => {
            format!("stream: {mode:?}")
        }
        other => format!("stream: {other:?}"),
    });
});
requests!(WlCallback, wl_callback, (), |_, _, _, (), _| ());
requests!(WlRegion, wl_region, (), |_, _, _, (), _| ());
requests!(WlKeyboard, wl_keyboard, (), |_, _, _, (), _| ());
requests!(WlTouch, wl_touch, (), |_, _, _, (), _| ());
requests!(WpPresentationFeedback, wp_presentation_feedback, (), |_, _, _, (), _| ());
