//! What was changed while the service ran, kept for its next start.
//!
//! The whole device with its ids, the sizes that viewers chose, and pictures that controllers gave. A start under the same configuration
//! goes on with it. Under another one the configuration has the last word, as at a reload. What cannot be
//! read costs only what was changed: the service starts as the configuration says.

mod file;
mod pictures;
mod writer;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use porthole_core::{
    Name,
    config::Config,
    model::{CommitError, Device, Flags, Images, Saved, Scope},
};
use porthole_pixel::Size;
use serde::{Deserialize, Serialize};

use crate::{
    handlers::output_management::ViewerSizes,
    pictures::Pictures,
    reload::{kept, sized},
    state::State,
};
use file::{Folder, hash};
use writer::Writer;

/// Tells one configuration from another, by its text and the sizes of its pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn of(text: &str, images: &Images) -> Self {
        let images = images.iter().map(|(file, size)| format!("\n{} {size}", file.display()));
        Self(hash(std::iter::once(text.to_owned()).chain(images)))
    }
}

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    /// The digest of the configuration that it was made under, in hexadecimal digits.
    configuration: String,
    /// Sizes of ports that viewers chose.
    viewer_sizes: BTreeMap<String, [u32; 2]>,
    device: Saved,
}

impl Remembered {
    fn of(device: &Device, sizes: &ViewerSizes, digest: Digest) -> Self {
        let sizes = sizes.iter().map(|(name, size)| (name.to_string(), [size.width, size.height]));
        Self {
            configuration: format!("{:016x}", digest.0),
            viewer_sizes: sizes.collect(),
            device: device.save(),
        }
    }

    /// The sizes that ports of the device really have.
    fn sizes(&self, device: &Device) -> ViewerSizes {
        let sizes = self.viewer_sizes.iter().filter_map(|(name, [width, height])| {
            let size = Size::new(*width, *height);
            let (_, port) = device.port_named(name).filter(|(_, port)| port.mode.size == size)?;
            Some((port.name.clone(), size))
        });
        sizes.collect()
    }
}

/// What the service starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) device: Device,
    pub(crate) viewer_sizes: ViewerSizes,
}

/// The place where it is kept, and what is to be put there.
#[derive(Debug)]
pub(crate) struct Memory {
    folder: Folder,
    /// Where a run may have kept things that had no better place yet, as in the initial file system.
    early: Folder,
    digest: Digest,
    changed: bool,
    writer: Option<Writer>,
}

impl Memory {
    /// Keeps things in this folder, which is made when it is first needed.
    pub(crate) fn open(folder: PathBuf, early: PathBuf) -> Self {
        let (folder, early) = (Folder::new(folder), Folder::new(early));
        Self { folder, early, digest: Digest(0), changed: false, writer: None }
    }

    /// What to start with.
    ///
    /// # Errors
    /// When the configuration itself makes no device.
    pub(crate) fn recall(
        &mut self,
        config: &Config,
        (digest, pictures): (Digest, &mut Pictures),
        fresh: bool,
    ) -> Result<Start, CommitError> {
        self.digest = digest;
        let images = &pictures.files.sizes();
        let folder = if self.folder.file().exists() { &self.folder } else { &self.early };
        let remembered = match folder.read() {
            Ok(Some(remembered)) => remembered,
            Ok(None) => return configured(Device::new(), config, images),
            Err(why) => {
                let path = folder.file();
                tracing::warn!(
                    "what was changed before this start is lost, all is as configured: {}: {why}",
                    path.display()
                );
                // Which ids were used is lost too.
                return configured(Device::with_ids_after(unused_ids()), config, images);
            }
        };
        let anew = |last| configured(Device::with_ids_after(last), config, images);
        if fresh {
            return anew(remembered.device.last_id());
        }
        let device = match Device::restore(&remembered.device) {
            Ok(mut device) => {
                device.set_budget(config);
                device
            }
            Err(why) => {
                let path = folder.file();
                tracing::warn!(
                    "what was changed before this start is lost, all is as configured: {}: {why}",
                    path.display()
                );
                return anew(unused_ids());
            }
        };
        let viewer_sizes = kept(&remembered.sizes(&device), config);
        if remembered.configuration == format!("{:016x}", digest.0) && has_ports(&device, config) {
            if pictures::read(folder, &device, pictures) {
                tracing::info!("going on as before");
                return Ok(Start { device, viewer_sizes });
            }
            tracing::warn!("pictures of a controller are lost: layers are as configured");
        } else {
            tracing::info!("the configuration was changed meanwhile, and has the last word");
        }
        let with_sizes = sized(config, &viewer_sizes);
        match configured(device, &with_sizes, images) {
            Ok(start) => Ok(Start { viewer_sizes, ..start }),
            Err(why) => {
                tracing::warn!("what was changed before this start is lost: {why}");
                anew(remembered.device.last_id())
            }
        }
    }

    /// Starts the thread that writes. Without it nothing is remembered.
    pub(crate) fn start(&mut self) {
        match Writer::start(self.folder.clone()) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => tracing::warn!("changes will not be remembered: no thread: {error}"),
        }
    }

    /// Something is not as it was.
    pub(crate) const fn changed(&mut self) {
        self.changed = true;
    }

    /// The configuration is another one now.
    pub(crate) const fn configured(&mut self, digest: Digest) {
        self.digest = digest;
        self.changed = true;
    }
}

impl State {
    /// Has what changed in this turn written.
    pub(crate) fn remember(&mut self) {
        if std::mem::take(&mut self.memory.changed)
            && let Some(writer) = &self.memory.writer
        {
            writer.write(writer::State {
                device: self.device.clone(),
                sizes: self.viewer_sizes.clone(),
                digest: self.memory.digest,
                pictures: pictures::of(&self.device, &self.pictures),
            });
        }
    }
}

/// The device after the configuration has had its say, as at a reload.
fn configured(mut device: Device, config: &Config, images: &Images) -> Result<Start, CommitError> {
    let mut pending = device.prepare(config, images)?;
    device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET)?;
    Ok(Start { device, viewer_sizes: ViewerSizes::new() })
}

fn has_ports(device: &Device, config: &Config) -> bool {
    let mut has: Vec<&Name> = device.ports().map(|(_, port)| &port.name).collect();
    let mut wanted: Vec<&Name> = config.ports.iter().map(|port| &port.name).collect();
    has.sort();
    wanted.sort();
    has == wanted
}

/// A number above all ids that were probably ever given out: they count from 1, or from an earlier such
/// number.
fn unused_ids() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds & 0x7fff_ffff).unwrap_or_default()
}
