//! What a guest or the clients of a socket may have, and how much they matter.

use super::limits;
use crate::share::Priority;

/// `[limits]`, and `limits` of a guest or socket: what is said of each key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Bytes of all pictures of a socket, and of copies that the service has to make of them.
    pub memory: Option<u64>,
    /// Connections of a socket.
    pub clients: Option<u32>,
    /// Objects of a client.
    pub objects: Option<u32>,
    /// Surfaces of a client.
    pub surfaces: Option<u32>,
    /// Buffers of a client.
    pub buffers: Option<u32>,
    /// Requests of a client in a second; all clients of the socket have twice as many.
    pub requests: Option<u32>,
    /// Pictures of a client in a second; all clients of the socket have twice as many.
    pub pictures: Option<u32>,
}

impl Limits {
    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            memory: self.memory.or(others.memory),
            clients: self.clients.or(others.clients),
            objects: self.objects.or(others.objects),
            surfaces: self.surfaces.or(others.surfaces),
            buffers: self.buffers.or(others.buffers),
            requests: self.requests.or(others.requests),
            pictures: self.pictures.or(others.pictures),
        }
    }
}

/// The limits of a guest or socket, all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// As [`Limits::memory`].
    pub memory: u64,
    /// As [`Limits::clients`].
    pub clients: u32,
    /// As [`Limits::objects`].
    pub objects: u32,
    /// As [`Limits::surfaces`].
    pub surfaces: u32,
    /// As [`Limits::buffers`].
    pub buffers: u32,
    /// As [`Limits::requests`].
    pub requests: u32,
    /// As [`Limits::pictures`].
    pub pictures: u32,
}

impl Quota {
    /// What was said, and the most that is allowed where nothing was.
    #[must_use]
    pub fn new(said: Limits) -> Self {
        let most = |said: Option<u32>, range: &std::ops::RangeInclusive<i64>| {
            said.unwrap_or_else(|| u32::try_from(*range.end()).unwrap_or(u32::MAX))
        };
        Self {
            memory: said.memory.unwrap_or(limits::MEMORY),
            clients: most(said.clients, &limits::CLIENTS),
            objects: most(said.objects, &limits::OBJECTS),
            surfaces: most(said.surfaces, &limits::SURFACES),
            buffers: most(said.buffers, &limits::BUFFERS),
            requests: most(said.requests, &limits::REQUESTS),
            pictures: most(said.pictures, &limits::PICTURES),
        }
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// `priority`, `reserve` and `limits` of a guest or socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Who is served and drawn first when not all can be in time.
    pub priority: Priority,
    /// Bytes of the budget that are set aside for it.
    pub reserve: u64,
    /// What it may have, where that is not what `[limits]` says.
    pub limits: Limits,
}

/// `[budget]`: what all may have together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// Bytes of the pictures of all guests and sockets, and of copies of these.
    pub memory: Option<u64>,
    /// Pixels that all ports that are on may draw in a second.
    pub pixels_per_second: Option<u64>,
}
