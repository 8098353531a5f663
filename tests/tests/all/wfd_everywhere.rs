//! The scenes of the hole tests on every kind of port: what people see there is what viewers capture, to the
//! pixel, and that is what the formulas say.
//!
//! Many scenes are shown at once, each in a cell of one port, so that a guest or a parent is started once.

use std::fmt::Write as _;

use porthole_rig::{
    kms::{Card, SHARED},
    parent::{Kind, Parent},
};
use porthole_tests::{
    Failure, KmsGuest, Picture, Result, Service,
    process::built,
    program::{Buffer, Program, Toplevel},
    wait::{GUEST, SHORT, wait_until},
};
use wayland_client::protocol::wl_shm::Format;

use crate::{
    wayland_scene::APP,
    wfd_blending::{KEY, alphas, near_key},
    wfd_holes::{lower, turns, two, upper},
    wfd_reference::{Layer, PORT, Turn, UPRIGHT, configuration_of, expect_near, reference_of},
};

/// Of the port.
const SIZE: (u32, u32) = (384, 240);

/// Scenes in cells of a port.
struct Sheet {
    name: &'static str,
    /// How the port is turned.
    port: Turn,
    layers: Vec<Layer>,
}

impl Sheet {
    /// As many scenes as have room.
    fn new(name: &'static str, port: Turn, scenes: &[[Layer; 2]]) -> Self {
        let width = if port.2.is_multiple_of(180) { SIZE.0 } else { SIZE.1 };
        let columns = usize::try_from(width / PORT.0).unwrap_or(1);
        let cell = |count: usize, side: u32| i32::try_from(count).unwrap_or(0) * side.cast_signed();
        let mut layers = Vec::new();
        for (index, scene) in scenes.iter().enumerate() {
            for layer in scene {
                let mut layer = layer.clone();
                layer.rect[0] += cell(index % columns, PORT.0);
                layer.rect[1] += cell(index / columns, PORT.1);
                layers.push(layer);
            }
        }
        Self { name, port, layers }
    }

    fn configuration(&self, port: &str) -> String {
        configuration_of(SIZE, port, &self.layers, self.port)
    }

    fn check(&self, picture: &[u32]) {
        let want = reference_of(SIZE, &self.layers, self.port);
        // Alpha is rounded; all else is as it is.
        let blends = self.layers.iter().any(|layer| layer.format == Format::Argb8888);
        expect_near(picture, &want, if blends { 1.0 } else { 0.0 }, self.name);
    }

    /// What tells whether a picture is this one, or nearly.
    fn is_shown(&self) -> impl Fn(&[u32]) -> bool {
        let want = reference_of(SIZE, &self.layers, self.port);
        move |picture: &[u32]| {
            picture.iter().zip(&want).all(|(word, want)| {
                let [_, r, g, b] = word.to_be_bytes();
                let pairs = [r, g, b].into_iter().zip(want);
                pairs.into_iter().all(|(is, want)| (f64::from(is) - want).abs() <= 1.0)
            })
        }
    }

    /// Shows all layers.
    fn show(&self, program: &mut Program) -> Result<Vec<(Toplevel, Buffer)>> {
        let mut windows = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let toplevel = program.toplevel(&format!("org.porthole.l{index}"))?;
            let buffer = program.buffer(layer.size, layer.format, true)?;
            buffer.paint(layer.words)?;
            crate::wayland_scene::show(program, &toplevel, &buffer)?;
            windows.push((toplevel, buffer));
        }
        Ok(windows)
    }
}

