//! What a desktop program uses besides surfaces: clipboard, menus, and what it asks about outputs.

use std::{
    fs::File,
    io::{Read, Write},
};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop, event_created_child,
    protocol::{
        wl_data_device::{self, WlDataDevice},
        wl_data_device_manager::WlDataDeviceManager,
        wl_data_offer::{self, WlDataOffer},
        wl_data_source::{self, WlDataSource},
        wl_seat::WlSeat,
        wl_surface::WlSurface,
    },
};
use wayland_protocols::{
    ext::data_control::v1::client::{
        ext_data_control_device_v1::{self, ExtDataControlDeviceV1},
        ext_data_control_manager_v1::ExtDataControlManagerV1,
        ext_data_control_offer_v1::{self, ExtDataControlOfferV1},
        ext_data_control_source_v1::{self, ExtDataControlSourceV1},
    },
    wp::primary_selection::zv1::client::{
        zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1,
        zwp_primary_selection_device_v1::{self, ZwpPrimarySelectionDeviceV1},
        zwp_primary_selection_offer_v1::{self, ZwpPrimarySelectionOfferV1},
        zwp_primary_selection_source_v1::{self, ZwpPrimarySelectionSourceV1},
    },
    xdg::{
        decoration::zv1::client::{
            zxdg_decoration_manager_v1::ZxdgDecorationManagerV1,
            zxdg_toplevel_decoration_v1::{self, ZxdgToplevelDecorationV1},
        },
        shell::client::{
            xdg_popup::{self, XdgPopup},
            xdg_positioner::{Anchor, ConstraintAdjustment, Gravity, XdgPositioner},
            xdg_surface::XdgSurface,
            xdg_wm_base::XdgWmBase,
        },
        xdg_output::zv1::client::{
            zxdg_output_manager_v1::ZxdgOutputManagerV1,
            zxdg_output_v1::{self, ZxdgOutputV1},
        },
    },
};

use super::{Log, Program, Toplevel};
use crate::failure::{Failure, OrFail, Result};

/// What was copied, and what is offered.
#[derive(Debug, Default)]
pub(super) struct Clipboard {
    copied: String,
    mimes: Vec<String>,
    offer: Option<WlDataOffer>,
    dragged: Option<WlDataOffer>,
    primary: Option<ZwpPrimarySelectionOfferV1>,
    control: Option<ExtDataControlOfferV1>,
}

/// A popup with its objects.
#[derive(Debug)]
pub struct Popup {
    /// The surface.
    pub surface: WlSurface,
    /// The surface's role, for popups on this one.
    pub xdg_surface: XdgSurface,
    /// The role's own object.
    pub popup: XdgPopup,
}

/// The type of all that these programs copy.
pub const TEXT: &str = "text/plain;charset=utf-8";

