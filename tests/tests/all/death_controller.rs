//! A layout manager is killed: what it had in hand is never seen, and the next one goes on.

use std::io::Write;
use std::process::{Child, Stdio};

use porthole_tests::program::{Buffer, Program, Toplevel};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Result, Service};
use porthole_wayland::wfd::client::wfd_device_v1::CommitFlags;
use porthole_wayland::wfd::client::wfd_manager_v1::Access;
use porthole_wayland::wfd::client::wfd_pipeline_v1::{Transition, Transparency};
use wayland_client::Proxy;
use wayland_client::protocol::wl_shm::Format;

use crate::portholectl::{command, ctl};
use crate::wayland_scene::{APP, BACK, expect, in_layer, pattern, picture, show};
use crate::wfd_control::{DEVICE, controller, service};

const NOW: CommitFlags = CommitFlags::AllowModeset;

/// A program whose picture is on the port.
fn program(service: &Service, app_id: &str, change: u32) -> Result<(Program, Toplevel, Buffer)> {
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(app_id)?;
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|x, y| pattern(x, y) ^ change)?;
    if app_id == APP {
        show(&mut program, &toplevel, &buffer)?;
    } else {
        toplevel.show(&buffer);
        program.roundtrip()?;
    }
    Ok((program, toplevel, buffer))
}

fn look(service: &Service) -> Result<Vec<u32>> {
    picture(&mut Program::connect(&service.socket("viewer")?)?)
}

fn held(service: &Service, held: bool) -> Result<()> {
    wait_until("a commit that waits, or its end", SHORT, || {
        let dump = ctl(service, &["dump", "--json"])?.json()?;
        Ok((dump["held_commits"] == held).then_some(()))
    })
}

/// `portholectl` with a layout that waits for a program.
fn waiting(service: &Service) -> Result<Child> {
    let arguments = ["source", "app", "app:viewer/late", "--when-ready", "0"];
    let child = command(service, "viewer", &arguments)?.stdout(Stdio::null()).spawn()?;
    held(service, true)?;
    Ok(child)
}

/// What it waited for comes, and is not shown until somebody else asks for it.
#[test]
fn a_commit_that_waits_dies_with_its_process() -> Result<()> {
    let service = service()?;
    let _app = program(&service, APP, 0)?;
    let before = look(&service)?;
    for _ in 0..2 {
        let mut child = waiting(&service)?;
        child.kill()?;
        child.wait()?;
        held(&service, false)?;
        assert_eq!(look(&service)?, before);
    }
    let _late = program(&service, "late", 0x55)?;
    assert_eq!(look(&service)?, before);
    ctl(&service, &["source", "app", "app:viewer/late"])?.succeeded()?;
    expect(
        &look(&service)?,
        |x, y| {
            if in_layer(x, y) { pattern(x - 8, y - 4) ^ 0x55 } else { BACK }
        },
    );
    Ok(())
}

/// A controller that has changed everything there is, and has committed none of it, with the number of
/// its device object.
fn half_a_layout(service: &Service) -> Result<(Program, u32)> {
    let (hand, device, port, pipelines) = controller(service)?;
    hand.wfd_port(&device, port).set_background_color(0xffff, 0, 0);
    for (order, id) in (20..).zip(&pipelines) {
        let layer = hand.wfd_pipeline(&device, *id);
        let given = hand.buffer((64, 48), Format::Xrgb8888, true)?;
        given.paint(|_, _| 0xff_00ff)?;
        let weights = hand.buffer((64, 48), Format::Argb8888, true)?;
        let (source, mask) = (hand.wfd_image(&layer, &given), hand.wfd_mask(&layer, &weights));
        layer.bind_source(Some(&source), Transition::AtVsync, 0);
        layer.bind_mask(Some(&mask), Transition::AtVsync);
        layer.set_transparency(Transparency::Mask | Transparency::Hole);
        layer.set_hole(Some(&hand.region(&[[1, 1, 5, 5]])));
        layer.set_destination_rectangle(0, 0, 64, 48);
        layer.set_layer(order);
    }
    Ok((hand, device.device.id().protocol_id()))
}

