//! Who may control which port, what a commit does, and what becomes of sources that nobody names.

mod dump;
mod objects;
mod work;

use std::time::Duration;

use porthole_core::model::{
    CommitError, Device, Flags, HeldCommits, MaskId, Object, Pending, PipelineId, PortId, Scope,
    SourceId, SourceKind, Status,
};
use porthole_pixel::Region;
use smithay::reexports::{
    calloop::{
        RegistrationToken,
        timer::{TimeoutAction, Timer},
    },
    wayland_server::{
        Client,
        protocol::{wl_buffer::WlBuffer, wl_region::WlRegion},
    },
};

use objects::Objects;
use work::Work;

use crate::{
    clock,
    protocols::wfd::{
        Condition, DeviceKey, Frame, May, Order, Refusal, SourceFrom, StreamInfo, WfdHandler,
        WfdState, delegate_wfd,
    },
    reload::changed_ports,
    sockets::socket_of,
    state::State,
};

/// What controllers have under way.
#[derive(Debug, Default)]
pub(crate) struct Control {
    held: HeldCommits<Order>,
    /// Wakes up when the next held commit has waited too long; none is armed while none can.
    timer: Option<(Duration, RegistrationToken)>,
    objects: Objects,
    work: Work,
}

impl WfdHandler for State {
    fn wfd(&mut self) -> &mut WfdState {
        &mut self.globals.wfd
    }

    fn model(&self) -> &Device {
        &self.device
    }

    fn may(&self, client: &Client, what: May) -> bool {
        let Some(socket) = socket_of(client) else { return false };
        let name = |id| self.device.port(id).map_or("", |port| port.name.as_str());
        socket.with_rights(|rights| match what {
            May::Observe(port) => rights.may_observe(name(port)),
            May::Control(port) => rights.may_control(name(port)),
            May::Layout(port) => rights.may_layout(name(port)),
            May::Power(port) => rights.may_power(name(port)),
            May::ControlAny => rights.may_control_any(),
            May::SeeStreams => rights.may_layout_any(),
        })
    }

    fn streams(&self) -> Vec<StreamInfo> {
        self.all_streams()
    }

    fn create_source(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        from: SourceFrom<'_>,
    ) -> Result<SourceId, Refusal> {
        self.make_source(client, pipeline, from)
    }

    fn create_mask(
        &mut self,
        client: &Client,
        pipeline: PipelineId,
        buffer: &WlBuffer,
    ) -> Result<MaskId, Refusal> {
        self.make_mask(client, pipeline, buffer)
    }

    fn forget_source(&mut self, source: SourceId) {
        self.control.objects.forget_source(source);
        self.drop_unused();
    }

    fn forget_mask(&mut self, mask: MaskId) {
        self.control.objects.forget_mask(mask);
        self.drop_unused();
    }

    fn region(&mut self, client: &Client, region: &WlRegion) -> Option<Region> {
        self.control.work.region(client, region)
    }

    fn commit(&mut self, client: &Client, order: Order) {
        let device = order.device;
        let mut pending = self.globals.wfd.take_pending(device);
        self.refuse_forbidden(client, &mut pending);
        if order.flags.test_only {
            match self.device.test(order.scope, &pending, order.flags) {
                Ok(()) => self.globals.wfd.tested(&order),
                Err(error) => self.globals.wfd.failed(&order, &error),
            }
        } else if self.has_to_wait(&pending, &order) {
            self.hold_commit(order, &mut pending);
        } else {
            self.commit_now(order, &mut pending);
        }
        self.globals.wfd.put_pending(device, pending);
        self.drop_unused();
    }

    fn end_device(&mut self, device: DeviceKey) {
        self.control.held.cancel(|order| order.device == device);
        self.arm_held_timer();
        self.drop_unused();
    }

    fn condition(&self, pipeline: PipelineId) -> Condition {
        Self::condition(self, pipeline)
    }

    fn first_device(&mut self) {
        // What is seen of each layer is found out only while somebody looks.
        let ports: Vec<PortId> = self.ports.iter().map(|(id, _)| id).collect();
        ports.into_iter().for_each(|port| self.damage_port(port));
    }

    fn dump(&mut self, client: &Client) -> Option<String> {
        self.control.work.may_dump(client).then(|| self.dump_for(client).to_string())
    }
}

impl State {
    /// A reload may have taken a right away since something was set.
    fn refuse_forbidden(&self, client: &Client, pending: &mut Pending) {
        let objects: Vec<Object> = pending.objects().collect();
        for object in objects {
            let (port, (power, layout)) = match object {
                Object::Port(id) => (Some(id), pending.port_changes(id)),
                Object::Pipeline(id) => (self.device.pipeline(id).map(|p| p.port), (false, true)),
                Object::Source(_) | Object::Mask(_) => continue,
            };
            let Some(port) = port else { continue };
            if power && !self.may(client, May::Power(port)) {
                pending.refuse(object, CommitError::Denied(object, "power"));
            }
            if layout && !self.may(client, May::Layout(port)) {
                pending.refuse(object, CommitError::Denied(object, "layout"));
            }
        }
    }

    /// Whether a commit binds a source that has no picture yet and is to be shown with its first.
    fn has_to_wait(&self, pending: &Pending, order: &Order) -> bool {
        let part = pending.part(order.scope, &self.device);
        part.awaited().any(|source| !self.is_ready(source))
    }

