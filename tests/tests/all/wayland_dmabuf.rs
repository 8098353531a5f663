//! Buffers by file descriptor, as VMMs and GPU programs hand them over.
//!
//! The machine needs no GPU: a sealed memfd stands for the memory. What only a real dma-buf does
//! (caches that the CPU must flush, memory that its exporter moves) is not tested here.

use std::os::fd::AsFd;

use porthole_tests::{
    Result, Service,
    program::{PoolMemory, Program},
};
use wayland_client::protocol::{
    wl_compositor::WlCompositor, wl_output::WlOutput, wl_seat::WlSeat, wl_shm::Format,
    wl_shm::WlShm, wl_subcompositor::WlSubcompositor,
};
use wayland_protocols::{
    wp::{
        linux_dmabuf::zv1::client::{
            zwp_linux_buffer_params_v1::{Flags, ZwpLinuxBufferParamsV1},
            zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
        },
        viewporter::client::wp_viewporter::WpViewporter,
    },
    xdg::shell::client::xdg_wm_base::XdgWmBase,
};

use crate::wayland_scene::{APP, picture, service};

/// `DRM_FORMAT_XRGB8888` of drm/drm_fourcc.h.
const XR24: u32 = 0x3432_5258;
const BACK: u32 = 0x10_2030;

fn params(
    program: &Program,
    memory: &PoolMemory,
    stride: u32,
    modifier: u32,
) -> Result<ZwpLinuxBufferParamsV1> {
    let dmabuf: ZwpLinuxDmabufV1 = program.bind_at(3)?;
    let params = dmabuf.create_params(program.handle(), ());
    params.add(memory.fd().as_fd(), 0, 0, stride, 0, modifier);
    Ok(params)
}

#[test]
fn linear_memory_is_shown_where_it_lies() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let toplevel = program.toplevel(APP)?;
    let memory = PoolMemory::new(40 * 20 * 4, true)?;
    let pixel = |i: u32| (i * 7) << 8 | (i % 40);
    memory.write(&(0..800).flat_map(|i| pixel(i).to_le_bytes()).collect::<Vec<_>>())?;
    let mark = program.log.len();
    let params = params(&program, &memory, 160, 0)?;
    params.create(40, 20, XR24, Flags::empty());
    program.wait_for("the formats", mark, |l| l == "dmabuf format 0x34325258 modifier 0 0")?;
    program.wait_for("the buffer", mark, |l| l == "buffer made")?;
    params.destroy();
    let buffer = program.made_buffer().expect("the buffer that was made");
    toplevel.surface.attach(Some(&buffer), 0, 0);
    toplevel.surface.damage_buffer(0, 0, 40, 20);
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |l| l == "frame done")?;
    let seen = picture(&mut program)?;
    for (i, word) in (0_u32..).zip(&seen) {
        let (x, y) = (i % 64, i / 64);
        let inside = (8..48).contains(&x) && (4..24).contains(&y);
        let want = if inside { pixel((y - 4) * 40 + x - 8) & 0xff_ffff } else { BACK };
        assert_eq!(*word, want, "{x},{y}");
    }
    // In use where it lies: free only when something else is shown.
    assert!(!program.log.since(mark).iter().any(|l| l.ends_with("released")));
    let other = program.buffer((40, 20), Format::Xrgb8888, true)?;
    toplevel.show(&other);
    program.wait_for("the release", mark, |l| l.ends_with("released"))
}

#[test]
fn what_cannot_be_read_here_fails_and_what_is_wrong_is_an_error() -> Result<()> {
    let service = service()?;
    let memory = PoolMemory::new(40 * 20 * 4, true)?;
    let connect = || Program::connect(&service.socket("viewer")?);

    // Tiled memory: nobody's mistake, so the client may try something else.
    let mut program = connect()?;
    params(&program, &memory, 160, 1)?.create(40, 20, XR24, Flags::empty());
    program.wait_for("the answer", 0, |l| l == "buffer failed")?;
    params(&program, &memory, 160, 0)?.create(40, 20, XR24, Flags::YInvert);
    program.roundtrip()?;
    assert_eq!(program.log.since(0).iter().filter(|l| *l == "buffer failed").count(), 2);

    type Describe = fn(&Program, &ZwpLinuxBufferParamsV1, &PoolMemory);
    let mistakes: [(&str, Describe); 7] = [
        ("error 0", |p, params, _| {
            params.create(40, 20, XR24, Flags::empty());
            params.create_immed(40, 20, XR24, Flags::empty(), p.handle(), ());
        }),
        ("error 1", |_, params, memory| params.add(memory.fd(), 4, 0, 160, 0, 0)),
        ("error 2", |_, params, memory| params.add(memory.fd(), 0, 0, 160, 0, 0)),
        ("error 3", |_, params, memory| {
            params.add(memory.fd(), 1, 0, 160, 0, 0);
            params.create(40, 20, XR24, Flags::empty());
        }),
        ("error 4", |_, params, _| params.create(40, 20, 7, Flags::empty())),
        ("error 5", |_, params, _| params.create(-40, 20, XR24, Flags::empty())),
        ("error 6", |_, params, _| params.create(40, 21, XR24, Flags::empty())),
    ];
    for (code, describe) in mistakes {
        let mut program = connect()?;
        let params = params(&program, &memory, 160, 0)?;
        describe(&program, &params, &memory);
        let error = program.roundtrip().expect_err(code).to_string();
        assert!(error.contains(&format!("zwp_linux_buffer_params_v1 {code}")), "{code}: {error}");
    }
    // The service goes on.
    connect()?.roundtrip()
}

/// A port with one layer for the first scanout of a guest.
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
[[socket]]
name = "viewer"
rights = ["capture:main"]
[[layer]]
name = "ivi"
port = "main"
guest = "ivi"
rect = [8, 4, 40, 20]
order = 1
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
