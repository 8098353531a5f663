//! One scanout as a toplevel window.

use porthole_pixel::{Rect, Region, Size};
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_protocols::xdg::shell::client::xdg_surface::XdgSurface;
use wayland_protocols::xdg::shell::client::xdg_toplevel::XdgToplevel;

use super::buffers::Buffers;
use super::cursor::{Cursor, Overlay};
use super::link::Link;
use super::stream::Stream;
use super::{Display, Frame, Guest, Told};

/// The window's objects on the present connection.
pub(super) struct Toplevel {
    pub(super) surface: WlSurface,
    pub(super) xdg: XdgSurface,
    /// The compositor has said that a buffer may be attached.
    pub(super) configured: bool,
    /// Size and suspension of the configuration that is on its way.
    pub(super) next: (Size, bool),
    /// Somebody may see it.
    pub(super) visible: bool,
    /// Size of the picture that is attached.
    pub(super) attached: Option<Size>,
    /// Its lowest row comes first.
    pub(super) bottom_up: bool,
    /// Commits that the compositor has not asked to follow up.
    pub(super) unanswered: usize,
    /// The last frame that was committed.
    pub(super) last_serial: u64,
    pub(super) overlay: Option<Overlay>,
    pub(super) stream: Option<Stream>,
    toplevel: XdgToplevel,
    /// It is to be replaced.
    done: bool,
}

/// One scanout.
pub(super) struct Window {
    scanout: usize,
    pub(super) top: Option<Toplevel>,
    pub(super) buffers: Buffers,
    /// The newest frame; its damage is what the compositor was not told yet.
    pub(super) frame: Option<Frame>,
    /// That frame was not given to the compositor yet.
    pub(super) waiting: bool,
    pub(super) cursor: Cursor,
    pub(super) shadow: super::commit::Shadow,
    told_display: Option<Display>,
}

impl Window {
    pub(super) fn new(scanout: usize) -> Self {
        Self {
            scanout,
            top: None,
            buffers: Buffers::new(scanout),
            frame: None,
            waiting: false,
            cursor: Cursor::default(),
            shadow: super::commit::Shadow::default(),
            told_display: None,
        }
    }

    pub(super) const fn index(&self) -> usize {
        self.scanout
    }

    /// Makes the window on a new connection.
    pub(super) fn open(&mut self, link: &Link, name: &str, guest: Guest) {
        let (Some(compositor), Some(wm)) = (&link.compositor, &link.wm) else { return };
        let surface = compositor.create_surface(&link.queue, self.scanout);
        let xdg = wm.get_xdg_surface(&surface, &link.queue, self.scanout);
        let toplevel = xdg.get_toplevel(&link.queue, self.scanout);
        toplevel.set_app_id(format!("porthole.scanout.{}", self.scanout));
        toplevel.set_title(format!("{name} scanout {}", self.scanout));
        let stream = Stream::new(link, &surface, self.scanout, guest);
        // The first commit, without a buffer, asks for a configuration.
        surface.commit();
        self.top = Some(Toplevel {
            surface,
            xdg,
            configured: false,
            next: (Size::default(), false),
            visible: false,
            attached: None,
            bottom_up: false,
            unanswered: 0,
            last_serial: 0,
            overlay: None,
            stream,
            toplevel,
            done: false,
        });
        self.cursor.touch();
    }

    /// The connection is lost. The newest frame is kept to be shown anew.
    pub(super) fn lost(&mut self, told: &mut Vec<Told>) {
        let was_visible = self.top.take().is_some_and(|top| top.visible);
        self.cursor.lost();
        self.shadow.lost();
        if let Some(frame) = &mut self.frame {
            frame.damage = Region::from_rect(Rect::from_size(frame.layout.size()));
            self.waiting = true;
            self.buffers.wait(frame.buffer);
        }
        self.buffers.lost(told);
        self.told_display = None;
        if was_visible {
            told.push(Told::Visible { scanout: self.scanout, visible: false });
        }
    }

