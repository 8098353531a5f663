//! The picture that an earlier stage left on a screen, read before anything else is shown there.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::fd::AsFd,
};

use drm::{
    buffer::{self, DrmModifier},
    control::{Device as _, framebuffer::PlanarInfo},
};
use porthole_pixel::{Format, MAX_DIMENSION, Size};
use rustix::fs::{MemfdFlags, memfd_create};

use super::{Card, Found, request::shown_on};
use crate::protocols::shm::{Access, Mapping, Pixels};

impl Found {
    /// What the connector's screen shows.
    ///
    /// # Errors
    /// Says why it cannot be read: nothing is shown, or it does not lie in plain rows.
    pub(crate) fn picture(&self) -> io::Result<Pixels> {
        let card = &self.card;
        let nothing = || io::Error::other("the screen shows nothing");
        let id = shown_on(card, &self.info)?.ok_or_else(nothing)?;
        let info = card.get_planar_framebuffer(id);
        let info = info.map_err(|error| io::Error::other(error.to_string()))?;
        let [handle, ..] = info.buffers();
        let read = handle.map(|handle| read(card, handle, &info));
        // It is a handle of our own for this memory, one for each plane.
        let mut handles: Vec<u32> = info.buffers().into_iter().flatten().map(u32::from).collect();
        handles.sort_unstable();
        handles.dedup();
        for handle in handles.into_iter().filter_map(drm::control::from_u32) {
            let _ = card.close_buffer(handle);
        }
        read.unwrap_or_else(|| Err(io::Error::other("the kernel does not let it be read")))
    }
}

fn read(card: &Card, handle: buffer::Handle, info: &PlanarInfo) -> io::Result<Pixels> {
    let fourcc = info.pixel_format();
    let format = Format::from_fourcc(fourcc as u32);
    let format = format.ok_or_else(|| io::Error::other(format!("its pixels are of {fourcc}")))?;
    if info.modifier().is_some_and(|modifier| modifier != DrmModifier::Linear) {
        return Err(io::Error::other("its pixels do not lie row by row"));
    }
    let ((width, height), [stride, ..], [offset, ..]) =
        (info.size(), info.pitches(), info.offsets());
    let row = u64::from(width) * u64::from(format.bytes_per_pixel());
    if width.max(height) > MAX_DIMENSION || u64::from(stride) < row || row == 0 {
        return Err(io::Error::other("its size is not one of a screen"));
    }
    let length = u64::from(stride) * u64::from(height);
    let bytes = copy(card, handle, u64::from(offset), length)?;
    let rows = bytes.chunks_exact(usize::try_from(stride).unwrap_or(usize::MAX));
    let pixels = rows.flat_map(|all| {
        let row = all.get(..usize::try_from(row).unwrap_or(0)).unwrap_or_default();
        row.chunks_exact(format.bytes_per_pixel() as usize)
    });
    // Whatever its alpha says, there is nothing below it.
    let words = pixels.filter_map(|pixel| format.rgba(pixel));
    let words = words.map(|[r, g, b, _]| u32::from_be_bytes([255, r, g, b])).collect();
    Pixels::owned(Format::Xrgb8888, Size::new(width, height), words)
        .ok_or_else(|| io::Error::other("it is too short"))
}

/// The bytes of a buffer. The kernel copies them: what cannot be had is an error.
fn copy(card: &Card, handle: buffer::Handle, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let all = offset.checked_add(length).and_then(|all| usize::try_from(all).ok());
    let all = all.ok_or_else(|| io::Error::other("it is too large"))?;
    // Drivers that refuse this of what is not a plain buffer may export it.
    let mapped = drm_ffi::mode::dumbbuffer::map(card.as_fd(), handle.into(), 0, 0)
        .and_then(|mapped| Mapping::at(card, mapped.offset, all, Access::Read))
        .or_else(|_| {
            let exported = card.buffer_to_prime_fd(handle, drm::CLOEXEC)?;
            Mapping::new(exported, all, Access::Read)
        })?;
    let mut file = File::from(memfd_create("boot-picture", MemfdFlags::CLOEXEC)?);
    mapped.copy_to(&file, offset, length)?;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
