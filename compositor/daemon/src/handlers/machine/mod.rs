//! The machine's own keyboards, pointers, touch screens and pens: which are used, and on which seats.

mod again;
mod events;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    rc::Rc,
};

use porthole_core::{
    Name,
    config::{Content, PortKind, Seat},
    devices::{Assignment, Described, Destination, Kind, Manner, assign},
    input::SeatId,
    model::{PipelineId, PortId},
};
use smithay::reexports::calloop::{
    Interest, Mode as Trigger, PostAction, RegistrationToken, generic::Generic,
};

use crate::{
    machine::{DeviceId, Devices, Heard, MachineError, Session, Watch, udev},
    protocols::{
        tablet::{TabletId, TabletInfo},
        virtual_touch::TouchInput,
    },
    screens::drm::Output,
    state::State,
};

/// The most devices that are used at once: more than anybody can hold.
const MOST_DEVICES: usize = 64;

/// The most device files that came at once and are waited for.
const MOST_NEW: usize = 256;

/// The machine's own devices, where the configuration asks for them.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// Who opens devices and cards.
    pub(super) session: Rc<Session>,
    /// What screens showed before others had them.
    asleep: Vec<Output>,
    /// Nothing is open without.
    devices: Option<Devices>,
    /// What devices do is heard, and which come.
    sources: Vec<RegistrationToken>,
    /// Whether the session is heard.
    hears_session: bool,
    /// What is waited for before another one begins.
    again: again::Again,
    /// Device files that came, of which udev has not spoken since.
    new: BTreeSet<PathBuf>,
    used: BTreeMap<DeviceId, Used>,
    /// Seats that are no port's own.
    seats: BTreeMap<Destination, SeatId>,
    /// What was said of devices that are not used.
    said: BTreeSet<String>,
}

/// A device that is used.
#[derive(Debug)]
struct Used {
    path: PathBuf,
    described: Described,
    assignment: Assignment,
    seat: Option<SeatId>,
    keys: BTreeSet<u32>,
    buttons: BTreeSet<u32>,
    /// Turns of a wheel that are no whole step yet, by axis, in 120th.
    turned: [f64; 2],
    lamps: Option<u32>,
    /// What its pens are near.
    tablet: Option<TabletId>,
}

impl Machine {
    /// No device is used before the first picture is shown.
    pub(crate) fn with(session: Rc<Session>) -> Self {
        Self { session, ..Self::default() }
    }

    /// Gets what is needed to open devices, if that is not there yet; whether it is there now and was not
    /// before. No device is open yet.
    fn open(&mut self) -> bool {
        if self.devices.is_some() {
            return false;
        }
        let devices = Devices::new(self.session.clone());
        let devices = devices.inspect_err(|error| {
            tracing::error!("the machine's keyboards and pointers are not used: {error}");
        });
        self.devices = devices.ok();
        self.devices.is_some()
    }

    /// Whether this is said for the first time.
    fn is_news(&mut self, text: &str) -> bool {
        self.said.len() < MOST_DEVICES && self.said.insert(text.to_owned())
    }
}

impl State {
    /// Listens to devices, and opens those that are there, if the configuration wants that. It takes some
    /// milliseconds, and nobody can do anything before there is something to see.
    pub(crate) fn open_devices(&mut self) {
        if self.config.seat.is_none() {
            return;
        }
        if !self.machine.hears_session {
            self.machine.hears_session = true;
            self.watch_session();
        }
        if self.machine.open() {
            self.hear_devices();
        }
        if self.machine.devices.is_none() {
            return;
        }
        let from = if udev::runs() { "udev" } else { "the service: no udev runs" };
        tracing::info!("the machine's devices are described by {from}");
        self.find_devices();
    }

