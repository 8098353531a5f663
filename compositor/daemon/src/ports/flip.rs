//! Frames on screens: handed over when they are drawn, and shown some time later.

use std::{sync::Arc, time::Duration};

use porthole_core::model::PortId;
use porthole_pixel::{Rect, Region};
use smithay::reexports::calloop::{
    RegistrationToken,
    timer::{TimeoutAction, Timer},
};

use crate::{
    clock,
    protocols::capture::SourceId,
    render::{Draw, reached},
    screens::{Pointing, Screen, Show, Target, drm::Card},
    state::State,
    surfaces::Waiting,
};

/// Rectangles of moved pointers that are kept apart for the next frame.
const MOST_TOUCHED: usize = 8;

/// A screen has a frame and has not shown it yet.
#[derive(Debug)]
pub(super) struct Awaited {
    /// It may take long: see [`Show::Anew`].
    anew: bool,
    /// Goes on without the screen's word.
    timer: Option<RegistrationToken>,
}

/// How a frame came to be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// It was drawn, and there is no more to it.
    Drawn(Duration),
    /// A screen shows it since then.
    Flipped {
        /// On the monotonic clock.
        at: Duration,
        /// Which of the screen's frames it is; 0 where the screen has no clock of its own.
        sequence: u32,
        /// The screen showed nothing before, or in another mode.
        anew: bool,
    },
}

impl Shown {
    pub(super) const fn at(self) -> Duration {
        match self {
            Self::Drawn(at) | Self::Flipped { at, .. } => at,
        }
    }
}

impl State {
    /// The picture that is shown without being composed, and how the port's next frame gets to its screen.
    /// `alone` is the one picture that it consists of, if it does.
    pub(super) fn direct(
        &mut self,
        id: PortId,
        alone: Option<Draw>,
        damage: &Region,
    ) -> (Option<Draw>, Option<Target>) {
        let target = self.screen_target(id, damage, alone.as_ref());
        let handed = matches!(target, Some(Target::Handed));
        // What must be copied to be looked at is composed, unless only the screen looks at it.
        (alone.filter(|draw| handed || draw.pixels.is_at_hand()), target)
    }

    /// How the port's next frame gets to its screen. `alone` is the one picture that it consists of, if it
    /// does.
    fn screen_target(
        &mut self,
        id: PortId,
        damage: &Region,
        alone: Option<&Draw>,
    ) -> Option<Target> {
        let port = self.ports.get_mut(id).filter(|port| port.screen.is_there())?;
        let source = SourceId::Port(id);
        let mut pointers = self.globals.capture.pointers(source);
        let top = self.globals.capture.top_pointer(source);
        let top = top.map(|(image, at)| Pointing { image, at });
        if port.screen.point(top.as_ref()) {
            pointers.pop();
        }
        // What is painted into the picture where other pointers are than before, or other ones.
        let painted: Vec<Rect> = reached(&pointers).collect();
        let touched = std::mem::take(&mut port.touched);
        if painted == port.painted {
            let under = |rect: &Rect| painted.iter().any(|other| other.intersect(*rect).is_some());
            touched.into_iter().filter(under).for_each(|rect| port.screen.damage(rect));
        } else {
            painted.iter().chain(&port.painted).for_each(|rect| port.screen.damage(*rect));
            port.painted = painted;
        }
        let alone = alone.filter(|draw| pointers.is_empty() && draw.is_whole());
        let mut target = port.screen.target(damage, alone.map(|draw| &*draw.pixels))?;
        if let Target::Memory(memory) = &mut target {
            memory.pointers = pointers;
        }
        Some(target)
    }

    /// A pointer on a port's screen looks different there.
    pub(crate) fn pointer_on_screen(&mut self, id: PortId, rect: Rect) {
        let Some(port) = self.ports.get_mut(id).filter(|port| port.screen.is_there()) else {
            return;
        };
        // Many moves between two frames touch as much as the last one, more or less.
        let is_full = port.touched.len() >= MOST_TOUCHED;
        match port.touched.last_mut().filter(|_| is_full) {
            Some(last) => *last = last.union(rect),
            None => port.touched.push(rect),
        }
        self.damage_port(id);
    }