/// Nothing of half a layout is seen by anybody, and the service keeps nothing of it.
#[test]
fn half_a_layout_dies_with_its_process() -> Result<()> {
    let service = service()?;
    let _app = program(&service, APP, 0)?;
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let observer = looker.wfd(Access::Observe)?;
    for id in looker.wfd_pipelines() {
        looker.wfd_pipeline(&observer, id);
    }
    let before = look(&service)?;
    let kept = |service: &Service| -> Result<(usize, usize)> {
        Ok((service.process.descriptors()?, service.process.mapped_memory()?.len()))
    };
    let taken = |service: &Service| -> Result<bool> {
        let (mut next, device, _, pipelines) = controller(service)?;
        let mark = next.log.len();
        let _layers: Vec<_> = pipelines.iter().map(|id| next.wfd_pipeline(&device, *id)).collect();
        next.roundtrip()?;
        Ok(next.log.since(mark).iter().any(|line| line.contains("InUse")))
    };
    looker.roundtrip()?;
    let mark = looker.log.len();
    let mut first = None;
    for round in 0..9 {
        let (mut hand, device) = half_a_layout(&service)?;
        hand.roundtrip()?;
        assert!(taken(&service)?, "two controllers have the same layers");
        if round % 3 == 1 {
            // The first half of a request.
            let mut wire = hand.wire()?;
            wire.write_all(&[device.to_ne_bytes(), (32_u32 << 16).to_ne_bytes()].concat())?;
        }
        hand.die();
        wait_until("free layers", SHORT, || Ok((!taken(&service)?).then_some(())))?;
        assert_eq!(look(&service)?, before);
        match first {
            None => first = Some(kept(&service)?),
            Some(first) => wait_until("that nothing is kept", SHORT, || {
                Ok((kept(&service)? <= first).then_some(()))
            })?,
        }
    }
    looker.roundtrip()?;
    // That looks are composed is theirs.
    let own = |line: &&String| !line.ends_with(" Done") && !line.contains(" Placement { ");
    let told: Vec<_> = looker.log.since(mark).iter().filter(own).collect();
    assert_eq!(told, [""; 0]);

    // One that lives has its way, all of it.
    let (mut hand, device, _, pipelines) = controller(&service)?;
    hand.wfd_pipeline(&device, pipelines[0]).set_destination_rectangle(0, 0, 40, 20);
    assert_eq!(hand.wfd_commit(&device, DEVICE, NOW)?, "presented");
    expect(&look(&service)?, |x, y| if x < 40 && y < 20 { pattern(x, y) } else { BACK });
    Ok(())
}

/// A held commit over every layer and the port, with pictures and masks in its hand.
#[test]
fn a_whole_layout_that_waits_dies_with_its_process() -> Result<()> {
    let service = service()?;
    let _app = program(&service, APP, 0)?;
    let before = look(&service)?;
    let (mut hand, device, port, pipelines) = controller(&service)?;
    hand.wfd_port(&device, port).set_background_color(0, 0xffff, 0);
    let [free, app] = [1, 0].map(|index| hand.wfd_pipeline(&device, pipelines[index]));
    let given = hand.buffer((16, 8), Format::Xrgb8888, true)?;
    let image = hand.wfd_image(&app, &given);
    app.bind_source(Some(&image), Transition::AtVsync, 0);
    let source = hand.wfd_program(&free, "viewer", "late");
    free.bind_source(Some(&source), Transition::WhenReady, 0);
    free.set_destination_rectangle(0, 0, 40, 20);
    free.set_layer(9);
    hand.wfd_start_commit(&device, DEVICE, NOW);
    hand.roundtrip()?;
    held(&service, true)?;
    assert_eq!(look(&service)?, before);
    hand.die();
    held(&service, false)?;
    let _late = program(&service, "late", 0x55)?;
    assert_eq!(look(&service)?, before);

    let (mut next, device, _, pipelines) = controller(&service)?;
    let free = next.wfd_pipeline(&device, pipelines[1]);
    let source = next.wfd_program(&free, "viewer", "late");
    free.bind_source(Some(&source), Transition::WhenReady, 0);
    free.set_destination_rectangle(0, 28, 40, 20);
    free.set_layer(9);
    assert_eq!(next.wfd_commit(&device, DEVICE, NOW)?, "presented");
    expect(&look(&service)?, |x, y| {
        if x < 40 && y >= 28 {
            pattern(x, y - 28) ^ 0x55
        } else if in_layer(x, y) {
            pattern(x - 8, y - 4)
        } else {
            BACK
        }
    });
    Ok(())
}
