//! Drawing through KMS: dumb buffers, mode sets, flips, dirty rectangles and the cursor.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use drm::buffer::{Buffer as _, DrmFourcc};
use drm::control::dumbbuffer::DumbBuffer;
use drm::control::{ClipRect, Device as _, Event, Mode, PageFlipFlags};
use drm::control::{connector, crtc, framebuffer};

use porthole_guest::Pattern;
use porthole_guest::pattern::Area;
use rustix::io::Errno;

/// The cursor's width and height that every virtual GPU takes.
const CURSOR: u32 = 64;

/// The KMS device file.
struct File0(File);

impl AsFd for File0 {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl drm::Device for File0 {}
impl drm::control::Device for File0 {}

/// An open KMS device and what its heads show.
pub(crate) struct Card {
    file: File0,
    heads: Vec<Head>,
}

struct Head {
    connector: connector::Handle,
    crtc: crtc::Handle,
    mode: Option<Mode>,
    front: Option<Page>,
    back: Option<Page>,
    cursor: Option<DumbBuffer>,
}

struct Page {
    buffer: DumbBuffer,
    id: framebuffer::Handle,
}

/// The rows of a page, in XRGB8888.
pub(crate) struct Canvas<'a> {
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Bytes from row to row.
    pub(crate) stride: usize,
    pub(crate) rows: &'a mut [u8],
}

