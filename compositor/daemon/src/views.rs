//! A toplevel's own picture, drawn apart from its port's and only while somebody waits for it.

use porthole_core::{
    Color,
    model::PortId,
    plan::{Planner, compose},
};
use porthole_pixel::Size;

use crate::{
    protocols::{capture::SourceId, foreign_toplevel::ToplevelId},
    render::ViewPlan,
    scene::{Scene, own_size},
    state::State,
};

impl State {
    /// The size of a listed toplevel's own picture.
    pub(crate) fn toplevel_size(&self, id: ToplevelId) -> Option<Size> {
        Some(own_size(self.windows.surface(id)?)).filter(|size| !size.is_empty())
    }

    /// A toplevel committed something: its captures may need buffers of another size.
    pub(crate) fn resize_view(&mut self, id: ToplevelId) {
        let source = SourceId::Toplevel(id);
        if !self.globals.capture.is_captured(source) {
            if let Some(view) = self.windows.view(id) {
                *view = None;
            }
        } else if let Some(size) = self.toplevel_size(id) {
            self.globals.capture.resized(source, size);
        }
    }

    /// The pictures of a port's toplevels that captures wait for and that have news.
    pub(crate) fn take_views(&mut self, port: PortId) -> Vec<ViewPlan> {
        let device = &self.device;
        let on_port = |layer| device.pipeline(layer).is_some_and(|p| p.port == port);
        let mut views = Vec::new();
        for (id, pipeline) in self.windows.listed(on_port) {
            let source = SourceId::Toplevel(id);
            if !self.globals.capture.is_awaited(source) {
                continue;
            }
            let popups = self.globals.xdg_shell.popup_surfaces();
            let (Some(layer), Some(root)) =
                (self.device.pipeline(pipeline), self.windows.surface(id))
            else {
                continue;
            };
            let size = own_size(root);
            if size.is_empty() {
                continue;
            }
            let scene = Scene::of_toplevel(pipeline, layer, root, popups);
            let Some(view) = self.windows.view(id) else { continue };
            let planner = view.get_or_insert_with(|| Planner::new(size));
            if planner.size() != size {
                planner.resize(size);
            }
            let plan = planner.plan(&scene.elements, Color::BLACK);
            self.globals.capture.damaged(source, &plan.damage);
            for capture in self.globals.capture.take_ready(source) {
                let composition = compose(&scene.elements, size, &capture.region);
                let draws = scene.draws(composition.draws);
                views.push(ViewPlan { size, draws, capture });
            }
        }
        views
    }
}