impl Program {
    /// Listens to the clipboard of a seat.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn data_device(&self, seat: &WlSeat) -> Result<WlDataDevice> {
        Ok(self.bind::<WlDataDeviceManager>()?.get_data_device(seat, &self.handle, ()))
    }

    /// A source of a text.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn data_source(&mut self, text: &str) -> Result<WlDataSource> {
        text.clone_into(&mut self.log.clipboard.copied);
        let manager: WlDataDeviceManager = self.bind()?;
        let source = manager.create_data_source(&self.handle, ());
        source.offer(TEXT.into());
        Ok(source)
    }

    /// Takes what is copied on the seat, from whoever `owner` is.
    ///
    /// # Errors
    /// When nothing is offered, or nothing comes.
    pub fn paste(&mut self, owner: &mut Program) -> Result<String> {
        let offer =
            self.log.clipboard.offer.clone().ok_or_else(|| Failure::new("nothing is offered"))?;
        self.receive(owner, |fd| offer.receive(TEXT.into(), fd))
    }

    /// What is copied on the seat.
    ///
    /// # Errors
    /// When nothing is.
    pub fn copied(&self) -> Result<WlDataOffer> {
        self.log.clipboard.offer.clone().ok_or_else(|| Failure::new("nothing is offered"))
    }

    /// Takes what was dropped.
    ///
    /// # Errors
    /// When nothing is offered, or nothing comes.
    pub fn take_drop(&mut self, owner: &mut Program) -> Result<String> {
        let offer = self
            .log
            .clipboard
            .dragged
            .clone()
            .ok_or_else(|| Failure::new("nothing was dragged"))?;
        self.receive(owner, |fd| offer.receive(TEXT.into(), fd))
    }

    /// What is dragged over this program.
    ///
    /// # Errors
    /// When nothing is.
    pub fn dragged(&self) -> Result<WlDataOffer> {
        self.log.clipboard.dragged.clone().ok_or_else(|| Failure::new("nothing is dragged"))
    }

    /// Takes what is selected on the seat.
    ///
    /// # Errors
    /// When nothing is offered, or nothing comes.
    pub fn paste_primary(&mut self, owner: &mut Program) -> Result<String> {
        let offer =
            self.log.clipboard.primary.clone().ok_or_else(|| Failure::new("nothing is offered"))?;
        self.receive(owner, |fd| offer.receive(TEXT.into(), fd))
    }

    /// Takes what is copied, as a clipboard manager.
    ///
    /// # Errors
    /// When nothing is offered, or nothing comes.
    pub fn paste_as_manager(&mut self, owner: &mut Program) -> Result<String> {
        let offer =
            self.log.clipboard.control.clone().ok_or_else(|| Failure::new("nothing is offered"))?;
        self.receive(owner, |fd| offer.receive(TEXT.into(), fd))
    }

    /// The same from somebody who is no program of this test.
    ///
    /// # Errors
    /// When nothing is offered, or nothing comes.
    pub fn paste_from_afar(&mut self) -> Result<String> {
        use std::os::fd::AsFd;
        let offer =
            self.log.clipboard.control.clone().ok_or_else(|| Failure::new("nothing is offered"))?;
        let (mut read, write) = std::io::pipe().or_fail("make a pipe")?;
        offer.receive(TEXT.into(), write.as_fd());
        self.roundtrip()?;
        drop(write);
        let mut text = String::new();
        read.read_to_string(&mut text).or_fail("read what was copied")?;
        Ok(text)
    }

    fn receive(
        &mut self,
        owner: &mut Program,
        ask: impl FnOnce(std::os::fd::BorrowedFd<'_>),
    ) -> Result<String> {
        use std::os::fd::AsFd;
        let (read, write) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).or_fail("make a pipe")?;
        let mark = owner.log.len();
        ask(write.as_fd());
        self.roundtrip()?;
        drop(write);
        owner.wait_for("the request for data", mark, |l| l.starts_with("source sends"))?;
        let mut text = String::new();
        File::from(read).read_to_string(&mut text).or_fail("read what was copied")?;
        Ok(text)
    }

    /// Selects a text on a seat, as a mouse does.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn primary_device(&self, seat: &WlSeat) -> Result<ZwpPrimarySelectionDeviceV1> {
        let manager: ZwpPrimarySelectionDeviceManagerV1 = self.bind()?;
        Ok(manager.get_device(seat, &self.handle, ()))
    }

    /// A source of a selected text.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn primary_source(&mut self, text: &str) -> Result<ZwpPrimarySelectionSourceV1> {
        text.clone_into(&mut self.log.clipboard.copied);
        let manager: ZwpPrimarySelectionDeviceManagerV1 = self.bind()?;
        let source = manager.create_source(&self.handle, ());
        source.offer(TEXT.into());
        Ok(source)
    }

    /// Controls the clipboard of a seat without its keyboard.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn data_control(&self, seat: &WlSeat) -> Result<ExtDataControlDeviceV1> {
        Ok(self.bind::<ExtDataControlManagerV1>()?.get_data_device(seat, &self.handle, ()))
    }

    /// A source of a text for a clipboard manager.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn control_source(&mut self, text: &str) -> Result<ExtDataControlSourceV1> {
        text.clone_into(&mut self.log.clipboard.copied);
        let manager: ExtDataControlManagerV1 = self.bind()?;
        let source = manager.create_data_source(&self.handle, ());
        source.offer(TEXT.into());
        Ok(source)
    }

    /// A popup of this size, whose top left corner is at a point of its parent if it fits.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn popup(&self, parent: &XdgSurface, at: (i32, i32), size: (i32, i32)) -> Result<Popup> {
        let shell: XdgWmBase = self.bind()?;
        let positioner = self.positioner(&shell, at, size);
        let surface = self.surface();
        let xdg_surface = shell.get_xdg_surface(&surface, &self.handle, ());
        let popup = xdg_surface.get_popup(Some(parent), &positioner, &self.handle, ());
        positioner.destroy();
        Ok(Popup { surface, xdg_surface, popup })
    }

    /// Asks for another place of a popup; the log says `popup repositioned`.
    ///
    /// # Errors
    /// When the shell is missing.
    pub fn reposition(&self, popup: &Popup, at: (i32, i32), size: (i32, i32)) -> Result<()> {
        let positioner = self.positioner(&self.bind()?, at, size);
        popup.popup.reposition(&positioner, 7);
        positioner.destroy();
        Ok(())
    }

    fn positioner(&self, shell: &XdgWmBase, at: (i32, i32), size: (i32, i32)) -> XdgPositioner {
        let positioner = shell.create_positioner(&self.handle, ());
        positioner.set_size(size.0, size.1);
        positioner.set_anchor_rect(at.0, at.1, 1, 1);
        positioner.set_anchor(Anchor::TopLeft);
        positioner.set_gravity(Gravity::BottomRight);
        positioner
            .set_constraint_adjustment(ConstraintAdjustment::SlideX | ConstraintAdjustment::SlideY);
        positioner
    }

    /// Asks who draws the frame of a toplevel.
    ///
    /// # Errors
    /// When the global is missing.
    pub fn decoration(&self, toplevel: &Toplevel) -> Result<ZxdgToplevelDecorationV1> {
        let manager: ZxdgDecorationManagerV1 = self.bind()?;
        Ok(manager.get_toplevel_decoration(&toplevel.toplevel, &self.handle, ()))
    }

    /// The serial with which the pointer came last.
    ///
    /// # Errors
    /// When it did not come.
    pub fn pointer_serial(&self) -> Result<u32> {
        self.log.pointer_serial.ok_or_else(|| Failure::new("no pointer came"))
    }

    /// The serial of the last button or focus.
    ///
    /// # Errors
    /// When none came.
    pub fn serial(&self) -> Result<u32> {
        self.log.serial.ok_or_else(|| Failure::new("no serial came"))
    }
}

