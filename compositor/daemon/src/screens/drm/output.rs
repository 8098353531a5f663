//! A connector that shows a port's pictures.

mod pointing;

use std::{io, path::Path, sync::Arc};

use drm::control::{
    AtomicCommitFlags as Flags, Device as _, Mode, atomic::AtomicModeReq, connector, crtc,
    framebuffer,
};
use porthole_pixel::{Rect, Region, Size};

use super::{
    Card, DrmError, Found, Wanted,
    backlight::Backlight,
    buffer::{Buffer, Kind},
    closefb::close_framebuffer,
    cursor::Cursor,
    mode,
    request::Pipe,
};
use crate::{
    render::ScreenTarget,
    screens::{Show, Swapped},
};

/// A connector with a mode, and the memory that it shows.
#[derive(Debug)]
pub(crate) struct Output {
    card: Arc<Card>,
    name: String,
    pipe: Pipe,
    mode: Mode,
    offered: Vec<Mode>,
    buffers: Vec<Buffer>,
    memory: Swapped<framebuffer::Handle>,
    /// Which buffer is on the screen, and which was handed over last.
    visible: Option<framebuffer::Handle>,
    sent: Option<framebuffer::Handle>,
    /// What the next commit must do besides showing a picture.
    next: Next,
    /// What went into the memory that was given out last.
    filled: Region,
    /// The next frame is shown even if the picture did not change.
    touched: bool,
    lit: bool,
    /// The last failure that was told; a failure that lasts is told once.
    failure: Option<io::ErrorKind>,
    /// It cannot show anything in this mode.
    refused: bool,
    /// It has not shown its last picture in a long time.
    overdue: bool,
    /// The card takes nothing as long as one of its outputs is overdue.
    busy: bool,
    /// A picture of an earlier owner that goes when ours is shown.
    left: Option<framebuffer::Handle>,
    /// Whether to leave the picture on the screen at the end.
    stays: bool,
    backlight: Option<Backlight>,
    /// What shows the pointer beside the picture.
    cursor: Option<Cursor>,
    /// The pointer had to go into the picture, because the card was not set up before.
    is_fresh: bool,
}

/// What a commit does besides showing a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Nothing,
    /// Takes the plane for the first time.
    TakeOver,
    /// Sets the mode.
    Modeset,
}

