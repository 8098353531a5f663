//! The keys of a layer, which are those of `[[layer]]` in the service's configuration.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Key, Keys, Kind,
    value::{choice, color, is_none, numbers, rect, thousandths, whole},
};
use crate::control::words;

/// What a layer shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shows {
    /// Nothing.
    Nothing,
    /// A picture of a guest.
    Guest { guest: String, scanout: u32 },
    /// The windows of a program.
    App { socket: String, app_id: String },
    /// A PNG file.
    Picture(PathBuf),
}

/// What shows instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fallback {
    /// One of the words that need nothing more.
    Word(&'static str),
    /// A PNG file.
    Picture(PathBuf),
}

/// What a layer should be; what is not said stays as it is. Two `Option`s: whether it is said, and
/// whether there is any.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LayerKeys {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<u32>,
    pub(crate) port: Option<String>,
    pub(crate) shows: Option<Shows>,
    /// Empty where the layer is to be hidden.
    pub(crate) rect: Option<[i32; 4]>,
    pub(crate) order: Option<i32>,
    /// 0 to 65535.
    pub(crate) alpha: Option<u32>,
    /// All zero for all of the source.
    pub(crate) crop: Option<[f64; 4]>,
    pub(crate) fit: Option<&'static str>,
    pub(crate) lead: Option<&'static str>,
    pub(crate) pixels: Option<&'static str>,
    pub(crate) filter: Option<&'static str>,
    pub(crate) rotation: Option<u32>,
    pub(crate) flip: Option<bool>,
    pub(crate) mirror: Option<bool>,
    pub(crate) source_alpha: Option<bool>,
    pub(crate) key: Option<Option<[u32; 3]>>,
    pub(crate) mask: Option<Option<PathBuf>>,
    pub(crate) hole: Option<Vec<[i32; 4]>>,
    pub(crate) input: Option<&'static str>,
    pub(crate) keyboard: Option<bool>,
    pub(crate) fallback: Option<Fallback>,
    /// 0 for none.
    pub(crate) deadline_ms: Option<u32>,
    /// 0 for none.
    pub(crate) rate_limit_mhz: Option<u32>,
    // What `finish` makes `shows` of.
    guest: Option<String>,
    scanout: Option<u32>,
    socket: Option<String>,
    app_id: Option<String>,
}

const fn key(name: &'static str, kind: Kind, help: &'static str) -> Key {
    Key { name, kind, help }
}

/// All keys of a layer.
pub(crate) const LAYER_KEYS: &[Key] = &[
    key("name", Kind::Text, "which layer is meant"),
    key("id", Kind::Number, "which layer is meant, where it has no name"),
    key("port", Kind::Text, "its port, which it keeps"),
    key("show", Kind::Text, "GUEST, GUEST:SCANOUT, app:SOCKET/APPID, FILE.png or none"),
    key("guest", Kind::Text, "the guest whose picture it shows"),
    key("scanout", Kind::Number, "which of the guest's pictures, from 0"),
    key("socket", Kind::Text, "with app_id: the socket of the program"),
    key("app_id", Kind::Text, "the program whose window it shows"),
    key("rect", Kind::Rect, "X,Y,WIDTH,HEIGHT or WIDTHxHEIGHT+X+Y on the port; none hides it"),
    key("order", Kind::Number, "larger is above"),
    key("opacity", Kind::Number, "0 to 1"),
    key(
        "source",
        Kind::Rect,
        "X,Y,WIDTH,HEIGHT: the part of the picture that shows; none: all of it",
    ),
    key("fit", Kind::Text, "stretch, fit, fill, centre or 1:1"),
    key("lead", Kind::Text, "layer, picture or none: whose size the other follows"),
    key("pixels", Kind::Text, "auto or square"),
    key("filter", Kind::Text, "auto, nearest or bilinear"),
    key("rotation", Kind::Number, "0, 90, 180 or 270, clockwise"),
    key("flip", Kind::Switch, "true: top to bottom"),
    key("mirror", Kind::Switch, "true: left to right"),
    key("alpha", Kind::Text, "picture or ignore"),
    key("key", Kind::Text, "#rrggbb: the colour that is seen through; none"),
    key("mask", Kind::Text, "FILE.png of the size of rect; none"),
    key("hole", Kind::Rects, "X,Y,WIDTH,HEIGHT ... counted from the corner of rect; none"),
    key("input", Kind::Text, "accept, block or pass"),
    key("keyboard", Kind::Switch, "whether it may have the keyboard"),
    key("fallback", Kind::Text, "hide, last or FILE.png: what shows while the picture is gone"),
    key("deadline", Kind::Number, "seconds of silence after which it is gone, 0.05 to 3600; none"),
    key("rate_limit", Kind::Number, "frames per second at most, 1 to 240; none"),
    key("now", Kind::Text, "what the service said; not read"),
];

