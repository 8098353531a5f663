//! Outputs: each has a planner, a redraw loop, a render thread and perhaps a screen of its own.

mod account;
mod draw;
mod flip;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use porthole_core::{
    account::Frames,
    config::Renderer,
    model::{self, PortId},
    plan::Planner,
    redraw::Redraw,
};
use porthole_pixel::{Rect, Region, Size};
use smithay::{
    output::{Mode, Output, PhysicalProperties, Scale, Subpixel},
    reexports::{
        calloop::{RegistrationToken, channel::Sender},
        wayland_server::{DisplayHandle, backend::GlobalId},
    },
    utils::Transform,
};

use crate::{
    clock::Sleeps,
    protocols::shm::Pixels,
    render::{Drawn, RenderThread},
    scene::InputSurface,
    screens::{Screen, drm::Monitor},
    state::State,
    surfaces::Waiting,
};

/// How long an output or seat that is gone can still be bound, which then is to no avail. A client that
/// had not heard of its end yet would be disconnected otherwise.
pub(crate) const LINGER: Duration = Duration::from_secs(5);

/// One output.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) size: Size,
    refresh: porthole_core::Refresh,
    /// How large programs are asked to draw.
    pub(crate) scale: porthole_core::Scale,
    pub(crate) output: Output,
    pub(crate) global: GlobalId,
    planner: Planner,
    redraw: Redraw,
    timer: Option<RegistrationToken>,
    render: RenderThread,
    /// Where its finished pictures go besides into captures.
    pub(crate) screen: Screen,
    /// The screen has a frame and has not shown it yet.
    flip: Option<flip::Awaited>,
    /// Where pointers moved since the last frame.
    touched: Vec<Rect>,
    /// Where pointers are painted into the picture on the screen.
    painted: Vec<Rect>,
    /// The frame under way changes nothing but the screen's pointer.
    pointer_only: bool,
    /// The frame that is drawn goes to the screen.
    for_screen: bool,
    /// Shown until every layer of the port has shown a frame.
    splash: Option<Arc<Pixels>>,
    /// What takes input in the last planned frame.
    pub(crate) input: Vec<InputSurface>,
    /// The frame being drawn, and who waits for it.
    in_flight: Option<Waiting>,
    /// The picture that the last frame shows without composing it.
    direct: Weak<Pixels>,
    /// Pixels of the composed picture that changed while another one was shown directly.
    unpainted: Region,
    /// The render thread's picture is not of this size yet.
    stale: bool,
    /// Captures are being served from the last frame, between two frames.
    capturing: bool,
    /// When the last frame was planned.
    planned: Duration,
    /// Counts frames; the last one planned.
    serial: u64,
    /// Bytes written into the port's picture since it began.
    pub(crate) composed_bytes: u64,
    /// Frames that a GPU composed since it began.
    pub(crate) gpu_frames: u64,
    /// Bytes written into the memory of its screen since it began.
    pub(crate) screen_bytes: u64,
    /// Frames that its screen took where a client wrote them.
    pub(crate) handed_frames: u64,
    /// Times that its screen got a copy of such a frame after all, because nobody saw it.
    pub(crate) taken_back: u64,
    /// Frames presented since it began.
    pub(crate) frames: Frames,
    /// Times that its screen was given another pointer, or one elsewhere, without a frame.
    pub(crate) pointer_moves: u64,
}

/// All outputs.
#[derive(Debug)]
pub(crate) struct Ports {
    by_id: BTreeMap<PortId, Port>,
    /// Changed in this turn of the event loop.
    damaged: BTreeSet<PortId>,
    answers: Sender<(PortId, Drawn)>,
    /// Frames are not late that the machine slept over.
    sleeps: Sleeps,
}

impl Ports {
    /// No outputs yet; render threads will answer through `answers`.
    pub(crate) fn new(answers: Sender<(PortId, Drawn)>) -> Self {
        let (by_id, damaged) = (BTreeMap::new(), BTreeSet::new());
        Self { by_id, damaged, answers, sleeps: Sleeps::new() }
    }

