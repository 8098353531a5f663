//! How much the source of a selection may offer: each type is kept, and sent to whoever gets the focus.

use smithay::{
    reexports::{
        wayland_protocols::{
            ext::data_control::v1::server::ext_data_control_source_v1::{
                self, ExtDataControlSourceV1,
            },
            wp::primary_selection::zv1::server::zwp_primary_selection_source_v1::{
                self, ZwpPrimarySelectionSourceV1,
            },
        },
        wayland_protocols_wlr::data_control::v1::server::zwlr_data_control_source_v1::{
            self, ZwlrDataControlSourceV1,
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, Resource,
            backend::{ClientId, ObjectId},
            protocol::wl_data_source::{self, WlDataSource},
        },
    },
    wayland::selection::{
        data_device::{DataDeviceState, DataSourceUserData},
        ext_data_control::{self, ExtDataControlSourceUserData},
        primary_selection::{PrimarySelectionState, PrimarySourceUserData},
        wlr_data_control::{self, DataControlSourceUserData},
    },
};

use crate::state::State;

/// Types of one source. Drawing programs offer some fifty.
const MAX_TYPES: u32 = 256;
/// Bytes in the name of a type.
const MAX_NAME: usize = 512;

impl State {
    /// Whether a source may offer one more type.
    fn may_offer(&mut self, source: ObjectId, name: &str) -> bool {
        let types = self.globals.desktop.offered.entry(source).or_default();
        *types = types.saturating_add(1);
        *types <= MAX_TYPES && name.len() <= MAX_NAME
    }
}

macro_rules! limited {
    ($source:ty, $module:ident, $data:ty, $to:ty) => {
        impl Dispatch<$source, $data> for State {
            fn request(
                state: &mut Self,
                client: &Client,
                source: &$source,
                request: $module::Request,
                data: &$data,
                display: &DisplayHandle,
                data_init: &mut DataInit<'_, Self>,
            ) {
                if let $module::Request::Offer { mime_type } = &request
                    && !state.may_offer(source.id(), mime_type)
                {
                    tracing::debug!("a type that a source offers is left out: there are too many");
                    return;
                }
                <$to as Dispatch<$source, $data, Self>>::request(
                    state, client, source, request, data, display, data_init,
                );
            }

            fn destroyed(state: &mut Self, client: ClientId, source: &$source, data: &$data) {
                state.globals.desktop.offered.remove(&source.id());
                state.source_gone(&source.id());
                <$to as Dispatch<$source, $data, Self>>::destroyed(state, client, source, data);
            }
        }
    };
}

limited!(WlDataSource, wl_data_source, DataSourceUserData, DataDeviceState);
limited!(
    ZwpPrimarySelectionSourceV1,
    zwp_primary_selection_source_v1,
    PrimarySourceUserData,
    PrimarySelectionState
);
limited!(
    ExtDataControlSourceV1,
    ext_data_control_source_v1,
    ExtDataControlSourceUserData,
    ext_data_control::DataControlState
);
limited!(
    ZwlrDataControlSourceV1,
    zwlr_data_control_source_v1,
    DataControlSourceUserData,
    wlr_data_control::DataControlState
);