    /// Takes a new frame; one that still waits is merged into it.
    pub(super) fn show(&mut self, mut frame: Frame, told: &mut Vec<Told>) {
        self.buffers.arrived(&frame);
        let old = self.frame.take().filter(|_| self.waiting);
        if let Some(old) = old {
            if old.layout.size() == frame.layout.size() {
                frame.damage.union(&old.damage);
            } else {
                frame.damage = Region::from_rect(Rect::from_size(frame.layout.size()));
            }
            if old.buffer != frame.buffer {
                self.buffers.settled(old.buffer, told);
            }
        }
        self.frame = Some(frame);
        self.waiting = true;
    }

    /// Shows nothing.
    pub(super) fn disable(&mut self, told: &mut Vec<Told>) {
        if let Some(frame) = self.frame.take()
            && std::mem::take(&mut self.waiting)
        {
            self.buffers.settled(frame.buffer, told);
            told.push(Told::Discarded { scanout: self.scanout, serial: frame.serial });
        }
        let Some(top) = &mut self.top else { return };
        if top.attached.take().is_some() {
            // The compositor lets go of the buffer.
            top.surface.attach(None, 0, 0);
            top.surface.commit();
            top.configured = false;
            top.done = true;
        }
    }

    /// Makes a new window in place of one that shows nothing any more. An unmapped window could be
    /// used again, but not every compositor configures it a second time.
    pub(super) fn reopen(&mut self, link: &Link, name: &str, guest: Guest, told: &mut Vec<Told>) {
        let Some(mut top) = self.top.take_if(|top| top.done) else { return };
        if let Some(overlay) = top.overlay.take() {
            overlay.destroy();
        }
        if let Some(stream) = &top.stream {
            stream.destroy();
        }
        top.toplevel.destroy();
        top.xdg.destroy();
        top.surface.destroy();
        self.open(link, name, guest);
        let Some(new) = &mut self.top else { return };
        new.visible = top.visible;
        // A new stream is seen by nobody until it says so.
        if new.stream.is_some() {
            self.set_visible(false, told);
        }
    }

    /// Tells the window's stream how the guest is. Returns whether anything was to be told.
    pub(super) fn tell_guest(&mut self, guest: Guest) -> bool {
        let stream = self.top.as_mut().and_then(|top| top.stream.as_mut());
        stream.is_some_and(|stream| stream.tell(guest))
    }

    /// The compositor wants the guest to have such a display.
    pub(super) fn display(&mut self, display: Display, told: &mut Vec<Told>) {
        if self.told_display.replace(display) != Some(display) {
            told.push(Told::Display { scanout: self.scanout, display });
        }
    }

    /// Somebody may see the window, or nobody.
    pub(super) fn set_visible(&mut self, visible: bool, told: &mut Vec<Told>) {
        if let Some(top) = &mut self.top
            && std::mem::replace(&mut top.visible, visible) != visible
        {
            told.push(Told::Visible { scanout: self.scanout, visible });
        }
    }

    pub(super) fn retire(&mut self, buffers: &[u64]) {
        self.buffers.retire(buffers);
    }

    /// The compositor has sent a whole configuration.
    pub(super) fn configure(&mut self, serial: u32, told: &mut Vec<Told>) {
        let Some(top) = &mut self.top else { return };
        top.xdg.ack_configure(serial);
        top.configured = true;
        let (size, suspended) = top.next;
        // A stream says both, and more.
        if top.stream.is_none() {
            self.set_visible(!suspended, told);
            // Twice zero leaves the size to us: the guest's own is as good as any.
            if !size.is_empty() {
                self.display(Display::of_size(size), told);
            }
        }
        let Some(top) = &mut self.top else { return };
        // An acknowledgement takes effect with a commit.
        if top.attached.is_some() && !self.waiting {
            top.surface.commit();
        }
    }
}
