//! What a PCI function is to this transport.

use std::os::fd::OwnedFd;

use crate::memory::Ram;

/// A region of the function: a BAR, the option ROM, the configuration space, or the VGA's legacy ranges.
#[derive(Debug, Default)]
pub struct RegionSpec {
    /// Bytes; 0 when the function has no such region.
    pub size: u64,
    /// Whether it can be written.
    pub writable: bool,
    /// The file that is the region, where clients may map it instead of asking for each access.
    pub file: Option<OwnedFd>,
}

/// What is fixed about a function from its start.
#[derive(Debug)]
pub struct Description {
    /// A name for log lines.
    pub name: &'static str,
    /// Regions in VFIO's order: BARs 0 to 5, option ROM, configuration space, legacy VGA.
    pub regions: Vec<RegionSpec>,
    /// How many MSI-X vectors there are.
    pub vectors: u16,
}

/// An access that the function cannot do; its state is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused;

/// A PCI function. All calls come from [`crate::Server::turn`], on one thread, and must not wait: a
/// processor of the guest stands still until they return.
pub trait Function {
    /// Reads a region. All bytes lie inside of it.
    ///
    /// # Errors
    /// When there is nothing to be read like that.
    fn read(&mut self, region: u32, offset: u64, into: &mut [u8]) -> Result<(), Refused>;

    /// Writes a region. All bytes lie inside of it.
    ///
    /// # Errors
    /// When nothing can be written like that.
    fn write(&mut self, region: u32, offset: u64, bytes: &[u8]) -> Result<(), Refused>;

    /// Guest memory is another one. What was given before must not be used after this call.
    fn memory(&mut self, ram: &Ram);

    /// An MSI-X vector has another eventfd, or none.
    fn vector(&mut self, vector: u16, event: Option<OwnedFd>);

    /// The function is reset, by the machine or by a driver; this may come twice.
    fn reset(&mut self);
}
