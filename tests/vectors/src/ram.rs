//! The guest's memory: 8 MiB at the address that all requests speak of, and nothing else.

use porthole_gpu_device::{GuestMemory, NotRam};

const BASE: u64 = 0x40_0000;
const LEN: usize = 8 << 20;

pub(crate) struct Ram(Vec<u8>);

impl Ram {
    pub(crate) fn new() -> Self {
        Self(vec![0; LEN])
    }

    /// Writes at an offset from the memory's start.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let start = usize::try_from(offset).map_err(|error| error.to_string())?;
        let end = start.checked_add(bytes.len());
        let target = end.and_then(|end| self.0.get_mut(start..end));
        target.ok_or("a step writes behind guest memory")?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes the high bytes of a linear congruential generator.
    pub(crate) fn write_lcg(
        &mut self,
        offset: u64,
        length: usize,
        seed: u32,
    ) -> Result<(), String> {
        let step = |x: &u32| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let numbers = std::iter::successors(step(&seed), step).take(length.min(LEN + 1));
        let bytes: Vec<u8> = numbers.map(|x| x.to_be_bytes()[0]).collect();
        self.write(offset, &bytes)
    }
}

impl GuestMemory for Ram {
    fn contains(&self, address: u64, length: u64) -> bool {
        let start = address.checked_sub(BASE);
        let end = start.and_then(|start| start.checked_add(length));
        end.is_some_and(|end| end <= LEN as u64)
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotRam> {
        let start = address.checked_sub(BASE).and_then(|start| usize::try_from(start).ok());
        let start = start.ok_or(NotRam)?;
        let end = start.checked_add(into.len()).ok_or(NotRam)?;
        into.copy_from_slice(self.0.get(start..end).ok_or(NotRam)?);
        Ok(())
    }
}