    /// Hears of what devices do, and of those that come.
    fn hear_devices(&mut self) {
        use std::os::fd::AsFd as _;
        let machine = &mut self.machine;
        let Some(devices) = &machine.devices else { return };
        let heard = devices.as_fd().try_clone_to_owned().map_err(|error| error.to_string());
        let inserted = heard.and_then(|fd| {
            let source = Generic::new(fd, Interest::READ, Trigger::Level);
            let inserted = self.handle.insert_source(source, |_, _, state| {
                state.take_device_events();
                Ok(PostAction::Continue)
            });
            inserted.map_err(|error| error.to_string())
        });
        match inserted {
            Ok(token) => machine.sources.push(token),
            Err(error) => {
                tracing::error!("the machine's keyboards and pointers are not heard: {error}");
                machine.devices = None;
                return;
            }
        }
        let watch = Watch::new().map_err(|error| error.to_string()).and_then(|watch| {
            let source = Generic::new(watch, Interest::READ, Trigger::Level);
            let inserted = self.handle.insert_source(source, |_, watch, state| {
                state.heard_of_devices(watch.take());
                Ok(PostAction::Continue)
            });
            inserted.map_err(|error| error.to_string())
        });
        match watch {
            Ok(token) => machine.sources.push(token),
            Err(error) => tracing::warn!("devices that come later are not heard of: {error}"),
        }
    }

    /// The configuration wants no device any more.
    fn close_devices(&mut self) {
        let ids: Vec<DeviceId> = self.machine.used.keys().copied().collect();
        ids.into_iter().for_each(|id| self.leave_device(id));
        self.remove_idle_seats();
        self.stop_hearing_devices();
        if self.machine.session.is_shared() {
            tracing::warn!(
                "no keyboard is used, and so nobody can switch to another console before the service ends"
            );
        }
    }

    /// Nothing is heard of devices any more; none is used.
    fn stop_hearing_devices(&mut self) {
        for source in std::mem::take(&mut self.machine.sources) {
            self.handle.remove(source);
        }
        self.machine.devices = None;
        self.machine.new.clear();
        self.machine.said.clear();
    }

    /// Devices came, or udev spoke of some.
    fn heard_of_devices(&mut self, heard: Vec<Heard>) {
        let new = &mut self.machine.new;
        for heard in heard {
            match heard {
                Heard::Came(path) if new.len() < MOST_NEW => drop(new.insert(path)),
                Heard::Described(entry) => {
                    new.retain(|path| udev::entry_of(path).is_some_and(|of| of != entry));
                }
                Heard::Came(_) | Heard::Much => new.clear(),
            }
        }
        self.find_devices();
    }

    /// Opens devices that are there and are not used yet.
    fn find_devices(&mut self) {
        // Who takes devices away because it ends has hung up before.
        self.take_session_changes();
        self.leave_devices_of_others();
        let active = self.machine.session.is_active();
        let Some(seat) = self.config.seat.clone().filter(|_| active) else { return };
        let named = self.config.devices.iter().filter_map(|rule| rule.devices.path.clone());
        let named: Vec<PathBuf> = named.collect();
        let of_seat = self.machine.session.seat();
        for path in udev::devices() {
            let machine = &mut self.machine;
            if machine.used.values().any(|used| used.path == path) {
                continue;
            }
            if machine.used.len() >= MOST_DEVICES {
                self.not_used(&MachineError::TooMany(MOST_DEVICES));
                break;
            }
            match udev::look(&path, &named, machine.new.contains(&path)) {
                Ok(udev::Found::Ready(described)) if is_of(&described, of_seat.as_deref()) => {
                    self.use_device(path, described, &seat);
                }
                Ok(_) => {}
                Err(error) => self.not_used(&error),
            }
        }
    }

    /// Leaves devices that udev has given to another seat since.
    fn leave_devices_of_others(&mut self) {
        let Some(seat) = self.machine.session.seat() else { return };
        let is_others = |path: &PathBuf| match udev::look(path, &[], false) {
            Ok(udev::Found::Ready(described)) => !is_of(&described, Some(&seat)),
            _ => false,
        };
        let used = self.machine.used.iter().filter(|(_, used)| is_others(&used.path));
        let others: Vec<DeviceId> = used.map(|(id, _)| *id).collect();
        others.into_iter().for_each(|id| self.leave_device(id));
    }

    fn use_device(&mut self, path: PathBuf, described: Described, seat: &Seat) {
        let otherwise = self.destination_of_all(seat);
        let assignment = assign(&self.config.devices, &described, &otherwise, &seat.keymap);
        let Some(devices) = self.machine.devices.as_mut() else { return };
        if assignment.to == Destination::Nowhere {
            return;
        }
        match devices.add(&path, &assignment.manner) {
            Ok(id) => {
                tracing::info!(
                    device = described.model,
                    path = %path.display(),
                    kinds = ?described.kinds,
                    to = ?assignment.to,
                    "a device is used"
                );
                let seat = self.seat_for(&assignment.to);
                self.has_touch(seat, &described);
                let used = Used {
                    path,
                    described,
                    assignment,
                    seat,
                    keys: BTreeSet::new(),
                    buttons: BTreeSet::new(),
                    turned: [0.0; 2],
                    lamps: None,
                    tablet: None,
                };
                self.machine.used.insert(id, used);
                self.has_pens(id);
            }
            Err(error) => self.not_used(&error),
        }
    }

