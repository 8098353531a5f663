//! Commits: when they take effect, and that no frame ever shows a part of one.

use porthole_tests::{
    Result, Service,
    program::{Buffer, Program, Wfd},
    wait,
};
use porthole_wayland::wfd::client::{
    wfd_device_v1::{CommitFlags, CommitScope},
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{Transition, Transparency, WfdPipelineV1},
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::{APP, BACK, expect, picture, show},
    wfd_control::{DEVICE, configuration, controller, service},
};

const NOW: CommitFlags = CommitFlags::empty();

/// A picture of one colour as what a pipeline shows.
fn image(
    program: &Program,
    layer: &WfdPipelineV1,
    size: (u32, u32),
    colour: u32,
) -> Result<Buffer> {
    let buffer = program.buffer(size, Format::Xrgb8888, true)?;
    buffer.paint(|_, _| colour)?;
    let source = program.wfd_image(layer, &buffer);
    layer.bind_source(Some(&source), Transition::AtVsync, 0);
    // While it is bound it goes on being shown.
    source.destroy();
    Ok(buffer)
}

fn inside((x, y): (u32, u32), [left, top, width, height]: [u32; 4]) -> bool {
    (left..left + width).contains(&x) && (top..top + height).contains(&y)
}

#[test]
fn a_commit_waits_whole_for_the_first_picture() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let free = program.wfd_pipeline(&device, pipelines[1]);
    let _held = image(&program, &layer, (8, 8), 0x11_2233)?;
    layer.set_destination_rectangle(0, 0, 8, 8);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let before = picture(&mut program)?;
    expect(&before, |x, y| if inside((x, y), [0, 0, 8, 8]) { 0x11_2233 } else { BACK });

    // The other pipeline is to show a program that is not there yet; the image moves with it.
    let source = program.wfd_program(&free, "viewer", "late");
    free.bind_source(Some(&source), Transition::WhenReady, 0);
    free.set_destination_rectangle(32, 24, 16, 16);
    free.set_layer(5);
    layer.set_destination_rectangle(50, 0, 8, 8);
    let serial = program.wfd_start_commit(&device, DEVICE, NOW);
    program.roundtrip()?;
    assert_eq!(picture(&mut program)?, before);
    let began = format!("commit {serial} Applied");
    assert!(!program.log.since(0).contains(&began));

    let toplevel = program.toplevel("late")?;
    program.roundtrip()?;
    assert_eq!(picture(&mut program)?, before);
    let buffer = program.buffer((16, 16), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0x99_8877)?;
    toplevel.show(&buffer);
    assert_eq!(program.wfd_outcome(serial)?, "presented");
    expect(&picture(&mut program)?, |x, y| match (x, y) {
        at if inside(at, [50, 0, 8, 8]) => 0x11_2233,
        at if inside(at, [32, 24, 16, 16]) => 0x99_8877,
        _ => BACK,
    });
    Ok(())
}

#[test]
fn a_commit_that_waits_ends_by_its_timeout_or_by_a_later_one() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let bind = |program: &Program, timeout| {
        let source = program.wfd_program(&layer, "viewer", "never");
        layer.bind_source(Some(&source), Transition::WhenReady, timeout);
        layer.set_destination_rectangle(1, 1, 5, 5);
    };
    let mark = program.log.len();
    bind(&program, 30);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Value(Timeout)"), "{outcome}");
    bind(&program, 0);
    let waiting = program.wfd_start_commit(&device, DEVICE, NOW);
    layer.set_layer(4);
    let scope = (CommitScope::Pipeline, pipelines[0]);
    assert_eq!(program.wfd_commit(&device, scope, NOW)?, "presented");
    let outcome = program.wfd_outcome(waiting)?;
    assert!(outcome.contains("Value(Superseded)"), "{outcome}");
    bind(&program, 3_600_001);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Value(IllegalArgument)"), "{outcome}");
    let moved = |line: &String| line.contains("DestinationRectangle { x: 1");
    assert!(!program.log.since(mark).iter().any(moved));
    Ok(())
}

