//! What is copied on the parent, and what the parent is told that is copied on the port.

use std::os::fd::{AsFd, OwnedFd};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::{
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::WlDataDeviceManager,
        wl_data_offer::{self, WlDataOffer},
        wl_data_source::{self, WlDataSource},
        wl_seat::WlSeat,
    },
};

use super::{
    Event,
    client::{Client, Heard},
    input::OfSeat,
};

/// Offers that are kept: of what is copied, and of what is dragged over the window.
const MOST_OFFERS: usize = 8;
/// Types of one offer that are kept, and how long their names may be.
const MOST_TYPES: usize = 64;
const LONGEST_TYPE: usize = 256;
/// The first version of `wl_data_device` that can be released.
const RELEASED_SINCE: u32 = 2;

/// What happened to what is copied.
#[derive(Debug)]
pub(crate) enum Copied {
    /// Something of these types is copied on the parent; nothing where there are none.
    Offered(Vec<String>),
    /// A program of the parent wants what is copied on the port.
    Wanted { kind: String, to: OwnedFd },
}

/// The clipboard of the parent.
#[derive(Debug, Default)]
pub(super) struct Clipboard {
    manager: Option<WlDataDeviceManager>,
    offers: Vec<Offer>,
    /// What is copied, if it is not what we said.
    copied: Option<WlDataOffer>,
    /// What we said that is copied, to each seat by a source of its own.
    sources: Vec<(OfSeat, WlDataSource)>,
    heard: Vec<Copied>,
    /// A type that nobody else offers: who offers it is this window.
    mark: String,
}

#[derive(Debug)]
struct Offer {
    object: WlDataOffer,
    types: Vec<String>,
    /// It has the mark, wherever that comes among how many types.
    own: bool,
}

impl Client {
    /// Listens to the clipboard of each seat, from now on.
    pub(super) fn open_clipboard(&mut self, window: u64) {
        self.clipboard.manager = self.bind(1, 3);
        self.clipboard.mark = format!("application/x-porthole-{}-{window}", std::process::id());
        if self.clipboard.manager.is_none() {
            tracing::warn!("the parent has no wl_data_device_manager: what is copied stays there");
        }
    }

    /// The clipboard of a seat.
    pub(super) fn clipboard_of(&self, seat: &WlSeat, of: OfSeat) -> Option<WlDataDevice> {
        let manager = self.clipboard.manager.as_ref()?;
        Some(manager.get_data_device(seat, &self.handle, of))
    }

    /// Tells the parent that something of these types is copied on the port. It believes that only while
    /// the window has the keyboard.
    pub(super) fn copy(&mut self, types: &[String]) {
        self.uncopy();
        let Some(manager) = &self.clipboard.manager else { return };
        if types.is_empty() {
            return;
        }
        for (of, device, serial) in self.devices.clipboards() {
            let source = manager.create_data_source(&self.handle, ());
            // Who takes the first type that there is gets something.
            let kinds = types.iter().take(MOST_TYPES).chain([&self.clipboard.mark]);
            kinds.for_each(|kind| source.offer(kind.clone()));
            device.set_selection(Some(&source), serial);
            self.clipboard.sources.push((of, source));
        }
    }

    /// Nothing of the port is copied any more.
    pub(super) fn uncopy(&mut self) {
        self.clipboard.sources.drain(..).for_each(|(_, source)| source.destroy());
    }

    /// A seat is gone, and its clipboard.
    pub(super) fn forget_clipboard(&mut self, of: OfSeat, device: &WlDataDevice) {
        self.clipboard.sources.retain(|(seat, source)| {
            if *seat == of {
                source.destroy();
            }
            *seat != of
        });
        if device.version() >= RELEASED_SINCE {
            device.release();
        }
    }

    /// Has the parent write what is copied there.
    pub(super) fn receive(&self, kind: &str, to: &OwnedFd) {
        if let Some(offer) = &self.clipboard.copied {
            offer.receive(kind.to_owned(), to.as_fd());
        }
    }

    /// What happened to what is copied since the last time.
    pub(super) fn take_copied(&mut self) -> Vec<Copied> {
        std::mem::take(&mut self.clipboard.heard)
    }

    fn hear(&mut self, copied: Copied) {
        self.clipboard.heard.push(copied);
        self.events.push(Heard::Other(Event::Copied));
    }

    /// Forgets all offers but what is copied.
    fn forget_offers(&mut self) {
        let copied = self.clipboard.copied.clone();
        self.clipboard.offers.retain(|offer| {
            let keep = copied.as_ref() == Some(&offer.object);
            if !keep {
                offer.object.destroy();
            }
            keep
        });
    }

    fn selected(&mut self, offer: Option<WlDataOffer>) {
        let known = |object: &WlDataOffer| {
            let mut offers = self.clipboard.offers.iter();
            let offer = offers.find(|offer| offer.object == *object);
            offer.map(|offer| (offer.types.clone(), offer.own))
        };
        let (types, own) = offer.as_ref().and_then(known).unwrap_or_default();
        self.clipboard.copied = offer.filter(|_| !own);
        self.forget_offers();
        // What this window said comes back, and is no news.
        if !own {
            self.hear(Copied::Offered(types));
        }
    }
}

impl Dispatch<WlDataDevice, OfSeat> for Client {
    fn event(
        client: &mut Self,
        _: &WlDataDevice,
        event: wl_data_device::Event,
        _: &OfSeat,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_device::Event::DataOffer { id } => {
                if client.clipboard.offers.len() >= MOST_OFFERS {
                    client.forget_offers();
                }
                client.clipboard.offers.push(Offer { object: id, types: Vec::new(), own: false });
            }
            wl_data_device::Event::Selection { id } => client.selected(id),
            // Nothing is taken of what is dragged.
            wl_data_device::Event::Leave => client.forget_offers(),
            _ => {}
        }
    }

    event_created_child!(Client, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, ()),
    ]);
}

impl Dispatch<WlDataOffer, ()> for Client {
    fn event(
        client: &mut Self,
        object: &WlDataOffer,
        event: wl_data_offer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let wl_data_offer::Event::Offer { mime_type } = event else { return };
        let mut offers = client.clipboard.offers.iter_mut();
        let Some(offer) = offers.find(|offer| offer.object == *object) else { return };
        if mime_type == client.clipboard.mark {
            offer.own = true;
        } else if offer.types.len() < MOST_TYPES && mime_type.len() <= LONGEST_TYPE {
            offer.types.push(mime_type);
        }
    }
}

impl Dispatch<WlDataSource, ()> for Client {
    fn event(
        client: &mut Self,
        source: &WlDataSource,
        event: wl_data_source::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_source::Event::Send { mime_type, fd } => {
                client.hear(Copied::Wanted { kind: mime_type, to: fd });
            }
            // Somebody else copied something at this seat.
            wl_data_source::Event::Cancelled => {
                let sources = &mut client.clipboard.sources;
                let known = sources.len();
                sources.retain(|(_, own)| own != source);
                if sources.len() < known {
                    source.destroy();
                }
            }
            _ => {}
        }
    }
}

delegate_noop!(Client: WlDataDeviceManager);
