//! Traces that are written and read back, whole, cut and spoiled.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use crate::{
    DeviceInfo, Ending, Event, Input, Limits, PIECE, ReadError, Reader, Start, Tap, Tracer,
};

/// A file in memory.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A disk that writes when it is told to.
struct Slow(Sink, Receiver<()>, bool);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // The head is written at once, by whoever starts the trace.
        if std::mem::replace(&mut self.2, true) {
            let _ = self.1.recv();
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn start() -> Start {
    let gpu = DeviceInfo { kind: "gpu".to_owned(), options: json!({ "blob": true }) };
    Start {
        program: "porthole-gpu".to_owned(),
        version: "1".to_owned(),
        guest: "ivi".to_owned(),
        started_ms: 7,
        devices: vec![gpu],
    }
}

fn events(bytes: &[u8]) -> Vec<Event<'_>> {
    vec![
        Event::Features { bits: 3 },
        Event::Request { queue: 0, writable: 24, truncated: false, bytes },
        Event::Memory { address: 1 << 40, bytes },
        Event::NotRam { address: u64::MAX, length: 1, read: true },
        Event::Answer { token: Some(4), bytes },
        Event::Access { space: 1, write: true, address: 0x3c4, width: 1, value: 0xff },
        Event::Display { scanout: 1, size: None },
        Event::Frame {
            scanout: 0,
            serial: 9,
            buffer: 2,
            size: (3, 4),
            damage: vec![[-1, 2, 3, 4]],
        },
        Event::Input(Input::TouchUp { id: -3 }),
        Event::Packet { events: vec![(1, 2, -3)] },
        Event::Reset,
        Event::End { summary: "{}" },
    ]
}

fn written(turns: usize) -> Vec<u8> {
    let sink = Sink::default();
    let tracer = Tracer::start_with(sink.clone(), &start(), Limits::default()).unwrap();
    let tap = tracer.tap(3);
    for _ in 0..turns {
        for event in events(b"abc") {
            tap.record(|| event);
        }
        tracer.flush();
    }
    drop((tap, tracer));
    let bytes = sink.0.lock().unwrap();
    bytes.clone()
}

/// Everything that can be read of a file.
fn read(bytes: &[u8]) -> Result<(usize, Option<Ending>), ReadError> {
    let (_, mut reader) = Reader::open(bytes)?;
    let mut count = 0;
    while reader.next()?.is_some() {
        count += 1;
    }
    Ok((count, reader.ending()))
}

#[test]
fn what_is_written_is_read() {
    let bytes = written(2);
    let (head, mut reader) = Reader::open(&bytes[..]).unwrap();
    assert_eq!(head, start());
    let mut last = 0;
    for expected in events(b"abc").into_iter().chain(events(b"abc")) {
        let (time, device, event) = reader.next().unwrap().unwrap();
        assert_eq!((device, event), (3, expected));
        assert!(time >= last);
        last = time;
    }
    assert_eq!(reader.next().unwrap(), None);
    assert_eq!(reader.ending(), Some(Ending::Whole));
}

#[test]
fn a_file_is_read_up_to_a_cut() {
    let bytes = written(3);
    let one = events(&[]).len();
    let mut counts = Vec::new();
    for length in 0..=bytes.len() {
        match read(&bytes[..length]) {
            Ok((count, ending)) => {
                assert_eq!(count % one, 0, "a chunk is read whole or not at all");
                assert_eq!(
                    ending == Some(Ending::Whole),
                    length == bytes.len() || counts.last() != Some(&count)
                );
                counts.push(count);
            }
            Err(error) => assert!(matches!(error, ReadError::NoTrace | ReadError::Start)),
        }
    }
    assert!(counts.is_sorted());
    assert_eq!(counts.last(), Some(&(3 * one)));
}

#[test]
fn memory_comes_in_pieces() {
    let sink = Sink::default();
    let tracer = Tracer::start_with(sink.clone(), &start(), Limits::default()).unwrap();
    let memory: Vec<u8> =
        (0..PIECE * 2 + 5).map(|index| u8::try_from(index % 251).unwrap()).collect();
    tracer.tap(0).memory(0x1000, &memory);
    drop(tracer);
    let bytes = sink.0.lock().unwrap();
    let (_, mut reader) = Reader::open(&bytes[..]).unwrap();
    let mut all: Vec<u8> = Vec::new();
    while let Some((_, _, event)) = reader.next().unwrap() {
        let Event::Memory { address, bytes } = event else { panic!("{event:?}") };
        assert_eq!(address, 0x1000 + all.len() as u64);
        all.extend(bytes);
    }
    assert!(all == memory);
}

#[test]
fn a_slow_disk_loses_records_and_says_how_many() {
    let (go, wait): (Sender<()>, _) = channel();
    let sink = Sink::default();
    let limits = Limits { queued: 4096, ..Limits::default() };
    let tracer = Tracer::start_with(Slow(sink.clone(), wait, false), &start(), limits).unwrap();
    let tap = tracer.tap(0);
    let mut sent = 0_u64;
    for _ in 0..100 {
        tap.record(|| Event::ConfigRead { offset: 0, bytes: &[7; 1000] });
        tracer.flush();
        sent += 1;
    }
    assert!(!tap.wants_state(), "the writer has not caught up");
    drop(go);
    while !tap.wants_state() {
        std::thread::yield_now();
    }
    tap.state(Some(&[9; 10]));
    assert!(!tap.wants_state());
    drop((tap, tracer));
    let bytes = sink.0.lock().unwrap();
    let (_, mut reader) = Reader::open(&bytes[..]).unwrap();
    let (mut seen, mut missing, mut states) = (0, 0, 0);
    while let Some((_, _, event)) = reader.next().unwrap() {
        match event {
            Event::Lost { records, bytes } => {
                assert!(bytes >= records * 1000);
                missing += records;
            }
            Event::State { last, bytes } => {
                assert_eq!((last, bytes, missing > 0), (true, &[9; 10][..], true));
                states += 1;
            }
            _ => seen += 1,
        }
    }
    assert_eq!((seen + missing, states), (sent, 1));
    assert!(seen <= 5, "{seen} records of a thousand bytes in 4096");
}

