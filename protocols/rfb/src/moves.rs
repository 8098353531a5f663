//! Finds what a scrolled window did: a rectangle that was moved as a whole, so that CopyRect can
//! say it in four numbers (RFC 6143, 7.7.2).

use std::collections::HashMap;

use porthole_pixel::Rect;

use crate::frame::Frame;

/// Below this side neither the search nor the move pays.
const MIN_SIDE: i32 = 32;
/// Fewer moved lines than this are no scrolling.
const MIN_LINES: usize = 16;

/// A rectangle that now shows what lay elsewhere before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// Where it lies now.
    pub to: Rect,
    /// How far it moved to the right.
    pub dx: i32,
    /// How far it moved down.
    pub dy: i32,
}

impl Move {
    /// Where it lay before.
    #[must_use]
    pub const fn from(&self) -> Rect {
        self.to.translate(-self.dx, -self.dy)
    }
}

/// Searches the damaged rectangle for one vertical or, failing that, one horizontal move from
/// `old` to `new`. The answer is exact: every pixel of the move was compared. The work is two
/// passes over the rectangle for each direction.
#[must_use]
pub fn find_move(old: &Frame<'_>, new: &Frame<'_>, damage: Rect) -> Option<Move> {
    if old.size() != new.size() || damage.width < MIN_SIDE || damage.height < MIN_SIDE {
        return None;
    }
    let area = damage.intersect(Rect::from_size(new.size()))?;
    vertical(old, new, area).or_else(|| horizontal(old, new, area))
}

fn vertical(old: &Frame<'_>, new: &Frame<'_>, area: Rect) -> Option<Move> {
    let hashes = |frame: &Frame<'_>| -> Vec<u64> {
        (area.top()..area.bottom()).map(|y| hash(frame.row(area.x, y, area.width))).collect()
    };
    let run = longest_run(&hashes(old), &hashes(new))?;
    let to = Rect::new(area.x, area.y + run.start, area.width, run.count);
    verify(old, new, Move { to, dx: 0, dy: run.distance })
}

fn horizontal(old: &Frame<'_>, new: &Frame<'_>, area: Rect) -> Option<Move> {
    let hashes = |frame: &Frame<'_>| -> Vec<u64> {
        let mut columns = vec![SEED; usize::try_from(area.width).unwrap_or(0)];
        for y in area.top()..area.bottom() {
            let (pixels, _) = frame.row(area.x, y, area.width).as_chunks::<4>();
            for (hash, pixel) in columns.iter_mut().zip(pixels) {
                *hash = mix(*hash, *pixel);
            }
        }
        columns
    };
    let run = longest_run(&hashes(old), &hashes(new))?;
    let to = Rect::new(area.x + run.start, area.y, run.count, area.height);
    verify(old, new, Move { to, dx: run.distance, dy: 0 })
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of a multiply-and-rotate hash; the unused byte of the pixel does not count.
fn mix(hash: u64, pixel: [u8; 4]) -> u64 {
    let [blue, green, red, _] = pixel;
    let word = u64::from(u32::from_le_bytes([blue, green, red, 0]));
    (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

fn hash(row: &[u8]) -> u64 {
    row.as_chunks::<4>().0.iter().fold(SEED, |hash, pixel| mix(hash, *pixel))
}

/// Consecutive lines that moved together.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: i32,
    count: i32,
    distance: i32,
}

/// The distance that most unrepeated lines agree on, and its longest run.
fn longest_run(old: &[u64], new: &[u64]) -> Option<Run> {
    // A line that occurs twice says nothing about where it came from.
    let mut places: HashMap<u64, Option<usize>> = HashMap::with_capacity(old.len());
    for (index, hash) in old.iter().enumerate() {
        places.entry(*hash).and_modify(|place| *place = None).or_insert(Some(index));
    }
    let mut votes: HashMap<i64, u32> = HashMap::new();
    for (index, hash) in new.iter().enumerate() {
        if let Some(Some(place)) = places.get(hash) {
            let distance = i64::try_from(index).ok()? - i64::try_from(*place).ok()?;
            if distance != 0 {
                *votes.entry(distance).or_default() += 1;
            }
        }
    }
    let (distance, _) =
        votes.into_iter().max_by_key(|(distance, votes)| (*votes, -distance.abs()))?;
    let (mut best, mut start) = (0..0, 0);
    for (index, hash) in new.iter().enumerate() {
        let before = usize::try_from(i64::try_from(index).ok()? - distance).ok();
        if before.and_then(|before| old.get(before)) == Some(hash) {
            if index + 1 - start > best.len() {
                best = start..index + 1;
            }
        } else {
            start = index + 1;
        }
    }
    if best.len() < MIN_LINES {
        return None;
    }
    Some(Run {
        start: i32::try_from(best.start).ok()?,
        count: i32::try_from(best.len()).ok()?,
        distance: i32::try_from(distance).ok()?,
    })
}

/// Hashes may lie; pixels do not.
fn verify(old: &Frame<'_>, new: &Frame<'_>, found: Move) -> Option<Move> {
    let from = found.from();
    for line in 0..found.to.height {
        let was = old.row(from.x, from.y + line, from.width).as_chunks::<4>().0;
        let is = new.row(found.to.x, found.to.y + line, found.to.width).as_chunks::<4>().0;
        let equal = |(a, b): (&[u8; 4], &[u8; 4])| {
            (u32::from_le_bytes(*a) ^ u32::from_le_bytes(*b)) << 8 == 0
        };
        if was.is_empty() || was.len() != is.len() || !was.iter().zip(is).all(equal) {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use porthole_pixel::Size;

    use super::*;

    const SIDE: i32 = 80;

    fn picture(pixel: impl Fn(i32, i32) -> u32) -> Vec<u8> {
        (0..SIDE)
            .flat_map(|y| (0..SIDE).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y).to_le_bytes())
            .collect()
    }

    fn noise(x: i32, y: i32) -> u32 {
        let n = (x * 7919 + y * 104_729).cast_unsigned();
        n.wrapping_mul(0x9e37_79b1) ^ n >> 3
    }

    fn search(old: &[u8], new: &[u8]) -> Option<Move> {
        let size = Size::new(80, 80);
        let frame = |bytes| Frame::new(size, 320, bytes).unwrap();
        find_move(&frame(old), &frame(new), Rect::new(4, 4, 70, 70))
    }

    #[test]
    fn scrolling_up_and_sideways_is_found_exactly() {
        let old = picture(noise);
        let up = picture(|x, y| if y < 60 { noise(x, y + 9) } else { 1 });
        assert_eq!(search(&old, &up), Some(Move { to: Rect::new(4, 4, 70, 56), dx: 0, dy: -9 }));
        let right = picture(|x, y| if x > 20 { noise(x - 5, y) } else { 1 });
        let to = Rect::new(21, 4, 53, 70);
        assert_eq!(search(&old, &right), Some(Move { to, dx: 5, dy: 0 }));
    }

    #[test]
    fn still_plain_and_new_pictures_have_no_moves() {
        let old = picture(noise);
        assert_eq!(search(&old, &old), None);
        assert_eq!(search(&picture(|_, _| 5), &picture(|_, _| 6)), None);
        assert_eq!(search(&old, &picture(|x, y| noise(y + 3, x))), None);
    }
}
