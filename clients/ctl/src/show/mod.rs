//! What people and programs are shown.

pub(crate) mod accounts;
pub(crate) mod difference;
pub(crate) mod json;
pub(crate) mod screen;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod tree;
