//! A port's frames: from damage to plan, from plan to picture, from picture to those who wait.

use std::{
    cmp::Reverse,
    sync::{Arc, Weak},
    time::Duration,
};

use porthole_core::{
    Color,
    model::{Gamma, PortId},
    plan::{Planner, compose},
    redraw::Action,
};
use porthole_pixel::{Region, Size};
use smithay::{
    reexports::{
        calloop::timer::{TimeoutAction, Timer},
        wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind,
        wayland_server::protocol::wl_surface::WlSurface,
    },
    wayland::presentation::Refresh,
};

use super::{Port, flip::Shown};
use crate::{
    clock, cursor,
    layers::{self, Shown as LayerShown},
    protocols::{
        capture::SourceId,
        safety::SafetyHandler,
        wfd::{Frame, Trace},
    },
    render::{CaptureJob, CaptureToken, Drawn, FramePlan},
    scene::Scene,
    screens::Target,
    state::State,
    surfaces::Waiting,
    windows,
};

impl State {
    /// Something on the port changed: a frame is due. It is planned when the turn of the event loop
    /// ends, so that all that came in with one turn is in one frame.
    pub(crate) fn damage_port(&mut self, id: PortId) {
        self.ports.damaged.insert(id);
    }

    /// The end of a turn: ports that were damaged in it plan a frame now, or at their next tick.
    pub(crate) fn refresh_ports(&mut self) {
        // A frame that changes nothing is over at once, and a commit that waited for it may damage
        // the port again; it is drawn at the port's next tick, so that this ends.
        while let Some(id) = self.next_damaged() {
            if let Some(port) = self.ports.get_mut(id) {
                let action = port.redraw.damage(clock::now());
                self.redraw_action(id, action);
            }
        }
    }

    /// Of the ports that were damaged, the one that matters most.
    fn next_damaged(&mut self) -> Option<PortId> {
        if self.ports.damaged.len() <= 1 {
            return self.ports.damaged.pop_first();
        }
        let first = self.ports.damaged.iter().copied();
        let id = first.min_by_key(|id| (Reverse(self.port_priority(*id)), *id))?;
        self.ports.damaged.take(&id)
    }

    /// A picture of a toplevel was replaced at this age before a frame showed it.
    pub(crate) fn picture_missed(&mut self, toplevel: &WlSurface, age: Duration) {
        let pipeline = self.windows.layer_of(toplevel).and_then(|id| self.device.pipeline(id));
        // One that shows fewer pictures than come loses some by design.
        let id = pipeline.filter(|layer| layer.rate_limit.is_none()).map(|layer| layer.port);
        let Some(id) = id else { return };
        let Some(port) = self.ports.get_mut(id) else { return };
        // Of a program that is faster than the port, pictures are lost whatever the ticks are.
        if age * 10 > port.redraw.period() * 9 {
            let action = port.redraw.missed(clock::now());
            self.redraw_action(id, action);
        }
    }

    /// Clients wait for the port's next tick without having changed anything that it shows.
    pub(crate) fn tick_wanted(&mut self, id: PortId) {
        if let Some(port) = self.ports.get_mut(id) {
            let action = port.redraw.tick_wanted(clock::now());
            self.redraw_action(id, action);
        }
    }

    fn redraw_action(&mut self, id: PortId, action: Action) {
        match action {
            Action::None => {}
            Action::Draw => {
                self.disarm_port_timer(id);
                self.draw_port(id);
            }
            Action::ArmTimer(at) => self.arm_port_timer(id, at),
            Action::Tick => self.tick_port(id),
        }
    }

