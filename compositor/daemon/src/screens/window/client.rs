//! The parent's side of a window: its globals, the toplevel, and what is heard of it.

use std::time::Duration;

use porthole_pixel::{Region, Size};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop,
    protocol::{
        wl_buffer::{self, WlBuffer},
        wl_callback::{self, WlCallback},
        wl_compositor::WlCompositor,
        wl_registry::{self, WlRegistry},
        wl_seat::WlSeat,
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
        wl_surface::{self, WlSurface},
    },
};
use wayland_protocols::{
    wp::{
        fractional_scale::v1::client::{
            wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1,
            wp_fractional_scale_v1::{self, WpFractionalScaleV1},
        },
        viewporter::client::{wp_viewport::WpViewport, wp_viewporter::WpViewporter},
    },
    xdg::{
        decoration::zv1::client::{
            zxdg_decoration_manager_v1::ZxdgDecorationManagerV1,
            zxdg_toplevel_decoration_v1::{Mode, ZxdgToplevelDecorationV1},
        },
        shell::client::{
            xdg_surface::{self, XdgSurface},
            xdg_toplevel::{self, State, XdgToplevel},
            xdg_wm_base::{self, XdgWmBase},
        },
    },
};

use super::{
    Event, Look, SCALE_UNIT, WindowError, clipboard::Clipboard, handed::Handed, input::Devices,
    presented::Clock,
};

/// What was heard, with what only this module knows of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Heard {
    /// To be acknowledged by its number.
    Configured(u32),
    /// The window has another scale.
    Scaled,
    Frame,
    Released(u64),
    Other(Event),
}

/// What a callback is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Callback {
    Globals,
    Frame,
}

#[derive(Debug)]
struct Global {
    name: u32,
    interface: String,
    version: u32,
}

/// What the parent said, and the objects that it is spoken to by.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) handle: QueueHandle<Self>,
    registry: WlRegistry,
    globals: Vec<Global>,
    /// All globals are known now.
    pub(super) listed: bool,
    shell: Option<Shell>,
    pub(super) devices: Devices,
    pub(super) clipboard: Clipboard,
    pub(super) clock: Clock,
    pub(super) handed: Handed,
    /// Of its buffers.
    last_id: u64,
    pub(super) events: Vec<Heard>,
}

/// The toplevel.
#[derive(Debug)]
struct Shell {
    shm: WlShm,
    surface: WlSurface,
    viewport: Option<WpViewport>,
    xdg: XdgSurface,
    toplevel: XdgToplevel,
    /// In parts of [`SCALE_UNIT`].
    scale: u32,
    /// The scale comes from the protocol for fractions.
    fractional: bool,
    /// Told, and not yet acknowledged.
    pending: Option<Wanted>,
    wanted: Option<Wanted>,
    /// It has a picture.
    shown: bool,
}

/// What the parent wants of the toplevel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wanted {
    /// None where it leaves that to us.
    size: Option<(u32, u32)>,
    /// It must be of just that size.
    fills: bool,
}

impl Client {
    pub(super) fn new(handle: QueueHandle<Self>, registry: WlRegistry, serial: u64) -> Self {
        Self {
            handle,
            registry,
            globals: Vec::new(),
            listed: false,
            shell: None,
            devices: Devices::new(serial),
            clipboard: Clipboard::default(),
            clock: Clock::default(),
            handed: Handed::default(),
            last_id: 0,
            events: Vec::new(),
        }
    }

    /// Binds a global, if the parent has it in this version at least.
    pub(super) fn bind<T>(&self, least: u32, most: u32) -> Option<T>
    where
        T: Proxy + 'static,
        Self: Dispatch<T, ()>,
    {
        let name = T::interface().name;
        let global = self.globals.iter().find(|global| global.interface == name)?;
        let version = global.version.min(most);
        (version >= least).then(|| self.registry.bind(global.name, version, &self.handle, ()))
    }

    fn need<T>(&self, least: u32, most: u32) -> Result<T, WindowError>
    where
        T: Proxy + 'static,
        Self: Dispatch<T, ()>,
    {
        let interface = T::interface().name;
        self.bind(least, most).ok_or(WindowError::Lacks { interface, version: least })
    }

