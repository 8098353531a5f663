//! Changes: the requests of a plan, one commit, and what becomes of it.

use std::{os::fd::AsFd, path::Path};

use porthole_client::connection::bind;
use porthole_memory::Memory;
use porthole_wayland::wfd::client::{
    wfd_device_v1::{CommitFlags, CommitScope, WfdDeviceV1},
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{FallbackPicture, Transition, Transparency, TsColorFormat, WfdPipelineV1},
    wfd_port_v1::{Rotation, WfdPortV1},
    wfd_source_v1::WfdSourceV1,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use wayland_client::{
    QueueHandle,
    protocol::{
        wl_buffer::WlBuffer,
        wl_compositor::WlCompositor,
        wl_shm::{Format, WlShm},
    },
};

use super::{
    Control, Role, Told,
    told::{Layer, Port, Turn},
    words,
};
use crate::{
    failure::Failure,
    layout::{Fallback, LayerKeys, Plan, PortKeys, Shows, find_guest, turned},
    picture::Picture,
    show::json,
};

/// What an object is called where it fails.
#[derive(Clone, Debug)]
pub(super) struct Subject(pub(super) String);

/// How to commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct How {
    /// Only ask whether it would succeed.
    pub(crate) test: bool,
    /// A port may get another size or rate.
    pub(crate) allow_modeset: bool,
    /// Wait, at most so many milliseconds, until what is newly shown has a picture; 0 is for ever.
    pub(crate) when_ready_ms: Option<u32>,
}

/// How a commit ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Tested,
    Presented { port: u32, seconds: u64, nanoseconds: u32, refresh_ns: u32, frame: u64 },
}

/// What became of a plan.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    ended: Option<Ended>,
    port: Option<String>,
    changed: Vec<String>,
    /// When it was sent, on the clock of presentation times.
    sent_ns: u64,
}

impl Outcome {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let changed = self.changed.join(", ");
        match (self.ended, &self.port) {
            (None, _) => "nothing to change".to_owned(),
            (Some(Ended::Tested), _) => format!("{changed}: this would succeed"),
            (Some(Ended::Presented { frame, .. }), Some(port)) => {
                #[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
                let after = self.shown_ns().saturating_sub(self.sent_ns) as f64 / 1e6;
                format!("{changed}: shown with frame {frame} of {port}, after {after:.1} ms")
            }
            (Some(Ended::Presented { .. }), None) => format!("{changed}: done"),
        }
    }

    /// When it was on screen.
    const fn shown_ns(&self) -> u64 {
        match self.ended {
            Some(Ended::Presented { seconds, nanoseconds, .. }) => {
                seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds as u64)
            }
            _ => 0,
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        match self.ended {
            None => json!({ "outcome": "unchanged", "changed": [] }),
            Some(Ended::Tested) => json!({ "outcome": "tested", "changed": self.changed }),
            Some(Ended::Presented { refresh_ns, frame, .. }) => json!({
                "outcome": "presented",
                "changed": self.changed,
                "port": self.port,
                "frame": frame,
                "sent_ns": self.sent_ns,
                "time_ns": self.shown_ns(),
                "refresh_ns": refresh_ns,
            }),
        }
    }
}

impl Control {
    /// Makes a plan so, in one commit.
    pub(crate) fn apply(&mut self, plan: &Plan, how: How) -> Result<Outcome, Failure> {
        let changed = plan.names(&self.told.state);
        if plan.is_empty() {
            return Ok(Outcome { ended: None, port: None, changed, sent_ns: 0 });
        }
        let queue = self.queue.handle();
        let device = self.manager.create_device(0, Access::Control, &queue, Role::Controller);
        let ended = self.commit(plan, how, &device).map_err(|failure| match failure {
            Failure::Refused(mut refusal)
                if refusal.status == "not_supported" && plan.has_mode() && !how.allow_modeset =>
            {
                refusal.hint = "; add --allow-modeset";
                Failure::Refused(refusal)
            }
            other => other,
        });
        // Whoever comes next finds all free: it might be read before the end of this connection.
        device.destroy();
        let freed = self.roundtrip();
        let (sent_ns, ended) = ended?;
        freed?;
        let port = match ended {
            Ended::Presented { port, .. } => self.told.state.ports.get(&port),
            Ended::Tested => None,
        };
        let port = port.map(|port| port.name.clone());
        Ok(Outcome { ended: Some(ended), port, changed, sent_ns })
    }

