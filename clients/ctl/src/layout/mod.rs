//! Layouts: what layers and ports should be, as files and command lines say it. All pure.

mod layer;
mod plan;
mod port;
mod read;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use layer::{Fallback, LAYER_KEYS, LayerKeys, Shows, shows};
pub(crate) use plan::{Plan, find_guest, find_port, turned};
pub(crate) use port::{PORT_KEYS, PortKeys};
pub(crate) use read::read;
pub(crate) use value::{Kind, words as value_of_words};

use serde_json::Value;

use crate::suggest::remedy;

/// A key, what kind of value it has, and what it means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

/// What layers and ports should be.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) ports: Vec<PortKeys>,
    pub(crate) layers: Vec<LayerKeys>,
}

/// The keys of a table: those of a layer or those of a port.
pub(crate) trait Keys: Default {
    /// All keys.
    const KEYS: &'static [Key];
    /// What such a table is called.
    const WHAT: &'static str;

    /// What to say of a key that only the other kind of table has.
    const OTHER: &'static str;

    /// Takes a value; an error says what is wrong with it and what to do.
    fn set(&mut self, key: &str, value: &Value) -> Result<(), String>;

    /// Checks what belongs together, once all is set.
    fn finish(&mut self) -> Result<(), String>;
}

/// Takes `KEY=VALUE` from a command line.
pub(crate) fn assign<K: Keys>(keys: &mut K, word: &str) -> Result<(), String> {
    let Some((name, text)) = word.split_once('=') else {
        return Err(format!("'{word}' is no setting: write KEY=VALUE"));
    };
    let key = key::<K>(name)?;
    let value = value_of_words(key.kind, text);
    keys.set(name, &value).map_err(|why| format!("{name}: {why}"))
}

/// The key of a name.
pub(crate) fn key<K: Keys>(name: &str) -> Result<Key, String> {
    let found = K::KEYS.iter().find(|key| key.name == name);
    found.copied().ok_or_else(|| {
        let what = K::WHAT;
        let mut others = LAYER_KEYS.iter().chain(PORT_KEYS);
        if let Some(other) = others.find(|key| key.name == name) {
            return format!("{what} has no key '{name}' ({}); {}", other.help, K::OTHER);
        }
        format!("{what} has no key '{name}'; {}", remedy(name, K::KEYS.iter().map(|k| k.name)))
    })
}
