//! What differs between two configurations, for a reload.

use std::fmt;

use crate::config::{Config, Guest, Layer, Port, Program, Socket};
use crate::name::Name;

/// What differs between two configurations, by kind and name.
///
/// Nothing needs a restart of the service; `docs/config.md` says what each change means for those
/// who are connected. Prints as one line for the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// The splash picture is another one.
    pub splash: bool,
    /// What people may do anywhere is something else.
    pub input: bool,
    /// The machine's own devices are to be used otherwise.
    pub seat: bool,
    /// Ports are to be drawn otherwise.
    pub render: bool,
    /// What sockets may have, each or together, is something else.
    pub limits: bool,
    /// Outputs.
    pub ports: Delta,
    /// Pictures on outputs.
    pub layers: Delta,
    /// Virtual machines, and with them their sockets.
    pub guests: Delta,
    /// Sockets of viewers and programs.
    pub sockets: Delta,
    /// Started programs.
    pub programs: Delta,
}

/// What differs in one kind. Each name is in one list at most.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delta {
    /// Only in the new configuration.
    pub added: Vec<Name>,
    /// Only in the old configuration.
    pub removed: Vec<Name>,
    /// In both, but not the same.
    pub changed: Vec<Name>,
}

impl Changes {
    /// What has to be done to go from `old` to `new`.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        Self {
            splash: old.splash != new.splash,
            input: old.input != new.input,
            seat: (&old.seat, &old.devices) != (&new.seat, &new.devices),
            render: old.render != new.render,
            limits: (old.limits, old.budget) != (new.limits, new.budget),
            ports: Delta::between(&old.ports, &new.ports),
            layers: Delta::between(&old.layers, &new.layers),
            guests: Delta::between(&old.guests, &new.guests),
            sockets: Delta::between(&old.sockets, &new.sockets),
            programs: Delta::between(&old.programs, &new.programs),
        }
    }

    /// Whether both are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Delta {
    fn between<T: Named>(old: &[T], new: &[T]) -> Self {
        let find = |list: &[T], name: &Name| list.iter().position(|item| item.name() == name);
        let mut delta = Self::default();
        for item in new {
            match find(old, item.name()).and_then(|index| old.get(index)) {
                None => delta.added.push(item.name().clone()),
                Some(before) if before != item => delta.changed.push(item.name().clone()),
                Some(_) => {}
            }
        }
        let gone = old.iter().filter(|item| find(new, item.name()).is_none());
        delta.removed = gone.map(|item| item.name().clone()).collect();
        delta
    }

    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("port", &self.ports),
            ("guest", &self.guests),
            ("layer", &self.layers),
            ("socket", &self.sockets),
            ("program", &self.programs),
        ];
        let mut parts = Vec::new();
        for (kind, delta) in kinds {
            for (verb, names) in
                [("added", &delta.added), ("removed", &delta.removed), ("changed", &delta.changed)]
            {
                parts.extend(names.iter().map(|name| format!("{kind} '{name}' {verb}")));
            }
        }
        if self.splash {
            parts.push("splash changed".to_owned());
        }
        if self.input {
            parts.push("input changed".to_owned());
        }
        if self.seat {
            parts.push("devices changed".to_owned());
        }
        if self.render {
            parts.push("render changed".to_owned());
        }
        if self.limits {
            parts.push("limits changed".to_owned());
        }
        f.write_str(if parts.is_empty() { "nothing changed" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// An entry of the configuration.
trait Named: PartialEq {
    fn name(&self) -> &Name;
}

macro_rules! named {
    ($($kind:ty),*) => {
        $(impl Named for $kind {
            fn name(&self) -> &Name {
                &self.name
            }
        })*
    };
}
named!(Port, Layer, Guest, Socket, Program);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Color;
    use crate::config::PortKind;
    use crate::refresh::Refresh;

    fn port(name: &str, width: u32) -> Port {
        Port {
            name: Name::new(name).unwrap(),
            kind: PortKind::Headless,
            size: porthole_pixel::Size::new(width, 480),
            refresh: Refresh::DEFAULT,
            scale: crate::scale::Scale::default(),
            resized_by: crate::config::ResizedBy::Configuration,
            background: Color::BLACK,
            pipelines: 8,
            transform: crate::scene::Transform::Normal,
            gamma: crate::model::Gamma::ONE,
        }
    }

    #[test]
    fn each_name_is_told_once() {
        let old = Config {
            ports: vec![port("same", 640), port("gone", 640), port("resized", 640)],
            ..Config::default()
        };
        let new = Config {
            ports: vec![port("new", 640), port("resized", 800), port("same", 640)],
            splash: Some("other.png".into()),
            ..Config::default()
        };
        let changes = Changes::between(&old, &new);
        assert!(changes.splash);
        let names = |list: &[Name]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&changes.ports.added), ["new"]);
        assert_eq!(names(&changes.ports.removed), ["gone"]);
        assert_eq!(names(&changes.ports.changed), ["resized"]);
        assert!(changes.layers.is_empty());
        assert_eq!(
            changes.to_string(),
            "port 'new' added, port 'gone' removed, port 'resized' changed, splash changed"
        );
        assert_eq!(Changes::default().to_string(), "nothing changed");
        assert!(Changes::between(&new, &new).is_empty());
    }
}
