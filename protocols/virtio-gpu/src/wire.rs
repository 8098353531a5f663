//! Numbers of the wire format, by the names of the specification.

/// The device type number in virtio.
pub const DEVICE_ID: u32 = 16;
/// Index of the control queue.
pub const CONTROL_QUEUE: usize = 0;
/// Index of the cursor queue.
pub const CURSOR_QUEUE: usize = 1;

/// Bits of the feature word.
pub mod feature {
    /// The guest may ask for the EDID of a scanout.
    pub const EDID: u64 = 1 << 1;
    /// Resources can be named by a UUID towards other devices.
    pub const RESOURCE_UUID: u64 = 1 << 2;
    /// Resources can be blobs of memory.
    pub const RESOURCE_BLOB: u64 = 1 << 3;
}

/// Bits of `flags` in the header.
pub mod flag {
    /// The guest waits for this command to be complete.
    pub const FENCE: u32 = 1;
}

/// Bits of `events_read` and `events_clear` in the configuration space.
pub mod event {
    /// A scanout's size or presence has changed.
    pub const DISPLAY: u32 = 1;
}

/// Types of requests.
pub mod request {
    /// Asks for size and presence of all scanouts.
    pub const GET_DISPLAY_INFO: u32 = 0x0100;
    /// Makes a picture held by the host.
    pub const RESOURCE_CREATE_2D: u32 = 0x0101;
    /// Destroys a resource.
    pub const RESOURCE_UNREF: u32 = 0x0102;
    /// Shows a resource on a scanout.
    pub const SET_SCANOUT: u32 = 0x0103;
    /// Makes changes of a resource visible.
    pub const RESOURCE_FLUSH: u32 = 0x0104;
    /// Copies from guest memory into a resource.
    pub const TRANSFER_TO_HOST_2D: u32 = 0x0105;
    /// Names the guest memory behind a resource.
    pub const RESOURCE_ATTACH_BACKING: u32 = 0x0106;
    /// Forgets the guest memory behind a resource.
    pub const RESOURCE_DETACH_BACKING: u32 = 0x0107;
    /// Asks for a 3D capability set's version (no such set exists here).
    pub const GET_CAPSET_INFO: u32 = 0x0108;
    /// Asks for a 3D capability set (no such set exists here).
    pub const GET_CAPSET: u32 = 0x0109;
    /// Asks for the EDID of a scanout.
    pub const GET_EDID: u32 = 0x010a;
    /// Asks for a resource's UUID.
    pub const RESOURCE_ASSIGN_UUID: u32 = 0x010b;
    /// Makes a resource of guest memory.
    pub const RESOURCE_CREATE_BLOB: u32 = 0x010c;
    /// Shows a blob on a scanout.
    pub const SET_SCANOUT_BLOB: u32 = 0x010d;
    /// Sets the cursor's image and position.
    pub const UPDATE_CURSOR: u32 = 0x0300;
    /// Moves the cursor.
    pub const MOVE_CURSOR: u32 = 0x0301;
}

/// Types of responses.
pub mod reply {
    /// Done.
    pub const OK_NODATA: u32 = 0x1100;
    /// Sizes of the scanouts.
    pub const OK_DISPLAY_INFO: u32 = 0x1101;
    /// An EDID.
    pub const OK_EDID: u32 = 0x1104;
    /// A UUID.
    pub const OK_RESOURCE_UUID: u32 = 0x1105;
    /// Some other error.
    pub const ERR_UNSPEC: u32 = 0x1200;
    /// No memory or quota left.
    pub const ERR_OUT_OF_MEMORY: u32 = 0x1201;
    /// No such scanout.
    pub const ERR_INVALID_SCANOUT_ID: u32 = 0x1202;
    /// No such resource, or one exists already.
    pub const ERR_INVALID_RESOURCE_ID: u32 = 0x1203;
    /// No such 3D context.
    pub const ERR_INVALID_CONTEXT_ID: u32 = 0x1204;
    /// Another value is wrong.
    pub const ERR_INVALID_PARAMETER: u32 = 0x1205;
}
