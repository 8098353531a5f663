//! Watched parts of outputs.

use porthole_wayland::safety::client::{
    wfd_safety_manager_v1::WfdSafetyManagerV1 as Manager,
    wfd_safety_region_v1::{self as region, WfdSafetyRegionV1 as Region},
};
use wayland_client::{
    Connection, Dispatch, QueueHandle, delegate_noop, protocol::wl_output::WlOutput,
};

use super::{Log, Program};
use crate::failure::Result;

impl Program {
    /// Watches x, y, width and height of an output; the log says `safety EVENT`, with `safety signature
    /// NUMBER` for signatures.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn watch(&self, output: &WlOutput, [x, y, width, height]: [i32; 4]) -> Result<Region> {
        let manager: Manager = self.bind()?;
        Ok(manager.watch_region(output, x, y, width, height, self.handle(), ()))
    }

    /// The signatures that were told since a mark of the log.
    #[must_use]
    pub fn signatures(&self, mark: usize) -> Vec<u32> {
        let lines = self.log.since(mark).iter();
        let numbers = lines.filter_map(|line| line.strip_prefix("safety signature "));
        numbers.filter_map(|number| number.parse().ok()).collect()
    }
}

/// The signature of pixels, which are 0x..RRGGBB.
#[must_use]
pub fn signature(words: &[u32]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    words.iter().for_each(|word| crc.update(&(word | 0xff00_0000).to_le_bytes()));
    crc.finalize()
}

impl Dispatch<Region, ()> for Log {
    fn event(
        log: &mut Self,
        _: &Region,
        event: region::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            region::Event::Signature { signature, .. } => {
                log.say(format!("safety signature {signature}"));
            }
            region::Event::Mismatch { .. } => log.say("safety mismatch"),
            region::Event::Equal { .. } => log.say("safety equal"),
            region::Event::Frozen { .. } => log.say("safety frozen"),
            region::Event::Recovered => log.say("safety recovered"),
            region::Event::Failed { reason } => log.say(format!("safety failed {reason:?}")),
            _ => {}
        }
    }
}

delegate_noop!(Log: Manager);
