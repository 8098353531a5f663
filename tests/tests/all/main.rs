//! Everything together, with real guests and real viewers; a file for each subject.

#![forbid(unsafe_code)]

#[cfg(test)]
mod boot_to_viewer;
#[cfg(test)]
mod rig;
