//! What the display of crosvm does, without crosvm.

use porthole_tests::{
    Result, Service,
    program::{PoolMemory, Program},
    wait::{SHORT, wait_until},
};
use porthole_wayland::virtio_gpu_metadata::client::wp_virtio_gpu_metadata_v1::WpVirtioGpuMetadataV1;
use wayland_client::protocol::{
    wl_compositor::WlCompositor, wl_output::WlOutput, wl_seat::WlSeat, wl_shm::Format,
    wl_shm::WlShm, wl_subcompositor::WlSubcompositor,
};
use wayland_protocols::{
    wp::{
        linux_dmabuf::zv1::client::{
            zwp_linux_buffer_params_v1::Flags, zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
        },
        viewporter::client::wp_viewporter::WpViewporter,
    },
    xdg::shell::client::xdg_wm_base::XdgWmBase,
};

use crate::wayland_scene::picture;

/// `DRM_FORMAT_XRGB8888` of drm/drm_fourcc.h.
const XR24: u32 = 0x3432_5258;

/// A port with a layer for each of the two scanouts of a guest.
fn guest_service() -> Result<Service> {
    Service::start_with(
        r##"
version = 1
[[port]]
name = "main"
size = [64, 48]
background = "#102030"
[[guest]]
name = "ivi"
scanouts = 2
[[socket]]
name = "viewer"
rights = ["capture:main"]
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
rect = [8, 4, 40, 20]
order = 1
[[layer]]
name = "second"
port = "main"
guest = "ivi"
scanout = 1
rect = [0, 28, 40, 20]
order = 2
"##,
    )
}

/// What crosvm's own display does when it starts, request by request: the versions that it binds, a
/// pool of several buffers, a toplevel without an application id, and a commit before the first
/// picture.
#[test]
fn the_display_of_crosvm_starts_and_is_shown() -> Result<()> {
    let service = guest_service()?;
    let mut program = Program::connect(&service.socket("ivi")?)?;
    let handle = program.handle().clone();
    let compositor: WlCompositor = program.bind_at(3)?;
    let _subcompositor: WlSubcompositor = program.bind_at(1)?;
    let shm: WlShm = program.bind_at(1)?;
    let _seat: WlSeat = program.bind_at(5)?;
    let _output: WlOutput = program.bind_at(2)?;
    let dmabuf: ZwpLinuxDmabufV1 = program.bind_at(1)?;
    let shell: XdgWmBase = program.bind_at(1)?;
    let viewporter: WpViewporter = program.bind_at(1)?;
    program.roundtrip()?;

    let (width, height, size) = (40, 20, 40 * 20 * 4);
    let memory = PoolMemory::new(size * 3, false)?;
    let pixels: Vec<u8> =
        (0..size * 3 / 4).flat_map(|i| u32::try_from(i * 3).unwrap_or(0).to_le_bytes()).collect();
    memory.write(&pixels)?;
    let pool = shm.create_pool(memory.fd(), i32::try_from(size * 3).unwrap_or(0), &handle, ());
    let buffers: Vec<_> = (0..3)
        .map(|i| {
            let offset = i * i32::try_from(size).unwrap_or(0);
            pool.create_buffer(offset, width, height, width * 4, Format::Xrgb8888, &handle, ())
        })
        .collect();
    let surface = compositor.create_surface(&handle, ());
    let region = compositor.create_region(&handle, ());
    region.add(0, 0, width, height);
    surface.set_input_region(Some(&region));
    surface.set_opaque_region(Some(&region));
    region.destroy();
    let xdg_surface = shell.get_xdg_surface(&surface, &handle, ());
    let toplevel = xdg_surface.get_toplevel(&handle, ());
    toplevel.set_title("crosvm".into());
    surface.commit();
    program.roundtrip()?;
    let viewport = viewporter.get_viewport(&surface, &handle, ());
    surface.attach(buffers.first(), 0, 0);
    surface.damage(0, 0, width, height);
    pool.destroy();
    program.roundtrip()?;
    viewport.set_destination(width, height);
    surface.commit();

    // Then it shows one buffer after the other.
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    for (i, buffer) in (0_u32..).zip(&buffers) {
        let mark = program.log.len();
        surface.attach(Some(buffer), 0, 0);
        surface.damage(0, 0, width, height);
        program.frame(&surface);
        surface.commit();
        program.wait_for("a frame", mark, |l| l == "frame done")?;
        let seen = picture(&mut viewer)?;
        assert_eq!(seen.get(4 * 64 + 8).copied(), Some(i * 800 * 3));
        assert_eq!(seen.get(23 * 64 + 47).copied(), Some((i * 800 + 799) * 3));
    }

    // What its guest allocated comes as a dma-buf.
    let params = dmabuf.create_params(&handle, ());
    params.add(memory.fd(), 0, 0, 160, 0, 0);
    params.create(width, height, XR24, Flags::empty());
    program.roundtrip()?;
    params.destroy();
    assert!(program.made_buffer().is_some());
    Ok(())
}

/// With the metadata protocol its windows go to the layers of their scanouts.
#[test]
fn windows_that_name_their_scanout_have_its_layer() -> Result<()> {
    let service = guest_service()?;
    let mut program = Program::connect(&service.socket("ivi")?)?;
    let metadata: WpVirtioGpuMetadataV1 = program.bind_at(1)?;
    let mut viewer = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel("")?;
    let of_surface = metadata.get_surface_metadata(&toplevel.surface, program.handle(), ());
    let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
    buffer.paint(|_, _| 0xab_cdef)?;
    for (scanout, shown, empty) in [(1, 28 * 64, 4 * 64 + 8), (0, 4 * 64 + 8, 28 * 64)] {
        of_surface.set_scanout_id(scanout);
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.show(&buffer);
        program.wait_for("a frame", mark, |l| l == "frame done")?;
        let seen = picture(&mut viewer)?;
        assert_eq!(seen.get(shown), Some(&0xab_cdef), "scanout {scanout}");
        assert_ne!(seen.get(empty), Some(&0xab_cdef), "scanout {scanout}");
    }
    // A scanout that has no layer is not shown.
    of_surface.set_scanout_id(7);
    toplevel.show(&buffer);
    program.roundtrip()?;
    wait_until("the layers to be empty", SHORT, || {
        Ok((!picture(&mut viewer)?.contains(&0xab_cdef)).then_some(()))
    })?;

    let _second = metadata.get_surface_metadata(&toplevel.surface, program.handle(), ());
    let error = program.roundtrip().expect_err("two objects").to_string();
    assert!(error.contains("wp_virtio_gpu_metadata_v1 error 0"), "{error}");
    let names = Program::connect(&service.socket("viewer")?)?.global_names();
    assert!(!names.iter().any(|name| name == "wp_virtio_gpu_metadata_v1"), "for guests only");
    Ok(())
}
