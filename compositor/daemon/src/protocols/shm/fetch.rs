//! A picture in memory of a device that may be taken away: the kernel copies it when somebody first
//! looks at it, which is on a render thread, and the client has its buffer back.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use porthole_core::account::Counter;
use porthole_pixel::Layout;
use rustix::fs::MemfdFlags;

use super::{
    account::{Charge, Kind},
    device::Turn,
    mapping::{Access, Mapping},
    pixels::BufferUse,
    pool::{MAX_COPY, Pool},
};

/// The picture, copied or yet to be copied.
#[derive(Debug)]
pub(super) struct Fetched {
    source: Mutex<Option<Source>>,
    copy: OnceLock<Copy>,
    /// For the copy.
    _charge: Charge,
}

/// Where it is copied from.
#[derive(Debug)]
struct Source {
    pool: Arc<Pool>,
    map: Arc<Mapping>,
    in_use: Arc<BufferUse>,
}

#[derive(Debug)]
enum Copy {
    Whole(Mapping),
    /// The memory was taken away: nothing is seen.
    Blank(Vec<u32>),
}

impl Fetched {
    pub(super) fn new(
        layout: &Layout,
        pool: Arc<Pool>,
        map: Arc<Mapping>,
        in_use: Arc<BufferUse>,
    ) -> io::Result<Self> {
        let len = layout.byte_len();
        if len > MAX_COPY {
            return Err(io::Error::other(format!(
                "a picture of {len} bytes in memory of a device; at most {MAX_COPY} are copied"
            )));
        }
        let charge = Charge::new(&pool.account(), Kind::Copy, len).map_err(io::Error::other)?;
        let source = Mutex::new(Some(Source { pool, map, in_use }));
        Ok(Self { source, copy: OnceLock::new(), _charge: charge })
    }

    /// One whose memory is gone before it is copied.
    #[cfg(test)]
    pub(super) fn taken_away() -> Self {
        let account = Arc::new(super::Account::new(0, 0, None));
        let charge = Charge::new(&account, Kind::Copy, 0).unwrap();
        Self { source: Mutex::new(None), copy: OnceLock::new(), _charge: charge }
    }

    /// Whether it is copied already.
    pub(super) fn is_there(&self) -> bool {
        self.copy.get().is_some()
    }

    /// The client's buffer, until it is copied.
    pub(super) fn in_use(&self) -> Option<Arc<BufferUse>> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.as_ref().map(|source| source.in_use.clone())
    }

    /// The address of the copy's first pixel.
    pub(super) fn start(&self, layout: &Layout) -> *const u8 {
        match self.copy.get_or_init(|| self.fetch(layout)) {
            Copy::Whole(map) => map.range(0, layout.byte_len()).unwrap_or_else(std::ptr::null),
            Copy::Blank(words) => words.as_ptr().cast(),
        }
    }

    fn fetch(&self, layout: &Layout) -> Copy {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).take();
        let copied = source.as_ref().map(|source| source.copy(layout));
        match copied {
            Some(Ok(map)) => return Copy::Whole(map),
            Some(Err(error)) => {
                if let Some(source) = &source {
                    source.pool.tell_once(&error);
                }
            }
            None => {}
        }
        let words = usize::try_from(layout.byte_len().div_ceil(4)).unwrap_or(0);
        Copy::Blank(vec![0; words])
    }
}

impl Source {
    fn copy(&self, layout: &Layout) -> io::Result<Mapping> {
        let len = layout.byte_len();
        let file = rustix::fs::memfd_create("porthole-fetched", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&file, len)?;
        let turn = Turn::begin(&self.pool, Access::Read);
        self.map.copy_to(&file, layout.offset(), len)?;
        drop(turn);
        self.pool.account().count(Counter::CopiedBytes, len);
        Mapping::new(&file, usize::try_from(len).map_err(io::Error::other)?, Access::Read)
    }
}
