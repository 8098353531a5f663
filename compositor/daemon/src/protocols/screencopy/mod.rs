//! `wlr-screencopy-unstable-v1`, for the many tools that know no other way to capture.
//!
//! A frame is made for all or a part of an output, and copied once: `copy` at once, also when
//! nothing changes, `copy_with_damage` when something changed since its manager's last copy of the
//! output. A buffer may be any buffer, so each copy is whole; the damage tells what is news in it.

mod dispatch;
mod frame;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use porthole_core::model::PortId;
use porthole_pixel::{Rect, Region, Size};
use smithay::reexports::wayland_server::{
    Client, DisplayHandle, GlobalDispatch, protocol::wl_output::WlOutput,
};
use wayland_protocols_wlr::screencopy::v1::server::zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1 as Manager;

use super::{globals::Filtered, shm::Pixels};
use crate::render::{CaptureJob, CaptureToken, Captured};
pub(crate) use dispatch::{FrameData, ManagerData};
use frame::Frame;

/// Damage with more pieces than this is made simpler: telling it would cost more than it saves.
const MAX_DAMAGE_RECTS: usize = 64;

/// Copies of one port between two answers of its render thread; more wait for their turn.
const MAX_JOBS: usize = 32;

/// The part of a port that a client asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) port: PortId,
    /// In the port's pixels, and inside the port.
    pub(crate) area: Rect,
}

/// What the compositor must answer.
pub(crate) trait ScreencopyHandler {
    fn screencopy_state(&mut self) -> &mut ScreencopyState;
    /// The part of an output, when this client may capture it; all of it when no part is named.
    /// The part is in the output's logical coordinates.
    fn wanted(&mut self, client: &Client, output: &WlOutput, part: Option<Rect>) -> Option<Wanted>;
    /// A frame waits: call [`ScreencopyState::take_ready`] for this port in good time.
    fn copy_wanted(&mut self, port: PortId);
}

/// What a manager's copies of a port, with its pointer or without, have not shown yet.
type News = BTreeMap<(u64, PortId, bool), Region>;

/// All frames that were not answered yet.
#[derive(Debug, Default)]
pub(crate) struct ScreencopyState {
    frames: Vec<Frame>,
    news: News,
    next: u64,
}

impl ScreencopyState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(3, global);
        Self::default()
    }

    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The picture of a port is about to change in `region`.
    pub(crate) fn damaged(&mut self, port: PortId, region: &Region) {
        for ((_, of, _), news) in &mut self.news {
            if *of == port {
                news.union(region);
                news.simplify(MAX_DAMAGE_RECTS);
            }
        }
    }

    /// The pointer was or is in these places: news for copies that show it.
    pub(crate) fn pointer_damaged(&mut self, port: PortId, touched: &[Rect]) {
        for ((_, of, with_pointer), news) in &mut self.news {
            if *of == port && *with_pointer {
                touched.iter().for_each(|rect| news.add(*rect));
                news.simplify(MAX_DAMAGE_RECTS);
            }
        }
    }

    /// The copies of a port of this size that can be served from its next picture. `pointers` are its
    /// pointers: their pictures and where their top left corners are.
    pub(crate) fn take_ready(
        &mut self,
        port: PortId,
        size: Size,
        pointers: &[(Arc<Pixels>, i32, i32)],
    ) -> Vec<CaptureJob> {
        let Self { frames, news, .. } = self;
        let mut jobs = Vec::new();
        frames.retain_mut(|frame| {
            if frame.wanted.port != port || jobs.len() >= MAX_JOBS {
                return true;
            }
            if !Rect::from_size(size).contains_rect(frame.wanted.area) {
                // The port is smaller than it was when the frame was made.
                return !frame.fail_if_waiting();
            }
            let all = || Region::from_rect(Rect::from_size(size));
            let news = news.entry(frame.key()).or_insert_with(all);
            if let Some(job) = frame.take_job(news, pointers) {
                jobs.push(job);
            }
            true
        });
        jobs
    }

    /// Tells a client what became of its copy. `at` is when the picture was complete.
    pub(crate) fn finished(&mut self, captured: Captured, at: Duration) {
        let CaptureToken::Copy(id) = captured.token else { return };
        // A frame that was destroyed meanwhile has nobody to tell.
        let Some(place) = self.frames.iter().position(|f| f.id == id) else { return };
        let frame = self.frames.remove(place);
        if captured.outcome.is_err()
            && let Some(news) = self.news.get_mut(&frame.key())
        {
            news.union(&frame.shown);
        }
        frame.answer(captured.outcome, at);
    }

    /// Fails the frames of clients that may not capture their port any more.
    pub(crate) fn stop_unless(&mut self, allowed: impl Fn(&Client, PortId) -> bool) {
        self.frames.retain(|frame| {
            let keep = frame.client().is_some_and(|client| allowed(&client, frame.wanted.port));
            if !keep {
                frame.fail();
            }
            keep
        });
    }

    /// The port is gone.
    pub(crate) fn removed(&mut self, port: PortId) {
        self.news.retain(|(_, of, _), _| *of != port);
        self.frames.retain(|frame| {
            let keep = frame.wanted.port != port;
            if !keep {
                frame.fail();
            }
            keep
        });
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_screencopy {
    ($state:ty) => {
        const _: () = {
            use ::wayland_protocols_wlr::screencopy::v1::server::{
                zwlr_screencopy_frame_v1::ZwlrScreencopyFrameV1,
                zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1,
            };
            use $crate::protocols::screencopy::{
                FrameData, ManagerData, ScreencopyState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ZwlrScreencopyManagerV1: $crate::protocols::globals::Filtered] => ScreencopyState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrScreencopyManagerV1: ManagerData] => ScreencopyState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrScreencopyFrameV1: FrameData] => ScreencopyState);
        };
    };
}
pub(crate) use delegate_screencopy;