/// All scenes of the hole tests, and those with other ways to see what is below.
fn sheets() -> Vec<Sheet> {
    let many: Vec<[i32; 4]> = (0..64).map(|i| [i % 8 * 5, i / 8 * 3 + i % 2, 2, 2]).collect();
    let holes: [&[[i32; 4]]; 7] = [
        &[],
        &[[10, 5, 12, 9]],
        &[[0, 0, 40, 30]],
        &[[-5, -3, 9, 8], [35, 20, 30, 30]],
        &[[100, 100, 5, 5], [-9, 7, 9, 9]],
        &[[3, 3, 10, 10], [8, 8, 10, 10]],
        &many,
    ];
    let mut exact: Vec<[Layer; 2]> = holes.iter().map(|hole| two(hole)).collect();
    let mut both = two(&[[10, 5, 12, 9]]);
    both[0].hole = vec![[20, 10, 9, 9]];
    exact.push(both);
    let turned = turns().map(|turn| {
        let mut layers = two(&[[10, 5, 12, 9], [0, 20, 7, 10]]);
        layers[1].turn = turn;
        if turn.2 % 180 != 0 {
            layers[1].size = (30, 40);
        }
        layers
    });
    exact.extend(turned);
    for words in [near_key, |x, y| upper(x, y) & 0xff_ffff] {
        let mut keyed = two(&[[10, 5, 12, 9]]);
        (keyed[1].key, keyed[1].words) = (Some(KEY), words);
        exact.push(keyed);
    }
    let sizes = [(20, 15), (80, 60), (27, 20)];
    let ways = [UPRIGHT, (false, false, 90), (true, false, 270), (false, true, 180)];
    let scaled = sizes.into_iter().flat_map(|size| ways.map(|turn| (size, turn)));
    let mut blended: Vec<[Layer; 2]> = scaled
        .map(|(size, turn)| {
            let mut layers = two(&[[10, 5, 12, 9], [33, 0, 3, 30]]);
            layers[1].turn = turn;
            layers[1].size = if turn.2 % 180 == 0 { size } else { (size.1, size.0) };
            layers[1].words = |x, y| (x * 2) << 16 | (y * 2) << 8 | 0x80;
            layers
        })
        .collect();
    for (opacity, hole) in [(1.0, vec![]), (0.6, vec![[5, 5, 9, 9]])] {
        let mut layers = [Layer::new([4, 2, 52, 40], lower), Layer::new([12, 6, 40, 30], alphas)];
        (layers[1].format, layers[1].opacity, layers[1].hole) = (Format::Argb8888, opacity, hole);
        blended.push(layers);
    }
    let few = &exact[1..13];
    vec![
        Sheet::new("exact", UPRIGHT, &exact),
        Sheet::new("blended", UPRIGHT, &blended),
        Sheet::new("turned-port", (true, false, 90), few),
        Sheet::new("flipped-port", (false, true, 180), few),
    ]
}

/// A capture of a port as a viewer has it.
fn captured(program: &mut Program) -> Result<Vec<u32>> {
    let output = program.output("main")?;
    let session = program.capture(&output)?;
    let buffer = program.buffer(SIZE, Format::Xrgb8888, true)?;
    let mark = program.log.len();
    program.capture_frame(&session, &buffer);
    program.wait_for("a capture", mark, |line| line == "capture ready")?;
    session.destroy();
    Ok(buffer.words()?.into_iter().map(|word| word & 0xff_ffff).collect())
}

fn words(picture: &Picture) -> Vec<u32> {
    let all = (0..picture.height()).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
    let word = |(x, y)| picture.pixel(x, y).map_or(0, |[r, g, b]| u32::from_be_bytes([0, r, g, b]));
    all.map(word).collect()
}

/// All scenes in a window of a parent, of which `seen` takes pictures.
fn in_windows(parent: &std::path::Path, mut seen: impl FnMut() -> Result<Vec<u32>>) -> Result<()> {
    let port = format!(
        "kind = \"window\"\nparent = \"{}\"\nresize = \"config\"\napp_id = \"{APP}\"\n",
        parent.display()
    );
    let sheets = sheets();
    let service = Service::start_with(&sheets[0].configuration(&port))?;
    for sheet in sheets {
        service.reload(&sheet.configuration(&port))?;
        let mut program = Program::connect(&service.socket("viewer")?)?;
        let _windows = sheet.show(&mut program)?;
        let is_shown = sheet.is_shown();
        let (mut viewer, mut last) = (Vec::new(), Vec::new());
        // What a reload changed may come a frame later than the programs, and in the window later still.
        let same = wait_until(sheet.name, GUEST, || {
            viewer = captured(&mut Program::connect(&service.socket("viewer")?)?)?;
            last = seen()?;
            Ok((last == viewer && is_shown(&viewer)).then_some(()))
        });
        // Where it is not shown at all this says what is.
        if same.is_err() && last == viewer {
            sheet.check(&viewer);
        }
        let first = last.iter().zip(&viewer).position(|(seen, captured)| seen != captured);
        same.map_err(|error| {
            Failure::new(format!("{error}: pixel {first:?}\n{}", service.process.log()))
        })?;
        sheet.check(&viewer);
        program.die();
    }
    Ok(())
}

