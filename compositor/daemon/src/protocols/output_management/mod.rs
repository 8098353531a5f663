//! `wlr-output-management-unstable-v1`: telling clients the modes of outputs, and letting them ask
//! for others. Viewers use it to give a port the size of their window; `wlr-randr` works too.
//!
//! A configuration is applied whole or not at all. Only the size of an output can be changed; what a
//! client says of position, transform, scale and adaptive sync must be what is so already.

mod configuration;
mod dispatch;

use crate::protocols::globals::Filtered;
use porthole_pixel::Size;
use smithay::reexports::{
    wayland_protocols_wlr::output_management::v1::server::{
        zwlr_output_head_v1::ZwlrOutputHeadV1 as HeadObject,
        zwlr_output_manager_v1::ZwlrOutputManagerV1 as Manager,
        zwlr_output_mode_v1::ZwlrOutputModeV1 as ModeObject,
    },
    wayland_server::{
        Client, Dispatch, DisplayHandle, GlobalDispatch, Resource, protocol::wl_output::Transform,
    },
};

pub(crate) use configuration::ConfigurationData;

/// What is configured: a port.
pub(crate) type HeadId = porthole_core::model::PortId;

/// What clients are told of an output.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct HeadInfo {
    pub(crate) id: HeadId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) make: String,
    pub(crate) model: String,
    pub(crate) size: Size,
    /// Frames per 1000 seconds.
    pub(crate) millihertz: u32,
    pub(crate) scale: f64,
}

/// What the compositor must answer.
pub(crate) trait OutputManagementHandler {
    fn output_management(&mut self) -> &mut OutputManagementState;
    /// The outputs that this client may see.
    fn heads_for(&self, client: &Client) -> Vec<HeadInfo>;
    /// Whether these sizes can be set, all together; with `apply` they are.
    fn set_sizes(&mut self, client: &Client, sizes: &[(HeadId, Size)], apply: bool) -> bool;
}

/// Data of a head object.
#[derive(Debug)]
pub(crate) struct HeadData(pub(super) HeadId);

/// Data of a mode object: the size that it stands for.
#[derive(Debug)]
pub(crate) struct ModeData(pub(super) Size);

#[derive(Debug)]
struct Told {
    info: HeadInfo,
    head: HeadObject,
    mode: ModeObject,
}

#[derive(Debug)]
struct Listener {
    manager: Manager,
    heads: Vec<Told>,
}

/// Everybody who is told of outputs.
#[derive(Debug, Default)]
pub(crate) struct OutputManagementState {
    listeners: Vec<Listener>,
    /// Counts the changes that clients are told; a configuration names the one that it is made for.
    serial: u32,
}

impl OutputManagementState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(4, global);
        Self::default()
    }

    fn add<D>(&mut self, display: &DisplayHandle, manager: Manager, heads: &[HeadInfo])
    where
        D: Dispatch<HeadObject, HeadData> + Dispatch<ModeObject, ModeData> + 'static,
    {
        let mut listener = Listener { manager, heads: Vec::new() };
        listener.update::<D>(display, heads);
        listener.manager.done(self.serial);
        self.listeners.push(listener);
    }

    fn remove(&mut self, manager: &Manager) {
        self.listeners.retain(|listener| listener.manager != *manager);
    }

    /// Tells every listener what changed since it was told last; `heads` says what one may see.
    pub(crate) fn changed<D>(
        &mut self,
        display: &DisplayHandle,
        heads: impl Fn(&Client) -> Vec<HeadInfo>,
    ) where
        D: Dispatch<HeadObject, HeadData> + Dispatch<ModeObject, ModeData> + 'static,
    {
        self.serial = self.serial.wrapping_add(1);
        for listener in &mut self.listeners {
            let Some(client) = listener.manager.client() else { continue };
            if listener.update::<D>(display, &heads(&client)) {
                listener.manager.done(self.serial);
            }
        }
    }
}

