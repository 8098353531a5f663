//! The control queue: commands about resources.

use porthole_edid::Edid;
use porthole_memory::Copies;
use porthole_pixel::{Format, Rect, Size};
use porthole_virtio_gpu::{
    BadEntries, BlobMemory, Command, Display, Entry, ErrorCode, Header, Response, WireRect,
};

use crate::gpu::{Answer, Gpu, Statistics, Token, ledger};
use crate::guest::{Backing, GuestMemory, NotRam};
use crate::resource::{Content, Resource, host_is_full, picture_bytes};
use porthole_picture::{Holds, PIXEL_BYTES, Picture};

impl Gpu {
    /// Does what a request on the control queue asks for. `writable` is the number of bytes that the
    /// guest made room for in its response.
    pub fn control(&mut self, request: &[u8], writable: usize, memory: &dyn GuestMemory) -> Answer {
        self.counters.commands += 1;
        let (header, result) = match Header::parse(request) {
            Some(header) => (header, Command::parse(&header, request, self.features)),
            None => (Header::default(), Err(ErrorCode::Parameter)),
        };
        let mut shown = None;
        let result = result.and_then(|command| match command {
            Command::Flush { resource, rect } => {
                shown = self.flush(resource, rect, memory)?;
                Ok(Response::Done)
            }
            other => self.execute(other, memory),
        });
        self.counters.errors += u64::from(result.is_err());
        let mut bytes = Response::from(result).encode(&header);
        bytes.truncate(writable);
        if let Some((index, serial)) = shown.filter(|_| header.fenced()) {
            let token = Token(self.next_token);
            if self.scanouts.get_mut(index).is_some_and(|scanout| scanout.wait(serial, token)) {
                self.next_token += 1;
                return Answer::WhenPresented { bytes, token };
            }
        }
        Answer::Now(bytes)
    }

    fn execute(
        &mut self,
        command: Command,
        memory: &dyn GuestMemory,
    ) -> Result<Response, ErrorCode> {
        match command {
            Command::GetDisplayInfo => Ok(self.displays()),
            Command::GetEdid { scanout } => self.edid(scanout),
            Command::Create2d { resource, format, size } => self.create_2d(resource, format, size),
            Command::Unref { resource } => self.unref(resource),
            Command::SetScanout { scanout, resource, rect } => {
                self.set_scanout(scanout, resource, rect)
            }
            Command::Flush { resource, rect } => {
                self.flush(resource, rect, memory).map(|_| Response::Done)
            }
            Command::Transfer { resource, rect, offset } => {
                self.transfer(resource, rect, offset, memory)
            }
            Command::AttachBacking { resource, entries } => self.attach(resource, entries, memory),
            Command::DetachBacking { resource } => self.detach(resource),
            Command::AssignUuid { resource } => self.assign_uuid(resource),
            Command::CreateBlob { resource, memory: kind, size, entries } => {
                self.check_new(resource)?;
                if kind != BlobMemory::Guest || size == 0 {
                    return Err(ErrorCode::Parameter);
                }
                self.create_blob(resource, size, entries, memory)
            }
            Command::SetScanoutBlob { scanout, resource, rect, framebuffer } => {
                self.set_scanout_blob(scanout, resource, rect, framebuffer)
            }
        }
    }

    fn displays(&self) -> Response {
        let mut left = 0_i32;
        let display = |wanted: Option<Size>| {
            let Some(size) = wanted else { return Display::default() };
            let rect = Rect::from_size(size).translate(left, 0);
            left = rect.right();
            Display { rect, enabled: true }
        };
        Response::Displays(
            self.scanouts.iter().map(|scanout| scanout.wanted).map(display).collect(),
        )
    }

    fn edid(&self, scanout: u32) -> Result<Response, ErrorCode> {
        let index = usize::try_from(scanout).map_err(|_| ErrorCode::Parameter)?;
        let display = self.scanouts.get(index).ok_or(ErrorCode::Parameter)?;
        let name = if self.name.is_empty() { "Porthole" } else { &self.name };
        let edid = Edid::new(display.last_wanted, display.refresh_mhz, name)
            .with_serial(scanout + 1)
            .with_millimetres(display.millimetres);
        Ok(Response::Edid(edid.to_bytes()))
    }

