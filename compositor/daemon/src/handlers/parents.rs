//! Ports in windows of other compositors: when the windows come and go, and what people do in them.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use porthole_core::{
    config::{self, OnClose, PortKind, ResizedBy},
    model::{Flags, Pending, PortId, Power, Scope},
};
use smithay::reexports::calloop::{
    Interest, Mode as Trigger, PostAction, RegistrationToken,
    generic::Generic,
    timer::{TimeoutAction, Timer},
};

use super::parent_clipboard::Pastes;
use crate::{
    arrival::{Arrival, Pauses},
    protocols::virtual_touch::TouchInput,
    screens::{
        Screen,
        window::{Event, Look, Wants, Window, WindowError},
    },
    state::State,
};

/// The session that the service runs in, and the ports whose parents are awaited.
#[derive(Debug, Default)]
pub(crate) struct Parents {
    /// The socket of the compositor in which the service was started.
    session: Option<PathBuf>,
    awaited: BTreeMap<PortId, Awaited>,
    pub(super) pastes: Pastes,
}

/// Nobody listens at a parent's socket.
#[derive(Debug)]
struct Awaited {
    look: Look,
    pauses: Pauses,
    /// Something happens where the socket should be.
    watch: Option<RegistrationToken>,
    /// The next attempt, after something has happened.
    timer: Option<RegistrationToken>,
}

impl Parents {
    /// Looks into the environment, which is another one once the sandbox is entered.
    pub(crate) fn of_session() -> Self {
        Self { session: session(), ..Self::default() }
    }

    /// The socket of the compositor in which the service was started.
    pub(crate) fn session(&self) -> Option<&Path> {
        self.session.as_deref()
    }
}

/// The socket that programs of this session connect to.
fn session() -> Option<PathBuf> {
    let display = env::var_os("WAYLAND_DISPLAY").filter(|name| !name.is_empty())?;
    if Path::new(&display).is_absolute() {
        return Some(display.into());
    }
    Some(Path::new(&env::var_os("XDG_RUNTIME_DIR")?).join(display))
}

impl State {
    /// What the window of a port is to be like, if it is to have one.
    pub(super) fn window_of(&self, port: &str) -> Option<config::Window> {
        match &self.config.port(port)?.kind {
            PortKind::Window(window) => Some(window.clone()),
            PortKind::Headless | PortKind::Drm(_) => None,
        }
    }

    pub(super) fn window(&mut self, id: PortId) -> Option<&mut Window> {
        match &mut self.ports.get_mut(id)?.screen {
            Screen::Window(window) => Some(window),
            Screen::Headless | Screen::Drm(_) => None,
        }
    }

    /// Gives a port its window, or another one if it is to be another one.
    pub(super) fn attach_window(&mut self, id: PortId, wanted: &config::Window) {
        let Some(name) = self.device.port(id).map(|model| model.name.clone()) else { return };
        let Some(parent) = wanted.parent.clone().or_else(|| self.parents.session.clone()) else {
            return self.without_screen(id, &name, &WindowError::NoParent.to_string());
        };
        let resized_by = self.config.port(name.as_str()).map(|port| port.resized_by);
        let look = Look {
            parent,
            title: wanted.title.clone().unwrap_or_else(|| name.to_string()),
            app_id: wanted.app_id.clone().unwrap_or_else(|| format!("porthole.{name}")),
            fullscreen: wanted.fullscreen,
            shortcuts: wanted.shortcuts,
            clipboard: wanted.clipboard.clone(),
            follows: resized_by == Some(ResizedBy::Viewers),
        };
        if self.window(id).is_some_and(|window| *window.look() == look) {
            return;
        }
        self.detach_screen(id, true);
        if let Err(error) = self.open_window(id, &look) {
            self.no_window(id, look, &error);
        }
    }

