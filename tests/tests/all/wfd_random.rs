//! Controllers that send whatever comes to their mind: the service answers each commit, goes on, and
//! shows what observers are told.

use porthole_tests::{
    Result,
    program::{Program, Wfd},
};
use porthole_wayland::wfd::client::{
    wfd_device_v1::{CommitFlags, CommitScope},
    wfd_manager_v1::Access,
    wfd_pipeline_v1::{
        FallbackPicture, Fit, InputPolicy, Lead, Pixels, ScaleFilter, Transition, Transparency,
        TsColorFormat, WfdPipelineV1,
    },
    wfd_port_v1::{PowerMode, Rotation, WfdPortV1},
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::{APP, picture},
    wfd_control::{DEVICE, controller, service},
};

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % sides
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }

    /// A place or length: mostly one that may be right.
    fn number(&mut self) -> i32 {
        let wild = [i32::MIN, i32::MAX, -1, 0, 1, 63, 64, 65, 16_384];
        if self.roll(12) == 0 { self.of(&wild) } else { i32::try_from(self.roll(48)).unwrap() }
    }

    fn unsigned(&mut self) -> u32 {
        self.of(&[0, 1, 2, 255, 256, 65_535, 65_536, u32::MAX, 60_000, 1000])
    }

    fn fraction(&mut self) -> f64 {
        self.of(&[0.0, -1.0, 0.25, 1.0, 2.5, 63.99, 8_388_607.0, -8_388_608.0, 20.0])
    }
}

const ROTATIONS: [Rotation; 4] = [Rotation::_0, Rotation::_90, Rotation::_180, Rotation::_270];

fn set_port(dice: &mut Dice, port: &WfdPortV1) {
    match dice.roll(7) {
        0 => port.set_mode(dice.unsigned()),
        1 => port.set_custom_mode(64, dice.of(&[48, 0, 15, 90, u32::MAX]), dice.unsigned()),
        2 => port.set_background_color(dice.unsigned(), dice.unsigned(), dice.unsigned()),
        3 => port.set_transform(dice.unsigned(), 0, dice.of(&ROTATIONS)),
        4 => port.set_power_mode(dice.of(&[PowerMode::Off, PowerMode::On, PowerMode::Suspend])),
        _ => port.set_gamma(dice.fraction()),
    }
}

fn set_pipeline(dice: &mut Dice, program: &Program, pipeline: &WfdPipelineV1) -> Result<()> {
    match dice.roll(18) {
        0..4 => pipeline.set_destination_rectangle(
            dice.number(),
            dice.number(),
            dice.number(),
            dice.number(),
        ),
        4 => pipeline.set_source_rectangle(
            dice.fraction(),
            dice.fraction(),
            dice.fraction(),
            dice.fraction(),
        ),
        5 => pipeline.set_transform(0, dice.unsigned() & 1, dice.of(&ROTATIONS)),
        6 => pipeline.set_transparency(Transparency::from_bits_truncate(dice.unsigned())),
        7 => pipeline.set_global_alpha(dice.unsigned()),
        8 => {
            let format = dice.of(&[TsColorFormat::Rgb888, TsColorFormat::Rgb565]);
            pipeline.set_ts_color(format, dice.unsigned(), dice.unsigned(), dice.unsigned());
        }
        9 | 10 => {
            let rects: Vec<[i32; 4]> =
                (0..dice.roll(6)).map(|_| [0; 4].map(|_: i32| dice.number())).collect();
            let region = program.region(&rects);
            pipeline.set_hole(Some(&region));
            region.destroy();
        }
        11 => pipeline.set_layer(dice.number()),
        12 => pipeline.set_rate_limit(dice.unsigned()),
        13 => {
            let policies = [InputPolicy::Accept, InputPolicy::Block, InputPolicy::Pass];
            pipeline.set_input_policy(dice.of(&policies));
        }
        14 => {
            let fits = [Fit::Stretch, Fit::Fit, Fit::Fill, Fit::Centre, Fit::Exact];
            let leads = [Lead::Layer, Lead::Picture, Lead::None];
            pipeline.set_sizing(dice.of(&fits), dice.of(&leads), Pixels::Square);
            pipeline.set_scale_filter(dice.of(&[ScaleFilter::None, ScaleFilter::Automatic]));
        }
        15 => {
            let side = u32::try_from(1 + dice.roll(40)).unwrap();
            let buffer = program.buffer((side, side), Format::Argb8888, true)?;
            let mask = program.wfd_mask(pipeline, &buffer);
            pipeline.bind_mask(Some(&mask), Transition::Immediate);
            mask.destroy();
        }
        _ => {
            let side = u32::try_from(1 + dice.roll(40)).unwrap();
            let buffer = program.buffer((side, side), Format::Xrgb8888, true)?;
            let source = match dice.roll(4) {
                0 => program.wfd_program(pipeline, "viewer", APP),
                1 => program.wfd_source(pipeline, dice.unsigned()),
                _ => program.wfd_image(pipeline, &buffer),
            };
            let how = dice.of(&[Transition::AtVsync, Transition::Immediate, Transition::WhenReady]);
            pipeline.bind_source(Some(&source), how, dice.of(&[1, 5, 3_600_001]));
            let pictures =
                [FallbackPicture::Hidden, FallbackPicture::Last, FallbackPicture::Source];
            let image = (dice.roll(2) == 0).then_some(&source);
            if dice.roll(3) == 0 {
                pipeline.set_fallback(dice.of(&pictures), image, dice.unsigned());
            }
            source.destroy();
        }
    }
    Ok(())
}

