//! What has to change for a layout to be so.

use super::{Fallback, LayerKeys, Layout, PortKeys, Shows};
use crate::{
    control::told::{Layer, Port, State, Turn},
    show::{json, text},
    suggest::remedy,
};

/// The changes of one commit; what is already so is not among them.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) ports: Vec<(u32, PortKeys)>,
    pub(crate) layers: Vec<(u32, LayerKeys)>,
}

/// The port of a name.
pub(crate) fn find_port(state: &State, name: &str) -> Result<u32, String> {
    let found = state.ports.iter().find(|(_, port)| port.name == name);
    found.map(|(id, _)| *id).ok_or_else(|| {
        let names = state.ports.values().map(|port| port.name.as_str());
        format!("there is no port '{name}' that this socket may see; {}", remedy(name, names))
    })
}

/// The layer of a name, or of a number where it has none.
pub(crate) fn find_layer(state: &State, name: &str) -> Result<u32, String> {
    let found = state.layers.iter().find(|(_, layer)| layer.name == name && !name.is_empty());
    let by_number = || name.parse().ok().filter(|id| state.layers.contains_key(id));
    if let Some(id) = found.map(|(id, _)| *id).or_else(by_number) {
        return Ok(id);
    }
    let names = state.layers.values().map(|layer| layer.name.as_str());
    let mut why = format!(
        "there is no layer '{name}' that this socket may see; {}",
        remedy(name, names.filter(|name| !name.is_empty()))
    );
    if state.ports.values().any(|port| port.name == name) {
        why = format!("'{name}' is a port, not a layer: to set a port, say --port");
    }
    Err(why)
}

impl Plan {
    /// What differs between the state and a layout.
    pub(crate) fn new(state: &State, layout: Layout) -> Result<Self, String> {
        let mut plan = Self::default();
        let (mut ports, mut layers) = (Vec::new(), Vec::new());
        for keys in layout.ports {
            let name = keys.name.as_deref().ok_or("a port: add name = \"...\"")?;
            let id = find_port(state, name)?;
            if ports.contains(&id) {
                return Err(format!("port '{name}' is there twice"));
            }
            ports.push(id);
            if let Some(keys) = state.ports.get(&id).map(|port| keys.differing(port))
                && keys != PortKeys::default()
            {
                plan.ports.push((id, keys));
            }
        }
        for keys in layout.layers {
            let id = match (&keys.name, keys.id) {
                (Some(name), _) => find_layer(state, name)?,
                (None, Some(id)) if state.layers.contains_key(&id) => id,
                (None, Some(id)) => return Err(format!("there is no layer {id}")),
                (None, None) => return Err("a layer: add name = \"...\"".into()),
            };
            let Some(layer) = state.layers.get(&id) else { continue };
            let name = text::layer_name(id, layer);
            if layers.contains(&id) {
                return Err(format!("layer '{name}' is there twice"));
            }
            layers.push(id);
            let keys = keys.differing(state, &name, layer)?;
            if keys != LayerKeys::default() {
                plan.layers.push((id, keys));
            }
        }
        Ok(plan)
    }

    /// Whether all is already so.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.layers.is_empty()
    }

    /// Whether a port gets another size or rate.
    pub(crate) fn has_mode(&self) -> bool {
        self.ports.iter().any(|(_, keys)| keys.size.is_some() || keys.refresh_mhz.is_some())
    }

    /// The names of all that changes.
    pub(crate) fn names(&self, state: &State) -> Vec<String> {
        let ports = self.ports.iter().filter_map(|(id, _)| state.ports.get(id));
        let ports = ports.map(|port| format!("port {}", port.name));
        let layers = self.layers.iter().filter_map(|(id, _)| {
            Some(format!("layer {}", text::layer_name(*id, state.layers.get(id)?)))
        });
        ports.chain(layers).collect()
    }
}

/// Forgets a value that is so already.
fn drop_if<T>(value: &mut Option<T>, is_so: impl FnOnce(&T) -> bool) {
    if value.as_ref().is_some_and(is_so) {
        *value = None;
    }
}

impl PortKeys {
    fn differing(mut self, port: &Port) -> Self {
        self.name = None;
        drop_if(&mut self.size, |size| *size == port.mode.size);
        drop_if(&mut self.refresh_mhz, |rate| *rate == port.mode.refresh_mhz);
        let now = port.background.map(|channel| channel / 0x101);
        drop_if(&mut self.background, |color| *color == now);
        let steps = |gamma: f64| (gamma * 256.0).round();
        let same = |gamma: &f64| steps(*gamma).to_bits() == steps(port.gamma).to_bits();
        drop_if(&mut self.gamma, same);
        drop_if(&mut self.power, |power| **power == port.power);
        if turned(port.turn, self.turn()) == port.turn {
            (self.rotation, self.flip, self.mirror) = (None, None, None);
        }
        self
    }

    /// What is said of how it is turned.
    pub(crate) const fn turn(&self) -> (Option<bool>, Option<bool>, Option<u32>) {
        (self.flip, self.mirror, self.rotation)
    }
}

