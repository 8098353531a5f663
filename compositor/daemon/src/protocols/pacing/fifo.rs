//! `wp_fifo_v1`: a commit that waits until the one before was shown.

use smithay::{
    reexports::{
        wayland_protocols::wp::fifo::v1::server::{
            wp_fifo_manager_v1::{self as manager, WpFifoManagerV1 as Manager},
            wp_fifo_v1::{self as fifo, WpFifoV1 as Fifo},
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
pub(crate) struct FifoState;

impl FifoState {
    /// Announces the global.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, ()>(1, ());
        Self
    }
}

plain_manager!(FifoState, Manager);

impl<D> Dispatch<Manager, (), D> for FifoState
where
    D: Dispatch<Manager, ()> + Dispatch<Fifo, Weak<WlSurface>> + PacingHandler + 'static,
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
        let manager::Request::GetFifo { id, surface } = request else { return };
        data_init.init(id, surface.downgrade());
        let has = with_states(&surface, |states| {
            with_paced(states, |paced| std::mem::replace(&mut paced.has_fifo, true))
        });
        if has {
            resource.post_error(manager::Error::AlreadyExists, "the surface has one already");
        } else {
            hook::<D>(&surface);
        }
    }
}

impl<D> Dispatch<Fifo, Weak<WlSurface>, D> for FifoState
where
    D: Dispatch<Fifo, Weak<WlSurface>> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &Fifo,
        request: fifo::Request,
        surface: &Weak<WlSurface>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let set = match request {
            fifo::Request::SetBarrier => true,
            fifo::Request::WaitBarrier => false,
            _ => return,
        };
        let Ok(surface) = surface.upgrade() else {
            resource.post_error(fifo::Error::SurfaceDestroyed, "the surface is gone");
            return;
        };
        with_states(&surface, |states| {
            with_paced(states, |paced| {
                if set {
                    paced.set_barrier = true;
                } else {
                    paced.wait_barrier = true;
                }
            });
        });
    }

    fn destroyed(_: &mut D, _: ClientId, _: &Fifo, surface: &Weak<WlSurface>) {
        if let Ok(surface) = surface.upgrade() {
            with_states(&surface, |states| with_paced(states, |paced| paced.has_fifo = false));
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_fifo {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::{
                wayland_protocols::wp::fifo::v1::server::{
                    wp_fifo_manager_v1::WpFifoManagerV1, wp_fifo_v1::WpFifoV1,
                },
                wayland_server::{Weak, protocol::wl_surface::WlSurface},
            };
            use $crate::protocols::pacing::FifoState;
    ::wayland_server::delegate_global_dispatch!($state: [WpFifoManagerV1: ()] => FifoState);
    ::wayland_server::delegate_dispatch!($state: [WpFifoManagerV1: ()] => FifoState);
    ::wayland_server::delegate_dispatch!($state: [WpFifoV1: Weak<WlSurface>] => FifoState);
        };
    };
}
pub(crate) use delegate_fifo;
