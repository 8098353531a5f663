//! Sources and masks that controllers made.

use std::collections::{BTreeMap, BTreeSet};

use porthole_core::{
    config::Content,
    model::{
        Device, FallbackPicture, Flags, Image, Mask, MaskId, Pending, PipelineId, Scope, SourceId,
        SourceKind, Status,
    },
};
use porthole_pixel::{Format, Size};
use smithay::{
    reexports::wayland_server::{Client, backend::ClientId, protocol::wl_buffer::WlBuffer},
    wayland::shell::xdg::ToplevelSurface,
};
use std::sync::Arc;

use crate::{
    protocols::{
        shm::{Pixels, ShmBuffer},
        stream,
        wfd::{Refusal, SourceFrom, StreamInfo, StreamState},
    },
    render::Coverage,
    state::State,
};

/// Sources and masks that one client may have, used or not.
const MAX_OBJECTS: usize = 256;
/// Bytes of an application id that is told.
const MAX_APP_ID: usize = 256;
/// Bytes of the masks of one client.
const MAX_MASK_BYTES: u64 = 64 << 20;

#[derive(Debug)]
struct Owned {
    client: ClientId,
    /// Whether an object of the client names it.
    named: bool,
    bytes: u64,
}

/// Whose they are, and whether anybody still names them.
#[derive(Debug, Default)]
pub(super) struct Objects {
    sources: BTreeMap<SourceId, Owned>,
    masks: BTreeMap<MaskId, Owned>,
}

impl Objects {
    fn owned_by(&self, client: &Client) -> (usize, u64) {
        let id = client.id();
        let all = self.sources.values().chain(self.masks.values());
        let mine = all.filter(|owned| owned.client == id);
        mine.fold((0, 0), |(count, bytes), owned| (count + 1, bytes + owned.bytes))
    }

    pub(super) fn forget_source(&mut self, id: SourceId) {
        if let Some(owned) = self.sources.get_mut(&id) {
            owned.named = false;
        }
    }

    pub(super) fn forget_mask(&mut self, id: MaskId) {
        if let Some(owned) = self.masks.get_mut(&id) {
            owned.named = false;
        }
    }

    /// What removes those that nobody names or uses, the configuration's too: a reload makes its own
    /// again. `None` when there are none.
    pub(super) fn take_unused(&mut self, device: &Device) -> Option<Pending> {
        let (mut sources, mut masks) = (BTreeSet::new(), BTreeSet::new());
        for (_, pipeline) in device.pipelines() {
            sources.extend(pipeline.source);
            masks.extend(pipeline.mask);
            if let FallbackPicture::Source(id) = pipeline.fallback.picture {
                sources.insert(id);
            }
        }
        let named = |owned: Option<&Owned>| owned.is_some_and(|owned| owned.named);
        let mut pending = Pending::new();
        let unused = device.sources().map(|(id, _)| id).filter(|id| !sources.contains(id));
        for id in unused.filter(|id| !named(self.sources.get(id))) {
            pending.destroy_source(id);
        }
        let unused = device.masks().map(|(id, _)| id).filter(|id| !masks.contains(id));
        for id in unused.filter(|id| !named(self.masks.get(id))) {
            pending.destroy_mask(id);
        }
        self.sources.retain(|id, owned| {
            device.source(*id).is_some() && (owned.named || sources.contains(id))
        });
        self.masks
            .retain(|id, owned| device.mask(*id).is_some() && (owned.named || masks.contains(id)));
        (!pending.is_empty()).then_some(pending)
    }
}

const fn refusal(status: Status, message: String) -> Refusal {
    Refusal { status, message }
}

