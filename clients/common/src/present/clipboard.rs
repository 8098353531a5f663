//! What the guest has copied, and what a person has copied who has its keyboard.
//!
//! A text that a person has copied is fetched when the guest's window gets the keyboard of a seat, and
//! what the guest has copied is given to the seats whose keyboard it has then. Whether that happens at
//! all is the compositor's decision: it announces a data device, or does not.

use std::os::fd::AsFd;
use std::sync::Arc;

use wayland_client::backend::ObjectId;
use wayland_client::protocol::wl_data_device::{self, WlDataDevice};
use wayland_client::protocol::wl_data_device_manager::WlDataDeviceManager;
use wayland_client::protocol::wl_data_offer::{self, WlDataOffer};
use wayland_client::protocol::wl_data_source::{self, WlDataSource};
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
};

use super::Told;
use super::stage::Stage;
use crate::texts::{TYPES, Texts, Transfers, rank};

/// There is but one guest here, and so one clipboard.
const GUEST: u64 = 0;

/// Which way copied text may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ways {
    /// Into the guest.
    pub into: bool,
    /// Out of the guest.
    pub out: bool,
}

impl Ways {
    /// What command lines call them.
    pub const WORDS: [&'static str; 4] = ["off", "in", "out", "both"];

    /// What one of [`Ways::WORDS`] means; any other word is neither way.
    #[must_use]
    pub fn named(word: &str) -> Self {
        let both = word == "both";
        Self { into: both || word == "in", out: both || word == "out" }
    }

    /// Whether text goes at all.
    #[must_use]
    pub const fn any(self) -> bool {
        self.into || self.out
    }
}

/// An offer whose types come one by one.
struct Offer {
    object: WlDataOffer,
    /// The best of them, by its rank and as it was written.
    best: Option<(usize, String)>,
}

/// A seat's clipboard.
pub(super) struct Device {
    object: WlDataDevice,
    offer: Option<Offer>,
    /// What the guest has copied, while that is what the seat has.
    source: Option<WlDataSource>,
}

/// All of the guest's side.
pub(super) struct Clipboard {
    ways: Ways,
    /// What the guest has copied, or that it has nothing any more, until the seats are given it.
    fresh: Option<Option<Arc<str>>>,
    transfers: Transfers<Stage>,
    /// It was said that the compositor lets nothing through.
    missed: bool,
}

impl Clipboard {
    pub(super) const fn new(ways: Ways, transfers: Transfers<Stage>) -> Self {
        Self { ways, fresh: None, transfers, missed: false }
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.ways.any()
    }

    /// The guest has copied something else, or nothing any more.
    pub(super) fn set(&mut self, text: Option<Arc<str>>) {
        if self.ways.out {
            self.fresh = Some(text);
        }
    }

    /// The connection is lost. What the guest has copied is its own all the same.
    pub(super) fn lost(&mut self) {
        self.transfers.stop();
        self.fresh = None;
    }

    /// What the guest has copied is to be given to those who have its keyboard.
    pub(super) const fn take_fresh(&mut self) -> Option<Option<Arc<str>>> {
        self.fresh.take()
    }

    /// Says once that the compositor has no clipboard for this guest.
    pub(super) fn missing(&mut self) {
        if self.is_wanted() && !std::mem::replace(&mut self.missed, true) {
            tracing::warn!(
                "the compositor has no clipboard for this guest: [[guest]] needs clipboard = \"in\", \
                 \"out\" or \"both\""
            );
        }
    }
}

impl Device {
    pub(super) fn new(
        manager: &WlDataDeviceManager,
        seat: &WlSeat,
        name: u32,
        queue: &QueueHandle<Stage>,
    ) -> Self {
        Self { object: manager.get_data_device(seat, queue, name), offer: None, source: None }
    }

    /// The seat gets what the guest has copied; or nothing, where it has that now. A seat whose keyboard
    /// the guest does not have, which has no serial, gets nothing new. Whether anything was done.
    pub(super) fn select(
        &mut self,
        manager: &WlDataDeviceManager,
        text: Option<&Arc<str>>,
        serial: Option<u32>,
        queue: &QueueHandle<Stage>,
    ) -> bool {
        if text.is_some() && serial.is_none() {
            return false;
        }
        let before = self.source.take();
        let done = text.is_some() || before.is_some();
        if let (Some(text), Some(serial)) = (text, serial) {
            let source = manager.create_data_source(queue, Arc::clone(text));
            for kind in TYPES {
                source.offer(kind.to_owned());
            }
            self.object.set_selection(Some(&source), serial);
            self.source = Some(source);
        }
        if let Some(before) = before {
            before.destroy();
        }
        done
    }

