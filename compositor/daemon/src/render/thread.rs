//! The thread that draws one port.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
};

use porthole_core::config::Renderer;
use smithay::reexports::calloop::channel::Sender;

use super::{
    Canvas, Drawn, FramePlan,
    copy::capture,
    gles::{Gles, Search},
    picture::{Picture, View},
    sign::sign,
};
use crate::{clock, protocols::shm::Pixels};

/// Plans that are under way: of a frame, and of a round of captures.
const MOST_PLANS: usize = 2;

/// A port's render thread. It sleeps until a plan comes.
///
/// At most one frame is under way, and one round of captures: the port's redraw state machine makes
/// the next frame only when the last was answered, from the newest state. So nothing ever queues up
/// behind a slow port.
///
/// What is little work is drawn by the state thread itself, see [`RenderThread::draw_here`]. A GPU
/// draws on the render thread only, and hands over the same picture: who draws may change from frame
/// to frame.
#[derive(Debug)]
pub(crate) struct RenderThread {
    /// Whoever draws has it. Nobody waits for it, since only one frame is under way.
    picture: Arc<Mutex<Picture>>,
    plans: Option<SyncSender<Work>>,
    handle: Option<JoinHandle<()>>,
}

/// What wakes a render thread up.
#[derive(Debug)]
enum Work {
    Frame(Box<FramePlan>),
    /// It is known whether there is a GPU.
    Searched,
    End,
}

impl RenderThread {
    /// Starts the thread; every answer goes through `answers` with the port's `key`. A GPU is looked for
    /// after the first frame; until it is found the CPU draws, and no frame waits for it.
    pub(crate) fn start<K: Copy + Send + 'static>(
        name: &str,
        key: K,
        renderer: Renderer,
        answers: Sender<(K, Drawn)>,
    ) -> io::Result<Self> {
        let (plans, work) = mpsc::sync_channel(MOST_PLANS + 2);
        let told = plans.clone();
        let picture = Arc::new(Mutex::new(Picture::new()));
        let (drawn_on, port) = (picture.clone(), name.to_owned());
        let handle = std::thread::Builder::new().name(format!("port-{name}")).spawn(move || {
            let (mut gpu, mut search, mut told) = (None, None, Some(told));
            while let Ok(work) = work.recv() {
                let plan = match work {
                    Work::Frame(plan) => plan,
                    Work::Searched => {
                        gpu = search.take().and_then(Search::end);
                        continue;
                    }
                    Work::End => break,
                };
                let drawn = draw(&drawn_on, &mut gpu, *plan);
                if answers.send((key, drawn)).is_err() {
                    break;
                }
                if let Some(told) = told.take() {
                    search =
                        Search::begin(renderer, &port, move || drop(told.send(Work::Searched)));
                }
            }
        })?;
        Ok(Self { picture, plans: Some(plans), handle: Some(handle) })
    }

    /// Draws a plan at once if it is little work, else gives it back. Nothing that was handed over may
    /// be unanswered.
    pub(crate) fn draw_here(&self, plan: FramePlan) -> Result<Drawn, Box<FramePlan>> {
        if plan.is_little_work() && self.holds_nothing_of_a_device() {
            Ok(draw(&self.picture, &mut None, plan))
        } else {
            Err(Box::new(plan))
        }
    }

    /// Whether what is shown as its client wrote it needs no device. Nobody draws just now.
    fn holds_nothing_of_a_device(&self) -> bool {
        let picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        picture.held().is_none_or(Pixels::needs_no_device)
    }

    /// Hands over a plan; false when two are not answered yet or the thread is gone.
    pub(crate) fn submit(&self, plan: impl Into<Box<FramePlan>>) -> bool {
        let work = Work::Frame(plan.into());
        self.plans.as_ref().is_some_and(|plans| plans.try_send(work).is_ok())
    }
}

impl Drop for RenderThread {
    fn drop(&mut self) {
        // After the frame that it is drawing.
        if let Some(plans) = self.plans.take() {
            let _ = plans.send(Work::End);
        }
        if self.handle.take().is_some_and(|h| h.join().is_err()) {
            tracing::error!("a render thread panicked");
        }
    }
}

