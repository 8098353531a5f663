//! What the clients of a socket may ask for. Rights belong to sockets, never to programs.

use std::collections::BTreeSet;
use std::fmt;

use crate::name::{Name, NameError};

/// One thing that a socket's clients may do beyond showing surfaces of their own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Right {
    /// Read the composed picture of this port.
    Capture(Name),
    /// Send keys and pointer motion to this port.
    Input(Name),
    /// Read and set what is copied on this port, without having its keyboard.
    Clipboard(Name),
    /// Give this port another size, where its configuration lets viewers do so.
    Resize(Name),
    /// Say what this port shows, where and how.
    Layout(Name),
    /// Turn this port on and off.
    Power(Name),
    /// Watch signatures of this port's picture.
    Safety(Name),
    /// Read the accounts of all guests and sockets.
    Watch,
}

/// Why a text is not a [`Right`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RightError {
    /// There is no `:` between what is allowed and where.
    #[error("it does not say for which port")]
    Shape,
    /// The word before the `:` is no right.
    #[error("there is no right '{0}'")]
    Unknown(String),
    /// There is a `:` after a right that is for no port.
    #[error("it is for the whole service, not for a port")]
    NoPort,
    /// The word after the `:` is no name.
    #[error("'{0}' is not a port's name: {1}")]
    Port(String, NameError),
}

impl Right {
    /// The words that a right begins with.
    pub const VERBS: [&str; 8] =
        ["capture", "input", "clipboard", "resize", "layout", "power", "safety", "watch"];

    /// Reads one of the [`Self::VERBS`] with a port: `capture:PORT`; `watch` has none.
    ///
    /// # Errors
    /// Says which half is wrong. Whether the port exists is the configuration's check.
    pub fn parse(text: &str) -> Result<Self, RightError> {
        let (verb, port) = text.split_once(':').unwrap_or((text, ""));
        let make = match verb {
            "capture" => Self::Capture,
            "input" => Self::Input,
            "clipboard" => Self::Clipboard,
            "resize" => Self::Resize,
            "layout" => Self::Layout,
            "power" => Self::Power,
            "safety" => Self::Safety,
            "watch" if verb.len() == text.len() => return Ok(Self::Watch),
            "watch" => return Err(RightError::NoPort),
            _ => return Err(RightError::Unknown(verb.to_owned())),
        };
        if verb.len() == text.len() {
            return Err(RightError::Shape);
        }
        Name::new(port).map(make).map_err(|error| RightError::Port(port.to_owned(), error))
    }

    /// Whether the state of the port may be read with it; `Watch` sees that there is a device, and no port.
    const fn observes(&self) -> bool {
        matches!(
            self,
            Self::Capture(_) | Self::Layout(_) | Self::Power(_) | Self::Safety(_) | Self::Watch
        )
    }

    /// The port that the right is for; `None` for one that is for the whole service.
    #[must_use]
    pub const fn port(&self) -> Option<&Name> {
        match self {
            Self::Watch => None,
            Self::Capture(port)
            | Self::Input(port)
            | Self::Clipboard(port)
            | Self::Resize(port)
            | Self::Layout(port)
            | Self::Power(port)
            | Self::Safety(port) => Some(port),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(port) => write!(f, "capture:{port}"),
            Self::Input(port) => write!(f, "input:{port}"),
            Self::Clipboard(port) => write!(f, "clipboard:{port}"),
            Self::Resize(port) => write!(f, "resize:{port}"),
            Self::Layout(port) => write!(f, "layout:{port}"),
            Self::Power(port) => write!(f, "power:{port}"),
            Self::Safety(port) => write!(f, "safety:{port}"),
            Self::Watch => f.write_str("watch"),
        }
    }
}

/// All rights of one socket. The default is none, which is what a guest's own socket has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SocketRights(BTreeSet<Right>);

impl SocketRights {
    /// Whether `right` was given.
    #[must_use]
    pub fn allows(&self, right: &Right) -> bool {
        self.0.contains(right)
    }

