//! Mechanism of the protocols that smithay 0.7 lacks or does badly, in the shape that it uses: a
//! state that owns the global, and a handler trait for what the compositor must decide. Nothing here
//! knows our `State`; policy is in `handlers`.

pub(crate) mod accounts;
pub(crate) mod alpha_modifier;
pub(crate) mod capture;
pub(crate) mod dmabuf;
pub(crate) mod foreign_toplevel;
pub(crate) mod globals;
pub(crate) mod output_management;
pub(crate) mod pacing;
pub(crate) mod process;
pub(crate) mod safety;
pub(crate) mod screencopy;
pub(crate) mod seat_feedback;
pub(crate) mod security_context;
pub(crate) mod shm;
pub(crate) mod stream;
pub(crate) mod tablet;
pub(crate) mod transient_seat;
pub(crate) mod virtio_gpu_metadata;
pub(crate) mod virtual_keyboard;
pub(crate) mod virtual_pointer;
pub(crate) mod virtual_touch;
pub(crate) mod wfd;
pub(crate) mod xdg_output;