    fn check_new(&self, resource: u32) -> Result<(), ErrorCode> {
        if resource == 0 || self.resources.contains_key(&resource) {
            return Err(ErrorCode::ResourceId);
        }
        Ok(())
    }

    /// Whether so many bytes more may be used.
    pub(crate) fn afford(&self, bytes: u64) -> Result<(), ErrorCode> {
        let sum = self.bytes.checked_add(bytes);
        let good = sum.is_some_and(|sum| sum < self.quotas.bytes);
        if good { Ok(()) } else { Err(ErrorCode::OutOfMemory) }
    }

    fn insert(&mut self, id: u32, resource: Resource) -> Result<Response, ErrorCode> {
        if self.resources.len() >= self.quotas.resources {
            return Err(ErrorCode::OutOfMemory);
        }
        self.bytes += resource.bytes;
        self.entries += resource.entries();
        self.resources.insert(id, resource);
        Ok(Response::Done)
    }

    fn create_2d(
        &mut self,
        id: u32,
        format: Option<Format>,
        size: Size,
    ) -> Result<Response, ErrorCode> {
        self.check_new(id)?;
        let format = format.ok_or(ErrorCode::Parameter)?;
        let bytes = picture_bytes(size)?;
        self.afford(bytes)?;
        let content = Content::Picture(Picture::new(format, size));
        self.insert(id, Resource::new(content, None, bytes))
    }

    fn create_blob(
        &mut self,
        id: u32,
        size: u64,
        entries: Result<Vec<Entry>, BadEntries>,
        memory: &dyn GuestMemory,
    ) -> Result<Response, ErrorCode> {
        let backing = self.backing(entries, memory)?;
        if !backing.in_ram() {
            return Err(ErrorCode::Unspecified);
        }
        if backing.len() < size {
            return Err(ErrorCode::Parameter);
        }
        self.insert(id, Resource::new(Content::Blob(size), Some(backing), 0))
    }

    fn unref(&mut self, id: u32) -> Result<Response, ErrorCode> {
        let resource = self.resources.remove(&id).ok_or(ErrorCode::ResourceId)?;
        self.bytes = self.bytes.saturating_sub(resource.bytes);
        self.entries = self.entries.saturating_sub(resource.entries());
        for index in 0..self.scanouts.len() {
            if self.shows(index, id) {
                self.disable(index);
            }
        }
        self.retire(&resource);
        Ok(Response::Done)
    }

    /// Lets the buffers of a resource go that exists no longer.
    pub(crate) fn retire(&mut self, resource: &Resource) {
        if let Content::Picture(picture) = &resource.content {
            self.retire_picture(picture);
        }
    }

    /// Lets the buffers of a picture go.
    pub(crate) fn retire_picture(&mut self, picture: &Picture) {
        for buffer in picture.ids() {
            self.holds.forget(buffer);
            self.retired.push(buffer);
        }
    }

    fn attach(
        &mut self,
        id: u32,
        entries: Result<Vec<Entry>, BadEntries>,
        memory: &dyn GuestMemory,
    ) -> Result<Response, ErrorCode> {
        let resource = self.resources.get(&id).ok_or(ErrorCode::ResourceId)?;
        if resource.backing.is_some() {
            return Err(ErrorCode::Unspecified);
        }
        let backing = self.backing(entries, memory)?;
        let count = backing.entries().len();
        // An empty list is accepted, and leaves the resource as it was.
        if count > 0
            && let Some(resource) = self.resources.get_mut(&id)
        {
            resource.backing = Some(backing);
            self.entries += count;
        }
        Ok(Response::Done)
    }

    /// Checks a list of entries and the quota for them.
    fn backing(
        &self,
        entries: Result<Vec<Entry>, BadEntries>,
        memory: &dyn GuestMemory,
    ) -> Result<Backing, ErrorCode> {
        let entries = entries.map_err(|BadEntries| ErrorCode::Unspecified)?;
        if self.entries.saturating_add(entries.len()) > self.quotas.entries {
            return Err(ErrorCode::OutOfMemory);
        }
        Backing::new(entries, memory).map_err(|_| ErrorCode::Unspecified)
    }

    fn detach(&mut self, id: u32) -> Result<Response, ErrorCode> {
        let resource = self.resources.get_mut(&id).ok_or(ErrorCode::ResourceId)?;
        let backing = resource.backing.take().ok_or(ErrorCode::Unspecified)?;
        self.entries = self.entries.saturating_sub(backing.entries().len());
        Ok(Response::Done)
    }

