//! Everything together, with real guests and real viewers; a file for each subject.

#![forbid(unsafe_code)]

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod blobs;
#[cfg(test)]
mod boot_to_viewer;
#[cfg(test)]
mod bridge;
#[cfg(test)]
mod bridge_again;
#[cfg(test)]
mod bridge_clipboard;
#[cfg(test)]
mod bridge_clipboard_hostile;
#[cfg(test)]
mod bridge_death;
#[cfg(test)]
mod bridge_device;
#[cfg(test)]
mod bridge_firmware;
#[cfg(test)]
mod bridge_handover;
#[cfg(test)]
mod bridge_hostile;
#[cfg(test)]
mod bridge_libvirt;
#[cfg(test)]
mod bridge_linux;
#[cfg(test)]
mod choice;
#[cfg(test)]
mod clipboard_foreign;
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod confined;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod death_compositor;
#[cfg(test)]
mod death_controller;
#[cfg(test)]
mod death_device;
#[cfg(test)]
mod death_viewers;
#[cfg(test)]
mod demo_own;
#[cfg(test)]
mod guest_restart;
#[cfg(test)]
mod hostile_commands;
#[cfg(test)]
mod hostile_memory;
#[cfg(test)]
mod hostile_messages;
#[cfg(test)]
mod hostile_rings;
#[cfg(test)]
mod hostile_viewers;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod initramfs;
#[cfg(test)]
mod input;
#[cfg(test)]
mod kms;
#[cfg(test)]
mod kms_boot;
#[cfg(test)]
mod kms_cards;
#[cfg(test)]
mod kms_consoles;
#[cfg(test)]
mod kms_devices;
#[cfg(test)]
mod kms_dmabuf;
#[cfg(test)]
mod kms_gone;
#[cfg(test)]
mod kms_hotplug;
#[cfg(test)]
mod kms_input;
#[cfg(test)]
mod kms_pens;
#[cfg(test)]
mod kms_seatd;
#[cfg(test)]
mod kms_sleep;
#[cfg(test)]
mod layers_gone;
#[cfg(test)]
mod layers_port;
#[cfg(test)]
mod limits_table;
#[cfg(test)]
mod logind;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod mouse;
#[cfg(test)]
mod portholectl;
#[cfg(test)]
mod portholectl_watch;
#[cfg(test)]
mod priority;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod render_gles;
#[cfg(test)]
mod resize;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rig_plain;
#[cfg(test)]
mod second_viewer;
#[cfg(test)]
mod shot;
#[cfg(test)]
mod source_handover;
#[cfg(test)]
mod source_hostile;
#[cfg(test)]
mod source_qemu;
#[cfg(test)]
mod source_x;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod stock_programs;
#[cfg(test)]
mod strict_viewer;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod trace_vga;
#[cfg(test)]
mod two_guests;
#[cfg(test)]
mod under_systemd;
#[cfg(test)]
mod units;
#[cfg(test)]
mod vga_bios;
#[cfg(test)]
mod vga_firmware;
#[cfg(test)]
mod vga_foreign;
#[cfg(test)]
mod vga_guest;
#[cfg(test)]
mod vga_linux;
#[cfg(test)]
mod vga_ports;
#[cfg(test)]
mod vga_served;
#[cfg(test)]
mod viewer_sizes;
#[cfg(test)]
mod viewers_clipboard;
#[cfg(test)]
mod viewers_share;
#[cfg(test)]
mod wayland_capture;
#[cfg(test)]
mod wayland_capture_toplevel;
#[cfg(test)]
mod wayland_clipboard;
#[cfg(test)]
mod wayland_clipboard_guest;
#[cfg(test)]
mod wayland_constraints;
#[cfg(test)]
mod wayland_crosvm;
#[cfg(test)]
mod wayland_direct;
#[cfg(test)]
mod wayland_dmabuf;
#[cfg(test)]
mod wayland_files;
#[cfg(test)]
mod wayland_flood;
#[cfg(test)]
mod wayland_input;
#[cfg(test)]
mod wayland_lamps;
#[cfg(test)]
mod wayland_limits;
#[cfg(test)]
mod wayland_looks;
#[cfg(test)]
mod wayland_memory;
#[cfg(test)]
mod wayland_outputs;
#[cfg(test)]
mod wayland_pacing;
#[cfg(test)]
mod wayland_popup;
#[cfg(test)]
mod wayland_quotas;
#[cfg(test)]
mod wayland_sandbox;
#[cfg(test)]
mod wayland_scene;
#[cfg(test)]
mod wayland_screencopy;
#[cfg(test)]
mod wayland_seats;
#[cfg(test)]
mod wayland_sizing;
#[cfg(test)]
mod wayland_sockets;
#[cfg(test)]
mod wayland_streams;
#[cfg(test)]
mod wayland_toplevels;
#[cfg(test)]
mod wayland_touch;
#[cfg(test)]
mod wayland_typing;
#[cfg(test)]
mod wfd_blending;
#[cfg(test)]
mod wfd_commits;
#[cfg(test)]
mod wfd_control;
#[cfg(test)]
mod wfd_everywhere;
#[cfg(test)]
mod wfd_guests;
#[cfg(test)]
mod wfd_holes;
#[cfg(test)]
mod wfd_hostile;
#[cfg(test)]
mod wfd_random;
#[cfg(test)]
mod wfd_reference;
#[cfg(test)]
mod wfd_safety;
#[cfg(test)]
mod wfd_two_guests;
#[cfg(test)]
mod window;
#[cfg(test)]
mod window_clipboard;
#[cfg(test)]
mod window_devices;
#[cfg(test)]
mod window_handed;
#[cfg(test)]
mod window_lacks;
#[cfg(test)]
mod window_parents;
#[cfg(test)]
mod window_pointer;
#[cfg(test)]
mod window_touch;