/// A turn where something else is wanted of it.
pub(crate) fn turned(
    now: Turn,
    (flip, mirror, rotation): (Option<bool>, Option<bool>, Option<u32>),
) -> Turn {
    let turn = Turn {
        flip: flip.unwrap_or(now.flip),
        mirror: mirror.unwrap_or(now.mirror),
        rotation: rotation.unwrap_or(now.rotation),
    };
    turn.simplest()
}

impl LayerKeys {
    fn differing(mut self, state: &State, name: &str, layer: &Layer) -> Result<Self, String> {
        (self.name, self.id) = (None, None);
        if let Some(port) = self.port.take() {
            let now = state.ports.get(&layer.port).map_or("", |port| port.name.as_str());
            if now != port {
                return Err(format!("layer '{name}': it is on the port '{now}' and stays there"));
            }
        }
        if let Some(Shows::Guest { guest, scanout }) = &self.shows {
            find_guest(state, guest, *scanout)?;
        }
        drop_if(&mut self.shows, |shows| is_shown(state, layer, shows));
        drop_if(&mut self.rect, |rect| *rect == layer.rect);
        drop_if(&mut self.order, |order| *order == layer.order);
        let has_alpha = layer.transparency & json::GLOBAL_ALPHA != 0;
        let alpha = if has_alpha { layer.alpha } else { 65_535 };
        drop_if(&mut self.alpha, |wanted| *wanted == alpha);
        let steps = |crop: [f64; 4]| crop.map(|side| (side * 256.0).round().to_bits());
        drop_if(&mut self.crop, |crop| steps(*crop) == steps(layer.crop));
        drop_if(&mut self.fit, |word| **word == layer.fit);
        drop_if(&mut self.lead, |word| **word == layer.lead);
        drop_if(&mut self.pixels, |word| **word == layer.pixels);
        drop_if(&mut self.filter, |word| **word == layer.filter);
        drop_if(&mut self.input, |word| **word == layer.input);
        drop_if(&mut self.keyboard, |keyboard| *keyboard == layer.keyboard);
        if turned(layer.turn, self.turn()) == layer.turn {
            (self.rotation, self.flip, self.mirror) = (None, None, None);
        }
        let source_alpha = layer.transparency & json::SOURCE_ALPHA != 0;
        drop_if(&mut self.source_alpha, |wanted| *wanted == source_alpha);
        let has_key = layer.transparency & json::SOURCE_COLOR != 0;
        let key = has_key.then_some(layer.key);
        drop_if(&mut self.key, |wanted| *wanted == key);
        let no_mask = layer.transparency & json::MASK == 0 || layer.mask == [0; 2];
        drop_if(&mut self.mask, |mask| mask.is_none() && no_mask);
        let no_hole = layer.transparency & json::HOLE == 0 || layer.hole.count == 0;
        drop_if(&mut self.hole, |hole| {
            if no_hole { hole.is_empty() } else { layer.hole.rects.as_ref() == Some(hole) }
        });
        let no_picture = layer.fallback_source == 0;
        drop_if(&mut self.fallback, |fallback| {
            no_picture && matches!(fallback, Fallback::Word(word) if **word == layer.fallback)
        });
        drop_if(&mut self.deadline_ms, |after| *after == layer.deadline_ms);
        drop_if(&mut self.rate_limit_mhz, |rate| *rate == layer.rate_limit_mhz);
        Ok(self)
    }

    /// What is said of how it is turned.
    pub(crate) const fn turn(&self) -> (Option<bool>, Option<bool>, Option<u32>) {
        (self.flip, self.mirror, self.rotation)
    }
}

/// The stream of a guest's picture.
pub(crate) fn find_guest(state: &State, guest: &str, scanout: u32) -> Result<u32, String> {
    let guests = || state.streams.iter().filter(|(_, stream)| stream.is_guest);
    let found = guests().find(|(_, s)| s.socket == guest && s.scanout == scanout);
    if let Some((id, _)) = found {
        return Ok(*id);
    }
    let scanouts = guests().filter(|(_, stream)| stream.socket == guest).count();
    if scanouts > 0 {
        let last = scanouts - 1;
        return Err(format!("guest '{guest}' has no picture {scanout}; the last one is {last}"));
    }
    let mut names: Vec<&str> = guests().map(|(_, stream)| stream.socket.as_str()).collect();
    names.dedup();
    Err(format!("there is no guest '{guest}'; {}", remedy(guest, names)))
}

fn is_shown(state: &State, layer: &Layer, shows: &Shows) -> bool {
    let stream = state.streams.get(&layer.stream).filter(|_| layer.source != 0);
    match shows {
        Shows::Nothing => layer.source == 0,
        Shows::Guest { guest, scanout } => {
            stream.is_some_and(|s| s.is_guest && s.socket == *guest && s.scanout == *scanout)
        }
        Shows::App { socket, app_id } => {
            stream.is_some_and(|s| !s.is_guest && s.socket == *socket && s.app_id == *app_id)
        }
        Shows::Picture(_) => false,
    }
}