/// Draws a plan. The held buffers go with it, before the answer, so that the client has its back
/// buffer by the time that it is told to draw again.
fn draw(picture: &Mutex<Picture>, gpu: &mut Option<Gles>, mut plan: FramePlan) -> Drawn {
    let picture = &mut *picture.lock().unwrap_or_else(PoisonError::into_inner);
    // Devices that share their memory with us wait until this is over.
    let turns: Vec<_> = plan.pictures().chain(picture.held()).filter_map(Pixels::look).collect();
    let composed = picture.show(&mut plan, gpu);
    let screen_bytes = plan.screen.as_ref().map_or(0, |target| target.show(picture.view()));
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
    drop(turns);
    Drawn {
        serial: plan.serial,
        at,
        composed_bytes: composed.bytes,
        by_gpu: composed.by_gpu,
        screen_bytes,
        captures,
        signatures,
    }
}

#[cfg(test)]
mod tests {
    use porthole_core::Color;
    use porthole_core::scene::{Filter, Mapping, SourceRect, Transform};
    use porthole_pixel::{Rect, Region, Size};
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use smithay::reexports::calloop::channel::channel;

    use super::*;
    use crate::render::{Draw, ScreenMemory, ScreenTarget};

    fn plan(side: i32) -> FramePlan {
        FramePlan {
            serial: Some(1),
            size: Size::new(1000, 1000),
            background: Color::BLACK,
            clear: Region::from_rect(Rect::new(0, 0, side, side)),
            draws: Vec::new(),
            painted: Region::new(),
            gamma: None,
            direct: None,
            screen: None,
            captures: Vec::new(),
            views: Vec::new(),
            to_sign: Vec::new(),
        }
    }

    #[test]
    fn only_little_work_is_done_at_once() {
        let (answers, _drawn) = channel();
        let thread = RenderThread::start("test", 0_u8, Renderer::Cpu, answers).unwrap();
        let drawn = thread.draw_here(plan(100)).unwrap();
        assert_eq!((drawn.serial, drawn.composed_bytes), (Some(1), 40_000));
        let handed_back = thread.draw_here(plan(1000)).unwrap_err();
        assert!(thread.submit(handed_back));
    }
    #[test]
    fn a_thread_ends_that_never_drew() {
        let (answers, _drawn) = channel();
        drop(RenderThread::start("test", 0_u8, Renderer::Cpu, answers).unwrap());
    }

    fn draw_of_device() -> Draw {
        let (size, area) = (Size::new(8, 8), Rect::new(0, 0, 8, 8));
        Draw {
            pixels: Arc::new(Pixels::of_device(size)),
            mapping: Mapping {
                source: SourceRect::from_size(size),
                destination: area,
                transform: Transform::Normal,
            },
            filter: Filter::Nearest,
            opacity: 1.0,
            source_alpha: false,
            key: None,
            mask: None,
            clip: Region::from_rect(area),
        }
    }

    fn screen(pointer: Draw) -> ScreenTarget {
        let file = memfd_create("screen", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 4096).unwrap();
        let memory = Arc::new(ScreenMemory::map(&file, 0, Size::new(8, 8), 32).unwrap());
        ScreenTarget { memory, region: Region::new(), pointers: vec![(pointer.pixels, 0, 0)] }
    }

    #[test]
    fn nothing_of_a_device_is_looked_at_at_once() {
        let (answers, drawn) = channel();
        let thread = RenderThread::start("test", 0_u8, Renderer::Cpu, answers).unwrap();
        let draws = vec![draw_of_device()];
        thread.draw_here(FramePlan { draws, ..plan(8) }).unwrap_err();
        let screen = Some(screen(draw_of_device()));
        thread.draw_here(FramePlan { screen, ..plan(8) }).unwrap_err();
        let direct = Some(draw_of_device());
        let plan_of_it = thread.draw_here(FramePlan { direct, ..plan(0) }).unwrap_err();
        assert!(thread.submit(plan_of_it));
        drawn.recv().unwrap();
        // It is what later captures copy.
        thread.draw_here(FramePlan { serial: None, ..plan(0) }).unwrap_err();
        assert!(thread.submit(plan(8)));
        drawn.recv().unwrap();
        thread.draw_here(plan(8)).unwrap();
    }
}
