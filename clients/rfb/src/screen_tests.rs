use super::*;

const SIZE: Size = Size::new(8, 4);

fn screen() -> Screen {
    let mut screen = Screen::new(1 << 20);
    screen.resize(SIZE).unwrap();
    screen
}

fn draw(screen: &mut Screen, rect: Rect, value: u32) {
    screen.begin(rect);
    screen.fill(rect, value);
    screen.drawn(rect);
}

fn pixels(frame: &Frame) -> Vec<u32> {
    let mut words = vec![0; usize::try_from(frame.memory.len()).unwrap()];
    frame.memory.read_at(0, &mut words).unwrap();
    words.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

#[test]
fn nothing_is_shown_before_all_of_it_is_known() {
    let mut screen = screen();
    draw(&mut screen, Rect::new(0, 0, 8, 3), 1);
    assert!(screen.frame().is_none() && !screen.is_shown());
    draw(&mut screen, Rect::new(0, 3, 8, 1), 2);
    let frame = screen.frame().unwrap();
    assert_eq!(pixels(&frame)[..24], [1; 24]);
    assert_eq!(frame.damage.bounds(), Some(Rect::from_size(SIZE)));
    assert!(screen.frame().is_none(), "nothing new");
    // A server that comes back tells everything again; what is shown stays meanwhile.
    screen.resize(SIZE).unwrap();
    draw(&mut screen, Rect::new(0, 0, 8, 3), 7);
    assert!(screen.frame().is_none());
    assert_eq!(pixels(&frame)[..24], [1; 24]);
}

#[test]
fn what_the_compositor_holds_is_not_drawn_on() {
    let mut screen = screen();
    draw(&mut screen, Rect::from_size(SIZE), 1);
    let first = screen.frame().unwrap();
    draw(&mut screen, Rect::new(1, 1, 2, 2), 2);
    let second = screen.frame().unwrap();
    assert_ne!(first.buffer, second.buffer);
    assert_eq!(pixels(&first), [1; 32]);
    assert_eq!(second.damage.rects(), [Rect::new(1, 1, 2, 2)]);
    assert_eq!(pixels(&second).iter().filter(|value| **value == 2).count(), 4);
    // All but what was drawn anyway was copied once.
    assert_eq!(screen.copies().repair, (32 - 4) * 4);
    assert_eq!(screen.copies().transfer, (32 + 4) * 4);
    screen.released(first.buffer, first.serial);
    draw(&mut screen, Rect::new(0, 0, 1, 1), 3);
    let third = screen.frame().unwrap();
    assert_eq!(third.buffer, first.buffer);
    assert_eq!(pixels(&third)[..2], [3, 1]);
    assert_eq!(pixels(&third).iter().filter(|value| **value == 2).count(), 4);
    assert_eq!(screen.copies().repair, 32 * 4, "what the first one had missed");
}

#[test]
fn copies_are_made_in_the_right_order() {
    for (to, from) in [((0, 1), (0, 0)), ((0, 0), (0, 1)), ((1, 0), (0, 0)), ((0, 2), (3, 0))] {
        let mut screen = screen();
        let values: Vec<u32> = (0..32).collect();
        screen.begin(Rect::from_size(SIZE));
        screen.write(Rect::from_size(SIZE), &values);
        screen.drawn(Rect::from_size(SIZE));
        screen.frame().unwrap();
        let part = |(x, y)| Rect::new(x, y, 5, 2);
        screen.copy(part(to), part(from));
        screen.drawn(part(to));
        let frame = screen.frame().unwrap();
        let seen = pixels(&frame);
        for y in 0..2 {
            for x in 0..5 {
                let at =
                    |(left, top): (i32, i32)| usize::try_from((top + y) * 8 + left + x).unwrap();
                assert_eq!(seen[at(to)], values[at(from)], "{to:?} {from:?} {x} {y}");
            }
        }
    }
}

#[test]
fn pictures_beyond_the_limit_are_refused_and_the_old_one_stays() {
    let mut screen = screen();
    draw(&mut screen, Rect::from_size(SIZE), 1);
    let frame = screen.frame().unwrap();
    let error = screen.resize(Size::new(65535, 65535)).unwrap_err();
    assert!(error.to_string().contains("--max-memory"), "{error}");
    assert_eq!(screen.size(), SIZE);
    screen.resize(Size::new(2, 2)).unwrap();
    assert_eq!(screen.take_retired(), [frame.buffer]);
    draw(&mut screen, Rect::new(0, 0, 2, 2), 5);
    assert_eq!(screen.frame().unwrap().layout.size(), Size::new(2, 2));
}

#[test]
fn a_frame_instead_is_followed_by_a_whole_one() {
    let mut screen = screen();
    draw(&mut screen, Rect::from_size(SIZE), 0x40);
    screen.frame().unwrap();
    let sign = screen.instead(|_, bytes| bytes.fill(9)).unwrap();
    assert_eq!(pixels(&sign), [0x0909_0909; 32]);
    assert_eq!(screen.take_retired(), [sign.buffer]);
    draw(&mut screen, Rect::new(0, 0, 1, 1), 0x41);
    let next = screen.frame().unwrap();
    assert_eq!(next.damage.bounds(), Some(Rect::from_size(SIZE)));
    assert_eq!(pixels(&next)[..2], [0x41, 0x40]);
}
