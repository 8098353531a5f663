//! Each event as a line.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop,
    globals::GlobalListContents,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_callback::{self, WlCallback},
        wl_compositor::WlCompositor,
        wl_keyboard::{self, WlKeyboard},
        wl_output::{self, WlOutput},
        wl_pointer::{self, WlPointer},
        wl_registry::{self, WlRegistry},
        wl_seat::{self, WlSeat},
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
        wl_subcompositor::WlSubcompositor,
        wl_subsurface::WlSubsurface,
        wl_surface::WlSurface,
    },
};
use wayland_protocols::{
    ext::{
        image_capture_source::v1::client::{
            ext_image_capture_source_v1::ExtImageCaptureSourceV1,
            ext_output_image_capture_source_manager_v1::ExtOutputImageCaptureSourceManagerV1,
        },
        image_copy_capture::v1::client::{
            ext_image_copy_capture_frame_v1::{self as frame, ExtImageCopyCaptureFrameV1},
            ext_image_copy_capture_manager_v1::ExtImageCopyCaptureManagerV1,
            ext_image_copy_capture_session_v1::{self as session, ExtImageCopyCaptureSessionV1},
        },
    },
    wp::{
        tablet::zv2::client::zwp_tablet_tool_v2::ZwpTabletToolV2,
        viewporter::client::{wp_viewport::WpViewport, wp_viewporter::WpViewporter},
    },
    xdg::shell::client::{
        xdg_surface::{self, XdgSurface},
        xdg_toplevel::{self, XdgToplevel},
        xdg_wm_base::{self, XdgWmBase},
    },
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
};
use wayland_protocols_wlr::virtual_pointer::v1::client::{
    zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
    zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
};

use super::desktop::Clipboard;

/// What the service said, a line for each event.
#[derive(Debug, Default)]
pub struct Log {
    lines: Vec<String>,
    pub(super) handles: super::toplevels::Handles,
    pub(super) typing: super::typing::Typing,
    pub(super) clipboard: Clipboard,
    pub(super) heads: super::outputs::Heads,
    /// The serial of the last button, key or focus.
    pub(super) serial: Option<u32>,
    /// A buffer that the service made.
    pub(super) made: Option<WlBuffer>,
    /// How many commits controllers made.
    pub(super) commits: u32,
    /// The last dump.
    pub(super) dump: Option<String>,
    /// The serial with which the pointer came last.
    pub(super) pointer_serial: Option<u32>,
    /// The pen that came last, and the serial with which it did.
    pub(super) pen: Option<(ZwpTabletToolV2, u32)>,
    /// The surface that had the keyboard last.
    pub keyboard: Option<WlSurface>,
}

impl Log {
    /// Lines so far: a mark for [`Log::since`].
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when nothing was said yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines since a mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> &[String] {
        self.lines.get(mark..).unwrap_or_default()
    }

    /// A round trip's own line is no news to a test.
    pub(super) fn forget_answer(&mut self, mark: usize) {
        let own = self.lines.iter().skip(mark).position(|line| line == "answered");
        if let Some(at) = own {
            self.lines.remove(mark + at);
        }
    }

    pub(super) fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }
}

/// Marks the callback that ends a round trip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered;

impl Dispatch<WlCallback, Answered> for Log {
    fn event(
        log: &mut Self,
        _: &WlCallback,
        _: wl_callback::Event,
        _: &Answered,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        log.say("answered");
    }
}

macro_rules! dispatch {
    ($proxy:ty, |$log:ident, $object:ident, $event:ident| $body:expr) => {
        impl Dispatch<$proxy, ()> for Log {
            fn event(
                $log: &mut Self,
                $object: &$proxy,
                $event: <$proxy as Proxy>::Event,
                (): &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
                $body
            }
        }
    };
}

impl Dispatch<WlRegistry, GlobalListContents> for Log {
    fn event(
        log: &mut Self,
        _: &WlRegistry,
        event: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global { interface, .. } => log.say(format!("global {interface}")),
            wl_registry::Event::GlobalRemove { .. } => log.say("global removed"),
            _ => {}
        }
    }
}

