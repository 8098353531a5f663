//! Events into state.

use porthole_wayland::wfd::client::{
    wfd_commit_v1::{self as commit, WfdCommitV1},
    wfd_device_v1::{self as device, Status, WfdDeviceV1},
    wfd_manager_v1::{self as manager, WfdManagerV1},
    wfd_mask_v1::{self as mask, WfdMaskV1},
    wfd_pipeline_v1::{self as pipeline, ScaleFilter, TsColorFormat, WfdPipelineV1},
    wfd_port_v1::{self as port, ModeFlags, WfdPortV1},
    wfd_source_v1::{self as source, WfdSourceV1},
};
use wayland_client::{
    Connection, Dispatch, QueueHandle, WEnum, delegate_noop,
    globals::GlobalListContents,
    protocol::{
        wl_buffer::WlBuffer,
        wl_compositor::WlCompositor,
        wl_region::WlRegion,
        wl_registry::{self, WlRegistry},
        wl_shm::WlShm,
        wl_shm_pool::WlShmPool,
    },
};

use super::{
    Refusal, Role, Told,
    change::{Ended, Subject},
    told::{Hole, Layer, Mode, Port, Stream, Turn},
    words::{self, word},
};
use crate::show::screen::harmless;

/// The port or pipeline that an object is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) u32);

impl Told {
    fn refuse(&mut self, subject: String, status: WEnum<Status>, message: &str) {
        let (hint, message) = (hint(status), harmless(&self.state.named(message)));
        let status = word(words::STATUSES, status).into_owned();
        self.refused.get_or_insert(Refusal { subject, status, message, hint });
    }
}

/// What to do about a refusal.
fn hint(status: WEnum<Status>) -> &'static str {
    match status {
        WEnum::Value(Status::Denied) => {
            "; give the socket the right 'layout:PORT', or 'power:PORT' to turn a port on or off, \
             in the service's configuration"
        }
        WEnum::Value(Status::InUse) => "; end the other controller first",
        _ => "",
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Told {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // The globals that are needed were bound at once.
    }
}

impl Dispatch<WfdManagerV1, ()> for Told {
    fn event(
        told: &mut Self,
        _: &WfdManagerV1,
        event: manager::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let manager::Event::Device { device_id: 0, renderer, .. } = event {
            told.renderer = renderer;
        }
    }
}

