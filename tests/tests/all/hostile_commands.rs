//! Every error that virtio-gpu names, from the real device over a real queue.

use porthole_tests::Result;
use porthole_tests::front_end::DeviceProcess;
use porthole_tests::front_end::driver::{COMMAND, Driver, FREE};

const OK: u32 = 0x1100;
const UNSPEC: u32 = 0x1200;
const OUT_OF_MEMORY: u32 = 0x1201;
const SCANOUT_ID: u32 = 0x1202;
const RESOURCE_ID: u32 = 0x1203;
const PARAMETER: u32 = 0x1205;

/// Guest memory of 64 by 64 pixels.
const ENTRY: [u32; 4] = [0x20_0000, 0, 64 * 64 * 4, 0];

/// Command, its words, and what must be answered, in order: later ones build on earlier ones.
const CASES: &[(&str, u32, &[u32], u32)] = &[
    ("number 0", 0, &[], UNSPEC),
    ("a number without meaning", 0x1ff, &[0; 8], UNSPEC),
    ("all bits", u32::MAX, &[0; 8], UNSPEC),
    ("a 3D context", 0x200, &[0; 20], UNSPEC),
    ("capabilities, of which there are none", 0x108, &[0, 0], UNSPEC),
    ("a capability set of number -1", 0x109, &[u32::MAX, 1], UNSPEC),
    ("a cursor on the wrong queue", 0x300, &[0; 8], UNSPEC),
    ("create, number 0", 0x101, &[0, 2, 64, 64], RESOURCE_ID),
    ("create, no such format", 0x101, &[1, 9, 64, 64], PARAMETER),
    ("create, no width", 0x101, &[1, 2, 0, 64], OUT_OF_MEMORY),
    ("create, no height", 0x101, &[1, 2, 64, 0], OUT_OF_MEMORY),
    ("create, bytes that wrap 32 bits", 0x101, &[1, 2, 65536, 65536], OUT_OF_MEMORY),
    ("create, bytes that wrap 64 bits", 0x101, &[1, 2, u32::MAX, u32::MAX], OUT_OF_MEMORY),
    ("create, more than the quota", 0x101, &[1, 2, 8192, 8192], OUT_OF_MEMORY),
    ("create, cut short", 0x101, &[1, 2, 64], PARAMETER),
    ("create", 0x101, &[1, 2, 64, 64], OK),
    ("create, once more", 0x101, &[1, 2, 64, 64], RESOURCE_ID),
    ("forget what is not there", 0x102, &[9, 0], RESOURCE_ID),
    ("show nothing on no scanout", 0x103, &[0, 0, 0, 0, 1, 0], SCANOUT_ID),
    ("show on scanout 16", 0x103, &[0, 0, 64, 64, 16, 1], SCANOUT_ID),
    ("show on scanout -1", 0x103, &[0, 0, 64, 64, u32::MAX, 1], SCANOUT_ID),
    ("show what is not there", 0x103, &[0, 0, 64, 64, 0, 9], RESOURCE_ID),
    ("show what has no memory", 0x103, &[0, 0, 64, 64, 0, 1], UNSPEC),
    ("transfer without memory", 0x105, &[0, 0, 64, 64, 0, 0, 1, 0], UNSPEC),
    ("take memory that was not given", 0x107, &[1, 0], UNSPEC),
    ("give memory to what is not there", 0x106, &[9, 0], RESOURCE_ID),
    ("give a piece of no bytes", 0x106, &[1, 1, 0x20_0000, 0, 0, 0], UNSPEC),
    ("give fewer than said", 0x106, &[1, 2, 0x20_0000, 0, 64, 0], UNSPEC),
    ("give more than there can be", 0x106, &[1, 16385, 0x20_0000, 0, 64, 0], UNSPEC),
    ("give 4 billion", 0x106, &[1, u32::MAX, 0x20_0000, 0, 64, 0], UNSPEC),
    ("give", 0x106, &[1, 1, ENTRY[0], ENTRY[1], ENTRY[2], ENTRY[3]], OK),
    ("give twice", 0x106, &[1, 1, ENTRY[0], ENTRY[1], ENTRY[2], ENTRY[3]], UNSPEC),
    ("show less than a screen", 0x103, &[0, 0, 15, 64, 0, 1], PARAMETER),
    ("show more than there is", 0x103, &[0, 0, 65, 64, 0, 1], PARAMETER),
    ("show outside", 0x103, &[64, 64, 64, 64, 0, 1], PARAMETER),
    ("show with a wrap", 0x103, &[u32::MAX, 0, 65, 64, 0, 1], PARAMETER),
    ("show", 0x103, &[0, 0, 64, 64, 0, 1], OK),
    ("transfer outside", 0x105, &[1, 0, 64, 64, 0, 0, 1, 0], PARAMETER),
    ("transfer with a wrap", 0x105, &[u32::MAX, 0, 2, 64, 0, 0, 1, 0], PARAMETER),
    ("transfer of what is not there", 0x105, &[0, 0, 1, 1, 0, 0, 9, 0], RESOURCE_ID),
    ("transfer from behind the memory", 0x105, &[0, 0, 64, 64, u32::MAX, u32::MAX, 1, 0], OK),
    ("transfer", 0x105, &[0, 0, 64, 64, 0, 0, 1, 0], OK),
    ("flush outside", 0x104, &[0, 0, 64, 65, 1, 0], PARAMETER),
    ("flush of what is not there", 0x104, &[0, 0, 1, 1, 9, 0], RESOURCE_ID),
    ("flush, cut short", 0x104, &[0, 0, 64, 64], PARAMETER),
    ("flush", 0x104, &[0, 0, 64, 64, 1, 0], OK),
    ("the EDID of no scanout", 0x10a, &[1, 0], PARAMETER),
    ("the EDID of scanout -1", 0x10a, &[u32::MAX, 0], PARAMETER),
    ("the UUID of what is not there", 0x10b, &[9, 0], RESOURCE_ID),
    ("a blob of number 0", 0x10c, &[0, 1, 1, 0, 0, 0, 64, 0], RESOURCE_ID),
    ("a blob of the host's memory", 0x10c, &[2, 2, 1, 0, 0, 0, 64, 0], PARAMETER),
    ("a blob of no bytes", 0x10c, &[2, 1, 1, 0, 0, 0, 0, 0], PARAMETER),
    ("a blob of fewer than said", 0x10c, &[2, 1, 1, 4, 0, 0, 64, 0], UNSPEC),
    ("a blob", 0x10c, &[2, 1, 1, 1, 0, 0, 16384, 0, ENTRY[0], ENTRY[1], ENTRY[2], ENTRY[3]], OK),
    ("a blob shown as a picture", 0x103, &[0, 0, 64, 64, 0, 2], PARAMETER),
    (
        "a blob on no scanout",
        0x10d,
        &[0, 0, 64, 64, 7, 2, 64, 64, 2, 0, 256, 0, 0, 0, 0, 0, 0, 0],
        SCANOUT_ID,
    ),
    (
        "a blob behind its end",
        0x10d,
        &[0, 0, 64, 64, 0, 2, 64, 64, 2, 0, 256, 0, 0, 0, 1, 0, 0, 0],
        PARAMETER,
    ),
    (
        "a blob with rows that wrap",
        0x10d,
        &[0, 0, 64, 64, 0, 2, 64, 64, 2, 0, u32::MAX, 0, 0, 0, u32::MAX, 0, 0, 0],
        PARAMETER,
    ),
    (
        "a blob of no format",
        0x10d,
        &[0, 0, 64, 64, 0, 2, 64, 64, 5, 0, 256, 0, 0, 0, 0, 0, 0, 0],
        PARAMETER,
    ),
    (
        "a picture shown as a blob",
        0x10d,
        &[0, 0, 64, 64, 0, 1, 64, 64, 2, 0, 256, 0, 0, 0, 0, 0, 0, 0],
        PARAMETER,
    ),
    (
        "a blob on the screen",
        0x10d,
        &[0, 0, 64, 64, 0, 2, 64, 64, 2, 0, 256, 0, 0, 0, 0, 0, 0, 0],
        OK,
    ),
    ("the blob goes while it is shown", 0x102, &[2, 0], OK),
    ("and is flushed", 0x104, &[0, 0, 64, 64, 2, 0], RESOURCE_ID),
    ("take memory", 0x107, &[1, 0], OK),
    ("forget", 0x102, &[1, 0], OK),
    ("forget twice", 0x102, &[1, 0], RESOURCE_ID),
];