    /// Sends it all; gives when the commit was sent, and how it ended.
    fn commit(
        &mut self,
        plan: &Plan,
        how: How,
        device: &WfdDeviceV1,
    ) -> Result<(u64, Ended), Failure> {
        let (queue, kept) = (self.queue.handle(), Vec::new());
        let mut changer =
            Changer { control: self, device: device.clone(), queue: queue.clone(), how, kept };
        let (scope, object) = changer.request(plan)?;
        let mut flags = CommitFlags::empty();
        flags.set(CommitFlags::TestOnly, how.test);
        flags.set(CommitFlags::AllowModeset, how.allow_modeset);
        let sent_ns = now_ns();
        device.commit(scope, object, flags, 1, &queue, ());
        // The service may read what is shared with it until then.
        let kept = changer.kept;
        let ended = self.end();
        drop(kept);
        ended.map(|ended| (sent_ns, ended))
    }

    /// Waits for the end of a commit.
    fn end(&mut self) -> Result<Ended, Failure> {
        loop {
            if let Some(refusal) = self.told.refused.take() {
                return Err(refusal.into());
            }
            if let Some(ended) = self.told.ended.take() {
                return Ok(ended);
            }
            self.queue.blocking_dispatch(&mut self.told)?;
        }
    }
}

/// Now, on the clock of presentation times.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}

/// Sends the requests of one commit.
struct Changer<'a> {
    control: &'a mut Control,
    device: WfdDeviceV1,
    queue: QueueHandle<Told>,
    how: How,
    /// Pictures that the service may still read.
    kept: Vec<Memory>,
}

