//! What is copied on a port and on the parent of its window: which way it goes, and how much of it.

use std::{collections::BTreeMap, os::fd::OwnedFd, sync::Arc, time::Duration};

use porthole_core::model::PortId;
use smithay::{
    input::Seat,
    reexports::calloop::{
        Interest, Mode as Trigger, PostAction, RegistrationToken,
        generic::Generic,
        timer::{TimeoutAction, Timer},
    },
    wayland::selection::data_device::{
        clear_data_device_selection, current_data_device_selection_userdata,
        request_data_device_client_selection, set_data_device_selection,
    },
};

use crate::{
    carry::{Carried, Step},
    screens::window::Copied,
    state::State,
};

/// Bytes that are pasted at once: a long text, or a picture of a screen.
const PASTED_BYTES: usize = 64 << 20;
/// How long that may take.
const PASTE_TIME: Duration = Duration::from_secs(30);
/// Pastes at once, at one port: none can keep another one from it.
const PASTES: usize = 4;

/// What is being pasted, by number.
#[derive(Debug, Default)]
pub(super) struct Pastes {
    under_way: BTreeMap<u64, Paste>,
    next: u64,
}

#[derive(Debug)]
struct Paste {
    id: PortId,
    port: String,
    carried: Carried,
    /// One of its ends can go on.
    awaits: Option<RegistrationToken>,
    end: Option<RegistrationToken>,
}

impl State {
    /// Something happened to what is copied on the parent of a port's window.
    pub(super) fn parent_copied(&mut self, id: PortId) {
        let Some(window) = self.window(id) else { return };
        let (policy, copied) = (window.look().clipboard.clone(), window.take_copied());
        let seat = self.seats.of_port(id).and_then(|seat| self.seats.get(seat));
        let Some(seat) = seat.map(|seat| seat.seat.clone()) else { return };
        for copied in copied {
            match copied {
                Copied::Offered(types) if policy.way.lets_in() => {
                    let types: Vec<String> =
                        types.into_iter().filter(|kind| policy.may_copy(kind)).collect();
                    if types.is_empty() {
                        self.nothing_of_the_parent(&seat);
                    } else {
                        set_data_device_selection(&self.display, &seat, types, ());
                    }
                }
                Copied::Wanted { kind, to } if policy.way.lets_out() && policy.may_copy(&kind) => {
                    self.paste(id, to, |_, give| {
                        // A program that ended meanwhile has nothing to give.
                        let asked = request_data_device_client_selection(&seat, kind, give);
                        asked.map_err(std::io::Error::other)
                    });
                }
                Copied::Offered(_) | Copied::Wanted { .. } => {}
            }
        }
    }

    /// A program of the port wants what is copied on the parent.
    pub(super) fn paste_of_parent(&mut self, seat: &Seat<Self>, kind: &str, to: OwnedFd) {
        let Some(id) = self.port_with_own(seat) else { return };
        self.paste(id, to, |state, give| {
            if let Some(window) = state.window(id) {
                window.receive(kind, &give);
            }
            Ok(())
        });
    }

    /// A program copied something on a port, or nothing any more.
    pub(super) fn copied_on_port(&mut self, seat: &Seat<Self>, types: Option<Vec<String>>) {
        let Some(id) = self.port_with_own(seat) else { return };
        let Some(window) = self.window(id).filter(|w| w.look().clipboard.way.lets_out()) else {
            return;
        };
        let policy = window.look().clipboard.clone();
        let types: Vec<String> =
            types.into_iter().flatten().filter(|kind| policy.may_copy(kind)).collect();
        window.copy(&types);
    }

    /// The window is gone, or what may be copied is another matter now, and so is all that was copied on
    /// the parent.
    pub(super) fn forget_parents_clipboard(&mut self, id: PortId) {
        let pastes = self.parents.pastes.under_way.iter();
        let over: Vec<u64> =
            pastes.filter(|(_, paste)| paste.id == id).map(|(number, _)| *number).collect();
        over.into_iter().for_each(|number| self.end_paste(number));
        let seat = self.seats.of_port(id).and_then(|seat| self.seats.get(seat));
        if let Some(seat) = seat {
            self.nothing_of_the_parent(&seat.seat);
        }
    }

