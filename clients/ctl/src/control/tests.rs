//! What a service of another release may say: values that are not known here, objects that were never
//! announced, and events in any order.

use std::os::unix::net::UnixStream;

use porthole_wayland::wfd::client::{
    wfd_device_v1 as device, wfd_pipeline_v1 as pipeline, wfd_port_v1 as port,
    wfd_trace_v1 as trace,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;
use wayland_client::{Connection, Dispatch, Proxy, QueueHandle, WEnum};

use super::{dispatch::Id, *};
use crate::{
    layout::{Plan, read},
    show::{difference, json as shown, screen::escaped, text, tree},
};

/// A client whose service says nothing by itself.
struct Rig {
    connection: Connection,
    queue: QueueHandle<Told>,
    told: Told,
    // What it is connected to.
    _service: UnixStream,
}

impl Rig {
    fn new() -> Self {
        let (ours, service) = UnixStream::pair().unwrap();
        let connection = Connection::from_socket(ours).unwrap();
        let queue = connection.new_event_queue::<Told>().handle();
        Self { connection, queue, told: Told::default(), _service: service }
    }

    fn hear<I, U>(&mut self, event: I::Event, data: &U)
    where
        I: Proxy,
        Told: Dispatch<I, U>,
    {
        let object = I::inert(self.connection.backend().downgrade());
        let Self { connection, queue, told, .. } = self;
        <Told as Dispatch<I, U>>::event(told, &object, event, data, connection, queue);
    }

    /// All that can be made of what was told.
    fn show(&self) -> Vec<String> {
        let state = &self.told.state;
        let mut lines = text::ports(state).lines(true, Some(80));
        lines.extend(text::layers(state, true).lines(false, None));
        lines.extend(text::streams(state).lines(false, None));
        lines.extend(tree::lines(state, &json!({ "ports": [{ "id": 1, "pipelines": 3 }] }), true));
        lines.push(escaped(&shown::state(state).to_string()));
        difference::between(&State::default(), state);
        lines
    }
}

fn port(event: u8, id: u32, n: [u32; 4], x: f64, name: &str) -> port::Event {
    use port::Event as E;
    let [a, b, c, d] = n;
    match event % 8 {
        0 => E::Attached {
            attached: a,
            detachable: b,
            native_width: c,
            native_height: d,
            physical_width_um: a,
            physical_height_um: b,
        },
        1 => E::Mode { mode_id: a, width: b, height: c, refresh_mhz: d, flags: WEnum::Unknown(d) },
        2 => E::CurrentMode { mode_id: a, width: b, height: c, refresh_mhz: d },
        3 => E::BackgroundColor { red: a, green: b, blue: c },
        4 => E::Transform { flip: a, mirror: b, rotation: WEnum::Unknown(c) },
        5 => E::Gamma { gamma: x, minimum: x, maximum: x },
        6 => E::PowerMode { mode: WEnum::Unknown(id) },
        _ => E::Failed { status: WEnum::Unknown(a), message: name.to_owned() },
    }
}

fn pipeline(event: u8, n: [u32; 4], x: f64, name: &str) -> pipeline::Event {
    use pipeline::Event as E;
    let [a, b, c, d] = n;
    let signed = n.map(u32::cast_signed);
    let [x_at, y_at, width, height] = signed;
    match event % 16 {
        0 => E::Name { name: name.to_owned() },
        1 => E::Binding { port_id: a % 4, layer: y_at },
        2 => E::Source { source_id: a % 2, stream_id: b % 4 },
        3 => E::Mask { width: a, height: b },
        4 => E::SourceRectangle { x, y: x, width: x, height: x },
        5 => E::DestinationRectangle { x: x_at, y: y_at, width, height },
        6 => E::Transform { flip: a, mirror: b, rotation: WEnum::Unknown(c) },
        7 => E::Transparency { features: WEnum::Unknown(a) },
        8 => E::GlobalAlpha { alpha: a },
        9 => E::TsColor { format: WEnum::Unknown(a), red: b, green: c, blue: d },
        10 => E::Hole { rectangles: a, x: x_at, y: y_at, width, height },
        11 => E::ScaleFilter { filter: WEnum::Unknown(a) },
        12 => {
            E::Sizing { fit: WEnum::Unknown(a), lead: WEnum::Unknown(b), pixels: WEnum::Unknown(c) }
        }
        13 => E::FallbackRule { picture: WEnum::Unknown(a), source_id: b, deadline_ms: c },
        14 => E::InputPolicy { policy: WEnum::Unknown(a) },
        _ => E::Placement { placement: WEnum::Unknown(a), plane_id: b },
    }
}

fn device(event: u8, n: [u32; 4], name: &str) -> device::Event {
    use device::Event as E;
    let [a, b, c, d] = n;
    match event % 8 {
        0 => E::Port { port_id: a % 4, kind: WEnum::Unknown(b), name: name.to_owned() },
        1 => E::PortRemoved { port_id: a % 4 },
        2 => E::Pipeline { pipeline_id: a % 4, port_id: b % 4 },
        3 => E::PipelineRemoved { pipeline_id: a % 4 },
        4 => E::Stream {
            stream_id: a % 4,
            kind: WEnum::Unknown(b),
            socket: name.to_owned(),
            app_id: name.to_owned(),
            scanout: c,
        },
        5 => E::StreamState { stream_id: a % 4, state: WEnum::Unknown(b), width: c, height: d },
        6 => E::StreamRemoved { stream_id: a % 4 },
        _ => E::Done,
    }
}

proptest! {
    #[test]
    fn whatever_is_told_can_be_shown(
        events in vec((any::<[u8; 2]>(), any::<[u32; 4]>(), any::<f64>(), ".{0,8}"), 0..60),
    ) {
        let mut rig = Rig::new();
        for ([what, event], numbers, x, name) in &events {
            let id = numbers[3] % 4;
            match what % 3 {
                0 => rig.hear::<device::WfdDeviceV1, _>(device(*event, *numbers, name), &Role::Observer),
                1 => rig.hear::<port::WfdPortV1, _>(port(*event, id, *numbers, *x, name), &Id(id)),
                _ => rig.hear::<pipeline::WfdPipelineV1, _>(pipeline(*event, *numbers, *x, name), &Id(id)),
            }
        }
        for line in rig.show() {
            let shown = line.chars().all(|c| !c.is_control() || c == '\u{1b}');
            prop_assert!(shown, "{:?}", line);
        }
        // It need not be what this program can commit, but it says so.
        if let Ok(layout) = read(&shown::state(&rig.told.state).to_string()) {
            let _ = Plan::new(&rig.told.state, layout);
        }
    }
}

#[test]
fn words_that_are_not_known_are_shown_by_their_number() {
    let mut rig = Rig::new();
    let added = device::Event::Pipeline { pipeline_id: 2, port_id: 1 };
    rig.hear::<device::WfdDeviceV1, _>(added, &Role::Observer);
    let policy = pipeline::Event::InputPolicy { policy: WEnum::Unknown(9) };
    rig.hear::<pipeline::WfdPipelineV1, _>(policy, &Id(2));
    assert_eq!(rig.told.state.layers[&2].input, "unknown 9");
    let failed = device::Event::Failed { status: WEnum::Unknown(7), message: "no".into() };
    rig.hear::<device::WfdDeviceV1, _>(failed, &Role::Observer);
    let refusal = rig.told.refused.take().unwrap();
    assert_eq!(refusal.to_string(), "the service: no (unknown 7)");
}

#[test]
fn frames_that_nobody_reads_are_dropped() {
    let mut rig = Rig::new();
    for number in 0..5000 {
        let frame =
            trace::Event::Frame { frame_hi: 0, frame_lo: number, damaged_pixels: 1, captures: 0 };
        rig.hear::<trace::WfdTraceV1, _>(frame, &());
        for _ in 0..300 {
            let stage = WEnum::Unknown(77);
            let stage = trace::Event::Stage { stage, pipeline_id: 1, time_hi: 0, time_lo: 1 };
            rig.hear::<trace::WfdTraceV1, _>(stage, &());
        }
        rig.hear::<trace::WfdTraceV1, _>(trace::Event::Done, &());
    }
    let (frames, stages, first) = rig.told.frames.waiting();
    assert_eq!((frames, stages, first), (1024, 1024 * 256, Some(5000 - 1024)));
}
