//! What a person at a viewer has copied there, and what is copied on that person's seat, by
//! `ext-data-control-v1`: whoever looks at a port has no surface there, and so never a keyboard.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, backend::ObjectId, delegate_noop, event_created_child,
};
use wayland_protocols::ext::data_control::v1::client::{
    ext_data_control_device_v1::{self, ExtDataControlDeviceV1},
    ext_data_control_manager_v1::ExtDataControlManagerV1,
    ext_data_control_offer_v1::{self, ExtDataControlOfferV1},
    ext_data_control_source_v1::{self, ExtDataControlSourceV1},
};

use super::{PersonId, PortView, ViewEvent};
use crate::texts::{TYPES, rank};

/// A text that somebody has copied on a person's seat.
#[derive(Debug)]
pub struct Copied {
    offer: ExtDataControlOfferV1,
    kind: String,
}

impl Copied {
    /// Has it written into a descriptor.
    pub fn receive(self, to: BorrowedFd<'_>) {
        self.offer.receive(self.kind.clone(), to);
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.offer.destroy();
    }
}

/// A paste of what a person has copied at a viewer.
#[derive(Debug)]
pub struct Paste {
    /// Whose it is.
    pub whose: PersonId,
    /// The text that was offered.
    pub text: Arc<str>,
    /// Where it is to be written.
    pub to: OwnedFd,
}

/// A seat's clipboard.
#[derive(Debug)]
pub(super) struct Clipboard {
    device: ExtDataControlDeviceV1,
    /// What was told of last, and the best of its types, by rank and as it was written.
    offer: Option<(ExtDataControlOfferV1, Option<(usize, String)>)>,
    /// What the person has copied, while that is what the seat has.
    source: Option<ExtDataControlSourceV1>,
}

impl Clipboard {
    pub(super) fn destroy(mut self) {
        self.forget_offer();
        if let Some(source) = self.source {
            source.destroy();
        }
        self.device.destroy();
    }

    fn forget_offer(&mut self) {
        if let Some((offer, _)) = self.offer.take() {
            offer.destroy();
        }
    }

    /// Takes the offer of this id, where it was told of last.
    fn take(&mut self, id: &ObjectId) -> Option<(ExtDataControlOfferV1, Option<(usize, String)>)> {
        self.offer.take_if(|(offer, _)| offer.id() == *id)
    }

    /// The seat has something else; what that is to the owner of the view, if anything.
    fn selected(&mut self, offer: Option<&ExtDataControlOfferV1>) -> Option<Option<Copied>> {
        let taken = offer.and_then(|offer| self.take(&offer.id()));
        let text = taken.and_then(|(offer, best)| match best {
            Some((_, kind)) => Some(Copied { offer, kind }),
            None => {
                offer.destroy();
                None
            }
        });
        // While the person's own is there it is what the seat has.
        self.source.is_none().then_some(text)
    }
}

impl PortView {
    /// Whether what is copied can be read and set here.
    #[must_use]
    pub fn has_clipboard(&self) -> bool {
        self.port.as_ref().is_some_and(|port| port.clipboards.is_some())
    }

    /// From now on [`ViewEvent::Copied`] tells what others copy on a person's seat; to be used once the
    /// person is ready.
    pub fn open_clipboard(&mut self, id: PersonId) {
        let (Some(port), Some(person)) = (&self.port, self.people.get_mut(&id)) else { return };
        let (Some(manager), Some(seat)) = (&port.clipboards, &person.seat) else { return };
        let device = manager.get_data_device(seat, &self.queue, id);
        let clipboard = Clipboard { device, offer: None, source: None };
        if let Some(before) = person.clipboard.replace(clipboard) {
            before.destroy();
        }
    }