impl Card {
    /// Opens the first device and pairs each connector with a CRTC.
    pub(crate) fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/dri/card0")?;
        let file = File0(file);
        let resources = file.resource_handles()?;
        let mut heads: Vec<Head> = Vec::new();
        for &connector in resources.connectors() {
            let info = file.get_connector(connector, false)?;
            let mut crtcs = Vec::new();
            for &encoder in info.encoders() {
                crtcs.extend(resources.filter_crtcs(file.get_encoder(encoder)?.possible_crtcs()));
            }
            let free = |crtc: &crtc::Handle| heads.iter().all(|head| head.crtc != *crtc);
            if let Some(crtc) = crtcs.into_iter().find(free) {
                heads.push(Head {
                    connector,
                    crtc,
                    mode: None,
                    front: None,
                    back: None,
                    cursor: None,
                });
            }
        }
        Ok(Card { file, heads })
    }

    /// A line for each head: index, name, state and modes, the preferred one first.
    pub(crate) fn describe(&self) -> io::Result<String> {
        let mut lines = Vec::new();
        for (index, head) in self.heads.iter().enumerate() {
            let info = self.file.get_connector(head.connector, true)?;
            let name = format!("{}-{}", info.interface().as_str(), info.interface_id());
            let mut line = format!("{index} {name} {:?}", info.state()).to_lowercase();
            for mode in info.modes() {
                let (width, height) = mode.size();
                line.push_str(&format!(" {width}x{height}@{}", mode.vrefresh()));
            }
            lines.push(line);
        }
        Ok(lines.join("\n"))
    }

    /// The size that the head prefers now, if something is connected.
    pub(crate) fn preferred(&self, head: usize) -> io::Result<Option<(u16, u16)>> {
        let info = self.file.get_connector(self.head(head)?.connector, true)?;
        Ok(info.modes().first().map(Mode::size))
    }

    fn head(&self, index: usize) -> io::Result<&Head> {
        self.heads.get(index).ok_or_else(|| no_head(index))
    }

    fn head_mut(&mut self, index: usize) -> io::Result<&mut Head> {
        self.heads.get_mut(index).ok_or_else(|| no_head(index))
    }

    fn new_page(&self, (width, height): (u32, u32)) -> io::Result<Page> {
        let buffer = self.file.create_dumb_buffer((width, height), DrmFourcc::Xrgb8888, 32)?;
        let id = self.file.add_framebuffer(&buffer, 24, 32)?;
        Ok(Page { buffer, id })
    }

    fn paint(&self, page: &mut Page, pattern: Pattern, seed: u32, area: Area) -> io::Result<()> {
        let (size, stride) = (page.buffer.size(), page.buffer.pitch() as usize);
        let mut rows = self.file.map_dumb_buffer(&mut page.buffer)?;
        pattern.draw(seed, size, area, stride, &mut rows);
        Ok(())
    }

    /// Sets a mode, the preferred one unless a size is asked for, with a new black page.
    pub(crate) fn set_mode(&mut self, index: usize, size: Option<(u16, u16)>) -> io::Result<()> {
        let mut page = None;
        self.set_mode_with(index, size, &mut page, |_, _| Ok(()))
    }

    fn set_mode_with(
        &mut self,
        index: usize,
        size: Option<(u16, u16)>,
        page: &mut Option<Page>,
        paint: impl Fn(&Card, &mut Page) -> io::Result<()>,
    ) -> io::Result<()> {
        let head = self.head(index)?;
        let info = self.file.get_connector(head.connector, true)?;
        let wanted = |mode: &&Mode| size.is_none_or(|size| mode.size() == size);
        let mode = info.modes().iter().find(wanted).copied();
        let mode = mode.ok_or_else(|| io::Error::other("the head has no such mode"))?;
        let (width, height) = mode.size();
        let mut new = match page.take() {
            Some(page) => page,
            None => self.new_page((width.into(), height.into()))?,
        };
        // The picture is complete before it is shown: no black frame in between.
        paint(self, &mut new)?;
        let (crtc, connector) = (head.crtc, head.connector);
        self.file.set_crtc(crtc, Some(new.id), (0, 0), &[connector], Some(mode))?;
        let head = self.head_mut(index)?;
        head.mode = Some(mode);
        let old = [head.front.replace(new), head.back.take()];
        old.into_iter().flatten().try_for_each(|page| self.free(&page))
    }

    fn free(&self, page: &Page) -> io::Result<()> {
        self.file.destroy_framebuffer(page.id)?;
        self.file.destroy_dumb_buffer(page.buffer)
    }

    /// Draws into the shown page and tells the kernel what changed; shows a page first if none is.
    pub(crate) fn draw(
        &mut self,
        index: usize,
        pattern: Pattern,
        seed: u32,
        area: Option<Area>,
    ) -> io::Result<(u32, u32)> {
        let Some(mut page) = self.head_mut(index)?.front.take() else {
            self.set_mode_with(index, None, &mut None, |card, page| {
                let (width, height) = page.buffer.size();
                let area = area.unwrap_or(Area::whole(width, height));
                card.paint(page, pattern, seed, area)
            })?;
            return self.size(index);
        };
        let (width, height) = page.buffer.size();
        let area = area.unwrap_or(Area::whole(width, height));
        let painted = self.paint(&mut page, pattern, seed, area);
        let id = page.id;
        self.head_mut(index)?.front = Some(page);
        painted?;
        self.changed(id, area)?;
        Ok((width, height))
    }

    /// Tells the driver what was drawn. One whose display reads the memory itself wants no word of it.
    fn changed(&self, id: framebuffer::Handle, area: Area) -> io::Result<()> {
        match self.file.dirty_framebuffer(id, &[clip(area)]) {
            Err(error) if error.raw_os_error() == Some(Errno::NOSYS.raw_os_error()) => Ok(()),
            result => result,
        }
    }

    fn size(&self, index: usize) -> io::Result<(u32, u32)> {
        let front = self.head(index)?.front.as_ref();
        front.map(|page| page.buffer.size()).ok_or_else(|| io::Error::other("the head is off"))
    }

    /// Draws the hidden page, flips to it and waits until the kernel says that it is shown.
    pub(crate) fn flip(&mut self, index: usize, pattern: Pattern, seed: u32) -> io::Result<()> {
        let paint = |canvas: Canvas<'_>| {
            let (width, height) = canvas.size;
            let area = Area::whole(width, height);
            pattern.draw(seed, canvas.size, area, canvas.stride, canvas.rows);
        };
        self.flip_with(index, paint, || Ok(()))
    }

    /// Lends the shown page, with a way to tell the kernel what changed in it.
    pub(crate) fn with_front<R>(
        &mut self,
        index: usize,
        work: impl FnOnce(Canvas<'_>, &dyn Fn(Area) -> io::Result<()>) -> io::Result<R>,
    ) -> io::Result<R> {
        if self.head(index)?.front.is_none() {
            self.set_mode(index, None)?;
        }
        let Some(mut page) = self.head_mut(index)?.front.take() else {
            return Err(no_head(index));
        };
        let (size, stride, id) = (page.buffer.size(), page.buffer.pitch() as usize, page.id);
        let changed = |area| self.changed(id, area);
        let result = self
            .file
            .map_dumb_buffer(&mut page.buffer)
            .and_then(|mut rows| work(Canvas { size, stride, rows: &mut rows }, &changed));
        self.head_mut(index)?.front = Some(page);
        result
    }

    /// Lends the hidden page, flips to it and waits until the kernel says that it is shown. `before`
    /// is called right before the kernel is told.
    pub(crate) fn flip_with(
        &mut self,
        index: usize,
        paint: impl FnOnce(Canvas<'_>),
        before: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if self.head(index)?.front.is_none() {
            self.set_mode(index, None)?;
        }
        let size = self.size(index)?;
        let mut page = match self.head_mut(index)?.back.take() {
            Some(page) => page,
            None => self.new_page(size)?,
        };
        let stride = page.buffer.pitch() as usize;
        {
            let mut rows = self.file.map_dumb_buffer(&mut page.buffer)?;
            paint(Canvas { size, stride, rows: &mut rows });
        }
        before()?;
        let crtc = self.head(index)?.crtc;
        self.file.page_flip(crtc, page.id, PageFlipFlags::EVENT, None)?;
        while !self.file.receive_events()?.any(|event| matches!(event, Event::PageFlip(_))) {}
        let head = self.head_mut(index)?;
        head.back = head.front.replace(page);
        Ok(())
    }

    /// Shows a cursor image; its alpha is full, so that what lies below is known too.
    pub(crate) fn show_cursor(
        &mut self,
        index: usize,
        pattern: Pattern,
        seed: u32,
        hot: (i32, i32),
    ) -> io::Result<()> {
        let crtc = self.head(index)?.crtc;
        let size = (CURSOR, CURSOR);
        let mut image = self.file.create_dumb_buffer(size, DrmFourcc::Argb8888, 32)?;
        let stride = image.pitch() as usize;
        {
            let mut rows = self.file.map_dumb_buffer(&mut image)?;
            pattern.draw(seed, size, Area::whole(CURSOR, CURSOR), stride, &mut rows);
        }
        #[expect(deprecated, reason = "the legacy call is the one that sets the hot spot")]
        self.file.set_cursor2(crtc, Some(&image), hot)?;
        if let Some(old) = self.head_mut(index)?.cursor.replace(image) {
            self.file.destroy_dumb_buffer(old)?;
        }
        Ok(())
    }

    /// Moves the cursor's image.
    pub(crate) fn move_cursor(&self, index: usize, x: i32, y: i32) -> io::Result<()> {
        #[expect(deprecated, reason = "goes with the legacy call that showed the cursor")]
        self.file.move_cursor(self.head(index)?.crtc, (x, y))
    }

    /// Takes the cursor away.
    pub(crate) fn hide_cursor(&mut self, index: usize) -> io::Result<()> {
        #[expect(deprecated, reason = "goes with the legacy call that showed the cursor")]
        self.file.set_cursor::<DumbBuffer>(self.head(index)?.crtc, None)?;
        match self.head_mut(index)?.cursor.take() {
            Some(old) => self.file.destroy_dumb_buffer(old),
            None => Ok(()),
        }
    }

    /// Switches a head off and frees its pages.
    pub(crate) fn off(&mut self, index: usize) -> io::Result<()> {
        self.file.set_crtc(self.head(index)?.crtc, None, (0, 0), &[], None)?;
        let head = self.head_mut(index)?;
        head.mode = None;
        let pages = [head.front.take(), head.back.take()];
        pages.into_iter().flatten().try_for_each(|page| self.free(&page))
    }
}

/// A rectangle as the kernel wants it.
fn clip(area: Area) -> ClipRect {
    let edge = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    let (right, bottom) = (edge(area.x + area.width), edge(area.y + area.height));
    ClipRect::new(edge(area.x), edge(area.y), right, bottom)
}

fn no_head(index: usize) -> io::Error {
    io::Error::other(format!("there is no head {index}"))
}
