//! Counting a client's objects, every so often.

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
        let each = limits.each.iter().zip(counts).find(|((_, most), count)| count > most);
        if let Some(((what, most), _)) = each {
            return Some(Excess { what, most: *most });
        }
        (self.objects > limits.all).then_some(Excess { what: "protocol", most: limits.all })
    }
}
