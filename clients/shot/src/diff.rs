//! What differs between two pictures.

use porthole_pixel::Size;
use serde_json::{Value, json};

use crate::picture::Picture;

/// The colour of a pixel that differs, in the picture of a difference.
const DIFFERENT: [u8; 4] = [0xff, 0, 0xff, 0xff];

/// All that is said of a difference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Difference {
    /// Pixels that differ, or that only one picture has.
    count: u64,
    /// The first of them, from the top left corner on.
    first: Option<(u32, u32)>,
    /// The smallest rectangle around them: left, top, right, bottom, the last two included.
    around: Option<[u32; 4]>,
    /// The largest difference of one channel.
    most: u8,
}

/// The size that holds both pictures.
fn both(a: &Picture, b: &Picture) -> Size {
    let (a, b) = (a.size(), b.size());
    Size::new(a.width.max(b.width), a.height.max(b.height))
}

/// How much two pixels differ, by the channel that differs most.
fn distance(a: [u8; 4], b: [u8; 4]) -> u8 {
    a.iter().zip(b).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

impl Difference {
    pub(crate) fn between(a: &Picture, b: &Picture) -> Self {
        let mut found = Self::default();
        let size = both(a, b);
        for y in 0..size.height {
            for x in 0..size.width {
                let (a, b) = (a.get(x, y), b.get(x, y));
                if a == b {
                    continue;
                }
                found.count += 1;
                found.first.get_or_insert((x, y));
                let [left, top, right, bottom] = found.around.unwrap_or([x, y, x, y]);
                found.around = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
                if let (Some(a), Some(b)) = (a, b) {
                    found.most = found.most.max(distance(a, b));
                }
            }
        }
        found
    }

    /// True when the pictures are the same.
    pub(crate) const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Where they differ: magenta, on the first picture in dark grey.
    pub(crate) fn picture(a: &Picture, b: &Picture) -> Picture {
        Picture::made(both(a, b), |x, y| match (a.get(x, y), b.get(x, y)) {
            (a, b) if a != b => DIFFERENT,
            (Some([red, green, blue, _]), _) => {
                let sum = u16::from(red) + u16::from(green) + u16::from(blue);
                // A quarter of the mean: at most 63.
                let grey = u8::try_from(sum / 12).unwrap_or(u8::MAX);
                [grey, grey, grey, 0xff]
            }
            _ => [0, 0, 0, 0xff],
        })
    }

    pub(crate) fn to_json(&self, a: &Picture, b: &Picture) -> Value {
        let size = |p: &Picture| json!([p.size().width, p.size().height]);
        let around = self.around.map(|[left, top, right, bottom]| {
            json!([left, top, right - left + 1, bottom - top + 1])
        });
        json!({
            "same": self.is_none(),
            "size_a": size(a),
            "size_b": size(b),
            "pixels": self.count,
            "bounds": around,
            "first": self.first.map(|(x, y)| json!([x, y])),
            "largest": self.most,
        })
    }

    pub(crate) fn to_text(&self, a: &Picture, b: &Picture) -> String {
        let (Some((x, y)), Some([left, top, right, bottom])) = (self.first, self.around) else {
            return format!("the same: {}", a.size());
        };
        let mut text = String::new();
        if a.size() != b.size() {
            text = format!("sizes differ: {} and {}; ", a.size(), b.size());
        }
        let color = |p: &Picture| {
            let hex = |[r, g, b, a]: [u8; 4]| match a {
                0xff => format!("#{r:02x}{g:02x}{b:02x}"),
                _ => format!("#{r:02x}{g:02x}{b:02x}{a:02x}"),
            };
            p.get(x, y).map_or_else(|| "nothing".to_owned(), hex)
        };
        let (width, height) = (right - left + 1, bottom - top + 1);
        text.push_str(&format!(
            "{} of {} pixels differ, within {width}x{height}+{left}+{top}, by at most {}; \
             the first at {x},{y}: {} and {}",
            self.count,
            both(a, b).area(),
            self.most,
            color(a),
            color(b),
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(value: u32) -> u8 {
        value.to_le_bytes()[0]
    }

    fn picture(width: u32, height: u32) -> Picture {
        Picture::made(Size::new(width, height), |x, y| [byte(x), byte(y), 9, 0xff])
    }

    #[test]
    fn the_same_is_the_same() {
        let a = picture(4, 3);
        let none = Difference::between(&a, &a);
        assert!(none.is_none());
        assert_eq!(none.to_text(&a, &a), "the same: 4x3");
        assert_eq!(none.to_json(&a, &a)["bounds"], Value::Null);
    }

    #[test]
    fn every_pixel_that_differs_counts() {
        let a = picture(4, 3);
        let b = Picture::made(Size::new(4, 3), |x, y| match (x, y) {
            (1, 1) => [1, 1, 10, 0xff],
            (3, 2) => [3, 2, 9, 0xf0],
            _ => [byte(x), byte(y), 9, 0xff],
        });
        let found = Difference::between(&a, &b);
        assert_eq!(
            found.to_text(&a, &b),
            "2 of 12 pixels differ, within 3x2+1+1, by at most 15; \
             the first at 1,1: #010109 and #01010a"
        );
        let told = found.to_json(&a, &b);
        assert_eq!((&told["pixels"], &told["bounds"]), (&json!(2), &json!([1, 1, 3, 2])));
        let shown = Difference::picture(&a, &b);
        assert_eq!(shown.get(1, 1), Some(DIFFERENT));
        assert_eq!(shown.get(0, 0), Some([0, 0, 0, 0xff]));
    }

    #[test]
    fn sizes_differ_where_one_has_no_pixel() {
        let (a, b) = (picture(4, 3), picture(5, 2));
        let found = Difference::between(&a, &b);
        assert_eq!(found.count, 4 + 2);
        assert_eq!(found.most, 0);
        assert!(found.to_text(&a, &b).starts_with("sizes differ: 4x3 and 5x2; 6 of 15 pixels"));
        let shown = Difference::picture(&a, &b);
        assert_eq!(shown.size(), Size::new(5, 3));
        assert_eq!(shown.get(4, 2), Some([0, 0, 0, 0xff]), "neither has it");
    }
}
