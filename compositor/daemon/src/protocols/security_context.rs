//! `wp_security_context_v1`, written here because smithay's ends the whole event loop when a client
//! hands over a listener that cannot accept.

use std::{
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::{Mutex, PoisonError},
};

use rustix::net::{AddressFamily, SocketType, sockopt};
use smithay::reexports::{
    wayland_protocols::wp::security_context::v1::server::{
        wp_security_context_manager_v1::{self as manager, WpSecurityContextManagerV1 as Manager},
        wp_security_context_v1::{self as context, WpSecurityContextV1 as Context},
    },
    wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource},
};

use super::globals::{Filtered, filtered_manager};

/// What a sandbox engine says of the programs in a sandbox.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sandbox {
    pub(crate) engine: Option<String>,
    pub(crate) app_id: Option<String>,
    pub(crate) instance_id: Option<String>,
}

/// What the compositor must answer.
pub(crate) trait SecurityContextHandler {
    /// Connections to this listener are from a sandbox, until `close` is closed at its other end.
    fn sandbox_made(
        &mut self,
        client: &Client,
        listener: UnixListener,
        close: OwnedFd,
        sandbox: Sandbox,
    );
}

/// The global.
#[derive(Debug)]
pub(crate) struct SecurityContextState;

impl SecurityContextState {
    /// Announces the global to the clients that `filter` lets see it: nobody in a sandbox.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let data = Filtered::new(filter);
        display.create_global::<D, Manager, _>(1, data);
        Self
    }
}

/// A context that is being described; nothing once it was committed.
#[derive(Debug)]
pub(crate) struct ContextData(Mutex<Option<Description>>);

#[derive(Debug)]
struct Description {
    listener: UnixListener,
    close: OwnedFd,
    sandbox: Sandbox,
}

filtered_manager!(SecurityContextState, Manager);

/// Whether connections can be accepted from a descriptor.
fn listens(fd: &OwnedFd) -> bool {
    sockopt::socket_domain(fd).is_ok_and(|domain| domain == AddressFamily::UNIX)
        && sockopt::socket_type(fd).is_ok_and(|kind| kind == SocketType::STREAM)
        && sockopt::socket_acceptconn(fd).is_ok_and(|listens| listens)
}

impl<D> Dispatch<Manager, (), D> for SecurityContextState
where
    D: Dispatch<Manager, ()> + Dispatch<Context, ContextData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        resource: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::CreateListener { id, listen_fd, close_fd } = request else { return };
        let usable = listens(&listen_fd);
        let listener = UnixListener::from(listen_fd);
        let sandbox = Sandbox::default();
        let description = Description { listener, close: close_fd, sandbox };
        data_init.init(id, ContextData(Mutex::new(Some(description))));
        if !usable {
            let why = "the descriptor is no Unix stream socket that listens";
            resource.post_error(manager::Error::InvalidListenFd, why);
        }
    }
}

impl<D> Dispatch<Context, ContextData, D> for SecurityContextState
where
    D: Dispatch<Context, ContextData> + SecurityContextHandler + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        resource: &Context,
        request: context::Request,
        data: &ContextData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        if matches!(request, context::Request::Destroy) {
            return;
        }
        let mut slot = data.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(description) = slot.as_mut() else {
            resource.post_error(context::Error::AlreadyUsed, "the context was committed already");
            return;
        };
        let sandbox = &mut description.sandbox;
        let before = match request {
            context::Request::SetSandboxEngine { name } => sandbox.engine.replace(name),
            context::Request::SetAppId { app_id } => sandbox.app_id.replace(app_id),
            context::Request::SetInstanceId { instance_id } => {
                sandbox.instance_id.replace(instance_id)
            }
            context::Request::Commit => {
                let made = slot.take();
                drop(slot);
                if let Some(Description { listener, close, sandbox }) = made {
                    state.sandbox_made(client, listener, close, sandbox);
                }
                return;
            }
            _ => return,
        };
        if before.is_some() {
            resource.post_error(context::Error::AlreadySet, "that was said already");
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_security_context {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::wp::security_context::v1::server::{
                wp_security_context_manager_v1::WpSecurityContextManagerV1,
                wp_security_context_v1::WpSecurityContextV1,
            };
            use $crate::protocols::security_context::{
                ContextData, SecurityContextState,
            };
            ::wayland_server::delegate_global_dispatch!($state: [WpSecurityContextManagerV1: $crate::protocols::globals::Filtered] => SecurityContextState);
            ::wayland_server::delegate_dispatch!($state: [WpSecurityContextManagerV1: ()] => SecurityContextState);
            ::wayland_server::delegate_dispatch!($state: [WpSecurityContextV1: ContextData] => SecurityContextState);
        };
    };
}
pub(crate) use delegate_security_context;
