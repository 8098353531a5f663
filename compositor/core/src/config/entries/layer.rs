//! `[[layer]]`: what is shown where.

use std::path::PathBuf;
use std::time::Duration;

use porthole_pixel::{Rect, Region};
use toml::Spanned;
use toml::de::DeValue;

use super::{color, small, transform};
use crate::config::fields::{Report, Table, integer, number};
use crate::config::{Content, Fallback, FallbackPicture, Layer, limits};
use crate::model::{ColorKey, Hole, InputPolicy, Transparency};
use crate::refresh::Refresh;
use crate::scene::{Filter, Fit, Lead, PixelAspect, Sampling, Sizing, SourceRect};

/// The flag says that the file gave a rectangle; without one the layer covers its port, whose size
/// is not known here.
pub(in crate::config) fn layer(
    report: &mut Report<'_>,
    table: &Table<'_>,
) -> Option<(Layer, bool)> {
    let name = table.needed_name(report, "name");
    let port = table.needed_name(report, "port");
    let content = content(report, table);
    let remedy = "write rect = [X, Y, WIDTH, HEIGHT] in whole pixels of the port";
    let rect = table.numbers(report, "rect", remedy, |value| i32::try_from(integer(value)?).ok());
    if !table.has("order") {
        table.missing(report, "order", "add order = 1, or larger to be above other layers");
    }
    let order = table.integer(report, "order", &(i64::from(i32::MIN)..=i64::from(i32::MAX)));
    let remedy = "use a number from 0 (invisible) to 1 (opaque)";
    #[expect(clippy::cast_possible_truncation, reason = "only rounds a number from 0 to 1")]
    let opacity = table.number(report, "opacity", remedy, |opacity| {
        (0.0..=1.0).contains(&opacity).then_some(opacity as f32)
    });
    let crop = crop(report, table);
    let sizing = sizing(report, table);
    let keyboard = table.boolean(report, "keyboard");
    let given = rect.is_some();
    let rect = rect.map_or_else(Rect::default, |[x, y, width, height]| {
        if width <= 0 || height <= 0 {
            table.wrong(report, "rect", "give it a width and a height of at least 1");
        }
        Rect::new(x, y, width, height)
    });
    let layer = Layer {
        name: name?,
        port: port?,
        content: content?,
        rect,
        order: order.and_then(|order| i32::try_from(order).ok()).unwrap_or_default(),
        opacity: opacity.unwrap_or(1.0),
        crop,
        transform: transform(report, table),
        transparency: transparency(report, table),
        key: color(report, table, "key").map(ColorKey::rgb888),
        mask: table.string(report, "mask").and_then(|text| file(report, table, "mask", text)),
        hole: hole(report, table),
        sizing,
        keyboard: keyboard.unwrap_or(true),
        input: input(report, table),
        fallback: fallback(report, table),
        rate_limit: table.number(
            report,
            "rate_limit",
            "use a number of frames per second from 1 to 240",
            Refresh::from_hz,
        ),
    };
    Some((layer, given))
}

fn transparency(report: &mut Report<'_>, table: &Table<'_>) -> Transparency {
    let choices = [("picture", true), ("ignore", false)];
    if table.choice(report, "alpha", &choices).unwrap_or(true) {
        Transparency::CONFIGURED
    } else {
        Transparency::CONFIGURED.without(Transparency::SOURCE_ALPHA)
    }
}

fn input(report: &mut Report<'_>, table: &Table<'_>) -> InputPolicy {
    let choices = [
        ("accept", InputPolicy::Accept),
        ("block", InputPolicy::Block),
        ("pass", InputPolicy::Pass),
    ];
    table.choice(report, "input", &choices).unwrap_or_default()
}

fn hole(report: &mut Report<'_>, table: &Table<'_>) -> Hole {
    let Some(value) = table.value("hole") else { return Hole::default() };
    let rect = |item: &Spanned<DeValue<'_>>| {
        let sides = item
            .get_ref()
            .as_array()?
            .iter()
            .map(|side| i32::try_from(integer(side.get_ref())?).ok());
        let [x, y, width, height] = sides.collect::<Option<Vec<i32>>>()?.try_into().ok()?;
        (width > 0 && height > 0).then(|| Rect::new(x, y, width, height))
    };
    let rects = value.get_ref().as_array().filter(|rects| rects.len() <= Hole::MAX_RECTS);
    let region = rects.and_then(|rects| rects.iter().map(rect).collect::<Option<Region>>());
    region.and_then(Hole::new).unwrap_or_else(|| {
        let most = Hole::MAX_RECTS;
        let remedy = format!("write hole = [[X, Y, WIDTH, HEIGHT], ...], at most {most}");
        table.wrong(report, "hole", remedy);
        Hole::default()
    })
}

