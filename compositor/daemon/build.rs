//! How the service is linked.

#![expect(clippy::disallowed_macros, reason = "a build script talks to cargo by its output")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Relocations are read whole at each start, and stay in memory that no other process shares: packed
    // they are a fiftieth. A linker that cannot do this says so and goes on.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
