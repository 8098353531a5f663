//! What a commit takes, and the rules of masks, images and modes.

use super::*;

fn mask_of(pipeline: PipelineId, width: u32, height: u32) -> Mask {
    Mask { pipeline, image: Image { size: Size::new(width, height), file: None } }
}

fn commit(device: &mut Device, scope: Scope, pending: &mut Pending) -> Result<(), CommitError> {
    device.commit(scope, pending, Flags::default())
}

#[test]
fn a_commit_takes_its_scope_and_leaves_the_rest() {
    let (mut device, port, [a, b], _) = device();
    let mut pending = Pending::new();
    let red = Color { red: 255, ..Color::BLACK };
    pending.set_background(port, red);
    pending.set_opacity(a, 0.5).unwrap();
    pending.set_opacity(b, 0.25).unwrap();
    commit(&mut device, Scope::Pipeline(a), &mut pending).unwrap();
    let opacity = |device: &Device, id| device.pipeline(id).unwrap().opacity;
    assert_eq!((opacity(&device, a), opacity(&device, b)), (0.5, 1.0));
    assert_eq!(device.port(port).unwrap().background, Color::BLACK);
    commit(&mut device, Scope::EntirePort(port), &mut pending).unwrap();
    assert_eq!(opacity(&device, b), 0.25);
    assert_eq!(device.port(port).unwrap().background, red);
    assert!(pending.is_empty());
}

#[test]
fn a_failed_commit_drops_its_scope_and_a_test_drops_nothing() {
    let (mut device, _, [a, b], _) = device();
    let mut pending = Pending::new();
    pending.set_destination(a, Rect::new(600, 0, 100, 100));
    pending.set_opacity(a, 0.5).unwrap();
    pending.set_opacity(b, 0.5).unwrap();
    let kept = pending.clone();
    let test = Flags { test_only: true, ..Flags::default() };
    let told = device.commit(Scope::Pipeline(a), &mut pending, test).unwrap_err();
    assert_eq!(pending, kept);
    let error = commit(&mut device, Scope::Pipeline(a), &mut pending).unwrap_err();
    assert_eq!(error, told);
    assert_eq!(error.object(), Some(Object::Pipeline(a)));
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
    assert_eq!(device.pipeline(a).unwrap().opacity, 1.0, "was dropped with the failure");
    assert_eq!(device.pipeline(b).unwrap().opacity, 0.5);
}

#[test]
fn a_refused_value_fails_the_commit_of_its_object() {
    let (mut device, _, [a, b], _) = device();
    let mut pending = Pending::new();
    let error = pending.set_opacity(a, 7.0).unwrap_err();
    pending.refuse(Object::Pipeline(a), error.clone());
    pending.set_layer(a, 9);
    commit(&mut device, Scope::Pipeline(b), &mut pending).unwrap();
    assert_eq!(commit(&mut device, Scope::Pipeline(a), &mut pending), Err(error));
    assert_eq!(device.pipeline(a).unwrap().layer, 0);
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
}

#[test]
fn a_mode_changes_only_with_permission() {
    let (mut device, port, _, _) = device();
    let mode = Mode { size: Size::new(800, 600), ..device.port(port).unwrap().mode };
    let mut pending = Pending::new();
    pending.set_mode(port, mode).unwrap();
    let error = commit(&mut device, Scope::EntirePort(port), &mut pending).unwrap_err();
    assert_eq!((error.status(), error.object()), (Status::NotSupported, Some(Object::Port(port))));
    pending.set_mode(port, mode).unwrap();
    device.commit(Scope::EntirePort(port), &mut pending, Flags::MODESET).unwrap();
    assert_eq!(device.port(port).unwrap().mode, mode);
}

