//! What our VGA's pictures cost, beside those of QEMU's in the same state.
//!
//! All lines are made anew, because a colour changes that they have: by our device into memory, by QEMU into
//! its own surface, which is how it draws for a screendump and for VNC. What its drawing alone costs is told
//! by a screendump that it cannot write, less what such a call costs without a change.

use std::path::Path;
use std::time::{Duration, Instant};

use porthole_rig::{Qemu, Result, RigError, cache};
use porthole_vectors::vga::{
    self, CHAINED, CHARACTERS, Model, SIXTEEN, Space, Target, set_dispi, set_mode,
};
use porthole_vga_device::Width;

use super::{Bench, Samples, milliseconds};
use crate::counters::Counters;

/// The release whose QEMU is measured: the newest.
const RELEASE: &str = "sid";
/// Pictures in each round, of which the fastest count.
const OURS: u32 = 60;
const THEIRS: u32 = 40;
/// Looks at a screen that stays as it is.
const LOOKS: u32 = 2000;
/// 1920×1080, as far as a mode of so many bits needs.
const WHOLE: (u16, u16) = (1920, 1080);

/// A state of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// 80×25 characters of 9×16.
    Text,
    /// 640×480 of 16 colours.
    Planar,
    /// 320×200 of 256 colours, doubled.
    Bytes,
    /// 1920×1080 of so many bits.
    Dispi(u16),
}

impl Scene {
    /// The accesses that set it.
    fn ports(self) -> Vec<(u16, Width, u32)> {
        match self {
            Scene::Text => set_mode(CHARACTERS),
            Scene::Planar => set_mode(SIXTEEN),
            Scene::Bytes => set_mode(CHAINED),
            Scene::Dispi(bits) => {
                let mut ports = set_mode(CHAINED);
                ports.extend(set_dispi(WHOLE, bits, 0x41));
                ports
            }
        }
    }

    /// Whether a colour changes all of it; where memory has the pixels themselves, another offset does.
    fn has_palette(self) -> bool {
        !matches!(self, Scene::Dispi(15..))
    }

    /// Sets it, with memory of no pattern that a processor could learn.
    fn set(self, target: &mut impl Target) -> std::result::Result<(), String> {
        for (port, width, value) in self.ports() {
            target.io_write(port, width, value)?;
        }
        let len = match self {
            Scene::Dispi(bits) => usize::from(WHOLE.0) * 1088 * usize::from(bits.div_ceil(8)),
            _ => 256 << 10,
        };
        let mut random = 1_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random.to_be_bytes()[0]
        })
        .take(len)
        .collect();
        target.mem_write(Space::Lfb, 0, &bytes)
    }

    /// Changes the screen so that all of it is drawn anew, or writes the same as before.
    fn change(self, target: &mut impl Target, turn: u32) -> std::result::Result<(), String> {
        if self.has_palette() {
            // A colour that is on the screen in each of these modes.
            for (port, value) in [(0x3c8, 1), (0x3c9, turn & 0x3f), (0x3c9, 1), (0x3c9, 2)] {
                target.io_write(port, Width::Byte, value)?;
            }
            return Ok(());
        }
        target.io_write(0x1ce, Width::Word, 9)?;
        target.io_write(0x1cf, Width::Word, turn & 1)
    }
}

/// What is measured of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A picture as whoever is outside gets one: a screendump.
    Screendump,
    /// Only that QEMU draws it into its surface.
    Drawing,
}

/// Milliseconds for a whole picture, ours and QEMU's.
pub(crate) fn picture(bench: &Bench, scene: Scene, peer: Peer) -> Result<Samples> {
    let mut samples = Samples::default();
    let folder = cache::target().join("bench-vga");
    for _ in 0..bench.rounds {
        samples.add("porthole", ours(scene).map_err(RigError::failed)?);
        match theirs(scene, peer, &folder) {
            Ok(time) => samples.add("qemu", time),
            Err(why) => samples.note(format!("QEMU failed: {why}")),
        }
    }
    Ok(samples)
}