    /// Connects to a port's parent.
    fn open_window(&mut self, id: PortId, look: &Look) -> Result<(), WindowError> {
        let Some(model) = self.device.port(id) else { return Ok(()) };
        let (size, lit) = (model.mode.size, model.power.is_lit());
        let window = Window::connect(look.clone(), size, lit)?;
        let serial = window.serial();
        let heard = Generic::new(window.poll()?, Interest::READ, Trigger::Level);
        let heard = self.handle.insert_source(heard, move |_, _, state| {
            let goes_on = state.parent_said(id, serial);
            Ok(if goes_on { PostAction::Continue } else { PostAction::Remove })
        });
        if let Err(error) = heard {
            tracing::error!("a parent is not heard: {error}");
            return Ok(());
        }
        if let Some(port) = self.ports.get_mut(id) {
            port.screen = Screen::Window(Box::new(window));
        }
        Ok(())
    }

    /// A port has no window. It gets one once somebody listens, if that can help.
    fn no_window(&mut self, id: PortId, look: Look, error: &WindowError) {
        let Some(name) = self.device.port(id).map(|model| model.name.clone()) else { return };
        self.without_screen(id, &name, &error.to_string());
        if error.may_pass() {
            self.await_parent(id, look, Pauses::default());
        }
    }

    fn await_parent(&mut self, id: PortId, look: Look, mut pauses: Pauses) {
        self.forget_parent(id);
        let watch = Arrival::watch(&look.parent).and_then(|arrival| {
            let source = Generic::new(arrival, Interest::READ, Trigger::Level);
            let source = self.handle.insert_source(source, move |_, _, state| {
                if let Some(awaited) = state.parents.awaited.get_mut(&id) {
                    awaited.watch = None;
                    awaited.pauses = Pauses::default();
                }
                state.try_parent(id);
                Ok(PostAction::Remove)
            });
            source.map_err(|error| std::io::Error::other(error.error))
        });
        let watch = watch.inspect_err(|error| {
            let path = look.parent.display();
            tracing::warn!("{path} cannot be watched: {error}; windows come back at a reload only");
        });
        let watch = watch.ok();
        // Somebody may have come before the watch began.
        if self.open_window(id, &look).is_ok() {
            watch.into_iter().for_each(|token| self.handle.remove(token));
            return;
        }
        // Who makes a socket listens at it a little later.
        let pause = if look.parent.exists() { pauses.next() } else { None };
        let timer = pause.and_then(|pause| {
            let timer = Timer::from_duration(pause);
            let timer = self.handle.insert_source(timer, move |_, (), state| {
                if let Some(awaited) = state.parents.awaited.get_mut(&id) {
                    awaited.timer = None;
                }
                state.try_parent(id);
                TimeoutAction::Drop
            });
            timer.ok()
        });
        self.parents.awaited.insert(id, Awaited { look, pauses, watch, timer });
    }

    fn try_parent(&mut self, id: PortId) {
        if let Some(Awaited { look, pauses, watch, timer }) = self.parents.awaited.remove(&id) {
            watch.into_iter().chain(timer).for_each(|token| self.handle.remove(token));
            self.await_parent(id, look, pauses);
        }
    }

    /// A port's parent is not awaited any more.
    pub(crate) fn forget_parent(&mut self, id: PortId) {
        if let Some(Awaited { watch, timer, .. }) = self.parents.awaited.remove(&id) {
            watch.into_iter().chain(timer).for_each(|token| self.handle.remove(token));
        }
    }

    /// The parent of a port's window of this number said something; false when it is over with it.
    fn parent_said(&mut self, id: PortId, serial: u64) -> bool {
        let Some(window) = self.window(id).filter(|window| window.serial() == serial) else {
            return false;
        };
        match window.read() {
            Ok(events) => {
                events.into_iter().for_each(|event| self.window_event(id, event));
                true
            }
            Err(error) => {
                self.parent_gone(id, &error);
                false
            }
        }
    }

