//! Everything together, with real guests and real viewers; a file for each subject.

#![forbid(unsafe_code)]

#[cfg(test)]
mod boot_to_viewer;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod resize;
#[cfg(test)]
mod two_guests;