impl Changer<'_> {
    /// Sends all; gives the narrowest scope that holds it.
    fn request(&mut self, plan: &Plan) -> Result<(CommitScope, u32), Failure> {
        let state = self.control.told.state.clone();
        let ports: Vec<(WfdPortV1, &PortKeys, &Port)> = plan
            .ports
            .iter()
            .filter_map(|(id, keys)| {
                let subject = Subject(state.name_of(*id));
                let object = self.device.create_port(*id, &self.queue, subject);
                Some((object, keys, state.ports.get(id)?))
            })
            .collect();
        let layers: Vec<(WfdPipelineV1, u32, &LayerKeys, &Layer)> = plan
            .layers
            .iter()
            .filter_map(|(id, keys)| {
                let subject = Subject(state.name_of(*id));
                let object = self.device.create_pipeline(*id, &self.queue, subject);
                Some((object, *id, keys, state.layers.get(id)?))
            })
            .collect();
        // A refusal of an object says more than that of a commit.
        self.control.roundtrip()?;
        for (object, keys, port) in &ports {
            set_port(object, keys, port);
        }
        for (object, id, keys, layer) in &layers {
            let name = state.name_of(*id);
            self.set_layer(object, &name, keys, layer)?;
        }
        self.control.roundtrip()?;
        Ok(match (plan.ports.as_slice(), plan.layers.as_slice()) {
            ([], [(id, _)]) => (CommitScope::Pipeline, *id),
            ([(id, _)], layers)
                if layers.iter().all(|(layer, _)| {
                    state.layers.get(layer).is_some_and(|layer| layer.port == *id)
                }) =>
            {
                (CommitScope::EntirePort, *id)
            }
            _ => (CommitScope::EntireDevice, 0),
        })
    }

    fn set_layer(
        &mut self,
        object: &WfdPipelineV1,
        name: &str,
        keys: &LayerKeys,
        layer: &Layer,
    ) -> Result<(), Failure> {
        if let Some([x, y, width, height]) = keys.rect {
            object.set_destination_rectangle(x, y, width, height);
        }
        if let Some(order) = keys.order {
            object.set_layer(order);
        }
        if let Some([x, y, width, height]) = keys.crop {
            object.set_source_rectangle(x, y, width, height);
        }
        if keys.turn() != (None, None, None) {
            let (flip, mirror, rotation) = wire_turn(turned(layer.turn, keys.turn()));
            object.set_transform(flip, mirror, rotation);
        }
        if let Some(filter) = keys.filter.and_then(|word| words::wire(words::FILTERS, word)) {
            object.set_scale_filter(filter);
        }
        if let Some(policy) = keys.input.and_then(|word| words::wire(words::INPUTS, word)) {
            object.set_input_policy(policy);
        }
        if let Some(keyboard) = keys.keyboard {
            object.set_keyboard(keyboard.into());
        }
        if let Some(rate) = keys.rate_limit_mhz {
            object.set_rate_limit(rate);
        }
        set_sizing(object, keys, layer)?;
        self.set_blending(object, name, keys, layer)?;
        self.set_fallback(object, name, keys, layer)?;
        if let Some(shows) = &keys.shows {
            let source = self.source(object, name, shows)?;
            let (transition, timeout) = match self.how.when_ready_ms {
                Some(timeout) if source.is_some() => (Transition::WhenReady, timeout),
                _ => (Transition::AtVsync, 0),
            };
            object.bind_source(source.as_ref(), transition, timeout);
        }
        Ok(())
    }

    fn set_blending(
        &mut self,
        object: &WfdPipelineV1,
        name: &str,
        keys: &LayerKeys,
        layer: &Layer,
    ) -> Result<(), Failure> {
        let mut bits = layer.transparency;
        let mut feature = |bit: u32, on: bool| bits = if on { bits | bit } else { bits & !bit };
        if let Some(alpha) = keys.alpha {
            object.set_global_alpha(alpha);
            feature(json::GLOBAL_ALPHA, true);
        }
        if let Some(counts) = keys.source_alpha {
            feature(json::SOURCE_ALPHA, counts);
        }
        if let Some(key) = keys.key {
            feature(json::SOURCE_COLOR, key.is_some());
            if let Some([red, green, blue]) = key {
                object.set_ts_color(TsColorFormat::Rgb888, red, green, blue);
            }
        }
        if let Some(hole) = &keys.hole {
            feature(json::HOLE, !hole.is_empty());
            self.set_hole(object, hole)?;
        }
        if let Some(mask) = &keys.mask {
            feature(json::MASK, mask.is_some());
            let mask = match mask {
                Some(path) => {
                    let picture = Picture::read_mask(path)?;
                    let buffer = self.buffer(&picture)?;
                    let subject = subject(name, path);
                    Some(object.create_mask_from_buffer(&buffer, &self.queue, subject))
                }
                None => None,
            };
            object.bind_mask(mask.as_ref(), Transition::AtVsync);
        }
        if bits != layer.transparency {
            object.set_transparency(Transparency::from_bits_truncate(bits));
        }
        Ok(())
    }

    fn set_hole(&self, object: &WfdPipelineV1, hole: &[[i32; 4]]) -> Result<(), Failure> {
        if hole.is_empty() {
            object.set_hole(None);
            return Ok(());
        }
        let globals = &self.control.globals;
        let compositor: WlCompositor = bind(globals, &self.queue, 1..=1, "")?;
        let region = compositor.create_region(&self.queue, ());
        for [x, y, width, height] in hole {
            region.add(*x, *y, *width, *height);
        }
        object.set_hole(Some(&region));
        region.destroy();
        Ok(())
    }

    fn set_fallback(
        &mut self,
        object: &WfdPipelineV1,
        name: &str,
        keys: &LayerKeys,
        layer: &Layer,
    ) -> Result<(), Failure> {
        if keys.fallback.is_none() && keys.deadline_ms.is_none() {
            return Ok(());
        }
        let deadline = keys.deadline_ms.unwrap_or(layer.deadline_ms);
        let (picture, source) = match &keys.fallback {
            Some(Fallback::Picture(path)) => {
                let shows = Shows::Picture(path.clone());
                (FallbackPicture::Source, self.source(object, name, &shows)?)
            }
            Some(Fallback::Word(word)) => (fallback(word), None),
            None if layer.fallback_source != 0 => {
                let why = "to change the deadline of a layer whose fallback is a picture, give \
                           the picture too: fallback=FILE.png";
                return Err(Failure::Usage(format!("{name}: {why}")));
            }
            None => (fallback(&layer.fallback), None),
        };
        object.set_fallback(picture, source.as_ref(), deadline);
        Ok(())
    }

    fn source(
        &mut self,
        object: &WfdPipelineV1,
        name: &str,
        shows: &Shows,
    ) -> Result<Option<WfdSourceV1>, Failure> {
        let queue = self.queue.clone();
        Ok(Some(match shows {
            Shows::Nothing => return Ok(None),
            Shows::Guest { guest, scanout } => {
                let stream = find_guest(&self.control.told.state, guest, *scanout)?;
                let subject = Subject(name.to_owned());
                object.create_source_from_stream(stream, &queue, subject)
            }
            Shows::App { socket, app_id } => {
                let subject = Subject(name.to_owned());
                object.create_source_from_program(socket.clone(), app_id.clone(), &queue, subject)
            }
            Shows::Picture(path) => {
                let buffer = self.buffer(&Picture::read(path)?)?;
                object.create_source_from_buffer(&buffer, &queue, subject(name, path))
            }
        }))
    }

    /// A picture that the service can read.
    fn buffer(&mut self, picture: &Picture) -> Result<WlBuffer, Failure> {
        let [width, height] = picture.size.map(|side| i32::try_from(side).unwrap_or(i32::MAX));
        let bytes: Vec<u8> = picture.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let memory = Memory::create("portholectl", bytes.len() as u64).map_err(Failure::Memory)?;
        let outside = |_| Failure::Memory(std::io::ErrorKind::InvalidInput.into());
        memory.write_at(0, &bytes).map_err(outside)?;
        let too_large = |_| Failure::Memory(std::io::ErrorKind::FileTooLarge.into());
        let length = i32::try_from(bytes.len()).map_err(too_large)?;
        let shm: WlShm = bind(&self.control.globals, &self.queue, 1..=1, "")?;
        let pool = shm.create_pool(memory.fd().as_fd(), length, &self.queue, ());
        let format = if picture.has_alpha { Format::Argb8888 } else { Format::Xrgb8888 };
        let stride = width.saturating_mul(4);
        let buffer = pool.create_buffer(0, width, height, stride, format, &self.queue, ());
        pool.destroy();
        self.kept.push(memory);
        Ok(buffer)
    }
}

