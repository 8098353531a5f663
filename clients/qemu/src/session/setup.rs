//! From the first question to pictures: which VM, which consoles, and a listener for each. Every answer
//! leads to the next question.

use porthole_client::present::Lamps;
use porthole_dbus::{Kind as MessageKind, Malformed, Message, Value};

use super::{Devices, MAX_CONSOLES, MAX_LISTED, MAX_VMS, Pending, Phase, Session, name_of, target};
use crate::calls::{
    About, CONSOLE, Calls, KEYBOARD, MOUSE, NAME, PROPERTIES, Vm, cut, read_properties,
};
use crate::clipboard::Asked;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Failure;
use crate::source::Kind;

/// The bus itself.
const BUS: &str = "org.freedesktop.DBus";
/// Arguments of a message to a listener beside the pixels, with room to spare.
const BESIDE_PIXELS: usize = 4096;

impl Session {
    /// Takes a message of the main connection. Something when this cannot go on.
    pub(super) fn heard(&mut self, message: &Message<'_>) -> Result<Option<Failure>, Malformed> {
        match message.kind {
            MessageKind::Call => {
                if self.is_from(message, false) {
                    let Self { clipboard, control, owner, pending, .. } = self;
                    let heard = clipboard.heard(message, &mut control.output, owner.as_deref());
                    if let Some(asks) = heard {
                        let text = |call| (call, Pending::Clipboard(Asked::Text));
                        pending.extend(asks.map(text));
                        return Ok(None);
                    }
                }
                let error = "org.freedesktop.DBus.Error.UnknownMethod";
                self.control.output.refuse(message, error, "nobody is called here");
            }
            MessageKind::Signal => self.signal(message)?,
            MessageKind::Reply | MessageKind::Error => return self.answer(message),
        }
        Ok(None)
    }

    /// Whether a message comes from the VM, or from the bus where `bus` says so. On a bus anybody may send
    /// anything; without one there is nobody else.
    fn is_from(&self, message: &Message<'_>, bus: bool) -> bool {
        let from = message.sender;
        self.kind != Kind::Bus || (bus && from == BUS) || self.owner.as_deref() == Some(from)
    }

