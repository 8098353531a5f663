//! What a commit takes, and when it takes effect.

use std::time::Duration;

use super::{CommitError, Device, Pending, PipelineId, PortId, SourceId};

/// How much of the pending changes a commit takes (WFD: `WFDCommitType`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scope {
    /// Everything.
    EntireDevice,
    /// A port and its pipelines.
    EntirePort(PortId),
    /// One pipeline.
    Pipeline(PipelineId),
}

/// What a commit may do. The default is a commit that changes no mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Only says whether it would succeed: nothing changes, and the pending changes stay.
    pub test_only: bool,
    /// May change a port's mode, at which the picture may go black for a moment.
    pub allow_modeset: bool,
}

impl Flags {
    /// A commit that may change modes, as the configuration's.
    pub const MODESET: Self = Self { test_only: false, allow_modeset: true };
}

/// When a newly bound source is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Transition {
    /// As soon as may be. Porthole never tears, so this is the same as at the next frame.
    #[default]
    Immediate,
    /// With the next frame.
    AtVsync,
    /// With the first frame after the source has a picture; until then all that is committed with it
    /// waits and the old picture stays.
    WhenReady {
        /// How long the commit waits before it fails; `None` is for ever.
        timeout: Option<Duration>,
    },
}

impl Device {
    /// Whether [`Device::commit`] would succeed.
    ///
    /// # Errors
    /// The first object at fault.
    pub fn test(&self, scope: Scope, pending: &Pending, flags: Flags) -> Result<(), CommitError> {
        self.after(&pending.part(scope, self), flags).map(drop)
    }

    /// Applies all changes in the scope, or nothing of them. They are gone from `pending` in both
    /// cases, except after a test.
    ///
    /// # Errors
    /// The first object at fault; the device is as before.
    pub fn commit(
        &mut self,
        scope: Scope,
        pending: &mut Pending,
        flags: Flags,
    ) -> Result<(), CommitError> {
        if flags.test_only {
            return self.test(scope, pending, flags);
        }
        let part = pending.take(scope, self);
        *self = self.after(&part, flags)?;
        Ok(())
    }

    /// The device after these changes.
    fn after(&self, part: &Pending, flags: Flags) -> Result<Self, CommitError> {
        let next = self.applied(part)?;
        if !flags.allow_modeset {
            for (id, port) in &self.ports {
                if next.ports.get(id).is_some_and(|after| after.mode != port.mode) {
                    return Err(CommitError::Modeset(*id));
                }
            }
        }
        Ok(next)
    }

    /// Whether two scopes have anything in common.
    #[must_use]
    pub fn overlap(&self, a: Scope, b: Scope) -> bool {
        let port = |id: PipelineId| self.pipelines.get(&id).map(|pipeline| pipeline.port);
        match (a, b) {
            (Scope::EntireDevice, _) | (_, Scope::EntireDevice) => true,
            (Scope::EntirePort(a), Scope::EntirePort(b)) => a == b,
            (Scope::Pipeline(a), Scope::Pipeline(b)) => a == b,
            (Scope::EntirePort(a), Scope::Pipeline(b))
            | (Scope::Pipeline(b), Scope::EntirePort(a)) => port(b).is_none_or(|port| port == a),
        }
    }
}

/// A commit that waits for its sources.
#[derive(Clone, Debug)]
struct Held<T> {
    scope: Scope,
    changes: Pending,
    flags: Flags,
    deadline: Option<Duration>,
    tag: T,
}

/// Commits that wait until every source that they bind `when_ready` has a picture. `T` names a commit
/// to the caller. Times are of the caller's clock.
#[derive(Clone, Debug)]
pub struct HeldCommits<T> {
    held: Vec<Held<T>>,
}

impl<T> Default for HeldCommits<T> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<T> HeldCommits<T> {
    /// Takes the changes of a scope out of `pending` to apply them later, after a test that they
    /// could be applied now. What it replaces the caller asks of [`Self::replaced_by`] before.
    ///
    /// # Errors
    /// As [`Device::commit`]: nothing is held and the changes are gone.
    pub fn hold(
        &mut self,
        device: &Device,
        scope: Scope,
        (pending, flags): (&mut Pending, Flags),
        now: Duration,
        tag: T,
    ) -> Result<(), (CommitError, T)> {
        let changes = pending.take(scope, device);
        if let Err(error) = device.after(&changes, flags) {
            return Err((error, tag));
        }
        let deadline = changes.timeout().and_then(|timeout| now.checked_add(timeout));
        self.held.push(Held { scope, changes, flags, deadline, tag });
        Ok(())
    }

    /// A commit of this scope is made: gives the waiting ones that it replaces, out of those of the same
    /// owner. Two owners have no object in common, whatever their scopes are.
    pub fn replaced_by(
        &mut self,
        device: &Device,
        scope: Scope,
        is_mine: impl Fn(&T) -> bool,
    ) -> Vec<T> {
        let taken = self.take(|held| is_mine(&held.tag) && device.overlap(held.scope, scope));
        taken.into_iter().map(|held| held.tag).collect()
    }

    /// Applies the commits whose sources all have a picture, in the order in which they were made.
    pub fn apply_ready(
        &mut self,
        device: &mut Device,
        is_ready: impl Fn(SourceId) -> bool,
    ) -> Vec<(T, Result<(), CommitError>)> {
        let ready = self.take(|held| held.changes.awaited().all(&is_ready));
        let apply = |mut held: Held<T>| {
            let outcome = device.commit(held.scope, &mut held.changes, held.flags);
            (held.tag, outcome)
        };
        ready.into_iter().map(apply).collect()
    }

    /// Gives up the commits that have waited too long.
    pub fn expire(&mut self, now: Duration) -> Vec<T> {
        self.take(|held| held.deadline.is_some_and(|at| at <= now))
            .into_iter()
            .map(|held| held.tag)
            .collect()
    }

    /// Gives up the commits that `which` says.
    pub fn cancel(&mut self, which: impl Fn(&T) -> bool) -> Vec<T> {
        self.take(|held| which(&held.tag)).into_iter().map(|held| held.tag).collect()
    }

    /// When the next one has waited too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.held.iter().filter_map(|held| held.deadline).min()
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn take(&mut self, which: impl Fn(&Held<T>) -> bool) -> Vec<Held<T>> {
        let (taken, left) = std::mem::take(&mut self.held).into_iter().partition(which);
        self.held = left;
        taken
    }
}
