//! Requests of a port.

use porthole_core::{
    Color, Refresh,
    model::{CommitError, Gamma, Mode, Object, Pending, PortId, Power},
    scene::Transform,
};
use porthole_pixel::Size;
use porthole_wayland::wfd::server::{
    wfd_device_v1::WfdDeviceV1 as DeviceObject,
    wfd_port_v1::{self as port, PowerMode, Rotation, WfdPortV1 as PortObject},
    wfd_trace_v1::WfdTraceV1 as TraceObject,
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, WEnum, backend::ClientId,
};

use super::{DeviceKey, May, WfdHandler, WfdState, known};

/// The one mode that a port lists: the one that it has.
pub(super) const MODE: u32 = 1;

/// Data of a port object.
#[derive(Debug)]
pub(crate) struct PortData {
    pub(super) device: DeviceKey,
    /// None for an object that stands for nothing.
    pub(super) port: Option<PortId>,
}

impl<D> Dispatch<PortObject, PortData, D> for WfdState
where
    D: WfdHandler + Dispatch<PortObject, PortData> + Dispatch<TraceObject, ()> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &PortObject,
        request: port::Request,
        data: &PortData,
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let request = match request {
            port::Request::Destroy => return,
            port::Request::Trace { id } => {
                let object = init.init(id, ());
                let live = state.wfd().port(data, resource).is_some();
                if let Some(port) = data.port.filter(|_| live) {
                    state.wfd().tracers.add(port, object);
                }
                return;
            }
            other => other,
        };
        let Some(entry) = state.wfd().port(data, resource) else { return };
        let device = entry.object.clone();
        if !entry.may_change() {
            return;
        }
        let Some(id) = data.port else { return };
        let power = matches!(request, port::Request::SetPowerMode { .. });
        let (may, right) =
            if power { (May::Power(id), "power") } else { (May::Layout(id), "layout") };
        let allowed = state.may(client, may);
        let Some(now) = state.model().port(id).map(|port| port.mode) else { return };
        let Some(pending) = state.wfd().pending(data.device) else { return };
        let outcome = if allowed {
            let Some(outcome) = set(&device, pending, id, now, &request) else { return };
            outcome
        } else {
            Err(CommitError::Denied(Object::Port(id), right))
        };
        if let Err(error) = outcome {
            pending.refuse(Object::Port(id), error);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &PortObject, data: &PortData) {
        if let Some(entry) = state.wfd().devices.get_mut(&data.device) {
            entry.ports.retain(|port| port.object != *resource);
            if let Some(id) = data.port {
                entry.pending.forget(Object::Port(id));
            }
        }
    }
}

/// Adds what a request sets; `None` after a protocol error.
fn set(
    device: &DeviceObject,
    pending: &mut Pending,
    id: PortId,
    now: Mode,
    request: &port::Request,
) -> Option<Result<(), CommitError>> {
    let range = |what, range| CommitError::Range { object: Object::Port(id), what, range };
    Some(match *request {
        port::Request::SetMode { mode_id: MODE } => pending.set_mode(id, now),
        port::Request::SetMode { .. } => Err(range("the mode", "it must be a mode of the port")),
        port::Request::SetCustomMode { width, height, refresh_mhz } => {
            let refresh = match refresh_mhz {
                0 => Some(now.refresh),
                millihertz => Refresh::from_hz(f64::from(millihertz) / 1000.0),
            };
            refresh.ok_or(range("the rate", "1 to 240 Hz")).and_then(|refresh| {
                pending.set_mode(id, Mode { size: Size::new(width, height), refresh, ..now })
            })
        }
        port::Request::SetBackgroundColor { red, green, blue } => {
            match [red, green, blue].map(channel) {
                [Some(red), Some(green), Some(blue)] => {
                    pending.set_background(id, Color { red, green, blue });
                    Ok(())
                }
                _ => Err(range("the background", "0 to 65535 a channel")),
            }
        }
        port::Request::SetTransform { flip, mirror, rotation } => {
            match transform(device, flip, mirror, rotation)? {
                Some(transform) => {
                    pending.set_port_transform(id, transform);
                    Ok(())
                }
                None => Err(range("flip or mirror", "0 or 1")),
            }
        }
        port::Request::SetPowerMode { mode } => {
            let power = match known(device, mode, "power mode")? {
                PowerMode::Off => Power::Off,
                PowerMode::Suspend => Power::Suspend,
                PowerMode::LimitedUse => Power::LimitedUse,
                _ => Power::On,
            };
            pending.set_power(id, power);
            Ok(())
        }
        port::Request::SetGamma { gamma } => match Gamma::new(gamma) {
            Some(gamma) => {
                pending.set_gamma(id, gamma);
                Ok(())
            }
            None => Err(range("gamma", "0.25 to 4")),
        },
        _ => Ok(()),
    })
}

/// A channel of 16 bits as the nearest one of 8.
fn channel(value: u32) -> Option<u8> {
    (value <= 0xffff).then_some(())?;
    u8::try_from((value * 255 + 0x7fff) / 0xffff).ok()
}

/// Flip, mirror and rotation; `None` after a protocol error, `Some(None)` when a value is out of
/// range.
pub(super) fn transform(
    device: &DeviceObject,
    flip: u32,
    mirror: u32,
    rotation: WEnum<Rotation>,
) -> Option<Option<Transform>> {
    let quarters = match known(device, rotation, "rotation")? {
        Rotation::_90 => 1,
        Rotation::_180 => 2,
        Rotation::_270 => 3,
        _ => 0,
    };
    let both = switch(flip).zip(switch(mirror));
    Some(both.map(|both| Transform::from_wfd(both, quarters)))
}

/// What is sent for a rotation.
pub(super) const fn wire_rotation(quarters: u32) -> Rotation {
    match quarters {
        1 => Rotation::_90,
        2 => Rotation::_180,
        3 => Rotation::_270,
        _ => Rotation::_0,
    }
}

/// 0 or 1.
pub(super) const fn switch(value: u32) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_of_16_bits_becomes_the_nearest_of_8() {
        for value in 0..=255_u8 {
            assert_eq!(channel(u32::from(value) * 0x101), Some(value));
        }
        assert_eq!([channel(0x80), channel(0x81), channel(0x1_0000)], [Some(0), Some(1), None]);
    }
}
