//! What globals have in common: who sees them, and managers that are told nothing when they are made.

use smithay::reexports::wayland_server::Client;

/// Decides whether a client sees a global; the data of that global.
pub(crate) struct Filtered(Box<dyn Fn(&Client) -> bool + Send + Sync>);

impl Filtered {
    pub(crate) fn new(lets: impl Fn(&Client) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(lets))
    }

    /// Whether the client sees the global.
    pub(crate) fn lets(&self, client: &Client) -> bool {
        (self.0)(client)
    }
}

impl std::fmt::Debug for Filtered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Filtered")
    }
}

/// The global, seen by all, of a manager object that has no data and is told nothing when it is made.
macro_rules! plain_manager {
    ($state:ty, $manager:ty) => {
        const _: () = {
            use smithay::reexports::wayland_server::{
                Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New,
            };
            impl<D> GlobalDispatch<$manager, (), D> for $state
            where
                D: GlobalDispatch<$manager, ()> + Dispatch<$manager, ()> + 'static,
            {
                fn bind(
                    _: &mut D,
                    _: &DisplayHandle,
                    _: &Client,
                    resource: New<$manager>,
                    (): &(),
                    init: &mut DataInit<'_, D>,
                ) {
                    init.init(resource, ());
                }
            }
        };
    };
}
pub(crate) use plain_manager;

/// The filtered global of a manager object that has no data and is told nothing when it is made.
macro_rules! filtered_manager {
    ($state:ty, $manager:ty) => {
        const _: () = {
            use smithay::reexports::wayland_server::{
                Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New,
            };
            use $crate::protocols::globals::Filtered;
            impl<D> GlobalDispatch<$manager, Filtered, D> for $state
            where
                D: GlobalDispatch<$manager, Filtered> + Dispatch<$manager, ()> + 'static,
            {
                fn bind(
                    _: &mut D,
                    _: &DisplayHandle,
                    _: &Client,
                    resource: New<$manager>,
                    _: &Filtered,
                    init: &mut DataInit<'_, D>,
                ) {
                    init.init(resource, ());
                }

                fn can_view(client: Client, global: &Filtered) -> bool {
                    global.lets(&client)
                }
            }
        };
    };
}
pub(crate) use filtered_manager;
