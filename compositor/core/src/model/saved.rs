//! A device as numbers and words, to be remembered while the service does not run.
//!
//! Values are spelled as in the configuration where it has a spelling. What is read back passes the same
//! checks as a commit, so that a changed or invented file can give no device that a controller could not
//! have made.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use porthole_pixel::{Rect, Region, Size};
use serde::{Deserialize, Serialize};

use super::{
    ColorKey, CommitError, Device, Fallback, FallbackPicture, Flags, Gamma, Hole, Image, Mask,
    MaskId, Mode, Pending, Pipeline, PipelineId, Port, PortId, Scope, Source, SourceId, SourceKind,
    Transition, Transparency, ids::Ids,
};
use crate::color::Color;
use crate::config::{Content, limits};
use crate::name::Name;
use crate::refresh::Refresh;
use crate::scale::Scale;
use crate::scene::{Sizing, SourceRect, Transform};

mod words;

use words::{InputWord, PowerWord, SizingWords};

/// All of a [`Device`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The highest id that was ever given out.
    last_id: u32,
    ports: Vec<SavedPort>,
    pipelines: Vec<SavedPipeline>,
    sources: Vec<SavedSource>,
    masks: Vec<SavedMask>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPort {
    id: u32,
    name: String,
    size: [u32; 2],
    millihertz: u32,
    scale: f64,
    background: String,
    transform: (bool, u32),
    power: PowerWord,
    gamma: f64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPipeline {
    id: u32,
    port: u32,
    source: Option<u32>,
    mask: Option<u32>,
    name: Option<String>,
    layer: i32,
    crop: Option<[f64; 4]>,
    rect: (i32, i32, i32, i32),
    transform: (bool, u32),
    transparency: u32,
    opacity: f32,
    key: String,
    hole: Vec<(i32, i32, i32, i32)>,
    sizing: SizingWords,
    keyboard: bool,
    input: InputWord,
    fallback: SavedFallback,
    deadline_ms: Option<u64>,
    limit_millihertz: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SavedFallback {
    Hide,
    Last,
    Source(u32),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSource {
    id: u32,
    pipeline: u32,
    shows: SavedKind,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum SavedKind {
    Guest { name: String, scanout: u32 },
    App { socket: String, app_id: String },
    Image { size: [u32; 2], file: Option<PathBuf> },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedMask {
    id: u32,
    pipeline: u32,
    size: [u32; 2],
    file: Option<PathBuf>,
}

/// Why there is no device for what was remembered.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum RestoreError {
    /// A value is none that a device can have.
    #[error("a {0} is none that there can be")]
    Value(&'static str),
    /// An id is there twice, or is none that was given out.
    #[error("the id {0} is not right")]
    Id(u32),
    /// The values do not agree with each other.
    #[error(transparent)]
    Device(#[from] CommitError),
}

type Restored<T> = Result<T, RestoreError>;

/// A value that its own type accepts.
fn value<T>(what: &'static str, found: Option<T>) -> Restored<T> {
    found.ok_or(RestoreError::Value(what))
}

fn name(text: &str) -> Restored<Name> {
    value("name", Name::new(text).ok())
}

fn refresh(millihertz: u32) -> Restored<Refresh> {
    value("rate", Refresh::from_hz(f64::from(millihertz) / 1000.0))
}

fn transform((mirrored, quarters): (bool, u32)) -> Restored<Transform> {
    value("transform", (quarters < 4).then(|| Transform::from_wfd((false, mirrored), quarters)))
}

const fn sides(size: Size) -> [u32; 2] {
    [size.width, size.height]
}

const fn size([width, height]: [u32; 2]) -> Size {
    Size::new(width, height)
}

const fn corners(rect: Rect) -> (i32, i32, i32, i32) {
    (rect.x, rect.y, rect.width, rect.height)
}

const fn rect((x, y, width, height): (i32, i32, i32, i32)) -> Rect {
    Rect::new(x, y, width, height)
}

impl Device {
    /// All of it, to be remembered.
    #[must_use]
    pub fn save(&self) -> Saved {
        Saved {
            last_id: self.ids.last(),
            ports: self.ports.iter().map(|(id, port)| SavedPort::of(*id, port)).collect(),
            pipelines: self.pipelines.iter().map(|(id, p)| SavedPipeline::of(*id, p)).collect(),
            sources: self.sources.iter().map(|(id, s)| SavedSource::of(*id, s)).collect(),
            masks: self.masks.iter().map(|(id, mask)| SavedMask::of(*id, mask)).collect(),
        }
    }

    /// The device that was remembered, with the same ids.
    ///
    /// # Errors
    /// When it is not one.
    pub fn restore(saved: &Saved) -> Result<Self, RestoreError> {
        let mut ids = BTreeSet::new();
        for id in saved.all_ids() {
            if id == 0 || id > saved.last_id || !ids.insert(id) {
                return Err(RestoreError::Id(id));
            }
        }
        let mut device = Self { ids: Ids::after(saved.last_id), ..Self::default() };
        let mut pending = Pending::new();
        for port in &saved.ports {
            port.create(&mut pending)?;
        }
        for pipeline in &saved.pipelines {
            pending.create_pipeline(pipeline.id()?, value("port", PortId::new(pipeline.port))?);
        }
        for source in &saved.sources {
            source.create(&mut pending)?;
        }
        for mask in &saved.masks {
            let image = Image { size: size(mask.size), file: mask.file.clone() };
            let pipeline = value("pipeline", PipelineId::new(mask.pipeline))?;
            pending.create_mask(value("mask", MaskId::new(mask.id))?, Mask { pipeline, image });
        }
        for pipeline in &saved.pipelines {
            pipeline.set(&mut pending)?;
        }
        device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)?;
        Ok(device)
    }

    /// An empty device whose ids are all higher than this, where it is not known which were used.
    #[must_use]
    pub fn with_ids_after(last: u32) -> Self {
        Self { ids: Ids::after(last), ..Self::default() }
    }
}

impl Saved {
    /// The highest id that was ever given out.
    #[must_use]
    pub const fn last_id(&self) -> u32 {
        self.last_id
    }

    fn all_ids(&self) -> impl Iterator<Item = u32> + '_ {
        let ports = self.ports.iter().map(|port| port.id);
        let pipelines = self.pipelines.iter().map(|pipeline| pipeline.id);
        let sources = self.sources.iter().map(|source| source.id);
        ports.chain(pipelines).chain(sources).chain(self.masks.iter().map(|mask| mask.id))
    }
}

impl SavedPort {
    fn of(id: PortId, port: &Port) -> Self {
        Self {
            id: id.get(),
            name: port.name.to_string(),
            size: sides(port.mode.size),
            millihertz: port.mode.refresh.millihertz(),
            scale: port.mode.scale.factor(),
            background: port.background.to_string(),
            transform: port.transform.parts(),
            power: port.power.into(),
            gamma: port.gamma.value(),
        }
    }

    fn create(&self, pending: &mut Pending) -> Restored<()> {
        let mode = Mode {
            size: size(self.size),
            refresh: refresh(self.millihertz)?,
            scale: value("scale", Scale::new(self.scale))?,
        };
        let port = Port {
            background: value("colour", Color::parse(&self.background))?,
            transform: transform(self.transform)?,
            power: self.power.into(),
            gamma: value("gamma", Gamma::new(self.gamma))?,
            ..Port::new(name(&self.name)?, mode)
        };
        Ok(pending.create_port(value("port", PortId::new(self.id))?, port)?)
    }
}

impl SavedPipeline {
    fn of(id: PipelineId, pipeline: &Pipeline) -> Self {
        Self {
            id: id.get(),
            port: pipeline.port.get(),
            source: pipeline.source.map(SourceId::get),
            mask: pipeline.mask.map(MaskId::get),
            name: pipeline.name.as_ref().map(ToString::to_string),
            layer: pipeline.layer,
            crop: pipeline.source_rectangle.map(|r| [r.x, r.y, r.width, r.height]),
            rect: corners(pipeline.destination),
            transform: pipeline.transform.parts(),
            transparency: pipeline.transparency.bits(),
            opacity: pipeline.opacity,
            key: pipeline.key.color().to_string(),
            hole: pipeline.hole.region().rects().iter().copied().map(corners).collect(),
            sizing: pipeline.sizing.into(),
            keyboard: pipeline.keyboard,
            input: pipeline.input.into(),
            fallback: match pipeline.fallback.picture {
                FallbackPicture::Hidden => SavedFallback::Hide,
                FallbackPicture::Last => SavedFallback::Last,
                FallbackPicture::Source(id) => SavedFallback::Source(id.get()),
            },
            deadline_ms: pipeline.fallback.deadline.map(milliseconds),
            limit_millihertz: pipeline.rate_limit.map(Refresh::millihertz),
        }
    }

    fn id(&self) -> Restored<PipelineId> {
        value("pipeline", PipelineId::new(self.id))
    }

    fn set(&self, pending: &mut Pending) -> Restored<()> {
        let id = self.id()?;
        let source = self.source.map(|id| value("source", SourceId::new(id))).transpose()?;
        pending.bind_source(id, source, Transition::default());
        let mask = self.mask.map(|id| value("mask", MaskId::new(id))).transpose()?;
        pending.bind_mask(id, mask);
        pending.set_name(id, self.name.as_deref().map(name).transpose()?);
        pending.set_layer(id, self.layer);
        let crop = self.crop.map(|[x, y, width, height]| SourceRect::new(x, y, width, height));
        pending.set_source_rectangle(id, crop)?;
        pending.set_destination(id, rect(self.rect));
        pending.set_transform(id, transform(self.transform)?);
        let transparency = Transparency::from_bits(self.transparency);
        pending.set_transparency(id, value("transparency", transparency)?);
        pending.set_opacity(id, self.opacity)?;
        pending.set_key(id, ColorKey::rgb888(value("colour", Color::parse(&self.key))?));
        let hole = Region::of(self.hole.iter().copied().map(rect), Hole::MAX_RECTS);
        pending.set_hole(id, value("hole", hole.and_then(Hole::new))?);
        pending.set_sizing(id, Sizing::from(self.sizing));
        pending.set_keyboard(id, self.keyboard);
        pending.set_input(id, self.input.into());
        let picture = match self.fallback {
            SavedFallback::Hide => FallbackPicture::Hidden,
            SavedFallback::Last => FallbackPicture::Last,
            SavedFallback::Source(id) => {
                FallbackPicture::Source(value("source", SourceId::new(id))?)
            }
        };
        let deadline = self.deadline_ms.map(Duration::from_millis);
        pending.set_fallback(id, Fallback { picture, deadline });
        pending.set_rate_limit(id, self.limit_millihertz.map(refresh).transpose()?);
        Ok(())
    }
}

impl SavedSource {
    fn of(id: SourceId, source: &Source) -> Self {
        let shows = match &source.kind {
            SourceKind::Stream(Content::Guest { guest, scanout }) => {
                SavedKind::Guest { name: guest.to_string(), scanout: *scanout }
            }
            SourceKind::Stream(Content::App { socket, app_id }) => {
                SavedKind::App { socket: socket.to_string(), app_id: app_id.clone() }
            }
            SourceKind::Image(image) => {
                SavedKind::Image { size: sides(image.size), file: image.file.clone() }
            }
        };
        Self { id: id.get(), pipeline: source.pipeline.get(), shows }
    }

    fn create(&self, pending: &mut Pending) -> Restored<()> {
        let kind = match &self.shows {
            SavedKind::Guest { name: guest, scanout } => {
                let known = limits::SCANOUTS.contains(&(i64::from(*scanout) + 1));
                let scanout = value("scanout", known.then_some(*scanout))?;
                SourceKind::Stream(Content::Guest { guest: name(guest)?, scanout })
            }
            SavedKind::App { socket, app_id } => {
                SourceKind::Stream(Content::App { socket: name(socket)?, app_id: app_id.clone() })
            }
            SavedKind::Image { size: sides, file } => {
                SourceKind::Image(Image { size: size(*sides), file: file.clone() })
            }
        };
        let pipeline = value("pipeline", PipelineId::new(self.pipeline))?;
        pending.create_source(value("source", SourceId::new(self.id))?, pipeline, kind);
        Ok(())
    }
}

impl SavedMask {
    fn of(id: MaskId, mask: &Mask) -> Self {
        let Image { size, file } = &mask.image;
        Self { id: id.get(), pipeline: mask.pipeline.get(), size: sides(*size), file: file.clone() }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
