//! What clients may leave pending. The library keeps each rectangle and each waiting commit until it
//! is applied, so that they are counted before it sees them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use smithay::{
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource,
        backend::ClientId,
        protocol::{
            wl_callback::WlCallback,
            wl_compositor::WlCompositor,
            wl_region::{self, WlRegion},
            wl_subcompositor::WlSubcompositor,
            wl_subsurface::WlSubsurface,
            wl_surface::{self, WlSurface},
        },
    },
    wayland::compositor::{
        CompositorState, RegionUserData, SubsurfaceUserData, SurfaceUserData,
        get_region_attributes, with_states,
    },
};

use crate::{limits, sockets::ClientState, state::State};

/// What one surface has pending.
#[derive(Debug)]
struct Pending {
    damage: AtomicU32,
    commits: AtomicU32,
    /// The sum of the commits over all surfaces of the client.
    all: Arc<AtomicU32>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.commits.get_mut(), Ordering::Relaxed);
    }
}

fn with_pending<T>(surface: &WlSurface, f: impl FnOnce(&Pending) -> T) -> T {
    with_states(surface, |states| {
        f(states.data_map.get_or_insert_threadsafe(|| {
            let client = surface.client();
            let data = client.as_ref().and_then(|client| client.get_data::<ClientState>());
            let all = data.map(|data| data.waiting_commits.clone()).unwrap_or_default();
            Pending { damage: AtomicU32::new(0), commits: AtomicU32::new(0), all }
        }))
    })
}

/// Notes that everything that a surface had pending was applied.
pub(super) fn committed(surface: &WlSurface) {
    with_pending(surface, |pending| {
        let applied = pending.commits.swap(0, Ordering::Relaxed);
        pending.all.fetch_sub(applied, Ordering::Relaxed);
    });
}

impl Dispatch<WlSurface, SurfaceUserData> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        surface: &WlSurface,
        mut request: wl_surface::Request,
        data: &SurfaceUserData,
        display: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match &request {
            // Nothing is in it, and the library does not expect it.
            wl_surface::Request::Damage { width, height, .. } if *width < 0 || *height < 0 => {
                return;
            }
            wl_surface::Request::Damage { .. } | wl_surface::Request::DamageBuffer { .. } => {
                let before = with_pending(surface, |p| p.damage.fetch_add(1, Ordering::Relaxed));
                if before > limits::DAMAGE_RECTS {
                    // All of it is damaged already; the count must not wrap around.
                    with_pending(surface, |p| p.damage.store(before, Ordering::Relaxed));
                    return;
                }
                if before == limits::DAMAGE_RECTS {
                    let (x, y, width, height) = (0, 0, i32::MAX, i32::MAX);
                    request = wl_surface::Request::DamageBuffer { x, y, width, height };
                }
            }
            wl_surface::Request::Commit => {
                let waiting = with_pending(surface, |pending| {
                    pending.damage.store(0, Ordering::Relaxed);
                    pending.commits.fetch_add(1, Ordering::Relaxed);
                    pending.all.fetch_add(1, Ordering::Relaxed)
                });
                if waiting >= limits::WAITING_COMMITS {
                    let most = limits::WAITING_COMMITS;
                    let why = format!("more than {most} commits wait for those of their parents");
                    state.refuse(client, &why);
                    return;
                }
            }
            _ => {}
        }
        <CompositorState as Dispatch<WlSurface, SurfaceUserData, Self>>::request(
            state, client, surface, request, data, display, data_init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, surface: &WlSurface, data: &SurfaceUserData) {
        <CompositorState as Dispatch<WlSurface, SurfaceUserData, Self>>::destroyed(
            state, client, surface, data,
        );
    }
}

impl Dispatch<WlRegion, RegionUserData> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        region: &WlRegion,
        request: wl_region::Request,
        data: &RegionUserData,
        display: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        if let wl_region::Request::Add { width, height, .. }
        | wl_region::Request::Subtract { width, height, .. } = &request
            && (*width < 0 || *height < 0)
        {
            // Nothing is in it, and the library does not expect it.
            return;
        }
        let adds = !matches!(request, wl_region::Request::Destroy);
        if adds && get_region_attributes(region).rects.len() >= limits::REGION_RECTS {
            let most = limits::REGION_RECTS;
            state.refuse(client, &format!("a region of more than {most} rectangles"));
            return;
        }
        <CompositorState as Dispatch<WlRegion, RegionUserData, Self>>::request(
            state, client, region, request, data, display, data_init,
        );
    }

    fn destroyed(state: &mut Self, client: ClientId, region: &WlRegion, data: &RegionUserData) {
        <CompositorState as Dispatch<WlRegion, RegionUserData, Self>>::destroyed(
            state, client, region, data,
        );
    }
}

wayland_server::delegate_global_dispatch!(State: [WlCompositor: ()] => CompositorState);
wayland_server::delegate_global_dispatch!(State: [WlSubcompositor: ()] => CompositorState);
wayland_server::delegate_dispatch!(State: [WlCompositor: ()] => CompositorState);
wayland_server::delegate_dispatch!(State: [WlCallback: ()] => CompositorState);
wayland_server::delegate_dispatch!(State: [WlSubcompositor: ()] => CompositorState);
wayland_server::delegate_dispatch!(State: [WlSubsurface: SubsurfaceUserData] => CompositorState);
