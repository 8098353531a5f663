//! Guests that set modes, write video memory, also behind the device's back, and read registers: what is
//! recorded of them is done again without a difference.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::time::{Duration, Instant};

use porthole_replay::compare;
use porthole_trace::{Limits, Start, Tracer};
use porthole_vectors::vga::{CHAINED, CHARACTERS, Mode, SIXTEEN, set_dispi, set_mode};
use proptest::prelude::*;

use super::*;

const VRAM: u32 = 4 << 20;
const SIZE: Size = Size::new(800, 600);

/// What happens.
#[derive(Clone, Debug)]
enum Act {
    Mode(u8),
    Bochs(u16, u16, u16),
    Write(u32, u64, Vec<u8>),
    Read(u32, u64, usize),
    /// The guest writes memory that it has mapped.
    Poke(u64, Vec<u8>),
    Look(u64, bool),
    Display(u32, u32),
    Reset,
}

/// A guest's adapter that is recorded.
struct Recorded {
    adapter: Adapter,
    shared: Arc<Shared>,
    video: Video,
    file: File,
    now: Instant,
}

impl Recorded {
    fn new(limits: Limits, into: File, file: File) -> (Self, Tracer) {
        let options = Options::default();
        let start = Start {
            program: "porthole-vga".to_owned(),
            version: "1".to_owned(),
            guest: "ivi".to_owned(),
            started_ms: 0,
            devices: vec![info(Model::Combined, VRAM, 512, "ivi", SIZE), trace::gpu_info(&options)],
        };
        let tracer = Tracer::start(into, &start, limits).unwrap();
        let video = Video::new(VRAM).unwrap();
        let model = Model::Combined.into();
        let mut monitor = Monitor::new(model, video.clone(), "ivi").unwrap();
        monitor.describe(SIZE, (0, 0));
        let shared = Arc::new(Shared::new(Engine::new(options)).unwrap());
        let mut adapter = Adapter::new(model, monitor, vec![1; 512], Arc::clone(&shared));
        adapter.trace(tracer.tap(0)).unwrap();
        shared.engine().trace(tracer.clone(), tracer.tap(0), tracer.tap(1));
        (Self { adapter, shared, video, file, now: Instant::now() }, tracer)
    }

    fn mode(&mut self, mode: Mode) {
        self.words(&[(4, 0)]);
        self.adapter.read(region::LEGACY, 0x3da, &mut [0]).unwrap();
        for (port, width, value) in set_mode(mode) {
            let bytes = value.to_le_bytes();
            let count = usize::try_from(width.bytes()).unwrap();
            self.adapter.write(region::LEGACY, port.into(), &bytes[..count]).unwrap();
        }
        for colour in 0_u8..=255 {
            self.adapter.write(region::LEGACY, 0x3c8, &[colour]).unwrap();
            for part in [colour & 63, colour >> 2, 63 - (colour & 63)] {
                self.adapter.write(region::LEGACY, 0x3c9, &[part]).unwrap();
            }
        }
    }

    fn words(&mut self, words: &[(u64, u16)]) {
        for (index, value) in words {
            let at = 0x500 + 2 * index;
            self.adapter.write(region::MMIO, at, &value.to_le_bytes()).unwrap();
        }
    }