#[test]
fn a_mask_has_the_size_of_its_destination() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let id = pipelines[0];
    let layer = program.wfd_pipeline(&device, id);
    let _held = image(&program, &layer, (16, 8), 0xff_ffff)?;
    layer.set_destination_rectangle(0, 0, 16, 8);
    let weights = program.buffer((16, 8), Format::Argb8888, true)?;
    weights.paint(|x, _| if x < 8 { 0xff00_0000 } else { 0 })?;
    let mask = program.wfd_mask(&layer, &weights);
    layer.set_transparency(Transparency::Mask);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains(&format!("Value(Inconsistency), object_id: {id}")), "{outcome}");

    image(&program, &layer, (16, 8), 0xff_ffff)?;
    layer.set_destination_rectangle(0, 0, 16, 8);
    layer.set_transparency(Transparency::Mask);
    layer.bind_mask(Some(&mask), Transition::AtVsync);
    mask.destroy();
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let masked = picture(&mut program)?;
    expect(&masked, |x, y| if inside((x, y), [0, 0, 8, 8]) { 0xff_ffff } else { BACK });

    // To move is right, to grow is not, and then nothing changed.
    layer.set_destination_rectangle(0, 0, 17, 8);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Inconsistency") && outcome.contains("17"), "{outcome}");
    assert_eq!(picture(&mut program)?, masked);
    layer.set_destination_rectangle(4, 4, 16, 8);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    expect(
        &picture(&mut program)?,
        |x, y| {
            if inside((x, y), [4, 4, 8, 8]) { 0xff_ffff } else { BACK }
        },
    );
    Ok(())
}

#[test]
fn a_stream_shows_in_one_pipeline_and_can_be_swapped() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let toplevel = program.toplevel(APP)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0x55_6677)?;
    show(&mut program, &toplevel, &buffer)?;
    let [first, second] = [0, 1].map(|i| program.wfd_pipeline(&device, pipelines[i]));
    let stream = program.wfd_stream(APP)?;
    let source = program.wfd_source(&second, stream);
    second.bind_source(Some(&source), Transition::WhenReady, 1000);
    second.set_destination_rectangle(0, 0, 40, 20);
    second.set_layer(9);
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("NotSupported") && outcome.contains(APP), "{outcome}");

    let mark = program.log.len();
    second.bind_source(Some(&source), Transition::WhenReady, 60_000);
    second.set_destination_rectangle(0, 0, 40, 20);
    second.set_layer(9);
    first.bind_source(None, Transition::AtVsync, 0);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");
    let complete = format!("pipeline {} BindSourceComplete", pipelines[1]);
    assert!(program.log.since(mark).iter().any(|line| line.starts_with(&complete)));
    expect(
        &picture(&mut program)?,
        |x, y| {
            if inside((x, y), [0, 0, 40, 20]) { 0x55_6677 } else { BACK }
        },
    );
    Ok(())
}

/// Where two pictures and the hole in the upper one are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    lower: [u32; 4],
    upper: [u32; 4],
    hole: [u32; 4],
}

const LOWER: u32 = 0x20_a040;
const UPPER: u32 = 0xc0_3080;

impl State {
    /// The next out of a row of numbers that look random.
    pub(crate) fn next(seed: &mut u32) -> Self {
        let mut below = |limit: u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 16) % limit
        };
        let lower = [below(40), below(30), 24, 18];
        let upper = [below(32), below(20), 32, 28];
        let hole = [below(24), below(20), 1 + below(8), 1 + below(8)];
        Self { lower, upper, hole }
    }

    pub(crate) fn picture(&self) -> Vec<u32> {
        let all = (0..48).flat_map(|y| (0..64).map(move |x| (x, y)));
        let colour = |(x, y): (u32, u32)| {
            let in_upper = inside((x, y), self.upper);
            let hole = in_upper && inside((x - self.upper[0], y - self.upper[1]), self.hole);
            match (in_upper && !hole, inside((x, y), self.lower)) {
                (true, _) => UPPER,
                (false, true) => LOWER,
                (false, false) => BACK,
            }
        };
        all.map(colour).collect()
    }

    pub(crate) fn set(&self, program: &Program, lower: &WfdPipelineV1, upper: &WfdPipelineV1) {
        let signed = |rect: [u32; 4]| rect.map(|v| i32::try_from(v).unwrap());
        let [x, y, width, height] = signed(self.lower);
        lower.set_destination_rectangle(x, y, width, height);
        let [x, y, width, height] = signed(self.upper);
        upper.set_destination_rectangle(x, y, width, height);
        let region = program.region(&[signed(self.hole)]);
        upper.set_hole(Some(&region));
        region.destroy();
    }
}

