//! A client's messages in their order: versions first, then requests, each with its ticket.

use thiserror::Error;

use crate::header::{Command, Header};
use crate::reply::Reply;
use crate::request::{Refusal, Request};
use crate::version::{Version, VersionError};
use crate::{DecodeError, Message};

const EINVAL: u32 = 22;

/// Why a connection ends.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SessionError {
    /// The stream makes no sense.
    #[error(transparent)]
    Stream(#[from] DecodeError),
    /// The first message was another one.
    #[error("the client sends command {0} before it says its version")]
    NoVersion(u16),
    /// The client's version cannot be talked to.
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// The right to answer a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "the client waits for the reply"]
pub struct Ticket {
    id: u16,
    command: u16,
    silent: bool,
}

impl Ticket {
    /// The reply's bytes; none where the client wants no reply.
    #[must_use]
    pub fn answer(self, reply: &Reply) -> Option<Vec<u8>> {
        (!self.silent).then(|| reply.to_bytes(self.id, self.command))
    }
}

/// A request with what came along.
#[derive(Debug)]
pub struct Incoming<F> {
    /// To answer it.
    pub ticket: Ticket,
    /// What is asked for.
    pub request: Request,
    /// Its descriptors.
    pub fds: Vec<F>,
}

/// What a message led to.
#[derive(Debug)]
pub enum Step<F> {
    /// Something is to be done.
    Request(Incoming<F>),
    /// Only this is to be sent, if anything; the client had no right to more, and why.
    Reply(Option<Vec<u8>>, Option<Refusal>),
}

/// A connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Session {
    client: Option<Version>,
}

impl Session {
    /// The client, once it has said its version.
    #[must_use]
    pub const fn client(&self) -> Option<Version> {
        self.client
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// When the connection cannot go on. Where the client's version is why, the last reply is
    /// [`Session::farewell`].
    pub fn take<F>(&mut self, message: Message<F>) -> Result<Step<F>, SessionError> {
        let Message { header, body, fds } = message;
        let Header { id, command, no_reply: silent, .. } = header;
        let ticket = Ticket { id, command, silent };
        if header.reply {
            // Nothing was asked of the client, so there is nothing that it could answer.
            return Ok(Step::Reply(None, None));
        }
        if self.client.is_none() {
            if Command::from_number(command) != Some(Command::Version) {
                return Err(SessionError::NoVersion(command));
            }
            let client = Version::parse(&body)?;
            self.client = Some(client);
            return Ok(Step::Reply(ticket.answer(&Reply::Version(client.answer())), None));
        }
        match Request::parse(command, &body, fds.len()) {
            Ok(request) => Ok(Step::Request(Incoming { ticket, request, fds })),
            Err(refusal) => {
                let reply = ticket.answer(&Reply::Error(refusal.errno()));
                Ok(Step::Reply(reply, Some(refusal)))
            }
        }
    }

    /// The reply to a first message that ended the connection.
    #[must_use]
    pub fn farewell(header: Header) -> Vec<u8> {
        Reply::Error(EINVAL).to_bytes(header.id, header.command)
    }
}
