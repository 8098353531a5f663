//! Taking a configuration: all of it, or nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use porthole_core::{
    Name,
    config::{Changes, Config, ConfigErrors, Keymap, Renderer, ResizedBy},
    model::{self, Device, Flags, Images, PortId, Scope},
};

use smithay::reexports::calloop::timer::{TimeoutAction, Timer};

use crate::{
    handlers::output_management::ViewerSizes,
    pictures::{self, Files, PictureError},
    ports::LINGER,
    protocols::{capture::SourceId, shm::Pixels},
    remember::Digest,
    sockets::SocketError,
    splash,
    state::State,
};

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    Model(#[from] model::CommitError),
    #[error("{0}")]
    Picture(#[from] PictureError),
    #[error("{0}")]
    Socket(#[from] SocketError),
    #[error("a port's render thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error(
        "[[program]]: the service was started without programs and gave up the right to start any; start it again, or start them by units of their own"
    )]
    Programs,
}

impl State {
    /// Reads the file again. On any error everything stays as it was.
    pub(crate) fn reload(&mut self) {
        let outcome = self
            .source
            .load()
            .map_err(ApplyError::from)
            .and_then(|(config, text)| self.apply(&config, &text));
        match outcome {
            Ok(()) => tracing::info!("the configuration was read again"),
            Err(error) => {
                tracing::error!("the configuration was not taken, nothing changed:\n{error}");
            }
        }
    }

    fn apply(&mut self, config: &Config, text: &str) -> Result<(), ApplyError> {
        // Everything that can fail comes first and changes nothing that is seen.
        if !self.programs.can_run(&config.programs) {
            return Err(ApplyError::Programs);
        }
        let splash = splash(config)?;
        let files = Files::load(config)?;
        let config = self.cards.read(config);
        let viewer_sizes = kept(&self.viewer_sizes, &config);
        let device = self.resized(&config, &files.sizes(), &viewer_sizes)?;
        let added = self.add_ports(&device, splash.as_ref(), config.render.renderer)?;
        self.add_seats(&added);
        if let Err(error) = self.sockets.apply(&self.handle, &self.display, &config) {
            added.into_iter().for_each(|id| self.remove_port(id));
            return Err(error.into());
        }

        let changes = Changes::between(&self.config, &config);
        tracing::info!("taking the configuration: {changes}");
        self.config = config;
        self.seats.set_repeat(self.config.input.repeat);
        self.seats.set_layout(layout(&self.config));
        self.viewer_sizes = viewer_sizes;
        self.memory.configured(Digest::of(text, &files.sizes()));
        self.pictures.files = files;
        self.stop_forbidden_captures();
        self.stop_forbidden_watches();
        self.stop_forbidden_accounts();
        self.tell_priorities();
        self.end_forbidden_clipboards();
        self.supersede_held();
        self.set_device(device);
        self.tell_all_toplevels();
        self.attach_screens();
        let ports: Vec<PortId> = self.ports.iter().map(|(id, _)| id).collect();
        for id in ports {
            self.change_splash(id, splash.as_ref());
            self.refresh_keymaps(id);
        }
        self.assign_devices();
        self.programs.taken_anew();
        let programs = self.config.programs.clone();
        self.apply_programs(&programs);
        Ok(())
    }

    /// Shows what a device says from now on, all of it in one frame of each port. Ports that are new
    /// must be there already.
    pub(crate) fn set_device(&mut self, device: Device) {
        let before = std::mem::replace(&mut self.device, device);
        self.memory.changed();
        self.pictures.follow(&self.device);
        for (id, pipeline) in before.pipelines() {
            let now = self.device.pipeline(id);
            if now.is_none_or(|now| now.source != pipeline.source) {
                self.layers.forget(id);
            } else if now.is_some_and(|now| now.fallback.deadline != pipeline.fallback.deadline) {
                self.layers.forget_promises(id);
            }
        }
        self.drop_ports();
        self.change_modes(&before);
        self.change_powers(&before);
        self.change_gammas(&before);
        if moves_toplevels(&before, &self.device) {
            self.place_all_toplevels();
        }
        for port in changed_ports(&before, &self.device) {
            self.damage_port(port);
        }
        self.place_devices();
        self.tell_outputs();
        self.globals.wfd.changed();
    }

