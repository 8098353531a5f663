//! A QEMU that was taken over has a clipboard too: what it says of it that cannot be is left, and costs
//! nobody anything.

use porthole_dbus::Writer;
use porthole_tests::display::{Display, Machine};
use porthole_tests::program::TEXT;
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Capture, Failure, Result, Service};

use crate::bridge::{configuration, picture, word};
use crate::bridge_clipboard::Person;

/// A guest whose text may go both ways, with its keyboard at a person whose clipboard is seen.
fn start() -> Result<(Service, Display, Person)> {
    let text = configuration()
        .replace("name = \"ivi\"\n[[layer]]", "name = \"ivi\"\nclipboard = \"both\"\n[[layer]]");
    let service = Service::start_with(&format!(
        "{text}[[socket]]\nname = \"person\"\nrights = [\"clipboard:main\"]\n"
    ))?;
    let mut display = Display::start(&service, &Machine::default(), &["--clipboard", "both"])?;
    display.scanout(0, word(1))?;
    let capture = Capture::start(&service.socket("viewer")?, "main")?;
    capture.expect("shown", &picture(word(1)), SHORT)?;
    let person = Person::new(&service)?;
    assert_eq!(display.done()?, "Clipboard.Register ");
    Ok((service, display, person))
}

/// The guest has something of these types.
fn grab(serial: u32, kinds: &[&str]) -> Writer {
    Writer::new().u32(0).u32(serial).texts(kinds)
}

fn copied(bytes: &[u8]) -> Writer {
    Writer::new().text(TEXT).byte_array(bytes)
}

/// The guest copies something; the bridge's question for it.
fn copies(display: &mut Display, serial: u32) -> Result<u32> {
    display.clipboard("Grab", &grab(serial, &[TEXT]))?.map_err(Failure::new)?;
    let (what, question) = display.asked()?;
    assert_eq!(what, "Clipboard.Request 0");
    Ok(question)
}

#[test]
fn a_clipboard_that_lies_is_left_and_a_true_text_still_goes() -> Result<()> {
    let (_service, mut display, mut person) = start()?;
    // Other types, other numbers, and what nobody has.
    let words = || Writer::new().text("0");
    let many: Vec<&str> = vec![""; 100_000];
    for (member, body) in [
        ("Grab", words()),
        ("Grab", Writer::new().u32(0)),
        ("Grab", Writer::new().u32(0).u32(1).text(TEXT)),
        ("Release", words()),
        ("Release", Writer::new()),
        ("Request", words()),
        ("Request", Writer::new().u32(0).texts(&[TEXT])),
        ("Request", Writer::new().u32(u32::MAX).texts(&[TEXT])),
        ("Register", words()),
        ("grab", grab(1, &[TEXT])),
    ] {
        let said = display.clipboard(member, &body)?;
        assert_eq!(said.is_err(), member != "Register", "{member}: {said:?}");
    }
    // No selection, no text, and more types than there are.
    for body in
        [Writer::new().u32(7).u32(1).texts(&[TEXT]), grab(1, &["image/png"]), grab(2, &many)]
    {
        display.clipboard("Grab", &body)?.unwrap();
    }
    // Answers that are none: of each the bridge asks anew with the next copy.
    let wrong = [
        copied(&vec![b'a'; 1_000_001]),
        copied(&[0xc3, 0x28]),
        copied(b"a\0b"),
        Writer::new().u32(5),
        Writer::new(),
        Writer::new().text(TEXT).text("a text"),
    ];
    let mark = person.mark();
    for (serial, body) in (3..).zip(&wrong) {
        let question = copies(&mut display, serial)?;
        display.reply(question, body)?;
        // Nobody asks twice.
        display.reply(question, &copied(b"a second answer"))?;
        display.reply(question + 100_000, &copied(b"an answer to nothing"))?;
    }
    let question = copies(&mut display, 20)?;
    display.deny(question, &"no\n".repeat(1000))?;
    // A number after which no other comes, until somebody counts anew.
    let question = copies(&mut display, u32::MAX)?;
    display.reply(question, &copied(b"the last one"))?;
    assert_eq!(person.copied(mark)?, "the last one");
    display.clipboard("Grab", &grab(1, &[TEXT]))?.unwrap();
    display.clipboard("Register", &Writer::new())?.unwrap();

    // An answer that does not come holds up nothing that a person copies.
    let late = copies(&mut display, 2)?;
    for serial in 3..200 {
        display.clipboard("Grab", &grab(serial, &[TEXT]))?.unwrap();
    }
    person.offer("from a person")?;
    assert_eq!(display.done()?, "Clipboard.Grab 0 200", "and no question before it");
    let own = display.clipboard("Request", &Writer::new().u32(0).texts(&[TEXT]))?;
    assert_eq!(own.as_deref(), Ok("from a person"));
    // When it comes, what was copied last is asked for, once.
    display.reply(late, &copied(b"late"))?;
    let (what, question) = display.asked()?;
    assert_eq!(what, "Clipboard.Request 0");
    display.reply(question, &copied("a true text, \u{e9}".as_bytes()))?;
    wait_until("the newest text", SHORT, || {
        person.program.roundtrip()?;
        let seen = person.program.paste_from_afar()?;
        Ok((seen == "a true text, \u{e9}").then_some(()))
    })?;
    display.bridge.must_run()
}

/// A text of as many bytes as a message can have is passed over as it comes.
#[test]
fn a_text_of_128_mib_costs_no_memory() -> Result<()> {
    let (_service, mut display, mut person) = start()?;
    let question = copies(&mut display, 1)?;
    let before = display.bridge.status("VmHWM")?;
    let longest = vec![b'a'; porthole_dbus::MAX_MESSAGE - 4096];
    display.reply(question, &copied(&longest))?;
    // A call may be as long.
    display.clipboard("Grab", &copied(&longest))?.unwrap_err();
    let question = copies(&mut display, 2)?;
    let mark = person.mark();
    display.reply(question, &copied(b"short"))?;
    assert_eq!(person.copied(mark)?, "short");
    let grown = display.bridge.status("VmHWM")?.saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    Ok(())
}

/// Each of a million short questions would be answered by a long text: who does not read the answers is
/// left before there are many.
#[test]
fn questions_whose_answers_nobody_reads_end_the_bridge() -> Result<()> {
    let (mut service, mut display, mut person) = start()?;
    person.offer(&"a text ".repeat(140_000))?;
    assert_eq!(display.done()?, "Clipboard.Grab 0 1");
    let request = Writer::new().u32(0).texts(&[TEXT]);
    while display.clipboard_send("Request", &request).is_ok() {}
    let end = display.bridge.wait_end(SHORT)?;
    let log = display.bridge.log();
    assert_eq!(end.code(), Some(1), "{log}");
    assert!(log.contains("guest ivi: QEMU does not read what it is sent"), "{log}");
    service.process.must_run()
}
