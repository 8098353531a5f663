//! The loop's view of a function: one descriptor, one call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use porthole_vfio_user::{
    Access, Area, Incoming, IrqAction, IrqData, IrqInfo, Posted, RegionInfo, Reply, Request,
    Session, SessionError, SetIrqs, Step, device, irq, region,
};
use porthole_virtio_device::{
    Claim, Endpoint, MemoryError, Received, State, Watch, accept, is_event,
};
use rustix::event::{Timespec, epoll};
use rustix::io::{ioctl_fionbio, write};

use crate::connection::Connection;
use crate::fault::Fault;
use crate::function::{Description, Function};
use crate::memory::Table;

/// Messages of the client a turn.
const MESSAGES: usize = 64;
const KEY_CLIENT: u64 = 0;
const KEY_ROOM: u64 = 1;
/// VFIO's kind of interrupts that MSI-X is, and how many kinds a PCI function has.
const MSIX: u32 = 2;
const IRQ_KINDS: u32 = 5;

const EINVAL: u32 = 22;
const ENOMEM: u32 = 12;

/// How a turn left the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Waiting for the client.
    Waiting,
    /// The client has gone, its VM with it.
    Disconnected,
}

#[derive(Debug)]
enum Phase {
    Listening {
        socket: Watch,
        /// Keeps the path ours; it goes when the client has come.
        _claim: Option<Claim>,
    },
    Connected(Connection),
    Gone,
}

/// A function's transport. Its descriptor is readable when [`Server::turn`] has work to do.
#[derive(Debug)]
pub struct Server {
    epoll: Arc<OwnedFd>,
    phase: Phase,
    session: Session,
    description: Description,
    memory: Table,
    /// What this side keeps of each vector, to raise it when the client asks for that.
    vectors: Vec<Option<OwnedFd>>,
    refused: u64,
}

