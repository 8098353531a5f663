//! The current values of a port.

use porthole_core::model::{Gamma, PipelineId, Port, Power};
use porthole_pixel::Size;
use porthole_wayland::wfd::server::wfd_port_v1::{ModeFlags, PowerMode, WfdPortV1 as PortObject};

use crate::protocols::wfd::port::{MODE, wire_rotation};

/// What was told of a port.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PortTold {
    port: Port,
    pipelines: Vec<PipelineId>,
}

/// Tells the difference; true when there was one.
pub(super) fn tell(
    object: &PortObject,
    told: &mut Option<PortTold>,
    port: &Port,
    pipelines: &[PipelineId],
) -> bool {
    let before = told.as_ref();
    if before.is_some_and(|told| told.port == *port && told.pipelines == pipelines) {
        return false;
    }
    let was = before.map(|told| &told.port);
    if was.is_none_or(|was| was.mode != port.mode) {
        let Size { width, height } = port.mode.size;
        let millihertz = port.mode.refresh.millihertz();
        if was.is_none_or(|was| was.mode.size != port.mode.size) {
            // At 96 pixels an inch, as the output says.
            let micrometres = |side: u32| side.saturating_mul(26_458) / 100;
            object.attached(1, 0, width, height, micrometres(width), micrometres(height));
        }
        let flags = ModeFlags::Preferred | ModeFlags::FlipMirror | ModeFlags::Rotation;
        object.mode(MODE, width, height, millihertz, flags);
        object.current_mode(MODE, width, height, millihertz);
    }
    if before.is_none_or(|told| told.pipelines != pipelines) {
        pipelines.iter().for_each(|id| object.bindable_pipeline(id.get()));
    }
    if was.is_none_or(|was| was.background != port.background) {
        let [red, green, blue] = [port.background.red, port.background.green, port.background.blue]
            .map(|value| u32::from(value) * 0x101);
        object.background_color(red, green, blue);
    }
    if was.is_none_or(|was| was.transform != port.transform) {
        let (mirrored, quarters) = port.transform.parts();
        object.transform(0, mirrored.into(), wire_rotation(quarters));
    }
    if was.is_none_or(|was| was.gamma != port.gamma) {
        object.gamma(port.gamma.value(), Gamma::MIN, Gamma::MAX);
    }
    if was.is_none_or(|was| was.power != port.power) {
        object.power_mode(match port.power {
            Power::Off => PowerMode::Off,
            Power::Suspend => PowerMode::Suspend,
            Power::LimitedUse => PowerMode::LimitedUse,
            Power::On => PowerMode::On,
        });
    }
    object.done();
    *told = Some(PortTold { port: port.clone(), pipelines: pipelines.to_vec() });
    true
}