    fn arm_port_timer(&mut self, id: PortId, at: Duration) {
        let wait = at.saturating_sub(clock::now());
        self.disarm_port_timer(id);
        let timer = self.handle.insert_source(Timer::from_duration(wait), move |_, (), state| {
            if let Some(port) = state.ports.get_mut(id) {
                port.timer = None;
                let action = port.redraw.timer(clock::now());
                state.redraw_action(id, action);
            }
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => {
                if let Some(port) = self.ports.get_mut(id) {
                    port.timer = Some(token);
                }
            }
            Err(error) => tracing::error!("no timer for port {id:?}: {error}"),
        }
    }

    /// Nobody wakes up for what is drawn at once.
    fn disarm_port_timer(&mut self, id: PortId) {
        if let Some(token) = self.ports.get_mut(id).and_then(|port| port.timer.take()) {
            self.handle.remove(token);
        }
    }

    /// Answers frame callbacks of clients that changed nothing.
    fn tick_port(&mut self, id: PortId) {
        let mut scene = self.build_scene(id);
        let held = std::mem::take(&mut scene.waiting.held);
        self.released.send();
        if let Some(port) = self.ports.get(id) {
            present(port, scene.waiting, Shown::Drawn(clock::now()));
        }
        self.release_shown(held);
    }

    /// Lists what the port shows now.
    fn build_scene(&mut self, id: PortId) -> Scene {
        let mut scene = Scene::default();
        let pipelines = self.device.layers_of(id);
        // Layer by layer the first frames cover the splash; after the last one it is gone.
        let all_shown =
            !pipelines.is_empty() && pipelines.iter().all(|(layer, _)| self.has_shown(*layer));
        let Some(port) = self.ports.get_mut(id) else { return scene };
        if all_shown {
            port.splash = None;
        }
        let (splash, scale) = (port.splash.clone(), port.scale);
        let Some(model) = self.device.port(id).filter(|model| model.power.is_lit()) else {
            return scene;
        };
        if let Some(splash) = &splash {
            scene.add_splash(splash, model.area());
        }
        // While a port is behind, what matters less may have to be shown again.
        let strained = self.ports.get(id).is_some_and(Port::is_strained);
        let before = strained.then(|| self.port_priority(id));
        let (mut snapshots, mut unkept) = (Vec::new(), Vec::new());
        for (pipeline, layer) in pipelines {
            let mask = layer.mask.and_then(|mask| self.pictures.mask(mask));
            match self.shown_in(pipeline, layer) {
                LayerShown::Nothing => {}
                LayerShown::Image(pixels) => scene.add_image(pipeline, layer, mask, pixels),
                LayerShown::Before(snapshot) => scene.add_snapshot(pipeline, layer, mask, snapshot),
                LayerShown::Window(window) => {
                    let scale = windows::scale_for(window.wl_surface(), scale).factor();
                    let popups = self.globals.xdg_shell.popup_surfaces();
                    let tree = (window.wl_surface(), popups);
                    let own = self.priority_of(pipeline);
                    let keep = layers::is_kept(layer) || before.is_some_and(|first| own < first);
                    if !keep {
                        unkept.push(pipeline);
                    }
                    let shown = scene.add_layer((pipeline, layer), scale, mask, tree, keep);
                    snapshots.extend(shown.map(|snapshot| (pipeline, snapshot)));
                }
            }
        }
        scene.turn(model.transform, model.area());
        for (pipeline, snapshot) in snapshots {
            self.layers.keep(pipeline, snapshot);
        }
        for pipeline in unkept {
            self.layers.unkeep(pipeline);
        }
        for (_, seat) in self.seats.iter().filter(|(_, seat)| seat.port == Some(id)) {
            cursor::take_waiting(seat, &mut scene.waiting);
        }
        scene
    }

    /// Plans a frame and hands it to the render thread, unless nothing would change.
    fn draw_port(&mut self, id: PortId) {
        let scene = self.build_scene(id);
        let Some(model) = self.device.port(id) else { return };
        let background = if model.power.is_lit() { model.background } else { Color::BLACK };
        let gamma = (model.gamma != Gamma::ONE).then(|| Box::new(model.gamma.table()));
        let Some(port) = self.ports.get_mut(id) else { return };
        let plan = port.planner.plan(&scene.elements, background);
        let alone = if gamma.is_none() { scene.direct(port.size) } else { None };
        let (direct, target) = self.direct(id, alone, &plan.damage);
        let handed = matches!(target, Some(Target::Handed));
        self.note_seen(id, &scene, direct.is_some());
        let Some(port) = self.ports.get_mut(id) else { return };
        let painted = port.painted(&plan.damage, direct.is_some());
        let composition = if painted == plan.damage {
            plan.composition
        } else {
            compose(&scene.elements, port.size, &painted)
        };
        self.count_frame(id, &scene, &composition.draws);
        let Some(port) = self.ports.get_mut(id) else { return };
        let draws = scene.draws(composition.draws);
        let held = direct.as_ref().map_or_else(Weak::new, |draw| Arc::downgrade(&draw.pixels));
        // The render thread holds what it shows directly until it is told of the next picture.
        let same_held = port.direct.ptr_eq(&held);
        port.direct = held;
        port.input = scene.input;
        port.stale = false;
        let size = port.size;
        self.globals.wfd.planned(id);
        self.globals.capture.damaged(SourceId::Port(id), &plan.damage);
        self.globals.screencopy.damaged(id, &plan.damage);
        let captures = self.take_captures(id, size);
        let views = self.take_views(id);
        let to_sign = self.globals.safety.to_sign(id, &plan.damage);
        let Some(port) = self.ports.get_mut(id) else { return };
        let nobody_waits = captures.is_empty() && views.is_empty() && to_sign.is_empty();
        let nobody_waits = nobody_waits && target.is_none();
        if plan.damage.is_empty() && same_held && nobody_waits {
            let planned = port.planned;
            self.note_drawn(id, planned, clock::now());
            if let Err(waiting) = self.move_pointer_on_screen(id, scene.waiting) {
                self.present_in_flight(id, waiting, Shown::Drawn(clock::now()));
            }
            self.refresh_input(id);
            return;
        }
        port.serial += 1;
        if self.globals.wfd.is_traced(id) {
            let (damaged, captures) = (plan.damage.area(), captures.len());
            let trace = Trace { came: scene.came, planned: clock::now(), damaged, captures };
            self.globals.wfd.trace(id, trace);
        }
        let frame = FramePlan {
            serial: Some(port.serial),
            size: port.size,
            background,
            clear: composition.clear,
            draws,
            painted,
            gamma,
            direct,
            screen: target.and_then(Target::memory),
            captures,
            views,
            to_sign,
        };
        port.handed_frames += u64::from(handed);
        port.for_screen = frame.screen.is_some() || handed || port.screen.is_pointer_behind();
        port.in_flight = Some(scene.waiting);
        let at_once =
            if port.capturing { Err(Box::new(frame)) } else { port.render.draw_here(frame) };
        let drawn = at_once.map_err(|frame| {
            if !port.render.submit(frame) {
                tracing::error!(port = port.name, "the render thread takes no frame");
            }
        });
        self.refresh_input(id);
        if let Ok(drawn) = drawn {
            self.drawn(id, drawn);
        }
    }

    /// The captures of a port of this size that can be served from its next picture.
    fn take_captures(&mut self, id: PortId, size: Size) -> Vec<CaptureJob> {
        let mut captures = self.globals.capture.take_ready(SourceId::Port(id));
        let pointers = self.globals.capture.pointers(SourceId::Port(id));
        captures.extend(self.globals.screencopy.take_ready(id, size, &pointers));
        // Who matters more has its copy made first.
        captures.sort_by_key(|job| Reverse(job.into.priority()));
        captures
    }

    /// Serves captures that wait from the last frame, when no frame is on its way.
    pub(crate) fn serve_captures(&mut self, id: PortId) {
        let Some(port) = self.ports.get(id) else { return };
        // A frame under way, or one to come, takes them along.
        let drawing = port.in_flight.is_some() && port.flip.is_none();
        if drawing || port.capturing || port.stale {
            return;
        }
        let captures = self.take_captures(id, port.size);
        let views = self.take_views(id);
        if captures.is_empty() && views.is_empty() {
            return;
        }
        let Some(port) = self.ports.get_mut(id) else { return };
        port.capturing = true;
        let background = self.device.port(id).map(|p| p.background).unwrap_or_default();
        let job = FramePlan {
            serial: None,
            size: port.size,
            background,
            clear: Region::new(),
            draws: Vec::new(),
            painted: Region::new(),
            gamma: None,
            direct: None,
            screen: None,
            captures,
            views,
            to_sign: Vec::new(),
        };
        if !port.render.submit(job) {
            tracing::error!(port = port.name, "the render thread takes no capture");
        }
    }

    /// A render thread finished.
    pub(crate) fn drawn(&mut self, id: PortId, drawn: Drawn) {
        let captured: u64 = drawn.captures.iter().filter_map(|c| c.outcome.as_ref().ok()).sum();
        self.statistics.captured_bytes += captured;
        for capture in drawn.captures {
            match capture.token {
                CaptureToken::Session(_) => self.globals.capture.finished(capture, drawn.at),
                CaptureToken::Copy(_) => self.globals.screencopy.finished(capture, drawn.at),
            }
        }
        if let Some(frame) = drawn.serial {
            let thawed = self.globals.safety.drawn(id, frame, &drawn.signatures, drawn.at);
            for (region, generation, wait) in thawed {
                self.look_after(region, generation, wait);
            }
            let planned = self.ports.get(id).map(|port| port.planned);
            self.note_drawn(id, planned.unwrap_or_default(), drawn.at);
        }
        let Some(port) = self.ports.get_mut(id) else { return };
        port.composed_bytes += drawn.composed_bytes;
        port.gpu_frames += u64::from(drawn.by_gpu);
        port.screen_bytes += drawn.screen_bytes;
        if drawn.serial.is_none() {
            port.capturing = false;
        } else if !self.hand_to_screen(id) {
            self.frame_shown(id, Shown::Drawn(drawn.at));
        }
        // What came in while the thread was busy.
        self.serve_captures(id);
    }

    /// The frame that was drawn is where it should be.
    pub(super) fn frame_shown(&mut self, id: PortId, shown: Shown) {
        let Some(port) = self.ports.get_mut(id) else { return };
        if std::mem::take(&mut port.pointer_only) {
            port.pointer_moves += 1;
        } else {
            port.frames.add(clock::now());
            if port.frames.shown() == 1 {
                let monotonic_ns = shown.at().as_nanos();
                tracing::info!(port = port.name, monotonic_ns, "first frame");
            }
        }
        let waiting = port.in_flight.take().unwrap_or_default();
        self.present_in_flight(id, waiting, shown);
    }

    fn present_in_flight(&mut self, id: PortId, mut waiting: Waiting, shown: Shown) {
        let held = std::mem::take(&mut waiting.held);
        // A client that is told to draw again looks for a buffer that it may draw into.
        self.released.send();
        let Some(port) = self.ports.get_mut(id) else { return };
        present(port, waiting, shown);
        let (frame, now, late) = (port.shown(shown.at()), clock::now(), port.redraw.late());
        let action = match shown {
            Shown::Flipped { at, sequence, .. } if sequence > 0 => port.redraw.flipped(at, now),
            Shown::Flipped { at, .. } => port.redraw.shown(at, now),
            Shown::Drawn(_) => port.redraw.drawn(now),
        };
        // Setting a mode takes as long as it takes, and a machine sleeps as long as it sleeps.
        let late = port.redraw.late() > late && !matches!(shown, Shown::Flipped { anew: true, .. });
        let planned = port.planned;
        if late
            && !self.ports.sleeps.since(planned)
            && let Some(port) = self.ports.get_mut(id)
        {
            port.frames.add_late(now);
        }
        self.globals.wfd.presented(id, frame, now);
        self.redraw_action(id, action);
        self.release_shown(held);
    }
}

impl Port {
    /// The pixels to compose for a plan: none while a picture is shown directly, and all that were left
    /// out meanwhile when that ends.
    fn painted(&mut self, damage: &Region, direct: bool) -> Region {
        self.unpainted.union(damage);
        if direct {
            self.unpainted.simplify(Planner::MAX_DAMAGE_RECTS);
            return Region::new();
        }
        std::mem::take(&mut self.unpainted)
    }

    /// The frame that is shown since then.
    pub(crate) const fn shown(&self, at: Duration) -> Frame {
        Frame { at, period: self.period(), frame: self.serial }
    }
}

/// Tells clients that their content is on the port.
fn present(port: &Port, waiting: Waiting, shown: Shown) {
    let at = shown.at();
    #[expect(clippy::cast_possible_truncation, reason = "Wayland's event time wraps by design")]
    let time = at.as_millis() as u32;
    for callback in waiting.callbacks {
        callback.done(time);
    }
    let period = port.refresh.period();
    let (number, kind) = match shown {
        // A headless port shows a frame when its last pixel is in place: no vblank, no zero copy.
        Shown::Drawn(_) => (port.serial, Kind::empty()),
        Shown::Flipped { sequence: 0, .. } => (port.serial, Kind::HwCompletion),
        Shown::Flipped { sequence, .. } => {
            (sequence.into(), Kind::Vsync | Kind::HwClock | Kind::HwCompletion)
        }
    };
    for feedback in waiting.feedback {
        feedback.presented(&port.output, at, Refresh::fixed(period), number, kind);
    }
}