    /// The device after a configuration with these sizes of ports.
    fn resized(
        &self,
        config: &Config,
        images: &Images,
        sizes: &ViewerSizes,
    ) -> Result<Device, model::CommitError> {
        let config = sized(config, sizes);
        let mut device = self.device.clone();
        let mut pending = device.prepare(&config, images)?;
        device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)?;
        Ok(device)
    }

    /// Whether ports can have these sizes; with `apply` they get them, in one frame.
    pub(crate) fn resize_ports(&mut self, sizes: ViewerSizes, apply: bool) -> bool {
        let (before, after) =
            (sized(&self.config, &self.viewer_sizes), sized(&self.config, &sizes));
        let mut device = self.device.clone();
        let pending = device.prepare_sizes(&before, &after);
        let outcome = pending.and_then(|mut pending| {
            device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)
        });
        if let Err(error) = outcome {
            tracing::info!("a viewer's wish for another size is refused: {error}");
            return false;
        }
        if apply {
            self.viewer_sizes = sizes;
            self.set_device(device);
        }
        true
    }

    /// Makes the outputs of a device that are not there yet; on failure none of them.
    pub(crate) fn add_ports(
        &mut self,
        device: &Device,
        splash: Option<&Arc<Pixels>>,
        renderer: Renderer,
    ) -> Result<Vec<PortId>, ApplyError> {
        let mut added = Vec::new();
        for (id, port) in device.ports() {
            if self.ports.get(id).is_some() {
                continue;
            }
            let boot = self.cards.boot_picture(port.name.as_str());
            let picture = boot
                .or_else(|| splash.cloned())
                .or_else(|| splash::built_in(port.mode.size, port.background));
            let monitor = self.cards.monitor(port.name.as_str());
            let shown = (picture, monitor);
            if let Err(error) = self.ports.add(&self.display, id, port, shown, renderer) {
                added.into_iter().for_each(|id| self.remove_port(id));
                return Err(error.into());
            }
            added.push(id);
        }
        Ok(added)
    }

    /// Gives outputs the seats that they begin with. Their keymaps take a few milliseconds each.
    pub(crate) fn add_seats(&mut self, ports: &[PortId]) {
        for id in ports {
            if let Some(port) = self.ports.get(*id) {
                self.seats.add_port(&self.display, *id, &port.name);
            }
        }
    }

    /// A port that still shows a splash shows the new one.
    fn change_splash(&mut self, id: PortId, splash: Option<&Arc<Pixels>>) {
        let Some(model) = self.device.port(id) else { return };
        let (size, background) = (model.mode.size, model.background);
        // The boot's picture is on no screen any more.
        let known = self.cards.of_port(model.name.as_str());
        if known.is_some_and(|(connector, _)| connector.boot_picture) {
            return;
        }
        if let Some(port) = self.ports.get_mut(id) {
            port.change_splash(|| splash.cloned().or_else(|| splash::built_in(size, background)));
        }
    }

    fn remove_port(&mut self, id: PortId) {
        self.globals.capture.removed(SourceId::Port(id));
        self.globals.safety.resized(id, None);
        self.globals.screencopy.removed(id);
        self.remove_seats_of(id);
        self.forget_commits_of(id);
        self.forget_parent(id);
        let Some(mut port) = self.ports.remove(&self.display, id) else { return };
        port.screen.turn_off();
        tracing::info!(port = port.name, "removed");
        let global = port.global.clone();
        let timer = self.handle.insert_source(Timer::from_duration(LINGER), move |_, (), state| {
            state.display.remove_global::<Self>(global.clone());
            TimeoutAction::Drop
        });
        if timer.is_err() {
            self.display.remove_global::<Self>(port.global.clone());
        }
    }

    fn drop_ports(&mut self) {
        let gone: Vec<PortId> = self
            .ports
            .iter()
            .map(|(id, _)| id)
            .filter(|id| self.device.port(*id).is_none())
            .collect();
        gone.into_iter().for_each(|id| self.remove_port(id));
    }

    /// Another gamma changes every pixel, and no element.
    fn change_gammas(&mut self, before: &Device) {
        for (id, port) in self.device.ports() {
            if before.port(id).is_some_and(|before| before.gamma != port.gamma)
                && let Some(shown) = self.ports.get_mut(id)
            {
                shown.repaint();
            }
        }
    }

    /// Screens are lit and go dark with their ports.
    fn change_powers(&mut self, before: &Device) {
        for (id, port) in self.device.ports() {
            let lit = port.power.is_lit();
            if before.port(id).is_some_and(|before| before.power.is_lit() != lit)
                && let Some(shown) = self.ports.get_mut(id)
            {
                shown.screen.set_lit(lit);
            }
        }
    }

    fn change_modes(&mut self, before: &Device) {
        let modes: BTreeMap<PortId, _> = self.device.ports().map(|(id, p)| (id, p.mode)).collect();
        for (id, mode) in modes {
            if before.port(id).is_some_and(|p| p.mode == mode) {
                continue;
            }
            let Some(port) = self.ports.get_mut(id) else { continue };
            let (resized, output) = (port.set_mode(mode), port.output.clone());
            if let Some((_, wanted)) = self.cards.of_port(&port.name) {
                port.screen.set_mode(wanted.of_size(mode.size));
            }
            if resized {
                port.screen.resize(mode.size);
                self.globals.capture.resized(SourceId::Port(id), mode.size);
                self.globals.safety.resized(id, Some(mode.size));
                self.output_changed(&output);
            }
        }
    }
}

