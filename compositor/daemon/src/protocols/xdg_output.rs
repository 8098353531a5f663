//! `zxdg_output_manager_v1`, written here because smithay's panics when a client asks about an output
//! that is gone, and keeps what clients destroyed.

use smithay::reexports::{
    wayland_protocols::xdg::xdg_output::zv1::server::{
        zxdg_output_manager_v1::{self as manager, ZxdgOutputManagerV1 as Manager},
        zxdg_output_v1::{self as xdg_output, ZxdgOutputV1 as XdgOutput},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, Weak,
        backend::ClientId, protocol::wl_output::WlOutput,
    },
};

use crate::protocols::globals::plain_manager;

/// `done` of `zxdg_output_v1` gave way to that of `wl_output` in this version.
const DONE_IS_OF_WL_OUTPUT: u32 = 3;

/// What is told of an output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OutputView {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) position: (i32, i32),
    pub(crate) size: (i32, i32),
}

/// What the compositor must answer.
pub(crate) trait XdgOutputHandler {
    fn xdg_output_state(&mut self) -> &mut XdgOutputState;
    /// What an output looks like now; none when it is gone.
    fn output_view(&mut self, output: &WlOutput) -> Option<OutputView>;
}

/// The global and the objects made from it.
#[derive(Debug, Default)]
pub(crate) struct XdgOutputState {
    instances: Vec<Instance>,
}

#[derive(Debug)]
struct Instance {
    object: Weak<XdgOutput>,
    output: Weak<WlOutput>,
}

impl XdgOutputState {
    /// Announces the global.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Manager, ()> + 'static,
    {
        display.create_global::<D, Manager, ()>(3, ());
        Self::default()
    }

    /// An output's size changed: tells all who asked about it. `view` answers for a `wl_output`.
    pub(crate) fn changed(&self, mut view: impl FnMut(&WlOutput) -> Option<OutputView>) {
        for instance in &self.instances {
            let (Ok(object), Ok(output)) = (instance.object.upgrade(), instance.output.upgrade())
            else {
                continue;
            };
            if let Some(view) = view(&output) {
                object.logical_position(view.position.0, view.position.1);
                object.logical_size(view.size.0, view.size.1);
                done(&object, &output);
            }
        }
    }
}

fn done(object: &XdgOutput, output: &WlOutput) {
    if object.version() < DONE_IS_OF_WL_OUTPUT {
        object.done();
    } else if output.version() >= 2 {
        output.done();
    }
}

plain_manager!(XdgOutputState, Manager);

impl<D> Dispatch<Manager, (), D> for XdgOutputState
where
    D: Dispatch<Manager, ()> + Dispatch<XdgOutput, ()> + XdgOutputHandler + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        _: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::GetXdgOutput { id, output } = request else { return };
        let object = data_init.init(id, ());
        // An output that is gone has nothing to tell.
        let Some(view) = state.output_view(&output) else { return };
        object.logical_position(view.position.0, view.position.1);
        object.logical_size(view.size.0, view.size.1);
        if object.version() >= xdg_output::EVT_NAME_SINCE {
            object.name(view.name);
            object.description(view.description);
        }
        done(&object, &output);
        let instance = Instance { object: object.downgrade(), output: output.downgrade() };
        state.xdg_output_state().instances.push(instance);
    }
}

impl<D> Dispatch<XdgOutput, (), D> for XdgOutputState
where
    D: Dispatch<XdgOutput, ()> + XdgOutputHandler + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &XdgOutput,
        _: xdg_output::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`.
    }

    fn destroyed(state: &mut D, _: ClientId, object: &XdgOutput, (): &()) {
        let id = object.id();
        state.xdg_output_state().instances.retain(|i| i.object.id() != id);
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_xdg_output {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::xdg::xdg_output::zv1::server::{
                zxdg_output_manager_v1::ZxdgOutputManagerV1, zxdg_output_v1::ZxdgOutputV1,
            };
            use $crate::protocols::xdg_output::XdgOutputState;
            ::wayland_server::delegate_global_dispatch!($state: [ZxdgOutputManagerV1: ()] => XdgOutputState);
            ::wayland_server::delegate_dispatch!($state: [ZxdgOutputManagerV1: ()] => XdgOutputState);
            ::wayland_server::delegate_dispatch!($state: [ZxdgOutputV1: ()] => XdgOutputState);
        };
    };
}
pub(crate) use delegate_xdg_output;
