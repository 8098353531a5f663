//! A device that was saved and restored beside one that never was: nobody can tell them apart.

use std::collections::BTreeMap;

use porthole_pixel::{Rect, Size};
use proptest::prelude::*;

use super::bench::*;
use super::operations::{Operation, Viewer, apply, operation, options};
use crate::{Event, Gpu, State};

/// What somebody sees who looks only where a device says that something changed.
#[derive(Default)]
struct Desk {
    screens: BTreeMap<usize, (Size, Vec<u8>)>,
}

impl Desk {
    fn look(&mut self, gpu: &mut Gpu) {
        for event in gpu.take_events() {
            match event {
                Event::Frame(frame) => {
                    let size = frame.layout.size();
                    let row = size.width as usize * 4;
                    let fresh = (Size::default(), Vec::new());
                    let (was, pixels) = self.screens.entry(frame.scanout).or_insert(fresh);
                    let all = [Rect::from_size(size)];
                    let damage = if *was == size { frame.damage.rects() } else { &all };
                    *was = size;
                    pixels.resize(row * size.height as usize, 0);
                    for rect in damage {
                        let left = rect.x.unsigned_abs() as usize * 4;
                        let bytes = rect.width.unsigned_abs() as usize * 4;
                        for y in rect.top().unsigned_abs()..rect.bottom().unsigned_abs() {
                            let from = frame.layout.row_offset(y).unwrap() + left as u64;
                            let to = y as usize * row + left;
                            frame.memory.read_at(from, &mut pixels[to..to + bytes]).unwrap();
                        }
                    }
                    gpu.buffer_released(frame.scanout, frame.buffer, frame.serial);
                    gpu.presented(frame.scanout, frame.serial);
                }
                Event::Disabled { scanout } => drop(self.screens.remove(&scanout)),
                // Cursors are in the saved state as a whole.
                _ => {}
            }
        }
    }
}

/// A device, what a presenter holds of it, and what somebody sees.
struct Side {
    bench: Bench,
    viewer: Viewer,
    errors: u64,
    desk: Desk,
}

impl Side {
    fn apply(&mut self, operation: &Operation) {
        apply(&mut self.bench, &mut self.viewer, operation);
    }

    /// Everything that was drawn is shown and looked at.
    fn look(&mut self) {
        for id in 1..5 {
            self.bench.flush(id, [0, 0, 64, 64]);
        }
        self.desk.look(&mut self.bench.gpu);
    }

    fn errors(&self) -> u64 {
        self.bench.gpu.statistics().errors - self.errors
    }
}

/// A device as after a move to another machine.
fn moved(old: &Side) -> Side {
    let bytes = old.bench.gpu.save().to_bytes().unwrap();
    assert!(bytes.len() as u64 <= old.bench.gpu.snapshot_limit());
    let state = State::from_bytes(&bytes).unwrap();
    let mut gpu = Gpu::restore(&options(), &state).unwrap();
    assert!(gpu.save() == state, "a restored device differs");
    for (index, scanout) in old.bench.gpu.scanouts.iter().enumerate() {
        gpu.set_visible(index, scanout.visible);
    }
    let mut ram = Ram::new();
    ram.bytes.clone_from(&old.bench.ram.bytes);
    let errors = gpu.statistics().errors;
    let bench = Bench { gpu, ram };
    Side { bench, viewer: Viewer::default(), errors, desk: Desk::default() }
}

proptest! {
    #[test]
    fn a_device_that_moved_goes_on_as_it_would_have(
        before in prop::collection::vec(operation(), 1..50),
        after in prop::collection::vec(operation(), 1..40),
    ) {
        let bench = Bench::new(&options());
        let mut stayed =
            Side { bench, viewer: Viewer::default(), errors: 0, desk: Desk::default() };
        for operation in &before {
            stayed.apply(operation);
        }
        stayed.look();
        stayed.errors = stayed.bench.gpu.statistics().errors;
        let mut moved = moved(&stayed);
        for operation in &after {
            // Frames are looked at in one way, so that both see all of them.
            if matches!(operation, Operation::Take | Operation::Release) {
                stayed.desk.look(&mut stayed.bench.gpu);
                moved.desk.look(&mut moved.bench.gpu);
                continue;
            }
            stayed.apply(operation);
            moved.apply(operation);
            prop_assert_eq!(stayed.errors(), moved.errors(), "answers after {:?}", operation);
            let same = stayed.bench.gpu.save() == moved.bench.gpu.save();
            prop_assert!(same, "the states differ after {:?}", operation);
        }
        stayed.look();
        moved.look();
        prop_assert!(stayed.desk.screens == moved.desk.screens, "the screens differ");
        prop_assert!(stayed.bench.gpu.save() == moved.bench.gpu.save());
    }
}
