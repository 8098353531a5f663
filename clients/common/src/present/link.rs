//! One connection to a compositor and the globals found on it.

use std::io;
use std::path::Path;

use calloop::{LoopHandle, RegistrationToken};
use calloop_wayland_source::WaylandSource;
use porthole_wayland::process::client::porthole_process_v1::PortholeProcessV1;
use porthole_wayland::stream::client::wfd_stream_manager_v1::WfdStreamManagerV1;
use wayland_client::backend::WaylandError;
use wayland_client::protocol::wl_compositor::WlCompositor;
use wayland_client::protocol::wl_data_device_manager::WlDataDeviceManager;
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::protocol::wl_shm::WlShm;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_client::{Connection, QueueHandle};
use wayland_protocols::wp::linux_dmabuf::zv1::client::zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1;
use wayland_protocols::wp::pointer_constraints::zv1::client::zwp_pointer_constraints_v1::ZwpPointerConstraintsV1;
use wayland_protocols::wp::presentation_time::client::wp_presentation::WpPresentation;
use wayland_protocols::wp::relative_pointer::zv1::client::zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1;
use wayland_protocols::wp::tablet::zv2::client::zwp_tablet_manager_v2::ZwpTabletManagerV2;
use wayland_protocols::xdg::shell::client::xdg_wm_base::XdgWmBase;

use super::Numbers;
use super::dispatch::CallbackOf;
use super::stage::Stage;
use crate::connection::{self, ConnectError};
use crate::errand;

