//! `wfd_safety_v1`: signatures of parts of a port's finished picture.

use std::{collections::BTreeMap, time::Duration};

use porthole_core::model::PortId;
use porthole_pixel::{Rect, Region, Size};
use porthole_wayland::safety::server::{
    wfd_safety_manager_v1::{self as manager, WfdSafetyManagerV1 as Manager},
    wfd_safety_region_v1::{self as region, Reason, Report, WfdSafetyRegionV1 as RegionObject},
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, Resource, WEnum, backend::ClientId,
    protocol::wl_output::WlOutput,
};

use super::globals::{Filtered, filtered_manager};

/// The longest threshold.
const MAX_FREEZE: Duration = Duration::from_secs(3600);

/// Names a region; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(crate) struct RegionKey(u64);

/// What the compositor must answer.
pub(crate) trait SafetyHandler {
    fn safety(&mut self) -> &mut SafetyState;
    /// The port behind an output, its size, and whether the client may watch it.
    fn watched_port(&mut self, client: &Client, output: &WlOutput) -> Option<(PortId, Size, bool)>;
    /// A signature of a port is wanted though nothing changes.
    fn signature_wanted(&mut self, port: PortId);
    /// A region wants to be looked at again after this time, see [`SafetyState::look`].
    fn look_after(&mut self, region: RegionKey, generation: u64, wait: Duration);
    fn safety_now(&self) -> Duration;
}

#[derive(Debug)]
struct Watched {
    object: RegionObject,
    client: Client,
    port: PortId,
    rect: Rect,
    /// The signature of the last frame.
    last: Option<u32>,
    all: bool,
    /// The client waits for a signature, whatever changes.
    wanted: bool,
    reference: Option<u32>,
    /// What it was told of the reference last.
    matches: Option<bool>,
    freeze: Option<Duration>,
    /// Counts the thresholds that were set: the timer of an older one has nothing to say.
    generation: u64,
    changed_at: Duration,
    frozen: bool,
}

/// All watched regions.
#[derive(Debug, Default)]
pub(crate) struct SafetyState {
    regions: BTreeMap<RegionKey, Watched>,
    last: u64,
}

