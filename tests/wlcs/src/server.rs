//! A service for one test of WLCS.

use std::cell::RefCell;
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use porthole_tests::failure::OrFail;
use porthole_tests::program::{Buffer, Program, Toplevel};
use porthole_tests::wait::{SHORT, wait_until};
use porthole_tests::{Failure, Result, Service};
use porthole_wayland::virtual_touch::client::porthole_virtual_touch_v1::PortholeVirtualTouchV1;
use wayland_client::protocol::{wl_pointer::ButtonState, wl_shm::Format};
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

/// The port of every test.
const SIZE: (i32, i32) = (1280, 1024);
/// More clients than any test has.
const CLIENTS: usize = 8;
/// What the service says when it has taken a configuration.
const TAKEN: &str = "the configuration was read again";

/// Where a client's window is, and how high.
#[derive(Clone, Copy, Debug)]
struct Place {
    x: i32,
    y: i32,
    order: usize,
}

/// A running service and its clients.
#[derive(Debug)]
pub(crate) struct Server {
    service: Service,
    places: Vec<Place>,
    /// The descriptors that WLCS got, in the order of the clients.
    clients: Vec<RawFd>,
    raised: usize,
    probe: Rc<RefCell<Probe>>,
    /// With it the seat has a touch screen before any client looks.
    _touch: Touch,
}

/// A program of one pixel, which is told when a frame with all changes so far is on the port.
#[derive(Debug)]
pub(crate) struct Probe {
    program: Program,
    toplevel: Toplevel,
    buffer: Buffer,
}

impl Probe {
    fn start(service: &Service) -> Result<Self> {
        let mut program = Program::connect(&service.socket("input")?)?;
        let toplevel = program.toplevel("probe")?;
        let buffer = program.buffer((1, 1), Format::Xrgb8888, true)?;
        let mut probe = Self { program, toplevel, buffer };
        probe.wait()?;
        Ok(probe)
    }

    fn wait(&mut self) -> Result<()> {
        let mark = self.program.log.len();
        self.program.frame(&self.toplevel.surface);
        self.toplevel.show(&self.buffer);
        self.program.wait_for("a frame", mark, |line| line == "frame done")
    }
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        let places: Vec<Place> =
            (0..CLIENTS).map(|order| Place { x: 0, y: 0, order: order + 1 }).collect();
        let service = Service::start_with(&configuration(&places))?;
        let probe = Rc::new(RefCell::new(Probe::start(&service)?));
        let touch = Touch::new(&service, probe.clone())?;
        Ok(Self { service, places, clients: Vec::new(), raised: CLIENTS, probe, _touch: touch })
    }

    /// Connects a client; WLCS owns the descriptor.
    pub(crate) fn connect(&mut self) -> Result<RawFd> {
        let socket = self.service.socket(&format!("client-{}", self.clients.len()))?;
        let fd = UnixStream::connect(socket).or_fail("connect a client")?.into_raw_fd();
        self.clients.push(fd);
        Ok(fd)
    }

    /// Puts the window of the client with this descriptor here, above all others.
    pub(crate) fn place(&mut self, client: RawFd, x: i32, y: i32) -> Result<()> {
        let index = self.clients.iter().rposition(|fd| *fd == client);
        let place = index.and_then(|index| self.places.get_mut(index));
        self.raised += 1;
        *place.ok_or_else(|| Failure::new("a window of an unknown client"))? =
            Place { x, y, order: self.raised };
        let taken = |log: &str| log.lines().filter(|line| line.contains(TAKEN)).count();
        let before = taken(&self.service.process.log());
        self.service.reload(&configuration(&self.places))?;
        wait_until("the new place", SHORT, || {
            Ok((taken(&self.service.process.log()) > before).then_some(()))
        })?;
        self.probe.borrow_mut().wait()
    }

    /// A pointer of the port.
    pub(crate) fn pointer(&self) -> Result<Pointer> {
        let mut program = Program::connect(&self.service.socket("input")?)?;
        let output = program.output("main")?;
        let device = program.virtual_pointer(&output)?;
        Ok(Pointer { program, device, probe: self.probe.clone() })
    }

    /// A touch screen of the port.
    pub(crate) fn touch(&self) -> Result<Touch> {
        Touch::new(&self.service, self.probe.clone())
    }
}

