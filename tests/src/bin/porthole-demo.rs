//! (made below)
fn main() {}
