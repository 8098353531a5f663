//! A viewer of one scanout, and the presenter that feeds it.

use std::path::Path;

use image::RgbImage;
use porthole_gpu_device::{BufferId, Event, Frame, Gpu};

/// How a compositor treats the buffers that it gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeping {
    /// Copies the pixels and releases at once.
    Nothing,
    /// Releases a buffer when the next one comes.
    Shown,
    /// Releases a buffer when the second next one comes.
    TwoShown,
}

impl Keeping {
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Shown, Self::TwoShown];

    const fn count(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Shown => 1,
            Self::TwoShown => 2,
        }
    }
}

/// What one scanout shows. Only pixels inside a frame's damage are looked at, so missing damage shows
/// as a wrong picture.
#[derive(Debug)]
pub(crate) struct Screen {
    keeping: Keeping,
    pub(crate) shown: Option<RgbImage>,
    held: Vec<(BufferId, u64)>,
}

impl Screen {
    pub(crate) const fn new(keeping: Keeping) -> Self {
        Self { keeping, shown: None, held: Vec::new() }
    }

    pub(crate) fn show(&mut self, frame: &Frame, gpu: &mut Gpu) -> Result<(), String> {
        let size = frame.layout.size();
        let same = |image: &RgbImage| image.dimensions() == (size.width, size.height);
        let mut image = self.shown.take().filter(same);
        let image = image.get_or_insert_with(|| RgbImage::new(size.width, size.height));
        for rect in frame.damage.rects() {
            for y in rect.top()..rect.bottom() {
                for x in rect.left()..rect.right() {
                    copy_pixel(frame, x.unsigned_abs(), y.unsigned_abs(), image)?;
                }
            }
        }
        self.shown = Some(image.clone());
        self.held.retain(|(buffer, _)| *buffer != frame.buffer);
        self.held.push((frame.buffer, frame.serial));
        while self.held.len() > self.keeping.count() {
            let (buffer, serial) = self.held.remove(0);
            gpu.buffer_released(frame.scanout, buffer, serial);
        }
        gpu.presented(frame.scanout, frame.serial);
        Ok(())
    }

    /// Compares with a PNG file.
    pub(crate) fn compare(&self, path: &Path) -> Result<(), String> {
        let expected = image::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let expected = expected.to_rgb8();
        let shown = self.shown.as_ref().ok_or("nothing is shown")?;
        if shown.dimensions() != expected.dimensions() {
            let (have, want) = (shown.dimensions(), expected.dimensions());
            return Err(format!("the screen is {have:?} instead of {want:?}"));
        }
        let pairs = shown.enumerate_pixels().zip(expected.pixels());
        let mut wrong = pairs.filter(|((_, _, have), want)| have != want);
        match wrong.next() {
            None => Ok(()),
            Some(((x, y, have), want)) => Err(format!(
                "pixel {x},{y} is {:?} instead of {:?}, and {} more differ",
                have.0,
                want.0,
                wrong.count()
            )),
        }
    }
}

fn copy_pixel(frame: &Frame, x: u32, y: u32, image: &mut RgbImage) -> Result<(), String> {
    let format = frame.layout.format();
    let outside = || format!("damage reaches outside the picture at {x},{y}");
    let row = frame.layout.row_offset(y).ok_or_else(outside)?;
    let offset = row + u64::from(x) * u64::from(format.bytes_per_pixel());
    let mut bytes = [0; 4];
    frame.memory.read_at(offset, &mut bytes).map_err(|error| error.to_string())?;
    let [red, green, blue, _] = format.rgba(&bytes).ok_or_else(outside)?;
    let pixel = image.get_pixel_mut_checked(x, y).ok_or_else(outside)?;
    pixel.0 = [red, green, blue];
    Ok(())
}

/// Hands what the device tells to the screens of its scanouts.
pub(crate) fn present(gpu: &mut Gpu, screens: &mut [Screen]) -> Result<(), String> {
    for event in gpu.take_events() {
        match event {
            Event::Frame(frame) => {
                let screen = screens.get_mut(frame.scanout).ok_or("no such scanout")?;
                screen.show(&frame, gpu)?;
            }
            Event::Disabled { scanout } => {
                if let Some(screen) = screens.get_mut(scanout) {
                    screen.shown = None;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