    /// Makes the toplevel, and listens to seats.
    pub(super) fn open(&mut self, copies: bool, window: u64) -> Result<(), WindowError> {
        let compositor: WlCompositor = self.need(4, 6)?;
        let shm: WlShm = self.need(1, 1)?;
        let base: XdgWmBase = self.need(1, 5)?;
        let handle = &self.handle;
        let surface = compositor.create_surface(handle, ());
        let viewporter: Option<WpViewporter> = self.bind(1, 1);
        if viewporter.is_none() {
            tracing::warn!(
                "the parent has no wp_viewporter: windows are not scaled, neither for screens of many pixels nor to the size that a person gives them"
            );
        }
        let viewport = viewporter.as_ref().map(|all| all.get_viewport(&surface, handle, ()));
        let scales: Option<WpFractionalScaleManagerV1> =
            viewport.as_ref().and_then(|_| self.bind(1, 1));
        let fractional = scales.is_some();
        if let Some(scales) = scales {
            scales.get_fractional_scale(&surface, handle, ());
        }
        let xdg = base.get_xdg_surface(&surface, handle, ());
        let toplevel = xdg.get_toplevel(handle, ());
        if let Some(decorations) = self.bind::<ZxdgDecorationManagerV1>(1, 1) {
            decorations.get_toplevel_decoration(&toplevel, handle, ()).set_mode(Mode::ServerSide);
        }
        self.shell = Some(Shell {
            shm,
            surface,
            viewport,
            xdg,
            toplevel,
            scale: SCALE_UNIT,
            fractional,
            pending: None,
            wanted: None,
            shown: false,
        });
        if copies {
            self.open_clipboard(window);
        }
        self.open_cursor(&compositor, viewporter.as_ref());
        self.open_devices();
        self.open_clock();
        self.open_dmabuf();
        Ok(())
    }

    pub(super) fn surface(&self) -> Option<&WlSurface> {
        self.shell.as_ref().map(|shell| &shell.surface)
    }

    /// Asks for the window to be shown.
    pub(super) fn introduce(&self, look: &Look) {
        let Some(shell) = &self.shell else { return };
        shell.toplevel.set_title(look.title.clone());
        shell.toplevel.set_app_id(look.app_id.clone());
        if look.fullscreen {
            shell.toplevel.set_fullscreen(None);
        }
        shell.surface.commit();
    }

    /// Takes the window away; it can be introduced again.
    pub(super) fn withdraw(&mut self) {
        if let Some(shell) = &mut self.shell {
            shell.wanted = None;
            shell.pending = None;
            shell.shown = false;
            shell.surface.attach(None, 0, 0);
            shell.surface.commit();
        }
    }

    /// Whether pictures may be shown.
    pub(super) fn is_configured(&self) -> bool {
        self.shell.as_ref().is_some_and(|shell| shell.wanted.is_some())
    }

    pub(super) fn acknowledge(&mut self, serial: u32) {
        if let Some(shell) = &mut self.shell {
            shell.xdg.ack_configure(serial);
            let nothing = Wanted { size: None, fills: false };
            shell.wanted = shell.pending.take().or(shell.wanted).or(Some(nothing));
        }
    }

    /// The size that the parent wants the window to have, in its own units.
    pub(super) fn wanted(&self) -> Option<(u32, u32)> {
        self.shell.as_ref()?.wanted?.size
    }

    /// Whether it must have that size.
    pub(super) fn must_fill(&self) -> bool {
        self.shell.as_ref().and_then(|shell| shell.wanted).is_some_and(|wanted| wanted.fills)
    }

    /// In parts of [`SCALE_UNIT`].
    pub(super) fn scale(&self) -> u32 {
        let shell = self.shell.as_ref().filter(|shell| shell.viewport.is_some());
        shell.map_or(SCALE_UNIT, |shell| shell.scale)
    }

    /// Sets how large the window is, in the parent's units; counts from the next commit on.
    pub(super) fn place(&mut self, (width, height): (u32, u32), pixels: Size) {
        let Some(shell) = &self.shell else { return };
        let signed = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        let extent = match &shell.viewport {
            Some(viewport) => {
                viewport.set_destination(signed(width), signed(height));
                (f64::from(width), f64::from(height))
            }
            None => (f64::from(pixels.width), f64::from(pixels.height)),
        };
        self.devices.extent = extent;
    }

    /// How large the port is.
    pub(super) fn set_pixels(&mut self, pixels: Size) {
        self.devices.pixels = (f64::from(pixels.width), f64::from(pixels.height));
    }

    /// A number for one more buffer.
    pub(super) const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn shm(&self) -> Option<&WlShm> {
        self.shell.as_ref().map(|shell| &shell.shm)
    }

    /// Hands over a picture, of which this much is news, and which was begun then. The parent is asked when
    /// it wants the next one, unless it was asked already.
    pub(super) fn show(
        &mut self,
        buffer: &WlBuffer,
        damage: &Region,
        begun: Duration,
        awaits: bool,
    ) {
        let Some(shell) = &mut self.shell else { return };
        // What comes first waits for the window itself.
        if std::mem::replace(&mut shell.shown, true) {
            self.clock.ask(&shell.surface, &self.handle, begun);
        }
        shell.surface.attach(Some(buffer), 0, 0);
        for rect in damage.rects() {
            shell.surface.damage_buffer(rect.x, rect.y, rect.width, rect.height);
        }
        if !awaits {
            shell.surface.frame(&self.handle, Callback::Frame);
        }
        shell.surface.commit();
    }

