//! Buffers by file descriptor, as VMMs and GPU programs hand them over.
//!
//! The machine needs no GPU: a sealed memfd stands for the memory. What only a real dma-buf does
//! (caches that the CPU must flush, memory that its exporter moves) is not tested here.

use std::os::fd::AsFd;

use porthole_tests::{
    Result,
    program::{PoolMemory, Program},
};
use wayland_client::protocol::wl_shm::Format;
use wayland_protocols::wp::linux_dmabuf::zv1::client::{
    zwp_linux_buffer_params_v1::{Flags, ZwpLinuxBufferParamsV1},
    zwp_linux_dmabuf_v1::ZwpLinuxDmabufV1,
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