/// Two pictures, one with a hole, on free pipelines.
pub(crate) fn two(
    program: &mut Program,
    device: &Wfd,
    ids: &[u32],
) -> Result<[(WfdPipelineV1, Buffer); 2]> {
    // The splash is there until every layer with a stream has shown something.
    program.wfd_pipeline(device, ids[0]).bind_source(None, Transition::AtVsync, 0);
    let lower = program.wfd_pipeline(device, ids[1]);
    let upper = program.wfd_pipeline(device, ids[2]);
    let below = image(program, &lower, (24, 18), LOWER)?;
    let above = image(program, &upper, (32, 28), UPPER)?;
    lower.set_layer(10);
    upper.set_layer(11);
    upper.set_transparency(Transparency::Hole);
    Ok([(lower, below), (upper, above)])
}

/// Every frame that a capture sees while layers and holes move is one of the scenes that were
/// committed, in their order: never black, never a part of one and a part of another.
#[test]
fn no_frame_of_a_thousand_commits_is_a_mix() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let [(lower, _below), (upper, _above)] = two(&mut program, &device, &pipelines)?;
    let mut seed = 7;
    let first = State::next(&mut seed);
    first.set(&program, &lower, &upper);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");

    let mut watcher = Program::connect(&service.socket("looker")?)?;
    let output = watcher.output("main")?;
    let session = watcher.capture(&output)?;
    let buffer = watcher.buffer((64, 48), Format::Xrgb8888, true)?;
    let mut states = vec![first.picture()];
    let (mut seen, mut distinct, mut last) = (0, 0, 0);
    while states.len() <= 1000 {
        for _ in 0..5 {
            let state = State::next(&mut seed);
            state.set(&program, &lower, &upper);
            last = program.wfd_start_commit(&device, DEVICE, NOW);
            states.push(state.picture());
        }
        program.roundtrip()?;
        let mark = watcher.log.len();
        watcher.capture_frame(&session, &buffer);
        watcher.wait_for("a capture", mark, |line| line == "capture ready")?;
        let frame: Vec<u32> = buffer.words()?.into_iter().map(|w| w & 0xff_ffff).collect();
        let found = states.iter().skip(seen).position(|state| *state == frame);
        let found = found.map(|at| seen + at);
        assert!(found.is_some(), "a frame after commit {} is no committed scene", states.len());
        distinct += usize::from(found > Some(seen));
        seen = found.unwrap_or(seen);
    }
    assert!(distinct > 50, "only {distinct} of the scenes were seen");
    assert_eq!(program.wfd_outcome(last)?, "presented");
    assert_eq!(Some(&picture(&mut program)?), states.last());
    Ok(())
}

/// A test of what is right says so, one of what is wrong says why, and neither is seen.
#[test]
fn an_observer_sees_nothing_of_tests_and_failures() -> Result<()> {
    let service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let observer = looker.wfd(Access::Observe)?;
    looker.wfd_pipeline(&observer, pipelines[0]);
    looker.roundtrip()?;
    let mark = looker.log.len();
    layer.set_layer(3);
    assert_eq!(program.wfd_commit(&device, DEVICE, CommitFlags::TestOnly)?, "tested");
    layer.set_destination_rectangle(60, 40, 20, 20);
    let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::TestOnly)?;
    assert!(outcome.contains("Inconsistency"), "{outcome}");
    let outcome = program.wfd_commit(&device, DEVICE, NOW)?;
    assert!(outcome.contains("Inconsistency"), "{outcome}");
    looker.roundtrip()?;
    assert_eq!(looker.log.since(mark), [""; 0]);
    Ok(())
}

