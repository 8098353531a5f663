//! Values of keys, from files and from words of a command line.

use serde_json::{Value, json};

use crate::{control::words::Words, suggest::remedy};

/// What kind of value a key has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// X, Y, WIDTH, HEIGHT.
    Rect,
    /// Several of them.
    Rects,
    /// WIDTH, HEIGHT.
    Size,
    /// A number.
    Number,
    /// Yes or no.
    Switch,
    /// Anything else.
    Text,
}

/// The value that words of a command line stand for. What is not understood stays a text, which the
/// key then says no to.
pub(crate) fn words(kind: Kind, text: &str) -> Value {
    let text = text.trim();
    let value = match kind {
        Kind::Text => None,
        Kind::Number => number(text),
        Kind::Switch => match text {
            "true" | "yes" | "on" | "1" => Some(json!(true)),
            "false" | "no" | "off" | "0" => Some(json!(false)),
            _ => None,
        },
        Kind::Size => text.split_once(['x', ',']).and_then(|(width, height)| {
            Some(json!([number(width.trim())?, number(height.trim())?]))
        }),
        Kind::Rect => rect_of_words(text),
        Kind::Rects => {
            if text == "none" || text.is_empty() {
                Some(json!([]))
            } else {
                let rects = text.split([' ', ';']).filter(|word| !word.is_empty());
                rects.map(rect_of_words).collect::<Option<Vec<_>>>().map(Value::from)
            }
        }
    };
    value.unwrap_or_else(|| json!(text))
}

/// A whole number stays one.
fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    let number = text.parse::<f64>().ok()?;
    number.is_finite().then(|| json!(number))
}

/// `X,Y,WIDTH,HEIGHT`, or `WIDTHxHEIGHT+X+Y` as tables show it.
fn rect_of_words(text: &str) -> Option<Value> {
    if let Some((size, place)) = text.find(['+', '-']).and_then(|at| text.split_at_checked(at))
        && let Some((width, height)) = size.split_once('x')
    {
        let second = place.get(1..)?.find(['+', '-'])? + 1;
        let (x, y) = place.split_at_checked(second)?;
        let sides = [x, y, width, height].map(number);
        return sides.into_iter().collect::<Option<Vec<_>>>().map(Value::from);
    }
    let sides = text.split(',').map(|side| number(side.trim()));
    let sides: Vec<Value> = sides.collect::<Option<_>>()?;
    (sides.len() == 4).then(|| json!(sides))
}

/// Four numbers.
pub(super) fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let list = value.as_array()?.iter().map(Value::as_f64);
    list.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// A whole number, also one that is written `10.0`.
pub(super) fn whole<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    let number = value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "far inside of the range")]
        (number.abs() < 1e15).then_some(number as i64)
    });
    T::try_from(number?).ok()
}

/// Whole numbers.
pub(super) fn wholes<T: TryFrom<i64>, const N: usize>(value: &Value) -> Option<[T; N]> {
    let list = value.as_array()?.iter().map(whole);
    list.collect::<Option<Vec<T>>>()?.try_into().ok()
}

/// A rectangle of whole pixels, with something in it.
pub(super) fn rect(value: &Value) -> Option<[i32; 4]> {
    wholes(value).filter(|[_, _, width, height]| *width > 0 && *height > 0)
}

/// True for what says that there is nothing.
pub(super) fn is_none(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("none")
}

/// One of a few words.
pub(super) fn choice<T>(words: &'static Words<T>, value: &Value) -> Result<&'static str, String> {
    // A number is not written as a text in files.
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(word, _)| *word).ok_or_else(|| {
        format!("'{text}' is none of its words; {}", remedy(&text, words.iter().map(|(w, _)| *w)))
    })
}

/// `#rrggbb`.
pub(super) fn color(value: &Value) -> Option<[u32; 3]> {
    let digits = value.as_str()?.strip_prefix('#')?;
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    Some([number >> 16, number >> 8 & 0xff, number & 0xff])
}

/// A number in a range, in thousandths.
pub(super) fn thousandths(value: &Value, range: std::ops::RangeInclusive<f64>) -> Option<u32> {
    let number = value.as_f64().filter(|number| range.contains(number))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the ranges are small and positive"
    )]
    Some((number * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_are_read_as_files_and_tables_have_them() {
        let rect = |text| words(Kind::Rect, text);
        assert_eq!(rect("1,-2, 3,4"), json!([1, -2, 3, 4]));
        assert_eq!(rect("300x40+10-20"), json!([10, -20, 300, 40]));
        assert_eq!(rect("1.5,0,2,2"), json!([1.5, 0, 2, 2]));
        for wrong in ["", "1,2,3", "1,2,3,4,5", "a", "3x4+1", "3x4", "x+-", "1x+2+3", "é+é+é"] {
            assert_eq!(rect(wrong), json!(wrong), "{wrong}");
        }
        assert_eq!(words(Kind::Rects, "0,0,1,1 2x2+5+5"), json!([[0, 0, 1, 1], [5, 5, 2, 2]]));
        assert_eq!(words(Kind::Rects, "none"), json!([]));
        assert_eq!(words(Kind::Size, "640x480"), json!([640, 480]));
        assert_eq!(words(Kind::Number, "0.5"), json!(0.5));
        assert_eq!(words(Kind::Number, "inf"), json!("inf"));
        assert_eq!(words(Kind::Switch, "off"), json!(false));
    }

    #[test]
    fn colours_have_six_digits() {
        assert_eq!(color(&json!("#0180ff")), Some([1, 0x80, 0xff]));
        for wrong in [json!("#123"), json!("123456"), json!("#12345g"), json!("#+12345"), json!(1)]
        {
            assert_eq!(color(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        assert_eq!(whole::<u32>(&json!(10.0)), Some(10));
        assert_eq!(whole::<u32>(&json!(10.5)), None);
        assert_eq!(whole::<u32>(&json!(-1)), None);
        assert_eq!(whole::<i32>(&json!(1e300)), None);
    }
}