#[test]
fn every_mistake_has_its_answer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut device = DeviceProcess::start(folder.path(), &["--blob"])?;
    let mut driver = Driver::start(&device)?;
    for (name, kind, words, expected) in CASES {
        assert_eq!(driver.ask(*kind, words)?, *expected, "{name}");
    }
    device.process.must_run()
}

/// The cursor's queue has no answers; whatever it is sent, it goes on.
#[test]
fn cursor_commands_are_never_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut device = DeviceProcess::start(folder.path(), &[])?;
    let mut driver = Driver::start(&device)?;
    for words in [
        [0x300, 0, 0, 0, 0, 0, 9, 0, 0, 0, 77, 0, 0, 0],
        [0x300, 0, 0, 0, 0, 0, 0, u32::MAX, u32::MAX, 0, 1, u32::MAX, u32::MAX, 0],
        [0x301, 0, 0, 0, 0, 0, u32::MAX, 1 << 31, 1 << 31, 0, 0, 0, 0, 0],
        [0x101, 0, 0, 0, 0, 0, 1, 2, 64, 64, 0, 0, 0, 0],
        [u32::MAX; 14],
    ] {
        driver.write(COMMAND, &words.map(u32::to_le_bytes).concat())?;
        for len in [56, 55, 24, 1, 0] {
            driver.descriptor(1, 0, (COMMAND, len, 1, 1))?;
            driver.descriptor(1, 1, (FREE, 64, 2, 0))?;
            assert_eq!(driver.run_chain(1, 0)?, 0);
        }
    }
    driver.must_answer()?;
    device.process.must_run()
}