#[test]
fn all_scenes_of_holes_are_the_same_in_a_window() -> Result<()> {
    let parent = Service::start_with(&format!(
        "version = 1\n[[port]]\nname = \"main\"\nsize = [{}, {}]\n[[socket]]\nname = \"viewer\"\n\
         rights = [\"capture:main\"]\n[[layer]]\nname = \"app\"\nport = \"main\"\n\
         socket = \"viewer\"\napp_id = \"{APP}\"\norder = 1\n",
        SIZE.0, SIZE.1
    ))?;
    let socket = parent.socket("viewer")?;
    in_windows(&socket, || captured(&mut Program::connect(&socket)?))
}

fn in_windows_of(kind: Kind) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("scenes-").tempdir()?;
    let parent = Parent::start(kind, folder.path(), SIZE)?;
    let file = folder.path().join("seen.file.png");
    in_windows(&parent.socket(), || {
        parent.picture(&file)?;
        Ok(words(&Picture::read(&file)?))
    })
}

#[test]
#[ignore = "needs sway, which is downloaded"]
fn all_scenes_of_holes_are_the_same_in_a_window_of_sway() -> Result<()> {
    in_windows_of(Kind::Sway)
}

#[test]
#[ignore = "boots guests, each for half a minute"]
fn all_scenes_of_holes_are_the_same_on_every_card_at_night() -> Result<()> {
    for card in [Card::Virtio(1), Card::Bochs, Card::Cirrus] {
        let mut guest = KmsGuest::boot(card)?;
        let port = "kind = \"drm\"\nconnector = \"Virtual-1\"\n";
        let port = if card == Card::Cirrus { port.replace("Virtual", "VGA") } else { port.into() };
        for (index, sheet) in sheets().into_iter().enumerate() {
            let text = sheet.configuration(&port);
            guest.configure(&format!("{text}\n[render]\nrenderer = \"cpu\"\n"))?;
            if index == 0 {
                guest.start("")?;
            } else {
                guest.signal("HUP")?;
            }
            show_in(&mut guest, &sheet)?;
            let is_shown = sheet.is_shown();
            let mut last = guest.capture("main")?;
            let near = |picture: &Picture| is_shown(&words(picture));
            // A reload may be done after the program has shown its last window.
            wait_until(sheet.name, GUEST, || {
                if !near(&last) {
                    last = guest.capture("main")?;
                }
                Ok(near(&last).then_some(()))
            })
            .or_else(|_| {
                sheet.check(&words(&last));
                Ok::<(), Failure>(())
            })?;
            sheet.check(&words(&last));
            guest.shows(&format!("kms-{}-{}", card.driver(), sheet.name), 0, &last)?;
        }
        assert!(!guest.log().contains("ERROR"), "{}", guest.log());
    }
    Ok(())
}

/// Has a program in the guest show all layers.
fn show_in(guest: &mut KmsGuest, sheet: &Sheet) -> Result<()> {
    let mut list = String::new();
    for (index, layer) in sheet.layers.iter().enumerate() {
        let (width, height) = layer.size;
        let format = if layer.format == Format::Argb8888 { "argb" } else { "xrgb" };
        let _ = writeln!(list, "org.porthole.l{index} {width} {height} {format} words{index}");
        let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let bytes: Vec<u8> = all.flat_map(|(x, y)| (layer.words)(x, y).to_ne_bytes()).collect();
        std::fs::write(guest.folder().join(format!("words{index}")), bytes)?;
    }
    std::fs::write(guest.folder().join("windows"), list)?;
    let out = guest.folder().join("windows.out");
    std::fs::write(&out, "")?;
    let program = built("porthole-windows")?;
    guest.sh(&format!(
        "if [ -e {SHARED}/windows.pid ]; then kill $(cat {SHARED}/windows.pid); fi; \
         ({} /run/porthole/viewer/wayland-0 {SHARED}/windows >{SHARED}/windows.out 2>&1 \
         </dev/null & echo $! >{SHARED}/windows.pid)",
        program.display()
    ))?;
    wait_until("the windows", GUEST.max(SHORT), || {
        let said = std::fs::read_to_string(&out).unwrap_or_default();
        Ok(said.contains("shown").then_some(()))
    })
}
