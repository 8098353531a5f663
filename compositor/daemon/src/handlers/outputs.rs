//! Outputs as clients see them.

use smithay::{
    output::Output,
    reexports::wayland_server::protocol::wl_output::WlOutput,
    wayland::output::{OutputHandler, OutputManagerState, OutputUserData, WlOutputData},
};

use crate::{
    protocols::xdg_output::{OutputView, XdgOutputHandler, XdgOutputState, delegate_xdg_output},
    state::State,
};

impl OutputHandler for State {}

impl XdgOutputHandler for State {
    fn xdg_output_state(&mut self) -> &mut XdgOutputState {
        &mut self.globals.desktop.outputs
    }

    fn output_view(&mut self, output: &WlOutput) -> Option<OutputView> {
        // The output of a port that is gone lingers, with nothing to tell.
        self.port_of_output(output).and_then(|_| view(output))
    }
}

fn view(output: &WlOutput) -> Option<OutputView> {
    let output = Output::from_resource(output)?;
    let size = output.current_mode()?.size;
    let scale = output.current_scale().fractional_scale();
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is wanted")]
    let logical = |pixels: i32| (f64::from(pixels) / scale).round() as i32;
    // Ports are apart from each other: each begins at the origin.
    Some(OutputView {
        name: output.name(),
        description: output.description(),
        position: (0, 0),
        size: (logical(size.w), logical(size.h)),
    })
}

impl State {
    /// A port has another size.
    pub(crate) fn output_changed(&mut self, changed: &Output) {
        let is = |o: &WlOutput| Output::from_resource(o).is_some_and(|o| o == *changed);
        self.globals.desktop.outputs.changed(|output| is(output).then(|| view(output)).flatten());
    }
}

wayland_server::delegate_global_dispatch!(State: [WlOutput: WlOutputData] => OutputManagerState);
wayland_server::delegate_dispatch!(State: [WlOutput: OutputUserData] => OutputManagerState);
delegate_xdg_output!(State);