    pub(super) fn release(self) {
        if let Some(offer) = self.offer {
            offer.object.destroy();
        }
        if let Some(source) = self.source {
            source.destroy();
        }
        if self.object.version() >= 2 {
            self.object.release();
        }
    }

    /// Forgets the source; true when it was this seat's.
    pub(super) fn cancelled(&mut self, source: &WlDataSource) -> bool {
        let own = self.source.as_ref() == Some(source);
        if own {
            self.source = None;
        }
        own
    }

    fn offered(&mut self, object: &WlDataOffer, kind: String) {
        let Some(offer) = self.offer.as_mut().filter(|offer| offer.object == *object) else {
            return;
        };
        let Some(rank) = rank(&kind) else { return };
        if offer.best.as_ref().is_none_or(|(best, _)| rank < *best) {
            offer.best = Some((rank, kind));
        }
    }

    /// Takes the offer of this id, where it was told of last.
    fn take(&mut self, id: &ObjectId) -> Option<Offer> {
        self.offer.take_if(|offer| offer.object.id() == *id)
    }
}

impl Stage {
    fn selected(&mut self, name: u32, offer: Option<&WlDataOffer>) {
        let wanted = self.clipboard.ways.into;
        let Some(device) = self.seats.device_of(name) else { return };
        let taken = offer.and_then(|offer| device.take(&offer.id()));
        // While our source lives it is what the seat has.
        let own = device.source.is_some();
        let Some(offer) = taken else {
            if wanted && !own {
                self.clipboard.transfers.stop_fetching(GUEST);
                self.tell(Told::Copied(None));
            }
            return;
        };
        if wanted
            && !own
            && let Some((_, kind)) = offer.best
            && let Some(end) = self.clipboard.transfers.fetch(GUEST)
        {
            offer.object.receive(kind, end.as_fd());
        }
        offer.object.destroy();
    }
}

impl Texts for Stage {
    fn transfers(&mut self) -> &mut Transfers<Self> {
        &mut self.clipboard.transfers
    }

    fn fetched(&mut self, _: u64, text: Option<Arc<str>>) {
        self.tell(Told::Copied(text));
    }
}

impl Dispatch<WlDataDevice, u32> for Stage {
    fn event(
        stage: &mut Self,
        _: &WlDataDevice,
        event: wl_data_device::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_device::Event::DataOffer { id } => match stage.seats.device_of(*name) {
                Some(device) => {
                    let offer = Offer { object: id, best: None };
                    if let Some(before) = device.offer.replace(offer) {
                        before.object.destroy();
                    }
                }
                None => id.destroy(),
            },
            wl_data_device::Event::Selection { id } => stage.selected(*name, id.as_ref()),
            // Nothing can be dropped on a guest.
            wl_data_device::Event::Enter { id: Some(id), .. } => {
                if let Some(device) = stage.seats.device_of(*name) {
                    drop(device.take(&id.id()));
                }
                id.destroy();
            }
            _ => {}
        }
    }

    event_created_child!(Stage, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, ()),
    ]);
}

impl Dispatch<WlDataOffer, ()> for Stage {
    fn event(
        stage: &mut Self,
        object: &WlDataOffer,
        event: wl_data_offer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_data_offer::Event::Offer { mime_type } = event {
            stage.seats.devices().for_each(|device| device.offered(object, mime_type.clone()));
        }
    }
}

/// A source gives out its own text for as long as a seat has it: another seat may have a newer one.
impl Dispatch<WlDataSource, Arc<str>> for Stage {
    fn event(
        stage: &mut Self,
        object: &WlDataSource,
        event: wl_data_source::Event,
        text: &Arc<str>,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_source::Event::Send { mime_type, fd } if rank(&mime_type).is_some() => {
                stage.clipboard.transfers.give(GUEST, Arc::clone(text), fd);
            }
            // One of ours was destroyed when it was replaced.
            wl_data_source::Event::Cancelled
                if stage.seats.devices().any(|device| device.cancelled(object)) =>
            {
                object.destroy();
            }
            _ => {}
        }
    }
}

delegate_noop!(Stage: WlDataDeviceManager);
