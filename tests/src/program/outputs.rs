//! Sizes of ports, as `wlr-randr` and a viewer in a window set them.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop, event_created_child,
};
use wayland_protocols_wlr::output_management::v1::client::{
    zwlr_output_configuration_head_v1::ZwlrOutputConfigurationHeadV1 as Wish,
    zwlr_output_configuration_v1::{self as configuration, ZwlrOutputConfigurationV1},
    zwlr_output_head_v1::{self as head, ZwlrOutputHeadV1},
    zwlr_output_manager_v1::{self as manager, ZwlrOutputManagerV1},
    zwlr_output_mode_v1::{self as mode, ZwlrOutputModeV1},
};

use super::{Log, Program};
use crate::failure::Result;

/// What the service said of outputs that can be managed.
#[derive(Debug, Default)]
pub(super) struct Heads {
    all: Vec<ZwlrOutputHeadV1>,
    /// Names the state that was told last.
    serial: u32,
}

impl Program {
    /// Binds the global and waits until all outputs were told.
    ///
    /// # Errors
    /// When the socket does not show the global.
    pub fn manage_outputs(&mut self) -> Result<ZwlrOutputManagerV1> {
        let manager = self.bind()?;
        let mark = self.log.len();
        self.wait_for("the outputs", mark, |line| line == "outputs told")?;
        Ok(manager)
    }

    /// Asks for a size of the first output and gives the service's answer; with `apply` it is set.
    /// `more` may ask for anything else.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask_size(
        &mut self,
        manager: &ZwlrOutputManagerV1,
        (width, height): (i32, i32),
        apply: bool,
        more: impl FnOnce(&Wish),
    ) -> Result<String> {
        let asked = manager.create_configuration(self.log.heads.serial, self.handle(), ());
        let mut more = Some(more);
        for head in &self.log.heads.all {
            let wish = asked.enable_head(head, self.handle(), ());
            // Only the first one's turn finds something to ask.
            if let Some(more) = more.take() {
                wish.set_custom_mode(width, height, 0);
                more(&wish);
            }
        }
        if apply {
            asked.apply();
        } else {
            asked.test();
        }
        let mark = self.log.len();
        self.wait_for("an answer", mark, |line| line.starts_with("configuration "))?;
        let answer = self.log.since(mark).iter().find(|l| l.starts_with("configuration "));
        Ok(answer.cloned().unwrap_or_default())
    }
}

impl Dispatch<ZwlrOutputManagerV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ZwlrOutputManagerV1,
        event: manager::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            manager::Event::Head { head } => log.heads.all.push(head),
            manager::Event::Done { serial } => {
                log.heads.serial = serial;
                log.say("outputs told");
            }
            _ => {}
        }
    }

    event_created_child!(Log, ZwlrOutputManagerV1, [
        manager::EVT_HEAD_OPCODE => (ZwlrOutputHeadV1, ()),
    ]);
}

impl Dispatch<ZwlrOutputHeadV1, ()> for Log {
    fn event(
        log: &mut Self,
        object: &ZwlrOutputHeadV1,
        event: head::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            head::Event::Name { name } => log.say(format!("head {name}")),
            head::Event::Scale { scale } => log.say(format!("head scale {scale}")),
            head::Event::Finished => {
                log.heads.all.retain(|head| head.id() != object.id());
                log.say("head finished");
            }
            _ => {}
        }
    }

    event_created_child!(Log, ZwlrOutputHeadV1, [
        head::EVT_MODE_OPCODE => (ZwlrOutputModeV1, ()),
    ]);
}

impl Dispatch<ZwlrOutputModeV1, ()> for Log {
    fn event(
        log: &mut Self,
        _: &ZwlrOutputModeV1,
        event: mode::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let mode::Event::Size { width, height } = event {
            log.say(format!("head mode {width}x{height}"));
        }
    }
}

impl Dispatch<ZwlrOutputConfigurationV1, ()> for Log {
    fn event(
        log: &mut Self,
        object: &ZwlrOutputConfigurationV1,
        event: configuration::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            configuration::Event::Succeeded => log.say("configuration succeeded"),
            configuration::Event::Failed => log.say("configuration failed"),
            configuration::Event::Cancelled => log.say("configuration cancelled"),
            _ => {}
        }
        object.destroy();
    }
}

delegate_noop!(Log: Wish);
