//! Numbers for what may have a picture.

use std::collections::BTreeMap;

use porthole_core::config::Content;
use porthole_pixel::Size;
use porthole_wayland::wfd::server::wfd_device_v1 as wire;

/// How the owner of a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum StreamState {
    /// There is no picture.
    #[default]
    Off,
    /// Firmware, or a text mode.
    Boot,
    Running,
    Suspended,
    Crashed,
}

/// Something that may have a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StreamInfo {
    pub(crate) content: Content,
    pub(crate) state: StreamState,
    /// Empty without a picture.
    pub(crate) size: Size,
}

impl StreamState {
    pub(super) const fn wire(self) -> wire::StreamState {
        match self {
            Self::Off => wire::StreamState::Off,
            Self::Boot => wire::StreamState::Boot,
            Self::Running => wire::StreamState::Running,
            Self::Suspended => wire::StreamState::Suspended,
            Self::Crashed => wire::StreamState::Crashed,
        }
    }
}

/// The numbers of streams, none of which is used twice.
#[derive(Debug, Default)]
pub(super) struct Streams {
    known: BTreeMap<u32, Content>,
    last: u32,
}

impl Streams {
    /// The stream of this number.
    pub(super) fn content(&self, id: u32) -> Option<Content> {
        self.known.get(&id).cloned()
    }

    /// The number of a stream; 0 for one that is not known.
    pub(super) fn id(&self, content: &Content) -> u32 {
        self.known.iter().find(|(_, known)| *known == content).map_or(0, |(id, _)| *id)
    }

    /// Takes what there is now.
    pub(super) fn update(&mut self, now: &[StreamInfo]) {
        self.known.retain(|_, known| now.iter().any(|info| info.content == *known));
        for info in now {
            if self.id(&info.content) == 0 {
                // After four thousand million streams the last ones have no number.
                let Some(next) = self.last.checked_add(1) else { return };
                self.last = next;
                self.known.insert(next, info.content.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use porthole_core::Name;

    use super::*;

    #[test]
    fn a_number_stays_while_its_stream_is_there_and_never_comes_back() {
        let info = |scanout| StreamInfo {
            content: Content::Guest { guest: Name::new("ivi").unwrap(), scanout },
            state: StreamState::Off,
            size: Size::default(),
        };
        let mut streams = Streams::default();
        streams.update(&[info(0), info(1)]);
        assert_eq!([streams.id(&info(0).content), streams.id(&info(1).content)], [1, 2]);
        streams.update(&[info(1)]);
        assert_eq!([streams.id(&info(0).content), streams.id(&info(1).content)], [0, 2]);
        streams.update(&[info(0), info(1)]);
        assert_eq!([streams.id(&info(0).content), streams.id(&info(1).content)], [3, 2]);
        assert_eq!((streams.content(1), streams.content(3)), (None, Some(info(0).content)));
    }
}
