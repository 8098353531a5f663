//! What compositors with `wfd_stream_v1` say of a window beyond its size, and are told of the guest.

use porthole_pixel::Size;
use porthole_wayland::stream::client::wfd_stream_v1::{
    self as stream, Lamps as Bits, PointerMode, State, WfdStreamV1,
};
use wayland_client::{Connection, Dispatch, QueueHandle};

use super::Told;
use super::link::Link;
use super::stage::Stage;
use super::window::Window;
use crate::lamps::Lamps;

/// A display as the compositor wants the guest to have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Display {
    /// In pixels; none where the guest may choose.
    pub size: Option<Size>,
    /// Frames in 1000 seconds; 0 where it is not known.
    pub refresh_mhz: u32,
    /// Width and height; 0 where they are not known.
    pub millimetres: (u32, u32),
    /// False where nothing in the compositor's layout shows it.
    pub connected: bool,
}

impl Display {
    /// All that is known where only a size is told.
    #[must_use]
    pub const fn of_size(size: Size) -> Self {
        Self { size: Some(size), refresh_mhz: 0, millimetres: (0, 0), connected: true }
    }
}

/// How the guest is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GuestState {
    /// Nothing drives its display.
    #[default]
    Off,
    /// Its driver is at work.
    Running,
    /// It was paused.
    Suspended,
}

/// What a device knows of its guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Guest {
    /// How it is.
    pub state: GuestState,
    /// The lamps that it has turned on; none before it has a keyboard.
    pub lamps: Option<Lamps>,
    /// It uses a mouse and no tablet: it wants to hear of motion alone.
    pub relative: bool,
    /// It has a driver for a pen: it wants to hear of pens as such.
    pub pens: bool,
    /// Pictures in 1000 seconds that are promised; 0 for no promise.
    pub rate_mhz: u32,
}

/// The stream of one window.
#[derive(Debug)]
pub(super) struct Stream {
    object: WfdStreamV1,
    told: Guest,
}

impl Stream {
    /// The stream of a window's surface, where the compositor has streams.
    pub(super) fn new(
        link: &Link,
        surface: &wayland_client::protocol::wl_surface::WlSurface,
        scanout: usize,
        guest: Guest,
    ) -> Option<Self> {
        let object = link.streams.as_ref()?.get_stream(surface, &link.queue, scanout);
        // What a new stream says by itself is what the default says.
        let mut stream = Self { object, told: Guest::default() };
        stream.tell(guest);
        Some(stream)
    }

    /// Tells what is news of the guest, if anything is.
    pub(super) fn tell(&mut self, guest: Guest) -> bool {
        let before = std::mem::replace(&mut self.told, guest);
        if before.state != guest.state {
            self.object.set_state(match guest.state {
                GuestState::Off => State::Off,
                GuestState::Running => State::Running,
                GuestState::Suspended => State::Suspended,
            });
        }
        if let Some(lamps) = guest.lamps.filter(|lamps| before.lamps != Some(*lamps)) {
            let bit = |on: bool, bit: Bits| if on { bit } else { Bits::empty() };
            let Lamps { num, caps, scroll } = lamps;
            let (num, caps) = (bit(num, Bits::Num), bit(caps, Bits::Caps));
            self.object.set_leds(num | caps | bit(scroll, Bits::Scroll));
        }
        if before.rate_mhz != guest.rate_mhz {
            self.object.set_rate(guest.rate_mhz);
        }
        if before.relative != guest.relative {
            let mode = if guest.relative { PointerMode::Relative } else { PointerMode::Absolute };
            self.object.set_pointer_mode(mode);
        }
        before != guest
    }

    pub(super) fn destroy(&self) {
        self.object.destroy();
    }
}

impl Window {
    /// Takes what a stream says.
    fn stream_event(&mut self, event: &stream::Event, told: &mut Vec<Told>) {
        match *event {
            stream::Event::Configure {
                serial,
                width,
                height,
                refresh_mhz,
                connected,
                physical_width_mm,
                physical_height_mm,
            } => {
                self.display(
                    Display {
                        size: Some(Size::new(width, height)).filter(|size| !size.is_empty()),
                        refresh_mhz,
                        millimetres: (physical_width_mm, physical_height_mm),
                        connected: connected != 0,
                    },
                    told,
                );
                if let Some(stream) = self.top.as_ref().and_then(|top| top.stream.as_ref()) {
                    stream.object.ack_configure(serial);
                }
            }
            stream::Event::Visible { visible } => self.set_visible(visible != 0, told),
            _ => {}
        }
    }
}

impl Dispatch<WfdStreamV1, usize> for Stage {
    fn event(
        stage: &mut Self,
        _: &WfdStreamV1,
        event: stream::Event,
        scanout: &usize,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        stage.telling(|stage, told| {
            if let Some(window) = stage.windows.get_mut(*scanout) {
                window.stream_event(&event, told);
            }
        });
    }
}
