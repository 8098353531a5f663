//! Where frames go and where input comes from.

use porthole_gpu_device::{Event, Gpu};
use porthole_input_device::Input;

/// What a presenter tells the devices.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(dead_code, reason = "filled by the Wayland presenter")]
pub(crate) enum Told {
    /// For the keyboard, the tablet or the touch screen.
    Input(Input),
    /// The focus went elsewhere: let go of everything.
    FocusLost,
}

/// A presenter.
#[derive(Debug)]
pub(crate) enum Presenter {
    /// Nowhere: every buffer comes back at once, every frame counts as presented.
    Null,
}

impl Presenter {
    /// Shows what the GPU has to show.
    pub(crate) fn show(&mut self, events: Vec<Event>, gpu: &mut Gpu) {
        match self {
            Self::Null => {
                for event in events {
                    if let Event::Frame(frame) = event {
                        gpu.buffer_released(frame.scanout, frame.buffer, frame.serial);
                        gpu.presented(frame.scanout, frame.serial);
                    }
                }
            }
        }
    }
}
