//! The state of a device as plain data, for snapshots.

use std::sync::Arc;

use porthole_pixel::{Rect, Region, Size};
use porthole_virtio_gpu::{
    BlobFramebuffer, Entry, ErrorCode, WireRect, format_code, format_from_code,
};
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::gpu::{Gpu, ledger};
use crate::guest::Backing;
use crate::options::Options;
use crate::resource::{Content, Resource, picture_bytes};
use crate::scanout::{Scanout, Source};
use porthole_picture::Picture;

/// A snapshot does not fit this device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestoreError {
    /// The number of scanouts differs.
    #[error("the snapshot has another number of scanouts")]
    Scanouts,
    /// A resource is not as a guest could have made it, or exceeds the quotas.
    #[error("resource {0} of the snapshot cannot be made")]
    Resource(u32),
    /// A scanout shows what cannot be shown.
    #[error("scanout {0} of the snapshot cannot be shown")]
    Scanout(usize),
}

/// Everything of a device that a guest can tell, contents of pictures included. What waits for
/// presentation is not part of it: its answers belong to the queues.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    events_read: u32,
    next_uuid: u64,
    resources: Vec<SavedResource>,
    scanouts: Vec<SavedScanout>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedResource {
    id: u32,
    uuid: Option<[u8; 16]>,
    backing: Option<SavedBacking>,
    content: SavedContent,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedBacking {
    /// Addresses and lengths, [`ENTRY`] bytes for each piece of memory: a list of numbers could take
    /// far more memory than its file.
    #[serde(with = "serde_bytes")]
    entries: Vec<u8>,
    in_ram: bool,
}

/// Bytes of an address and a length.
const ENTRY: usize = 12;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum SavedContent {
    Picture {
        format: u32,
        size: (u32, u32),
        #[serde(with = "serde_bytes")]
        pixels: Option<Vec<u8>>,
    },
    Blob {
        size: u64,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedScanout {
    wanted: Option<(u32, u32)>,
    last_wanted: (u32, u32),
    refresh_mhz: u32,
    millimetres: (u32, u32),
    source: Option<SavedSource>,
    cursor: SavedCursor,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedSource {
    resource: u32,
    rect: [u32; 4],
    seen: bool,
    blob: Option<SavedBlob>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedBlob {
    format: u32,
    size: (u32, u32),
    stride: u32,
    offset: u32,
    stale: bool,
    #[serde(with = "serde_bytes")]
    pixels: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SavedCursor {
    position: (i32, i32),
    hot: (u32, u32),
    #[serde(with = "serde_bytes")]
    pixels: Option<Vec<u8>>,
    visible: bool,
}

impl Gpu {
    /// Everything that a guest can tell about this device.
    #[must_use]
    pub fn save(&self) -> State {
        State {
            events_read: self.config.events_read,
            next_uuid: self.next_uuid,
            resources: self.resources.iter().map(|(id, one)| save_resource(*id, one)).collect(),
            scanouts: self.scanouts.iter().map(save_scanout).collect(),
        }
    }

    /// A device in a saved state. All that it shows comes as new events.
    ///
    /// # Errors
    /// When the state does not fit the options or no device could be in it: a snapshot is a file
    /// like any other.
    pub fn restore(options: &Options, state: &State) -> Result<Self, RestoreError> {
        let mut gpu = Self::new(options);
        if state.scanouts.len() != gpu.scanouts.len() {
            return Err(RestoreError::Scanouts);
        }
        gpu.config.events_read = state.events_read;
        gpu.next_uuid = state.next_uuid;
        for saved in &state.resources {
            gpu.restore_resource(saved).map_err(|_| RestoreError::Resource(saved.id))?;
        }
        for (index, saved) in state.scanouts.iter().enumerate() {
            gpu.restore_scanout(index, saved).map_err(|_| RestoreError::Scanout(index))?;
        }
        Ok(gpu)
    }

    fn restore_resource(&mut self, saved: &SavedResource) -> Result<(), ErrorCode> {
        let backing = saved.backing.as_ref().map(|saved| self.restore_backing(saved));
        let backing = backing.transpose()?;
        let (content, bytes) = match &saved.content {
            SavedContent::Picture { format, size, pixels } => {
                let format = format_from_code(*format).ok_or(ErrorCode::Parameter)?;
                let size = Size::new(size.0, size.1);
                let bytes = picture_bytes(size)?;
                self.afford(bytes)?;
                let mut picture = Picture::new(format, size);
                self.fill(&mut picture, pixels.as_deref())?;
                (Content::Picture(picture), bytes)
            }
            SavedContent::Blob { size } => (Content::Blob(*size), 0),
        };
        let full = self.resources.len() >= self.quotas.resources;
        if saved.id == 0 || full || self.resources.contains_key(&saved.id) {
            return Err(ErrorCode::ResourceId);
        }
        let mut resource = Resource::new(content, backing, bytes);
        resource.uuid = saved.uuid;
        self.entries = self.entries.saturating_add(resource.entries());
        self.bytes += bytes;
        self.resources.insert(saved.id, resource);
        Ok(())
    }

    fn restore_backing(&self, saved: &SavedBacking) -> Result<Backing, ErrorCode> {
        let (entries, rest) = saved.entries.as_chunks::<ENTRY>();
        let sum = self.entries.saturating_add(entries.len());
        if sum > self.quotas.entries || entries.is_empty() || !rest.is_empty() {
            return Err(ErrorCode::OutOfMemory);
        }
        let entry = |[a, b, c, d, e, f, g, h, i, j, k, l]: &[u8; ENTRY]| {
            let address = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            Entry { address, length: u32::from_le_bytes([*i, *j, *k, *l]) }
        };
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        if entries.iter().any(|entry| entry.length == 0) {
            return Err(ErrorCode::Parameter);
        }
        Ok(Backing::restored(entries, saved.in_ram))
    }

    /// Draws saved pixels, if there are any.
    fn fill(&mut self, picture: &mut Picture, pixels: Option<&[u8]>) -> Result<(), ErrorCode> {
        let Some(pixels) = pixels else { return Ok(()) };
        let all = Rect::from_size(picture.size());
        let copy = |bytes: &mut [u8]| {
            let fits = bytes.len() == pixels.len();
            if fits {
                bytes.copy_from_slice(pixels);
            }
            fits
        };
        match picture.draw(all, true, ledger(&self.holds, &mut self.counters), copy) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ErrorCode::Parameter),
            Err(_) => Err(ErrorCode::OutOfMemory),
        }
    }

    fn restore_scanout(&mut self, index: usize, saved: &SavedScanout) -> Result<(), ErrorCode> {
        let number = u32::try_from(index).map_err(|_| ErrorCode::ScanoutId)?;
        if let Some(source) = &saved.source {
            self.restore_source(index, number, source)?;
        }
        let scanout = self.scanouts.get_mut(index).ok_or(ErrorCode::ScanoutId)?;
        let size = |(width, height)| Size::new(width, height);
        // First the last size that was wanted, which stays when none is.
        scanout.want(Some(size(saved.last_wanted)));
        scanout.want(saved.wanted.map(size));
        scanout.describe(saved.refresh_mhz, saved.millimetres);
        let SavedCursor { position, hot, pixels, visible } = &saved.cursor;
        let pixels = pixels.as_ref().map(|pixels| Arc::from(pixels.as_slice()));
        if pixels.as_ref().is_some_and(|pixels: &Arc<[u8]>| pixels.len() != 64 * 64 * 4) {
            return Err(ErrorCode::Parameter);
        }
        let hot = (hot.0.min(63), hot.1.min(63));
        scanout.cursor = Cursor::restored(*position, hot, pixels, *visible);
        Ok(())
    }

    fn restore_source(
        &mut self,
        index: usize,
        number: u32,
        saved: &SavedSource,
    ) -> Result<(), ErrorCode> {
        let [x, y, width, height] = saved.rect;
        let rect = WireRect { x, y, width, height };
        // A resource may be shown whose backing is gone; the commands do not make such a thing.
        let resource = self.resources.get_mut(&saved.resource).ok_or(ErrorCode::ResourceId)?;
        let detached = resource.backing.is_none();
        if detached {
            resource.backing = Some(Backing::default());
        }
        match &saved.blob {
            None => drop(self.place_picture(index, saved.resource, rect)?),
            Some(blob) => {
                let size = Size::new(blob.size.0, blob.size.1);
                let format = format_from_code(blob.format);
                let SavedBlob { stride, offset, .. } = *blob;
                let framebuffer = BlobFramebuffer { format, size, stride, offset };
                drop(self.set_scanout_blob(number, saved.resource, rect, framebuffer)?);
                self.restore_view(index, blob)?;
            }
        }
        if detached && let Some(resource) = self.resources.get_mut(&saved.resource) {
            resource.backing = None;
        }
        if saved.seen {
            self.show(index, Region::new())?;
        }
        Ok(())
    }

    fn restore_view(&mut self, index: usize, saved: &SavedBlob) -> Result<(), ErrorCode> {
        let source = self.scanouts.get_mut(index).and_then(|scanout| scanout.source.as_mut());
        let Some(view) = source.and_then(|source| source.blob.as_mut()) else { return Ok(()) };
        let mut picture = Picture::new(view.picture.format(), view.picture.size());
        std::mem::swap(&mut picture, &mut view.picture);
        let filled = self.fill(&mut picture, saved.pixels.as_deref());
        let source = self.scanouts.get_mut(index).and_then(|scanout| scanout.source.as_mut());
        if let Some(view) = source.and_then(|source| source.blob.as_mut()) {
            view.picture = picture;
            view.stale = saved.stale;
        }
        filled
    }
}

fn save_resource(id: u32, resource: &Resource) -> SavedResource {
    let content = match &resource.content {
        Content::Picture(picture) => SavedContent::Picture {
            format: format_code(picture.format()).unwrap_or_default(),
            size: (picture.size().width, picture.size().height),
            pixels: pixels(picture),
        },
        Content::Blob(size) => SavedContent::Blob { size: *size },
    };
    let backing = resource.backing.as_ref().map(save_backing);
    SavedResource { id, uuid: resource.uuid, backing, content }
}

fn save_backing(backing: &Backing) -> SavedBacking {
    let mut entries = Vec::with_capacity(backing.entries().len() * ENTRY);
    for Entry { address, length } in backing.entries() {
        entries.extend(address.to_le_bytes());
        entries.extend(length.to_le_bytes());
    }
    SavedBacking { entries, in_ram: backing.in_ram() }
}

fn pixels(picture: &Picture) -> Option<Vec<u8>> {
    if picture.drawn() { picture.content() } else { None }
}

fn save_scanout(scanout: &Scanout) -> SavedScanout {
    let Cursor { position, hot, visible, .. } = scanout.cursor;
    SavedScanout {
        wanted: scanout.wanted.map(|size| (size.width, size.height)),
        last_wanted: (scanout.last_wanted.width, scanout.last_wanted.height),
        refresh_mhz: scanout.refresh_mhz,
        millimetres: scanout.millimetres,
        source: scanout.source.as_ref().map(save_source),
        cursor: SavedCursor {
            position,
            hot,
            pixels: scanout.cursor.pixels.as_ref().map(|pixels| pixels.to_vec()),
            visible,
        },
    }
}

fn save_source(source: &Source) -> SavedSource {
    let Rect { x, y, width, height } = source.rect;
    SavedSource {
        resource: source.resource,
        rect: [x, y, width, height].map(i32::unsigned_abs),
        seen: source.seen,
        blob: source.blob.as_ref().map(|view| SavedBlob {
            format: format_code(view.format).unwrap_or_default(),
            size: (view.framebuffer.width, view.framebuffer.height),
            stride: view.stride,
            offset: view.offset,
            stale: view.stale,
            pixels: pixels(&view.picture),
        }),
    }
}
