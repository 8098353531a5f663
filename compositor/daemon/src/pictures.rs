//! Pictures that are no client's surface: the splash's file, images, masks and fallbacks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{DynamicImage, ImageReader, Limits};
use porthole_core::{
    config::Config,
    model::{Device, Images, MaskId, SourceId, SourceKind},
    scene::Transform,
};
use porthole_pixel::{Format, Size};

use crate::{protocols::shm::Pixels, render::Coverage};

/// A picture file has at most this many pixels on a side: no port can show more.
const MAX_SIDE: u32 = porthole_pixel::MAX_DIMENSION;
/// Bytes that decoding may take.
const MAX_BYTES: u64 = 512 << 20;

/// Why a picture file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("{path}: {source}; give the path of a readable PNG file as '{key}'")]
    Read { path: String, key: &'static str, source: std::io::Error },
    #[error("{path}: {source}; '{key}' must be a PNG file of at most {MAX_SIDE} pixels a side")]
    Decode { path: String, key: &'static str, source: image::ImageError },
    #[error("{0}: the picture is empty")]
    Empty(String),
}

/// The picture files of a configuration, read.
#[derive(Debug, Default)]
pub(crate) struct Files {
    images: BTreeMap<PathBuf, Arc<Pixels>>,
    masks: BTreeMap<PathBuf, Arc<Coverage>>,
}

impl Files {
    /// Reads every file that layers name.
    pub(crate) fn load(config: &Config) -> Result<Self, PictureError> {
        let mut files = Self::default();
        for layer in &config.layers {
            if let Some(path) = &layer.mask
                && !files.masks.contains_key(path)
            {
                files.masks.insert(path.clone(), load_mask(path)?);
            }
            if let Some(path) = layer.fallback.picture.file()
                && !files.images.contains_key(path)
            {
                files.images.insert(path.to_owned(), load(path, "fallback")?);
            }
        }
        Ok(files)
    }

    /// How large they are.
    pub(crate) fn sizes(&self) -> Images {
        let images =
            self.images.iter().map(|(path, pixels)| (path.clone(), pixels.layout().size()));
        let masks = self.masks.iter().map(|(path, mask)| (path.clone(), mask.size()));
        images.chain(masks).collect()
    }
}

/// A mask, and how it lies on its port.
#[derive(Debug)]
struct Masking {
    mask: Arc<Coverage>,
    shown: (Transform, Arc<Coverage>),
}

impl Masking {
    fn new(mask: Arc<Coverage>) -> Self {
        Self { shown: (Transform::Normal, mask.clone()), mask }
    }

    fn turn(&mut self, by: Transform) {
        if self.shown.0 != by {
            self.shown = (by, Arc::new(self.mask.turned(by)));
        }
    }
}

/// The pixels of images and masks, by their handles.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    pub(crate) files: Files,
    images: BTreeMap<SourceId, Arc<Pixels>>,
    masks: BTreeMap<MaskId, Masking>,
}

impl Pictures {
    pub(crate) fn image(&self, id: SourceId) -> Option<&Arc<Pixels>> {
        self.images.get(&id)
    }

    /// A mask as it lies on its port.
    pub(crate) fn mask(&self, id: MaskId) -> Option<&Arc<Coverage>> {
        self.masks.get(&id).map(|masking| &masking.shown.1)
    }

    /// A mask as it was given.
    pub(crate) fn whole_mask(&self, id: MaskId) -> Option<Arc<Coverage>> {
        self.masks.get(&id).map(|masking| masking.mask.clone())
    }

    /// Keeps the pixels of a controller's image.
    pub(crate) fn add_image(&mut self, id: SourceId, pixels: Arc<Pixels>) {
        self.images.insert(id, pixels);
    }

    /// Keeps a controller's mask.
    pub(crate) fn add_mask(&mut self, id: MaskId, mask: Arc<Coverage>) {
        self.masks.insert(id, Masking::new(mask));
    }

