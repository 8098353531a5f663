//! Drawing through fbdev, the way that old programs and boot screens do.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};

use porthole_guest::Pattern;
use porthole_guest::pattern::Area;

const SYSFS: &str = "/sys/class/graphics/fb0";

/// Fills `/dev/fb0` with a pattern and returns its size.
pub(crate) fn draw(pattern: Pattern, seed: u32) -> io::Result<(u32, u32)> {
    let size = fs::read_to_string(format!("{SYSFS}/virtual_size"))?;
    let (width, height) = size
        .trim()
        .split_once(',')
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .ok_or_else(|| io::Error::other(format!("fb0 has the odd size {size}")))?;
    let depth = fs::read_to_string(format!("{SYSFS}/bits_per_pixel"))?;
    if depth.trim() != "32" {
        return Err(io::Error::other(format!("fb0 has {} bits per pixel", depth.trim())));
    }
    let stride = fs::read_to_string(format!("{SYSFS}/stride"))?;
    let stride: usize = stride.trim().parse().map_err(io::Error::other)?;
    let mut rows = vec![0; stride * height as usize];
    pattern.draw(seed, (width, height), Area::whole(width, height), stride, &mut rows);
    OpenOptions::new().write(true).open("/dev/fb0")?.write_all(&rows)?;
    Ok((width, height))
}
