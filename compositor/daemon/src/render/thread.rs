//! The thread that draws one port.

use std::{
    io,
    sync::mpsc::{self, SyncSender},
    thread::JoinHandle,
};

use smithay::reexports::calloop::channel::Sender;

use super::{
    Canvas, Drawn, FramePlan,
    copy::capture,
    picture::{Picture, View},
    sign::sign,
};
use crate::clock;

/// A port's render thread. It sleeps until a plan comes.
///
/// At most one frame is under way, and one round of captures: the port's redraw state machine makes
/// the next frame only when the last was answered, from the newest state. So nothing ever queues up
/// behind a slow port.
#[derive(Debug)]
pub(crate) struct RenderThread {
    plans: Option<SyncSender<FramePlan>>,
    handle: Option<JoinHandle<()>>,
}

impl RenderThread {
    /// Starts the thread; every answer goes through `answers` with the port's `key`.
    pub(crate) fn start<K: Copy + Send + 'static>(
        name: &str,
        key: K,
        answers: Sender<(K, Drawn)>,
    ) -> io::Result<Self> {
        let (plans, work) = mpsc::sync_channel::<FramePlan>(2);
        let handle = std::thread::Builder::new().name(format!("port-{name}")).spawn(move || {
            let mut picture = Picture::new();
            while let Ok(mut plan) = work.recv() {
                let drawn = draw(&mut picture, &mut plan);
                // The held buffers go before the answer, so that the client has its back buffer by
                // the time that it is told to draw again.
                drop(plan);
                if answers.send((key, drawn)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { plans: Some(plans), handle: Some(handle) })
    }

    /// Hands over a plan; false when two are not answered yet or the thread is gone.
    pub(crate) fn submit(&self, plan: FramePlan) -> bool {
        self.plans.as_ref().is_some_and(|plans| plans.try_send(plan).is_ok())
    }
}

impl Drop for RenderThread {
    fn drop(&mut self) {
        // Closing the channel ends the thread after the frame that it is drawing.
        self.plans = None;
        if self.handle.take().is_some_and(|h| h.join().is_err()) {
            tracing::error!("a render thread panicked");
        }
    }
}

fn draw(picture: &mut Picture, plan: &mut FramePlan) -> Drawn {
    let composed_bytes = picture.show(plan);
    let at = clock::now();
    let of_port = plan.captures.iter().map(|job| capture(picture.view(), job));
    let of_toplevels = plan.views.iter().map(|view| {
        let mut canvas = Canvas::transparent(view.size);
        canvas.draw_all(&view.draws);
        capture(View::Canvas(&canvas), &view.capture)
    });
    let captures = of_port.chain(of_toplevels).collect();
    let signed = plan.to_sign.iter().map(|(key, rect)| (*key, sign(picture.view(), *rect)));
    let signatures = signed.collect();
    Drawn { serial: plan.serial, at, composed_bytes, captures, signatures }
}