dispatch!(WlOutput, |log, _object, event| match event {
    wl_output::Event::Name { name } => log.say(format!("output name {name}")),
    wl_output::Event::Mode { width, height, refresh, .. } => {
        log.say(format!("output mode {width}x{height} {refresh}"));
    }
    _ => {}
});
dispatch!(WlSeat, |log, _object, event| match event {
    wl_seat::Event::Name { name } => log.say(format!("seat name {name}")),
    wl_seat::Event::Capabilities { capabilities: WEnum::Value(has) } => {
        log.say(format!("seat has {has:?}"));
    }
    _ => {}
});
dispatch!(WlBuffer, |log, object, event| if let wl_buffer::Event::Release = event {
    log.say(format!("buffer {} released", object.id().protocol_id()));
});
dispatch!(WlCallback, |log, _object, event| if let wl_callback::Event::Done { .. } = event {
    log.say("frame done");
});
dispatch!(XdgWmBase, |_log, object, event| if let xdg_wm_base::Event::Ping { serial } = event {
    object.pong(serial);
});
dispatch!(XdgSurface, |log, object, event| {
    if let xdg_surface::Event::Configure { serial } = event {
        object.ack_configure(serial);
        log.say("xdg_surface configured");
    }
});
dispatch!(XdgToplevel, |log, _object, event| match event {
    xdg_toplevel::Event::Configure { width, height, .. } => {
        log.say(format!("toplevel {width}x{height}"));
    }
    xdg_toplevel::Event::Close => log.say("toplevel close"),
    _ => {}
});
dispatch!(WlKeyboard, |log, _object, event| {
    log.typing.event(&event);
    match event {
        wl_keyboard::Event::Enter { serial, surface, .. } => {
            log.serial = Some(serial);
            log.keyboard = Some(surface);
            log.say("keyboard enter");
        }
        wl_keyboard::Event::Leave { .. } => log.say("keyboard leave"),
        wl_keyboard::Event::RepeatInfo { rate, delay } => {
            log.say(format!("repeats {rate} after {delay}"));
        }
        wl_keyboard::Event::Key { key, state, .. } => {
            let down = state == WEnum::Value(wl_keyboard::KeyState::Pressed);
            log.say(format!("key {key} {}", if down { "pressed" } else { "released" }));
        }
        _ => {}
    }
});
dispatch!(WlPointer, |log, _object, event| match event {
    wl_pointer::Event::Enter { serial, surface_x, surface_y, .. } => {
        log.pointer_serial = Some(serial);
        log.say(format!("pointer enter {surface_x:.1} {surface_y:.1}"));
    }
    wl_pointer::Event::Leave { .. } => log.say("pointer leave"),
    wl_pointer::Event::Motion { surface_x, surface_y, .. } => {
        log.say(format!("pointer motion {surface_x:.1} {surface_y:.1}"));
    }
    wl_pointer::Event::Button { serial, button, state, .. } => {
        log.serial = Some(serial);
        let down = state == WEnum::Value(wl_pointer::ButtonState::Pressed);
        log.say(format!("button {button} {}", if down { "pressed" } else { "released" }));
    }
    wl_pointer::Event::AxisValue120 { value120, .. } => log.say(format!("axis120 {value120}")),
    _ => {}
});
dispatch!(ExtImageCopyCaptureSessionV1, |log, _object, event| match event {
    session::Event::BufferSize { width, height } => {
        log.say(format!("capture size {width}x{height}"));
    }
    session::Event::Done => log.say("capture done"),
    session::Event::Stopped => log.say("capture stopped"),
    _ => {}
});
dispatch!(ExtImageCopyCaptureFrameV1, |log, _object, event| match event {
    frame::Event::Damage { x, y, width, height } => {
        log.say(format!("damage {width}x{height}+{x}+{y}"));
    }
    frame::Event::Ready => log.say("capture ready"),
    frame::Event::Failed { reason: WEnum::Value(reason) } => {
        log.say(format!("capture failed {reason:?}"));
    }
    _ => {}
});

delegate_noop!(Log: ignore WlSurface);
delegate_noop!(Log: ignore WlShm);
delegate_noop!(Log: WlShmPool);
delegate_noop!(Log: WlCompositor);
delegate_noop!(Log: WlSubcompositor);
delegate_noop!(Log: WlSubsurface);
delegate_noop!(Log: WpViewporter);
delegate_noop!(Log: WpViewport);
delegate_noop!(Log: ExtImageCaptureSourceV1);
delegate_noop!(Log: ExtOutputImageCaptureSourceManagerV1);
delegate_noop!(Log: ExtImageCopyCaptureManagerV1);
delegate_noop!(Log: ZwpVirtualKeyboardManagerV1);
delegate_noop!(Log: ZwpVirtualKeyboardV1);
delegate_noop!(Log: ZwlrVirtualPointerManagerV1);
delegate_noop!(Log: ZwlrVirtualPointerV1);