impl AsFd for Server {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Server {
    /// Puts a function on an endpoint.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new(endpoint: Endpoint, description: Description) -> io::Result<Self> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let phase = match endpoint.state {
            State::Listening(socket, claim) => {
                let socket = Watch::new(&epoll, socket, KEY_CLIENT)?;
                Phase::Listening { socket, _claim: claim }
            }
            State::Connected(socket) => {
                Phase::Connected(Connection::new(Watch::new(&epoll, socket, KEY_CLIENT)?))
            }
        };
        let vectors = (0..description.vectors).map(|_| None).collect();
        Ok(Self {
            epoll,
            phase,
            session: Session::default(),
            description,
            memory: Table::default(),
            vectors,
            refused: 0,
        })
    }

    /// Whether a client is connected.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected(_))
    }

    /// Does what is due, a bounded piece of it, and comes back by itself for the rest.
    ///
    /// # Errors
    /// When the function cannot go on; the message says what to do where something can be done.
    pub fn turn(&mut self, function: &mut dyn Function) -> Result<Turn, Fault> {
        let mut events = Vec::with_capacity(4);
        let now = Timespec::default();
        let ready =
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now));
        match ready {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Fault::System("epoll_wait", error.into())),
        }
        let mut gone = false;
        if let Phase::Listening { socket, .. } = &self.phase {
            let accepted = accept(socket).map_err(|error| Fault::System("accept", error))?;
            let Some(socket) = accepted else { return Ok(Turn::Waiting) };
            let watch = Watch::new(&self.epoll, socket, KEY_CLIENT)
                .map_err(|error| Fault::System("epoll", error))?;
            // One client in a function's life: the listener and its path go now.
            self.phase = Phase::Connected(Connection::new(watch));
            tracing::debug!(device = self.description.name, "the machine monitor has connected");
            return Ok(Turn::Waiting);
        }
        self.flush()?;
        for _ in 0..MESSAGES {
            let Phase::Connected(connection) = &mut self.phase else { break };
            // Who does not read what it asked for is not heard.
            if connection.is_full() {
                break;
            }
            match connection.read()? {
                Received::Empty => break,
                Received::Closed => {
                    gone = true;
                    break;
                }
                Received::Message(message) => {
                    let header = message.header;
                    match self.session.take(message) {
                        Ok(Step::Request(incoming)) => self.request(incoming, function)?,
                        Ok(Step::Reply(reply, refusal)) => {
                            if let Some(refusal) = refusal {
                                self.refuse(&refusal);
                            }
                            if let Some(reply) = reply {
                                self.send(reply, None)?;
                            }
                        }
                        Err(error) => {
                            if matches!(error, SessionError::Version(_)) {
                                // So that the other side can tell its user as well.
                                let _ = self.send(Session::farewell(header), None);
                            }
                            return Err(Fault::Protocol(error));
                        }
                    }
                }
            }
        }
        if self.memory.is_lost() {
            return Err(Fault::MemoryLost);
        }
        if gone {
            self.phase = Phase::Gone;
            return Ok(Turn::Disconnected);
        }
        Ok(Turn::Waiting)
    }

    fn send(&mut self, bytes: Vec<u8>, file: Option<OwnedFd>) -> Result<(), Fault> {
        let Phase::Connected(connection) = &mut self.phase else { return Ok(()) };
        connection.send(bytes, file)?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let Phase::Connected(connection) = &mut self.phase else { return Ok(()) };
        connection.flush(&self.epoll, KEY_ROOM)
    }

    /// Tells of a request that was refused; a client could fill the log, so each doubling is news enough.
    fn refuse(&mut self, why: &dyn std::fmt::Display) {
        self.refused = self.refused.saturating_add(1);
        if self.refused.is_power_of_two() {
            let count = self.refused;
            tracing::warn!(device = self.description.name, count, "request refused: {why}");
        }
    }

    fn request(
        &mut self,
        incoming: Incoming<OwnedFd>,
        function: &mut dyn Function,
    ) -> Result<(), Fault> {
        let Incoming { ticket, request, fds } = incoming;
        tracing::trace!(device = self.description.name, ?request, fds = fds.len(), "client");
        let mut file = None;
        let reply = match self.carry_out(request, fds, function, &mut file) {
            Ok(reply) => reply,
            Err((errno, why)) => {
                self.refuse(&why);
                Reply::Error(errno)
            }
        };
        match ticket.answer(&reply) {
            Some(bytes) => self.send(bytes, file.filter(|_| !reply.is_cut())),
            None => Ok(()),
        }
    }

    fn carry_out(
        &mut self,
        request: Request,
        fds: Vec<OwnedFd>,
        function: &mut dyn Function,
        file: &mut Option<OwnedFd>,
    ) -> Result<Reply, (u32, &'static str)> {
        match request {
            Request::DeviceInfo => Ok(Reply::Device {
                flags: device::RESET | device::PCI,
                regions: u32::try_from(self.description.regions.len()).unwrap_or(u32::MAX),
                irqs: IRQ_KINDS,
            }),
            Request::RegionInfo { index, room } => {
                let info = self.region_info(index, file)?;
                Ok(Reply::Region(info, room))
            }
            Request::IrqInfo { index } if index < IRQ_KINDS => {
                let count = if index == MSIX { u32::from(self.description.vectors) } else { 0 };
                let flags = if count > 0 { irq::EVENTFD } else { 0 };
                Ok(Reply::Irq(IrqInfo { index, flags, count }))
            }
            Request::IrqInfo { .. } => Err((EINVAL, "there are no such interrupts")),
            Request::SetIrqs(set) => self.set_irqs(&set, fds, function),
            Request::Read(access) => {
                self.inside(access)?;
                let mut bytes = vec![0; access.count as usize];
                let done = function.read(access.region, access.offset, &mut bytes);
                done.map_err(|_| (EINVAL, "nothing can be read like that"))?;
                Ok(Reply::Read(access, bytes))
            }
            Request::Write(access, bytes) => {
                self.write(access, &bytes, function)?;
                Ok(Reply::Written(access))
            }
            Request::WriteMulti(writes) => {
                let mut done = 0_u64;
                for Posted { access, data } in writes {
                    let bytes = data.get(..access.count as usize).unwrap_or_default();
                    self.write(access, bytes, function)?;
                    done = done.saturating_add(1);
                }
                Ok(Reply::WrittenMulti(done))
            }
            Request::DmaMap(map) => {
                let result = self.memory.map(map, fds.into_iter().next());
                result.map_err(refused_memory)?;
                function.memory(&self.memory.ram());
                Ok(Reply::Mapped(map))
            }
            Request::DmaUnmap(unmap) => {
                self.memory.unmap(unmap).map_err(refused_memory)?;
                function.memory(&self.memory.ram());
                Ok(Reply::Unmapped(unmap))
            }
            Request::Reset => {
                function.reset();
                Ok(Reply::Done)
            }
        }
    }

    fn region_info(
        &self,
        index: u32,
        file: &mut Option<OwnedFd>,
    ) -> Result<RegionInfo, (u32, &'static str)> {
        let spec = usize::try_from(index).ok().and_then(|i| self.description.regions.get(i));
        let spec = spec.ok_or((EINVAL, "there is no such region"))?;
        let mut info = RegionInfo { index, size: spec.size, ..RegionInfo::default() };
        if spec.size > 0 {
            info.flags = region::READ;
            if spec.writable {
                info.flags |= region::WRITE;
            }
            if let Some(backing) = &spec.file {
                *file = backing.try_clone().ok();
                if file.is_some() {
                    info.flags |= region::MMAP;
                    info.areas = vec![Area { offset: 0, size: spec.size }];
                }
            }
        }
        Ok(info)
    }

    /// Whether all of an access lies inside its region.
    fn inside(&self, access: Access) -> Result<(), (u32, &'static str)> {
        let Access { region, offset, count } = access;
        let spec = usize::try_from(region).ok().and_then(|i| self.description.regions.get(i));
        let spec = spec.ok_or((EINVAL, "there is no such region"))?;
        match offset.checked_add(u64::from(count)) {
            Some(end) if end <= spec.size => Ok(()),
            _ => Err((EINVAL, "an access ends outside its region")),
        }
    }

    fn write(
        &self,
        access: Access,
        bytes: &[u8],
        function: &mut dyn Function,
    ) -> Result<(), (u32, &'static str)> {
        self.inside(access)?;
        let region = usize::try_from(access.region).ok();
        let spec = region.and_then(|i| self.description.regions.get(i));
        if !spec.is_some_and(|spec| spec.writable) {
            return Err((EINVAL, "the region cannot be written"));
        }
        let done = function.write(access.region, access.offset, bytes);
        done.map_err(|_| (EINVAL, "nothing can be written like that"))
    }

    fn set_irqs(
        &mut self,
        set: &SetIrqs,
        fds: Vec<OwnedFd>,
        function: &mut dyn Function,
    ) -> Result<Reply, (u32, &'static str)> {
        let SetIrqs { index, start, count, action, ref data } = *set;
        if index >= IRQ_KINDS {
            return Err((EINVAL, "there are no such interrupts"));
        }
        let known = if index == MSIX { u32::from(self.description.vectors) } else { 0 };
        if start.saturating_add(count) > known {
            return Err((EINVAL, "there are not so many interrupts"));
        }
        if !fds.iter().all(is_event) {
            return Err((EINVAL, "an interrupt needs an eventfd"));
        }
        // Masks are kept by the client, in the table that the guest sees.
        if action != IrqAction::Trigger {
            return Ok(Reply::Done);
        }
        let range = start..start + count;
        match data {
            IrqData::Events => {
                let mut fds = fds.into_iter();
                range.for_each(|vector| self.bind(vector, fds.next(), function));
            }
            // All are let go.
            IrqData::All if count == 0 => {
                (0..known).for_each(|vector| self.bind(vector, None, function));
            }
            IrqData::All => range.for_each(|vector| self.raise(vector)),
            IrqData::Some(which) => {
                let set = range.zip(which).filter(|(_, set)| **set);
                set.for_each(|(vector, _)| self.raise(vector));
            }
        }
        Ok(Reply::Done)
    }

    fn bind(&mut self, vector: u32, event: Option<OwnedFd>, function: &mut dyn Function) {
        let (Ok(index), Ok(number)) = (usize::try_from(vector), u16::try_from(vector)) else {
            return;
        };
        if let Some(event) = &event {
            // An eventfd whose counter is full must not hold anybody up.
            let _ = ioctl_fionbio(event, true);
        }
        let copy = event.as_ref().and_then(|event| event.try_clone().ok());
        if let Some(slot) = self.vectors.get_mut(index) {
            *slot = copy;
            function.vector(number, event);
        }
    }

    fn raise(&self, vector: u32) {
        let slot = usize::try_from(vector).ok().and_then(|vector| self.vectors.get(vector));
        if let Some(Some(event)) = slot {
            // Full means that it is raised already.
            let _ = write(event, &1_u64.to_ne_bytes());
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn refused_memory(error: MemoryError) -> (u32, &'static str) {
    tracing::warn!("guest memory is not taken: {error}");
    match error {
        MemoryError::Map(_) => (EINVAL, "guest memory cannot be mapped"),
        MemoryError::Slots => (ENOMEM, "too many ranges of guest memory"),
        MemoryError::Overlap => (EINVAL, "ranges of guest memory overlap"),
        MemoryError::Missing => (EINVAL, "no such range of guest memory"),
    }
}

#[cfg(test)]
mod tests;
