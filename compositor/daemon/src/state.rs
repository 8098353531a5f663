//! All state of the service. One thread owns it; a handler touches one or two of its parts.

use porthole_core::{config::Config, model::Device, rights::SocketRights};
use smithay::{
    reexports::{
        calloop::{LoopHandle, LoopSignal},
        wayland_server::{Client, DisplayHandle},
    },
    wayland::{
        compositor::CompositorState, output::OutputManagerState, presentation::PresentationState,
        shell::xdg::XdgShellState, viewporter::ViewporterState,
    },
};

use crate::{
    choice::Source,
    clock,
    desktop::Desktop,
    handlers::{
        accounts::{Telling, may_account},
        machine::Machine,
        output_management::ViewerSizes,
        parents::Parents,
        wfd::Control,
    },
    layers::Layers,
    pictures::Pictures,
    ports::Ports,
    programs::Programs,
    protocols::{
        accounts::AccountsState,
        capture::{CaptureState, CursorImage},
        foreign_toplevel::ForeignToplevels,
        output_management::OutputManagementState,
        process::ProcessState,
        safety::SafetyState,
        screencopy::ScreencopyState,
        seat_feedback::SeatFeedbackState,
        shm::{Releases, ShmState},
        tablet::TabletState,
        transient_seat::TransientSeatState,
        virtual_keyboard::VirtualKeyboardState,
        virtual_pointer::VirtualPointerState,
        virtual_touch::VirtualTouchState,
        wfd::WfdState,
    },
    remember::Memory,
    screens::Cards,
    seats::Seats,
    sockets::{Sockets, Successor, socket_of},
    windows::Windows,
};

/// The state of the service.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) display: DisplayHandle,
    pub(crate) handle: LoopHandle<'static, State>,
    pub(crate) signal: LoopSignal,
    /// The loop forgets that it is to stop when it begins to run, and some of it runs before.
    pub(crate) is_ending: bool,
    pub(crate) config: Config,
    /// Where it comes from.
    pub(crate) source: Source,
    /// Sizes of ports that viewers asked for, over those of the configuration.
    pub(crate) viewer_sizes: ViewerSizes,
    pub(crate) device: Device,
    /// What the next start is to know of it.
    pub(crate) memory: Memory,
    /// What clients that control it have under way.
    pub(crate) control: Control,
    pub(crate) globals: Globals,
    pub(crate) ports: Ports,
    /// Graphics cards that ports are on.
    pub(crate) cards: Cards,
    /// Compositors that ports have windows in.
    pub(crate) parents: Parents,
    pub(crate) seats: Seats,
    /// The machine's own keyboards and pointers.
    pub(crate) machine: Machine,
    pub(crate) windows: Windows,
    pub(crate) layers: Layers,
    /// Images and masks.
    pub(crate) pictures: Pictures,
    pub(crate) sockets: Sockets,
    /// The next run of the service, which waits for the end of this one.
    pub(crate) successor: Option<Successor>,
    pub(crate) programs: Programs,
    pub(crate) statistics: Statistics,
    /// Where buffers go that nobody reads any more.
    pub(crate) released: Releases,
    /// The pointer over nobody's surface.
    pub(crate) arrow: Option<CursorImage>,
}

/// The protocols.
#[derive(Debug)]
pub(crate) struct Globals {
    pub(crate) compositor: CompositorState,
    pub(crate) xdg_shell: XdgShellState,
    pub(crate) capture: CaptureState,
    pub(crate) foreign_toplevels: ForeignToplevels,
    pub(crate) screencopy: ScreencopyState,
    pub(crate) output_management: OutputManagementState,
    pub(crate) desktop: Desktop,
    pub(crate) wfd: WfdState,
    pub(crate) feedback: SeatFeedbackState,
    pub(crate) safety: SafetyState,
    pub(crate) accounts: AccountsState,
    pub(crate) processes: ProcessState,
    pub(crate) tablets: TabletState,
    _shm: ShmState,
    _viewporter: ViewporterState,
    _presentation: PresentationState,
    _output: OutputManagerState,
    _transient_seats: TransientSeatState,
    _keyboard: VirtualKeyboardState,
    _pointer: VirtualPointerState,
    _touch: VirtualTouchState,
}

impl Globals {
    /// Announces every protocol; those that need a right are seen only where a socket has one.
    pub(crate) fn new(display: &DisplayHandle) -> Self {
        let may_capture = |client: &Client| {
            socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_capture_any))
        };
        let may_input = |client: &Client| {
            socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_input_any))
        };
        let may_resize = |client: &Client| {
            socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_resize_any))
        };
        let may_observe = |client: &Client| {
            socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_observe_any))
        };
        let may_watch = |client: &Client| {
            socket_of(client).is_some_and(|s| s.with_rights(SocketRights::may_watch_any))
        };
        Self {
            compositor: CompositorState::new_v6::<State>(display),
            xdg_shell: XdgShellState::new::<State>(display),
            capture: CaptureState::new::<State>(display, may_capture),
            foreign_toplevels: ForeignToplevels::new::<State>(display, may_capture),
            screencopy: ScreencopyState::new::<State>(display, may_capture),
            output_management: OutputManagementState::new::<State>(display, may_resize),
            desktop: Desktop::new(display),
            wfd: WfdState::new::<State>(display, may_observe),
            feedback: SeatFeedbackState::new::<State>(display, may_input),
            safety: SafetyState::new::<State>(display, may_watch),
            accounts: AccountsState::new::<State>(display, may_account),
            processes: ProcessState::new::<State>(display),
            tablets: TabletState::new::<State>(display),
            _shm: ShmState::new::<State>(display),
            _viewporter: ViewporterState::new::<State>(display),
            _presentation: PresentationState::new::<State>(display, clock::ID),
            _output: OutputManagerState::new(),
            _transient_seats: TransientSeatState::new::<State>(display, may_input),
            _keyboard: VirtualKeyboardState::new::<State>(display, may_input),
            _pointer: VirtualPointerState::new::<State>(display, may_input),
            _touch: VirtualTouchState::new::<State>(display, may_input),
        }
    }
}

/// Counts of the whole service; ports have theirs.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// Bytes copied into viewers' buffers.
    pub(crate) captured_bytes: u64,
    /// When somebody is told of the accounts next.
    pub(crate) telling: Telling,
}

impl State {
    /// What was done so far, as one JSON object.
    pub(crate) fn statistics(&self) -> serde_json::Value {
        let ports: serde_json::Map<_, _> = self
            .ports
            .iter()
            .map(|(_, p)| {
                let counts =
                    serde_json::json!({ "frames": p.frames.shown(), "composed_bytes": p.composed_bytes, "gpu_frames": p.gpu_frames, "screen_bytes": p.screen_bytes, "handed_frames": p.handed_frames, "taken_back": p.taken_back, "pointer_moves": p.pointer_moves, "late_frames": p.frames.late() });
                (p.name.clone(), counts)
            })
            .collect();
        serde_json::json!({
            "ports": ports,
            "accounts": self.account_statistics(),
            "captured_bytes": self.statistics.captured_bytes,
            "idle_inhibitors": self.shown_inhibitors(),
        })
    }
}
