//! `ext-foreign-toplevel-list-v1`: the mapped toplevels, told only to the clients that may know them.
//!
//! smithay's own list tells every toplevel to everybody who sees the global. Here each client is
//! asked for, because a viewer of one port must not read the titles on another.

use std::collections::{BTreeMap, BTreeSet};

use smithay::reexports::{
    wayland_protocols::ext::foreign_toplevel_list::v1::server::{
        ext_foreign_toplevel_handle_v1::{self as handle, ExtForeignToplevelHandleV1 as Handle},
        ext_foreign_toplevel_list_v1::{self as list, ExtForeignToplevelListV1 as List},
    },
    wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, backend::ClientId,
    },
};

use super::globals::Filtered;

/// Names a toplevel from its map to its unmap; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct ToplevelId(u64);

/// What is told of a toplevel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ToplevelInfo {
    pub(crate) title: String,
    pub(crate) app_id: String,
}

/// What the compositor must answer.
pub(crate) trait ForeignToplevelHandler {
    fn foreign_toplevels(&mut self) -> &mut ForeignToplevels;
    /// Whether this client may know of a toplevel.
    fn may_know(&self, client: &Client, toplevel: ToplevelId) -> bool;
}

/// Data of a handle.
#[derive(Debug)]
pub(crate) struct HandleData {
    toplevel: ToplevelId,
}

#[derive(Debug)]
struct Listed {
    info: ToplevelInfo,
    handles: Vec<Handle>,
}

/// A client's list, and what it was told of: nothing is told twice.
#[derive(Debug)]
struct Listener {
    list: List,
    told: BTreeSet<ToplevelId>,
}

/// All mapped toplevels and everybody who hears of them.
#[derive(Debug)]
pub(crate) struct ForeignToplevels {
    display: DisplayHandle,
    toplevels: BTreeMap<ToplevelId, Listed>,
    listeners: Vec<Listener>,
    next: u64,
    /// Tells the identifiers of one run from those of another.
    run: u64,
}

impl ForeignToplevels {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<List, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, List, _>(1, global);
        let now = crate::clock::now();
        let started = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        Self {
            display: display.clone(),
            toplevels: BTreeMap::new(),
            listeners: Vec::new(),
            next: 0,
            run: started,
        }
    }

    /// A toplevel was mapped. It is told to nobody before [`Self::tell`].
    pub(crate) fn add(&mut self, info: ToplevelInfo) -> ToplevelId {
        self.next += 1;
        let id = ToplevelId(self.next);
        self.toplevels.insert(id, Listed { info, handles: Vec::new() });
        id
    }

    /// Its title or application id may be another one.
    pub(crate) fn change(&mut self, id: ToplevelId, info: ToplevelInfo) {
        let Some(listed) = self.toplevels.get_mut(&id).filter(|l| l.info != info) else { return };
        for handle in &listed.handles {
            if handle.is_alive() {
                tell_difference(handle, &listed.info, &info);
            }
        }
        listed.info = info;
    }

    /// A toplevel was unmapped, or lost its layer.
    pub(crate) fn remove(&mut self, id: ToplevelId) {
        let Some(listed) = self.toplevels.remove(&id) else { return };
        listed.handles.iter().filter(|h| h.is_alive()).for_each(Handle::closed);
        for listener in &mut self.listeners {
            listener.told.remove(&id);
        }
    }

    /// Tells the toplevel to those who may know it and do not yet, and closes it for those who may
    /// know it no more.
    pub(crate) fn tell<D>(&mut self, id: ToplevelId, may_know: impl Fn(&Client) -> bool)
    where
        D: Dispatch<Handle, HandleData> + 'static,
    {
        let Some(listed) = self.toplevels.get_mut(&id) else { return };
        listed.handles.retain(|handle| {
            let Some(client) = handle.client() else { return false };
            let keep = may_know(&client);
            if !keep {
                handle.closed();
            }
            keep
        });
        for listener in &mut self.listeners {
            let Some(client) = listener.list.client() else { continue };
            if may_know(&client) && listener.told.insert(id) {
                let handle = make_handle::<D>(
                    &self.display,
                    &client,
                    &listener.list,
                    (id, self.run),
                    &listed.info,
                );
                listed.handles.extend(handle);
            }
        }
    }

    /// The toplevel that a client means, while it is mapped.
    pub(crate) fn of_handle(&self, handle: &Handle) -> Option<ToplevelId> {
        let id = handle.data::<HandleData>()?.toplevel;
        self.toplevels.contains_key(&id).then_some(id)
    }

    /// All listed toplevels.
    pub(crate) fn ids(&self) -> Vec<ToplevelId> {
        self.toplevels.keys().copied().collect()
    }
}

