//! Which requests take descriptors.
//!
//! The library takes descriptors off its queue when a request asks for one, and keeps those that
//! nothing asks for: a client that adds one to each of its requests would use up all that the
//! process may have. So the relay gives it exactly those that a request takes.

use smithay::reexports::wayland_server::backend::{
    ClientId, Handle,
    protocol::{ArgumentType, Interface},
};

/// The library looks objects up by the name of their interface, so no more is needed of it.
const fn named(name: &'static str) -> Interface {
    Interface { name, version: 1, requests: &[], events: &[], c_ptr: None }
}

/// Every request with a descriptor in the protocols that are in use, by interface and opcode. What
/// is missing here does not work at all, so that it cannot stay unnoticed.
static TAKERS: [(Interface, u16); 13] = [
    (named("wl_shm"), 0),
    (named("wl_data_offer"), 1),
    (named("zwp_linux_buffer_params_v1"), 1),
    (named("wp_image_description_creator_icc_v1"), 1),
    (named("ext_data_control_offer_v1"), 0),
    (named("wp_linux_drm_syncobj_manager_v1"), 2),
    (named("wp_security_context_manager_v1"), 1),
    (named("zwp_linux_surface_synchronization_v1"), 1),
    (named("zwp_primary_selection_offer_v1"), 0),
    (named("gtk_primary_selection_offer"), 0),
    (named("zwp_virtual_keyboard_v1"), 0),
    (named("zwlr_data_control_offer_v1"), 0),
    (named("zwlr_gamma_control_v1"), 0),
];

/// How many descriptors the request of this opcode takes. Everything that came before it must have
/// been dispatched, or the object may not be known yet.
pub(super) fn taken_by(handle: &Handle, client: &ClientId, object: u32, opcode: u16) -> usize {
    let takers = TAKERS.iter().filter(|(_, takes)| *takes == opcode);
    takers
        .filter_map(|(interface, _)| {
            handle.object_for_protocol_id(client.clone(), interface, object).ok()
        })
        .filter_map(|id| id.interface().requests.get(usize::from(opcode)))
        .map(|request| request.signature.iter().filter(|a| matches!(a, ArgumentType::Fd)).count())
        .sum()
}