    /// Programs ask for a seat's touch screens where it has some.
    fn has_touch(&mut self, seat: Option<SeatId>, described: &Described) {
        if let Some(seat) = seat.filter(|_| described.kinds.contains(&Kind::Touch)) {
            self.add_touch(seat);
        }
    }

    /// Programs are told of a device with pens.
    fn has_pens(&mut self, id: DeviceId) {
        let devices = self.machine.devices.as_ref();
        let Some(used) = self.machine.used.get(&id) else { return };
        if let Some(seat) = used.seat.filter(|_| devices.is_some_and(|all| all.has_pens(id))) {
            let described = &used.described;
            let info = TabletInfo { name: described.model.clone(), id: described.id };
            let tablet = self.add_tablet(seat, info);
            if let Some(used) = self.machine.used.get_mut(&id) {
                used.tablet = Some(tablet);
            }
        }
    }

    fn not_used(&mut self, error: &MachineError) {
        let text = error.to_string();
        if self.machine.is_news(&text) {
            tracing::warn!("{text}; the device is not used");
        }
    }

    /// Where devices are that no rule sends elsewhere.
    fn destination_of_all(&self, seat: &Seat) -> Destination {
        let ports = &self.config.ports;
        let on_screen = || ports.iter().find(|port| matches!(port.kind, PortKind::Drm(_)));
        let port = seat.port.clone();
        let port = port.or_else(|| on_screen().or(ports.first()).map(|port| port.name.clone()));
        port.map_or(Destination::Nowhere, Destination::Port)
    }

    /// The configuration says otherwise of devices, or ports and layers are others.
    pub(crate) fn assign_devices(&mut self) {
        self.try_seatd();
        match (&self.config.seat, &self.machine.devices) {
            (None, None) => return,
            (None, Some(_)) => return self.close_devices(),
            (Some(_), None) => return self.open_devices(),
            (Some(_), Some(_)) => {}
        }
        let ids: Vec<DeviceId> = self.machine.used.keys().copied().collect();
        let named = self.config.devices.iter().filter_map(|rule| rule.devices.path.clone());
        let named: Vec<PathBuf> = named.collect();
        for id in ids {
            let Some(used) = self.machine.used.get(&id) else { continue };
            let mut described = used.described.clone();
            // Rules may name it by other links now.
            if let Ok(udev::Found::Ready(now)) = udev::look(&used.path, &named, false) {
                described = now;
            }
            let assignment = self.config.seat.clone().map(|seat| {
                let otherwise = self.destination_of_all(&seat);
                assign(&self.config.devices, &described, &otherwise, &seat.keymap)
            });
            match assignment.filter(|assignment| assignment.to != Destination::Nowhere) {
                None => self.leave_device(id),
                // It is opened anew: what a rule says no more is again as the device has it.
                Some(assignment) if !self.is_used_in(id, &assignment.manner) => {
                    self.leave_device(id);
                }
                Some(assignment) => {
                    if let Some(used) = self.machine.used.get_mut(&id) {
                        used.described = described;
                        used.assignment = assignment;
                    }
                }
            }
        }
        self.find_devices();
        self.place_devices();
        if self.machine.session.is_active() {
            self.remove_idle_seats();
        }
    }

    fn is_used_in(&self, id: DeviceId, manner: &Manner) -> bool {
        self.machine.used.get(&id).is_some_and(|used| used.assignment.manner == *manner)
    }

