//! What one client may have, in one place. Each number is far above what programs need and far
//! below what would be felt by others; who goes beyond is disconnected and told why. The
//! configuration lowers some of them for a socket (`porthole_core::config::Quota`).

use std::time::Duration;

use crate::relay::Limits;

/// Objects, looked at every few hundred requests. Everything that waits for an answer is an object.
pub(crate) const OBJECTS: Limits = Limits {
    // A browser with many windows has some thousands. The library keeps about 100 bytes for each.
    all: 16_384,
    each: &[
        // About 4 KiB each in the library above; a port shows 64 layers of up to 32 levels.
        ("wl_surface", 1024),
        // Three for each surface, and room for pools of small ones. Each may hold a descriptor.
        ("wl_buffer", 4096),
        ("wl_shm_pool", 1024),
        ("wl_region", 1024),
        // Frames that are waited for: one for each surface at a time, and some to spare.
        ("wl_callback", 4096),
        ("wp_presentation_feedback", 4096),
        // Every new global is announced to each of them.
        ("wl_registry", 64),
        // A window is listed, placed and configured.
        ("xdg_toplevel", 256),
        ("xdg_popup", 256),
        // Each is sent every key or motion of its seat.
        ("wl_keyboard", 256),
        ("wl_pointer", 256),
        ("wl_touch", 256),
        // Each is told of all pens of its seat.
        ("zwp_tablet_seat_v2", 64),
        // Each keeps the damage of a port, and a round of copies goes to each.
        ("ext_image_copy_capture_session_v1", 64),
        ("ext_image_copy_capture_cursor_session_v1", 64),
        ("ext_image_copy_capture_frame_v1", 256),
        ("zwlr_screencopy_frame_v1", 256),
        // Each keeps the damage of every port, twice.
        ("zwlr_screencopy_manager_v1", 64),
        // Each is told of every toplevel.
        ("ext_foreign_toplevel_list_v1", 64),
        ("zwp_virtual_keyboard_v1", 64),
        ("zwlr_virtual_pointer_v1", 64),
        // One for each port and wish for another size, until the wish is answered.
        ("zwlr_output_configuration_head_v1", 512),
        // Each is told what is copied, and looked at when another one comes or goes.
        ("wl_data_device", 64),
        ("zwp_primary_selection_device_v1", 64),
        ("ext_data_control_device_v1", 64),
        ("zwlr_data_control_device_v1", 64),
        ("porthole_virtual_touch_v1", 64),
        ("porthole_seat_feedback_v1", 64),
        // One for each toplevel.
        ("wfd_stream_v1", 256),
        // Each is a seat, and is announced to all; a viewer has one.
        ("ext_transient_seat_v1", 64),
        // Each holds up to 256 types, offered to who has the focus.
        ("wl_data_source", 64),
        ("zwp_primary_selection_source_v1", 64),
        ("ext_data_control_source_v1", 64),
        ("zwlr_data_control_source_v1", 64),
        // Each holds up to four descriptors until it becomes a buffer.
        ("zwp_linux_buffer_params_v1", 256),
        // Each holds two descriptors.
        ("wp_security_context_v1", 64),
        // Each is told of every port, pipeline and stream, and of every change.
        ("wfd_manager_v1", 16),
        ("wfd_device_v1", 16),
        ("wfd_port_v1", 256),
        ("wfd_pipeline_v1", 1024),
        // Each is looked at with every frame of its port.
        ("wfd_safety_region_v1", 64),
        // Each is told of every account.
        ("porthole_accounts_v1", 16),
        // A process needs one; what the newest of them says is kept.
        ("porthole_process_v1", 16),
        // One waits for its frame, or for a picture.
        ("wfd_commit_v1", 1024),
        // Those that are made are counted apart: a source outlives its object while it is shown.
        // Each is told of every frame.
        ("wfd_trace_v1", 16),
        ("wfd_source_v1", 1024),
        ("wfd_mask_v1", 1024),
    ],
};

/// Bytes of address space for the pools of a client, mapped or not. The memory is the client's own,
/// but reading a hole in it takes a page that is counted as ours. 60 pictures at 3840 x 2160.
pub(crate) const POOL_BYTES: u64 = 2 << 30;

/// Bytes of pictures copied out of unsealed pools: two of the largest that are copied at all.
pub(crate) const COPIED_BYTES: u64 = 512 << 20;

/// Damage of one surface between two commits that is kept exactly. What is more is all of it: at
/// the commit it is made coarser anyway.
pub(crate) const DAMAGE_RECTS: u32 = 256;

/// Rectangles of one region. A round window has two for each of its rows.
pub(crate) const REGION_RECTS: usize = 1024;

/// Commits that wait for the parents of their subsurfaces, over all surfaces of a client. Each
/// keeps a state of up to 50 KiB with the two numbers above.
pub(crate) const WAITING_COMMITS: u32 = 2048;

/// How long a commit waits for the device that writes its picture. Drivers give up on a device that
/// hangs after ten seconds. Then it is shown as it is. No commit of another client waits for it.
pub(crate) const FENCE: Duration = Duration::from_secs(5);