const RECT: &str = "write X, Y, WIDTH and HEIGHT in whole pixels, as [0, 0, 640, 480]; or \"none\"";

impl Keys for LayerKeys {
    const KEYS: &'static [Key] = LAYER_KEYS;
    const WHAT: &'static str = "a layer";
    const OTHER: &'static str = "a port has: to set a port, say --port";

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "name" => self.name = Some(text(value, "the name of a layer")?),
            "id" => self.id = Some(whole(value).ok_or("write the number of a layer")?),
            "port" => self.port = Some(text(value, "the name of a port")?),
            "guest" => self.guest = Some(text(value, "the name of a guest")?),
            "scanout" => self.scanout = Some(whole(value).ok_or("write a number from 0")?),
            "socket" => self.socket = Some(text(value, "the name of a socket")?),
            "app_id" => self.app_id = Some(string(value, "the program's application id")?),
            "show" => self.shows = Some(shows(&string(value, "what it shows")?)?),
            "rect" if is_none(value) => self.rect = Some([0; 4]),
            "rect" => {
                let rect = super::value::wholes(value)
                    .filter(|[_, _, w, h]: &[i32; 4]| *w >= 0 && *h >= 0);
                self.rect = Some(rect.ok_or(RECT)?);
            }
            "order" => self.order = Some(whole(value).ok_or("write a whole number")?),
            "source" if is_none(value) => self.crop = Some([0.0; 4]),
            "source" => self.crop = Some(crop(value)?),
            "mask" if is_none(value) => self.mask = Some(None),
            "mask" => self.mask = Some(Some(text(value, "a PNG file")?.into())),
            "hole" if is_none(value) => self.hole = Some(Vec::new()),
            "hole" => self.hole = Some(hole(value)?),
            "now" => {}
            _ => return self.set_look(key, value),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        let (guest, app) = (self.guest.take(), self.app_id.take());
        let (socket, scanout) = (self.socket.take(), self.scanout.take());
        if self.shows.is_some() && (guest.is_some() || app.is_some()) {
            return Err("'show' and 'guest' or 'app_id' say the same: leave one out".into());
        }
        match (guest, app) {
            (Some(_), Some(_)) => return Err("it has 'guest' and 'app_id': leave one out".into()),
            (Some(guest), None) => {
                if socket.is_some() {
                    return Err("leave 'socket' out: a guest has a socket of its own".into());
                }
                self.shows = Some(Shows::Guest { guest, scanout: scanout.unwrap_or_default() });
            }
            (None, Some(app_id)) => {
                let socket = socket.ok_or("add socket = \"...\": the socket of the program")?;
                if scanout.is_some() {
                    return Err("leave 'scanout' out: only guests have scanouts".into());
                }
                self.shows = Some(Shows::App { socket, app_id });
            }
            (None, None) if socket.is_some() => {
                return Err("add app_id = \"...\": the program of the socket".into());
            }
            (None, None) if scanout.is_some() => {
                return Err("add guest = \"...\": the guest of the scanout".into());
            }
            (None, None) => {}
        }
        Ok(())
    }
}

