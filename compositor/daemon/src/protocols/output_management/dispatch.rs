//! Requests of output management.

use porthole_pixel::Size;
use smithay::reexports::{
    wayland_protocols_wlr::output_management::v1::server::{
        zwlr_output_configuration_head_v1::{
            self as wish, ZwlrOutputConfigurationHeadV1 as WishObject,
        },
        zwlr_output_configuration_v1::{
            self as configuration, ZwlrOutputConfigurationV1 as Configuration,
        },
        zwlr_output_head_v1::{self as head, ZwlrOutputHeadV1 as HeadObject},
        zwlr_output_manager_v1::{self as manager, ZwlrOutputManagerV1 as Manager},
        zwlr_output_mode_v1::{self as mode, ZwlrOutputModeV1 as ModeObject},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
        backend::ClientId, protocol::wl_output::Transform,
    },
};

use super::{
    ConfigurationData, HeadData, HeadId, ModeData, OutputManagementHandler, OutputManagementState,
    configuration::Wishes,
};
use crate::protocols::globals::Filtered;

/// Data of what is asked of one output: its configuration, and the output if it is still there.
type WishData = (Configuration, Option<HeadId>);

impl<D> GlobalDispatch<Manager, Filtered, D> for OutputManagementState
where
    D: OutputManagementHandler
        + GlobalDispatch<Manager, Filtered>
        + Dispatch<Manager, ()>
        + Dispatch<HeadObject, HeadData>
        + Dispatch<ModeObject, ModeData>
        + 'static,
{
    fn bind(
        state: &mut D,
        display: &DisplayHandle,
        client: &Client,
        resource: New<Manager>,
        _: &Filtered,
        init: &mut DataInit<'_, D>,
    ) {
        let manager = init.init(resource, ());
        let heads = state.heads_for(client);
        state.output_management().add::<D>(display, manager, &heads);
    }

    fn can_view(client: Client, global: &Filtered) -> bool {
        global.lets(&client)
    }
}

impl<D> Dispatch<Manager, (), D> for OutputManagementState
where
    D: OutputManagementHandler
        + Dispatch<Manager, ()>
        + Dispatch<Configuration, ConfigurationData>
        + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        match request {
            manager::Request::CreateConfiguration { id, serial } => {
                init.init(id, ConfigurationData::new(serial));
            }
            manager::Request::Stop => {
                resource.finished();
                state.output_management().remove(resource);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &Manager, (): &()) {
        state.output_management().remove(resource);
    }
}

impl<D> Dispatch<HeadObject, HeadData, D> for OutputManagementState
where
    D: Dispatch<HeadObject, HeadData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &HeadObject,
        _: head::Request,
        _: &HeadData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `release`, a destructor.
    }
}

impl<D> Dispatch<ModeObject, ModeData, D> for OutputManagementState
where
    D: Dispatch<ModeObject, ModeData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &ModeObject,
        _: mode::Request,
        _: &ModeData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `release`, a destructor.
    }
}

/// What a client may not ask twice is its protocol error. True when it may still ask.
fn unused(resource: &Configuration, wishes: &Wishes) -> bool {
    if wishes.is_used() {
        let error = configuration::Error::AlreadyUsed;
        resource.post_error(error, "the configuration was applied or tested before");
    }
    !wishes.is_used()
}