fn commit(dice: &mut Dice, program: &mut Program, device: &Wfd, port: u32, ids: &[u32]) -> u32 {
    let scope = match dice.roll(4) {
        0 => (CommitScope::EntirePort, port),
        1 => (CommitScope::Pipeline, dice.of(ids)),
        _ => DEVICE,
    };
    let flags = [CommitFlags::empty(), CommitFlags::AllowModeset, CommitFlags::TestOnly];
    program.wfd_start_commit(device, scope, dice.of(&flags))
}

#[test]
fn whatever_controllers_send_each_commit_is_answered() -> Result<()> {
    let service = service()?;
    let mut app = Program::connect(&service.socket("viewer")?)?;
    let toplevel = app.toplevel(APP)?;
    let buffer = app.buffer((40, 20), Format::Xrgb8888, true)?;
    let (mut program, device, port, ids) = controller(&service)?;
    let port_object = program.wfd_port(&device, port);
    let pipelines: Vec<_> = ids.iter().map(|id| program.wfd_pipeline(&device, *id)).collect();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut presented, mut failed) = (0, 0);
    for round in 0..150 {
        let mut commits = Vec::new();
        for _ in 0..6 {
            for _ in 0..=dice.roll(3) {
                if dice.roll(8) == 0 {
                    set_port(&mut dice, &port_object);
                } else {
                    let pipeline = &pipelines[dice.roll(pipelines.len())];
                    set_pipeline(&mut dice, &program, pipeline)?;
                }
            }
            commits.push(commit(&mut dice, &mut program, &device, port, &ids));
        }
        if round % 3 == 0 {
            toplevel.show(&buffer);
            app.send()?;
        }
        for serial in commits {
            match program.wfd_outcome(serial)?.as_str() {
                "presented" | "tested" => presented += 1,
                _ => failed += 1,
            }
        }
    }
    assert!(presented > 100 && failed > 100, "{presented} {failed}");

    // Who comes now is told what the one before was told last.
    let mut looker = Program::connect(&service.socket("looker")?)?;
    let observer = looker.wfd(Access::Observe)?;
    for id in &ids {
        looker.wfd_pipeline(&observer, *id);
    }
    looker.roundtrip()?;
    program.roundtrip()?;
    for id in &ids {
        for value in ["DestinationRectangle", "GlobalAlpha", "Hole", "Transparency ", "Binding"] {
            let start = format!("pipeline {id} {value}");
            let last = |program: &Program| {
                program.log.since(0).iter().rev().find(|l| l.starts_with(&start)).cloned()
            };
            assert_eq!(last(&looker), last(&program), "{start}");
        }
    }
    program.die();
    let (mut program, device, port, _) = controller(&service)?;
    let port = program.wfd_port(&device, port);
    port.set_power_mode(PowerMode::On);
    port.set_transform(0, 0, Rotation::_0);
    let outcome = program.wfd_commit(&device, DEVICE, CommitFlags::empty())?;
    assert!(outcome == "presented" || outcome.contains("Inconsistency"), "{outcome}");
    service.reload(&crate::wfd_control::configuration(""))?;
    let mark = program.log.len();
    port.set_gamma(1.0);
    program.wfd_commit(&device, DEVICE, CommitFlags::AllowModeset)?;
    program.wait_for("the size of the file", mark, |_| true)?;
    picture(&mut program).map(drop)
}