    /// Puts devices on their seats, and guests' seats where the guests are shown.
    pub(crate) fn place_devices(&mut self) {
        let ids: Vec<DeviceId> = self.machine.used.keys().copied().collect();
        for id in ids {
            let Some(to) = self.machine.used.get(&id).map(|used| used.assignment.to.clone()) else {
                continue;
            };
            let seat = self.seat_for(&to);
            if self.machine.used.get(&id).is_some_and(|used| used.seat != seat) {
                self.let_go_of_device(id);
                if let Some(used) = self.machine.used.get_mut(&id) {
                    used.seat = seat;
                    let described = used.described.clone();
                    self.has_touch(seat, &described);
                    self.has_pens(id);
                }
            }
        }
        // While others have all devices, programs keep their seats.
        if !self.machine.used.is_empty() {
            self.remove_idle_seats();
        }
    }

    /// Seats that no device is on go.
    fn remove_idle_seats(&mut self) {
        let needed: BTreeSet<SeatId> =
            self.machine.used.values().filter_map(|used| used.seat).collect();
        let (kept, gone) = std::mem::take(&mut self.machine.seats)
            .into_iter()
            .partition(|(_, seat)| needed.contains(seat));
        self.machine.seats = kept;
        let gone: BTreeMap<Destination, SeatId> = gone;
        gone.into_values().for_each(|seat| self.remove_seat(seat));
    }

    /// The seat for devices that go there, made if need be and put at its port.
    fn seat_for(&mut self, to: &Destination) -> Option<SeatId> {
        let port_of = |state: &Self, name: &Name| {
            state.ports.iter().find(|(_, port)| port.name == name.as_str()).map(|(id, _)| id)
        };
        let (name, port) = match to {
            Destination::Nowhere => return None,
            Destination::Port(port) => return self.seats.of_port(port_of(self, port)?),
            Destination::Seat { port, seat } => (format!("{port}/{seat}"), port_of(self, port)),
            Destination::Guest(guest) => {
                (format!("machine/{guest}"), self.guest_layer(guest).map(|(port, _)| port))
            }
        };
        let id = match self.machine.seats.get(to) {
            Some(id) => *id,
            None => {
                let only = match to {
                    Destination::Guest(guest) => Some(guest.clone()),
                    _ => None,
                };
                let id = self.seats.add_machine(&self.display, &name, only)?;
                self.machine.seats.insert(to.clone(), id);
                id
            }
        };
        let at = self.seats.get(id).and_then(|seat| seat.port);
        if at != port {
            self.leave_port(id);
            if let Some(port) = port {
                self.join_port(id, port);
            }
        }
        Some(id)
    }

    /// The layer that shows a guest's first picture, and its port.
    pub(crate) fn guest_layer(&self, name: &Name) -> Option<(PortId, PipelineId)> {
        let layers =
            self.device.pipelines().filter_map(|(id, pipeline)| match self.device.stream_of(id) {
                Some(Content::Guest { guest, scanout }) if guest == name => {
                    Some((*scanout, pipeline.port, id))
                }
                _ => None,
            });
        layers.min_by_key(|(scanout, ..)| *scanout).map(|(_, port, id)| (port, id))
    }

    /// What a device holds is let go of.
    fn let_go_of_device(&mut self, id: DeviceId) {
        let Some(used) = self.machine.used.get_mut(&id) else { return };
        let (keys, buttons) = (std::mem::take(&mut used.keys), std::mem::take(&mut used.buttons));
        let tablet = used.tablet.take();
        let Some(seat) = used.seat else { return };
        keys.into_iter().for_each(|code| self.key(seat, code, false));
        self.release_buttons(seat, buttons);
        self.touch_input(seat, TouchInput::Gone(id.number()));
        if let Some(tablet) = tablet {
            self.remove_tablet(seat, tablet);
        }
    }

    /// A device is not used any more.
    fn leave_device(&mut self, id: DeviceId) {
        self.let_go_of_device(id);
        if let Some(devices) = self.machine.devices.as_mut() {
            devices.remove(id);
        }
        if let Some(used) = self.machine.used.remove(&id) {
            tracing::info!(device = used.described.model, path = %used.path.display(), "a device is not used any more");
        }
    }

    fn device_gone(&mut self, id: DeviceId) {
        self.leave_device(id);
        self.place_devices();
        // Another one may have its number by now.
        self.find_devices();
        self.remove_idle_seats();
    }
}

/// Whether a device belongs to the seat that a session is on: a machine may have several, each with a screen.
/// Without a session all are ours.
fn is_of(device: &Described, seat: Option<&str>) -> bool {
    let of = device.properties.get("ID_SEAT").map_or("seat0", String::as_str);
    seat.is_none_or(|seat| seat == of)
}