impl Dispatch<WfdDeviceV1, Role> for Told {
    fn event(
        told: &mut Self,
        proxy: &WfdDeviceV1,
        event: device::Event,
        role: &Role,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let state = &mut told.state;
        match (event, role) {
            (device::Event::Failed { status, message }, _) => {
                told.refuse("the service".into(), status, &message);
            }
            (device::Event::Port { port_id, kind, name }, Role::Observer) => {
                let name = harmless(&name);
                let port = Port { name, kind: word(words::KINDS, kind), ..Port::default() };
                state.ports.insert(port_id, port);
                proxy.create_port(port_id, queue, Id(port_id));
            }
            (device::Event::PortRemoved { port_id }, Role::Observer) => {
                state.ports.remove(&port_id);
            }
            (device::Event::Pipeline { pipeline_id, port_id }, Role::Observer) => {
                state.layers.insert(pipeline_id, Layer { port: port_id, ..Layer::default() });
                proxy.create_pipeline(pipeline_id, queue, Id(pipeline_id));
            }
            (device::Event::PipelineRemoved { pipeline_id }, Role::Observer) => {
                state.layers.remove(&pipeline_id);
            }
            (
                device::Event::Stream { stream_id, kind, socket, app_id, scanout },
                Role::Observer,
            ) => {
                let is_guest = kind == WEnum::Value(device::StreamKind::Guest);
                let kind = word(words::STREAM_KINDS, kind);
                let socket = harmless(&socket);
                let stream =
                    Stream { kind, is_guest, socket, app_id, scanout, ..Stream::default() };
                state.streams.insert(stream_id, stream);
            }
            (
                device::Event::StreamState { stream_id, state: is, width, height },
                Role::Observer,
            ) => {
                if let Some(stream) = state.streams.get_mut(&stream_id) {
                    stream.state = word(words::STREAM_STATES, is);
                    stream.size = [width, height];
                }
            }
            (device::Event::StreamRemoved { stream_id }, Role::Observer) => {
                state.streams.remove(&stream_id);
            }
            (device::Event::Dump { fd, .. }, Role::Observer) => told.dump = Some(fd),
            // Whoever watches sees the state after whole commits only.
            (device::Event::Done, Role::Observer) => {
                if let Some(watched) = &mut told.watched {
                    watched.push_back(told.state.clone());
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<WfdPortV1, Id> for Told {
    fn event(
        told: &mut Self,
        _: &WfdPortV1,
        event: port::Event,
        Id(id): &Id,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(port) = told.state.ports.get_mut(id) else { return };
        match event {
            port::Event::Attached { attached, .. } => port.attached = attached != 0,
            port::Event::Mode { mode_id, width, height, refresh_mhz, flags } => {
                if std::mem::take(&mut port.modes_end) {
                    port.modes.clear();
                }
                let preferred =
                    matches!(flags, WEnum::Value(f) if f.contains(ModeFlags::Preferred));
                let size = [width, height];
                port.modes.push(Mode { id: mode_id, size, refresh_mhz, preferred });
            }
            port::Event::CurrentMode { mode_id, width, height, refresh_mhz } => {
                let size = [width, height];
                port.mode = Mode { id: mode_id, size, refresh_mhz, preferred: false };
            }
            port::Event::BackgroundColor { red, green, blue } => {
                port.background = [red, green, blue];
            }
            port::Event::Transform { flip, mirror, rotation } => {
                port.turn = turn(flip, mirror, rotation.into());
            }
            port::Event::Gamma { gamma, minimum, maximum } => {
                port.gamma = gamma;
                port.gamma_range = [minimum, maximum];
            }
            port::Event::PowerMode { mode } => port.power = word(words::POWERS, mode),
            port::Event::Done => port.modes_end = true,
            // A port that may not be seen any more; the device says that it is gone.
            _ => {}
        }
    }
}

const fn turn(flip: u32, mirror: u32, rotation: u32) -> Turn {
    Turn { flip: flip != 0, mirror: mirror != 0, rotation }.simplest()
}

impl Dispatch<WfdPipelineV1, Id> for Told {
    fn event(
        told: &mut Self,
        _: &WfdPipelineV1,
        event: pipeline::Event,
        Id(id): &Id,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use pipeline::Event as E;
        let Some(layer) = told.state.layers.get_mut(id) else { return };
        match event {
            E::Name { name } => layer.name = harmless(&name),
            E::Binding { port_id, layer: order } => (layer.port, layer.order) = (port_id, order),
            E::Source { source_id, stream_id } => {
                (layer.source, layer.stream) = (source_id, stream_id);
            }
            E::Mask { width, height } => layer.mask = [width, height],
            E::SourceRectangle { x, y, width, height } => layer.crop = [x, y, width, height],
            E::DestinationRectangle { x, y, width, height } => layer.rect = [x, y, width, height],
            E::Transform { flip, mirror, rotation } => {
                layer.turn = turn(flip, mirror, rotation.into());
            }
            E::Transparency { features } => {
                layer.transparency = features.into();
            }
            E::GlobalAlpha { alpha } => layer.alpha = alpha,
            E::TsColor { format, red, green, blue } => {
                layer.key = wide([red, green, blue], format);
            }
            E::Hole { rectangles, x, y, width, height } => {
                layer.hole = Hole { count: rectangles, bounds: [x, y, width, height], rects: None };
            }
            other => rules(layer, &other),
        }
    }
}

/// What is not about where and how pixels are drawn.
fn rules(layer: &mut Layer, event: &pipeline::Event) {
    use pipeline::Event as E;
    match *event {
        E::ScaleFilter { filter } => {
            // Both are the same here.
            let better = filter == WEnum::Value(ScaleFilter::Better);
            let filter = if better { WEnum::Value(ScaleFilter::Faster) } else { filter };
            layer.filter = word(words::FILTERS, filter);
        }
        E::Sizing { fit, lead, pixels } => {
            layer.fit = word(words::FITS, fit);
            layer.lead = word(words::LEADS, lead);
            layer.pixels = word(words::PIXELS, pixels);
        }
        E::FallbackRule { picture, source_id, deadline_ms } => {
            layer.fallback = word(words::FALLBACKS, picture);
            layer.fallback_source = source_id;
            layer.deadline_ms = deadline_ms;
        }
        E::RateLimit { refresh_mhz } => layer.rate_limit_mhz = refresh_mhz,
        E::InputPolicy { policy } => layer.input = word(words::INPUTS, policy),
        E::Keyboard { keyboard } => layer.keyboard = keyboard != 0,
        E::Placement { placement, .. } => layer.placement = word(words::PLACEMENTS, placement),
        E::Fallback { active, .. } => layer.falls_back = active != 0,
        _ => {}
    }
}

/// A key as 8 bits a channel.
fn wide(channels: [u32; 3], format: WEnum<TsColorFormat>) -> [u32; 3] {
    if format != WEnum::Value(TsColorFormat::Rgb565) {
        return channels;
    }
    let [red, green, blue] = channels.map(|channel| channel & 63);
    [
        (red & 31) << 3 | (red & 31) >> 2,
        green << 2 | green >> 4,
        (blue & 31) << 3 | (blue & 31) >> 2,
    ]
}

impl Dispatch<WfdPortV1, Subject> for Told {
    fn event(
        told: &mut Self,
        _: &WfdPortV1,
        event: port::Event,
        Subject(subject): &Subject,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let port::Event::Failed { status, message } = event {
            told.refuse(subject.clone(), status, &message);
        }
    }
}

impl Dispatch<WfdPipelineV1, Subject> for Told {
    fn event(
        told: &mut Self,
        _: &WfdPipelineV1,
        event: pipeline::Event,
        Subject(subject): &Subject,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let pipeline::Event::Failed { status, message } = event {
            told.refuse(subject.clone(), status, &message);
        }
    }
}

impl Dispatch<WfdSourceV1, Subject> for Told {
    fn event(
        told: &mut Self,
        _: &WfdSourceV1,
        event: source::Event,
        Subject(subject): &Subject,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let source::Event::Failed { status, message } = event {
            told.refuse(subject.clone(), status, &message);
        }
    }
}

impl Dispatch<WfdMaskV1, Subject> for Told {
    fn event(
        told: &mut Self,
        _: &WfdMaskV1,
        event: mask::Event,
        Subject(subject): &Subject,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let mask::Event::Failed { status, message } = event else { return };
        told.refuse(subject.clone(), status, &message);
    }
}

impl Dispatch<WfdCommitV1, ()> for Told {
    fn event(
        told: &mut Self,
        _: &WfdCommitV1,
        event: commit::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        match event {
            commit::Event::Tested => told.ended = Some(Ended::Tested),
            commit::Event::Presented {
                port_id,
                tv_sec_hi,
                tv_sec_lo,
                tv_nsec,
                refresh_ns,
                frame_hi,
                frame_lo,
            } => {
                told.ended = Some(Ended::Presented {
                    port: port_id,
                    seconds: wide(tv_sec_hi, tv_sec_lo),
                    nanoseconds: tv_nsec,
                    refresh_ns,
                    frame: wide(frame_hi, frame_lo),
                });
            }
            commit::Event::Failed { status, object_id, message } => {
                let subject = told.state.name_of(object_id);
                told.refuse(subject, status, &message);
            }
            _ => {}
        }
    }
}

delegate_noop!(Told: ignore WlShm);
delegate_noop!(Told: ignore WlBuffer);
delegate_noop!(Told: WlShmPool);
delegate_noop!(Told: WlCompositor);
delegate_noop!(Told: WlRegion);
