//! Buffers in memory of devices (dma-bufs). The compositor is asked whether it can read one, and says so
//! later; until then the window keeps what it shows.

use porthole_memory::Device;
use porthole_pixel::Layout;
use wayland_client::protocol::wl_buffer::{self, WlBuffer};
use wayland_client::{Connection, Dispatch, QueueHandle, event_created_child};
use wayland_protocols::wp::linux_dmabuf::zv1::client::zwp_linux_buffer_params_v1::{
    self, Flags, ZwpLinuxBufferParamsV1,
};
use wayland_protocols::wp::linux_dmabuf::zv1::client::zwp_linux_dmabuf_v1::{
    self, ZwpLinuxDmabufV1,
};

use super::Frame;
use super::buffers::BufferOf;
use super::link::Link;
use super::stage::Stage;

/// What a compositor was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    names: BufferOf,
    layout: Layout,
}

/// A buffer that the compositor has made; which one is known by its object alone.
#[derive(Debug)]
pub(super) struct Made;

/// Asks for a buffer. False, with a line in the log, where it is clear that there will be none.
pub(super) fn ask(frame: &Frame, device: Device, names: BufferOf, link: &Link) -> bool {
    let layout = frame.layout;
    let fourcc = layout.format().fourcc();
    let takes = |modifier| link.device_formats.contains(&(fourcc, modifier));
    // Compositors that read plain memory only do not list what may be anything.
    let offered =
        takes(device.modifier) || device.modifier == Device::UNKNOWN && takes(Device::LINEAR);
    let Some(dmabuf) = link.dmabuf.as_ref().filter(|_| offered) else {
        tracing::error!(
            "the compositor takes no GPU memory of format {:?} with modifier {:#x}: the guest's display \
             must be drawn without a GPU",
            layout.format(),
            device.modifier
        );
        return false;
    };
    let side = |side: u32| i32::try_from(side).ok();
    let (Some(width), Some(height)) = (side(layout.size().width), side(layout.size().height))
    else {
        return false;
    };
    let Ok(offset) = u32::try_from(layout.offset()) else { return false };
    let params = dmabuf.create_params(&link.queue, Asked { names, layout });
    let [high, low] = [device.modifier >> 32, device.modifier & 0xffff_ffff]
        .map(|half| u32::try_from(half).unwrap_or_default());
    params.add(frame.memory.fd(), 0, offset, layout.stride(), high, low);
    params.create(width, height, fourcc, Flags::empty());
    true
}

impl Dispatch<ZwpLinuxDmabufV1, ()> for Stage {
    fn event(
        stage: &mut Self,
        _: &ZwpLinuxDmabufV1,
        event: zwp_linux_dmabuf_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zwp_linux_dmabuf_v1::Event::Modifier { format, modifier_hi, modifier_lo } = event
            && let Some(link) = stage.link.as_mut()
        {
            let modifier = u64::from(modifier_hi) << 32 | u64::from(modifier_lo);
            link.device_formats.push((format, modifier));
        }
    }
}

impl Dispatch<ZwpLinuxBufferParamsV1, Asked> for Stage {
    fn event(
        stage: &mut Self,
        params: &ZwpLinuxBufferParamsV1,
        event: zwp_linux_buffer_params_v1::Event,
        Asked { names, layout }: &Asked,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        params.destroy();
        let window = stage.windows.get_mut(names.scanout);
        match event {
            zwp_linux_buffer_params_v1::Event::Created { buffer } => {
                let kept = window.is_some_and(|window| {
                    window.buffers.made(names.buffer, *layout, Some(buffer.clone()))
                });
                if !kept {
                    buffer.destroy();
                }
            }
            zwp_linux_buffer_params_v1::Event::Failed => {
                tracing::error!(
                    "the compositor cannot read the GPU memory of scanout {}, a picture of {}: the guest's \
                     display must be drawn without a GPU",
                    names.scanout,
                    layout.size()
                );
                if let Some(window) = window {
                    window.buffers.made(names.buffer, *layout, None);
                }
            }
            _ => {}
        }
    }

    event_created_child!(Stage, ZwpLinuxBufferParamsV1, [
        zwp_linux_buffer_params_v1::EVT_CREATED_OPCODE => (WlBuffer, Made),
    ]);
}

impl Dispatch<WlBuffer, Made> for Stage {
    fn event(
        stage: &mut Self,
        object: &WlBuffer,
        event: wl_buffer::Event,
        Made: &Made,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            stage.telling(|stage, told| {
                for window in &mut stage.windows {
                    if let Some(buffer) = window.buffers.number_of(object) {
                        window.buffers.released(buffer, object, told);
                    }
                }
            });
        }
    }
}
