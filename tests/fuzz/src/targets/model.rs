//! A controller's requests: setters with any values, committed in any scope.

use porthole_core::model::{
    ColorKey, CommitError, Device, Fallback, FallbackPicture, Flags, Gamma, Hole, Image,
    InputPolicy, Mask, MaskId, Mode, Object, Pending, PipelineId, Port, PortId, Power, Scope,
    SourceId, SourceKind, Transition, Transparency,
};
use porthole_core::scene::{SourceRect, Transform};
use porthole_core::{Color, Name, Refresh, Scale};
use porthole_pixel::{Rect, Region, Size};

use crate::input::Input;

const MOST_STEPS: usize = 200;
const IMAGE: Size = Size::new(32, 24);

struct World {
    device: Device,
    ports: [PortId; 2],
    pipelines: [PipelineId; 3],
    sources: [SourceId; 3],
    masks: [MaskId; 3],
}

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut world = World::new();
    let mut pending = Pending::new();
    for _ in 0..MOST_STEPS {
        if input.is_empty() {
            break;
        }
        match input.u8() {
            byte @ 0..=199 => world.set(&mut pending, byte, &mut input),
            200..=207 => world.create_or_destroy(&mut pending, &mut input),
            _ => world.commit(&mut pending, &mut input),
        }
    }
    world.commit(&mut pending, &mut input);
}

impl World {
    fn new() -> Self {
        let mut device = Device::new();
        let ports = [(); 2].map(|()| device.new_port_id().unwrap());
        let pipelines = [(); 3].map(|()| device.new_pipeline_id().unwrap());
        let sources = [(); 3].map(|()| device.new_source_id().unwrap());
        let masks = [(); 3].map(|()| device.new_mask_id().unwrap());
        let mut pending = Pending::new();
        for (port, title) in ports.into_iter().zip(["main", "side"]) {
            let size = Size::new(64, 48);
            let mode = Mode { size, refresh: Refresh::DEFAULT, scale: Scale::default() };
            pending.create_port(port, Port::new(Name::new(title).unwrap(), mode)).unwrap();
        }
        for i in 0..3 {
            let image = Image { size: IMAGE, file: None };
            pending.create_pipeline(pipelines[i], ports[i / 2]);
            pending.create_source(sources[i], pipelines[i], SourceKind::Image(image.clone()));
            pending.create_mask(masks[i], Mask { pipeline: pipelines[i], image });
        }
        device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).unwrap();
        Self { device, ports, pipelines, sources, masks }
    }

    fn set(&self, pending: &mut Pending, choice: u8, input: &mut Input<'_>) {
        let target = input.below(3);
        let (pipeline, port) = (self.pipelines[target], self.ports[target / 2]);
        // Now and then somebody else's.
        let other = if input.u8() > 230 { (target + 1) % 3 } else { target };
        let result = match choice % 20 {
            0 => pending.set_opacity(pipeline, f32::from_bits(input.u32())),
            1 => pending.set_opacity(pipeline, f32::from(input.u8()) / 200.0),
            2 => Transparency::from_bits(u32::from(input.u8())).map_or(Ok(()), |features| {
                pending.set_transparency(pipeline, features);
                Ok(())
            }),
            3 => pending.set_source_rectangle(pipeline, Some(source_rect(input))),
            4 => pending.set_source_rectangle(pipeline, None),
            5 => {
                let mode = self.device.port(port).map(|port| port.mode);
                let size = Size::new(input.side(), input.side());
                mode.map_or(Ok(()), |mode| pending.set_mode(port, Mode { size, ..mode }))
            }
            _ => {
                self.set_any(pending, (choice % 20, pipeline, port), other, input);
                Ok(())
            }
        };
        if let Err(error) = result
            && input.flag()
        {
            pending.refuse(Object::Pipeline(pipeline), error);
        }
    }

    /// Setters that take every value of their types.
    fn set_any(
        &self,
        pending: &mut Pending,
        (choice, pipeline, port): (u8, PipelineId, PortId),
        other: usize,
        input: &mut Input<'_>,
    ) {
        match choice {
            6 => pending.set_layer(pipeline, input.side().cast_signed()),
            7 => pending.set_destination(pipeline, rect(input)),
            8 => {
                let (x, y) = (i32::from(input.u8() % 40), i32::from(input.u8() % 30));
                pending.set_destination(pipeline, Rect::new(x, y, 32, 24));
            }
            9 | 10 => {
                let source = (input.u8() > 40).then_some(self.sources[other]);
                let ready = Transition::WhenReady { timeout: None };
                let waits = if input.flag() { ready } else { Transition::AtVsync };
                pending.bind_source(pipeline, source, waits);
            }
            11 => pending.bind_mask(pipeline, input.flag().then_some(self.masks[other])),
            12 => pending.set_transform(pipeline, transform(input)),
            13 => {
                if let Some(hole) = Hole::new(Region::from_rect(rect(input))) {
                    pending.set_hole(pipeline, hole);
                }
            }
            14 => pending.set_port_transform(port, transform(input)),
            15 => pending.set_power(port, if input.flag() { Power::On } else { Power::Off }),
            16 => pending.set_background(port, Color { red: input.u8(), ..Color::BLACK }),
            17 => {
                let picture = FallbackPicture::Source(self.sources[other]);
                pending.set_fallback(pipeline, Fallback { picture, deadline: None });
            }
            18 => {
                if let Some(gamma) = Gamma::new(f64::from_bits(input.u64())) {
                    pending.set_gamma(port, gamma);
                }
            }
            _ => {
                pending.set_input(pipeline, InputPolicy::default());
                pending.set_key(pipeline, ColorKey::default());
            }
        }
    }

    fn create_or_destroy(&mut self, pending: &mut Pending, input: &mut Input<'_>) {
        let i = input.below(3);
        match input.u8() % 5 {
            0 => pending.destroy_source(self.sources[i]),
            1 => pending.destroy_mask(self.masks[i]),
            2 => {
                if let Ok(id) = self.device.new_source_id() {
                    let image = Image { size: IMAGE, file: None };
                    pending.create_source(id, self.pipelines[i], SourceKind::Image(image));
                    self.sources[i] = id;
                }
            }
            3 => pending.destroy_pipeline(self.pipelines[i]),
            _ => {
                if let Ok(id) = self.device.new_pipeline_id() {
                    pending.create_pipeline(id, self.ports[i / 2]);
                    self.pipelines[i] = id;
                }
            }
        }
    }

    fn commit(&mut self, pending: &mut Pending, input: &mut Input<'_>) {
        let choice = input.u8();
        let scope = match choice % 6 {
            0 => Scope::EntireDevice,
            n @ 1..=2 => Scope::EntirePort(self.ports[usize::from(n - 1)]),
            n => Scope::Pipeline(self.pipelines[usize::from(n - 3)]),
        };
        let flags = Flags { test_only: choice & 64 != 0, allow_modeset: choice & 128 != 0 };
        let (before, kept) = (self.device.clone(), pending.clone());
        let told = self.device.test(scope, pending, flags);
        assert!(self.device == before && same(pending, &kept), "a test changed something");
        let outcome = self.device.commit(scope, pending, flags);
        assert!(same(&outcome, &told), "{told:?} was told, {outcome:?} came");
        rules(&self.device).unwrap();
        if outcome.is_err() || flags.test_only {
            assert_eq!(self.device, before);
        }
        if flags.test_only {
            assert!(same(pending, &kept));
            return;
        }
        assert!(pending.part(scope, &self.device).is_empty());
        for (id, pipeline) in before.pipelines() {
            let inside = before.overlap(scope, Scope::Pipeline(id));
            assert!(
                inside || self.device.pipeline(id) == Some(pipeline),
                "changed outside its scope"
            );
        }
    }
}

