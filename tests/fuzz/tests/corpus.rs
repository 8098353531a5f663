//! Replays the corpus: what a fuzzer once found worth keeping, and what was a finding.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use porthole_fuzz::{TARGETS, Target, target};

    /// All of it, so that the tree stays small.
    const MOST_BYTES: u64 = 300 * 1024;

    fn corpus() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries =
            fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()));
        let mut files: Vec<_> = entries.into_iter().flatten().collect();
        files.sort();
        files
    }

    fn replay(name: &str) {
        let Target { longest, run, .. } = target(name).unwrap();
        run(&[]);
        let files = files(&corpus().join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            assert!(bytes.len() <= longest, "{} is too long", file.display());
            // The name of the input that breaks a promise is the last that is printed.
            eprintln!("{}", file.display());
            run(&bytes);
        }
    }

    macro_rules! replay {
        ($($name:ident),*) => {
            $(
                #[test]
                fn $name() {
                    replay(stringify!($name));
                }
            )*

            #[test]
            fn every_target_is_replayed() {
                let replayed = [$(stringify!($name)),*];
                let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
                assert_eq!(names, replayed);
            }
        };
    }

    replay!(
        gpu, queues, messages, dbus, input, viewer, server, updates, config, model, relay, edid,
        keyboard, trace, snapshot, vga, vfio
    );

    #[test]
    fn the_corpus_is_small_and_nothing_else_is_in_it() {
        let mut bytes = 0;
        for folder in files(&corpus()) {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            assert!(target(&name).is_some(), "no target {name}");
            bytes += files(&folder).iter().map(|f| fs::metadata(f).unwrap().len()).sum::<u64>();
        }
        assert!(bytes <= MOST_BYTES, "{bytes} bytes");
    }
}
