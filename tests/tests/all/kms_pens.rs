//! The machine's pens: the kernel of a guest makes one, libinput reads it, and the service in the guest tells
//! its programs.

use porthole_rig::kms::Card;
use porthole_tests::kms::PenDoes::{At, Button, Comes, Goes, Hovers, Leans, Presses, RubberComes};
use porthole_tests::kms::{Pen, PenDoes};
use porthole_tests::wait::{GUEST, wait_until};
use porthole_tests::{KmsGuest, Result};

/// `BTN_STYLUS` of `linux/input-event-codes.h`.
const STYLUS: u32 = 0x14b;

/// The number of the first pen that comes.
const FIRST: u32 = 0x77;

/// So often a client is told of a seat's pens, though it asks more often.
const LISTENERS: usize = 64;

/// With it, more tools than a seat knows at a time.
const MANY: u32 = 33;

fn layer(name: &str, (x, y): (u32, u32)) -> String {
    format!(
        "[[layer]]\nname = \"{name}\"\nport = \"main\"\nsocket = \"viewer\"\napp_id = \"{name}\"\n\
         order = {}\nrect = [{x}, {y}, 320, 240]\n",
        x + y + 1
    )
}

/// A program that asks for pens, one that does not, and a pen.
fn machine() -> Result<(KmsGuest, Pen)> {
    let mut guest = KmsGuest::boot(Card::Virtio(1))?;
    guest.configure(&format!(
        "version = 1\n[render]\nrenderer = \"cpu\"\n[seat]\n[[port]]\nname = \"main\"\nkind = \"drm\"\n\
         connector = \"Virtual-1\"\n{}{}{}{}[[socket]]\nname = \"viewer\"\nrights = [\"capture:main\"]\n",
        layer("asks", (0, 100)),
        layer("plain", (500, 100)),
        layer("hostile", (100, 400)),
        layer("greedy", (500, 400)),
    ))?;
    guest.start("")?;
    guest.listener_with("asks", "viewer", "asks", "--pens 1")?;
    guest.listener("plain", "viewer", "plain")?;
    guest.listener_with("greedy", "viewer", "greedy", "--pens 70")?;
    let pen = guest.add_pen()?;
    guest.hears("asks", "tablet id 1234:5678")?;
    // libinput takes a pen for gone that rests, until one has said that it goes.
    pen.does(&mut guest, &[Comes(FIRST), At(10, 110)])?;
    guest.hears("asks", "pen in")?;
    pen.does(&mut guest, &[Goes])?;
    guest.hears("asks", "pen out")?;
    Ok((guest, pen))
}

/// The last number that a listener was told of something.
fn last(guest: &KmsGuest, what: &str) -> Option<u32> {
    let heard = guest.heard("asks");
    heard.iter().rev().find_map(|line| line.strip_prefix(what)?.trim().parse().ok())
}

