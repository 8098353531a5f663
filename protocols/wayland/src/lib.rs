//! Wayland protocols that `wayland-protocols` does not have: Porthole's own, and those of VMMs. Each
//! is an XML file beside this crate's source and the code that `wayland-scanner` makes of it; what the
//! requests mean is written in the XML.

#![forbid(unsafe_code)]

/// The code of one protocol, for the sides that are asked for.
macro_rules! protocol {
    ($file:literal) => {
        #[cfg(feature = "client")]
        pub use self::generated::client;
        #[cfg(feature = "server")]
        pub use self::generated::server;

        // Tells cargo that the code depends on the file.
        const _: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file));

        #[allow(
            dead_code,
            missing_docs,
            missing_debug_implementations,
            non_camel_case_types,
            non_upper_case_globals,
            rustdoc::all,
            unreachable_pub,
            unused_imports,
            unused_variables,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction,
            reason = "the code is generated"
        )]
        mod generated {
            #[cfg(feature = "client")]
            pub mod client {
                use bitflags;
                use wayland_client;
                use wayland_client::protocol::*;

                pub mod __interfaces {
                    use wayland_client::protocol::__interfaces::*;
                    wayland_scanner::generate_interfaces!($file);
                }
                use self::__interfaces::*;
                wayland_scanner::generate_client_code!($file);
            }

            #[cfg(feature = "server")]
            pub mod server {
                use bitflags;
                use wayland_server;
                use wayland_server::protocol::*;

                pub mod __interfaces {
                    use wayland_server::protocol::__interfaces::*;
                    wayland_scanner::generate_interfaces!($file);
                }
                use self::__interfaces::*;
                wayland_scanner::generate_server_code!($file);
            }
        }
    };
}

/// `wfd_stream_v1`: what the layout wants of a guest's display, and how the guest is.
pub mod stream {
    protocol!("./wfd-stream-v1.xml");
}

/// `porthole_seat_feedback_v1`: what the devices of a seat are to do, for whoever has them.
pub mod seat_feedback {
    protocol!("./porthole-seat-feedback-v1.xml");
}

/// `porthole_virtual_touch_v1`: touch screens made by clients.
pub mod virtual_touch {
    protocol!("./porthole-virtual-touch-v1.xml");
}

/// `wp_virtio_gpu_metadata_v1`: which display of a guest a surface is.
pub mod virtio_gpu_metadata {
    protocol!("./virtio-gpu-metadata-v1.xml");
}

/// `wfd_v1`: control of ports and layers in the way of OpenWF Display.
pub mod wfd {
    protocol!("./wfd-v1.xml");
}

/// `wfd_safety_v1`: signatures of what an output really shows.
pub mod safety {
    protocol!("./wfd-safety-v1.xml");
}

/// `porthole_account_v1`: what each guest and each socket uses, and may use.
pub mod account {
    protocol!("./porthole-account-v1.xml");
}

/// `porthole_process_v1`: how a process stands, and what it says of its work.
pub mod process {
    protocol!("./porthole-process-v1.xml");
}