impl State {
    pub(super) fn make_source(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        from: SourceFrom<'_>,
    ) -> Result<SourceId, Refusal> {
        self.check_count(client, 0)?;
        let (kind, pixels) = match from {
            SourceFrom::Stream(content) => {
                self.check_content(&content)?;
                (SourceKind::Stream(content), None)
            }
            SourceFrom::Buffer(buffer) => {
                let pixels = self.hold_buffer(buffer)?;
                let image = Image { size: pixels.layout().size(), file: None };
                (SourceKind::Image(image), Some(pixels))
            }
        };
        let full =
            |error: porthole_core::model::CommitError| refusal(error.status(), error.to_string());
        let id = self.device.new_source_id().map_err(full)?;
        let mut pending = Pending::new();
        pending.create_source(id, pipeline, kind);
        self.device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).map_err(full)?;
        if let Some(pixels) = pixels {
            self.pictures.add_image(id, pixels);
        }
        let owned = Owned { client: client.id(), named: true, bytes: 0 };
        self.control.objects.sources.insert(id, owned);
        Ok(id)
    }

    pub(super) fn make_mask(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        buffer: &WlBuffer,
    ) -> Result<MaskId, Refusal> {
        let size = ShmBuffer::of(buffer).map(|shm| shm.layout().size()).ok_or_else(no_buffer)?;
        self.check_count(client, size.area())?;
        let pixels = self.hold_buffer(buffer)?;
        // It is read here and now, and nobody may be made to wait for a device.
        if !pixels.needs_no_device() {
            return Err(no_buffer());
        }
        let coverage = coverage(&pixels).ok_or_else(no_buffer)?;
        let full =
            |error: porthole_core::model::CommitError| refusal(error.status(), error.to_string());
        let id = self.device.new_mask_id().map_err(full)?;
        let mut pending = Pending::new();
        pending.create_mask(id, Mask { pipeline, image: Image { size, file: None } });
        self.device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET).map_err(full)?;
        self.pictures.add_mask(id, Arc::new(coverage));
        let owned = Owned { client: client.id(), named: true, bytes: size.area() };
        self.control.objects.masks.insert(id, owned);
        Ok(id)
    }

    fn check_count(&self, client: &Client, bytes: u64) -> Result<(), Refusal> {
        let (count, used) = self.control.objects.owned_by(client);
        if count >= MAX_OBJECTS {
            let why = format!("a client may have {MAX_OBJECTS} sources and masks");
            return Err(refusal(Status::OutOfMemory, why));
        }
        if used + bytes > MAX_MASK_BYTES {
            let why = format!("the masks of a client may take {MAX_MASK_BYTES} bytes");
            return Err(refusal(Status::OutOfMemory, why));
        }
        Ok(())
    }

    /// A name must be one that the configuration knows: it is never a client's own.
    fn check_content(&self, content: &Content) -> Result<(), Refusal> {
        let (known, what) = match content {
            Content::Guest { guest, scanout } => {
                let guest = self.config.guest(guest.as_str());
                (guest.is_some_and(|guest| *scanout < guest.scanouts), "guest or scanout")
            }
            Content::App { socket, .. } => {
                (self.config.socket(socket.as_str()).is_some(), "socket")
            }
        };
        if known && is_tellable(content) {
            return Ok(());
        }
        Err(refusal(Status::IllegalArgument, format!("{content}: there is no such {what}")))
    }

    fn hold_buffer(&self, buffer: &WlBuffer) -> Result<Arc<Pixels>, Refusal> {
        let shm = ShmBuffer::of(buffer).ok_or_else(no_buffer)?;
        shm.hold(buffer, &self.released)
            .map(Arc::new)
            .map_err(|error| refusal(Status::IllegalArgument, error.to_string()))
    }

    /// Everything that may have a picture, with what it has.
    pub(super) fn all_streams(&self) -> Vec<StreamInfo> {
        let mut streams: BTreeMap<Content, (StreamState, Size)> = BTreeMap::new();
        for guest in &self.config.guests {
            for scanout in 0..guest.scanouts {
                let content = Content::Guest { guest: guest.name.clone(), scanout };
                streams.insert(content, Default::default());
            }
        }
        for (_, source) in self.device.sources() {
            if let SourceKind::Stream(content) = &source.kind {
                streams.entry(content.clone()).or_default();
            }
        }
        for toplevel in self.globals.xdg_shell.toplevel_surfaces() {
            let Some(content) = self.content_of(toplevel).filter(is_tellable) else { continue };
            let state = self.stream_of(toplevel);
            let entry = streams.entry(content).or_default();
            // Of several toplevels of one name the newest with a picture is shown.
            if !state.1.is_empty() || entry.1.is_empty() {
                *entry = state;
            }
        }
        let info = |(content, (state, size))| StreamInfo { content, state, size };
        streams.into_iter().map(info).collect()
    }

    fn stream_of(&self, toplevel: &ToplevelSurface) -> (StreamState, Size) {
        let surface = toplevel.wl_surface();
        let size = crate::windows::picture_size(surface);
        let report = self.globals.desktop.streams.report(surface);
        let state = match report.map(|report| report.state) {
            Some(stream::GuestState::Off) => StreamState::Off,
            Some(stream::GuestState::Boot) => StreamState::Boot,
            Some(stream::GuestState::Suspended) => StreamState::Suspended,
            Some(stream::GuestState::Crashed) => StreamState::Crashed,
            None if size.is_empty() => StreamState::Off,
            _ => StreamState::Running,
        };
        (state, size)
    }

    /// Whether a stream has a picture now.
    pub(super) fn has_picture(&self, content: &Content) -> bool {
        let toplevels = self.globals.xdg_shell.toplevel_surfaces();
        toplevels.iter().any(|toplevel| {
            let is = self
                .content_of(toplevel)
                .is_some_and(|is| is == *content || is.any_of_socket().as_ref() == Some(content));
            is && !crate::windows::picture_size(toplevel.wl_surface()).is_empty()
        })
    }
}

/// Whether an application id is short enough for an event: a longer one could end who is told of it.
fn is_tellable(content: &Content) -> bool {
    match content {
        Content::Guest { .. } => true,
        Content::App { app_id, .. } => app_id.len() <= MAX_APP_ID,
    }
}

fn no_buffer() -> Refusal {
    refusal(Status::NotSupported, "only buffers of shared memory can be read here".into())
}

/// The alpha of a picture, or its red channel where it has no alpha.
fn coverage(pixels: &Pixels) -> Option<Coverage> {
    let layout = pixels.layout();
    let format = layout.format();
    let size = format.bytes_per_pixel() as usize;
    let mut bytes = Vec::with_capacity(usize::try_from(layout.size().area()).ok()?);
    pixels.rows(|row| {
        let pixels = row.chunks_exact(size);
        match format {
            Format::Argb8888 | Format::Abgr8888 => bytes.extend(pixels.filter_map(|p| p.get(3))),
            Format::Rgba8888 | Format::Bgra8888 => bytes.extend(pixels.filter_map(|p| p.first())),
            _ => bytes.extend(pixels.filter_map(|p| format.rgba(p)).map(|[red, ..]| red)),
        }
    });
    Coverage::new(layout.size(), bytes)
}