/// A connection.
pub(super) struct Link {
    connection: Connection,
    pub(super) queue: QueueHandle<Stage>,
    registry: WlRegistry,
    source: RegistrationToken,
    pub(super) compositor: Option<WlCompositor>,
    pub(super) subcompositor: Option<WlSubcompositor>,
    pub(super) shm: Option<WlShm>,
    pub(super) wm: Option<XdgWmBase>,
    pub(super) presentation: Option<WpPresentation>,
    pub(super) streams: Option<WfdStreamManagerV1>,
    process: Option<PortholeProcessV1>,
    /// What was said of the device's work on this connection.
    said: Option<Numbers>,
    pub(super) constraints: Option<ZwpPointerConstraintsV1>,
    pub(super) relative: Option<ZwpRelativePointerManagerV1>,
    pub(super) tablets: Option<ZwpTabletManagerV2>,
    /// Only where it is wanted.
    pub(super) clipboard: Option<WlDataDeviceManager>,
    wants_clipboard: bool,
    /// Formats that the compositor's `wl_shm` takes, by its numbers.
    pub(super) formats: Vec<u32>,
    /// Takes memory of devices.
    pub(super) dmabuf: Option<ZwpLinuxDmabufV1>,
    /// In these formats, by DRM's codes, with these modifiers.
    pub(super) device_formats: Vec<(u32, u64)>,
    /// The compositor has not seen the last change yet that a guest may make without end.
    pub(super) unseen: bool,
    ready: bool,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Where(#[from] ConnectError),
    #[error("no compositor answers: {0}")]
    Socket(#[from] io::Error),
    #[error("the compositor cannot be spoken to")]
    Setup,
    #[error("cannot watch the connection: {0}")]
    Watch(calloop::Error),
}

fn open(path: &Path) -> Result<Connection, LinkError> {
    Connection::from_socket(errand::connect(path)?).map_err(|_| LinkError::Setup)
}

impl Link {
    /// Connects and asks for the globals; [`Stage::connected`] follows when all are known.
    pub(super) fn connect(
        path: Option<&Path>,
        wants_clipboard: bool,
        handle: &LoopHandle<'static, Stage>,
    ) -> Result<Self, LinkError> {
        let connection = open(&connection::socket_path(path)?)?;
        let events = connection.new_event_queue::<Stage>();
        let queue = events.handle();
        let display = connection.display();
        let registry = display.get_registry(&queue, ());
        display.sync(&queue, CallbackOf::Globals);
        let source = WaylandSource::new(connection.clone(), events);
        let source =
            source.insert(handle.clone()).map_err(|error| LinkError::Watch(error.error))?;
        Ok(Self {
            connection,
            queue,
            registry,
            source,
            compositor: None,
            subcompositor: None,
            shm: None,
            wm: None,
            presentation: None,
            streams: None,
            process: None,
            said: None,
            constraints: None,
            relative: None,
            tablets: None,
            clipboard: None,
            wants_clipboard,
            formats: Vec::new(),
            dmabuf: None,
            device_formats: Vec::new(),
            unseen: false,
            ready: false,
        })
    }

    /// A global is there. Versions are those that this code knows, or lower.
    pub(super) fn global(&mut self, name: u32, interface: &str, version: u32) -> Option<WlSeat> {
        let (registry, queue) = (&self.registry, &self.queue);
        match interface {
            // Damage in buffer coordinates came with version 4.
            "wl_compositor" if version >= 4 => {
                self.compositor = Some(registry.bind(name, version.min(6), queue, ()));
            }
            "wl_subcompositor" => self.subcompositor = Some(registry.bind(name, 1, queue, ())),
            "wl_shm" => self.shm = Some(registry.bind(name, 1, queue, ())),
            "xdg_wm_base" => self.wm = Some(registry.bind(name, version.min(6), queue, ())),
            "wp_presentation" => self.presentation = Some(registry.bind(name, 1, queue, ())),
            "wfd_stream_manager_v1" => self.streams = Some(registry.bind(name, 1, queue, ())),
            "porthole_process_v1" => self.process = Some(registry.bind(name, 1, queue, ())),
            // Modifiers came with version 3; from 4 on formats are told by a table.
            "zwp_linux_dmabuf_v1" if version >= 3 => {
                self.dmabuf = Some(registry.bind(name, 3, queue, ()));
            }
            "zwp_pointer_constraints_v1" => {
                self.constraints = Some(registry.bind(name, 1, queue, ()));
            }
            "zwp_relative_pointer_manager_v1" => {
                self.relative = Some(registry.bind(name, 1, queue, ()));
            }
            "zwp_tablet_manager_v2" => self.tablets = Some(registry.bind(name, 1, queue, ())),
            "wl_data_device_manager" if self.wants_clipboard => {
                self.clipboard = Some(registry.bind(name, version.min(3), queue, ()));
            }
            // Frames of pointer events came with version 5; repeated keys from 10 on are not wanted.
            "wl_seat" if version >= 5 => {
                return Some(registry.bind(name, version.min(9), queue, name));
            }
            _ => {}
        }
        None
    }

    /// Checks that what is needed is there.
    pub(super) fn ready(&mut self) -> Result<(), &'static str> {
        self.compositor.as_ref().ok_or("wl_compositor of version 4 or later")?;
        self.shm.as_ref().ok_or("wl_shm")?;
        self.wm.as_ref().ok_or("xdg_wm_base")?;
        self.ready = true;
        Ok(())
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Asks to be told when everything up to now was seen.
    pub(super) fn ask_seen(&mut self) {
        self.connection.display().sync(&self.queue, CallbackOf::Seen);
        self.unseen = true;
    }

    /// Says how much the device has done, where that is news and somebody hears it.
    pub(super) fn say(&mut self, numbers: Numbers) {
        if let Some(process) = self.process.as_ref().filter(|_| self.said != Some(numbers)) {
            self.said = Some(numbers);
            process.state(numbers.0.iter().flat_map(|number| number.to_ne_bytes()).collect());
        }
    }

    /// Sends what was asked for in this turn.
    pub(super) fn flush(&self) -> io::Result<()> {
        match self.connection.flush() {
            Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(WaylandError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error.to_string())),
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn close(self, handle: &LoopHandle<'static, Stage>) {
        handle.remove(self.source);
    }
}