fn subject(name: &str, path: &Path) -> Subject {
    Subject(format!("{name}, {}", path.display()))
}

fn fallback(word: &str) -> FallbackPicture {
    words::wire(words::FALLBACKS, word).unwrap_or(FallbackPicture::Hidden)
}

fn wire_turn(turn: Turn) -> (u32, u32, Rotation) {
    let rotation = words::wire(words::ROTATIONS, &turn.rotation.to_string());
    (turn.flip.into(), turn.mirror.into(), rotation.unwrap_or(Rotation::_0))
}

/// The three go together.
fn set_sizing(object: &WfdPipelineV1, keys: &LayerKeys, layer: &Layer) -> Result<(), Failure> {
    if keys.fit.is_none() && keys.lead.is_none() && keys.pixels.is_none() {
        return Ok(());
    }
    let unknown = |what: &str, now: &str| {
        format!("this program does not know the layer's {what} '{now}': set {what} too")
    };
    let fit = keys.fit.unwrap_or(&layer.fit);
    let lead = keys.lead.unwrap_or(&layer.lead);
    let pixels = keys.pixels.unwrap_or(&layer.pixels);
    object.set_sizing(
        words::wire(words::FITS, fit).ok_or_else(|| unknown("fit", fit))?,
        words::wire(words::LEADS, lead).ok_or_else(|| unknown("lead", lead))?,
        words::wire(words::PIXELS, pixels).ok_or_else(|| unknown("pixels", pixels))?,
    );
    Ok(())
}

fn set_port(object: &WfdPortV1, keys: &PortKeys, port: &Port) {
    if keys.size.is_some() || keys.refresh_mhz.is_some() {
        let [width, height] = keys.size.unwrap_or(port.mode.size);
        // 0 keeps the rate.
        object.set_custom_mode(width, height, keys.refresh_mhz.unwrap_or(0));
    }
    if let Some(color) = keys.background {
        let [red, green, blue] = color.map(|channel| channel * 0x101);
        object.set_background_color(red, green, blue);
    }
    if keys.turn() != (None, None, None) {
        let (flip, mirror, rotation) = wire_turn(turned(port.turn, keys.turn()));
        object.set_transform(flip, mirror, rotation);
    }
    if let Some(gamma) = keys.gamma {
        object.set_gamma(gamma);
    }
    if let Some(power) = keys.power.and_then(|word| words::wire(words::POWERS, word)) {
        object.set_power_mode(power);
    }
}