    /// Applies what was set to the picture that is shown, if there is one.
    pub(super) fn commit_shown(&self) {
        if let Some(shell) = self.shell.as_ref().filter(|shell| shell.shown) {
            shell.surface.commit();
        }
    }
}

impl Dispatch<WlRegistry, ()> for Client {
    fn event(
        client: &mut Self,
        _: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global { name, interface, version } => {
                if interface == WlSeat::interface().name && client.shell.is_some() {
                    client.add_seat(name, version);
                }
                client.globals.push(Global { name, interface, version });
            }
            wl_registry::Event::GlobalRemove { name } => {
                client.globals.retain(|global| global.name != name);
                client.remove_seat(name);
            }
            _ => {}
        }
    }
}

impl Client {
    /// The parent's seats: their names and versions.
    pub(super) fn seats(&self) -> Vec<(u32, u32)> {
        let seats = self.globals.iter().filter(|g| g.interface == WlSeat::interface().name);
        seats.map(|global| (global.name, global.version)).collect()
    }

    pub(super) const fn registry(&self) -> &WlRegistry {
        &self.registry
    }
}

impl Dispatch<WlCallback, Callback> for Client {
    fn event(
        client: &mut Self,
        _: &WlCallback,
        event: wl_callback::Event,
        what: &Callback,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_callback::Event::Done { .. } = event {
            match what {
                Callback::Globals => client.listed = true,
                Callback::Frame => client.events.push(Heard::Frame),
            }
        }
    }
}

impl Dispatch<XdgWmBase, ()> for Client {
    fn event(
        _: &mut Self,
        base: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            base.pong(serial);
        }
    }
}

impl Dispatch<XdgSurface, ()> for Client {
    fn event(
        client: &mut Self,
        _: &XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            client.events.push(Heard::Configured(serial));
        }
    }
}

impl Dispatch<XdgToplevel, ()> for Client {
    fn event(
        client: &mut Self,
        _: &XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            xdg_toplevel::Event::Configure { width, height, states } => {
                let side = |side: i32| u32::try_from(side).ok().filter(|side| *side > 0);
                let size = side(width).zip(side(height));
                let maximized = u32::from(State::Maximized).to_ne_bytes();
                let fills = states.chunks_exact(4).any(|state| state == maximized);
                if let Some(shell) = &mut client.shell {
                    shell.pending = Some(Wanted { size, fills: fills && size.is_some() });
                }
            }
            xdg_toplevel::Event::Close => client.events.push(Heard::Other(Event::Close)),
            _ => {}
        }
    }
}

impl Dispatch<WlSurface, ()> for Client {
    fn event(
        client: &mut Self,
        _: &WlSurface,
        event: wl_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_surface::Event::PreferredBufferScale { factor } = event
            && let Some(shell) = client.shell.as_mut().filter(|shell| !shell.fractional)
        {
            let factor = u32::try_from(factor).unwrap_or(1);
            shell.scale = factor.saturating_mul(SCALE_UNIT);
            client.events.push(Heard::Scaled);
        }
    }
}

impl Dispatch<WpFractionalScaleV1, ()> for Client {
    fn event(
        client: &mut Self,
        _: &WpFractionalScaleV1,
        event: wp_fractional_scale_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_fractional_scale_v1::Event::PreferredScale { scale } = event
            && let Some(shell) = &mut client.shell
        {
            shell.scale = scale.max(1);
            client.events.push(Heard::Scaled);
        }
    }
}

impl Dispatch<WlBuffer, u64> for Client {
    fn event(
        client: &mut Self,
        _: &WlBuffer,
        event: wl_buffer::Event,
        id: &u64,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            client.events.push(Heard::Released(*id));
        }
    }
}

/// Whether a protocol's value is this one.
pub(super) fn is<T: PartialEq>(value: WEnum<T>, wanted: &T) -> bool {
    matches!(value, WEnum::Value(value) if value == *wanted)
}

delegate_noop!(Client: WlCompositor);
delegate_noop!(Client: ignore WlShm);
delegate_noop!(Client: WlShmPool);
delegate_noop!(Client: WpViewporter);
delegate_noop!(Client: WpViewport);
delegate_noop!(Client: WpFractionalScaleManagerV1);
delegate_noop!(Client: ZxdgDecorationManagerV1);
delegate_noop!(Client: ignore ZxdgToplevelDecorationV1);
