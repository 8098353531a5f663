//! Two real guests under a controller: one is seen through a hole in the other, wherever that goes, and
//! a guest that is started again is where the controller put it.

use porthole_guest::Pattern;
use porthole_guest::commands::Command as Order;
use porthole_tests::guest::Options;
use porthole_tests::service::configuration;
use porthole_tests::wait::GUEST;
use porthole_tests::{Capture, Guest, Picture, Result, Scene, Service, program::Program};
use porthole_wayland::wfd::client::{
    wfd_device_v1::CommitFlags, wfd_manager_v1::Access, wfd_pipeline_v1::Transparency,
};

use crate::wfd_control::DEVICE;

const SIZE: (u32, u32) = (640, 256);
const HOLE: [u32; 4] = [40, 30, 300, 120];

fn scene(upper: (u32, u32), pattern: Pattern) -> Scene {
    Scene::new("main", 1280, 720).layer("ivi", (0, 0, 1280, 720), Pattern::Noise, 1).layer(
        "cluster",
        (upper.0, upper.1, SIZE.0, SIZE.1),
        pattern,
        2,
    )
}

/// Both guests, the upper one at a place with its hole.
fn seen(at: (u32, u32), pattern: Pattern) -> Picture {
    let mut picture = scene(at, pattern).picture();
    let below = Scene::new("main", 1280, 720).layer("ivi", (0, 0, 1280, 720), Pattern::Noise, 1);
    let below = below.picture();
    let [left, top, width, height] = HOLE;
    for y in at.1 + top..at.1 + top + height {
        for x in at.0 + left..at.0 + left + width {
            if let Some(colour) = below.pixel(x, y) {
                picture.set(x, y, colour);
            }
        }
    }
    picture
}

#[test]
fn a_guest_is_seen_through_a_hole_in_another_one() -> Result<()> {
    let (first, second) = ((500, 60), (96, 300));
    let text = configuration(&[scene(first, Pattern::Bars)]);
    let text = text.replace("\"input:main\"", "\"input:main\", \"layout:main\"");
    let service = Service::start_with(&text)?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    let draw = |guest: &mut Guest, pattern, seed| {
        guest.order(&Order::Draw { head: 0, pattern, seed, area: None }).map(drop)
    };
    let mut lower = Guest::start(&service, "ivi", &Options::default())?;
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut lower, Pattern::Noise, 1)?;
    draw(&mut upper, Pattern::Bars, 2)?;
    capture.expect("hole-before", &scene(first, Pattern::Bars).picture(), GUEST)?;

    let mut program = Program::connect(&service.socket("viewer")?)?;
    let device = program.wfd(Access::Control)?;
    // The configured layers have the first pipelines, from the lowest up.
    let pipelines = program.wfd_pipelines();
    let above = program.wfd_pipeline(&device, pipelines[1]);
    let signed = |value: u32| i32::try_from(value).unwrap();
    above.set_hole(Some(&program.region(&[HOLE.map(signed)])));
    above.set_transparency(Transparency::Hole | Transparency::SourceAlpha);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    capture.expect("hole", &seen(first, Pattern::Bars), GUEST)?;

    above.set_destination_rectangle(
        signed(second.0),
        signed(second.1),
        signed(SIZE.0),
        signed(SIZE.1),
    );
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::empty())?, "presented");
    capture.expect("hole-moved", &seen(second, Pattern::Bars), GUEST)?;

    // The controller goes, and so does the guest; what was set stays, and is there for the next one.
    program.die();
    drop(upper);
    let alone = Scene::new("main", 1280, 720).layer("ivi", (0, 0, 1280, 720), Pattern::Noise, 1);
    capture.expect("hole-alone", &alone.picture(), GUEST)?;
    let mut upper = Guest::start(&service, "cluster", &Options::default())?;
    draw(&mut upper, Pattern::Checker, 2)?;
    capture.expect("hole-again", &seen(second, Pattern::Checker), GUEST)?;
    upper.power_off()?;
    lower.power_off()
}
