//! Which kernel modules to load, and in what order. The package has no `modules.dep` (it is made
//! when a kernel is installed), so dependencies are read from the modules themselves.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result, RigError};
use crate::kernel::{Kernel, read_module};

/// A module that is ready to be loaded.
#[derive(Debug)]
pub struct Module {
    /// Its name with underscores.
    pub name: String,
    /// Its ELF file.
    pub bytes: Vec<u8>,
}

/// The modules that are asked for with everything that they need, what is needed first.
/// What is built into the kernel is left out.
///
/// # Errors
/// When a module is neither a file nor built in.
pub fn in_order(kernel: &Kernel, wanted: &[&str]) -> Result<Vec<Module>> {
    let builtin_list = kernel.modules.join("modules.builtin");
    let builtin = fs::read_to_string(&builtin_list).unwrap_or_default();
    let mut loader = Loader {
        files: HashMap::new(),
        built_in: builtin.lines().map(|line| module_name(Path::new(line))).collect(),
        seen: HashSet::new(),
        order: Vec::new(),
    };
    loader.index(&kernel.modules.join("kernel"))?;
    for name in wanted {
        loader.add(name)?;
    }
    Ok(loader.order)
}

struct Loader {
    files: HashMap<String, PathBuf>,
    built_in: HashSet<String>,
    seen: HashSet<String>,
    order: Vec<Module>,
}

impl Loader {
    fn index(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).at("list", folder)? {
            let path = entry.at("list", folder)?.path();
            if path.is_dir() {
                self.index(&path)?;
            } else {
                self.files.insert(module_name(&path), path);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str) -> Result<()> {
        let name = name.replace('-', "_");
        if !self.seen.insert(name.clone()) || self.built_in.contains(&name) {
            return Ok(());
        }
        let file = self.files.get(&name);
        let file =
            file.ok_or_else(|| RigError::failed(format!("the kernel has no module {name}")))?;
        let bytes = read_module(file)?;
        for needed in dependencies(&bytes) {
            self.add(&needed)?;
        }
        self.order.push(Module { name, bytes });
        Ok(())
    }
}

/// `virtio-gpu.ko.xz` is the file of `virtio_gpu`.
fn module_name(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split_once(".ko").map_or(file.as_ref(), |(name, _)| name);
    name.replace('-', "_")
}

/// The names in the `depends=` entry of the `.modinfo` section, a list of texts that end with a
/// zero byte; the entry is unmistakable, so the section's header need not be looked up.
fn dependencies(module: &[u8]) -> Vec<String> {
    let entries = module.split(|byte| *byte == 0);
    let found = entries.filter_map(|entry| entry.strip_prefix(b"depends=")).next();
    let text = String::from_utf8_lossy(found.unwrap_or_default()).into_owned();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dependencies_from_a_module() {
        let module = b"\x7fELF\0\0junk\0license=GPL\0depends=virtio,virtio_ring\0name=x\0";
        assert_eq!(dependencies(module), ["virtio", "virtio_ring"]);
        assert!(dependencies(b"\x7fELF\0depends=\0").is_empty());
        assert!(dependencies(b"nothing").is_empty());
    }

    #[test]
    fn names_modules_as_the_kernel_does() {
        for file in ["virtio-gpu.ko", "a/b/virtio-gpu.ko.xz", "virtio_gpu.ko.zst"] {
            assert_eq!(module_name(Path::new(file)), "virtio_gpu");
        }
    }
}
