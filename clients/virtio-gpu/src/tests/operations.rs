//! Random commands, and what must hold after each.

use proptest::prelude::*;

use super::bench::*;
use crate::resource::Content;
use crate::{Answer, Event, Frame};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create { id: u32, format: u32, width: u32, height: u32 },
    CreateBlob { id: u32, pixels: u32 },
    Unref(u32),
    Attach { id: u32, offset: u64, length: u32 },
    Detach(u32),
    SetScanout { scanout: u32, id: u32, rect: [u32; 4] },
    SetScanoutBlob { scanout: u32, id: u32, rect: [u32; 4], size: [u32; 2], place: [u32; 2] },
    Transfer { id: u32, rect: [u32; 4], offset: u64 },
    Flush { id: u32, rect: [u32; 4], fenced: bool },
    Cursor { scanout: u32, id: u32 },
    Fill(u8),
    Take,
    Release,
    Visible(usize, bool),
    Size(usize, u32),
    Bytes(Vec<u8>),
    Restore,
    Reset,
}

fn id() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1_u32..5, 1 => Just(0)]
}

fn rect() -> impl Strategy<Value = [u32; 4]> {
    let side = || prop_oneof![6 => 0_u32..48, 1 => Just(64), 1 => any::<u32>()];
    prop_oneof![3 => Just([0, 0, 64, 64]), 4 => [side(), side(), side(), side()]]
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let side = || prop_oneof![6 => Just(64_u32), 2 => 1_u32..100, 1 => any::<u32>()];
    let stride = || prop_oneof![Just(256_u32), 0_u32..400];
    let bytes = prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        4 => (id(), 0_u32..5, side(), side())
            .prop_map(|(id, format, width, height)| O::Create { id, format, width, height }),
        2 => (id(), 1_u32..5000).prop_map(|(id, pixels)| O::CreateBlob { id, pixels }),
        1 => id().prop_map(O::Unref),
        4 => (id(), 0_u64..5 << 20, prop_oneof![Just(16384_u32), 0_u32..20000])
            .prop_map(|(id, offset, length)| O::Attach { id, offset, length }),
        1 => id().prop_map(O::Detach),
        4 => (0_u32..3, id(), rect())
            .prop_map(|(scanout, id, rect)| O::SetScanout { scanout, id, rect }),
        3 => (0_u32..3, id(), rect(), [side(), side()], (stride(), 0_u32..99)).prop_map(
            |(scanout, id, rect, size, place)| {
                O::SetScanoutBlob { scanout, id, rect, size, place: place.into() }
            }
        ),
        6 => (id(), rect(), prop_oneof![3 => 0_u64..20000, 1 => any::<u64>()])
            .prop_map(|(id, rect, offset)| O::Transfer { id, rect, offset }),
        6 => (id(), rect(), any::<bool>())
            .prop_map(|(id, rect, fenced)| O::Flush { id, rect, fenced }),
        2 => (0_u32..3, id()).prop_map(|(scanout, id)| O::Cursor { scanout, id }),
        2 => any::<u8>().prop_map(O::Fill),
        6 => Just(O::Take),
        4 => Just(O::Release),
        1 => (0_usize..3, any::<bool>()).prop_map(|(scanout, on)| O::Visible(scanout, on)),
        1 => (0_usize..3, any::<u32>()).prop_map(|(scanout, side)| O::Size(scanout, side)),
        1 => bytes.prop_map(O::Bytes),
        1 => Just(O::Restore),
        1 => Just(O::Reset),
    ]
}

/// A presenter that keeps copies of what it holds, to see whether it is changed.
#[derive(Default)]
pub(super) struct Viewer {
    held: Vec<(Frame, Vec<u8>)>,
}