impl Toplevel {
    /// The surface's role, for popups.
    #[must_use]
    pub const fn xdg_surface(&self) -> &XdgSurface {
        &self.xdg_surface
    }
}

fn send(log: &mut Log, mime: &str, fd: std::os::fd::OwnedFd) {
    let written = File::from(fd).write_all(log.clipboard.copied.as_bytes());
    log.say(format!("source sends {mime}{}", if written.is_ok() { "" } else { ", in vain" }));
}

macro_rules! dispatch {
    ($proxy:ty, |$log:ident, $object:ident, $event:ident| $body:expr $(, $opcode:path => $child:ty)?) => {
        impl Dispatch<$proxy, ()> for Log {
            fn event(
                $log: &mut Self,
                $object: &$proxy,
                $event: <$proxy as Proxy>::Event,
                (): &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
                $body
            }

            $(event_created_child!(Log, $proxy, [$opcode => ($child, ())]);)?
        }
    };
}

fn told(log: &mut Log, what: &str, some: bool) {
    let mimes = log.clipboard.mimes.join(" ");
    log.say(if some { format!("{what} {mimes}") } else { format!("{what} none") });
}

dispatch!(WlDataDevice, |log, _device, event| match event {
    wl_data_device::Event::DataOffer { .. } => log.clipboard.mimes.clear(),
    wl_data_device::Event::Selection { id } => {
        told(log, "copied", id.is_some());
        log.clipboard.offer = id;
    }
    wl_data_device::Event::Enter { x, y, id, .. } => {
        log.say(format!("drag enter {x:.1} {y:.1}"));
        log.clipboard.dragged = id;
    }
    wl_data_device::Event::Motion { x, y, .. } => log.say(format!("drag motion {x:.1} {y:.1}")),
    wl_data_device::Event::Leave => log.say("drag leave"),
    wl_data_device::Event::Drop => log.say("drag drop"),
    _ => {}
}, wl_data_device::EVT_DATA_OFFER_OPCODE => WlDataOffer);
dispatch!(
    WlDataOffer,
    |log, _offer, event| if let wl_data_offer::Event::Offer { mime_type } = event {
        log.clipboard.mimes.push(mime_type);
    }
);
dispatch!(WlDataSource, |log, _source, event| match event {
    wl_data_source::Event::Send { mime_type, fd } => send(log, &mime_type, fd),
    wl_data_source::Event::Cancelled => log.say("source cancelled"),
    wl_data_source::Event::DndDropPerformed => log.say("source dropped"),
    wl_data_source::Event::DndFinished => log.say("source finished"),
    _ => {}
});
dispatch!(ZwpPrimarySelectionDeviceV1, |log, _device, event| match event {
    zwp_primary_selection_device_v1::Event::DataOffer { .. } => log.clipboard.mimes.clear(),
    zwp_primary_selection_device_v1::Event::Selection { id } => {
        told(log, "selected", id.is_some());
        log.clipboard.primary = id;
    }
    _ => {}
}, zwp_primary_selection_device_v1::EVT_DATA_OFFER_OPCODE => ZwpPrimarySelectionOfferV1);
dispatch!(ZwpPrimarySelectionOfferV1, |log, _offer, event| {
    if let zwp_primary_selection_offer_v1::Event::Offer { mime_type } = event {
        log.clipboard.mimes.push(mime_type);
    }
});
dispatch!(ZwpPrimarySelectionSourceV1, |log, _source, event| match event {
    zwp_primary_selection_source_v1::Event::Send { mime_type, fd } => send(log, &mime_type, fd),
    zwp_primary_selection_source_v1::Event::Cancelled => log.say("source cancelled"),
    _ => {}
});
dispatch!(ExtDataControlDeviceV1, |log, _device, event| match event {
    ext_data_control_device_v1::Event::DataOffer { .. } => log.clipboard.mimes.clear(),
    ext_data_control_device_v1::Event::Selection { id } => {
        told(log, "control copied", id.is_some());
        log.clipboard.control = id;
    }
    ext_data_control_device_v1::Event::PrimarySelection { id } => {
        told(log, "control selected", id.is_some());
    }
    ext_data_control_device_v1::Event::Finished => log.say("control finished"),
    _ => {}
}, ext_data_control_device_v1::EVT_DATA_OFFER_OPCODE => ExtDataControlOfferV1);
dispatch!(ExtDataControlOfferV1, |log, _offer, event| {
    if let ext_data_control_offer_v1::Event::Offer { mime_type } = event {
        log.clipboard.mimes.push(mime_type);
    }
});
dispatch!(ExtDataControlSourceV1, |log, _source, event| match event {
    ext_data_control_source_v1::Event::Send { mime_type, fd } => send(log, &mime_type, fd),
    ext_data_control_source_v1::Event::Cancelled => log.say("source cancelled"),
    _ => {}
});
dispatch!(XdgPopup, |log, _popup, event| match event {
    xdg_popup::Event::Configure { x, y, width, height } => {
        log.say(format!("popup {width}x{height}+{x}+{y}"));
    }
    xdg_popup::Event::Repositioned { .. } => log.say("popup repositioned"),
    xdg_popup::Event::PopupDone => log.say("popup done"),
    _ => {}
});
dispatch!(ZxdgToplevelDecorationV1, |log, _object, event| {
    if let zxdg_toplevel_decoration_v1::Event::Configure { mode: WEnum::Value(mode) } = event {
        log.say(format!("decoration {mode:?}"));
    }
});
dispatch!(ZxdgOutputV1, |log, _object, event| match event {
    zxdg_output_v1::Event::LogicalPosition { x, y } => log.say(format!("logical {x},{y}")),
    zxdg_output_v1::Event::LogicalSize { width, height } => {
        log.say(format!("logical {width}x{height}"));
    }
    zxdg_output_v1::Event::Name { name } => log.say(format!("xdg_output name {name}")),
    _ => {}
});

delegate_noop!(Log: WlDataDeviceManager);
delegate_noop!(Log: ZwpPrimarySelectionDeviceManagerV1);
delegate_noop!(Log: ExtDataControlManagerV1);
delegate_noop!(Log: XdgPositioner);
delegate_noop!(Log: ZxdgDecorationManagerV1);
delegate_noop!(Log: ZxdgOutputManagerV1);
