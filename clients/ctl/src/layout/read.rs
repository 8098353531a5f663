//! Layout files: TOML, or JSON as `state --json` prints it.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use super::{Key, Keys, Kind, LayerKeys, Layout, PortKeys, key};
use crate::suggest::remedy;

/// What is wrong with a layout, and on which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// Reads a layout.
pub(crate) fn read(text: &str) -> Result<Layout, Mistake> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            let what = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let what = what.strip_suffix(&place).unwrap_or(&what).to_owned();
            Mistake { line: error.line(), what }
        });
    }
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Mistake { line, what: error.message().to_owned() }
    })
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Top)
    }
}

/// The top of a file.
struct Top;

const TOP: &[&str] = &["port", "layer"];

impl<'de> Visitor<'de> for Top {
    type Value = Layout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tables [[port]] and [[layer]]")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layout, A::Error> {
        let mut layout = Layout::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "port" => {
                    let ports: Vec<Table<PortKeys>> = map.next_value()?;
                    layout.ports.extend(ports.into_iter().map(|table| table.0));
                }
                "layer" => {
                    let layers: Vec<Table<LayerKeys>> = map.next_value()?;
                    layout.layers.extend(layers.into_iter().map(|table| table.0));
                }
                // Of `state --json`: what can be shown is not ours to change.
                "stream" => {
                    map.next_value::<IgnoredAny>()?;
                }
                other => map.next_value_seed(Unknown(other))?,
            }
        }
        Ok(layout)
    }
}

/// Fails where the value is, so that the line is that of the key.
struct Unknown<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        let name = self.0;
        Err(D::Error::custom(format!(
            "a layout has no key '{name}'; {}",
            remedy(name, TOP.iter().copied())
        )))
    }
}

/// One `[[port]]` or `[[layer]]`.
struct Table<K>(K);

impl<'de, K: Keys> Deserialize<'de> for Table<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableOf(PhantomData))
    }
}

struct TableOf<K>(PhantomData<K>);

impl<'de, K: Keys> Visitor<'de> for TableOf<K> {
    type Value = Table<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keys of {}", K::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<K>, A::Error> {
        let mut keys = K::default();
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format!("'{name}' is given twice")));
            }
            map.next_value_seed(Entry { name: &name, keys: &mut keys })?;
            seen.push(name);
        }
        keys.finish().map_err(|why| A::Error::custom(format!("{}: {why}", K::WHAT)))?;
        Ok(Table(keys))
    }
}

/// The value of a key: checked where it is read, so that a mistake has its line.
struct Entry<'a, K> {
    name: &'a str,
    keys: &'a mut K,
}

impl<'de, K: Keys> DeserializeSeed<'de> for Entry<'_, K> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let name = self.name;
        let value = Value::deserialize(deserializer)?;
        let known = key::<K>(name);
        let Key { kind, .. } = known.map_err(D::Error::custom)?;
        // In a file a number is a number, but "none" and rectangles as tables have them are texts.
        let value = match (&value, kind) {
            (Value::String(text), Kind::Rect | Kind::Rects | Kind::Size) => {
                super::value_of_words(kind, text)
            }
            _ => value,
        };
        self.keys.set(name, &value).map_err(|why| D::Error::custom(format!("{name}: {why}")))
    }
}