/// Milliseconds to copy what a picture of 32 bits has, beside which its conversion is measured.
pub(crate) fn copied(bench: &Bench) -> Result<Samples> {
    let mut samples = Samples::default();
    let count = usize::from(WHOLE.0) * usize::from(WHOLE.1);
    let from: Vec<u32> = (0_u32..).take(count).collect();
    let mut into = vec![0_u32; count];
    for _ in 0..bench.rounds {
        samples.add("porthole", ours(Scene::Dispi(32)).map_err(RigError::failed)?);
        let times = (0..OURS).map(|_| {
            let start = Instant::now();
            into.copy_from_slice(std::hint::black_box(&from));
            std::hint::black_box(&mut into);
            start.elapsed()
        });
        let least = times.min().unwrap_or_default();
        samples.add("memcpy", in_milliseconds(least));
    }
    Ok(samples)
}

/// Microseconds for a look at a screen on which nothing has changed.
pub(crate) fn idle(bench: &Bench, scene: Scene) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..bench.rounds {
        let mut model = device(scene).map_err(RigError::failed)?;
        let vga = model.vga();
        vga.picture();
        let start = Instant::now();
        for _ in 0..LOOKS {
            std::hint::black_box(vga.picture());
        }
        samples.add("porthole", in_milliseconds(start.elapsed()) * 1e3 / f64::from(LOOKS));
    }
    Ok(samples)
}

fn device(scene: Scene) -> std::result::Result<Model, String> {
    let mut model = Model::new("VGA", 16)?;
    scene.set(&mut model)?;
    Ok(model)
}

fn ours(scene: Scene) -> std::result::Result<f64, String> {
    let mut model = device(scene)?;
    let mut pixels = Vec::new();
    let mut least = Duration::MAX;
    for turn in 0..OURS {
        scene.change(&mut model, turn)?;
        let vga = model.vga();
        let start = Instant::now();
        let picture = vga.picture();
        let width = usize::try_from(picture.size.width).unwrap_or(0);
        pixels.resize(usize::try_from(picture.size.area()).unwrap_or(0), 0);
        vga.convert_into(&picture.dirty, &mut pixels, width);
        std::hint::black_box(&mut pixels);
        // The first one has the memory to get.
        if turn > 0 {
            least = least.min(start.elapsed());
        }
        if picture.dirty.first() != Some(&(0..picture.size.height)) {
            return Err(format!("only {:?} changed", picture.dirty));
        }
    }
    Ok(in_milliseconds(least))
}

fn theirs(scene: Scene, peer: Peer, folder: &Path) -> std::result::Result<f64, String> {
    let qemu = Qemu::of_release(RELEASE).map_err(|error| error.to_string())?;
    let mut qemu = vga::Qemu::start(qemu.command(), "VGA,vgamem_mb=16", folder)?;
    scene.set(&mut qemu)?;
    // By turns: a picture that is drawn anew, and one that stays. Of both the cheapest counts.
    let mut costs = [u64::MAX; 2];
    for turn in 0..2 * THEIRS {
        scene.change(&mut qemu, turn / 2)?;
        let before = Counters::of(&[qemu.process()]);
        match peer {
            Peer::Screendump => qemu.dump().map(drop)?,
            Peer::Drawing => qemu.draw()?,
        }
        let spent = Counters::of(&[qemu.process()]).since(before).cpu;
        if let Some(cost) = costs.get_mut(usize::from(turn % 2 != 0)) {
            *cost = spent.min(*cost);
        }
    }
    let [drawn, still] = costs;
    Ok(milliseconds(match peer {
        Peer::Screendump => drawn,
        Peer::Drawing => drawn.saturating_sub(still),
    }))
}

fn in_milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scene_is_drawn_whole() {
        for scene in [Scene::Text, Scene::Planar, Scene::Bytes, Scene::Dispi(8), Scene::Dispi(32)] {
            assert!(ours(scene).unwrap() > 0.0, "{scene:?}");
        }
    }
}
