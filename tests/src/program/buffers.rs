//! Buffers that do not come from `wl_shm`, and globals of a version that a test chooses.

use porthole_wayland::virtio_gpu_metadata::client::{
    wp_virtio_gpu_metadata_v1::WpVirtioGpuMetadataV1,
    wp_virtio_gpu_surface_metadata_v1::WpVirtioGpuSurfaceMetadataV1,
};
use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
    protocol::{wl_buffer::WlBuffer, wl_region::WlRegion},
};
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::{self, ZwpLinuxBufferParamsV1},
    zwp_linux_dmabuf_v1::{self, ZwpLinuxDmabufV1},
};

use super::{Log, Program};
use crate::failure::{OrFail, Result};

impl Program {
    /// Binds a global in exactly this version.
    ///
    /// # Errors
    /// When the socket does not show it.
    pub fn bind_at<T>(&self, version: u32) -> Result<T>
    where
        T: Proxy + 'static,
        Log: Dispatch<T, ()>,
    {
        self.globals
            .bind::<T, Log, ()>(&self.handle, version..=version, ())
            .or_fail(&format!("bind {} {version}", T::interface().name))
    }

    /// The buffer that the service made of a description.
    #[must_use]
    pub fn made_buffer(&mut self) -> Option<WlBuffer> {
        self.log.made.take()
    }
}

impl Dispatch<ZwpLinuxDmabufV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ZwpLinuxDmabufV1,
        event: zwp_linux_dmabuf_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwp_linux_dmabuf_v1::Event::Format { format } => {
                log.say(format!("dmabuf format {format:#x}"));
            }
            zwp_linux_dmabuf_v1::Event::Modifier { format, modifier_hi, modifier_lo } => {
                log.say(format!("dmabuf format {format:#x} modifier {modifier_hi} {modifier_lo}"));
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwpLinuxBufferParamsV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ZwpLinuxBufferParamsV1,
        event: zwp_linux_buffer_params_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwp_linux_buffer_params_v1::Event::Created { buffer } => {
                log.made = Some(buffer);
                log.say("buffer made");
            }
            zwp_linux_buffer_params_v1::Event::Failed => log.say("buffer failed"),
            _ => {}
        }
    }

    event_created_child!(Log, ZwpLinuxBufferParamsV1, [
        zwp_linux_buffer_params_v1::EVT_CREATED_OPCODE => (WlBuffer, ()),
    ]);
}

delegate_noop!(Log: WlRegion);
delegate_noop!(Log: WpVirtioGpuMetadataV1);
delegate_noop!(Log: WpVirtioGpuSurfaceMetadataV1);
