//! Counting a client's objects, every so often.

use porthole_core::config::Quota;
use smithay::reexports::wayland_server::backend::{ClientId, Handle};

/// How many objects a client may have: of all kinds together, and of some interfaces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) all: usize,
    pub(crate) each: &'static [(&'static str, usize)],
}

/// More than a client may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Excess {
    pub(super) what: &'static str,
    pub(super) most: usize,
}

/// A request makes one object at most, so that a count is good for a while.
const SELDOM: usize = 256;
/// With many objects a count costs more and is made more seldom, so that its share stays small.
const SHARE: usize = 16;

/// When a client's objects are counted again.
#[derive(Debug, Default)]
pub(super) struct Census {
    requests: usize,
    objects: usize,
}

impl Census {
    /// Notes that a client has made so many requests; counts when it is time to.
    pub(super) fn note(
        &mut self,
        requests: usize,
        handle: &Handle,
        client: &ClientId,
        limits: &Limits,
        quota: &Quota,
    ) -> Option<Excess> {
        self.requests += requests;
        if self.requests < SELDOM.max(self.objects / SHARE) {
            return None;
        }
        self.requests = 0;
        self.objects = 0;
        let mut counts = vec![0; limits.each.len()];
        // An error says that the client is gone.
        let _ = handle.with_all_objects_for(client.clone(), |object| {
            self.objects += 1;
            let name = object.interface().name;
            let listed = limits.each.iter().zip(&mut counts).find(|((n, _), _)| *n == name);
            if let Some((_, count)) = listed {
                *count += 1;
            }
        });
        let most = |(what, most): &(&'static str, usize)| (*what, own(what, *most, quota));
        let mut each = limits.each.iter().map(most).zip(counts);
        if let Some(((what, most), _)) = each.find(|((_, most), count)| count > most) {
            return Some(Excess { what, most });
        }
        let most = own("protocol", limits.all, quota);
        (self.objects > most).then_some(Excess { what: "protocol", most })
    }
}

/// The limit of a kind, or the lower one of the socket's own.
fn own(what: &str, most: usize, quota: &Quota) -> usize {
    let own = match what {
        "protocol" => quota.objects,
        "wl_surface" => quota.surfaces,
        "wl_buffer" => quota.buffers,
        _ => return most,
    };
    usize::try_from(own).map_or(most, |own| own.min(most))
}