    fn look(&mut self, anew: bool) {
        let anew = self.adapter.mend_trace() || anew;
        let look = self.adapter.monitor.look(self.now, anew);
        self.shared.engine().show_vga(look, self.now);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Mode(which) => self.mode([CHARACTERS, SIXTEEN, CHAINED][usize::from(*which)]),
            Act::Bochs(width, height, bits) => {
                // An index and a value, by turns.
                for pair in set_dispi((*width, *height), *bits, 0xc1).as_chunks::<2>().0 {
                    let [index, value] = pair.map(|(.., value)| value);
                    self.words(&[(index.into(), u16::try_from(value).unwrap())]);
                }
            }
            Act::Write(region, offset, bytes) => {
                let _ = self.adapter.write(*region, *offset, bytes);
            }
            Act::Read(region, offset, len) => {
                let _ = self.adapter.read(*region, *offset, &mut vec![0; *len]);
            }
            Act::Poke(at, bytes) => self.video.write(*at, bytes),
            Act::Look(ms, anew) => {
                self.now += Duration::from_millis(*ms);
                self.look(*anew);
            }
            Act::Display(width, height) => {
                self.adapter.monitor.describe(Size::new(*width, *height), (300, 200));
                self.adapter.config_changed();
            }
            Act::Reset => self.adapter.reset(),
        }
    }

    /// The trace, whole.
    fn end(self, tracer: Tracer) -> Vec<u8> {
        let Self { adapter, shared, mut file, .. } = self;
        shared.engine().end_trace();
        drop((adapter, shared, tracer));
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

fn recorded(acts: &[Act]) -> Vec<u8> {
    let file = tempfile::tempfile().unwrap();
    let (mut guest, tracer) = Recorded::new(Limits::default(), file.try_clone().unwrap(), file);
    acts.iter().for_each(|act| guest.act(act));
    guest.end(tracer)
}

fn replayed(trace: Vec<u8>) -> Report {
    compare(Box::new(Cursor::new(trace)), &make).unwrap()
}

#[test]
fn each_mode_is_shown_again() {
    let modes = [Act::Mode(0), Act::Mode(1), Act::Mode(2)].into_iter();
    let bochs = [8, 15, 16, 24, 32].map(|bits| Act::Bochs(640, 480, bits));
    for mode in modes.chain(bochs) {
        let name = format!("{mode:?}");
        // In the window, and behind the device's back.
        let bytes: Vec<u8> = (0..=255).cycle().take(9000).collect();
        let acts = [
            mode,
            Act::Look(16, false),
            Act::Write(region::LEGACY, 0xb_8000, bytes.clone()),
            Act::Write(region::LEGACY, 0xa_0000, bytes.clone()),
            Act::Look(16, false),
            Act::Poke(640 * 11, bytes),
            Act::Look(16, false),
            Act::Look(500, false),
            Act::Look(16, true),
        ];
        let report = replayed(recorded(&acts));
        assert_eq!(report.differences(), 0, "{name}");
        assert!(report.pictures() >= 3, "{name}: {}", report.pictures());
    }
}

#[test]
fn what_is_not_as_recorded_is_told() {
    let acts = [Act::Mode(0), Act::Read(region::LEGACY, 0x3cc, 1), Act::Look(16, false)];
    let trace = recorded(&acts);
    assert_eq!(replayed(trace.clone()).differences(), 0);
    // The guest writes another letter than it did, and another register.
    let (mut found, good) = (0, trace);
    for at in (0..6000).step_by(211) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        mend(&mut bad);
        if let Ok(report) = compare(Box::new(Cursor::new(bad)), &make) {
            found += u32::from(report.differences() > 0);
        }
    }
    assert!(found >= 3, "{found}");
}

/// A hole in the trace: the whole state of the adapter follows, and pictures are right again.
#[test]
fn a_replay_goes_on_behind_a_hole() {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = tempfile::tempfile().unwrap();
    let limits = Limits { file: 1 << 30, queued: 1 << 20 };
    let into = File::from(std::os::fd::OwnedFd::from(writer));
    // The disk is so slow that it takes nothing until it is asked.
    let (mut guest, tracer) = Recorded::new(limits, into, file.try_clone().unwrap());
    guest.act(&Act::Bochs(640, 480, 16));
    guest.act(&Act::Look(16, false));
    let noise: Vec<u8> = (0..600_000_u32).map(|at| (at * 7 % 251).to_le_bytes()[0]).collect();
    for step in 0..8 {
        guest.act(&Act::Poke(step * 3, noise.clone()));
        guest.act(&Act::Look(16, false));
        tracer.flush();
    }
    assert!(tracer.tap(0).has_hole(), "nothing was lost");
    // Now it takes all that there is.
    let mut disk = file.try_clone().unwrap();
    let (told, done) = std::sync::mpsc::channel();
    let copy = std::thread::spawn(move || {
        let mut reader = reader;
        let mut bytes = vec![0; 1 << 16];
        loop {
            match reader.read(&mut bytes).unwrap() {
                0 => break,
                read => std::io::Write::write_all(&mut disk, &bytes[..read]).unwrap(),
            }
            let _ = told.send(());
        }
    });
    let begun = Instant::now();
    while !tracer.tap(0).wants_state() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the writer does not catch up");
        // What was read last may still count as on its way.
        let _ = done.recv_timeout(Duration::from_millis(1));
    }
    guest.act(&Act::Poke(5, vec![7; 5000]));
    guest.act(&Act::Look(16, false));
    guest.act(&Act::Mode(0));
    guest.act(&Act::Write(region::LEGACY, 0xb_8000, b"H e l l o ".to_vec()));
    guest.act(&Act::Look(16, false));
    let Recorded { adapter, shared, mut file, .. } = guest;
    drop((adapter, shared, tracer));
    copy.join().unwrap();
    let mut trace = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut trace).unwrap();
    let report = replayed(trace);
    assert!(report.lost() > 0, "there is a hole");
    assert_eq!(report.differences(), 0);
    assert!(report.pictures() >= 3, "{}", report.pictures());
}