    /// Whether the picture of `port` may be read.
    #[must_use]
    pub fn may_capture(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Capture(p) if p == port))
    }

    /// Whether input may be sent to `port`.
    #[must_use]
    pub fn may_input(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Input(p) if p == port))
    }

    /// Whether the clipboard of `port` may be read and set from outside.
    #[must_use]
    pub fn may_clipboard(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Clipboard(p) if p == port))
    }

    /// Whether `port` may be given another size.
    #[must_use]
    pub fn may_resize(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Resize(p) if p == port))
    }

    /// Whether what `port` shows may be changed.
    #[must_use]
    pub fn may_layout(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Layout(p) if p == port))
    }

    /// Whether any port's layout may be changed; whoever may do so may show every stream.
    #[must_use]
    pub fn may_layout_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Layout(_)))
    }

    /// Whether `port` may be turned on and off.
    #[must_use]
    pub fn may_power(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Power(p) if p == port))
    }

    /// Whether signatures of the picture of `port` may be watched.
    #[must_use]
    pub fn may_watch(&self, port: &str) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Safety(p) if p == port))
    }

    /// Whether any port may be watched; decides whether the safety global is shown at all.
    #[must_use]
    pub fn may_watch_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Safety(_)))
    }

    /// Whether the accounts of all guests and sockets may be read.
    #[must_use]
    pub fn may_account(&self) -> bool {
        self.allows(&Right::Watch)
    }

    /// Whether `port` may be controlled: its layout, or its power.
    #[must_use]
    pub fn may_control(&self, port: &str) -> bool {
        self.may_layout(port) || self.may_power(port)
    }

    /// Whether any port may be controlled.
    #[must_use]
    pub fn may_control_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Layout(_) | Right::Power(_)))
    }

    /// Whether the state of `port` may be read: who sees its picture learns no more by it.
    #[must_use]
    pub fn may_observe(&self, port: &str) -> bool {
        self.0.iter().any(|right| right.observes() && right.port().is_some_and(|p| p == port))
    }

    /// Whether any port's state may be read; decides whether the control global is shown at all.
    #[must_use]
    pub fn may_observe_any(&self) -> bool {
        self.0.iter().any(Right::observes)
    }

    /// Whether any port may be given another size; decides whether output management is shown at all.
    #[must_use]
    pub fn may_resize_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Resize(_)))
    }

    /// Whether any port may be captured; decides whether the capture globals are shown at all.
    #[must_use]
    pub fn may_capture_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Capture(_)))
    }

    /// Whether any port takes input; decides whether the virtual device globals are shown at all.
    #[must_use]
    pub fn may_input_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Input(_)))
    }

    /// Whether any port's clipboard is open; decides whether the data control globals are shown at all.
    #[must_use]
    pub fn may_clipboard_any(&self) -> bool {
        self.0.iter().any(|right| matches!(right, Right::Clipboard(_)))
    }

    /// The rights in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Right> {
        self.0.iter()
    }
}

impl FromIterator<Right> for SocketRights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for verb in Right::VERBS.into_iter().filter(|verb| *verb != "watch") {
            let text = format!("{verb}:left-2");
            assert_eq!(Right::parse(&text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn accounts_are_for_no_port() {
        assert_eq!(Right::parse("watch"), Ok(Right::Watch));
        assert_eq!(Right::Watch.to_string(), "watch");
        assert_eq!(Right::parse("watch:main"), Err(RightError::NoPort));
        let rights: SocketRights = [Right::Watch].into_iter().collect();
        assert!(rights.may_account() && !rights.may_observe("main") && rights.may_observe_any());
    }

    #[test]
    fn refuses_what_is_no_right() {
        assert_eq!(Right::parse("capture"), Err(RightError::Shape));
        assert_eq!(Right::parse("look:main"), Err(RightError::Unknown("look".into())));
        assert_eq!(Right::parse("look"), Err(RightError::Unknown("look".into())));
        assert_eq!(Right::parse("input:"), Err(RightError::Port(String::new(), NameError::Length)));
        assert!(matches!(Right::parse("input:a:b"), Err(RightError::Port(_, NameError::Alphabet))));
    }

    #[test]
    fn a_right_is_for_its_port_only() {
        let rights: SocketRights = [Right::parse("capture:main").unwrap()].into_iter().collect();
        assert!(rights.may_capture("main") && rights.may_capture_any());
        assert!(!rights.may_capture("side"));
        assert!(!rights.may_input("main") && !rights.may_input_any());
        assert!(rights.allows(&Right::Capture(Name::new("main").unwrap())));
        assert!(!SocketRights::default().may_capture_any());
        let rights: SocketRights = [Right::parse("clipboard:main").unwrap()].into_iter().collect();
        assert!(rights.may_clipboard("main") && rights.may_clipboard_any());
        assert!(!rights.may_clipboard("side") && !rights.may_capture_any());
    }

    #[test]
    fn layout_and_power_and_safety_are_apart() {
        let of =
            |text: &str| -> SocketRights { [Right::parse(text).unwrap()].into_iter().collect() };
        let (layout, power, safety) = (of("layout:main"), of("power:main"), of("safety:main"));
        assert!(
            layout.may_layout("main") && !layout.may_power("main") && !layout.may_watch("main")
        );
        assert!(power.may_power("main") && !power.may_layout("main") && !power.may_watch("main"));
        assert!(safety.may_watch("main") && !safety.may_control("main"));
        assert!(!safety.may_control_any() && !power.may_layout_any());
        for rights in [&layout, &power, &safety, &of("capture:main")] {
            assert!(rights.may_observe("main") && !rights.may_observe("side"));
            assert!(rights.may_observe_any());
        }
        for rights in [&of("input:main"), &of("resize:main"), &of("clipboard:main")] {
            assert!(!rights.may_observe("main") && !rights.may_observe_any());
        }
    }
}
