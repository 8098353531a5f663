//! One viewer's socket and protocol state.

use std::{io, os::fd::OwnedFd, rc::Rc};

use porthole_rfb::{Event, ProtocolError, Server};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags},
};

/// Bytes that are taken from a viewer in one turn of the loop, so that nobody else waits long.
const BYTES_PER_TURN: usize = 16 * 1024;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Viewer {
    stream: Rc<OwnedFd>,
    server: Server,
    state: State,
}

/// How the connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// What is left goes out, nothing more comes in.
    Closing,
    Closed,
}

impl Viewer {
    pub(crate) const fn new(stream: Rc<OwnedFd>, server: Server) -> Self {
        Self { stream, server, state: State::Open }
    }

    pub(crate) const fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) const fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(crate) const fn close(&mut self) {
        self.state = State::Closed;
    }

    /// True where an update may be written: everything before it has left. So a viewer that does
    /// not read costs one update at most.
    pub(crate) fn may_update(&self) -> bool {
        self.state == State::Open && self.server.output().is_empty() && self.server.wants_update()
    }

    /// True while the viewer is listened to. A viewer that does not read what it asked for is
    /// not heard before it does.
    pub(crate) fn wants_read(&self) -> bool {
        self.state == State::Open && self.server.output().is_empty()
    }

    /// True while something waits to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        self.state != State::Closed && !self.server.output().is_empty()
    }

    /// Takes what has come, at most one turn's worth.
    pub(crate) fn read(&mut self) {
        if !self.wants_read() {
            return;
        }
        let mut buffer = vec![0; BYTES_PER_TURN];
        match rustix::net::recv(&*self.stream, buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.close(),
            Ok((count, _)) => self.server.feed(buffer.get(..count).unwrap_or_default()),
            Err(error) if is_temporary(error) => {}
            Err(error) => self.fail(error),
        }
    }

    /// The next event of what was read.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        match self.server.next_event() {
            Ok(event) => event,
            Err(error) => {
                self.refuse(&error);
                None
            }
        }
    }

    /// The reason goes out where the protocol has room for it, which is in the handshake.
    fn refuse(&mut self, error: &ProtocolError) {
        tracing::warn!("a viewer is refused: {error}");
        self.state = if self.server.output().is_empty() { State::Closed } else { State::Closing };
    }

    /// Sends what the socket takes. What is copied is told when nothing else waits.
    pub(crate) fn write(&mut self) {
        loop {
            if self.state == State::Open {
                self.server.tell_clipboard();
            }
            if !self.wants_write() {
                break;
            }
            match rustix::net::send(
                &*self.stream,
                self.server.output(),
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            ) {
                Ok(count) => self.server.consume(count),
                Err(error) if is_temporary(error) => return,
                Err(error) => return self.fail(error),
            }
        }
        if self.state == State::Closing {
            self.close();
        }
    }

    fn fail(&mut self, error: Errno) {
        tracing::debug!("a viewer's connection broke: {}", io::Error::from(error));
        self.close();
    }
}

fn is_temporary(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::INTR)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
    };

    use porthole_pixel::Size;
    use porthole_rfb::{Config, Frame, Security};

    use super::*;

    fn pair() -> (Viewer, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let config =
            Config { security: Security::None, name: String::new(), size: Size::new(800, 600) };
        (Viewer::new(Rc::new(ours.into()), Server::new(config).unwrap()), theirs)
    }

    /// Everything that the viewer says is taken into account.
    fn turn(viewer: &mut Viewer) -> usize {
        viewer.read();
        let mut count = 0;
        while viewer.next_event().is_some() {
            count += 1;
        }
        viewer.write();
        count
    }

    const REQUEST: [u8; 10] = [3, 0, 0, 0, 0, 0, 3, 32, 2, 88];

    #[test]
    fn a_viewer_that_does_not_read_costs_one_update() {
        let (mut viewer, mut socket) = pair();
        viewer.write();
        socket.write_all(b"RFB 003.008\n\x01\x01").unwrap();
        turn(&mut viewer);
        let mut picture = vec![0; 800 * 600 * 4];
        let mut seed = 1_u32;
        for byte in &mut picture {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = seed.to_be_bytes()[0];
        }
        let mut updates = 0;
        let mut most = 0;
        socket.set_nonblocking(true).unwrap();
        for _ in 0..2000 {
            // It asks without end and never reads.
            let _ = socket.write(&REQUEST);
            turn(&mut viewer);
            if viewer.may_update() {
                let frame = Frame::new(Size::new(800, 600), 3200, &picture).unwrap();
                viewer.server_mut().update(&frame, None);
                updates += 1;
            }
            viewer.write();
            most = most.max(viewer.server().output().len());
        }
        assert_eq!(updates, 1);
        assert!(most <= picture.len() + 100, "{most}");
        assert!(!viewer.wants_read() && viewer.wants_write());
    }

    #[test]
    fn refusals_are_told_before_the_end() {
        let (mut viewer, mut socket) = pair();
        viewer.write();
        socket.write_all(b"RFB 003.008\n\x02").unwrap();
        turn(&mut viewer);
        assert!(viewer.is_closed());
        drop(viewer);
        let mut said = Vec::new();
        socket.read_to_end(&mut said).unwrap();
        assert!(String::from_utf8_lossy(&said).ends_with("was not offered"));
    }

    #[test]
    fn a_viewer_that_goes_is_closed() {
        let (mut viewer, socket) = pair();
        viewer.write();
        drop(socket);
        turn(&mut viewer);
        assert!(viewer.is_closed());
    }
}
