use super::*;
use crate::config::Config;
use crate::scene::Fit;

mod held;
mod random;
mod remembered;
mod scopes;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn content(scanout: u32) -> Content {
    Content::Guest { guest: name("ivi"), scanout }
}

const SIZE: Size = Size { width: 640, height: 480 };

fn port_of(size: Size) -> Port {
    let mode = Mode { size, refresh: Refresh::DEFAULT, scale: Scale::default() };
    Port::new(name("main"), mode)
}

/// A device with one port and two bound pipelines.
fn device() -> (Device, PortId, [PipelineId; 2], [SourceId; 2]) {
    let mut device = Device::new();
    let port = device.new_port_id().unwrap();
    let pipelines = [device.new_pipeline_id().unwrap(), device.new_pipeline_id().unwrap()];
    let sources = [device.new_source_id().unwrap(), device.new_source_id().unwrap()];
    let mut pending = Pending::new();
    pending.create_port(port, port_of(SIZE)).unwrap();
    for (i, (pipeline, source)) in (0..).zip(pipelines.into_iter().zip(sources)) {
        pending.create_pipeline(pipeline, port);
        pending.create_source(source, pipeline, content(i));
        pending.bind_source(pipeline, Some(source), Transition::default());
        pending.set_layer(pipeline, i32::try_from(i).unwrap());
        pending.set_destination(pipeline, Rect::new(0, 0, 320, 240));
    }
    whole(&mut device, pending).unwrap();
    (device, port, pipelines, sources)
}

/// Commits everything, with permission for all of it.
fn whole(device: &mut Device, mut pending: Pending) -> Result<(), CommitError> {
    let outcome = device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET);
    assert!(pending.is_empty(), "pending changes are gone after a commit");
    outcome
}

#[test]
fn layers_are_listed_from_the_bottom() {
    let (mut device, port, [a, b], _) = device();
    let ids = |device: &Device| device.layers_of(port).iter().map(|l| l.0).collect::<Vec<_>>();
    assert_eq!(ids(&device), [a, b]);
    let mut pending = Pending::new();
    pending.set_layer(a, 7);
    whole(&mut device, pending).unwrap();
    assert_eq!(ids(&device), [b, a]);
    let mut pending = Pending::new();
    pending.set_destination(b, Rect::default());
    whole(&mut device, pending).unwrap();
    assert_eq!(ids(&device), [a], "an empty destination disables");
    assert_eq!(device.pipeline_showing(&content(0)).unwrap().0, a);
    assert!(device.pipeline_showing(&content(9)).is_none());
}

#[test]
fn setters_refuse_what_is_out_of_range() {
    let (_, port, [a, _], _) = device();
    let mut pending = Pending::new();
    for opacity in [-0.1, 1.1, f32::NAN] {
        let error = pending.set_opacity(a, opacity).unwrap_err();
        assert_eq!(error.status(), Status::IllegalArgument);
    }
    for side in [0, 15, 16385] {
        let mode =
            Mode { size: Size::new(640, side), refresh: Refresh::DEFAULT, scale: Scale::default() };
        assert_eq!(pending.set_mode(port, mode), Err(CommitError::PortSize(640, side)));
    }
    let outside = SourceRect::new(-1.0, 0.0, 5.0, 5.0);
    assert_eq!(
        pending.set_source_rectangle(a, Some(outside)),
        Err(CommitError::SourceRectangle(a))
    );
    assert!(pending.is_empty(), "a refused value is not kept");
}

/// Commits one change that must fail, and checks that `test` agrees and that nothing changed.
fn refused(device: &mut Device, change: impl FnOnce(&mut Pending)) -> CommitError {
    let mut pending = Pending::new();
    // Something right before the wrong: it must not be applied either.
    let port = device.ports().next().unwrap().0;
    pending.set_background(port, Color { red: 9, green: 9, blue: 9 });
    change(&mut pending);
    let before = device.clone();
    let error = device.test(Scope::EntireDevice, &pending, Flags::MODESET).unwrap_err();
    assert_eq!(whole(device, pending), Err(error.clone()));
    assert_eq!(*device, before);
    error
}

#[test]
fn each_conflict_has_its_wfd_status() {
    let (mut device, port, [a, b], [source_a, _]) = device();
    let outside = refused(&mut device, |p| p.set_destination(a, Rect::new(400, 0, 320, 240)));
    assert_eq!(outside, CommitError::OutsidePort { pipeline: a, port: name("main") });
    assert_eq!(outside.status(), Status::Inconsistency);
    let same = refused(&mut device, |p| p.set_layer(a, 1));
    assert_eq!(same.status(), Status::Inconsistency);
    let foreign = refused(&mut device, |p| p.bind_source(b, Some(source_a), Transition::default()));
    assert_eq!(foreign.status(), Status::IllegalArgument);
    let small =
        Mode { size: Size::new(100, 100), refresh: Refresh::DEFAULT, scale: Scale::default() };
    let smaller = refused(&mut device, |p| p.set_mode(port, small).unwrap());
    assert_eq!(smaller.status(), Status::Inconsistency, "layers would hang over");
    let huge =
        Mode { size: Size::new(16384, 16384), refresh: Refresh::DEFAULT, scale: Scale::default() };
    let memory = refused(&mut device, |p| p.set_mode(port, huge).unwrap());
    assert_eq!(memory.status(), Status::NotSupported);
    let nobody = PipelineId::new(999).unwrap();
    let handle = refused(&mut device, |p| p.set_layer(nobody, 0));
    assert_eq!(handle, CommitError::NoObject(Object::Pipeline(nobody)));
    assert_eq!(handle.status(), Status::BadHandle);
    let other = device.new_port_id().unwrap();
    let twice = refused(&mut device, |p| p.create_port(other, port_of(SIZE)).unwrap());
    assert_eq!(twice.status(), Status::InUse);
    let not_given_out = PortId::new(5000).unwrap();
    let id = refused(&mut device, |p| p.create_port(not_given_out, port_of(SIZE)).unwrap());
    assert_eq!(id.status(), Status::InUse);
}

