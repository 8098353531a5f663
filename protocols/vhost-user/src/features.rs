//! Feature bits that the transport itself deals with.

/// Interrupt even when the driver suppressed it and the ring ran empty (legacy drivers).
pub const F_NOTIFY_ON_EMPTY: u64 = 1 << 24;
/// The dirty log of live migration (`VHOST_F_LOG_ALL`). Not offered.
pub const F_LOG_ALL: u64 = 1 << 26;
/// Descriptors may be laid out in any way.
pub const F_ANY_LAYOUT: u64 = 1 << 27;
/// Indirect descriptor tables.
pub const F_INDIRECT: u64 = 1 << 28;
/// Event indices instead of a flag for suppressing notifications.
pub const F_EVENT_IDX: u64 = 1 << 29;
/// vhost-user protocol features exist (`VHOST_USER_F_PROTOCOL_FEATURES`); not a virtio bit.
pub const F_PROTOCOL_FEATURES: u64 = 1 << 30;
/// The virtio 1.0 layout.
pub const F_VERSION_1: u64 = 1 << 32;
/// A single queue can be reset.
pub const F_RING_RESET: u64 = 1 << 40;

/// What every device offers besides its own bits.
///
/// QEMU's `vhost-user-gpu-pci` passes the guest's features on unfiltered, so a device must
/// offer everything that QEMU's virtio core offers by itself, or it would be handed
/// bits that it never offered.
pub const TRANSPORT: u64 = F_NOTIFY_ON_EMPTY
    | F_ANY_LAYOUT
    | F_INDIRECT
    | F_EVENT_IDX
    | F_PROTOCOL_FEATURES
    | F_VERSION_1
    | F_RING_RESET;

/// Protocol features (`GET_PROTOCOL_FEATURES`), as bits.
pub mod protocol {
    /// `GET_QUEUE_NUM` exists.
    pub const MQ: u64 = 1 << 0;
    /// The front-end may ask for an acknowledgement of any request.
    pub const REPLY_ACK: u64 = 1 << 3;
    /// `SET_BACKEND_REQ_FD` exists: a socket for requests of the back-end.
    pub const BACKEND_REQ: u64 = 1 << 5;
    /// `GET_CONFIG` and `SET_CONFIG` exist.
    pub const CONFIG: u64 = 1 << 9;
    /// `GET_INFLIGHT_FD` exists. Not offered.
    pub const INFLIGHT_SHMFD: u64 = 1 << 12;
    /// `RESET_DEVICE` exists.
    pub const RESET_DEVICE: u64 = 1 << 13;
    /// `ADD_MEM_REG` and `REM_MEM_REG` exist: memory can be plugged region by region.
    pub const CONFIGURE_MEM_SLOTS: u64 = 1 << 15;
    /// `SET_DEVICE_STATE_FD` and `CHECK_DEVICE_STATE` exist: the device's state can go to another process.
    pub const DEVICE_STATE: u64 = 1 << 19;
    /// `SET_STATUS` and `GET_STATUS` exist. Not offered; the requests are understood.
    pub const STATUS: u64 = 1 << 16;

    /// What Porthole's devices offer.
    pub const OFFERED: u64 =
        MQ | REPLY_ACK | BACKEND_REQ | CONFIG | RESET_DEVICE | CONFIGURE_MEM_SLOTS | DEVICE_STATE;
}