#[test]
#[ignore = "takes long"]
fn a_pen_draws_where_it_is_asked_for_and_points_elsewhere() -> Result<()> {
    let (mut guest, pen) = machine()?;
    let comes = [Comes(FIRST), At(10, 110), Hovers(20), Leans(10, -20)];
    pen.does(&mut guest, &comes)?;
    guest.hears("asks", "pen tilt 10 -20")?;
    let heard = guest.heard("asks");
    let wanted = [
        "tablet Test Pen",
        "tool Pen",
        "tool serial 0 77",
        "tool has Tilt",
        "tool has Pressure",
        "tool has Distance",
        "pen in",
        "pen motion 10.5 10.5",
    ];
    for line in wanted {
        assert!(heard.iter().any(|heard| heard == line), "{line}: {heard:?}");
    }
    assert!(last(&guest, "pen distance").is_some_and(|high| high > 0), "{heard:?}");
    assert!(!heard.iter().any(|line| line.starts_with("pointer")), "{heard:?}");

    // It is drawn with: harder and harder, and over the edge.
    pen.does_all(&mut guest, &[&[Hovers(0)], &[Presses(600)]])?;
    guest.hears("asks", "pen down")?;
    let soft = last(&guest, "pen pressure");
    // libinput tells the middle of four places.
    let across: [&[PenDoes]; 4] =
        [&[Presses(1500), At(509, 110)], &[At(511, 110)], &[At(509, 110)], &[At(511, 110)]];
    pen.does_all(&mut guest, &across)?;
    guest.hears("asks", "pen motion 510.5 10.5")?;
    let hard = last(&guest, "pen pressure");
    assert!(soft > Some(0) && hard > soft && hard < Some(60_000), "{soft:?} {hard:?}");
    assert!(!guest.heard("plain").iter().any(|line| line.starts_with("pointer")));

    // Lifted it is over the other program, which has a pointer with buttons.
    pen.does(&mut guest, &[Presses(0)])?;
    wait_until("the pointer", GUEST, || {
        let heard = guest.heard("plain");
        Ok(heard.iter().any(|line| line.starts_with("pointer enter 1")).then_some(()))
    })?;
    // The other one hears of it by itself, and perhaps later.
    let ends = ["pen up", "pen frame", "pen out", "pen frame"];
    wait_until("the pen's end", GUEST, || {
        Ok(guest.heard("asks").ends_with(&ends.map(str::to_owned)).then_some(()))
    })?;
    pen.does_all(&mut guest, &[&[Presses(900)], &[Presses(0)], &[Button(STYLUS, true)]])?;
    guest.hears("plain", "button 273 pressed")?;
    // It goes while the button is down.
    pen.does(&mut guest, &[Goes])?;
    guest.hears("plain", "pointer leave")?;
    let heard = guest.heard("plain");
    for line in ["button 272 pressed", "button 272 released", "button 273 released"] {
        assert!(heard.iter().any(|heard| heard == line), "{line}: {heard:?}");
    }

    // Its other end is another tool; and the tablet is plugged out while that is down.
    pen.does_all(
        &mut guest,
        &[&[Button(STYLUS, false)], &[RubberComes(FIRST), At(10, 110)], &[Presses(900)]],
    )?;
    guest.hears("asks", "tool Eraser")?;
    pen.does(&mut guest, &[Button(STYLUS, true)])?;
    guest.hears("asks", "pen button 331 pressed")?;
    pen.unplug(&mut guest)?;
    guest.hears("asks", "tablet removed")?;
    let heard = guest.heard("asks");
    let since: Vec<&str> =
        heard.iter().map(String::as_str).skip_while(|l| *l != "tool Eraser").collect();
    for line in ["pen down", "pen up", "pen button 331 released"] {
        assert_eq!(since.iter().filter(|heard| **heard == line).count(), 1, "{line}: {heard:?}");
    }
    let wanted = ["pen out", "pen frame", "tool removed", "tool removed", "tablet removed"];
    assert!(since.ends_with(&wanted), "{heard:?}");
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

#[test]
#[ignore = "takes long"]
fn a_pen_cannot_look_like_a_window() -> Result<()> {
    let (mut guest, pen) = machine()?;
    guest.listener_with("hostile", "viewer", "hostile", "--pens 1 --misuse")?;
    pen.does(&mut guest, &[Comes(FIRST), At(110, 410)])?;
    guest.logs("the surface has another role", 1)?;
    // Nobody else is hurt, and the pen is a pointer or another program's where the window was.
    pen.does_all(&mut guest, &[&[Goes], &[Comes(FIRST), At(10, 110)], &[Presses(900)]])?;
    guest.hears("asks", "pen down")?;
    assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    Ok(())
}

#[test]
#[ignore = "takes long"]
fn a_seat_knows_so_many_tools() -> Result<()> {
    let (mut guest, pen) = machine()?;
    for number in 1..MANY {
        pen.does_all(&mut guest, &[&[Goes], &[Comes(number), At(10, 110)]])?;
        guest.hears("asks", &format!("tool serial 0 {number:x}"))?;
    }
    // Who asks too often hears of them all the same, but not each time.
    let all = guest.heard("greedy");
    let told = all.iter().filter(|line| *line == "tablet Test Pen").count();
    assert_eq!(told, LISTENERS, "{all:?}");

    // The one that was known longest is not known any more.
    guest.hears("asks", "tool removed")?;
    let heard = guest.heard("asks");
    assert_eq!(heard.iter().filter(|line| *line == "tool removed").count(), 1, "{heard:?}");
    // It is a new one when it comes again.
    pen.does_all(&mut guest, &[&[Goes], &[Comes(FIRST), At(10, 110)]])?;
    wait_until("the first tool", GUEST, || {
        let heard = guest.heard("asks");
        let times = heard.iter().filter(|line| *line == "tool serial 0 77").count();
        Ok((times == 2).then_some(()))
    })
}
