//! `wp_virtio_gpu_metadata_v1`: a VMM says which scanout of its guest a surface shows.

use std::sync::atomic::{AtomicBool, Ordering};

use porthole_wayland::virtio_gpu_metadata::server::{
    wp_virtio_gpu_metadata_v1::{self as manager, WpVirtioGpuMetadataV1 as Manager},
    wp_virtio_gpu_surface_metadata_v1::{
        self as metadata, WpVirtioGpuSurfaceMetadataV1 as Metadata,
    },
};
use smithay::{
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, Weak,
        protocol::wl_surface::WlSurface,
    },
    wayland::compositor::{Cacheable, SurfaceData, with_states},
};

use super::globals::{Filtered, filtered_manager};

/// The double buffered scanout of a surface.
#[derive(Clone, Copy, Debug, Default)]
struct Scanout {
    id: Option<u32>,
    news: bool,
}

impl Cacheable for Scanout {
    fn commit(&mut self, _: &DisplayHandle) -> Self {
        Self { id: self.id, news: std::mem::take(&mut self.news) }
    }

    fn merge_into(self, into: &mut Self, _: &DisplayHandle) {
        *into = Self { id: self.id, news: into.news || self.news };
    }
}

/// A surface has at most one object.
#[derive(Debug, Default)]
struct Taken(AtomicBool);

/// The scanout that a surface says to show.
pub(crate) fn scanout(states: &SurfaceData) -> Option<u32> {
    states.cached_state.get::<Scanout>().current().id
}

/// Whether the last commits named a scanout; false when asked again.
pub(crate) fn take_news(states: &SurfaceData) -> bool {
    std::mem::take(&mut states.cached_state.get::<Scanout>().current().news)
}

/// The global.
#[derive(Debug)]
pub(crate) struct VirtioGpuMetadataState;

impl VirtioGpuMetadataState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let data = Filtered::new(filter);
        display.create_global::<D, Manager, _>(1, data);
        Self
    }
}

filtered_manager!(VirtioGpuMetadataState, Manager);

impl<D> Dispatch<Manager, (), D> for VirtioGpuMetadataState
where
    D: Dispatch<Manager, ()> + Dispatch<Metadata, Weak<WlSurface>> + 'static,
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
        let manager::Request::GetSurfaceMetadata { id, surface } = request else { return };
        data_init.init(id, surface.downgrade());
        let taken = with_states(&surface, |states| {
            let taken = states.data_map.get_or_insert_threadsafe(Taken::default);
            taken.0.swap(true, Ordering::Relaxed)
        });
        if taken {
            let why = "the surface has one already";
            resource.post_error(manager::Error::SurfaceMetadataExists, why);
        }
    }
}

impl<D> Dispatch<Metadata, Weak<WlSurface>, D> for VirtioGpuMetadataState
where
    D: Dispatch<Metadata, Weak<WlSurface>> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &Metadata,
        request: metadata::Request,
        surface: &Weak<WlSurface>,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let metadata::Request::SetScanoutId { scanout_id } = request else { return };
        match surface.upgrade() {
            Ok(surface) => with_states(&surface, |states| {
                *states.cached_state.get::<Scanout>().pending() =
                    Scanout { id: Some(scanout_id), news: true };
            }),
            Err(_) => resource.post_error(metadata::Error::NoSurface, "the surface is gone"),
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_virtio_gpu_metadata {
    ($state:ty) => {
        const _: () = {
            use ::porthole_wayland::virtio_gpu_metadata::server::{
                wp_virtio_gpu_metadata_v1::WpVirtioGpuMetadataV1,
                wp_virtio_gpu_surface_metadata_v1::WpVirtioGpuSurfaceMetadataV1,
            };
            use ::smithay::reexports::wayland_server::{Weak, protocol::wl_surface::WlSurface};
            use $crate::protocols::virtio_gpu_metadata::{
                VirtioGpuMetadataState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [WpVirtioGpuMetadataV1: $crate::protocols::globals::Filtered] => VirtioGpuMetadataState);
            ::wayland_server::delegate_dispatch!($state: [WpVirtioGpuMetadataV1: ()] => VirtioGpuMetadataState);
            ::wayland_server::delegate_dispatch!($state: [WpVirtioGpuSurfaceMetadataV1: Weak<WlSurface>] => VirtioGpuMetadataState);
        };
    };
}
pub(crate) use delegate_virtio_gpu_metadata;