/// Makes the checksums of chunks right.
fn mend(bytes: &mut [u8]) {
    let mut at = 12;
    while let Some(head) = bytes.get(at..at + 8) {
        let end = at + 8 + u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let Some(body) = bytes.get(at + 8..end) else { return };
        let sum = crc32fast::hash(body);
        bytes[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}

fn act() -> impl Strategy<Value = Act> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..20);
    let ports = prop_oneof![0x3b0_u64..0x3e0, 0x1ce_u64..0x1d0];
    let window = 0xa_0000_u64..0xc_0000;
    prop_oneof![
        (0_u8..3).prop_map(Act::Mode),
        (1_u16..900, 1_u16..700, prop::sample::select(vec![4, 8, 15, 16, 24, 32]))
            .prop_map(|(width, height, bits)| Act::Bochs(width, height, bits)),
        (ports.clone(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Act::Write(region::LEGACY, at, bytes)),
        (ports, 1_usize..4).prop_map(|(at, len)| Act::Read(region::LEGACY, at, len)),
        (window.clone(), bytes()).prop_map(|(at, bytes)| Act::Write(region::LEGACY, at, bytes)),
        (window, 1_usize..9).prop_map(|(at, len)| Act::Read(region::LEGACY, at, len)),
        (0_u64..u64::from(VRAM), bytes()).prop_map(|(at, bytes)| Act::Write(
            region::VRAM,
            at,
            bytes
        )),
        (0_u64..0x3000, prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Act::Write(region::MMIO, at, bytes)),
        (0_u64..0x4000, 1_usize..9).prop_map(|(at, len)| Act::Read(region::MMIO, at, len)),
        (0_u64..256, bytes()).prop_map(|(at, bytes)| Act::Write(region::CONFIG, at, bytes)),
        (0_u64..256, 1_usize..20).prop_map(|(at, len)| Act::Read(region::CONFIG, at, len)),
        (0_u64..1 << 20, bytes()).prop_map(|(at, bytes)| Act::Poke(at, bytes)),
        (0_u64..400, any::<bool>()).prop_map(|(ms, anew)| Act::Look(ms, anew)),
        (0_u64..400).prop_map(|ms| Act::Look(ms, false)),
        (100_u32..2000, 100_u32..2000).prop_map(|(width, height)| Act::Display(width, height)),
        Just(Act::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_guest_does_is_done_again(acts in prop::collection::vec(act(), 1..60)) {
        let report = replayed(recorded(&acts));
        prop_assert_eq!(report.differences(), 0);
    }

    /// A trace is what anybody says: nothing but an answer may come of it.
    #[test]
    fn spoiled_traces_are_harmless(
        acts in prop::collection::vec(act(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = recorded(&acts);
        let first = bytes.iter().position(|byte| *byte == b'}').unwrap_or(0) + 200;
        for (index, byte) in changes {
            let at = first + index.index(bytes.len().saturating_sub(first).max(1));
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        mend(&mut bytes);
        drop(compare(Box::new(Cursor::new(bytes)), &make));
    }
}
