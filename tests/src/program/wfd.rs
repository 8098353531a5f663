//! A controller or observer of ports and layers.

use std::io::Read;

use porthole_wayland::wfd::client::{
    wfd_commit_v1::WfdCommitV1,
    wfd_device_v1::{CommitFlags, CommitScope, Event as DeviceEvent, WfdDeviceV1},
    wfd_manager_v1::{Access, WfdManagerV1},
    wfd_mask_v1::WfdMaskV1,
    wfd_pipeline_v1::WfdPipelineV1,
    wfd_port_v1::WfdPortV1,
    wfd_source_v1::WfdSourceV1,
    wfd_trace_v1::WfdTraceV1,
};
use wayland_client::{Connection, Dispatch, Proxy, QueueHandle, protocol::wl_region::WlRegion};

use super::{Buffer, Log, Program};
use crate::failure::{Failure, OrFail, Result};

/// What an object's lines in the log begin with.
#[derive(Debug)]
pub struct Label(String);

/// A device with what it was told of.
#[derive(Debug)]
pub struct Wfd {
    /// The protocol's object.
    pub device: WfdDeviceV1,
}

impl Program {
    /// A device; the log says what it is told as `device EVENT`, `port ID EVENT`, `pipeline ID EVENT`,
    /// `source EVENT`, `mask EVENT` and `commit SERIAL EVENT`, with events as the library prints them.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn wfd(&mut self, access: Access) -> Result<Wfd> {
        let manager: WfdManagerV1 = self.bind()?;
        let device = manager.create_device(0, access, self.handle(), ());
        self.roundtrip()?;
        Ok(Wfd { device })
    }

    /// Sends all requests.
    ///
    /// # Errors
    /// When the service does not take them.
    pub fn send(&self) -> Result<()> {
        self.connection.flush().or_fail("send requests")
    }

    /// The numbers of the ports that devices were told of.
    #[must_use]
    pub fn wfd_ports(&self) -> Vec<u32> {
        self.log.numbers("device Port { port_id: ")
    }

    /// The numbers of the pipelines that devices were told of.
    #[must_use]
    pub fn wfd_pipelines(&self) -> Vec<u32> {
        self.log.numbers("device Pipeline { pipeline_id: ")
    }

    /// The number of the stream of an application.
    ///
    /// # Errors
    /// When no device was told of it.
    pub fn wfd_stream(&self, app_id: &str) -> Result<u32> {
        let start = "device Stream { stream_id: ";
        let text = format!("app_id: \"{app_id}\"");
        let lines = self.log.since(0).iter().rev();
        let line = lines.filter(|line| line.contains(&text)).find_map(|l| l.strip_prefix(start));
        let number = line.and_then(|line| line.split(',').next()?.parse().ok());
        number.ok_or_else(|| Failure::new(format!("no stream of {app_id}")))
    }

    /// A port object.
    pub fn wfd_port(&self, device: &Wfd, id: u32) -> WfdPortV1 {
        device.device.create_port(id, self.handle(), Label(format!("port {id}")))
    }

    /// A pipeline object.
    pub fn wfd_pipeline(&self, device: &Wfd, id: u32) -> WfdPipelineV1 {
        device.device.create_pipeline(id, self.handle(), Label(format!("pipeline {id}")))
    }

    /// A source of a stream.
    pub fn wfd_source(&self, pipeline: &WfdPipelineV1, stream: u32) -> WfdSourceV1 {
        pipeline.create_source_from_stream(stream, self.handle(), Label("source".into()))
    }

    /// A source of the windows of an application.
    pub fn wfd_program(&self, pipeline: &WfdPipelineV1, socket: &str, app_id: &str) -> WfdSourceV1 {
        let label = Label("source".into());
        pipeline.create_source_from_program(socket.into(), app_id.into(), self.handle(), label)
    }

    /// A source of a picture.
    pub fn wfd_image(&self, pipeline: &WfdPipelineV1, buffer: &Buffer) -> WfdSourceV1 {
        let label = Label("source".into());
        pipeline.create_source_from_buffer(&buffer.object, self.handle(), label)
    }

    /// A mask.
    pub fn wfd_mask(&self, pipeline: &WfdPipelineV1, buffer: &Buffer) -> WfdMaskV1 {
        let label = Label("mask".into());
        pipeline.create_mask_from_buffer(&buffer.object, self.handle(), label)
    }

    /// A trace of a port's frames; the log says `trace EVENT`.
    pub fn wfd_trace(&self, port: &WfdPortV1) -> WfdTraceV1 {
        port.trace(self.handle(), Label("trace".into()))
    }

    /// A region of these rectangles: x, y, width, height.
    pub fn region(&self, rects: &[[i32; 4]]) -> WlRegion {
        let region = self.compositor.create_region(self.handle(), ());
        for [x, y, width, height] in rects {
            region.add(*x, *y, *width, *height);
        }
        region
    }

    /// Commits; gives what became of it: `presented`, `tested`, or status, object and text.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn wfd_commit(
        &mut self,
        device: &Wfd,
        (scope, object): (CommitScope, u32),
        flags: CommitFlags,
    ) -> Result<String> {
        let serial = self.wfd_start_commit(device, (scope, object), flags);
        self.wfd_outcome(serial)
    }

    /// Commits without waiting; gives the commit's serial.
    pub fn wfd_start_commit(
        &mut self,
        device: &Wfd,
        (scope, object): (CommitScope, u32),
        flags: CommitFlags,
    ) -> u32 {
        self.log.commits += 1;
        let serial = self.log.commits;
        let label = Label(format!("commit {serial}"));
        device.device.commit(scope, object, flags, serial, self.handle(), label);
        serial
    }

    /// Waits for what becomes of a commit.
    ///
    /// # Errors
    /// When the service does not answer.
    pub fn wfd_outcome(&mut self, serial: u32) -> Result<String> {
        let start = format!("commit {serial} ");
        let is_end = |line: &str| line.starts_with(&start) && !line.ends_with(" Applied");
        self.wait_for("the end of a commit", 0, is_end)?;
        let line = self.log.since(0).iter().find(|line| is_end(line)).cloned().unwrap_or_default();
        let event = line.get(start.len()..).unwrap_or_default();
        Ok(if event.starts_with("Presented") {
            "presented".to_owned()
        } else if event.starts_with("Tested") {
            "tested".to_owned()
        } else {
            event.to_owned()
        })
    }
}