/// The layout of keyboards for programs.
pub(crate) fn layout(config: &Config) -> Keymap {
    config.seat.as_ref().map(|seat| seat.keymap.clone()).unwrap_or_default()
}

/// The picture that a configuration gives the ports before any guest's.
pub(crate) fn splash(config: &Config) -> Result<Option<Arc<Pixels>>, ApplyError> {
    let path = config.splash.as_deref();
    Ok(path.map(|path| pictures::load(path, "splash")).transpose()?)
}

/// The ports on which something changed.
pub(crate) fn changed_ports(before: &Device, after: &Device) -> BTreeSet<PortId> {
    let changed = |id: PortId, port: &model::Port| {
        before.port(id) != Some(port) || !before.pipelines_of(id).eq(after.pipelines_of(id))
    };
    after.ports().filter(|(id, port)| changed(*id, port)).map(|(id, _)| id).collect()
}

/// Whether toplevels may get another layer, or are asked for another size or rate.
fn moves_toplevels(before: &Device, after: &Device) -> bool {
    let wanted = |device: &Device| -> Vec<_> {
        let of = |(id, p): (_, &model::Pipeline)| {
            let size = (p.destination.size(), p.transform, p.sizing.lead);
            (id, p.port, p.source, size, p.rate_limit)
        };
        device.pipelines().map(of).collect()
    };
    let modes =
        |device: &Device| -> Vec<_> { device.ports().map(|(id, p)| (id, p.mode)).collect() };
    wanted(before) != wanted(after) || modes(before) != modes(after)
}

/// A configuration with these sizes of ports.
pub(crate) fn sized(config: &Config, sizes: &ViewerSizes) -> Config {
    let resize =
        |config: Config, (port, size): (&Name, &_)| config.with_port_size(port.as_str(), *size);
    sizes.iter().fold(config.clone(), resize)
}

/// The sizes that viewers may still choose under a configuration.
pub(crate) fn kept(sizes: &ViewerSizes, config: &Config) -> ViewerSizes {
    let may = |name: &Name| {
        config.port(name.as_str()).is_some_and(|port| port.resized_by == ResizedBy::Viewers)
    };
    sizes.iter().filter(|(name, _)| may(name)).map(|(name, size)| (name.clone(), *size)).collect()
}