impl SafetyState {
    /// Announces the global to the clients that `filter` lets see it.
    pub(crate) fn new<D>(
        display: &DisplayHandle,
        filter: impl Fn(&Client) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        D: GlobalDispatch<Manager, Filtered> + 'static,
    {
        let global = Filtered::new(filter);
        display.create_global::<D, Manager, _>(1, global);
        Self::default()
    }

    /// The regions of a port whose signature may be another one after this damage, or is wanted.
    pub(crate) fn to_sign(&self, port: PortId, damage: &Region) -> Vec<(RegionKey, Rect)> {
        let changes = |w: &Watched| damage.rects().iter().any(|r| r.intersect(w.rect).is_some());
        let of_port = self.regions.iter().filter(|(_, watched)| watched.port == port);
        let signed = of_port.filter(|(_, w)| w.wanted || w.last.is_none() || changes(w));
        signed.map(|(key, watched)| (*key, watched.rect)).collect()
    }

    /// A frame of a port was drawn, with these signatures. Gives the regions that can freeze again, to
    /// be looked at after a time.
    pub(crate) fn drawn(
        &mut self,
        port: PortId,
        frame: u64,
        signatures: &[(RegionKey, u32)],
        now: Duration,
    ) -> Vec<(RegionKey, u64, Duration)> {
        let mut thawed = Vec::new();
        for (key, watched) in self.regions.iter_mut().filter(|(_, w)| w.port == port) {
            let signed = signatures.iter().find(|(signed, _)| signed == key).map(|(_, crc)| *crc);
            let was_frozen = watched.frozen;
            if let Some(signature) = signed.or(watched.last) {
                watched.tell(frame, signature, now);
            }
            if was_frozen && !watched.frozen {
                let again = watched.freeze.map(|after| (*key, watched.generation, after));
                thawed.extend(again);
            }
        }
        thawed
    }

    /// Looks whether a region froze; gives how long to wait before the next look, if there is to be one.
    pub(crate) fn look(
        &mut self,
        key: RegionKey,
        generation: u64,
        now: Duration,
    ) -> Option<Duration> {
        let watched = self.regions.get_mut(&key).filter(|w| w.generation == generation)?;
        let threshold = watched.freeze?;
        let left = (watched.changed_at + threshold).saturating_sub(now);
        if !left.is_zero() {
            return Some(left);
        }
        watched.frozen = true;
        let since = now.saturating_sub(watched.changed_at).as_millis();
        watched.object.frozen(u32::try_from(since).unwrap_or(u32::MAX));
        // The change that ends it arms the next look.
        None
    }

    /// A port has this size now, or is gone.
    pub(crate) fn resized(&mut self, port: PortId, size: Option<Size>) {
        self.end(|watched| match size {
            _ if watched.port != port => None,
            None => Some(Reason::Gone),
            Some(size) => {
                let inside = Rect::from_size(size).contains_rect(watched.rect);
                (!inside).then_some(Reason::Outside)
            }
        });
    }

    /// Ends what clients may not watch any more.
    pub(crate) fn stop_unless(&mut self, may: impl Fn(&Client, PortId) -> bool) {
        self.end(|w| (!may(&w.client, w.port)).then_some(Reason::Denied));
    }

    fn end(&mut self, why: impl Fn(&Watched) -> Option<Reason>) {
        self.regions.retain(|_, watched| match why(watched) {
            Some(reason) => {
                watched.object.failed(reason);
                false
            }
            None => true,
        });
    }

    fn of(&mut self, object: &RegionObject) -> Option<(RegionKey, &mut Watched)> {
        let mut regions = self.regions.iter_mut();
        regions.find(|(_, w)| w.object == *object).map(|(key, watched)| (*key, watched))
    }
}

impl Watched {
    fn tell(&mut self, frame: u64, signature: u32, now: Duration) {
        #[expect(clippy::cast_possible_truncation, reason = "the halves of a number")]
        let (hi, lo) = ((frame >> 32) as u32, frame as u32);
        let changed = self.last != Some(signature);
        if changed || self.all || self.wanted {
            self.object.signature(hi, lo, signature);
        }
        self.wanted = false;
        if changed {
            (self.last, self.changed_at) = (Some(signature), now);
            if std::mem::take(&mut self.frozen) {
                self.object.recovered();
            }
        }
        let matches = self.reference.map(|reference| reference == signature);
        if matches != self.matches {
            match matches {
                Some(true) => self.object.equal(hi, lo),
                Some(false) => self.object.mismatch(hi, lo, signature),
                None => {}
            }
            self.matches = matches;
        }
    }
}

filtered_manager!(SafetyState, Manager);

impl<D> Dispatch<Manager, (), D> for SafetyState
where
    D: SafetyHandler + Dispatch<Manager, ()> + Dispatch<RegionObject, ()> + 'static,
{
    fn request(
        state: &mut D,
        client: &Client,
        _: &Manager,
        request: manager::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, D>,
    ) {
        let manager::Request::WatchRegion { id, output, x, y, width, height } = request else {
            return;
        };
        let object = init.init(id, ());
        let Some((port, size, true)) = state.watched_port(client, &output) else {
            object.failed(Reason::Denied);
            return;
        };
        let rect = Rect::new(x, y, width, height);
        if rect.is_empty() || !Rect::from_size(size).contains_rect(rect) {
            object.failed(Reason::Outside);
            return;
        }
        let changed_at = state.safety_now();
        let safety = state.safety();
        safety.last += 1;
        let watched = Watched {
            object,
            client: client.clone(),
            port,
            rect,
            last: None,
            all: false,
            wanted: false,
            reference: None,
            matches: None,
            freeze: None,
            generation: 0,
            changed_at,
            frozen: false,
        };
        safety.regions.insert(RegionKey(safety.last), watched);
        state.signature_wanted(port);
    }
}

impl<D> Dispatch<RegionObject, (), D> for SafetyState
where
    D: SafetyHandler + Dispatch<RegionObject, ()> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        resource: &RegionObject,
        request: region::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let now = state.safety_now();
        let Some((key, watched)) = state.safety().of(resource) else { return };
        let port = watched.port;
        match request {
            region::Request::SetReport { report } => match report {
                WEnum::Value(report) => watched.all = report == Report::All,
                WEnum::Unknown(number) => {
                    let error = region::Error::InvalidReport;
                    resource.post_error(error, format!("{number} is no report"));
                }
            },
            region::Request::SetReference { enable, signature } => {
                watched.reference = (enable != 0).then_some(signature);
                watched.matches = None;
                state.signature_wanted(port);
            }
            region::Request::SetFreezeThreshold { milliseconds } => {
                let threshold = Duration::from_millis(milliseconds.into()).min(MAX_FREEZE);
                watched.freeze = (milliseconds != 0).then_some(threshold);
                watched.generation += 1;
                (watched.changed_at, watched.frozen) = (now, false);
                let generation = watched.generation;
                if milliseconds != 0 {
                    state.look_after(key, generation, threshold);
                }
            }
            region::Request::RequestSignature => {
                watched.wanted = true;
                state.signature_wanted(port);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut D, _: ClientId, resource: &RegionObject, (): &()) {
        state.safety().regions.retain(|_, watched| watched.object != *resource);
    }
}

macro_rules! delegate_safety {
    ($state:ty) => {
        const _: () = {
            use porthole_wayland::safety::server::{
                wfd_safety_manager_v1::WfdSafetyManagerV1,
                wfd_safety_region_v1::WfdSafetyRegionV1,
            };
            use smithay::reexports::wayland_server;
            use $crate::protocols::safety::{SafetyState};
            wayland_server::delegate_global_dispatch!($state: [WfdSafetyManagerV1: $crate::protocols::globals::Filtered] => SafetyState);
            wayland_server::delegate_dispatch!($state: [WfdSafetyManagerV1: ()] => SafetyState);
            wayland_server::delegate_dispatch!($state: [WfdSafetyRegionV1: ()] => SafetyState);
        };
    };
}
pub(crate) use delegate_safety;