#[test]
fn a_commit_of_one_controller_does_not_end_that_of_another() -> Result<()> {
    let service = service()?;
    let (mut first, one, _, pipelines) = controller(&service)?;
    let (mut second, two, ..) = controller(&service)?;
    let layer = first.wfd_pipeline(&one, pipelines[1]);
    let source = first.wfd_program(&layer, "viewer", "late");
    layer.bind_source(Some(&source), Transition::WhenReady, 0);
    layer.set_destination_rectangle(0, 0, 8, 8);
    layer.set_layer(9);
    let waiting = first.wfd_start_commit(&one, DEVICE, NOW);
    first.roundtrip()?;
    second.wfd_pipeline(&two, pipelines[0]).set_layer(3);
    assert_eq!(second.wfd_commit(&two, DEVICE, NOW)?, "presented");
    let toplevel = second.toplevel("late")?;
    let buffer = second.buffer((8, 8), Format::Xrgb8888, true)?;
    toplevel.show(&buffer);
    second.roundtrip()?;
    assert_eq!(first.wfd_outcome(waiting)?, "presented");
    Ok(())
}

/// A viewer that resizes a port, and a reload, of which only the latter undoes what a controller did.
#[test]
fn a_viewers_size_leaves_the_layout_and_a_reload_does_not() -> Result<()> {
    let text = configuration("").replace("pipelines = 4", "pipelines = 4\nresize = \"viewers\"");
    let text = text.replace("\"safety:main\"", "\"safety:main\", \"resize:main\"");
    let service = Service::start_with(&text)?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let [layer, free] = [0, 1].map(|i| program.wfd_pipeline(&device, pipelines[i]));
    layer.set_destination_rectangle(40, 30, 20, 10);
    layer.set_global_alpha(0x8080);
    let _held = image(&program, &free, (64, 48), 0x33_4455)?;
    free.set_destination_rectangle(0, 0, 64, 48);
    free.set_layer(-3);
    assert_eq!(program.wfd_commit(&device, DEVICE, NOW)?, "presented");

    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let mark = program.log.len();
    let outputs = viewer.manage_outputs()?;
    assert_eq!(viewer.ask_size(&outputs, (50, 60), true, |_| {})?, "configuration succeeded");
    program.wait_for("the new size", mark, |line| {
        line.contains("x: 0, y: 0, width: 50, height: 60")
    })?;
    program
        .wait_for("the cut", mark, |line| line.contains("x: 40, y: 30, width: 10, height: 10"))?;
    assert!(!program.log.since(mark).iter().any(|line| line.contains("GlobalAlpha")));

    let mark = program.log.len();
    service.reload(&text.replace("order = 1", "order = -3"))?;
    program.wait_for("the layout of the file", mark, |line| line.contains("alpha: 65535"))?;
    let unbound = format!("pipeline {} Source {{ source_id: 0", pipelines[1]);
    program.wait_for("the free pipeline", mark, |line| line.starts_with(&unbound))?;
    Ok(())
}

/// The service itself decides when a stream is ready, so a client that dies meanwhile leaves nothing.
#[test]
fn a_controller_that_dies_while_its_commit_waits_changes_nothing() -> Result<()> {
    let service: Service = service()?;
    let (mut program, device, _, pipelines) = controller(&service)?;
    let layer = program.wfd_pipeline(&device, pipelines[0]);
    let source = program.wfd_program(&layer, "viewer", "late");
    layer.bind_source(Some(&source), Transition::WhenReady, 0);
    program.wfd_start_commit(&device, DEVICE, NOW);
    program.roundtrip()?;
    let before = picture(&mut program)?;
    program.die();
    let (mut other, device, ..) = controller(&service)?;
    // The service has noticed when the pipeline is free.
    wait::wait_until("the end of the controller", wait::SHORT, || {
        let mark = other.log.len();
        let mine = other.wfd_pipeline(&device, pipelines[0]);
        other.roundtrip()?;
        mine.destroy();
        let taken = other.log.since(mark).iter().any(|line| line.contains("InUse"));
        Ok((!taken).then_some(()))
    })?;
    let toplevel = other.toplevel("late")?;
    let buffer = other.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0xff_ffff)?;
    toplevel.show(&buffer);
    other.roundtrip()?;
    assert_eq!(picture(&mut other)?, before);
    Ok(())
}