fn fallback(report: &mut Report<'_>, table: &Table<'_>) -> Fallback {
    let picture = match table.string(report, "fallback") {
        None | Some("hide") => FallbackPicture::Hide,
        Some("last") => FallbackPicture::Last,
        Some(text) => file(report, table, "fallback", text)
            .map_or(FallbackPicture::Hide, FallbackPicture::File),
    };
    let remedy = "use a number of seconds from 0.05 to 3600";
    let deadline = table.number(report, "deadline", remedy, |seconds| {
        (0.05..=3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    });
    Fallback { picture, deadline }
}

/// A picture file, from the folder of the configuration.
fn file(report: &mut Report<'_>, table: &Table<'_>, key: &str, text: &str) -> Option<PathBuf> {
    let path = report.path(text);
    if path.is_none() {
        table.wrong(report, key, "name a PNG file");
    }
    path
}

fn sizing(report: &mut Report<'_>, table: &Table<'_>) -> Sizing {
    let fits = [
        ("stretch", Fit::Stretch),
        ("fit", Fit::Fit),
        ("fill", Fit::Fill),
        ("centre", Fit::Centre),
        ("1:1", Fit::Exact),
    ];
    let leads = [("layer", Lead::Layer), ("picture", Lead::Picture), ("none", Lead::Neither)];
    let aspects = [("auto", PixelAspect::Auto), ("square", PixelAspect::Square)];
    let samplings = [
        ("auto", Sampling::Auto),
        ("nearest", Sampling::Always(Filter::Nearest)),
        ("bilinear", Sampling::Always(Filter::Bilinear)),
    ];
    let lead = table.choice(report, "lead", &leads).unwrap_or_default();
    if lead == Lead::Picture && table.has("fit") {
        let remedy = "leave it out: a layer that follows its picture shows it as it is";
        table.wrong(report, "fit", remedy);
    }
    Sizing {
        fit: table.choice(report, "fit", &fits).unwrap_or_default(),
        lead,
        aspect: table.choice(report, "pixels", &aspects).unwrap_or_default(),
        sampling: table.choice(report, "filter", &samplings).unwrap_or_default(),
    }
}

fn crop(report: &mut Report<'_>, table: &Table<'_>) -> Option<SourceRect> {
    let remedy = "write source = [X, Y, WIDTH, HEIGHT] in pixels of the picture, \
                  X and Y at least 0, WIDTH and HEIGHT above 0";
    let [x, y, width, height] = table.numbers(report, "source", remedy, number)?;
    if x < 0.0 || y < 0.0 || width <= 0.0 || height <= 0.0 {
        table.wrong(report, "source", remedy);
        return None;
    }
    Some(SourceRect::new(x, y, width, height))
}

fn content(report: &mut Report<'_>, table: &Table<'_>) -> Option<Content> {
    match (table.has("guest"), table.has("app_id")) {
        (true, false) => {
            if table.has("socket") {
                table.wrong(report, "socket", "leave it out: a guest has a socket of its own");
            }
            let last = limits::SCANOUTS.end() - 1;
            let scanout = table.integer(report, "scanout", &(0..=last));
            let guest = table.name(report, "guest")?;
            Some(Content::Guest { guest, scanout: small(scanout).unwrap_or_default() })
        }
        (false, true) => {
            if table.has("scanout") {
                table.wrong(report, "scanout", "leave it out: only guests have scanouts");
            }
            let socket = table.needed_name(report, "socket");
            let app_id = table.string(report, "app_id")?;
            if app_id.len() > 256 || app_id.chars().any(char::is_control) {
                table.wrong(report, "app_id", "use the id that the program gives its window");
                return None;
            }
            Some(Content::App { socket: socket?, app_id: app_id.to_owned() })
        }
        (false, false) => {
            let remedy = "add guest = \"...\", or app_id = \"...\" with socket = \"...\"";
            let what = "[[layer]] has neither 'guest' nor 'app_id'";
            report.add(table.at("guest"), what, remedy);
            None
        }
        (true, true) => {
            table.wrong(report, "app_id", "keep one of guest and app_id");
            None
        }
    }
}
