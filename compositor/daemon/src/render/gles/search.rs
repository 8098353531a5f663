//! Looking for a GPU while a port is drawn already.

use std::thread::JoinHandle;

use porthole_core::config::Renderer;

use super::{Gles, StartError};

/// A search for a port's GPU. Loading the drivers of a machine takes seconds where it has no time or reads
/// them from far away, and frames do not wait for that.
#[derive(Debug)]
pub(in crate::render) struct Search {
    renderer: Renderer,
    port: String,
    loading: Option<JoinHandle<Result<(), StartError>>>,
}

impl Search {
    /// Begins, where a GPU is wanted: a thread loads what there is, draws with it if it can, and calls
    /// `tell` at the end.
    pub(in crate::render) fn begin(
        renderer: Renderer,
        port: &str,
        tell: impl FnOnce() + Send + 'static,
    ) -> Option<Self> {
        if !Gles::is_wanted(renderer) {
            return None;
        }
        let name = port.to_owned();
        let loading = std::thread::Builder::new().name("gpu-search".to_owned()).spawn(move || {
            let found = Gles::find(renderer, &name).map(drop);
            tell();
            found
        });
        let loading =
            loading.inspect_err(|error| tracing::warn!(port, "no GPU is looked for: {error}"));
        Some(Self { renderer, port: port.to_owned(), loading: Some(loading.ok()?) })
    }

    /// Takes what was found. It belongs to the thread that asks, and its driver is loaded by now.
    pub(in crate::render) fn end(mut self) -> Option<Gles> {
        let port = self.port.as_str();
        let found = self.loading.take()?.join().ok()?;
        let gpu = found.and_then(|()| Gles::find(self.renderer, port));
        match &gpu {
            Ok(gpu) => tracing::info!(port, "the port is drawn with OpenGL ES on {}", gpu.gl.name),
            Err(error) => tracing::warn!(port, "the port is drawn by the CPU: {error}"),
        }
        gpu.ok()
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        // Libraries must not be in the middle of something when the process ends.
        if self.loading.take().is_some_and(|loading| loading.join().is_err()) {
            tracing::error!("the search for a GPU panicked");
        }
    }
}