/// A file while which is written more is recorded, until what was written is settled.
#[derive(Clone, Default)]
struct Restless {
    tap: Arc<Mutex<Option<Tap>>>,
    settled: Arc<AtomicUsize>,
}

impl Write for Restless {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let tap = self.tap.lock().unwrap();
        if let Some(tap) = tap.as_ref().filter(|_| self.settled.load(Ordering::Relaxed) < 2) {
            tap.memory(0, &[7; 300_000]);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.settled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn what_was_recorded_is_soon_in_the_file_though_more_comes() {
    let sink = Restless::default();
    let tracer = Tracer::start_with(sink.clone(), &start(), Limits::default()).unwrap();
    *sink.tap.lock().unwrap() = Some(tracer.tap(0));
    tracer.tap(0).memory(0, &[7; 300_000]);
    tracer.flush();
    let begun = Instant::now();
    // The head was settled too.
    while sink.settled.load(Ordering::Relaxed) < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is never settled");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    // The tap holds the trace open, and is held by its writer.
    sink.tap.lock().unwrap().take();
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn each_hole_is_told_of() {
    let warnings = Warnings::default();
    let limits = Limits { queued: 4096, ..Limits::default() };
    let tracer = Tracer::start_with(Sink::default(), &start(), limits).unwrap();
    let tap = tracer.tap(0);
    // More than a chunk, which is handed over here and is too long.
    let lose = || {
        (0..100).for_each(|_| {
            tap.record(|| Event::ConfigRead { offset: 0, bytes: &[7; 4000] });
        });
    };
    tracing::subscriber::with_default(warnings.clone(), || {
        for hole in 1..=3 {
            lose();
            lose();
            assert_eq!(warnings.0.load(Ordering::Relaxed), hole);
            tap.state(None);
        }
    });
}

#[test]
fn a_trace_ends_at_its_limit() {
    let sink = Sink::default();
    let most = 1 << 20;
    let limits = Limits { file: most, ..Limits::default() };
    let tracer = Tracer::start_with(sink.clone(), &start(), limits).unwrap();
    let tap = tracer.tap(0);
    assert!(tap.is_on());
    for _ in 0..1000 {
        tap.record(|| Event::ConfigRead { offset: 0, bytes: &[7; 4000] });
        tracer.flush();
    }
    let begun = Instant::now();
    while tap.is_on() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody is told of the limit");
        std::thread::yield_now();
    }
    assert!(!tap.wants_state());
    drop((tap, tracer));
    let bytes = sink.0.lock().unwrap();
    assert!(bytes.len() as u64 <= most);
    let (_, mut reader) = Reader::open(&bytes[..]).unwrap();
    let (mut count, mut limit) = (0, None);
    while let Some((_, _, event)) = reader.next().unwrap() {
        match event {
            Event::Limit { bytes } => limit = Some(bytes),
            _ => count += 1,
        }
    }
    assert_eq!(limit, Some(most));
    // What was on its way at once is left out as a whole.
    assert!((150..263).contains(&count), "{count}");
}

#[test]
fn a_full_disk_ends_the_trace_and_nothing_else() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 == 1 { Ok(bytes.len()) } else { Err(std::io::ErrorKind::StorageFull.into()) }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let tracer = Tracer::start_with(Full(0), &start(), Limits::default()).unwrap();
    let tap = tracer.tap(0);
    for _ in 0..10_000 {
        tap.record(|| Event::Reset);
        tracer.flush();
    }
}

#[test]
fn what_is_no_trace_is_refused() {
    assert!(matches!(read(b""), Err(ReadError::NoTrace)));
    assert!(matches!(read(&[0; 100]), Err(ReadError::NoTrace)));
    let mut other = written(1);
    other[8] = 9;
    assert!(matches!(read(&other), Err(ReadError::Version(9))));
}

proptest! {
    /// Every byte of a file may be anything; nothing but an answer may come of it.
    #[test]
    fn spoiled_files_are_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        mend in any::<bool>(),
    ) {
        let mut bytes = written(2);
        for (index, byte) in changes {
            let length = bytes.len();
            bytes[index.index(length)] = byte;
        }
        if mend {
            mend_checksums(&mut bytes);
        }
        let _ = read(&bytes);
    }

    #[test]
    fn anything_behind_a_head_is_harmless(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = written(0);
        let mut chunk = vec![0; 8];
        chunk.extend(tail);
        bytes.extend(chunk);
        mend_checksums(&mut bytes);
        let _ = read(&bytes);
    }
}

/// Makes the checksums right, so that what is behind them is looked at.
fn mend_checksums(bytes: &mut [u8]) {
    let mut at = 12;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let end = at + 8 + length;
        let Some(body) = bytes.get(at + 8..end) else { return };
        let sum = crc32fast::hash(body);
        bytes[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
}
