//! `wp_alpha_modifier_v1`, written here because smithay's disconnects a client that destroys its
//! surface first.

use std::sync::atomic::{AtomicBool, Ordering};

use smithay::{
    reexports::{
        wayland_protocols::wp::alpha_modifier::v1::server::{
            wp_alpha_modifier_surface_v1::{
                self as modifier, WpAlphaModifierSurfaceV1 as Modifier,
            },
            wp_alpha_modifier_v1::{self as manager, WpAlphaModifierV1 as Manager},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, Weak,
            backend::ClientId, protocol::wl_surface::WlSurface,
        },
    },
    wayland::compositor::{Cacheable, SurfaceData, with_states},
};

use crate::protocols::globals::plain_manager;

/// The double buffered factor of a surface.
#[derive(Clone, Copy, Debug)]
struct Factor(u32);

impl Default for Factor {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Cacheable for Factor {
    fn commit(&mut self, _: &DisplayHandle) -> Self {
        *self
    }

    fn merge_into(self, into: &mut Self, _: &DisplayHandle) {
        *into = self;
    }
}

/// A surface has at most one object.
#[derive(Debug, Default)]
struct Taken(AtomicBool);

/// The factor that a surface has now, 0 to 1.
pub(crate) fn opacity(states: &SurfaceData) -> f32 {
    let Factor(factor) = *states.cached_state.get::<Factor>().current();
    #[expect(clippy::cast_possible_truncation, reason = "a ratio has digits to spare")]
    let factor = (f64::from(factor) / f64::from(u32::MAX)) as f32;
    factor
}

/// The global.
#[derive(Debug)]
pub(crate) struct AlphaModifierState;

impl AlphaModifierState {
    /// Announces the global.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, ()>(1, ());
        Self
    }
}

plain_manager!(AlphaModifierState, Manager);

impl<D> Dispatch<Manager, (), D> for AlphaModifierState
where
    D: Dispatch<Manager, ()> + Dispatch<Modifier, Weak<WlSurface>> + 'static,
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
        let manager::Request::GetSurface { id, surface } = request else { return };
        let taken = with_states(&surface, |states| {
            let taken = states.data_map.get_or_insert_threadsafe(Taken::default);
            taken.0.swap(true, Ordering::Relaxed)
        });
        data_init.init(id, surface.downgrade());
        if taken {
            resource.post_error(manager::Error::AlreadyConstructed, "the surface has one already");
        }
    }
}

impl<D> Dispatch<Modifier, Weak<WlSurface>, D> for AlphaModifierState
where
    D: Dispatch<Modifier, Weak<WlSurface>> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &Modifier,
        request: modifier::Request,
        surface: &Weak<WlSurface>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let modifier::Request::SetMultiplier { factor } = request else { return };
        match surface.upgrade() {
            Ok(surface) => with_states(&surface, |states| {
                states.cached_state.get::<Factor>().pending().0 = factor;
            }),
            Err(_) => resource.post_error(modifier::Error::NoSurface, "the surface is gone"),
        }
    }

    fn destroyed(_: &mut D, _: ClientId, _: &Modifier, surface: &Weak<WlSurface>) {
        let Ok(surface) = surface.upgrade() else { return };
        with_states(&surface, |states| {
            *states.cached_state.get::<Factor>().pending() = Factor::default();
            let taken = states.data_map.get_or_insert_threadsafe(Taken::default);
            taken.0.store(false, Ordering::Relaxed);
        });
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_alpha_modifier {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::{
                wayland_protocols::wp::alpha_modifier::v1::server::{
                    wp_alpha_modifier_surface_v1::WpAlphaModifierSurfaceV1,
                    wp_alpha_modifier_v1::WpAlphaModifierV1,
                },
                wayland_server::{Weak, protocol::wl_surface::WlSurface},
            };
            use $crate::protocols::alpha_modifier::AlphaModifierState;
            ::wayland_server::delegate_global_dispatch!($state: [WpAlphaModifierV1: ()] => AlphaModifierState);
            ::wayland_server::delegate_dispatch!($state: [WpAlphaModifierV1: ()] => AlphaModifierState);
            ::wayland_server::delegate_dispatch!($state: [WpAlphaModifierSurfaceV1: Weak<WlSurface>] => AlphaModifierState);
        };
    };
}
pub(crate) use delegate_alpha_modifier;
