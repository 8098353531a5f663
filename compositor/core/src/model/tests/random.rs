//! Random operations with the rules asked after each.

use proptest::prelude::*;

use porthole_pixel::Region;

use super::*;

/// One call of a setter: which pipeline or port, which attribute, and a few numbers to make a value of.
#[derive(Clone, Debug)]
struct Call {
    target: usize,
    attribute: u8,
    numbers: [i32; 4],
}

#[derive(Clone, Debug)]
struct Commit {
    calls: Vec<Call>,
    scope: u8,
    test_only: bool,
    allow_modeset: bool,
}

fn call() -> impl Strategy<Value = Call> {
    (0..3_usize, 0..16_u8, [-8..72_i32, -8..72_i32, 0..72_i32, 0..72_i32])
        .prop_map(|(target, attribute, numbers)| Call { target, attribute, numbers })
}

fn commit() -> impl Strategy<Value = Commit> {
    (prop::collection::vec(call(), 0..8), 0..6_u8, prop::bool::weighted(0.2), any::<bool>())
        .prop_map(|(calls, scope, test_only, allow_modeset)| Commit {
            calls,
            scope,
            test_only,
            allow_modeset,
        })
}

struct World {
    device: Device,
    ports: [PortId; 2],
    pipelines: [PipelineId; 3],
    sources: [SourceId; 3],
    masks: [MaskId; 3],
}

/// Two small ports, the first with two pipelines, the second with one.
fn world() -> World {
    let mut device = Device::new();
    let ports = [(); 2].map(|()| device.new_port_id().unwrap());
    let pipelines = [(); 3].map(|()| device.new_pipeline_id().unwrap());
    let sources = [(); 3].map(|()| device.new_source_id().unwrap());
    let masks = [(); 3].map(|()| device.new_mask_id().unwrap());
    let mut pending = Pending::new();
    for (port, title) in ports.into_iter().zip(["main", "side"]) {
        pending
            .create_port(port, Port { name: name(title), ..port_of(Size::new(64, 48)) })
            .unwrap();
    }
    for i in 0..3 {
        let image = Image { size: Size::new(32, 24), file: None };
        pending.create_pipeline(pipelines[i], ports[i / 2]);
        pending.create_source(sources[i], pipelines[i], SourceKind::Image(image.clone()));
        pending.create_mask(masks[i], Mask { pipeline: pipelines[i], image });
    }
    whole(&mut device, pending).unwrap();
    World { device, ports, pipelines, sources, masks }
}

fn positive(v: i32) -> u32 {
    u32::try_from(v.max(0)).unwrap()
}

impl World {
    /// Makes a call; what it refuses is kept as refused or dropped, as a client would.
    fn call(&self, pending: &mut Pending, call: &Call) {
        if call.attribute > 4 {
            self.set(pending, call);
        } else if let Err(error) = self.try_set(pending, call)
            && call.numbers[2] % 2 == 0
        {
            pending.refuse(Object::Pipeline(self.pipelines[call.target]), error);
        }
    }

    /// Setters that look at the value.
    fn try_set(&self, pending: &mut Pending, call: &Call) -> Result<(), CommitError> {
        let [a, b, c, d] = call.numbers;
        let pipeline = self.pipelines[call.target];
        match call.attribute {
            0 => pending.set_opacity(pipeline, f32::from(i16::try_from(a).unwrap()) / 64.0),
            1 => {
                let error = CommitError::Range {
                    object: Object::Pipeline(pipeline),
                    what: "transparency",
                    range: "0 to 31",
                };
                let features = Transparency::from_bits(positive(a)).ok_or(error)?;
                pending.set_transparency(pipeline, features);
                Ok(())
            }
            2 => {
                let rect = SourceRect::new(f64::from(a), f64::from(b), f64::from(c), f64::from(d));
                pending.set_source_rectangle(pipeline, Some(rect))
            }
            3 => pending.set_source_rectangle(pipeline, None),
            _ => {
                let port = self.ports[call.target / 2];
                let mode = self.device.port(port).unwrap().mode;
                let size = Size::new(positive(c), positive(d));
                pending.set_mode(port, Mode { size, ..mode })
            }
        }
    }

    /// Setters that take every value.
    fn set(&self, pending: &mut Pending, call: &Call) {
        let [a, b, c, d] = call.numbers;
        let pipeline = self.pipelines[call.target];
        let port = self.ports[call.target / 2];
        // Now and then somebody else's.
        let other = (call.target + usize::from(a > 60)) % 3;
        let rect = Rect::new(a, b, c, d);
        match call.attribute {
            5 => pending.set_layer(pipeline, a),
            6 => pending.set_destination(pipeline, rect),
            // The mask's size, so that it fits now and then.
            7 => pending.set_destination(pipeline, Rect::new(a, b, 32, 24)),
            8 => {
                let source = (b > 0).then_some(self.sources[other]);
                pending.bind_source(pipeline, source, Transition::AtVsync);
            }
            9 => pending.bind_mask(pipeline, (b > 0).then_some(self.masks[other])),
            10 => {
                let turned = Transform::from_wfd((a > 9, b > 9), positive(c));
                pending.set_transform(pipeline, turned);
            }
            11 => pending.set_hole(pipeline, Hole::new(Region::from_rect(rect)).unwrap()),
            12 => {
                let turned = Transform::from_wfd((false, a > 9), positive(b));
                pending.set_port_transform(port, turned);
            }
            13 => pending.set_power(port, if a > 9 { Power::On } else { Power::Off }),
            14 => {
                let red = c.try_into().unwrap();
                pending.set_background(port, Color { red, ..Color::BLACK });
            }
            _ => {
                let picture = FallbackPicture::Source(self.sources[other]);
                pending.set_fallback(pipeline, Fallback { picture, deadline: None });
            }
        }
    }

