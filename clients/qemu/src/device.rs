//! Pictures in memory of devices (dma-bufs), which are handed on as they are.

use std::sync::Arc;

use porthole_memory::{Device, Foreign};
use porthole_picture::BufferId;
use porthole_pixel::Layout;

use crate::calls::cut;
use crate::formats::from_fourcc;
use crate::listener::{DmaBuf, Refused};

/// Pictures that are kept, with the one that is shown: guests draw into two or three in turn.
const MOST: usize = 4;

/// Memory of QEMU's that is handed on.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) memory: Arc<Foreign>,
    pub(crate) layout: Layout,
    pub(crate) id: BufferId,
}

impl Given {
    /// Takes a dma-buf of one plane whose pixels lie row behind row.
    pub(crate) fn new(buffer: DmaBuf) -> Result<Self, Refused> {
        let unusable = unusable(&buffer);
        let DmaBuf { mut planes, size, fourcc, modifier, place: (x, y), bottom_up } = buffer;
        let format = from_fourcc(fourcc);
        let linear = matches!(modifier, Device::LINEAR | Device::UNKNOWN);
        // Of a picture that begins at its lowest row a part lies elsewhere.
        let whole = (x, y) == (0, 0) || !bottom_up;
        let plane = planes.pop().filter(|_| planes.is_empty() && linear && whole);
        let (Some((memory, offset, stride)), Some(format)) = (plane, format) else {
            return Err(unusable);
        };
        let memory = Foreign::of_device(memory, Device { modifier, bottom_up })
            .map_err(|error| Refused(format!("its memory: {error}")))?;
        let across = u64::from(x) * u64::from(format.bytes_per_pixel());
        // As large as numbers may be, it is outside of any memory.
        let start = u64::from(y) * u64::from(stride);
        let start = start.saturating_add(across).saturating_add(offset.into());
        let layout = Layout::new(format, size, stride, start, memory.len())
            .map_err(|error| Refused(error.to_string()))?;
        Ok(Self { memory: Arc::new(memory), layout, id: BufferId::fresh() })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.layout == other.layout && self.memory.is_same(&other.memory)
    }
}

/// Why a dma-buf cannot be shown.
fn unusable(buffer: &DmaBuf) -> Refused {
    let fourcc: String = buffer.fourcc.to_le_bytes().into_iter().map(char::from).collect();
    Refused(format!(
        "a dma-buf of {} ({} planes, format {}, modifier {:#x}, {}) cannot be shown; start QEMU without \
         gl=on",
        buffer.size,
        buffer.planes.len(),
        cut(&fourcc),
        buffer.modifier,
        if buffer.bottom_up { "bottom row first" } else { "top row first" },
    ))
}

/// The memory that a console has shown lately, so that a guest which draws into a few pictures in turn has
/// each handed on once.
#[derive(Debug, Default)]
pub(crate) struct Lately(Vec<Given>);

impl Lately {
    /// The same picture as it was given before, or this one; and those that are too old.
    pub(crate) fn take(&mut self, new: Given) -> (Given, Option<BufferId>) {
        let given = match self.0.iter().position(|old| old.is_same(&new)) {
            Some(at) => self.0.remove(at),
            None => new,
        };
        self.0.push(given.clone());
        let old = (self.0.len() > MOST).then(|| self.0.remove(0).id);
        (given, old)
    }

    pub(crate) fn has(&self, id: BufferId) -> bool {
        self.0.iter().any(|given| given.id == id)
    }

    /// None of them comes again.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = BufferId> {
        std::mem::take(&mut self.0).into_iter().map(|given| given.id)
    }
}