impl Output {
    /// Takes a connector in the mode that suits best; nothing changes on the screen before the first
    /// picture.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn new(
        found: &Found,
        name: &str,
        wanted: Wanted,
        taken: &[crtc::Handle],
    ) -> Result<Self, DrmError> {
        let card = found.card.clone();
        let pipe = Pipe::find(&card, &found.info, taken)?;
        let offered = found.info.modes().to_vec();
        let current = pipe.current.as_ref().map(|(mode, _)| mode);
        let chosen = mode::choose(&offered, wanted, current);
        let chosen = chosen.ok_or_else(|| DrmError::NoMode(name.to_owned()))?;
        let same = current.is_some_and(|current| mode::is_same(current, &chosen));
        let left = pipe.current.as_ref().and_then(|(_, picture)| *picture);
        let mut output = Self {
            card,
            name: name.to_owned(),
            pipe,
            mode: chosen,
            offered,
            buffers: Vec::new(),
            memory: Swapped::new(Vec::new()),
            visible: None,
            sent: None,
            next: if same { Next::TakeOver } else { Next::Modeset },
            filled: Region::new(),
            touched: true,
            lit: true,
            failure: None,
            refused: false,
            overdue: false,
            busy: false,
            left,
            stays: true,
            backlight: None,
            cursor: None,
            is_fresh: false,
        };
        output.make_memory()?;
        let how = if same { "as it is" } else { "by setting its mode" };
        tracing::info!(
            connector = name,
            mode = %describe(&output.mode),
            "a screen is taken over {how}"
        );
        Ok(output)
    }

    /// Has it switch the light behind its panel: off before a mode is set, on with the first picture.
    pub(crate) fn with_backlight(mut self, folder: Option<&Path>) -> Self {
        self.backlight = folder.map(Backlight::new);
        if self.next == Next::Modeset {
            self.light(false);
        }
        self
    }

    /// Has it show the pointer on a plane of its own, where the card has one.
    pub(crate) fn with_pointer(mut self) -> Self {
        let plane = self.pipe.pointer.take();
        self.cursor = plane.map(|plane| Cursor::new(&self.card, plane, self.pipe.crtc));
        self
    }

    fn light(&mut self, lit: bool) {
        if let Some(backlight) = &mut self.backlight {
            backlight.set(lit);
        }
    }

    /// Two pieces take turns; with one alone, half a frame may be seen.
    fn make_memory(&mut self) -> Result<(), DrmError> {
        let size = mode::size(&self.mode);
        let mut buffers = Vec::new();
        for _ in 0..2 {
            match Buffer::new(&self.card, size, Kind::Picture) {
                Ok(buffer) => buffers.push(buffer),
                Err(source) if buffers.is_empty() => return Err(DrmError::Memory { size, source }),
                Err(error) => tracing::warn!(
                    connector = self.name,
                    "the card's memory holds one picture only, so that half a frame may be seen: {error}"
                ),
            }
        }
        let pieces = buffers.iter().map(|buffer| (buffer.memory.clone(), buffer.id)).collect();
        self.memory = Swapped::new(pieces);
        for old in std::mem::replace(&mut self.buffers, buffers) {
            old.free(&self.card);
        }
        Ok(())
    }

    /// The card that it is on.
    pub(crate) const fn card(&self) -> &Arc<Card> {
        &self.card
    }

    /// The pipe that it takes; its flips are told by this.
    pub(crate) const fn crtc(&self) -> crtc::Handle {
        self.pipe.crtc
    }

    pub(crate) const fn connector(&self) -> connector::Handle {
        self.pipe.connector
    }

    /// Takes what a connector offers now; whether that is something else than before, as of another screen.
    pub(crate) fn offer(&mut self, found: &Found) -> bool {
        if self.offered == found.info.modes() {
            return false;
        }
        self.offered = found.info.modes().to_vec();
        // A screen that is new has no picture, whatever the card says.
        (self.next, self.touched) = (Next::Modeset, true);
        true
    }

    /// Gives it another mode from the next frame on.
    ///
    /// # Errors
    /// As [`Output::new`]; it then stays as it was.
    pub(crate) fn set_mode(&mut self, wanted: Wanted) -> Result<(), DrmError> {
        let current = Some(&self.mode).filter(|_| !self.refused);
        let chosen = mode::choose(&self.offered, wanted, current);
        let chosen = chosen.ok_or_else(|| DrmError::NoMode(self.name.clone()))?;
        if mode::is_same(&chosen, &self.mode) && !self.refused {
            return Ok(());
        }
        if self.busy {
            return Err(DrmError::Busy(self.name.clone()));
        }
        let before = std::mem::replace(&mut self.mode, chosen);
        if let Err(error) = self.make_memory_for(&before) {
            self.mode = before;
            return Err(error);
        }
        tracing::info!(connector = self.name, mode = %describe(&self.mode), "another mode");
        (self.next, self.touched, self.refused) = (Next::Modeset, true, false);
        Ok(())
    }

    /// What is shown stays until the first picture of another size is: it is freed then.
    fn make_memory_for(&mut self, before: &Mode) -> Result<(), DrmError> {
        if mode::size(before) == mode::size(&self.mode) {
            return Ok(());
        }
        let old = std::mem::take(&mut self.buffers);
        let made = self.make_memory();
        if made.is_err() {
            self.buffers = old;
            return made;
        }
        // What is shown, or about to be, is kept with the new ones. It is never filled again, and freed when
        // a new one is shown.
        let on_screen = [self.visible, self.sent];
        let (kept, free): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|buffer| on_screen.contains(&Some(buffer.id)));
        self.buffers.extend(kept);
        free.into_iter().for_each(|buffer| buffer.free(&self.card));
        Ok(())
    }

    /// See [`Screen::target`](crate::screens::Screen::target).
    pub(crate) fn target(&mut self, damage: &Region) -> Option<ScreenTarget> {
        self.memory.damage(damage);
        if !self.lit || self.refused || self.busy || (damage.is_empty() && !self.touched) {
            return None;
        }
        let (memory, region) = self.memory.fill()?;
        self.touched = false;
        self.filled.clone_from(&region);
        Some(ScreenTarget { memory, region, pointers: Vec::new() })
    }

    /// See [`Screen::show`](crate::screens::Screen::show).
    pub(crate) fn show(&mut self) -> Show {
        let Some(id) = self.memory.filled() else { return self.show_pointer() };
        let later = if self.next == Next::Nothing { Show::Later } else { Show::Anew };
        let clips = self.pipe.clips(&self.card, &self.filled);
        match self.commit(id, clips) {
            Ok(()) => {
                self.sent = Some(id);
                self.cursor.iter_mut().for_each(Cursor::is_set);
                if self.failure.take().is_some() {
                    tracing::info!(connector = self.name, "pictures are shown again");
                }
                later
            }
            Err(error) => self.failed(&error),
        }
    }

    fn commit(&mut self, id: framebuffer::Handle, clips: Option<u64>) -> io::Result<()> {
        let mut request = self.pipe.show(id, clips);
        if let Some(cursor) = self.cursor.as_ref().filter(|cursor| cursor.is_behind()) {
            cursor.add(&mut request);
        }
        if self.next == Next::Nothing {
            return self.send(Flags::empty(), &request);
        }
        self.pipe.take_over(&mut request, mode::size(&self.mode));
        if self.next == Next::TakeOver {
            match self.send(Flags::empty(), &request) {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    let connector = &self.name;
                    tracing::info!(
                        connector,
                        "the card sets the mode once more for the first picture"
                    );
                    self.next = Next::Modeset;
                }
                other => {
                    if other.is_ok() {
                        self.done();
                    }
                    return other;
                }
            }
        }
        let mode: u64 = self.card.create_property_blob(&self.mode)?.into();
        self.pipe.set_mode(&mut request, mode);
        let set = self.send(Flags::ALLOW_MODESET, &request);
        let _ = self.card.destroy_property_blob(mode);
        if set.is_ok() {
            self.done();
        }
        set
    }

    fn done(&mut self) {
        self.next = Next::Nothing;
        self.is_fresh = self.cursor.is_some();
        self.pipe.is_reset();
    }

    /// Sends a request that is answered by an event. While an earlier owner's last picture is on its way
    /// the card takes no other; then it is waited for. One that is overdue is not: a card that never shows
    /// it, as one that did not wake up with its machine, would stop all that the service does.
    fn send(&self, flags: Flags, request: &AtomicModeReq) -> io::Result<()> {
        let flags = flags | Flags::PAGE_FLIP_EVENT;
        let sent = self.card.atomic_commit(flags | Flags::NONBLOCK, request.clone());
        match sent {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && !self.card.is_stuck() => {
                self.card.atomic_commit(flags, request.clone())
            }
            other => other,
        }
    }

    fn failed(&mut self, error: &io::Error) -> Show {
        // Tried again with the next frame, unless that would be in vain.
        self.touched = true;
        self.refused =
            matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSPC | libc::ERANGE));
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Show::Lost;
        }
        if error.kind() == io::ErrorKind::ResourceBusy {
            self.busy = true;
            let connector = &self.name;
            tracing::warn!(
                connector,
                "the card does not show what it was given last; the port goes on unseen until it does. Did it not wake up after a sleep? Load its driver anew"
            );
            return Show::AtOnce;
        }
        if self.failure.replace(error.kind()) == Some(error.kind()) {
            return Show::AtOnce;
        }
        let connector = &self.name;
        let mode = describe(&self.mode);
        if self.refused {
            let offered = mode::list(&self.offered);
            tracing::error!(
                connector,
                "the card refuses {mode}: {error}; give the port a size and rate that the screen offers: {offered}"
            );
        } else {
            tracing::error!(connector, "a picture was not shown: {error}; the port goes on unseen");
        }
        Show::AtOnce
    }

    /// See [`Screen::shown`](crate::screens::Screen::shown).
    pub(crate) fn shown(&mut self) -> bool {
        self.set_overdue(false);
        self.memory.swap();
        self.visible = self.sent;
        if self.lit {
            self.light(true);
        }
        if self.memory.front().is_none() {
            // An earlier owner's last frame, or one of another size.
            return false;
        }
        if let Some(left) = self.left.take() {
            // It is another's, or an earlier run's, and in nobody's way where it cannot be freed.
            let _ = self.card.destroy_framebuffer(left);
        }
        let current: Vec<_> = self.memory.ids().collect();
        let (kept, old): (Vec<_>, Vec<_>) = std::mem::take(&mut self.buffers)
            .into_iter()
            .partition(|buffer| current.contains(&buffer.id));
        self.buffers = kept;
        old.into_iter().for_each(|buffer| buffer.free(&self.card));
        std::mem::take(&mut self.is_fresh)
    }

    /// It is or is not late with its picture; whether that is news.
    pub(crate) fn set_overdue(&mut self, overdue: bool) -> bool {
        let before = std::mem::replace(&mut self.overdue, overdue);
        if before != overdue {
            self.card.count_overdue(overdue);
        }
        before != overdue
    }

    /// Whether it has something to show that its card did not take, which may take it now.
    pub(crate) fn try_again(&mut self) -> bool {
        let again = std::mem::take(&mut self.busy);
        self.touched |= again;
        if again {
            tracing::info!(connector = self.name, "pictures are shown again");
        }
        again
    }

    /// See [`Screen::damage`](crate::screens::Screen::damage).
    pub(crate) fn damage(&mut self, rect: Rect) {
        self.memory.damage(&Region::from_rect(rect));
        self.touched = true;
    }

    /// Lights the screen or not. It comes back with its whole picture.
    pub(crate) fn set_lit(&mut self, lit: bool) {
        if self.lit == lit {
            return;
        }
        self.lit = lit;
        if lit {
            (self.next, self.touched) = (Next::Modeset, true);
            return;
        }
        self.light(false);
        if self.busy {
            // It would wait for what may never come.
            return;
        }
        if let Err(error) = self.card.atomic_commit(Flags::ALLOW_MODESET, self.pipe.power(false)) {
            tracing::error!(connector = self.name, "the screen stays lit: {error}");
        }
    }

    /// Others have the screen from now on: what is shown is theirs, and nothing is left there at the end.
    pub(crate) const fn sleep(&mut self) {
        self.stays = false;
    }

    /// Takes the picture off the screen and lets go of the connector; without this it stays when the
    /// output is dropped.
    pub(crate) fn turn_off(&mut self) {
        self.stays = false;
        if self.busy {
            return;
        }
        let mut request = self.pipe.off();
        if let Some(cursor) = &self.cursor {
            cursor.off(&mut request);
        }
        if let Err(error) = self.card.atomic_commit(Flags::ALLOW_MODESET, request) {
            tracing::debug!(connector = self.name, "the connector stays as it is: {error}");
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.set_overdue(false);
        // One on its way is what the card will show.
        let front = self.sent.or(self.visible).filter(|_| self.stays);
        if let Some(cursor) = self.cursor.take() {
            cursor.free(&self.card);
        }
        self.pipe.forget_clips(&self.card);
        for buffer in self.buffers.drain(..) {
            if Some(buffer.id) != front {
                buffer.free(&self.card);
            } else if let Err(error) = close_framebuffer(&*self.card, buffer.id) {
                // It stays as long as somebody else has the card open for us: see `docs/ports.md`.
                tracing::debug!(
                    connector = self.name,
                    "the picture goes with the service: {error}"
                );
            }
        }
    }
}

fn describe(mode: &Mode) -> String {
    let Size { width, height } = mode::size(mode);
    format!("{width} x {height} at {}", mode::refresh(mode))
}
