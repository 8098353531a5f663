//! `porthole_process_v1`: tells processes beside this one how much they matter, and hears what they say
//! of their work. It is only their word: it is kept apart, bounded, and decides nothing.

use std::sync::Arc;

use porthole_core::Priority;
use porthole_wayland::process::server::porthole_process_v1::{
    Error, PortholeProcessV1 as Object, Request,
};
use smithay::reexports::wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, backend::ClientId,
};

/// Numbers that a process may say.
const MOST: usize = 32;

/// What the compositor must answer.
pub(crate) trait ProcessHandler {
    fn processes(&mut self) -> &mut ProcessState;
    /// How a client stands.
    fn standing(&self, client: &Client) -> Option<Standing>;
}

/// How a process stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// The account that it belongs to.
    pub(crate) account: u32,
    pub(crate) priority: Priority,
    /// That of whom matters most of those that do what it does.
    pub(crate) highest: Priority,
}

#[derive(Debug)]
struct Process {
    object: Object,
    standing: Standing,
    said: Option<Arc<[u64]>>,
    /// When it was said: the greatest is the newest.
    turn: u64,
}

impl Process {
    fn tell(&self) {
        let Standing { priority, highest, .. } = self.standing;
        self.object.priority(priority.get().into(), highest.get().into());
    }
}

/// All processes that want to hear or say something.
#[derive(Debug)]
pub(crate) struct ProcessState {
    processes: Vec<Process>,
    turn: u64,
}

impl ProcessState {
    /// Announces the global to all clients.
    pub(crate) fn new<D>(display: &DisplayHandle) -> Self
    where
        D: GlobalDispatch<Object, ()> + 'static,
    {
        display.create_global::<D, Object, ()>(1, ());
        Self { processes: Vec::new(), turn: 0 }
    }

    /// What a process of an account said last.
    pub(crate) fn said(&self, account: u32) -> Option<Arc<[u64]>> {
        let of_account =
            self.processes.iter().filter(|process| process.standing.account == account);
        let said = of_account.filter(|process| process.said.is_some());
        said.max_by_key(|process| process.turn)?.said.clone()
    }

    /// Tells processes that matter more or less than they were told.
    pub(crate) fn refresh<D: ProcessHandler>(state: &mut D) {
        let mut processes = std::mem::take(&mut state.processes().processes);
        for process in &mut processes {
            let standing = process.object.client().and_then(|client| state.standing(&client));
            let Some(standing) = standing else { continue };
            if std::mem::replace(&mut process.standing, standing) != standing {
                process.tell();
            }
        }
        state.processes().processes = processes;
    }
}

/// The numbers of a request; none where they are not whole, or too many.
fn numbers(bytes: &[u8]) -> Option<Arc<[u64]>> {
    let (words, rest) = bytes.as_chunks::<8>();
    let fits = rest.is_empty() && words.len() <= MOST;
    fits.then(|| words.iter().copied().map(u64::from_ne_bytes).collect())
}

impl<D> GlobalDispatch<Object, (), D> for ProcessState
where
    D: ProcessHandler + Dispatch<Object, ()> + 'static,
{
    fn bind(
        state: &mut D,
        _: &DisplayHandle,
        client: &Client,
        resource: New<Object>,
        (): &(),
        init: &mut DataInit<'_, D>,
    ) {
        let object = init.init(resource, ());
        let Some(standing) = state.standing(client) else { return };
        let process = Process { object, standing, said: None, turn: 0 };
        process.tell();
        state.processes().processes.push(process);
    }
}

impl<D> Dispatch<Object, (), D> for ProcessState
where
    D: ProcessHandler + Dispatch<Object, ()> + 'static,
{
    fn request(
        state: &mut D,
        _: &Client,
        object: &Object,
        request: Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, D>,
    ) {
        let Request::State { numbers: bytes } = request else { return };
        let Some(numbers) = numbers(&bytes) else {
            let length = bytes.len();
            let text = format!("{length} bytes are not up to {MOST} numbers of 8 bytes");
            return object.post_error(Error::InvalidNumbers, text);
        };
        let all = state.processes();
        all.turn += 1;
        if let Some(process) = all.processes.iter_mut().find(|p| p.object == *object) {
            (process.said, process.turn) = (Some(numbers), all.turn);
        }
    }

    fn destroyed(state: &mut D, _: ClientId, object: &Object, (): &()) {
        state.processes().processes.retain(|process| process.object != *object);
    }
}

macro_rules! delegate_process {
    ($state:ty) => {
        const _: () = {
            use porthole_wayland::process::server::porthole_process_v1::PortholeProcessV1;
            use smithay::reexports::wayland_server;
            use $crate::protocols::process::ProcessState;
            wayland_server::delegate_global_dispatch!($state: [PortholeProcessV1: ()] => ProcessState);
            wayland_server::delegate_dispatch!($state: [PortholeProcessV1: ()] => ProcessState);
        };
    };
}
pub(crate) use delegate_process;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_few() {
        let bytes: Vec<u8> = [1_u64, 1 << 63].into_iter().flat_map(u64::to_ne_bytes).collect();
        assert_eq!(numbers(&bytes).as_deref(), Some(&[1, 1 << 63][..]));
        assert_eq!(numbers(&[]).as_deref(), Some(&[][..]));
        assert_eq!(numbers(&bytes[..15]), None);
        assert!(numbers(&[0; MOST * 8]).is_some());
        assert_eq!(numbers(&[0; MOST * 8 + 8]), None);
    }
}
