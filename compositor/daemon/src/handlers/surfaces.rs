//! What changes how a surface looks: its opacity, its scale, and buffers of one colour.

use smithay::{
    delegate_fractional_scale, delegate_single_pixel_buffer,
    reexports::wayland_server::protocol::{wl_buffer::WlBuffer, wl_surface::WlSurface},
    wayland::{
        buffer::BufferHandler,
        compositor::with_states,
        fractional_scale::{FractionalScaleHandler, with_fractional_scale},
    },
};

use crate::{
    protocols::{
        alpha_modifier::delegate_alpha_modifier, dmabuf::delegate_dmabuf,
        virtio_gpu_metadata::delegate_virtio_gpu_metadata,
    },
    state::State,
};

impl BufferHandler for State {
    fn buffer_destroyed(&mut self, _: &WlBuffer) {
        // What a surface shows outlives the buffer's object.
    }
}

impl FractionalScaleHandler for State {
    fn new_fractional_scale(&mut self, surface: WlSurface) {
        let scale = self.scale_of(&surface).factor();
        with_states(&surface, |states| {
            with_fractional_scale(states, |told| told.set_preferred_scale(scale));
        });
    }
}

delegate_alpha_modifier!(State);
delegate_dmabuf!(State);
delegate_virtio_gpu_metadata!(State);
delegate_fractional_scale!(State);
delegate_single_pixel_buffer!(State);
