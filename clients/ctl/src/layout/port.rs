//! The keys of a port, which are those of `[[port]]` in the service's configuration that can be
//! changed while it runs, and its power.

use serde_json::Value;

use super::{
    Key, Keys, Kind,
    layer::{rotation, switch},
    value::{choice, color, thousandths, wholes},
};
use crate::control::words;

/// What a port should be; what is not said stays as it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct PortKeys {
    pub(crate) name: Option<String>,
    pub(crate) size: Option<[u32; 2]>,
    pub(crate) refresh_mhz: Option<u32>,
    pub(crate) background: Option<[u32; 3]>,
    pub(crate) rotation: Option<u32>,
    pub(crate) flip: Option<bool>,
    pub(crate) mirror: Option<bool>,
    pub(crate) gamma: Option<f64>,
    pub(crate) power: Option<&'static str>,
}

const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, help }
}

/// All keys of a port.
pub(crate) const PORT_KEYS: &[Key] = &[
    key("name", Kind::Text, "which port is meant"),
    key("size", Kind::Size, "WIDTHxHEIGHT; needs --allow-modeset"),
    key("refresh", Kind::Number, "frames per second, 1 to 240; needs --allow-modeset"),
    key("background", Kind::Text, "#rrggbb"),
    key("rotation", Kind::Number, "0, 90, 180 or 270, clockwise"),
    key("flip", Kind::Switch, "true: top to bottom"),
    key("mirror", Kind::Switch, "true: left to right"),
    key("gamma", Kind::Number, "0.25 to 4"),
    key("power", Kind::Text, "on, off, suspend or limited"),
    key("now", Kind::Text, "what the service said; not read"),
];

impl Keys for PortKeys {
    const KEYS: &'static [Key] = PORT_KEYS;
    const WHAT: &'static str = "a port";
    const OTHER: &'static str = "only layers have it";

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "name" => {
                self.name = Some(value.as_str().ok_or("write the name of a port")?.to_owned());
            }
            "size" => {
                let size = wholes(value).filter(|size: &[u32; 2]| !size.contains(&0));
                self.size = Some(size.ok_or("write WIDTH and HEIGHT, as [640, 480]")?);
            }
            "refresh" => {
                let rate = thousandths(value, 1.0..=240.0);
                self.refresh_mhz = Some(rate.ok_or("write frames per second from 1 to 240")?);
            }
            "background" => {
                self.background = Some(color(value).ok_or("write a colour as \"#rrggbb\"")?);
            }
            "rotation" => self.rotation = Some(rotation(value)?),
            "flip" => self.flip = Some(switch(value)?),
            "mirror" => self.mirror = Some(switch(value)?),
            "gamma" => {
                let gamma = value.as_f64().filter(|gamma| (0.25..=4.0).contains(gamma));
                self.gamma = Some(gamma.ok_or("write a number from 0.25 to 4")?);
            }
            "power" => self.power = Some(choice(words::POWERS, value)?),
            other => {
                super::key::<Self>(other)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}