    /// A person has copied something else at the viewer, or has nothing any more. [`ViewEvent::Pasted`]
    /// says when somebody wants it.
    pub fn set_copied(&mut self, id: PersonId, text: Option<Arc<str>>) {
        let Some(manager) = self.port.as_ref().and_then(|port| port.clipboards.as_ref()) else {
            return;
        };
        let person = self.people.get_mut(&id);
        let Some(clipboard) = person.and_then(|person| person.clipboard.as_mut()) else { return };
        let before = clipboard.source.take();
        if let Some(text) = text {
            let source = manager.create_data_source(&self.queue, (id, text));
            for kind in TYPES {
                source.offer(kind.to_owned());
            }
            clipboard.device.set_selection(Some(&source));
            clipboard.source = Some(source);
        }
        if let Some(before) = before {
            before.destroy();
        }
    }

    fn clipboard(&mut self, id: PersonId) -> Option<&mut Clipboard> {
        self.people.get_mut(&id)?.clipboard.as_mut()
    }
}

impl Dispatch<ExtDataControlDeviceV1, PersonId> for PortView {
    fn event(
        view: &mut Self,
        device: &ExtDataControlDeviceV1,
        event: ext_data_control_device_v1::Event,
        id: &PersonId,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use ext_data_control_device_v1::Event;
        let own = view.clipboard(*id).filter(|clipboard| clipboard.device == *device);
        match (event, own) {
            (Event::DataOffer { id }, Some(clipboard)) => {
                clipboard.forget_offer();
                clipboard.offer = Some((id, None));
            }
            (Event::DataOffer { id }, None) => id.destroy(),
            (Event::Selection { id: offer }, Some(clipboard)) => {
                let copied = clipboard.selected(offer.as_ref());
                view.events.extend(copied.map(|copied| ViewEvent::Copied(*id, copied)));
            }
            // What is merely marked goes nowhere.
            (Event::PrimarySelection { id: Some(offer) }, Some(clipboard)) => {
                drop(clipboard.take(&offer.id()));
                offer.destroy();
            }
            (Event::Finished, Some(_)) => {
                let person = view.people.get_mut(id);
                if let Some(over) = person.and_then(|person| person.clipboard.take()) {
                    over.destroy();
                }
            }
            _ => {}
        }
    }

    event_created_child!(PortView, ExtDataControlDeviceV1, [
        ext_data_control_device_v1::EVT_DATA_OFFER_OPCODE => (ExtDataControlOfferV1, ()),
    ]);
}

impl Dispatch<ExtDataControlOfferV1, ()> for PortView {
    fn event(
        view: &mut Self,
        offer: &ExtDataControlOfferV1,
        event: ext_data_control_offer_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let ext_data_control_offer_v1::Event::Offer { mime_type } = event else { return };
        let Some(new) = rank(&mime_type) else { return };
        let boards = view.people.values_mut().filter_map(|person| person.clipboard.as_mut());
        let mut offers = boards.filter_map(|board| board.offer.as_mut());
        if let Some((_, best)) = offers.find(|(known, _)| known == offer)
            && best.as_ref().is_none_or(|(rank, _)| new < *rank)
        {
            *best = Some((new, mime_type));
        }
    }
}

/// A source gives out its own text for as long as the seat has it.
impl Dispatch<ExtDataControlSourceV1, (PersonId, Arc<str>)> for PortView {
    fn event(
        view: &mut Self,
        source: &ExtDataControlSourceV1,
        event: ext_data_control_source_v1::Event,
        (whose, text): &(PersonId, Arc<str>),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            ext_data_control_source_v1::Event::Send { mime_type, fd }
                if rank(&mime_type).is_some() =>
            {
                let paste = Paste { whose: *whose, text: Arc::clone(text), to: fd };
                view.events.push_back(ViewEvent::Pasted(paste));
            }
            ext_data_control_source_v1::Event::Cancelled => {
                let clipboard = view.clipboard(*whose);
                if let Some(own) =
                    clipboard.and_then(|clipboard| clipboard.source.take_if(|own| own == source))
                {
                    own.destroy();
                }
            }
            _ => {}
        }
    }
}

delegate_noop!(PortView: ExtDataControlManagerV1);
