//! Holes: where a layer leaves what is below as it is, bit for bit.

use porthole_tests::{Picture, Result, Viewer, wait::SHORT};
use wayland_client::protocol::wl_shm::Format;

use crate::wfd_reference::{
    BACK, Layer, PORT, Stage, Turn, UPRIGHT, check, configuration, expect_near, reference,
};

pub(crate) fn lower(x: u32, y: u32) -> u32 {
    0x80_0000 | (x * 3) << 8 | (y * 5)
}

pub(crate) fn upper(x: u32, y: u32) -> u32 {
    (x * 3) << 16 | (y * 5) << 8 | 0x80 | ((x ^ y) & 0x7f)
}

pub(crate) fn two(hole: &[[i32; 4]]) -> [Layer; 2] {
    let below = Layer::new([4, 2, 52, 40], lower);
    let mut above = Layer::new([12, 6, 40, 30], upper);
    above.hole = hole.to_vec();
    [below, above]
}

#[test]
fn a_hole_is_exact_to_the_pixel() -> Result<()> {
    check(&two(&[]), UPRIGHT, 0.0, "no hole")?;
    check(&two(&[[10, 5, 12, 9]]), UPRIGHT, 0.0, "one rectangle")?;
    check(&two(&[[0, 0, 40, 30]]), UPRIGHT, 0.0, "all of the layer")?;
    check(&two(&[[-5, -3, 9, 8], [35, 20, 30, 30]]), UPRIGHT, 0.0, "partly outside")?;
    check(&two(&[[100, 100, 5, 5], [-9, 7, 9, 9]]), UPRIGHT, 0.0, "nothing of the layer")?;
    check(&two(&[[3, 3, 10, 10], [8, 8, 10, 10]]), UPRIGHT, 0.0, "two that overlap")?;
    let many: Vec<[i32; 4]> = (0..64).map(|i| [i % 8 * 5, i / 8 * 3 + i % 2, 2, 2]).collect();
    check(&two(&many), UPRIGHT, 0.0, "64 rectangles")
}

#[test]
fn the_background_shows_through_holes_in_all_layers() -> Result<()> {
    let mut layers = two(&[[10, 5, 12, 9]]);
    layers[0].hole = vec![[20, 10, 9, 9]];
    check(&layers, UPRIGHT, 0.0, "two holes")?;
    // A hole where both overlap shows the background, and nothing of a frame before.
    assert!(reference(&layers, UPRIGHT)[15 * 64 + 25] == [16.0, 32.0, 48.0], "{BACK:x}");
    Ok(())
}

/// Every way that a picture can be turned.
pub(crate) fn turns() -> impl Iterator<Item = Turn> {
    [0, 90, 180, 270].into_iter().flat_map(|rotation| {
        [(false, false), (true, false), (false, true), (true, true)]
            .into_iter()
            .map(move |(mirror, flip)| (mirror, flip, rotation))
    })
}

#[test]
fn holes_stay_where_they_are_when_the_picture_turns() -> Result<()> {
    for turn in turns() {
        let mut layers = two(&[[10, 5, 12, 9], [0, 20, 7, 10]]);
        layers[1].turn = turn;
        if turn.2 % 180 != 0 {
            layers[1].size = (30, 40);
        }
        check(&layers, UPRIGHT, 0.0, &format!("{turn:?}"))?;
    }
    Ok(())
}

#[test]
fn holes_stay_where_they_are_when_the_picture_is_scaled() -> Result<()> {
    // By 2, by a half, by one and a half, and each turned.
    for (size, turn) in [(20, 15), (80, 60), (27, 20)].into_iter().flat_map(|size| {
        [UPRIGHT, (false, false, 90), (true, false, 270), (false, true, 180)].map(|t| (size, t))
    }) {
        let mut layers = two(&[[10, 5, 12, 9], [33, 0, 3, 30]]);
        layers[1].turn = turn;
        layers[1].size = if turn.2 % 180 == 0 { size } else { (size.1, size.0) };
        layers[1].words = |x, y| (x * 2) << 16 | (y * 2) << 8 | 0x80;
        check(&layers, UPRIGHT, 0.0, &format!("{size:?} {turn:?}"))?;
    }
    Ok(())
}

#[test]
fn holes_turn_with_the_port() -> Result<()> {
    for port in turns() {
        let mut layers = two(&[[10, 5, 12, 9], [0, 20, 7, 10]]);
        if port.2 % 180 != 0 {
            layers[0].rect = [2, 4, 40, 52];
            layers[0].size = (40, 52);
            layers[1].rect = [6, 12, 30, 40];
            layers[1].size = (30, 40);
        }
        check(&layers, port, 0.0, &format!("port {port:?}"))?;
    }
    Ok(())
}