/// Whether two values are the same, also where they hold what is no number, which equals nothing.
fn same<T: std::fmt::Debug>(one: &T, other: &T) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

/// WFD's rules, asked anew.
fn rules(device: &Device) -> Result<(), CommitError> {
    for (id, port) in device.ports() {
        let area = Rect::from_size(port.area());
        let mut layers = Vec::new();
        for (_, pipeline) in device.pipelines_of(id).filter(|(_, pipeline)| pipeline.is_enabled()) {
            assert!(area.contains_rect(pipeline.destination));
            assert!((0.0..=1.0).contains(&pipeline.opacity));
            assert!(!layers.contains(&pipeline.layer), "two of one layer");
            layers.push(pipeline.layer);
        }
    }
    for (id, pipeline) in device.pipelines() {
        let own = pipeline
            .source
            .is_none_or(|source| device.source(source).is_some_and(|source| source.pipeline == id));
        let mask = pipeline
            .mask
            .is_none_or(|mask| device.mask(mask).is_some_and(|mask| mask.pipeline == id));
        assert!(own && mask && device.port(pipeline.port).is_some());
    }
    Ok(())
}

fn rect(input: &mut Input<'_>) -> Rect {
    let [x, y, width, height] = [(); 4].map(|()| input.side().cast_signed());
    Rect::new(x, y, width, height)
}

fn source_rect(input: &mut Input<'_>) -> SourceRect {
    if input.flag() {
        let [x, y, width, height] = [(); 4].map(|()| f64::from(input.u8()) / 4.0);
        return SourceRect::new(x, y, width, height);
    }
    let [x, y, width, height] = [(); 4].map(|()| f64::from_bits(input.u64()));
    SourceRect::new(x, y, width, height)
}

fn transform(input: &mut Input<'_>) -> Transform {
    let bits = input.u8();
    Transform::from_wfd((bits & 1 != 0, bits & 2 != 0), u32::from(bits >> 2))
}