    pub(crate) fn get(&self, id: PortId) -> Option<&Port> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PortId) -> Option<&mut Port> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PortId, &Port)> {
        self.by_id.iter().map(|(id, port)| (*id, port))
    }

    /// The port behind an output.
    pub(crate) fn of_output(&self, output: &Output) -> Option<PortId> {
        self.iter().find(|(_, port)| port.output == *output).map(|(id, _)| id)
    }

    /// True when every port that is on a card has handed a frame over, or shown one.
    pub(crate) fn all_cards_have_frames(&self) -> bool {
        let has = |port: &Port| port.flip.is_some() || port.frames.shown() > 0;
        self.by_id.values().all(|port| !matches!(port.screen, Screen::Drm(_)) || has(port))
    }

    /// True when every port has shown a frame.
    pub(crate) fn all_shown(&self) -> bool {
        self.by_id.values().all(|port| port.frames.shown() > 0)
    }

    /// Makes an output with its render thread and announces it.
    pub(crate) fn add(
        &mut self,
        display: &DisplayHandle,
        id: PortId,
        port: &model::Port,
        (splash, monitor): (Option<Arc<Pixels>>, Option<Monitor>),
        renderer: Renderer,
    ) -> io::Result<()> {
        let name = port.name.to_string();
        let output = Output::new(name.clone(), physical(port.mode.size, monitor));
        set_mode(&output, port.mode);
        let global = output.create_global::<State>(display);
        let render = RenderThread::start(&name, id, renderer, self.answers.clone())?;
        self.by_id.insert(
            id,
            Port {
                name,
                size: port.mode.size,
                refresh: port.mode.refresh,
                scale: port.mode.scale,
                output,
                global,
                planner: Planner::new(port.mode.size),
                redraw: Redraw::new(port.mode.refresh),
                timer: None,
                render,
                screen: Screen::Headless,
                flip: None,
                touched: Vec::new(),
                painted: Vec::new(),
                pointer_only: false,
                for_screen: false,
                splash,
                input: Vec::new(),
                in_flight: None,
                direct: Weak::new(),
                unpainted: Region::new(),
                stale: true,
                capturing: false,
                planned: Duration::ZERO,
                serial: 0,
                composed_bytes: 0,
                gpu_frames: 0,
                screen_bytes: 0,
                handed_frames: 0,
                taken_back: 0,
                frames: Frames::default(),
                pointer_moves: 0,
            },
        );
        Ok(())
    }

    /// Takes an output away; its render thread ends after the frame that it draws. The global is only
    /// disabled: a client that did not hear of it yet may still bind it, see [`LINGER`].
    pub(crate) fn remove(&mut self, display: &DisplayHandle, id: PortId) -> Option<Port> {
        let port = self.by_id.remove(&id)?;
        display.disable_global::<State>(port.global.clone());
        Some(port)
    }
}

impl Port {
    /// Frames in 1000 seconds.
    pub(crate) const fn refresh_mhz(&self) -> u32 {
        self.refresh.millihertz()
    }

    /// Its size in millimetres.
    pub(crate) fn millimetres(&self) -> (u32, u32) {
        let size = self.output.physical_properties().size;
        (u32::try_from(size.w).unwrap_or(0), u32::try_from(size.h).unwrap_or(0))
    }

    /// Whether it was behind not long ago.
    pub(crate) const fn is_strained(&self) -> bool {
        self.redraw.is_strained()
    }

    /// The time from one frame to the next.
    pub(crate) const fn period(&self) -> Duration {
        self.refresh.period()
    }

    /// Gives the port another size or rate; true when its picture begins anew.
    pub(crate) fn set_mode(&mut self, mode: model::Mode) -> bool {
        set_mode(&self.output, mode);
        self.redraw.set_refresh(mode.refresh);
        self.refresh = mode.refresh;
        self.scale = mode.scale;
        let resized = self.size != mode.size;
        if resized {
            self.size = mode.size;
            self.planner.resize(mode.size);
            self.stale = true;
        }
        resized
    }

    /// The elements of the last plan of which any pixel is seen.
    pub(crate) fn seen(&self) -> impl Iterator<Item = u64> + '_ {
        self.planner.seen()
    }

    /// Has the next frame paint every pixel.
    pub(crate) fn repaint(&mut self) {
        self.planner.invalidate(&Region::from_rect(Rect::from_size(self.size)));
    }

    /// Takes another splash, unless the port's layers have all shown something.
    pub(crate) fn change_splash(&mut self, make: impl FnOnce() -> Option<Arc<Pixels>>) {
        if self.splash.is_some() {
            self.splash = make();
        }
    }
}

fn set_mode(output: &Output, mode: model::Mode) {
    let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
    let size = (signed(mode.size.width), signed(mode.size.height));
    let wl_mode = Mode { size: size.into(), refresh: signed(mode.refresh.millihertz()) };
    for old in output.modes().into_iter().filter(|old| *old != wl_mode) {
        output.delete_mode(old);
    }
    let scale = Scale::Fractional(mode.scale.factor());
    let turn = Some(Transform::Normal);
    output.change_current_state(Some(wl_mode), turn, Some(scale), Some((0, 0).into()));
    output.set_preferred(wl_mode);
}

/// What clients are told of the thing itself.
fn physical(size: Size, monitor: Option<Monitor>) -> PhysicalProperties {
    let known = monitor.as_ref().map(|monitor| monitor.millimetres);
    let known = known.filter(|(width, height)| *width > 0 && *height > 0);
    let signed = |v: u32| i32::try_from(v).unwrap_or(i32::MAX);
    let size = known.map_or_else(|| millimetres(size), |(w, h)| (signed(w), signed(h)));
    let (make, model) = monitor
        .map_or_else(|| ("Porthole".into(), "headless".into()), |known| (known.make, known.model));
    PhysicalProperties { size: size.into(), subpixel: Subpixel::Unknown, make, model }
}

/// A size at 96 pixels an inch, as clients expect of a desktop.
fn millimetres(size: Size) -> (i32, i32) {
    let side = |v: u32| i32::try_from(u64::from(v) * 254 / 960).unwrap_or(i32::MAX);
    (side(size.width), side(size.height))
}