    fn parent_gone(&mut self, id: PortId, error: &WindowError) {
        if let Some(look) = self.window(id).map(|window| window.look().clone()) {
            self.no_window(id, look, error);
        }
    }

    /// What a person holds in a port's window is let go of.
    pub(super) fn let_go_of_window(&mut self, id: PortId) {
        let Some(window) = self.window(id) else { return };
        let events = window.let_go();
        self.forget_parents_clipboard(id);
        events.into_iter().for_each(|event| self.window_event(id, event));
    }

    fn window_event(&mut self, id: PortId, event: Event) {
        match event {
            Event::Configured => return self.window_configured(id),
            Event::Shown => {
                self.frame_seen(id);
                if self.window(id).is_some_and(|window| window.lacks()) {
                    self.damage_port(id);
                }
                return;
            }
            Event::Freed | Event::PointerShown => return self.damage_port(id),
            Event::Close => return self.window_closed(id),
            Event::Copied => return self.parent_copied(id),
            Event::Late => return self.frame_late(id),
            _ => {}
        }
        let Some(seat) = self.seats.of_port(id) else { return };
        match event {
            Event::Key { code, pressed } => self.key(seat, code, pressed),
            Event::Pointer(input) => self.pointer_input(seat, input),
            Event::PointerLeft => self.pointer_left(seat),
            Event::Touch(input) => {
                if let TouchInput::Down(..) = input {
                    self.add_touch(seat);
                }
                self.touch_input(seat, input);
            }
            // What is not of a seat.
            _ => {}
        }
    }

    /// A window may be shown, or is of another size.
    fn window_configured(&mut self, id: PortId) {
        let Some(port) = self.ports.get(id) else { return };
        let size = port.size;
        let Some(name) = self.device.port(id).map(|model| model.name.clone()) else { return };
        self.cards.is_news(&name, None);
        let wanted = self.window(id).filter(|w| w.look().follows).and_then(|w| w.wanted());
        if let Some(wanted) = wanted.filter(|wanted| *wanted != size) {
            let mut sizes = self.viewer_sizes.clone();
            sizes.insert(name, wanted);
            self.resize_ports(sizes, true);
        }
        self.damage_port(id);
    }

    /// A person wants to close a window.
    fn window_closed(&mut self, id: PortId) {
        let Some(name) = self.device.port(id).map(|model| model.name.clone()) else { return };
        let policy = self.window_of(name.as_str()).map(|window| window.on_close);
        match policy.unwrap_or_default() {
            OnClose::Ignore => {
                tracing::info!(port = name.as_str(), "its window stays: on_close is \"ignore\"");
            }
            OnClose::Off => {
                let (mut device, mut pending) = (self.device.clone(), Pending::new());
                pending.set_power(id, Power::Off);
                match device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET) {
                    Ok(()) => {
                        tracing::info!(port = name.as_str(), "its window is closed: it is off");
                        self.set_device(device);
                    }
                    Err(error) => tracing::error!(port = name.as_str(), "it stays on: {error}"),
                }
            }
            OnClose::End => {
                tracing::info!(port = name.as_str(), "its window is closed: the service ends");
                self.stop();
            }
        }
    }

    /// The end of a turn: parents hear what is wanted of them.
    pub(crate) fn refresh_windows(&mut self) {
        let windows =
            self.ports.iter().filter(|(_, port)| matches!(port.screen, Screen::Window(_)));
        let ids: Vec<PortId> = windows.map(|(id, _)| id).collect();
        for id in ids {
            let seat = self.seats.of_port(id);
            let locked = seat.is_some_and(|seat| self.has_locked_pointer(seat));
            let escaped = seat.and_then(|seat| self.seats.get(seat)).is_some_and(|s| s.is_free());
            let Some(window) = self.window(id) else { continue };
            let shortcuts = window.look().shortcuts && !escaped;
            window.want(Wants { lock: locked, shortcuts });
            if let Err(error) = window.flush() {
                self.parent_gone(id, &error);
            }
        }
    }
}