    /// Shows another pointer with the picture that is there; gives back who waits when there is none to be
    /// shown.
    pub(super) fn move_pointer_on_screen(
        &mut self,
        id: PortId,
        waiting: Waiting,
    ) -> Result<(), Waiting> {
        let Some(port) = self.ports.get_mut(id).filter(|port| port.screen.is_pointer_behind())
        else {
            return Err(waiting);
        };
        port.pointer_only = true;
        port.for_screen = true;
        port.in_flight = Some(waiting);
        if !self.hand_to_screen(id) {
            self.frame_shown(id, Shown::Drawn(clock::now()));
        }
        Ok(())
    }

    /// Hands a drawn frame to its screen; false when nothing more will be heard of it.
    pub(super) fn hand_to_screen(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else { return false };
        if !std::mem::take(&mut port.for_screen) {
            return false;
        }
        let anew = match port.screen.show() {
            Show::AtOnce => return false,
            Show::Later => false,
            Show::Anew => true,
            Show::Lost => {
                self.screen_lost(id);
                return false;
            }
        };
        // A pointer alone says nothing of how long frames take.
        if !port.pointer_only {
            port.redraw.handed(clock::now().saturating_sub(port.planned));
        }
        let timer = Timer::from_duration(port.screen.patience());
        let timer = self.handle.insert_source(timer, move |_, (), state| {
            if let Some(port) = state.ports.get_mut(id)
                && let Some(awaited) = &mut port.flip
            {
                awaited.timer = None;
                if let Screen::Window(_) = port.screen {
                    // Nobody sees it. Guests and other viewers go on.
                    return state.frame_unseen(id);
                }
                tracing::warn!(port = port.name, "the screen does not say that it shows a frame");
                state.flipped(id, clock::now(), 0);
                if let Some(port) = state.ports.get_mut(id)
                    && let Screen::Drm(output) = &mut port.screen
                {
                    output.set_overdue(true);
                }
            }
            TimeoutAction::Drop
        });
        port.flip = Some(Awaited { anew, timer: timer.ok() });
        true
    }

    /// A port's screen shows the frame that it was given last.
    pub(crate) fn flipped(&mut self, id: PortId, at: Duration, sequence: u32) {
        // An earlier run's last frame may be told to this one.
        let Some(port) = self.ports.get_mut(id) else { return };
        let Some(Awaited { anew, .. }) = port.flip else {
            // Or one that was not waited for any more.
            if let Screen::Drm(output) = &mut port.screen
                && output.set_overdue(false)
            {
                let card = output.card().clone();
                self.try_again(&card);
            }
            return;
        };
        if port.screen.shown() && !port.painted.is_empty() {
            self.damage_port(id);
        }
        let Some(port) = self.ports.get(id) else { return };
        let at = port.redraw.believable(at, clock::now());
        self.end_flip(id, Shown::Flipped { at, sequence, anew });
    }

    /// A card goes on: its ports show what it did not take meanwhile.
    fn try_again(&mut self, card: &Arc<Card>) {
        let mut again = Vec::new();
        for (id, port) in &mut self.ports.by_id {
            if let Screen::Drm(output) = &mut port.screen
                && Arc::ptr_eq(output.card(), card)
                && output.try_again()
            {
                again.push(*id);
            }
        }
        again.into_iter().for_each(|id| self.damage_port(id));
    }

    /// A port's window has a frame, and was asked for the next one, or is not going to be soon.
    pub(crate) fn frame_seen(&mut self, id: PortId) {
        self.end_flip(id, Shown::Drawn(clock::now()));
    }

    fn frame_unseen(&mut self, id: PortId) -> TimeoutAction {
        if let Some(port) = self.ports.get_mut(id)
            && port.screen.is_unseen()
        {
            port.taken_back += 1;
            self.damage_port(id);
        }
        self.frame_seen(id);
        TimeoutAction::Drop
    }

    /// A port's window showed a picture later than it could have been.
    pub(crate) fn frame_late(&mut self, id: PortId) {
        if let Some(port) = self.ports.get_mut(id) {
            port.frames.add_late(clock::now());
        }
    }

    /// A port's screen is gone, perhaps with a frame on its way.
    pub(crate) fn screen_gone(&mut self, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        port.redraw.unsync();
        self.end_flip(id, Shown::Drawn(clock::now()));
    }

    fn end_flip(&mut self, id: PortId, shown: Shown) {
        let Some(port) = self.ports.get_mut(id) else { return };
        let Some(awaited) = port.flip.take() else { return };
        if let Some(timer) = awaited.timer {
            self.handle.remove(timer);
        }
        self.frame_shown(id, shown);
    }
}
