//! What programs are told of outputs and of the frame around their windows.

use porthole_tests::{Result, Service, program::Program};
use wayland_protocols::{
    ext::data_control::v1::client::ext_data_control_manager_v1::ExtDataControlManagerV1,
    wp::{
        cursor_shape::v1::client::{
            wp_cursor_shape_device_v1::Shape, wp_cursor_shape_manager_v1::WpCursorShapeManagerV1,
        },
        pointer_constraints::zv1::client::zwp_pointer_constraints_v1::Lifetime,
    },
    xdg::{
        decoration::zv1::client::zxdg_toplevel_decoration_v1::Mode,
        xdg_output::zv1::client::zxdg_output_manager_v1::ZxdgOutputManagerV1,
    },
};

use crate::wayland_scene::{APP, service};

fn ports(main: &str, side: &str) -> String {
    format!(
        "version = 1\n[[port]]\nname = \"main\"\nsize = {main}\n{side}\n[[socket]]\nname = \"viewer\"\n"
    )
}

#[test]
fn an_outputs_logical_size_follows_the_port_and_asking_after_it_is_gone_is_harmless() -> Result<()>
{
    let side = "[[port]]\nname = \"side\"\nsize = [32, 32]\n";
    let service = Service::start_with(&ports("[64, 48]", side))?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (main, gone) = (program.output("main")?, program.output("side")?);
    let manager: ZxdgOutputManagerV1 = program.bind()?;
    let mark = program.log.len();
    manager.get_xdg_output(&main, program.handle(), ());
    // Some programs make and destroy these all the time.
    manager.get_xdg_output(&main, program.handle(), ()).destroy();
    program.roundtrip()?;
    let told = program.log.since(mark).to_vec();
    for line in ["logical 0,0", "logical 64x48", "xdg_output name main"] {
        assert!(told.iter().any(|l| l == line), "{line}: {told:?}");
    }

    let mark = program.log.len();
    service.reload(&ports("[80, 60]", ""))?;
    program.wait_for("the new size", mark, |l| l == "logical 80x60")?;
    program.wait_for("the removal", mark, |l| l == "global removed")?;
    let mark = program.log.len();
    manager.get_xdg_output(&gone, program.handle(), ());
    program.roundtrip()?;
    assert!(!program.log.since(mark).iter().any(|l| l.starts_with("logical")));
    Ok(())
}

#[test]
fn programs_are_told_to_draw_no_frame() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let mark = program.log.len();
    let decoration = program.decoration(&toplevel)?;
    program.wait_for("who draws it", mark, |l| l == "decoration ServerSide")?;
    let mark = program.log.len();
    decoration.set_mode(Mode::ClientSide);
    program.wait_for("the answer", mark, |l| l == "xdg_surface configured")?;
    assert!(!program.log.since(mark).iter().any(|l| l == "decoration ClientSide"));
    Ok(())
}

/// What a program does with the seat of a port that a reload took away must not end the service:
/// its objects stay, and nothing is behind them.
#[test]
fn a_seat_that_is_gone_can_be_asked_for_all() -> Result<()> {
    let with = |side: &str, rights: &str| {
        let port = "version = 1\n[[port]]\nname = \"main\"\nsize = [64, 48]\n";
        format!("{port}{side}\n[[socket]]\nname = \"viewer\"\nrights = [{rights}]\n")
    };
    let side = "[[port]]\nname = \"side\"\nsize = [32, 32]\n";
    let service =
        Service::start_with(&with(side, "\"input:side\", \"clipboard:side\", \"clipboard:main\""))?;
    let mut hand = Program::connect(&service.socket("viewer")?)?;
    let output = hand.output("side")?;
    hand.virtual_pointer(&output)?;
    hand.roundtrip()?;

    let mut program = Program::connect(&service.socket("viewer")?)?;
    let pointer = program.relative_pointer("side")?;
    let seat = program.seat("side")?;
    let toplevel = program.toplevel(APP)?;
    let shapes: WpCursorShapeManagerV1 = program.bind()?;
    let control: ExtDataControlManagerV1 = program.bind()?;
    program.roundtrip()?;
    let mark = program.log.len();
    service.reload(&with("", "\"clipboard:main\""))?;
    program.wait_for("the removal", mark, |l| l == "global removed")?;

    shapes.get_pointer(&pointer, program.handle(), ()).set_shape(1, Shape::Text);
    let lifetime = Lifetime::Persistent;
    program.lock(&pointer, &toplevel.surface, lifetime)?.set_cursor_position_hint(1.0, 1.0);
    toplevel.surface.commit();
    program.data_device(&seat)?.set_selection(None, 1);
    program.primary_device(&seat)?.set_selection(None, 1);
    control.get_data_device(&seat, program.handle(), ()).set_selection(None);
    let popup = program.popup(toplevel.xdg_surface(), (0, 0), (4, 4))?;
    popup.popup.grab(&seat, 1);
    program.activation_token(&seat, 1)?;
    program.roundtrip()?;
    Program::connect(&service.socket("viewer")?)?.roundtrip()
}
