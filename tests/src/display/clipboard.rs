//! The clipboard of the stand-in for QEMU: what it says of the guest's, and what it answers.

use porthole_dbus::{Call, Kind, Refusal, Writer};

use super::Display;
use crate::failure::Result;

/// The object, in QEMU and in the bridge.
const PATH: &str = "/org/qemu/Display1/Clipboard";
const CLIPBOARD: &str = "org.qemu.Display1.Clipboard";

impl Display {
    /// Calls a method of the bridge's clipboard and does not wait; the call's number.
    ///
    /// # Errors
    /// When the bridge does not take it.
    pub fn clipboard_send(&mut self, member: &str, body: &Writer) -> Result<u32> {
        let serial = self.control.next_serial();
        let (path, interface) = (PATH, CLIPBOARD);
        let call = Call { destination: None, path, interface, member, descriptors: 0 };
        self.control.write(&call.bytes(serial, body))?;
        Ok(serial)
    }

    /// The same, and waits: the text of the answer, or `Err` with what it says against the call. What the
    /// bridge asks meanwhile is kept.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn clipboard(
        &mut self,
        member: &str,
        body: &Writer,
    ) -> Result<std::result::Result<String, String>> {
        let wanted = self.clipboard_send(member, body)?;
        loop {
            let came = self.control.read()?;
            match came.kind {
                Kind::Call => self.questions.push_back(came),
                Kind::Error if came.reply_to == wanted => return Ok(Err(came.what)),
                Kind::Reply if came.reply_to == wanted => return Ok(Ok(came.text)),
                _ => {}
            }
        }
    }

    /// Answers a question of the bridge's, or what it has never asked.
    ///
    /// # Errors
    /// When the bridge does not take it.
    pub fn reply(&mut self, question: u32, body: &Writer) -> Result<()> {
        self.control.reply(question, body)
    }

    /// Says no to a question.
    ///
    /// # Errors
    /// When the bridge does not take it.
    pub fn deny(&mut self, question: u32, words: &str) -> Result<()> {
        let error = "org.qemu.Display1.Error.Failed";
        let refusal = Refusal { destination: None, to: question, error, words };
        let serial = self.control.next_serial();
        self.control.write(&refusal.bytes(serial))
    }

    /// Sends bytes on the main connection, whatever they are.
    ///
    /// # Errors
    /// When the bridge does not take them.
    pub fn raw_control(&mut self, bytes: &[u8]) -> Result<()> {
        self.control.write(bytes)
    }
}