    fn signal(&mut self, message: &Message<'_>) -> Result<(), Malformed> {
        if self.phase == Phase::Waiting
            && message.sender == BUS
            && message.member == "NameOwnerChanged"
        {
            self.ask_owners();
        }
        let changed = message.interface == PROPERTIES && message.member == "PropertiesChanged";
        if !changed || !self.is_from(message, false) {
            return Ok(());
        }
        let Some(index) = self.consoles.iter().position(|c| message.path == console_path(c.id))
        else {
            return Ok(());
        };
        let mut from = message.arguments("sa{sv}as")?;
        let interface = from.text()?;
        match interface {
            MOUSE | KEYBOARD => from.properties(|name, value| self.property(index, name, &value)),
            CONSOLE => {
                let mut size = (None, None);
                from.properties(|name, value| match (name, value) {
                    ("Width", Value::U32(width)) => size.0 = Some(width),
                    ("Height", Value::U32(height)) => size.1 = Some(height),
                    _ => {}
                })?;
                if size != (None, None) {
                    self.sized(index, size);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A mouse or keyboard is such.
    fn property(&mut self, index: usize, name: &str, value: &Value<'_>) {
        let Some(devices) = self.devices.get_mut(index) else { return };
        match (name, value) {
            ("IsAbsolute", Value::Bool(absolute)) => {
                devices.absolute = *absolute;
            }
            ("Modifiers", Value::U32(bits)) => {
                let bit = |bit: u32| bits & (1 << bit) != 0;
                devices.lamps = Some(Lamps { scroll: bit(0), num: bit(1), caps: bit(2) });
            }
            _ => {}
        }
    }

    pub(super) fn ask_vm(&mut self) {
        self.phase = Phase::Asking;
        let call = self.calls().vm();
        self.pending.insert(call, Pending::Vm);
    }

    fn ask_owners(&mut self) {
        self.phase = Phase::Asking;
        let call = self.bus().owners();
        self.pending.insert(call, Pending::Owners);
    }

    fn answer(&mut self, message: &Message<'_>) -> Result<Option<Failure>, Malformed> {
        let bus = message.kind == MessageKind::Error || message.sender == BUS;
        if !self.is_from(message, bus) {
            return Ok(None);
        }
        if self.inputs.answered(message.reply_to) {
            if message.kind == MessageKind::Error {
                tracing::debug!("QEMU refuses what was done: {}", cut(message.words()));
            }
            return Ok(None);
        }
        let Some(pending) = self.pending.remove(&message.reply_to) else { return Ok(None) };
        if let Pending::Clipboard(asked) = pending {
            self.clipboard_answered(asked, message);
            return Ok(None);
        }
        if message.kind == MessageKind::Error {
            return Ok(self.failed(pending, said(message)));
        }
        match pending {
            Pending::Hello => {
                let rule =
                    format!("type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{NAME}'");
                let call = self.bus().hear(&rule);
                self.pending.insert(call, Pending::Rule);
                self.ask_owners();
            }
            Pending::Owners => {
                let names = message.arguments("as")?.texts()?;
                self.candidates = names.into_iter().take(MAX_VMS).map(str::to_owned).collect();
                return Ok(self.next_candidate(false));
            }
            Pending::Vm => return self.vm(&Vm::read(message)?),
            Pending::About(id) => {
                self.abouts.insert(id, Some(About::read(message)?));
                return Ok(self.all_about());
            }
            Pending::Mouse(index) | Pending::Keyboard(index) => {
                read_properties(message, |name, value| self.property(index, name, &value))?;
            }
            Pending::Listen(_) => self.listened(),
            Pending::Size(index) => {
                let size = About::read(message)?.size;
                if let Some(console) = self.consoles.get_mut(index) {
                    console.asked = false;
                }
                self.sized(index, (Some(size.width), Some(size.height)));
            }
            Pending::Rule | Pending::Resize(_) | Pending::Clipboard(_) => {}
        }
        Ok(None)
    }

    /// A call about the clipboard was answered, or refused.
    fn clipboard_answered(&mut self, asked: Asked, message: &Message<'_>) {
        let refused = message.kind == MessageKind::Error;
        if refused {
            tracing::debug!("QEMU refuses about its clipboard: {}", said(message));
        }
        let (call, asked) = match asked {
            Asked::Register { again: false } if refused => {
                // QEMU keeps who came before us over a connection that has no names, though it has gone.
                (Some(self.calls().clipboard_unregister()), Asked::Unregister)
            }
            Asked::Register { again: true } if refused => {
                let said = said(message);
                tracing::warn!(socket = self.guest, "QEMU does not share its clipboard: {said}");
                return;
            }
            Asked::Unregister => {
                (Some(self.calls().clipboard_register()), Asked::Register { again: true })
            }
            Asked::Register { .. } => {
                let Self { clipboard, control, owner, .. } = self;
                let output = &mut control.output;
                let mut calls = Calls { output, destination: owner.as_deref() };
                (clipboard.registered(&mut calls), Asked::Nothing)
            }
            Asked::Text if self.clipboard.answered(message, &self.guest) => {
                (Some(self.calls().clipboard_request()), Asked::Text)
            }
            Asked::Text | Asked::Nothing => return,
        };
        self.pending.extend(call.map(|call| (call, Pending::Clipboard(asked))));
    }

    /// A call failed.
    fn failed(&mut self, pending: Pending, said: String) -> Option<Failure> {
        match pending {
            // Nobody has the name.
            Pending::Owners => self.next_candidate(false),
            Pending::Hello | Pending::Rule => Some(Failure::Lacks { what: "a bus", said }),
            Pending::Vm => Some(Failure::Lacks { what: "org.qemu.Display1.VM", said }),
            Pending::About(_) => Some(Failure::Lacks { what: "org.qemu.Display1.Console", said }),
            Pending::Listen(index) => {
                let id = self.consoles.get(index).map_or(0, |console| console.id);
                Some(Failure::Busy { id, said })
            }
            Pending::Mouse(_) | Pending::Keyboard(_) => {
                tracing::warn!(socket = self.guest, "a console without keyboard or mouse: {said}");
                None
            }
            Pending::Size(index) => {
                self.sized(index, (None, None));
                None
            }
            Pending::Clipboard(_) => None,
            Pending::Resize(_) => {
                tracing::debug!("the guest's size cannot be changed: {said}");
                None
            }
        }
    }

    /// The next VM of the bus; `others` says that there were some that were not meant.
    fn next_candidate(&mut self, others: bool) -> Option<Failure> {
        self.owner = self.candidates.pop_front();
        if self.owner.is_some() {
            self.ask_vm();
            return None;
        }
        if self.wait {
            if self.phase != Phase::Waiting {
                tracing::info!("waiting for the VM on the bus");
            }
            self.phase = Phase::Waiting;
            return None;
        }
        Some(match self.uuid.clone().filter(|_| others) {
            Some(uuid) => Failure::OtherVm(uuid),
            None => Failure::EmptyBus(self.place.clone()),
        })
    }

    fn vm(&mut self, vm: &Vm) -> Result<Option<Failure>, Malformed> {
        if self.uuid.as_ref().is_some_and(|uuid| *uuid != vm.uuid) && self.kind == Kind::Bus {
            return Ok(self.next_candidate(true));
        }
        if !self.named
            && let Some(name) = name_of(vm)
        {
            self.guest = name;
        }
        tracing::info!(socket = self.guest, "VM {:?} ({})", vm.name, vm.uuid);
        if let Some(owner) = self.owner.clone() {
            let rule = format!("type='signal',sender='{owner}',interface='{PROPERTIES}'");
            let call = self.bus().hear(&rule);
            self.pending.insert(call, Pending::Rule);
        }
        for id in vm.consoles.iter().take(MAX_LISTED) {
            self.abouts.insert(*id, None);
        }
        let ids: Vec<u32> = self.abouts.keys().copied().collect();
        for id in ids {
            let call = self.calls().console(id);
            self.pending.insert(call, Pending::About(id));
        }
        Ok(if self.abouts.is_empty() { Some(Failure::NoConsole) } else { None })
    }

    /// When every console has said what it is, those that are to be shown are listened to.
    fn all_about(&mut self) -> Option<Failure> {
        if self.phase != Phase::Asking || self.abouts.values().any(Option::is_none) {
            return None;
        }
        let wanted = |about: &About| !about.text || self.text_consoles;
        let abouts = std::mem::take(&mut self.abouts).into_iter();
        let abouts = abouts.filter_map(|(id, about)| Some((id, about?)));
        let wanted: Vec<_> = abouts.filter(|(_, about)| wanted(about)).collect();
        if wanted.is_empty() {
            return Some(Failure::NoConsole);
        }
        if wanted.len() > MAX_CONSOLES {
            tracing::warn!(
                socket = self.guest,
                "{} consoles; {MAX_CONSOLES} are shown",
                wanted.len()
            );
        }
        for (index, (id, about)) in wanted.into_iter().take(MAX_CONSOLES).enumerate() {
            tracing::info!(
                socket = self.guest,
                "console {id} ({}, head {}) is scanout {index}",
                about.label,
                about.head
            );
            self.consoles.push(Console::new(id, index, about));
            self.devices.push(Devices::default());
            let mouse = self.calls().mouse(id);
            self.pending.insert(mouse, Pending::Mouse(index));
            let keyboard = self.calls().keyboard(id);
            self.pending.insert(keyboard, Pending::Keyboard(index));
        }
        self.phase = Phase::Known;
        None
    }

    /// Has QEMU show what there is. The other ends of the listeners' sockets go to QEMU.
    pub(crate) fn listen(&mut self) {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX).saturating_add(BESIDE_PIXELS);
        for index in 0..self.consoles.len() {
            let Some((ours, theirs)) = self.sockets.pop() else { return };
            let Some(console) = self.consoles.get_mut(index) else { return };
            console.listener = Some(Connection::new(ours, most));
            let id = console.id;
            let call = self.calls().listen(id, theirs);
            self.pending.insert(call, Pending::Listen(index));
        }
        // Before anybody can press anything.
        let Self { consoles, devices, inputs, control, owner, .. } = self;
        let mut calls = Calls { output: &mut control.output, destination: owner.as_deref() };
        for target in (0..).map_while(|index| target(consoles, devices, index)) {
            inputs.begin(target, &mut calls);
        }
    }

    /// One console is listened to.
    fn listened(&mut self) {
        let waits = |pending: &Pending| matches!(pending, Pending::Listen(_));
        if self.phase == Phase::Known && !self.pending.values().any(waits) {
            self.phase = Phase::Listening;
            if self.clipboard.is_wanted() {
                let call = self.calls().clipboard_register();
                let asked = Asked::Register { again: false };
                self.pending.insert(call, Pending::Clipboard(asked));
            }
        }
    }
}

fn console_path(id: u32) -> String {
    format!("/org/qemu/Display1/Console_{id}")
}

/// What an error says.
fn said(message: &Message<'_>) -> String {
    let words = cut(message.words());
    if words.is_empty() { cut(message.error) } else { words }
}
