//! Pictures and masks that controllers gave: nobody else has them. Each has a file of its own, written
//! once, because ids are never given out twice and a picture does not change.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use porthole_core::model::{Device, FallbackPicture, Image, MaskId, SourceId, SourceKind};
use porthole_pixel::{Format, Size};

use super::file::{Folder, hash};
use crate::{pictures::Pictures, protocols::shm::Pixels, render::Coverage};

const TITLE: &str = "porthole-picture 1";
/// Bytes that all of them may have; what is beyond is not remembered.
const MOST: u64 = 32 << 20;

/// One of them.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    Image(Arc<Pixels>),
    Mask(Arc<Coverage>),
}

impl Kept {
    fn size(&self) -> Size {
        match self {
            Self::Image(pixels) => pixels.layout().size(),
            Self::Mask(mask) => mask.size(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Image(pixels) => {
                pixels.to_argb().into_iter().flat_map(u32::to_le_bytes).collect()
            }
            Self::Mask(mask) => mask.bytes().to_vec(),
        }
    }

    const fn pixel_bytes(&self) -> u64 {
        match self {
            Self::Image(_) => 4,
            Self::Mask(_) => 1,
        }
    }
}

/// All of them, by the numbers of their objects.
pub(super) type AllKept = BTreeMap<u32, Kept>;

/// Whether only a controller had it.
const fn is_controllers(image: &Image) -> bool {
    image.file.is_none()
}

/// Objects with their sizes.
type WithSize<T> = Vec<(T, Size)>;

/// The controllers' images and masks that are used.
fn used(device: &Device) -> (WithSize<SourceId>, WithSize<MaskId>) {
    let (mut sources, mut masks) = (BTreeSet::new(), BTreeSet::new());
    for (_, pipeline) in device.pipelines() {
        sources.extend(pipeline.source);
        masks.extend(pipeline.mask);
        if let FallbackPicture::Source(id) = pipeline.fallback.picture {
            sources.insert(id);
        }
    }
    let images = sources.into_iter().filter_map(|id| match &device.source(id)?.kind {
        SourceKind::Image(image) if is_controllers(image) => Some((id, image.size)),
        _ => None,
    });
    let masks = masks.into_iter().filter_map(|id| {
        let image = &device.mask(id)?.image;
        is_controllers(image).then_some((id, image.size))
    });
    (images.collect(), masks.collect())
}

/// What is to be kept of a device's pictures.
pub(super) fn of(device: &Device, pictures: &Pictures) -> AllKept {
    let (images, masks) = used(device);
    let image = |(id, _): (SourceId, _)| Some((id.get(), Kept::Image(pictures.image(id)?.clone())));
    let mask = |(id, _): (MaskId, _)| Some((id.get(), Kept::Mask(pictures.whole_mask(id)?)));
    let all = images.into_iter().filter_map(image).chain(masks.into_iter().filter_map(mask));
    let mut left = MOST;
    let fits = |(_, kept): &(u32, Kept)| {
        let bytes = kept.size().area().saturating_mul(kept.pixel_bytes());
        left.checked_sub(bytes).inspect(|rest| left = *rest).is_some()
    };
    all.filter(fits).collect()
}

fn name(id: u32) -> String {
    format!("picture-{id}")
}

/// Writes those that are not there yet.
pub(super) fn write(folder: &Folder, kept: &AllKept) -> io::Result<()> {
    if kept.is_empty() {
        return Ok(());
    }
    let there = folder.names_of("picture-")?;
    for (id, kept) in kept.iter().filter(|(id, _)| !there.contains(&name(**id))) {
        let Size { width, height } = kept.size();
        let body = kept.bytes();
        let title = format!("{TITLE} {width} {height} {} {:016x}\n", body.len(), hash([&body]));
        folder.put(&name(*id), &[title.into_bytes(), body].concat())?;
    }
    Ok(())
}

/// Removes those that are not kept any more, once nothing on the disk names them.
pub(super) fn clean(folder: &Folder, kept: &AllKept) -> io::Result<()> {
    let wanted: BTreeSet<String> = kept.keys().map(|id| name(*id)).collect();
    let there = folder.names_of("picture-")?;
    there.iter().filter(|name| !wanted.contains(*name)).try_for_each(|name| folder.remove(name))
}

/// Gives a device the pictures that were kept of it; false when one is missing or is not as it was.
pub(super) fn read(folder: &Folder, device: &Device, pictures: &mut Pictures) -> bool {
    let (images, masks) = used(device);
    let load = |id: u32, size: Size, pixel: u64| {
        let most = size.area().checked_mul(pixel).filter(|bytes| *bytes <= MOST)?;
        parse(&folder.get(&name(id), most + 200).ok()??, size, most)
    };
    for (id, size) in images {
        let pixels = load(id.get(), size, 4).and_then(|bytes| {
            let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
            Pixels::owned(Format::Argb8888, size, words.collect())
        });
        let Some(pixels) = pixels else { return false };
        pictures.add_image(id, Arc::new(pixels));
    }
    for (id, size) in masks {
        let mask = load(id.get(), size, 1).and_then(|bytes| Coverage::new(size, bytes));
        let Some(mask) = mask else { return false };
        pictures.add_mask(id, Arc::new(mask));
    }
    true
}

/// The body of a file, if it is whole and of this size.
fn parse(bytes: &[u8], size: Size, length: u64) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (title, body) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    let Size { width, height } = size;
    let wanted = format!("{TITLE} {width} {height} {length} {:016x}", hash([body]));
    (title == wanted.as_bytes() && body.len() as u64 == length).then(|| body.to_vec())
}
