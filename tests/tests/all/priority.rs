//! Who goes first when not everything can be done in time.

use std::time::{Duration, Instant};

use porthole_tests::{
    Result, Service,
    demo::statistics,
    program::{Buffer, Program, Toplevel},
    wait::{SHORT, wait_until},
};
use serde_json::Value;
use wayland_client::protocol::wl_shm::Format;

/// Frames that the program that matters more asks for.
const FRAMES: usize = 40;
const SIDE: u32 = 3072;

/// The rate of a port that draws as fast as it can.
const FASTEST: f64 = 240.0;

/// A port that is too large for its rate: half transparent pictures of all of it, under a small one.
fn configuration(rate: f64, low: &str, high: &str) -> String {
    format!(
        r#"
version = 1
[render]
renderer = "cpu"
[[port]]
name = "main"
size = [{SIDE}, {SIDE}]
refresh = {rate:.3}
[[socket]]
name = "low"
{low}
[[socket]]
name = "high"
{high}
[[layer]]
name = "low"
port = "main"
socket = "low"
app_id = "low"
order = 0
opacity = 0.5
[[layer]]
name = "high"
port = "main"
socket = "high"
app_id = "high"
rect = [0, 0, 64, 48]
order = 1
"#
    )
}

/// A program with its picture on the port.
struct Drawer {
    program: Program,
    toplevel: Toplevel,
    buffer: Buffer,
}

impl Drawer {
    fn start(service: &Service, name: &str, size: (u32, u32)) -> Result<Self> {
        let mut program = Program::connect(&service.socket(name)?)?;
        let toplevel = program.toplevel(name)?;
        let buffer = program.buffer(size, Format::Argb8888, true)?;
        let mark = program.log.len();
        program.frame(&toplevel.surface);
        toplevel.show(&buffer);
        program.wait_for("a frame", mark, |line| line == "frame done")?;
        Ok(Self { program, toplevel, buffer })
    }

    /// Shows its picture again, all of it as new.
    fn draw(&self) {
        self.toplevel.show(&self.buffer);
    }

    /// Shows its picture and waits until it is on the port.
    fn draw_and_wait(&mut self) -> Result<()> {
        let mark = self.program.log.len();
        self.program.frame(&self.toplevel.surface);
        self.draw();
        self.program.wait_for("a frame", mark, |line| line == "frame done")
    }
}

/// The rate of a port that is behind here and now, and not by more than it puts pictures off: drawing all of it
/// takes about two periods.
fn rate(low: &mut Drawer) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let begun = Instant::now();
        low.draw_and_wait()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let usual: Duration = times[times.len() / 2];
    Ok((2.0 / usual.as_secs_f64()).clamp(1.0, FASTEST))
}

/// How far a port is behind.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    /// A frame takes about two periods.
    Little,
    /// A frame takes as many as it takes.
    Much,
}

/// Has one program draw as fast as its frames come, with the other drawing beside each of them; gives
/// what was counted.
fn both_draw(behind: Behind, priorities: (&str, &str)) -> Result<Value> {
    let text = |rate: f64| configuration(rate, priorities.0, priorities.1);
    let service = Service::start_with(&text(FASTEST))?;
    let mut low = Drawer::start(&service, "low", (SIDE, SIDE))?;
    if behind == Behind::Little {
        service.reload(&text(rate(&mut low)?))?;
        wait_until("the rate", SHORT, || {
            Ok(service.process.log().contains("the configuration was read again").then_some(()))
        })?;
    }
    let mut high = Drawer::start(&service, "high", (64, 48))?;
    for _ in 0..FRAMES {
        low.draw();
        low.program.send()?;
        high.draw_and_wait()?;
    }
    Ok(statistics(&service.process)?["accounts"].take())
}

fn count(accounts: &Value, socket: &str, what: &str) -> u64 {
    accounts[socket][what].as_u64().unwrap_or_else(|| panic!("{what} of {socket}: {accounts}"))
}

fn the_other_is_put_off(behind: Behind) -> Result<()> {
    let accounts = both_draw(behind, ("priority = 1", "priority = 8"))?;
    let count = |socket, what| count(&accounts, socket, what);
    let all = u64::try_from(FRAMES).expect("few") + 1;
    // All of the one are shown, and none waited for the other ...
    assert_eq!((count("high", "pictures"), count("high", "shown")), (all, all));
    assert_eq!((count("high", "dropped"), count("high", "put_off")), (0, 0));
    // ... of which pictures were put off, and replaced by newer ones.
    assert!(count("low", "put_off") > 0, "{accounts}");
    assert!(count("low", "shown") < count("low", "pictures"), "{accounts}");
    Ok(())
}

#[test]
fn the_layer_that_matters_more_goes_first_on_a_port_that_is_behind() -> Result<()> {
    the_other_is_put_off(Behind::Little)
}

#[test]
fn the_layer_that_matters_more_goes_first_however_long_a_frame_takes() -> Result<()> {
    the_other_is_put_off(Behind::Much)
}

#[test]
fn equals_are_not_put_off() -> Result<()> {
    let accounts = both_draw(Behind::Little, ("", ""))?;
    assert_eq!(count(&accounts, "low", "put_off"), 0);
    assert_eq!(count(&accounts, "high", "put_off"), 0);
    Ok(())
}
