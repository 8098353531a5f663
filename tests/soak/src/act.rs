//! What can happen, and how likely it is.

use std::io::Write;
use std::net::TcpStream;

use porthole_guest::Pattern;
use porthole_tests::failure::OrFail;
use porthole_tests::{Result, Viewer};
use rustix::process::Signal;

use crate::report::Report;
use crate::world::{self, World};

/// Viewers at once, at most.
const VIEWERS: usize = 4;
/// How many pictures a guest draws in a row for a viewer that goes in the middle.
const BURST: u32 = 4;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// A guest draws.
    Draw,
    /// A layout is committed.
    Layout,
    /// A layer and its guest's display change their size.
    Resize,
    /// The configuration is read again.
    Reload,
    /// A Wayland program shows a window and dies.
    Program,
    /// A viewer comes.
    Come,
    /// A viewer goes.
    Leave,
    /// A viewer breaks off in the middle.
    Break,
    /// Something that speaks no RFB connects.
    Noise,
    /// A guest restarts without its QEMU.
    Reboot,
    /// A guest is powered off and started.
    Restart,
    /// A guest's QEMU is killed.
    KillGuest,
    /// A guest's device process is killed.
    KillDevice,
    /// The VNC server is killed.
    KillVnc,
    /// The service is killed.
    KillService,
}

impl Act {
    /// All of them.
    pub(crate) const ALL: [Act; 15] = [
        Act::Draw,
        Act::Layout,
        Act::Resize,
        Act::Reload,
        Act::Program,
        Act::Come,
        Act::Leave,
        Act::Break,
        Act::Noise,
        Act::Reboot,
        Act::Restart,
        Act::KillGuest,
        Act::KillDevice,
        Act::KillVnc,
        Act::KillService,
    ];

    /// Its name on the command line and in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Act::Draw => "draw",
            Act::Layout => "layout",
            Act::Resize => "resize",
            Act::Reload => "reload",
            Act::Program => "program",
            Act::Come => "come",
            Act::Leave => "leave",
            Act::Break => "break",
            Act::Noise => "noise",
            Act::Reboot => "reboot",
            Act::Restart => "restart",
            Act::KillGuest => "kill-guest",
            Act::KillDevice => "kill-device",
            Act::KillVnc => "kill-vnc",
            Act::KillService => "kill-service",
        }
    }

    /// What happens, for people.
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Act::Draw => "a guest draws a new picture",
            Act::Layout => "portholectl moves a layer",
            Act::Resize => "a layer changes its size, and its guest's display follows",
            Act::Reload => "the service reads its configuration again",
            Act::Program => "a Wayland program shows a window and is killed",
            Act::Come => "a VNC viewer connects",
            Act::Leave => "a VNC viewer disconnects",
            Act::Break => "a VNC viewer breaks off while a guest draws",
            Act::Noise => "random bytes connect to the VNC server",
            Act::Reboot => "a guest is reset and boots again under the same QEMU",
            Act::Restart => "a guest is powered off and started again",
            Act::KillGuest => "QEMU is killed and the guest started again",
            Act::KillDevice => "porthole-gpu is killed and the guest started again",
            Act::KillVnc => "porthole-vnc is killed and started again",
            Act::KillService => "porthole is killed and started again",
        }
    }

    /// How often it happens beside the others.
    const fn weight(self) -> u32 {
        match self {
            Act::Draw => 8,
            Act::Layout | Act::Come => 4,
            Act::Leave | Act::Break => 3,
            Act::Resize | Act::Reload | Act::Program | Act::Noise => 2,
            Act::Reboot
            | Act::Restart
            | Act::KillGuest
            | Act::KillDevice
            | Act::KillVnc
            | Act::KillService => 1,
        }
    }

    /// Does it, and holds the screen to what it must then be.
    pub(crate) fn perform(
        self,
        world: &mut World,
        dice: &mut fastrand::Rng,
        report: &mut Report,
    ) -> Result<()> {
        let guest = dice.usize(..world.guests());
        // The first guest is the one by which frames are timed, and lives through everything.
        let mortal = dice.usize(1..world.guests());
        match self {
            Act::Draw => world.draw(guest, pattern(dice), dice.u32(..)),
            Act::Layout => {
                let place = (dice.u32(..world::FREE.0), dice.u32(..world::FREE.1));
                world.place(guest, place)
            }
            Act::Resize => {
                let size = dice.choice(world::SIZES).unwrap_or(world::SIZES[0]);
                world.resize(size, dice.u32(..))
            }
            Act::Reload => world.reload(),
            Act::Program => world.program(dice.u32(..)),
            Act::Come if world.viewers.len() < VIEWERS => world.viewer(),
            Act::Come | Act::Leave => {
                if !world.viewers.is_empty() {
                    let one = dice.usize(..world.viewers.len());
                    drop(world.viewers.swap_remove(one));
                }
                Ok(())
            }
            Act::Break => {
                let viewer = Viewer::connect(world.address())?;
                let pictures: Vec<_> = (0..BURST).map(|_| (pattern(dice), dice.u32(..))).collect();
                world.order(guest, &pictures)?;
                drop(viewer);
                Ok(())
            }
            Act::Noise => noise(world.address(), dice),
            Act::Reboot => world.reboot(mortal, pattern(dice), dice.u32(..)),
            Act::Restart => world.restart(mortal, pattern(dice), dice.u32(..)),
            Act::KillGuest => {
                world.guest(mortal)?.qemu.signal(Signal::KILL)?;
                world.bury(mortal)?;
                world.revive(mortal, pattern(dice), dice.u32(..))
            }
            Act::KillDevice => {
                world.guest(mortal)?.device.signal(Signal::KILL)?;
                world.bury(mortal)?;
                world.revive(mortal, pattern(dice), dice.u32(..))
            }
            Act::KillVnc => world.kill_vnc(),
            Act::KillService => world.kill_service(report),
        }?;
        world.judge(self.name())
    }
}

/// An act by the weights.
pub(crate) fn draw(acts: &[Act], dice: &mut fastrand::Rng) -> Act {
    let sum: u32 = acts.iter().map(|act| act.weight()).sum();
    let mut left = dice.u32(..sum.max(1));
    let hit = acts.iter().find(|act| match left.checked_sub(act.weight()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    hit.copied().unwrap_or(Act::Draw)
}

fn pattern(dice: &mut fastrand::Rng) -> Pattern {
    dice.choice([Pattern::Noise, Pattern::Bars, Pattern::Gradient, Pattern::Checker])
        .unwrap_or(Pattern::Noise)
}

/// Connects, says what no viewer says, and goes.
fn noise(address: &str, dice: &mut fastrand::Rng) -> Result<()> {
    let mut stream = TcpStream::connect(address).or_fail("connect to the VNC server")?;
    let mut bytes = vec![0; dice.usize(1..4096)];
    dice.fill(&mut bytes);
    if dice.bool() {
        // Further into the conversation, so that more code gets to see it.
        bytes.splice(0..0, *b"RFB 003.008\n\x01\x01");
    }
    // The server may have hung up in the middle: that is its good right.
    let _ = stream.write_all(&bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_happens_and_by_its_weight() {
        let mut dice = fastrand::Rng::with_seed(1);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..33_000 {
            *counts.entry(draw(&Act::ALL, &mut dice)).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), Act::ALL.len());
        assert!(counts[&Act::Draw] > 6 * counts[&Act::KillVnc], "{counts:?}");
    }

    #[test]
    fn a_seed_decides() {
        let run = |seed| {
            let mut dice = fastrand::Rng::with_seed(seed);
            (0..50).map(|_| draw(&Act::ALL, &mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