#[test]
fn consistency_is_asked_of_the_whole_commit() {
    let (mut device, _, [a, b], _) = device();
    let mut pending = Pending::new();
    // On the way both have layer 1; in the end they have changed places.
    pending.set_layer(a, 1);
    pending.set_layer(b, 0);
    whole(&mut device, pending).unwrap();
    assert_eq!(device.pipeline(a).unwrap().layer, 1);
}

#[test]
fn what_belongs_to_a_port_goes_with_it() {
    let (mut device, port, [a, _], [source, _]) = device();
    let mut pending = Pending::new();
    pending.destroy_port(port);
    whole(&mut device, pending).unwrap();
    assert!(device.pipeline(a).is_none() && device.source(source).is_none());
    assert_ne!(device.new_port_id().unwrap(), port, "ids are never used again");
}

const TWO_LAYERS: &str = r#"
version = 1
[[port]]
name = "main"
size = [800, 600]
pipelines = 3
[[guest]]
name = "ivi"
[[guest]]
name = "cluster"
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
order = 1
[[layer]]
name = "cluster"
port = "main"
guest = "cluster"
rect = [10, 10, 100, 100]
order = 2
opacity = 0.5
fit = "centre"
keyboard = false
"#;

fn parse(text: &str) -> Config {
    Config::parse(text, "test.toml").unwrap()
}

#[test]
fn a_configuration_becomes_a_device() {
    let device = Device::from_config(&parse(TWO_LAYERS), &Images::new()).unwrap();
    let (port, main) = device.port_named("main").unwrap();
    assert_eq!(main.mode.size, Size::new(800, 600));
    assert_eq!(device.pipelines_of(port).count(), 3);
    let layers = device.layers_of(port);
    let names: Vec<_> = layers.iter().map(|(_, p)| p.name.clone().unwrap().to_string()).collect();
    assert_eq!(names, ["ivi", "cluster"]);
    let (_, ivi) = layers[0];
    assert_eq!(ivi.destination, Rect::new(0, 0, 800, 600));
    let (_, cluster) = layers[1];
    assert_eq!(
        (cluster.opacity, cluster.sizing, cluster.keyboard),
        (0.5, Fit::Centre.into(), false)
    );
}

#[test]
fn the_same_configuration_changes_nothing() {
    let config = parse(TWO_LAYERS);
    let mut device = Device::from_config(&config, &Images::new()).unwrap();
    assert!(device.prepare(&config, &Images::new()).unwrap().is_empty());
}

#[test]
fn a_reload_keeps_the_ids_of_what_stays() {
    let mut device = Device::from_config(&parse(TWO_LAYERS), &Images::new()).unwrap();
    let ivi = Content::Guest { guest: name("ivi"), scanout: 0 };
    let before = device.pipeline_showing(&ivi).map(|(id, p)| (id, p.source)).unwrap();
    // A larger port with one pipeline less, and another layer in the place of `cluster`.
    let text = TWO_LAYERS
        .replace("[800, 600]", "[1024, 768]")
        .replace("pipelines = 3", "pipelines = 2")
        .replace("name = \"cluster\"\nport", "name = \"camera\"\nport");
    let config = parse(&text);
    let pending = device.prepare(&config, &Images::new()).unwrap();
    whole(&mut device, pending).unwrap();
    let (port, main) = device.port_named("main").unwrap();
    assert_eq!(main.mode.size, Size::new(1024, 768));
    let (id, pipeline) = device.pipeline_showing(&ivi).unwrap();
    assert_eq!((id, pipeline.source), before);
    assert_eq!(pipeline.destination, Rect::new(0, 0, 1024, 768));
    assert_eq!(device.pipelines_of(port).count(), 2);
    assert_eq!(device.sources().count(), 2, "the replaced layer's source is gone");
    // In the end it is what the file says, as if it had been read first.
    let fresh = Device::from_config(&config, &Images::new()).unwrap();
    let look = |device: &Device| {
        let port = device.port_named("main").unwrap().0;
        let layers = device.layers_of(port).into_iter();
        let layers = layers.map(|(_, p)| (p.name.clone(), p.destination, p.opacity, p.sizing));
        layers.collect::<Vec<_>>()
    };
    assert_eq!(look(&device), look(&fresh));
}

#[test]
fn a_layer_can_move_to_another_port() {
    let mut device = Device::from_config(&parse(TWO_LAYERS), &Images::new()).unwrap();
    let side = "[[port]]\nname = \"side\"\nsize = [320, 240]\n[[guest]]\nname = \"cluster\"";
    let text = TWO_LAYERS
        .replace("[[guest]]\nname = \"cluster\"", side)
        .replace("name = \"cluster\"\nport = \"main\"", "name = \"cluster\"\nport = \"side\"");
    let pending = device.prepare(&parse(&text), &Images::new()).unwrap();
    whole(&mut device, pending).unwrap();
    let side = device.port_named("side").unwrap().0;
    assert_eq!(device.layers_of(side).len(), 1);
    assert_eq!(device.layers_of(device.port_named("main").unwrap().0).len(), 1);
    let pending = device.prepare(&Config::default(), &Images::new()).unwrap();
    whole(&mut device, pending).unwrap();
    assert_eq!(device.ports().count() + device.sources().count(), 0);
}