pub(super) fn apply(bench: &mut Bench, viewer: &mut Viewer, operation: &Operation) {
    use Operation as O;
    match operation.clone() {
        O::Create { id, format, width, height } => {
            bench.send(0x101, &[id, format, width, height]);
        }
        O::CreateBlob { id, pixels } => {
            bench.create_blob(id, u64::from(pixels) * 4, 0, pixels * 4);
        }
        O::Unref(id) => drop_word(bench.unref(id)),
        O::Attach { id, offset, length } => drop_word(bench.attach(id, offset, length)),
        O::Detach(id) => drop_word(bench.detach(id)),
        O::SetScanout { scanout, id, rect } => drop_word(bench.set_scanout(scanout, id, rect)),
        O::SetScanoutBlob { scanout, id, rect, size, place } => {
            bench.set_scanout_blob(rect, [scanout, id], size, place);
        }
        O::Transfer { id, rect, offset } => drop_word(bench.transfer(id, rect, offset)),
        O::Flush { id, rect, fenced } => {
            let words = [rect[0], rect[1], rect[2], rect[3], id, 0];
            let request = fenced_request(0x104, fenced.then_some(7), &words);
            let answer = bench.gpu.control(&request, 4096, &bench.ram);
            assert!(matches!(answer, Answer::Now(_)) || fenced);
        }
        O::Cursor { scanout, id } => bench.cursor(0x300, [scanout, 1, 2, 0, id, 3, 4, 0]),
        O::Fill(byte) => bench.ram.fill(0, 1 << 17, byte),
        O::Take => take(bench, viewer),
        O::Release => {
            if !viewer.held.is_empty() {
                let (frame, _) = viewer.held.remove(0);
                bench.gpu.buffer_released(frame.scanout, frame.buffer, frame.serial);
            }
        }
        O::Visible(scanout, on) => bench.gpu.set_visible(scanout, on),
        O::Size(scanout, side) => {
            bench.gpu.set_size(scanout, Some(porthole_pixel::Size::new(side, side)));
        }
        O::Bytes(bytes) => {
            let answer = bench.gpu.control(&bytes, 100, &bench.ram);
            assert!(matches!(answer, Answer::Now(bytes) if bytes.len() <= 100));
            bench.gpu.cursor(&bytes, &bench.ram);
        }
        O::Restore => {
            let state = bench.gpu.save();
            let restored = crate::Gpu::restore(&options(), &state).unwrap();
            // Not assert_eq: a difference would print every pixel.
            assert!(restored.save() == state, "a restored device differs");
        }
        O::Reset => bench.gpu.reset(),
    }
}

fn drop_word(_: u32) {}

pub(super) fn options() -> crate::Options {
    let sizes = vec![Some(porthole_pixel::Size::new(640, 480)); 2];
    let mut options = crate::Options { scanouts: sizes, blob: true, ..crate::Options::default() };
    options.quotas = crate::Quotas { bytes: 1 << 17, resources: 4, entries: 3 };
    options
}

fn take(bench: &mut Bench, viewer: &mut Viewer) {
    for event in bench.events() {
        match event {
            Event::Frame(frame) => {
                assert!(!frame.damage.is_empty());
                let all = porthole_pixel::Rect::from_size(frame.layout.size());
                assert!(frame.damage.rects().iter().all(|rect| all.contains_rect(*rect)));
                viewer.held.retain(|(held, _)| {
                    held.buffer != frame.buffer || held.scanout != frame.scanout
                });
                let copy = frame.memory.with_bytes(<[u8]>::to_vec);
                viewer.held.push((frame, copy));
            }
            Event::Retired(buffers) => {
                viewer.held.retain(|(held, _)| !buffers.contains(&held.buffer));
            }
            _ => {}
        }
    }
}

fn verify(bench: &Bench, viewer: &Viewer) {
    let gpu = &bench.gpu;
    let resources: u64 = gpu.resources.values().map(|resource| resource.bytes).sum();
    let sources = gpu.scanouts.iter().filter_map(|scanout| scanout.source.as_ref());
    let views: u64 = sources.clone().filter_map(|s| s.blob.as_ref()).map(|view| view.bytes).sum();
    assert_eq!(gpu.bytes, resources + views, "accounted bytes");
    let entries: usize = gpu.resources.values().map(|resource| resource.entries()).sum();
    assert_eq!(gpu.entries, entries, "accounted entries");
    assert!(entries <= gpu.quotas.entries);
    assert!(gpu.bytes < gpu.quotas.bytes && gpu.resources.len() <= gpu.quotas.resources);
    for source in sources {
        let resource = gpu.resources.get(&source.resource).expect("shows a resource that exists");
        assert_eq!(source.blob.is_some(), matches!(resource.content, Content::Blob(_)));
    }
    if gpu.statistics().overdrawn == 0 {
        for (frame, copy) in &viewer.held {
            assert!(frame.memory.with_bytes(|bytes| bytes == copy), "a held buffer was changed");
        }
    }
}

proptest! {
    #[test]
    fn invariants_hold_after_every_operation(
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let mut bench = Bench::new(&options());
        let mut viewer = Viewer::default();
        for operation in &operations {
            apply(&mut bench, &mut viewer, operation);
            verify(&bench, &viewer);
        }
    }
}