impl Listener {
    /// Tells the difference; true when there was one.
    fn update<D>(&mut self, display: &DisplayHandle, now: &[HeadInfo]) -> bool
    where
        D: Dispatch<HeadObject, HeadData> + Dispatch<ModeObject, ModeData> + 'static,
    {
        let mut changed = false;
        self.heads.retain(|told| {
            let stays = now.iter().any(|info| info.id == told.info.id);
            if !stays {
                told.mode.finished();
                told.head.finished();
                changed = true;
            }
            stays
        });
        let Some(client) = self.manager.client() else { return changed };
        for info in now {
            match self.heads.iter_mut().find(|told| told.info.id == info.id) {
                Some(told) if told.info == *info => {}
                Some(told) => {
                    changed = true;
                    told.update::<D>(display, &client, info);
                }
                None => {
                    changed = true;
                    if let Some(told) = Told::new::<D>(display, &client, &self.manager, info) {
                        self.heads.push(told);
                    }
                }
            }
        }
        changed
    }
}

impl Told {
    fn new<D>(
        display: &DisplayHandle,
        client: &Client,
        manager: &Manager,
        info: &HeadInfo,
    ) -> Option<Self>
    where
        D: Dispatch<HeadObject, HeadData> + Dispatch<ModeObject, ModeData> + 'static,
    {
        let version = manager.version();
        let head =
            client.create_resource::<HeadObject, _, D>(display, version, HeadData(info.id)).ok()?;
        manager.head(&head);
        head.name(info.name.clone());
        head.description(info.description.clone());
        if version >= 2 {
            head.make(info.make.clone());
            head.model(info.model.clone());
        }
        let mode = mode::<D>(display, client, &head, info)?;
        head.enabled(1);
        head.current_mode(&mode);
        head.position(0, 0);
        head.transform(Transform::Normal);
        head.scale(info.scale);
        Some(Self { info: info.clone(), head, mode })
    }

    fn update<D>(&mut self, display: &DisplayHandle, client: &Client, info: &HeadInfo)
    where
        D: Dispatch<ModeObject, ModeData> + 'static,
    {
        let modes = |info: &HeadInfo| (info.size, info.millihertz);
        if modes(&self.info) != modes(info)
            && let Some(mode) = mode::<D>(display, client, &self.head, info)
        {
            self.head.current_mode(&mode);
            self.mode.finished();
            self.mode = mode;
        }
        if self.info.scale.to_bits() != info.scale.to_bits() {
            self.head.scale(info.scale);
        }
        self.info = info.clone();
    }
}

/// Makes the object of an output's one mode.
fn mode<D>(
    display: &DisplayHandle,
    client: &Client,
    head: &HeadObject,
    info: &HeadInfo,
) -> Option<ModeObject>
where
    D: Dispatch<ModeObject, ModeData> + 'static,
{
    let signed = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let mode = client
        .create_resource::<ModeObject, _, D>(display, head.version(), ModeData(info.size))
        .ok()?;
    head.mode(&mode);
    mode.size(signed(info.size.width), signed(info.size.height));
    mode.refresh(signed(info.millihertz));
    mode.preferred();
    Some(mode)
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_output_management {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols_wlr::output_management::v1::server::{
                zwlr_output_configuration_head_v1::ZwlrOutputConfigurationHeadV1,
                zwlr_output_configuration_v1::ZwlrOutputConfigurationV1,
                zwlr_output_head_v1::ZwlrOutputHeadV1,
                zwlr_output_manager_v1::ZwlrOutputManagerV1,
                zwlr_output_mode_v1::ZwlrOutputModeV1,
            };
            use $crate::protocols::output_management::{
                ConfigurationData, HeadData, HeadId, ModeData,
                OutputManagementState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ZwlrOutputManagerV1: $crate::protocols::globals::Filtered] => OutputManagementState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrOutputManagerV1: ()] => OutputManagementState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrOutputHeadV1: HeadData] => OutputManagementState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrOutputModeV1: ModeData] => OutputManagementState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrOutputConfigurationV1: ConfigurationData] => OutputManagementState);
            ::wayland_server::delegate_dispatch!($state: [ZwlrOutputConfigurationHeadV1: (ZwlrOutputConfigurationV1, Option<HeadId>)] => OutputManagementState);
        };
    };
}
pub(crate) use delegate_output_management;
