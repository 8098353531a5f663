//! What every task needs before it can start.

use porthole_rig::packages::{AT_NIGHT, TO_BUILD, TO_RUN, TO_SHOW, install};
use porthole_rig::{Image, Result, roots};

use crate::cargo;

/// The programs that guests are shown with.
const PROGRAMS: &[&str] = &[
    "porthole",
    "porthole-gpu",
    "porthole-vga",
    "porthole-qemu",
    "porthole-vnc",
    "porthole-rfb",
    "porthole-shot",
    "portholectl",
];

/// Installs what builds need.
pub(crate) fn for_building() -> Result<()> {
    install(TO_BUILD)
}

/// Installs what guests need to run.
pub(crate) fn for_running() -> Result<()> {
    for_building()?;
    install(TO_RUN)
}

/// Installs what guests need, builds the programs and the guests' image.
pub(crate) fn for_guests() -> Result<()> {
    for_running()?;
    cargo::build("building the programs (minutes the first time)", PROGRAMS)?;
    Image::prepare().map(drop)
}

/// Installs what only the tests at night need.
pub(crate) fn for_nights() -> Result<()> {
    install(AT_NIGHT)
}

/// Gets what only the longer tests need: other QEMUs, a foreign viewer and stock programs.
pub(crate) fn for_long_tests() -> Result<()> {
    for_running()?;
    install(TO_SHOW)?;
    for release in roots::RELEASES {
        roots::qemu(release)?;
    }
    roots::tools()?;
    roots::recorder()?;
    roots::foreign_viewer().map(drop)
}