    fn nothing_of_the_parent(&self, seat: &Seat<Self>) {
        // What a program of the port copied stays.
        let of_parent = current_data_device_selection_userdata(seat).is_some();
        if of_parent {
            clear_data_device_selection(&self.display, seat);
        }
    }

    /// The port whose own seat this is.
    fn port_with_own(&self, seat: &Seat<Self>) -> Option<PortId> {
        let id = self.seats.id_of(seat)?;
        let port = self.seats.get(id)?.port?;
        (self.seats.of_port(port) == Some(id)).then_some(port)
    }

    /// Takes data to where it is wanted. `ask` gives whoever has it the other end.
    fn paste(
        &mut self,
        id: PortId,
        to: OwnedFd,
        ask: impl FnOnce(&mut Self, OwnedFd) -> std::io::Result<()>,
    ) {
        let Some(port) = self.ports.get(id).map(|port| port.name.clone()) else { return };
        let pastes = self.parents.pastes.under_way.values();
        if pastes.filter(|paste| paste.id == id).count() >= PASTES {
            tracing::warn!(port, "{PASTES} pastes are under way: another one gets nothing");
            return;
        }
        let carried = match Carried::to(to, PASTED_BYTES) {
            Ok((carried, give)) => ask(self, give).map(|()| carried),
            Err(error) => Err(error),
        };
        let carried = match carried {
            Ok(carried) => carried,
            Err(error) => {
                tracing::info!(port, "nothing is pasted: {error}");
                return;
            }
        };
        let pastes = &mut self.parents.pastes;
        pastes.next += 1;
        let number = pastes.next;
        let timer =
            self.handle.insert_source(Timer::from_duration(PASTE_TIME), move |_, (), state| {
                if let Some(paste) = state.parents.pastes.under_way.get_mut(&number) {
                    paste.end = None;
                    let seconds = PASTE_TIME.as_secs();
                    tracing::warn!(port = paste.port, "a paste is cut after {seconds} s");
                }
                state.end_paste(number);
                TimeoutAction::Drop
            });
        let paste = Paste { id, port, carried, awaits: None, end: timer.ok() };
        self.parents.pastes.under_way.insert(number, paste);
        self.go_on_pasting(number);
    }

    fn go_on_pasting(&mut self, number: u64) {
        let Some(paste) = self.parents.pastes.under_way.get_mut(&number) else { return };
        let (end, interest) = match paste.carried.step() {
            Step::Giver => (&paste.carried.from, Interest::READ),
            Step::Taker => (&paste.carried.to, Interest::WRITE),
            Step::Done => return self.end_paste(number),
            Step::TooMuch => {
                let most = PASTED_BYTES >> 20;
                tracing::warn!(port = paste.port, "a paste is cut after {most} MiB");
                return self.end_paste(number);
            }
        };
        let source = Generic::new(Arc::clone(end), interest, Trigger::Level);
        let awaits = self.handle.insert_source(source, move |_, _, state| {
            if let Some(paste) = state.parents.pastes.under_way.get_mut(&number) {
                paste.awaits = None;
            }
            // The same end may have to be awaited again, which it can be once this is over.
            state.handle.insert_idle(move |state| state.go_on_pasting(number));
            Ok(PostAction::Remove)
        });
        match awaits {
            Ok(token) => paste.awaits = Some(token),
            Err(_) => self.end_paste(number),
        }
    }

    fn end_paste(&mut self, number: u64) {
        if let Some(paste) = self.parents.pastes.under_way.remove(&number) {
            paste.awaits.into_iter().chain(paste.end).for_each(|token| self.handle.remove(token));
        }
    }
}