fn make_handle<D>(
    display: &DisplayHandle,
    client: &Client,
    list: &List,
    (id, run): (ToplevelId, u64),
    info: &ToplevelInfo,
) -> Option<Handle>
where
    D: Dispatch<Handle, HandleData> + 'static,
{
    let data = HandleData { toplevel: id };
    // It fails only for a client that is gone.
    let handle = client.create_resource::<Handle, _, D>(display, list.version(), data).ok()?;
    list.toplevel(&handle);
    // At most 32 bytes.
    handle.identifier(format!("{run:x}-{:x}", id.0));
    handle.title(info.title.clone());
    handle.app_id(info.app_id.clone());
    handle.done();
    Some(handle)
}

fn tell_difference(handle: &Handle, before: &ToplevelInfo, now: &ToplevelInfo) {
    if before.title != now.title {
        handle.title(now.title.clone());
    }
    if before.app_id != now.app_id {
        handle.app_id(now.app_id.clone());
    }
    handle.done();
}

impl<D> GlobalDispatch<List, Filtered, D> for ForeignToplevels
where
    D: ForeignToplevelHandler
        + GlobalDispatch<List, Filtered>
        + Dispatch<List, ()>
        + Dispatch<Handle, HandleData>
        + 'static,
{
    fn bind(
        state: &mut D,
        display: &DisplayHandle,
        client: &Client,
        resource: New<List>,
        _: &Filtered,
        init: &mut DataInit<'_, D>,
    ) {
        let list = init.init(resource, ());
        let mut told = BTreeSet::new();
        for id in state.foreign_toplevels().ids() {
            if !state.may_know(client, id) {
                continue;
            }
            let all = state.foreign_toplevels();
            let run = all.run;
            if let Some(listed) = all.toplevels.get_mut(&id) {
                let handle = make_handle::<D>(display, client, &list, (id, run), &listed.info);
                listed.handles.extend(handle);
                told.insert(id);
            }
        }
        state.foreign_toplevels().listeners.push(Listener { list, told });
    }

    fn can_view(client: Client, global: &Filtered) -> bool {
        global.lets(&client)
    }
}

impl<D> Dispatch<List, (), D> for ForeignToplevels
where
    D: ForeignToplevelHandler + Dispatch<List, ()> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        resource: &List,
        request: list::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        if let list::Request::Stop = request {
            let listeners = &mut state.foreign_toplevels().listeners;
            let before = listeners.len();
            listeners.retain(|l| l.list != *resource);
            if listeners.len() != before {
                resource.finished();
            }
        }
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &List, (): &()) {
        state.foreign_toplevels().listeners.retain(|l| l.list != *resource);
    }
}

impl<D> Dispatch<Handle, HandleData, D> for ForeignToplevels
where
    D: ForeignToplevelHandler + Dispatch<Handle, HandleData> + 'static,
{
    fn request(
        _: &mut D,
        _: &Client,
        _: &Handle,
        _: handle::Request,
        _: &HandleData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        // Only `destroy`, which the library does.
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &Handle, data: &HandleData) {
        if let Some(listed) = state.foreign_toplevels().toplevels.get_mut(&data.toplevel) {
            listed.handles.retain(|h| h != resource);
        }
    }
}

/// Gives a `State` the dispatch of this module.
macro_rules! delegate_foreign_toplevel {
    ($state:ty) => {
        const _: () = {
            use ::smithay::reexports::wayland_protocols::ext::foreign_toplevel_list::v1::server::{
                ext_foreign_toplevel_handle_v1::ExtForeignToplevelHandleV1,
                ext_foreign_toplevel_list_v1::ExtForeignToplevelListV1,
            };
            use $crate::protocols::foreign_toplevel::{
                ForeignToplevels, HandleData,
            };
            ::wayland_server::delegate_global_dispatch!($state: [ExtForeignToplevelListV1: $crate::protocols::globals::Filtered] => ForeignToplevels);
            ::wayland_server::delegate_dispatch!($state: [ExtForeignToplevelListV1: ()] => ForeignToplevels);
            ::wayland_server::delegate_dispatch!($state: [ExtForeignToplevelHandleV1: HandleData] => ForeignToplevels);
        };
    };
}
pub(crate) use delegate_foreign_toplevel;
