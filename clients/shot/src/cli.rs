//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use porthole_pixel::Rect;

/// Takes pictures of ports and toplevels, and compares pictures pixel by pixel
///
/// Exit status: 0 when it is done and, for a comparison, the pictures are the same; 1 when they
/// differ; 2 for a wrong command line; 3 when something failed.
#[derive(Clone, PartialEq, Eq, Debug, Parser)]
#[command(name = "porthole-shot", version, verbatim_doc_comment)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub task: Task,

    /// What to log: error, warn, info, debug or trace, for all or by module (see RUST_LOG)
    #[arg(long, value_name = "LEVEL", default_value = "warn", env = "PORTHOLE_LOG", global = true)]
    pub log: String,
}

/// The two things that it does.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum Task {
    /// Write what a port or a toplevel shows to a PNG file
    ///
    /// Needs a socket of porthole with the right to capture the port, or the port on which the
    /// toplevel has its layer. A toplevel is taken at its own size, without what is above or below
    /// it; where it can be seen through it lies on black.
    Capture(CaptureOptions),
    /// Compare two PNG files pixel by pixel
    ///
    /// Says how many pixels differ, where, and by how much; exits with 0 where there is no
    /// difference and with 1 where there is one. Pictures of different sizes differ wherever one of
    /// them has no pixel.
    Diff(DiffOptions),
}

/// What `capture` is told.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct CaptureOptions {
    /// What to take a picture of.
    #[command(flatten)]
    pub subject: SubjectOptions,

    /// Only this part, in the picture's pixels
    #[arg(long, value_name = "X,Y,WIDTH,HEIGHT", value_parser = parse_rect, allow_hyphen_values = true)]
    pub region: Option<Rect>,

    /// With the pointers in the picture that are on the port or toplevel
    #[arg(long)]
    pub pointer: bool,

    /// The compositor's socket [default: $WAYLAND_DISPLAY]
    #[arg(long, value_name = "PATH")]
    pub wayland: Option<PathBuf>,

    /// How many seconds the compositor may take for its answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,

    /// Say what was written as one line of JSON
    #[arg(long)]
    pub json: bool,

    /// The file to write
    #[arg(value_name = "OUT.png")]
    pub out: PathBuf,
}

/// What a picture is taken of: one of them.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SubjectOptions {
    /// All that the port of this name shows
    #[arg(long, value_name = "NAME")]
    pub port: Option<String>,

    /// The toplevel of this application id, or of this identifier where there are several
    #[arg(long, value_name = "APP_ID")]
    pub toplevel: Option<String>,
}

/// What `diff` is told.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct DiffOptions {
    /// The one picture
    #[arg(value_name = "A.png")]
    pub a: PathBuf,

    /// The other one
    #[arg(value_name = "B.png")]
    pub b: PathBuf,

    /// Write where they differ to this file: magenta, on the first picture in dark grey
    #[arg(long, value_name = "DIFF.png")]
    pub out: Option<PathBuf>,

    /// Say the result as one line of JSON
    #[arg(long)]
    pub json: bool,
}

fn parse_rect(text: &str) -> Result<Rect, String> {
    let numbers: Result<Vec<i32>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([x, y, width, height]) if *x >= 0 && *y >= 0 && *width > 0 && *height > 0 => {
            Ok(Rect::new(*x, *y, *width, *height))
        }
        _ => Err("write four whole numbers, as in 0,0,640,480; the last two at least 1".into()),
    }
}

/// The command line's description, for man pages and shell completion.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn regions_are_four_numbers() {
        assert_eq!(parse_rect("1, 2,3,4"), Ok(Rect::new(1, 2, 3, 4)));
        for wrong in ["", "1,2,3", "1,2,3,4,5", "-1,0,1,1", "0,0,0,1", "0,0,1,-1", "a,b,c,d"] {
            assert!(parse_rect(wrong).unwrap_err().contains("640,480"), "{wrong}");
        }
    }

    #[test]
    fn one_subject_is_needed() {
        let parse = |words: &[&str]| {
            let all = ["porthole-shot", "capture"].iter().chain(words);
            Cli::try_parse_from(all).map_err(|error| error.exit_code())
        };
        assert_eq!(parse(&["out.png"]).unwrap_err(), 2);
        assert_eq!(parse(&["--port", "a", "--toplevel", "b", "out.png"]).unwrap_err(), 2);
        parse(&["--toplevel", "b", "--pointer", "out.png"]).unwrap();
        assert_eq!(parse(&["--port", "a", "--region", "1,2", "out.png"]).unwrap_err(), 2);
        let cli = parse(&["--port", "a", "--region", "1,2,3,4", "out.png"]).unwrap();
        let Task::Capture(options) = cli.task else { panic!("{cli:?}") };
        assert_eq!(options.region, Some(Rect::new(1, 2, 3, 4)));
    }
}