/// What is seen through the hole changes: nothing else is painted, and the other way round.
#[test]
fn only_what_changed_is_composed() -> Result<()> {
    // Both layers at one place, so that the lower one shows in the hole alone.
    let hole = [10, 5, 12, 9];
    let mut layers = [Layer::new([12, 6, 40, 30], lower), Layer::new([12, 6, 40, 30], upper)];
    layers[1].hole = vec![hole];
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    expect_near(&stage.picture()?, &reference(&layers, UPRIGHT), 0.0, "before");
    let hole_bytes = 12 * 9 * 4;
    let changed: [fn(u32, u32) -> u32; 2] = [|x, y| lower(x, y) ^ 0x7f, |x, y| upper(x, y) ^ 0x7f];
    let expected_bytes = [hole_bytes, 40 * 30 * 4 - hole_bytes];
    for index in [0, 1] {
        let before = stage.composed()?;
        layers[index].words = changed[index];
        let buffer = stage.program.buffer((40, 30), Format::Xrgb8888, true)?;
        buffer.paint(layers[index].words)?;
        let (toplevel, _) = &stage.windows[index];
        crate::wayland_scene::show(&mut stage.program, toplevel, &buffer)?;
        expect_near(&stage.picture()?, &reference(&layers, UPRIGHT), 0.0, "after");
        assert_eq!(stage.composed()? - before, expected_bytes[index], "bytes for layer {index}");
    }
    // Damage inside of the hole is no damage of the upper layer.
    let before = stage.composed()?;
    let (toplevel, buffer) = &stage.windows[1];
    buffer.paint(layers[1].words)?;
    let mark = stage.program.log.len();
    stage.program.frame(&toplevel.surface);
    toplevel.show_damaged(buffer, hole);
    stage.program.wait_for("a frame", mark, |line| line == "frame done")?;
    assert_eq!(stage.composed()?, before);
    Ok(())
}

/// A reload moves a hole: each picture is one of the two.
#[test]
fn a_hole_moves_and_nothing_of_the_old_one_stays() -> Result<()> {
    let mut layers = two(&[[10, 5, 12, 9]]);
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    let before = reference(&layers, UPRIGHT);
    expect_near(&stage.picture()?, &before, 0.0, "before");
    layers[1].hole = vec![[11, 7, 12, 9], [2, 20, 3, 3]];
    let after = reference(&layers, UPRIGHT);
    let seen_after = |seen: &[u32]| {
        let first = 6 * 64 + 12 + 5 * 64 + 10;
        let [_, r, g, b] = seen[first].to_be_bytes();
        [r, g, b].map(f64::from) == after[first]
    };
    stage.service.reload(&configuration(&layers, UPRIGHT))?;
    porthole_tests::wait::wait_until("the hole to move", SHORT, || {
        let seen = stage.picture()?;
        let moved = seen_after(&seen);
        expect_near(&seen, if moved { &after } else { &before }, 0.0, "while it moves");
        Ok(moved.then_some(()))
    })
}

/// Every way to capture sees the composed picture, without holes in it.
#[test]
fn all_who_capture_see_through_the_hole() -> Result<()> {
    let layers = two(&[[10, 5, 12, 9], [0, 20, 7, 10]]);
    let mut stage = Stage::new(&layers, UPRIGHT)?;
    let want = reference(&layers, UPRIGHT);
    expect_near(&stage.picture()?, &want, 0.0, "image copy capture");

    let copies = stage.program.copies()?;
    let output = stage.program.output("main")?;
    let frame = stage.program.copy_frame(&copies, &output, None)?;
    let buffer = stage.program.buffer(PORT, Format::Xrgb8888, true)?;
    let mark = stage.program.log.len();
    frame.copy(&buffer.object);
    stage.program.wait_for("a copy", mark, |line| line.starts_with("copy ready"))?;
    expect_near(&buffer.words()?, &want, 0.0, "screencopy");

    let vnc = stage.service.vnc("main")?;
    let viewer = Viewer::connect(&vnc.address)?;
    let mut picture = Picture::new(PORT.0, PORT.1, [0, 0, 0]);
    for (index, pixel) in (0_u32..).zip(&want) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a byte")]
        picture.set(index % 64, index / 64, pixel.map(|channel| channel as u8));
    }
    viewer.expect("wfd-holes-vnc", &picture, SHORT)
}
