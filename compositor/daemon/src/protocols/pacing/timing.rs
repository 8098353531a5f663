//! `wp_commit_timing_v1`: a commit that waits for a time.

use std::time::Duration;

use smithay::{
    reexports::{
        wayland_protocols::wp::commit_timing::v1::server::{
            wp_commit_timer_v1::{self as timer, WpCommitTimerV1 as CommitTimer},
            wp_commit_timing_manager_v1::{self as manager, WpCommitTimingManagerV1 as Manager},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, Weak,
            backend::ClientId, protocol::wl_surface::WlSurface,
        },
    },
    wayland::compositor::with_states,
};

use super::{PacingHandler, hook, with_paced};
use crate::protocols::globals::plain_manager;

/// The global.
#[derive(Debug)]
pub(crate) struct CommitTimingState;

impl CommitTimingState {
    /// Announces the global.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, ()>(1, ());
        Self
    }
}

plain_manager!(CommitTimingState, Manager);

impl<D> Dispatch<Manager, (), D> for CommitTimingState
where
    D: Dispatch<Manager, ()> + Dispatch<CommitTimer, Weak<WlSurface>> + PacingHandler + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::GetTimer { id, surface } = request else { return };
        data_init.init(id, surface.downgrade());
        let has = with_states(&surface, |states| {
            with_paced(states, |paced| std::mem::replace(&mut paced.has_timer, true))
        });
        if has {
            resource.post_error(manager::Error::CommitTimerExists, "the surface has one already");
        } else {
            hook::<D>(&surface);
        }
    }
}

impl<D> Dispatch<CommitTimer, Weak<WlSurface>, D> for CommitTimingState
where
    D: Dispatch<CommitTimer, Weak<WlSurface>> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &CommitTimer,
        request: timer::Request,
        surface: &Weak<WlSurface>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let timer::Request::SetTimestamp { tv_sec_hi, tv_sec_lo, tv_nsec } = request else {
            return;
        };
        let Ok(surface) = surface.upgrade() else {
            resource.post_error(timer::Error::SurfaceDestroyed, "the surface is gone");
            return;
        };
        if tv_nsec >= 1_000_000_000 {
            let why = format!("{tv_nsec} ns; a second has 1000000000");
            resource.post_error(timer::Error::InvalidTimestamp, why);
            return;
        }
        let at = Duration::new(u64::from(tv_sec_hi) << 32 | u64::from(tv_sec_lo), tv_nsec);
        let before = with_states(&surface, |states| with_paced(states, |p| p.at.replace(at)));
        if before.is_some() {
            resource.post_error(timer::Error::TimestampExists, "the commit has a time already");
        }
    }

    fn destroyed(_: &mut D, _: ClientId, _: &CommitTimer, surface: &Weak<WlSurface>) {
        if let Ok(surface) = surface.upgrade() {
            with_states(&surface, |states| with_paced(states, |paced| paced.has_timer = false));
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_commit_timing {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::{
                wayland_protocols::wp::commit_timing::v1::server::{
                    wp_commit_timer_v1::WpCommitTimerV1,
                    wp_commit_timing_manager_v1::WpCommitTimingManagerV1,
                },
                wayland_server::{Weak, protocol::wl_surface::WlSurface},
            };
            use $crate::protocols::pacing::CommitTimingState;
            ::wayland_server::delegate_global_dispatch!($state: [WpCommitTimingManagerV1: ()] => CommitTimingState);
            ::wayland_server::delegate_dispatch!($state: [WpCommitTimingManagerV1: ()] => CommitTimingState);
            ::wayland_server::delegate_dispatch!($state: [WpCommitTimerV1: Weak<WlSurface>] => CommitTimingState);
        };
    };
}
pub(crate) use delegate_commit_timing;
