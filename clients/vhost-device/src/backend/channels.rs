//! The side sockets that a front-end hands over: for our requests, and QEMU's GPU socket.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_vhost_user::{config_change, parse_backend_reply};
use porthole_virtio_device::Watch;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::connection::drain;
use crate::fault::Fault;

/// Epoll key of the listener or the connection.
pub(crate) const KEY_FRONT: u64 = 0;
/// Epoll key of the self-wake.
pub(crate) const KEY_WAKE: u64 = 1;
/// Epoll key of the back-end request socket.
pub(crate) const KEY_REQUEST: u64 = 2;
/// Epoll key of QEMU's GPU socket.
pub(crate) const KEY_GPU: u64 = 3;
/// Epoll key of the first queue's kick; the others follow.
pub(crate) const KEY_QUEUE: u64 = 16;

/// Side sockets, each watched while it is of use.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    request: Option<Watch>,
    /// Bytes of an answer that is not whole yet.
    answer: Vec<u8>,
    gpu: Option<Watch>,
    /// The front-end answers requests of ours.
    pub(crate) want_reply: bool,
    refusal_told: bool,
}

impl Channels {
    pub(crate) fn set_backend_request(
        &mut self,
        epoll: &Arc<OwnedFd>,
        fd: Option<OwnedFd>,
    ) -> Result<(), Fault> {
        self.answer.clear();
        self.request = watch(epoll, fd, KEY_REQUEST)?;
        Ok(())
    }

    /// Keeps QEMU's `vhost-user-gpu` socket. QEMU spins when it is closed, so it is
    /// kept and emptied, though nothing is ever said on it: the pictures go to Wayland.
    pub(crate) fn set_gpu(
        &mut self,
        epoll: &Arc<OwnedFd>,
        fd: Option<OwnedFd>,
    ) -> Result<(), Fault> {
        self.gpu = watch(epoll, fd, KEY_GPU)?;
        Ok(())
    }

    /// Whether the front-end can be told that config space changed.
    pub(crate) const fn tells_config(&self) -> bool {
        self.request.is_some()
    }

    /// Tells the front-end that config space changed. False when it gave no socket for it.
    pub(crate) fn config_changed(&mut self) -> bool {
        let Some(socket) = &self.request else {
            return false;
        };
        let bytes = config_change(self.want_reply);
        match send(socket, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => true,
            // Full or half written: the front-end does not read, and a stream that is cut inside a
            // message cannot be mended.
            _ => {
                self.request = None;
                false
            }
        }
    }

    /// Reads answers of the front-end to requests of ours.
    pub(crate) fn read_answers(&mut self, device: &'static str) {
        let Some(socket) = &self.request else {
            return;
        };
        let mut bytes = [0; 256];
        let count = match recv(socket, &mut bytes[..], RecvFlags::DONTWAIT) {
            Ok((count, _)) => count,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return,
            Err(_) => 0,
        };
        if count == 0 {
            self.request = None;
            return;
        }
        self.answer.extend_from_slice(bytes.get(..count).unwrap_or_default());
        loop {
            match parse_backend_reply(&self.answer) {
                Ok(None) => return,
                Ok(Some((reply, used))) => {
                    self.answer.drain(..used.min(self.answer.len()));
                    if !reply.accepted && !self.refusal_told {
                        self.refusal_told = true;
                        tracing::info!(
                            device,
                            "this QEMU device keeps config space to itself: sizes cannot \
                             change while the guest runs"
                        );
                    }
                }
                Err(error) => {
                    tracing::warn!(device, %error, "bad answer on the request socket");
                    self.request = None;
                    self.answer.clear();
                    return;
                }
            }
        }
    }

    pub(crate) fn drain_gpu(&mut self) {
        if let Some(socket) = &self.gpu
            && !drain(socket).unwrap_or(false)
        {
            self.gpu = None;
        }
    }
}

fn watch(epoll: &Arc<OwnedFd>, fd: Option<OwnedFd>, key: u64) -> Result<Option<Watch>, Fault> {
    fd.map(|fd| Watch::new(epoll, fd, key))
        .transpose()
        .map_err(|error| Fault::System("epoll", error))
}
