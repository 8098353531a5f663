//! Rules for the names and paths that a header holds.

/// An object's path: `/`, or names of letters, digits and `_` with a `/` before each.
pub(crate) fn is_path(text: &str) -> bool {
    let name = |name: &str| !name.is_empty() && name.bytes().all(is_word);
    text == "/" || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(name))
}

/// A name of an interface, an error, a member or a bus: no zero byte, no space, and not too long. What
/// else the specification wants of them nobody here relies on.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