    fn scope(&self, scope: u8) -> Scope {
        match scope {
            0 => Scope::EntireDevice,
            n @ 1..=2 => Scope::EntirePort(self.ports[usize::from(n - 1)]),
            n => Scope::Pipeline(self.pipelines[usize::from(n - 3)]),
        }
    }
}

/// The rules of WFD, asked anew and in other words than the model's own check.
fn rules(device: &Device) -> Result<(), String> {
    for (port_id, port) in device.ports() {
        let Size { width, height } = port.mode.size;
        let (width, height) =
            if port.transform.swaps_sides() { (height, width) } else { (width, height) };
        let mut orders = Vec::new();
        for (_, pipeline) in device.pipelines_of(port_id) {
            if !(0.0..=1.0).contains(&pipeline.opacity) {
                return Err(format!("opacity {}", pipeline.opacity));
            }
            if pipeline.source.is_none() || pipeline.destination.is_empty() {
                continue;
            }
            let d = pipeline.destination;
            let (right, bottom) = (i64::from(d.right()), i64::from(d.bottom()));
            let fits = d.x >= 0 && d.y >= 0 && right <= width.into() && bottom <= height.into();
            if !fits {
                return Err(format!("{d:?} outside {width} x {height}"));
            }
            if pipeline.transparency.has(Transparency::MASK) {
                let mask = pipeline.mask.and_then(|mask| device.mask(mask)).ok_or("no mask")?;
                if mask.image.size != d.size() {
                    return Err(format!("mask {} for {}", mask.image.size, d.size()));
                }
            }
            if let Some(r) = pipeline.source_rectangle
                && (r.x < 0.0 || r.y < 0.0 || r.x + r.width > 32.0 || r.y + r.height > 24.0)
            {
                return Err(format!("{r:?} outside the image"));
            }
            orders.push(pipeline.layer);
        }
        let count = orders.len();
        orders.sort_unstable();
        orders.dedup();
        if orders.len() != count {
            return Err("two pipelines of one layer".to_owned());
        }
    }
    for (id, pipeline) in device.pipelines() {
        let own = |source| device.source(source).is_some_and(|source| source.pipeline == id);
        if pipeline.source.is_some_and(|source| !own(source)) {
            return Err("bound to another pipeline's source".to_owned());
        }
        if pipeline.mask.is_some_and(|mask| device.mask(mask).is_none_or(|m| m.pipeline != id)) {
            return Err("bound to another pipeline's mask".to_owned());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    /// Whatever is committed in whatever scope: the device keeps its rules, a failed commit and a test
    /// change nothing, a commit changes nothing outside its scope, `test` says beforehand what comes,
    /// and what was pending in the scope is gone, except after a test.
    #[test]
    fn commits_are_all_or_nothing(commits in prop::collection::vec(commit(), 1..24)) {
        let mut world = world();
        let mut pending = Pending::new();
        for step in &commits {
            for call in &step.calls {
                world.call(&mut pending, call);
            }
            let scope = world.scope(step.scope);
            let flags = Flags { test_only: step.test_only, allow_modeset: step.allow_modeset };
            let (before, kept) = (world.device.clone(), pending.clone());
            let told = world.device.test(scope, &pending, flags);
            prop_assert_eq!((&world.device, &pending), (&before, &kept));
            let outcome = world.device.commit(scope, &mut pending, flags);
            prop_assert_eq!(&outcome, &told);
            prop_assert_eq!(rules(&world.device), Ok(()));
            if outcome.is_err() || step.test_only {
                prop_assert_eq!(&world.device, &before);
            }
            if step.test_only {
                prop_assert_eq!(&pending, &kept);
                continue;
            }
            prop_assert!(pending.part(scope, &world.device).is_empty());
            for (id, port) in before.ports() {
                let inside = matches!(scope, Scope::EntireDevice) || scope == Scope::EntirePort(id);
                prop_assert!(inside || world.device.port(id) == Some(port));
            }
            for (id, pipeline) in before.pipelines() {
                let inside = world.device.overlap(scope, Scope::Pipeline(id));
                prop_assert!(inside || world.device.pipeline(id) == Some(pipeline));
            }
        }
        // All of it can be remembered.
        prop_assert_eq!(Device::restore(&world.device.save()), Ok(world.device));
    }
}
