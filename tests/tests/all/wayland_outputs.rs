//! What programs are told of outputs and of the frame around their windows.

use porthole_tests::{Result, Service, program::Program};
use wayland_protocols::xdg::{
    decoration::zv1::client::zxdg_toplevel_decoration_v1::Mode,
    xdg_output::zv1::client::zxdg_output_manager_v1::ZxdgOutputManagerV1,
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