#[test]
fn a_mask_is_as_large_as_the_destination_at_every_commit() {
    let (mut device, _, [a, b], _) = device();
    let mask = device.new_mask_id().unwrap();
    let scope = Scope::EntireDevice;
    let mut pending = Pending::new();
    pending.set_transparency(a, Transparency::MASK);
    assert_eq!(commit(&mut device, scope, &mut pending), Err(CommitError::NoMask(a)));
    pending.create_mask(mask, mask_of(a, 320, 240));
    pending.bind_mask(a, Some(mask));
    pending.set_transparency(a, Transparency::MASK);
    commit(&mut device, scope, &mut pending).unwrap();
    // Only the destination changes now.
    pending.set_destination(a, Rect::new(0, 0, 321, 240));
    let error = commit(&mut device, scope, &mut pending).unwrap_err();
    assert_eq!(error.status(), Status::Inconsistency);
    assert!(matches!(error, CommitError::MaskSize { pipeline, .. } if pipeline == a));
    pending.bind_mask(b, Some(mask));
    let foreign = commit(&mut device, scope, &mut pending).unwrap_err();
    assert_eq!(foreign.status(), Status::IllegalArgument);
    pending.destroy_mask(mask);
    assert_eq!(commit(&mut device, scope, &mut pending), Err(CommitError::NoMask(a)));
    pending.destroy_mask(mask);
    pending.set_transparency(a, Transparency::NONE);
    commit(&mut device, scope, &mut pending).unwrap();
    assert_eq!(device.pipeline(a).unwrap().mask, None);
}

#[test]
fn an_image_is_held_to_its_rectangle_and_to_the_scale_range() {
    let (mut device, _, [a, _], _) = device();
    let source = device.new_source_id().unwrap();
    let image = Image { size: Size::new(4, 8), file: None };
    let mut pending = Pending::new();
    pending.create_source(source, a, SourceKind::Image(image));
    pending.bind_source(a, Some(source), Transition::default());
    pending.set_destination(a, Rect::new(0, 0, 512, 8));
    let error = commit(&mut device, Scope::EntireDevice, &mut pending.clone()).unwrap_err();
    assert_eq!(error, CommitError::ScaleRange(a), "128 times as wide");
    // On its side it is 8 by 4: 64 times as wide.
    pending.set_transform(a, Transform::Rotate90);
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
    pending.set_source_rectangle(a, Some(SourceRect::new(1.0, 0.0, 3.5, 8.0))).unwrap();
    let error = commit(&mut device, Scope::EntireDevice, &mut pending).unwrap_err();
    assert_eq!(error.status(), Status::Inconsistency);
    let mut pending = Pending::new();
    pending.destroy_source(source);
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
    assert_eq!(device.pipeline(a).unwrap().source, None);
}

#[test]
fn a_fallback_goes_with_its_source() {
    let (mut device, _, [a, b], [_, source_b]) = device();
    let mut pending = Pending::new();
    let to = |source| Fallback { picture: FallbackPicture::Source(source), deadline: None };
    pending.set_fallback(a, to(source_b));
    let error = commit(&mut device, Scope::EntireDevice, &mut pending).unwrap_err();
    assert_eq!(error.status(), Status::IllegalArgument);
    pending.set_fallback(b, to(source_b));
    let error = commit(&mut device, Scope::EntireDevice, &mut pending).unwrap_err();
    assert_eq!(error, CommitError::Fallback(b), "a stream cannot stand in");
    let image = device.new_source_id().unwrap();
    let kind = SourceKind::Image(Image { size: Size::new(8, 8), file: None });
    pending.create_source(image, b, kind);
    pending.set_fallback(b, to(image));
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
    pending.destroy_source(image);
    commit(&mut device, Scope::EntireDevice, &mut pending).unwrap();
    assert_eq!(device.pipeline(b).unwrap().fallback, Fallback::default());
}

#[test]
fn a_turned_port_has_its_sides_changed() {
    let (mut device, port, [a, _], _) = device();
    let mut pending = Pending::new();
    pending.set_port_transform(port, Transform::Rotate90);
    pending.set_destination(a, Rect::new(0, 0, 480, 640));
    commit(&mut device, Scope::EntirePort(port), &mut pending).unwrap();
    assert_eq!(device.port(port).unwrap().area(), Size::new(480, 640));
    pending.set_port_transform(port, Transform::Normal);
    let error = commit(&mut device, Scope::EntirePort(port), &mut pending).unwrap_err();
    assert_eq!(error.status(), Status::Inconsistency);
}
