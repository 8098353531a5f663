//! A viewer on our own strict decoder, which knows what the other one does not.

use std::io::{Read, Write};
use std::net::TcpStream;

use porthole_rfb::Encoding;
use porthole_rfb::client::{Client, Event};
use porthole_tests::failure::OrFail;
use porthole_tests::wait::SHORT;
use porthole_tests::{Failure, Result};

/// A connected viewer.
pub(crate) struct Viewer {
    stream: TcpStream,
    pub(crate) client: Client,
}

impl Viewer {
    /// Connects, and asks for a first update.
    pub(crate) fn connect(address: &str, encodings: &[Encoding]) -> Result<Self> {
        let stream = TcpStream::connect(address).or_fail("connect to the server")?;
        stream.set_read_timeout(Some(SHORT))?;
        let mut viewer = Self { stream, client: Client::new(None, true) };
        viewer.wait(|event| matches!(event, Event::Ready { .. }).then_some(()))?;
        viewer.client.set_encodings(encodings);
        viewer.client.request_update(false);
        viewer.send()?;
        Ok(viewer)
    }

    /// Sends what the viewer was told to say.
    pub(crate) fn send(&mut self) -> Result<()> {
        let out = self.client.take_output();
        self.stream.write_all(&out).or_fail("talk to the server")
    }

    /// Waits for an event; updates are asked for all the time.
    pub(crate) fn wait<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        let mut bytes = vec![0; 65536];
        loop {
            while let Some(event) = self.client.next_event().or_fail("read an update")? {
                if event == Event::UpdateDone {
                    self.client.request_update(true);
                }
                if let Some(found) = wanted(&event) {
                    return Ok(found);
                }
            }
            self.send()?;
            let count = self.stream.read(&mut bytes).or_fail("hear from the server")?;
            if count == 0 {
                return Err(Failure::new("the server has closed the connection"));
            }
            self.client.feed(bytes.get(..count).unwrap_or_default());
        }
    }

    /// Waits until exactly this event comes.
    pub(crate) fn wait_for(&mut self, wanted: &Event) -> Result<()> {
        self.wait(|event| (event == wanted).then_some(()))
    }
}