/// A fixed-point number of Wayland, as a part of the port in the same steps.
fn steps(fixed: i32, side: i32) -> (u32, u32) {
    let whole = side.unsigned_abs() * 256;
    (fixed.max(0).unsigned_abs().min(whole), whole)
}

#[derive(Debug)]
pub(crate) struct Pointer {
    program: Program,
    device: ZwlrVirtualPointerV1,
    /// Input goes to what is shown, so what clients committed is waited for before each event.
    probe: Rc<RefCell<Probe>>,
}

impl Pointer {
    pub(crate) fn move_to(&mut self, x: i32, y: i32) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        let ((x, width), (y, height)) = (steps(x, SIZE.0), steps(y, SIZE.1));
        self.device.motion_absolute(0, x, y, width, height);
        self.done()
    }

    pub(crate) fn move_by(&mut self, dx: i32, dy: i32) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        self.device.motion(0, f64::from(dx) / 256.0, f64::from(dy) / 256.0);
        self.done()
    }

    pub(crate) fn button(&mut self, code: i32, pressed: bool) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        let state = if pressed { ButtonState::Pressed } else { ButtonState::Released };
        self.device.button(0, code.unsigned_abs(), state);
        self.done()
    }

    fn done(&mut self) -> Result<()> {
        self.device.frame();
        self.program.roundtrip()
    }
}

#[derive(Debug)]
pub(crate) struct Touch {
    program: Program,
    device: PortholeVirtualTouchV1,
    probe: Rc<RefCell<Probe>>,
}

impl Touch {
    fn new(service: &Service, probe: Rc<RefCell<Probe>>) -> Result<Self> {
        let mut program = Program::connect(&service.socket("input")?)?;
        let output = program.output("main")?;
        let device = program.virtual_touch(None, &output)?;
        program.roundtrip()?;
        Ok(Self { program, device, probe })
    }

    /// In whole pixels: that is what the suite passes, whatever its header says.
    pub(crate) fn down(&mut self, x: i32, y: i32) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        let ((x, width), (y, height)) = (steps(x << 8, SIZE.0), steps(y << 8, SIZE.1));
        self.device.down(0, 0, x, y, width, height);
        self.done()
    }

    pub(crate) fn move_to(&mut self, x: i32, y: i32) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        let ((x, width), (y, height)) = (steps(x << 8, SIZE.0), steps(y << 8, SIZE.1));
        self.device.motion(0, 0, x, y, width, height);
        self.done()
    }

    pub(crate) fn up(&mut self) -> Result<()> {
        self.probe.borrow_mut().wait()?;
        self.device.up(0, 0);
        self.done()
    }

    fn done(&mut self) -> Result<()> {
        self.device.frame();
        self.program.roundtrip()
    }
}

/// The configuration with every client's window at its place.
fn configuration(places: &[Place]) -> String {
    let (width, height) = SIZE;
    let mut text = format!(
        "version = 1\n[[port]]\nname = \"main\"\nsize = [{width}, {height}]\npipelines = {}\n\
         [[socket]]\nname = \"input\"\nrights = [\"input:main\"]\n\
         [[layer]]\nname = \"probe\"\nport = \"main\"\nsocket = \"input\"\napp_id = \"probe\"\n\
         rect = [{}, {}, 1, 1]\norder = 0\nkeyboard = false\n",
        CLIENTS + 1,
        width - 1,
        height - 1
    );
    for (index, Place { x, y, order }) in places.iter().enumerate() {
        // A window that begins beside the port cannot be had: it is moved to its edge.
        let (x, y) = ((*x).clamp(0, width - 1), (*y).clamp(0, height - 1));
        let rect = format!("[{x}, {y}, {}, {}]", width - x, height - y);
        text += &format!(
            "[[socket]]\nname = \"client-{index}\"\n[[layer]]\nname = \"client-{index}\"\n\
             port = \"main\"\nsocket = \"client-{index}\"\napp_id = \"*\"\nlead = \"picture\"\n\
             rect = {rect}\norder = {order}\n"
        );
    }
    text
}