    /// Whether a source has a picture now.
    fn is_ready(&self, source: SourceId) -> bool {
        match self.device.source(source).map(|source| &source.kind) {
            Some(SourceKind::Stream(content)) => self.has_picture(content),
            Some(SourceKind::Image(_)) => true,
            // The commit fails, which is better than to wait for ever.
            None => true,
        }
    }

    fn hold_commit(&mut self, order: Order, pending: &mut Pending) {
        let (scope, flags) = (order.scope, order.flags);
        let (now, owner) = (clock::now(), order.device);
        let is_mine = |other: &Order| other.device == owner;
        // One that fails replaces nothing.
        if self.device.test(scope, pending, flags).is_ok() {
            let replaced = self.control.held.replaced_by(&self.device, scope, is_mine);
            self.supersede(replaced);
        }
        let held = self.control.held.hold(&self.device, scope, (pending, flags), now, order);
        if let Err((error, order)) = held {
            self.globals.wfd.failed(&order, &error);
        }
        self.arm_held_timer();
    }

    fn commit_now(&mut self, order: Order, pending: &mut Pending) {
        let mut device = self.device.clone();
        match device.commit(order.scope, pending, order.flags) {
            Ok(()) => {
                let is_mine = |other: &Order| other.device == order.device;
                let held = &mut self.control.held;
                let replaced = held.replaced_by(&self.device, order.scope, is_mine);
                self.supersede(replaced);
                self.arm_held_timer();
                self.take_effect(vec![order], device);
            }
            Err(error) => self.globals.wfd.failed(&order, &error),
        }
    }

    /// Puts what was committed on screen, and tells its clients when it is there.
    fn take_effect(&mut self, orders: Vec<Order>, device: Device) {
        // One that is off draws nothing; one that goes off has yet to become black.
        let is_lit = |device: &Device, id| device.port(id).is_some_and(|port| port.power.is_lit());
        let lit = |id: &PortId| is_lit(&self.device, *id) || is_lit(&device, *id);
        let ports = changed_ports(&self.device, &device).into_iter().filter(lit);
        let ports: Vec<PortId> = ports.collect();
        for order in orders {
            self.globals.wfd.applied(order, (&self.device, &device), &ports, clock::now());
        }
        self.set_device(device);
    }

    /// Tells controllers and observers what changed in this turn.
    pub(crate) fn tell_control(&mut self) {
        self.control.work.turn();
        WfdState::dump_rest(self);
        let mut wfd = std::mem::take(&mut self.globals.wfd);
        wfd.tell(self);
        self.globals.wfd = wfd;
    }

    /// Commits whose sources all have a picture now take effect.
    pub(crate) fn apply_held(&mut self) {
        if self.control.held.is_empty() {
            return;
        }
        let mut held = std::mem::take(&mut self.control.held);
        let mut device = self.device.clone();
        let outcomes = held.apply_ready(&mut device, |source| self.is_ready(source));
        self.control.held = held;
        if outcomes.is_empty() {
            return;
        }
        let mut applied = Vec::new();
        for (order, outcome) in outcomes {
            match outcome {
                Ok(()) => applied.push(order),
                Err(error) => self.globals.wfd.failed(&order, &error),
            }
        }
        self.take_effect(applied, device);
        self.arm_held_timer();
        self.drop_unused();
    }

    /// Arms the timer for the held commit that has waited longest, or none.
    fn arm_held_timer(&mut self) {
        let next = self.control.held.next_deadline();
        if self.control.timer.as_ref().map(|(at, _)| *at) == next {
            return;
        }
        if let Some((_, token)) = self.control.timer.take() {
            self.handle.remove(token);
        }
        let Some(at) = next else { return };
        let wait = Timer::from_duration(at.saturating_sub(clock::now()));
        let timer = self.handle.insert_source(wait, |_, (), state| {
            state.control.timer = None;
            for order in state.control.held.expire(clock::now()) {
                let why = "a source had no picture in time";
                state.globals.wfd.gave_up(&order, Status::Timeout, why);
            }
            state.arm_held_timer();
            state.drop_unused();
            TimeoutAction::Drop
        });
        match timer {
            Ok(token) => self.control.timer = Some((at, token)),
            Err(error) => tracing::error!("no timer for a commit that waits: {error}"),
        }
    }

    /// Destroys sources and masks that nobody names or uses.
    fn drop_unused(&mut self) {
        // What is pending or held may use them.
        if !self.control.held.is_empty() || !self.globals.wfd.nothing_pending() {
            return;
        }
        let Some(mut pending) = self.control.objects.take_unused(&self.device) else { return };
        if let Err(error) = self.device.commit(Scope::EntireDevice, &mut pending, Flags::MODESET) {
            tracing::error!("sources without use could not be destroyed: {error}");
        }
        self.memory.changed();
        self.pictures.follow(&self.device);
    }

    fn supersede(&mut self, orders: Vec<Order>) {
        for order in orders {
            let why = "a later commit came before this one took effect";
            self.globals.wfd.gave_up(&order, Status::Superseded, why);
        }
    }

    /// The configuration was read again: what waits was made for another one.
    pub(crate) fn supersede_held(&mut self) {
        let waiting = self.control.held.cancel(|_| true);
        self.supersede(waiting);
        self.arm_held_timer();
    }

    /// A port was taken away: no commit waits for its frames.
    pub(crate) fn forget_commits_of(&mut self, port: PortId) {
        let shown = Frame { at: clock::now(), period: Duration::ZERO, frame: 0 };
        self.globals.wfd.dark(port, shown);
        self.globals.wfd.changed();
    }
}

delegate_wfd!(State);