impl<D> Dispatch<Configuration, ConfigurationData, D> for OutputManagementState
where
    D: OutputManagementHandler
        + Dispatch<Configuration, ConfigurationData>
        + Dispatch<WishObject, WishData>
        + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Configuration,
        request: configuration::Request,
        data: &ConfigurationData,
        display: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let twice = "the output was spoken of before";
        match request {
            configuration::Request::EnableHead { id, head } => {
                let output = head.data::<HeadData>().map(|data| data.0);
                let object = init.init(id, (resource.clone(), output));
                let mut wishes = data.wishes();
                wishes.objects.push(object);
                if unused(resource, &wishes)
                    && let Some(output) = output
                    && !wishes.add(output, false)
                {
                    resource.post_error(configuration::Error::AlreadyConfiguredHead, twice);
                }
            }
            configuration::Request::DisableHead { head } => {
                let mut wishes = data.wishes();
                // A port cannot be turned off this way.
                if unused(resource, &wishes)
                    && let Some(output) = head.data::<HeadData>()
                    && !wishes.add(output.0, true)
                {
                    resource.post_error(configuration::Error::AlreadyConfiguredHead, twice);
                }
            }
            configuration::Request::Apply => decide(state, client, resource, data, true),
            configuration::Request::Test => decide(state, client, resource, data, false),
            configuration::Request::Destroy => {
                for object in std::mem::take(&mut data.wishes().objects) {
                    // An error says that it is gone already.
                    let _ = display.backend_handle().destroy_object::<D>(&object.id());
                }
            }
            _ => {}
        }
    }
}

fn decide<D: OutputManagementHandler>(
    state: &mut D,
    client: &Client,
    resource: &Configuration,
    data: &ConfigurationData,
    apply: bool,
) {
    let known = state.heads_for(client);
    let mut wishes = data.wishes();
    if !unused(resource, &wishes) {
        return;
    }
    let sizes = wishes.take();
    if data.serial != state.output_management().serial {
        // Something changed that the client did not know of.
        resource.cancelled();
        return;
    }
    if let Some(head) = wishes.forgotten(&known) {
        let text = format!("nothing was said of output '{}'", head.name);
        resource.post_error(configuration::Error::UnconfiguredHead, text);
        return;
    }
    drop(wishes);
    let done = sizes.is_some_and(|sizes| state.set_sizes(client, &sizes, apply));
    if done {
        resource.succeeded();
    } else {
        resource.failed();
    }
}

impl<D> Dispatch<WishObject, WishData, D> for OutputManagementState
where
    D: OutputManagementHandler + Dispatch<WishObject, WishData> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &WishObject,
        request: wish::Request,
        (of, output): &WishData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let heads = state.heads_for(client);
        let info = heads.iter().find(|info| Some(info.id) == *output);
        let Some(data) = of.data::<ConfigurationData>() else { return };
        let mut wishes = data.wishes();
        if !of.is_alive() || !unused(of, &wishes) {
            return;
        }
        let Some(wish) = output.and_then(|output| wishes.head(output)) else { return };
        let mut set = |size: Option<Size>| {
            if std::mem::replace(&mut wish.mode_set, true) {
                resource.post_error(wish::Error::AlreadySet, "a mode was set before");
            }
            wish.impossible |= size.is_none();
            wish.size = size;
        };
        match request {
            wish::Request::SetMode { mode } => set(mode.data::<ModeData>().map(|data| data.0)),
            wish::Request::SetCustomMode { width, height, refresh } => {
                if width <= 0 || height <= 0 || refresh < 0 {
                    let text = format!("a mode of {width}x{height} at {refresh} mHz");
                    resource.post_error(wish::Error::InvalidCustomMode, text);
                    return;
                }
                set(Some(Size::new(width.unsigned_abs(), height.unsigned_abs())));
            }
            wish::Request::SetPosition { x, y } => wish.impossible |= (x, y) != (0, 0),
            wish::Request::SetTransform { transform } => match transform {
                WEnum::Value(transform) => wish.impossible |= transform != Transform::Normal,
                WEnum::Unknown(other) => {
                    let text = format!("there is no transform {other}");
                    resource.post_error(wish::Error::InvalidTransform, text);
                }
            },
            wish::Request::SetScale { scale } => {
                if scale <= 0.0 {
                    resource.post_error(wish::Error::InvalidScale, "a scale is above 0");
                }
                // Scales travel in steps of 1/256.
                let now = info.map_or(1.0, |info| info.scale);
                wish.impossible |= (scale - now).abs() > 1.0 / 256.0;
            }
            wish::Request::SetAdaptiveSync { state } => {
                use head::AdaptiveSyncState::Enabled;
                wish.impossible |= state == WEnum::Value(Enabled);
            }
            _ => {}
        }
    }
}