impl LayerKeys {
    /// Of a layer, with nothing said yet.
    pub(crate) fn of(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// How it is drawn and treated.
    fn set_look(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "opacity" => self.alpha = Some(opacity(value)?),
            "fit" => self.fit = Some(choice(words::FITS, value)?),
            "lead" => self.lead = Some(choice(words::LEADS, value)?),
            "pixels" => self.pixels = Some(choice(words::PIXELS, value)?),
            "filter" => self.filter = Some(choice(words::FILTERS, value)?),
            "rotation" => self.rotation = Some(rotation(value)?),
            "flip" => self.flip = Some(switch(value)?),
            "mirror" => self.mirror = Some(switch(value)?),
            "alpha" => {
                const ALPHAS: &words::Words<bool> = &[("picture", true), ("ignore", false)];
                self.source_alpha = words::wire(ALPHAS, choice(ALPHAS, value)?);
            }
            "key" if is_none(value) => self.key = Some(None),
            "key" => {
                let color = color(value).ok_or("write a colour as \"#rrggbb\", or \"none\"")?;
                self.key = Some(Some(color));
            }
            "input" => self.input = Some(choice(words::INPUTS, value)?),
            "keyboard" => self.keyboard = Some(switch(value)?),
            "fallback" => {
                self.fallback = Some(match value.as_str() {
                    Some("hide") => Fallback::Word("hide"),
                    Some("last") => Fallback::Word("last"),
                    _ => Fallback::Picture(text(value, "hide, last or a PNG file")?.into()),
                });
            }
            "deadline" if is_none(value) => self.deadline_ms = Some(0),
            "deadline" => {
                let seconds = thousandths(value, 0.05..=3600.0);
                self.deadline_ms = Some(seconds.ok_or("write seconds from 0.05 to 3600, or none")?);
            }
            "rate_limit" if is_none(value) => self.rate_limit_mhz = Some(0),
            "rate_limit" => {
                let rate = thousandths(value, 1.0..=240.0);
                let rate = rate.ok_or("write frames per second from 1 to 240, or none")?;
                self.rate_limit_mhz = Some(rate);
            }
            other => {
                super::key::<Self>(other)?;
            }
        }
        Ok(())
    }

    /// Files of a layout are named from its folder.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        if let Some(Some(mask)) = &mut self.mask {
            *mask = folder.join(&*mask);
        }
        if let Some(Fallback::Picture(file)) = &mut self.fallback {
            *file = folder.join(&*file);
        }
        if let Some(Shows::Picture(file)) = &mut self.shows {
            *file = folder.join(&*file);
        }
    }
}

/// What `show` and the command `source` take.
pub(crate) fn shows(text: &str) -> Result<Shows, String> {
    if text == "none" {
        return Ok(Shows::Nothing);
    }
    if let Some(program) = text.strip_prefix("app:") {
        let Some((socket, app_id)) = program.split_once('/').filter(|(s, _)| !s.is_empty()) else {
            return Err("write a program as app:SOCKET/APPID".into());
        };
        return Ok(Shows::App { socket: socket.into(), app_id: app_id.into() });
    }
    if text.contains('/') || text.to_ascii_lowercase().ends_with(".png") {
        return Ok(Shows::Picture(text.into()));
    }
    let (guest, scanout) = text.split_once(':').unwrap_or((text, "0"));
    match scanout.parse() {
        Ok(scanout) if !guest.is_empty() => Ok(Shows::Guest { guest: guest.into(), scanout }),
        _ => Err("write GUEST, GUEST:SCANOUT, app:SOCKET/APPID, FILE.png or none".into()),
    }
}

fn string(value: &Value, what: &str) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("write {what} as a text"))
}

fn text(value: &Value, what: &str) -> Result<String, String> {
    string(value, what)
        .and_then(|text| if text.is_empty() { Err(format!("write {what}")) } else { Ok(text) })
}

fn opacity(value: &Value) -> Result<u32, String> {
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    let number = number.ok_or("write a number from 0 (invisible) to 1 (opaque)")?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number from 0 to 1"
    )]
    Ok((number * 65_535.0).round() as u32)
}

fn crop(value: &Value) -> Result<[f64; 4], String> {
    let inside = |r: &[f64; 4]| {
        let [x, y, width, height] = *r;
        x >= 0.0 && y >= 0.0 && width > 0.0 && height > 0.0 && r.iter().all(|n| *n < 65_536.0)
    };
    let crop = numbers(value).filter(inside);
    crop.ok_or_else(|| {
        "write X, Y, WIDTH and HEIGHT in pixels of the picture, as [0, 0, 320, 240]; or \"none\""
            .into()
    })
}

fn hole(value: &Value) -> Result<Vec<[i32; 4]>, String> {
    let rects = value.as_array().map(|rects| rects.iter().map(rect).collect::<Option<Vec<_>>>());
    rects.flatten().ok_or_else(|| {
        "write rectangles as [[X, Y, WIDTH, HEIGHT], ...] in whole pixels, or \"none\"".into()
    })
}

pub(super) fn rotation(value: &Value) -> Result<u32, String> {
    let degrees = whole(value).filter(|degrees| matches!(degrees, 0 | 90 | 180 | 270));
    degrees.ok_or_else(|| "write 0, 90, 180 or 270".into())
}

pub(super) fn switch(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "write true or false".into())
}