    /// Forgets what the device no longer has, finds what it has of the configuration's files, and turns
    /// masks as their ports are turned.
    pub(crate) fn follow(&mut self, device: &Device) {
        self.images.retain(|id, _| device.source(*id).is_some());
        self.masks.retain(|id, _| device.mask(*id).is_some());
        for (id, source) in device.sources() {
            if let SourceKind::Image(image) = &source.kind
                && let Some(pixels) = image.file.as_ref().and_then(|f| self.files.images.get(f))
            {
                self.images.insert(id, pixels.clone());
            }
        }
        for (id, mask) in device.masks() {
            let file = mask.image.file.as_ref().and_then(|file| self.files.masks.get(file));
            if let Some(file) = file
                && self.masks.get(&id).is_none_or(|known| !Arc::ptr_eq(&known.mask, file))
            {
                self.masks.insert(id, Masking::new(file.clone()));
            }
            let port = device.pipeline(mask.pipeline).and_then(|p| device.port(p.port));
            if let (Some(masking), Some(port)) = (self.masks.get_mut(&id), port) {
                masking.turn(port.transform);
            }
        }
    }
}

fn decode(path: &Path, key: &'static str) -> Result<DynamicImage, PictureError> {
    let name = || path.display().to_string();
    let read = |source| PictureError::Read { path: name(), key, source };
    let mut reader = ImageReader::open(path).map_err(read)?.with_guessed_format().map_err(read)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|source| PictureError::Decode { path: name(), key, source })
}

/// Reads a PNG file's alpha, or its brightness where it has none.
fn load_mask(path: &Path) -> Result<Arc<Coverage>, PictureError> {
    let picture = decode(path, "mask")?;
    let size = Size::new(picture.width(), picture.height());
    let bytes = if picture.color().has_alpha() {
        picture.into_rgba8().pixels().map(|p| p.0[3]).collect()
    } else {
        picture.into_luma8().into_raw()
    };
    let mask = Coverage::new(size, bytes).filter(|_| !size.is_empty()).map(Arc::new);
    mask.ok_or_else(|| PictureError::Empty(path.display().to_string()))
}

/// Reads a PNG file, which the configuration names under `key`, as a premultiplied picture.
pub(crate) fn load(path: &Path, key: &'static str) -> Result<Arc<Pixels>, PictureError> {
    let picture = decode(path, key)?.into_rgba8();
    let size = Size::new(picture.width(), picture.height());
    let opaque = picture.pixels().all(|p| p.0[3] == 255);
    let words = picture.pixels().map(|p| premultiplied(p.0)).collect();
    let format = if opaque { Format::Xrgb8888 } else { Format::Argb8888 };
    let pixels = Pixels::owned(format, size, words).map(Arc::new);
    pixels.ok_or_else(|| PictureError::Empty(path.display().to_string()))
}

fn premultiplied([r, g, b, a]: [u8; 4]) -> u32 {
    let times = |v: u8| {
        let product = u32::from(v) * u32::from(a);
        // Exact division by 255 with rounding.
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    };
    u32::from_be_bytes([a, times(r), times(g), times(b)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn premultiplication_rounds_to_nearest() {
        assert_eq!(premultiplied([255, 128, 0, 255]), 0xffff_8000);
        assert_eq!(premultiplied([255, 128, 1, 128]), 0x8080_4001);
        assert_eq!(premultiplied([9, 9, 9, 0]), 0);
    }

    #[test]
    fn a_missing_or_wrong_file_says_what_to_do() {
        let error = load(Path::new("/nonexistent/splash.png"), "splash").unwrap_err().to_string();
        assert!(error.contains("splash.png") && error.contains("PNG"), "{error}");
    }

    #[test]
    fn a_mask_is_alpha_or_brightness() {
        let folder = tempfile::tempdir().unwrap();
        let (alpha, grey) = (folder.path().join("alpha.png"), folder.path().join("grey.png"));
        image::RgbaImage::from_raw(2, 1, vec![255, 255, 255, 0, 0, 0, 0, 255])
            .unwrap()
            .save(&alpha)
            .unwrap();
        image::GrayImage::from_raw(2, 1, vec![7, 200]).unwrap().save(&grey).unwrap();
        assert_eq!(load_mask(&alpha).unwrap().bytes(), [0, 255]);
        assert_eq!(load_mask(&grey).unwrap().bytes(), [7, 200]);
    }
}
