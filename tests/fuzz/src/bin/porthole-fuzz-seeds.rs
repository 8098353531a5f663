//! Makes seeds for the target `gpu` or `vga` of a trace: `cargo xtask fuzz gpu --from-trace FILE` runs it.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use porthole_fuzz::seed;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let made = match &arguments[..] {
        [target, trace, folder] => make(target.to_str(), Path::new(trace), Path::new(folder)),
        _ => Err("usage: porthole-fuzz-seeds gpu|vga TRACE FOLDER".to_owned()),
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

fn make(target: Option<&str>, trace: &Path, folder: &Path) -> Result<(), String> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    let file = fs::File::open(trace).map_err(at(trace))?;
    let file = BufReader::new(file);
    let (seeds, device) = match target {
        Some("gpu") => (seed::of_trace(file), "GPU"),
        Some("vga") => (seed::of_vga_trace(file), "VGA"),
        _ => return Err("only the targets `gpu` and `vga` are fed from traces".to_owned()),
    };
    let seeds = seeds.map_err(|error| format!("{}: {error}", trace.display()))?;
    if seeds.is_empty() {
        return Err(format!("{}: its guest sent nothing to a {device}", trace.display()));
    }
    fs::create_dir_all(folder).map_err(at(folder))?;
    for (number, seed) in seeds.iter().enumerate() {
        let path = folder.join(format!("trace-{number:04}"));
        fs::write(&path, seed).map_err(at(&path))?;
    }
    let line = format!("{} seeds of {}", seeds.len(), trace.display());
    writeln!(io::stdout(), "{line}").map_err(|error| error.to_string())
}
