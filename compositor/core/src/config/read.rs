//! stub
use std::io;
use std::path::Path;

use super::{Config, ConfigErrors};

pub(super) fn text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}
pub(super) fn config(_text: &str, _file: &str) -> Result<Config, ConfigErrors> {
    Ok(Config::default())
}
