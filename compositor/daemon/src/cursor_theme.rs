//! Pictures of the pointers that programs name instead of drawing them.

use std::{collections::HashMap, path::Path, sync::Arc};

use porthole_pixel::{Format, Size};
use smithay::input::pointer::CursorIcon;
use xcursor::{CursorTheme, parser};

use crate::protocols::{capture::CursorImage, shm::Pixels};

/// The side in pixels that is asked for when `XCURSOR_SIZE` says nothing.
const SIZE: u32 = 24;
/// The largest side, and the largest file, that is read: a theme is data of the machine, but no
/// reason to run out of memory.
const MAX_SIDE: u32 = 256;
const MAX_FILE: u64 = 16 << 20;

/// The pictures of the machine's theme, read when they are first named.
#[derive(Default)]
pub(crate) struct NamedCursors {
    theme: Option<(CursorTheme, u32)>,
    read: HashMap<CursorIcon, Option<CursorImage>>,
}

impl std::fmt::Debug for NamedCursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamedCursors").field("read", &self.read.keys()).finish_non_exhaustive()
    }
}

impl NamedCursors {
    /// The picture of a name; none when the machine has no theme, or the theme no such picture.
    pub(crate) fn get(&mut self, icon: CursorIcon) -> Option<CursorImage> {
        if let Some(known) = self.read.get(&icon) {
            return known.clone();
        }
        let (theme, size) = self.theme.get_or_insert_with(|| {
            let name = std::env::var("XCURSOR_THEME").unwrap_or_else(|_| "default".to_owned());
            let size = std::env::var("XCURSOR_SIZE").ok().and_then(|s| s.parse().ok());
            (CursorTheme::load(&name), size.unwrap_or(SIZE))
        });
        let names = std::iter::once(icon.name()).chain(icon.alt_names().iter().copied());
        let found = names.filter_map(|name| theme.load_icon(name)).find_map(|p| picture(&p, *size));
        self.read.insert(icon, found.clone());
        found
    }
}

/// The first picture of the size nearest to `size`.
fn picture(path: &Path, size: u32) -> Option<CursorImage> {
    if std::fs::metadata(path).ok()?.len() > MAX_FILE {
        return None;
    }
    let images = parser::parse_xcursor(&std::fs::read(path).ok()?)?;
    let fits = images.into_iter().filter(|i| i.width <= MAX_SIDE && i.height <= MAX_SIDE);
    let image = fits.min_by_key(|i| i.size.abs_diff(size))?;
    // The file has little-endian words of premultiplied ARGB.
    let words = image.pixels_rgba.as_chunks::<4>().0.iter();
    let words = words.map(|[b, g, r, a]| u32::from_be_bytes([*a, *r, *g, *b])).collect();
    let pixels = Pixels::owned(Format::Argb8888, Size::new(image.width, image.height), words)?;
    let signed = |v: u32| i32::try_from(v).unwrap_or(0);
    Some(CursorImage {
        pixels: Arc::new(pixels),
        hotspot: (signed(image.xhot), signed(image.yhot)),
    })
}
