//! Makes seeds for the target `gpu` of a trace: `cargo xtask fuzz gpu --from-trace FILE` runs it.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use porthole_fuzz::seed;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let made = match &arguments[..] {
        [trace, folder] => make(Path::new(trace), Path::new(folder)),
        _ => Err("usage: porthole-fuzz-seeds TRACE FOLDER".to_owned()),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it: then the exit status tells.
            let _ = writeln!(io::stderr(), "porthole-fuzz-seeds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(trace: &Path, folder: &Path) -> Result<(), String> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    let file = fs::File::open(trace).map_err(at(trace))?;
    let seeds = seed::of_trace(BufReader::new(file))
        .map_err(|error| format!("{}: {error}", trace.display()))?;
    if seeds.is_empty() {
        return Err(format!("{}: its guest sent nothing to a GPU", trace.display()));
    }
    fs::create_dir_all(folder).map_err(at(folder))?;
    for (number, seed) in seeds.iter().enumerate() {
        let path = folder.join(format!("trace-{number:04}"));
        fs::write(&path, seed).map_err(at(&path))?;
    }
    let line = format!("{} seeds of {}", seeds.len(), trace.display());
    writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())
}