impl Log {
    /// What the service dumped last.
    #[must_use]
    pub fn dump(&self) -> Option<&str> {
        self.dump.as_deref()
    }

    /// The numbers behind this start of lines.
    fn numbers(&self, start: &str) -> Vec<u32> {
        let lines = self.since(0).iter().filter_map(|line| line.strip_prefix(start));
        let digits = lines.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        digits.filter_map(|digits: String| digits.parse().ok()).collect()
    }
}

impl Dispatch<WfdDeviceV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WfdDeviceV1,
        event: DeviceEvent,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let DeviceEvent::Dump { fd, .. } = event {
            let mut text = String::new();
            let read = std::fs::File::from(fd).read_to_string(&mut text);
            log.say(format!("device Dump {}", read.is_ok()));
            log.dump = Some(text);
            return;
        }
        log.say(format!("device {event:?}"));
    }
}

impl Dispatch<WfdManagerV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &WfdManagerV1,
        event: <WfdManagerV1 as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        log.say(format!("manager {event:?}"));
    }
}

macro_rules! say {
    ($($object:ty),*) => {
        $(impl Dispatch<$object, Label> for Log {
            fn event(
                log: &mut Self,
                _: &$object,
                event: <$object as Proxy>::Event,
                label: &Label,
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
                log.say(format!("{} {event:?}", label.0));
            }
        })*
    };
}

say!(WfdPortV1, WfdPipelineV1, WfdSourceV1, WfdMaskV1, WfdCommitV1, WfdTraceV1);
