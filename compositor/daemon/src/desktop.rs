//! The protocols that ordinary programs expect of a desktop.

use std::collections::HashMap;

use smithay::{
    reexports::wayland_server::{Client, DisplayHandle, backend::ObjectId},
    wayland::{
        cursor_shape::CursorShapeManagerState,
        fractional_scale::FractionalScaleManagerState,
        idle_inhibit::IdleInhibitManagerState,
        pointer_constraints::PointerConstraintsState,
        relative_pointer::RelativePointerManagerState,
        selection::{
            data_device::DataDeviceState, ext_data_control,
            primary_selection::PrimarySelectionState, wlr_data_control,
        },
        shell::xdg::decoration::XdgDecorationState,
        single_pixel_buffer::SinglePixelBufferState,
        xdg_activation::XdgActivationState,
    },
};

use porthole_core::{config::Clipboard, input::SeatId, rights::SocketRights};

use crate::{
    cursor_theme::NamedCursors,
    handlers::{devices::GoneDevices, idle::Inhibitors, pacing::Pacing},
    popups::Grabs,
    protocols::{
        alpha_modifier::AlphaModifierState,
        dmabuf::DmabufState,
        pacing::{CommitTimingState, FifoState},
        security_context::SecurityContextState,
        stream::StreamState,
        virtio_gpu_metadata::VirtioGpuMetadataState,
        xdg_output::XdgOutputState,
    },
    sockets::{SocketKind, socket_of},
    state::State,
};

/// Their globals, and what must be remembered of them.
#[derive(Debug)]
pub(crate) struct Desktop {
    pub(crate) data_device: DataDeviceState,
    pub(crate) activation: XdgActivationState,
    pub(crate) primary: PrimarySelectionState,
    pub(crate) ext_control: ext_data_control::DataControlState,
    pub(crate) wlr_control: wlr_data_control::DataControlState,
    pub(crate) outputs: XdgOutputState,
    pub(crate) grabs: Grabs,
    pub(crate) gone: GoneDevices,
    pub(crate) inhibitors: Inhibitors,
    pub(crate) pacing: Pacing,
    pub(crate) named_cursors: NamedCursors,
    pub(crate) streams: StreamState,
    /// How many types each source of a selection offers.
    pub(crate) offered: HashMap<ObjectId, u32>,
    /// The source that a client is making a selection of just now, and what is copied on each seat.
    pub(crate) selecting: Option<ObjectId>,
    pub(crate) selected: HashMap<SeatId, ObjectId>,
    _alpha: AlphaModifierState,
    _cursor_shape: CursorShapeManagerState,
    _metadata: VirtioGpuMetadataState,
    _decoration: XdgDecorationState,
    _dmabuf: DmabufState,
    _commit_timing: CommitTimingState,
    _fifo: FifoState,
    _fractional_scale: FractionalScaleManagerState,
    _idle_inhibit: IdleInhibitManagerState,
    _constraints: PointerConstraintsState,
    _relative_pointer: RelativePointerManagerState,
    _security_context: SecurityContextState,
    _single_pixel: SinglePixelBufferState,
}

impl Desktop {
    /// Announces the protocols. The clipboard is for programs, and for guests only as far as their
    /// configuration says.
    pub(crate) fn new(display: &DisplayHandle) -> Self {
        let primary = PrimarySelectionState::new_with_filter::<State, _>(display, is_program);
        Self {
            data_device: DataDeviceState::new::<State>(display),
            ext_control: ext_data_control::DataControlState::new::<State, _>(
                display,
                Some(&primary),
                may_clipboard_any,
            ),
            wlr_control: wlr_data_control::DataControlState::new::<State, _>(
                display,
                Some(&primary),
                may_clipboard_any,
            ),
            activation: XdgActivationState::new::<State>(display),
            primary,
            outputs: XdgOutputState::new::<State>(display),
            grabs: Grabs::default(),
            gone: GoneDevices::default(),
            offered: HashMap::new(),
            selecting: None,
            selected: HashMap::new(),
            inhibitors: Inhibitors::default(),
            pacing: Pacing::default(),
            named_cursors: NamedCursors::default(),
            streams: StreamState::new::<State>(display),
            _alpha: AlphaModifierState::new::<State>(display),
            _cursor_shape: CursorShapeManagerState::new::<State>(display),
            _metadata: VirtioGpuMetadataState::new::<State>(display, is_guest),
            _decoration: XdgDecorationState::new::<State>(display),
            _dmabuf: DmabufState::new::<State>(display),
            _commit_timing: CommitTimingState::new::<State>(display),
            _fifo: FifoState::new::<State>(display),
            _fractional_scale: FractionalScaleManagerState::new::<State>(display),
            _idle_inhibit: IdleInhibitManagerState::new::<State>(display),
            _constraints: PointerConstraintsState::new::<State>(display),
            _relative_pointer: RelativePointerManagerState::new::<State>(display),
            _security_context: SecurityContextState::new::<State>(display, |client| {
                is_program(client) && socket_of(client).is_some_and(|s| !s.is_sandbox())
            }),
            _single_pixel: SinglePixelBufferState::new::<State>(display),
        }
    }
}

/// True for the device processes of guests.
pub(crate) fn is_guest(client: &Client) -> bool {
    socket_of(client).is_some_and(|s| s.kind == SocketKind::Guest)
}

/// True for what comes through a `[[socket]]`.
pub(crate) fn is_program(client: &Client) -> bool {
    socket_of(client).is_some_and(|s| s.kind == SocketKind::Programs)
}

/// True for what may copy and paste.
pub(crate) fn may_copy(client: &Client) -> bool {
    is_program(client) || socket_of(client).is_some_and(|s| s.clipboard() != Clipboard::Off)
}

fn may_clipboard_any(client: &Client) -> bool {
    socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_clipboard_any))
}