    fn assign_uuid(&mut self, id: u32) -> Result<Response, ErrorCode> {
        let prefix = self.uuids.ok_or(ErrorCode::Unspecified)?;
        let resource = self.resources.get_mut(&id).ok_or(ErrorCode::ResourceId)?;
        let uuid = *resource.uuid.get_or_insert_with(|| {
            let number = self.next_uuid;
            self.next_uuid += 1;
            uuid(prefix, number)
        });
        Ok(Response::Uuid(uuid))
    }

    fn transfer(
        &mut self,
        id: u32,
        rect: WireRect,
        offset: u64,
        memory: &dyn GuestMemory,
    ) -> Result<Response, ErrorCode> {
        let resource = self.resources.get_mut(&id).ok_or(ErrorCode::ResourceId)?;
        let backing = resource.backing.as_ref().ok_or(ErrorCode::Unspecified)?;
        // A blob is its own memory: there is nothing to transfer.
        let Content::Picture(picture) = &mut resource.content else { return Ok(Response::Done) };
        let rect = rect.within(picture.size()).ok_or(ErrorCode::Parameter)?;
        if rect.is_empty() {
            return Ok(Response::Done);
        }
        let stride = u64::from(picture.stride());
        let from = Rows { backing, offset, stride };
        from.copy_to(picture, rect, &self.holds, &mut self.counters, memory)?;
        Ok(Response::Done)
    }
}

/// Rows of pixels in guest memory.
pub(crate) struct Rows<'a> {
    pub(crate) backing: &'a Backing,
    /// First byte of the first row.
    pub(crate) offset: u64,
    /// Bytes from row to row.
    pub(crate) stride: u64,
}

impl Rows<'_> {
    /// Copies into `rect` of a picture, which is not empty and lies inside. What the backing lacks,
    /// or what is not RAM, is left as it is: that is no error for the guest.
    pub(crate) fn copy_to(
        &self,
        picture: &mut Picture,
        rect: Rect,
        holds: &Holds,
        counters: &mut Statistics,
        memory: &dyn GuestMemory,
    ) -> Result<(), ErrorCode> {
        let size = rect.size();
        let row_bytes = u64::from(size.width) * u64::from(PIXEL_BYTES);
        let last = u64::from(size.height.saturating_sub(1)).checked_mul(self.stride);
        let end = last.and_then(|last| last.checked_add(self.offset)?.checked_add(row_bytes));
        let complete = end.is_some_and(|end| end <= self.backing.len());
        let whole = complete && self.backing.in_ram();
        let stride = usize::try_from(picture.stride()).map_err(|_| ErrorCode::OutOfMemory)?;
        let row_bytes = usize::try_from(row_bytes).map_err(|_| ErrorCode::OutOfMemory)?;
        let copy = |bytes: &mut [u8]| {
            // One run where the rows follow each other on both sides, else row by row.
            let run = if row_bytes == stride && self.stride == stride as u64 {
                bytes.len()
            } else {
                stride
            };
            let (mut copied, mut failed) = (0, false);
            for (index, chunk) in bytes.chunks_mut(run.max(1)).enumerate() {
                let skip = self.stride.checked_mul(index as u64);
                let Some(offset) = skip.and_then(|skip| skip.checked_add(self.offset)) else {
                    break;
                };
                let wanted = if run == stride { row_bytes } else { run };
                let wanted = wanted.min(chunk.len());
                let Some(row) = chunk.get_mut(..wanted) else { break };
                match self.backing.read(offset, row, memory) {
                    Ok(bytes) => copied += bytes as u64,
                    Err(NotRam) => failed = true,
                }
            }
            (copied, failed)
        };
        let drawn = picture.draw(rect, whole, ledger(holds, counters), copy);
        let (copied, failed) = drawn.map_err(host_is_full)?;
        counters.unreadable += u64::from(failed);
        counters.copies += Copies { transfer: copied, repair: 0 };
        Ok(())
    }
}

/// A UUID of version 8 (own layout): the device's random half, then a number.
fn uuid(prefix: u64, number: u64) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = prefix.to_be_bytes();
    let [i, j, k, l, m, n, o, p] = number.to_be_bytes();
    [a, b, c, d, e, f, g & 0x0f | 0x80, h, i & 0x3f | 0x80, j, k, l, m, n, o, p]
}
