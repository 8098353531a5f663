//! Random accesses: whatever a guest writes, nothing outside of memory is reached, pictures are
//! bounded, lines that changed are told, and a snapshot is the device.

use proptest::prelude::*;

use super::*;
use crate::Source;

#[derive(Clone, Debug)]
enum Act {
    Port(u16, Width, u32),
    ReadPort(u16, Width),
    Indexed(u16, u8, u8),
    Attribute(u8, u8, bool),
    Dispi(u32, u32),
    Window(u32, Width, u64),
    ReadWindow(u32, Width),
    Lfb(u32, Width, u64),
    Mmio(u32, Width, u64),
    ReadMmio(u32, Width),
    Pass(u16),
    Reset,
    Look,
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::Byte), Just(Width::Word), Just(Width::Dword), Just(Width::Qword)]
}

fn act() -> impl Strategy<Value = Act> {
    let indexed = prop_oneof![Just(0x3c4_u16), Just(0x3ce), Just(0x3d4), Just(0x3b4)];
    let dispi = (0..12_u32, prop_oneof![0..2000_u32, 0..0x1_0000_u32]);
    let bar0 = prop_oneof![0..0x5_0000_u32, any::<u32>()];
    prop_oneof![
        2 => (0x3b0..0x3e0_u16, width(), any::<u32>()).prop_map(|(p, w, v)| Act::Port(p, w, v)),
        1 => (any::<u16>(), width()).prop_map(|(p, w)| Act::ReadPort(p, w)),
        6 => (indexed, 0..0x20_u8, any::<u8>()).prop_map(|(p, i, v)| Act::Indexed(p, i, v)),
        3 => (0..0x20_u8, any::<u8>(), any::<bool>()).prop_map(|(i, v, s)| Act::Attribute(i, v, s)),
        4 => dispi.prop_map(|(i, v)| Act::Dispi(i, v)),
        3 => (0..0x2_0010_u32, width(), any::<u64>()).prop_map(|(a, w, v)| Act::Window(a, w, v)),
        2 => (any::<u32>(), width()).prop_map(|(a, w)| Act::ReadWindow(a, w)),
        3 => (bar0, width(), any::<u64>()).prop_map(|(a, w, v)| Act::Lfb(a, w, v)),
        2 => (0x3f0..0x620_u32, width(), any::<u64>()).prop_map(|(a, w, v)| Act::Mmio(a, w, v)),
        1 => (any::<u32>(), width()).prop_map(|(a, w)| Act::ReadMmio(a, w)),
        1 => any::<u16>().prop_map(Act::Pass),
        1 => Just(Act::Reset),
        4 => Just(Act::Look),
    ]
}

/// What a viewer sees who looks only at lines that are dirty.
#[derive(Default)]
struct Viewer {
    lines: Vec<Vec<u32>>,
    time: Duration,
}

impl Viewer {
    fn look(&mut self, vga: &mut Device) {
        vga.advance(self.time);
        let picture = vga.picture();
        let size = picture.size;
        assert!(size.width <= 16_000 && size.height <= 12_000 && !size.is_empty(), "{size:?}");
        if picture.source == Source::Held {
            assert!(picture.dirty.is_empty());
            return;
        }
        let (width, height) = (size.width as usize, size.height as usize);
        if self.lines.len() != height || self.lines.first().is_some_and(|line| line.len() != width)
        {
            assert_eq!(picture.dirty, [0..size.height], "another size is all dirty");
            self.lines = vec![vec![0; width]; height];
        }
        let ends: Vec<u32> =
            picture.dirty.iter().flat_map(|lines| [lines.start, lines.end]).collect();
        assert!(ends.is_sorted() && ends.last().is_none_or(|end| *end <= size.height), "{ends:?}");
        vga.convert(&picture.dirty, |y, line| self.lines[y as usize] = line.to_vec());
        let mut count = 0;
        vga.convert(std::slice::from_ref(&(0..size.height)), |y, line| {
            count += 1;
            assert!(self.lines[y as usize] == line, "line {y} changed unseen");
        });
        assert_eq!(count, height);
        // Into memory, they are the same, and what lies beside them stays.
        let mut whole = vec![u32::MAX; (width + 1) * height];
        vga.convert_into(std::slice::from_ref(&(0..size.height)), &mut whole, width + 1);
        for (line, row) in self.lines.iter().zip(whole.chunks(width + 1)) {
            assert!(row[..width] == *line && row[width] == u32::MAX);
        }
        if let Source::Vram { offset, stride } = picture.source {
            let end = u64::from(offset) + u64::from(stride) * u64::from(size.height);
            assert!(end <= u64::from(vga.vram().len()));
        }
    }

    fn act(&mut self, vga: &mut Device, act: &Act) {
        match *act {
            Act::Port(port, width, value) => vga.pio_write(port, width, value),
            Act::ReadPort(port, width) => drop(vga.pio_read(port, width)),
            Act::Indexed(port, index, value) => vga.set_indexed(port, index, value),
            Act::Attribute(index, value, shown) => {
                vga.set_attribute(index, value);
                if !shown {
                    vga.get(0x3da);
                    vga.set(0x3c0, 0);
                }
            }
            Act::Dispi(index, value) => vga.dispi(index, value),
            Act::Window(at, width, value) => vga.mem_write(at, width, value),
            Act::ReadWindow(at, width) => drop(vga.mem_read(at, width)),
            Act::Lfb(at, width, value) => vga.lfb_write(at, width, value),
            Act::Mmio(at, width, value) => vga.mmio_write(at, width, value),
            Act::ReadMmio(at, width) => drop(vga.mmio_read(at, width)),
            Act::Pass(time) => self.time += Duration::from_millis(time.into()),
            Act::Reset => vga.reset(),
            Act::Look => self.look(vga),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_guest_stays_in_its_bounds(
        acts in proptest::collection::vec(act(), 1..60),
        model in prop_oneof![Just(Model::Vga), Just(Model::Bochs), Just(Model::VirtioVga), Just(Model::Acrn), Just(Model::Combined)],
        hardware in any::<bool>(),
        graphic in any::<bool>(),
    ) {
        let behaviour = if hardware { Behaviour::Hardware } else { Behaviour::Qemu };
        let vga = Vga::new(model, Watched::new(1 << 20)).unwrap();
        let mut vga = vga.with_behaviour(behaviour);
        if graphic { vga.planar() } else { vga.text(0, 0x0c) }
        let mut viewer = Viewer::default();
        acts.iter().for_each(|act| viewer.act(&mut vga, act));
        viewer.look(&mut vga);
        let snapshot = vga.snapshot();
        let mut other = Vga::new(model, vga.vram()).unwrap().with_behaviour(behaviour);
        other.restore(&snapshot).unwrap();
        prop_assert_eq!(other.snapshot(), snapshot);
    }
}
