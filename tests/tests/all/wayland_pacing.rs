//! Commits that wait for each other or for a time, and those that may not wait for ever.

use porthole_tests::{
    Result,
    program::{Buffer, Program, Toplevel},
};
use rustix::time::{ClockId, clock_gettime};
use wayland_client::protocol::wl_shm::Format;

use crate::wayland_scene::{APP, picture, service};

const MILLISECOND: u64 = 1_000_000;

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap() * 1_000 * MILLISECOND + u64::try_from(time.tv_nsec).unwrap()
}

/// A toplevel that shows something, and buffers of one colour each: 1, 2, 3, ...
fn shown(program: &mut Program, app: &str, count: u32) -> Result<(Toplevel, Vec<Buffer>)> {
    let toplevel = program.toplevel(app)?;
    let buffers = (1..=count)
        .map(|color| {
            let buffer = program.buffer((40, 20), Format::Xrgb8888, true)?;
            buffer.paint(|_, _| color)?;
            Ok(buffer)
        })
        .collect::<Result<Vec<_>>>()?;
    toplevel.show(buffers.first().expect("a buffer"));
    program.roundtrip()?;
    if app == APP {
        drawn(program, &toplevel)?;
    }
    Ok((toplevel, buffers))
}

/// Waits until all that was committed is drawn.
fn drawn(program: &mut Program, toplevel: &Toplevel) -> Result<()> {
    let mark = program.log.len();
    program.frame(&toplevel.surface);
    toplevel.surface.commit();
    program.wait_for("a frame", mark, |l| l == "frame done")
}

#[test]
fn each_commit_of_a_queue_is_shown_for_a_frame() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (toplevel, buffers) = shown(&mut program, APP, 6)?;
    let fifo = program.fifo(&toplevel.surface)?;
    let mark = program.log.len();
    for buffer in &buffers {
        fifo.set_barrier();
        fifo.wait_barrier();
        program.feedback(&toplevel.surface)?;
        toplevel.show(buffer);
    }
    drawn(&mut program, &toplevel)?;
    let times = program.presented(mark);
    assert_eq!(times.len(), buffers.len(), "none is skipped");
    // A frame is 16.7 ms; what a busy machine is late at one it may make up for at the next.
    let span = times.last().unwrap() - times.first().unwrap();
    assert!(span >= 4 * 16 * MILLISECOND, "{span} ns for six frames");
    assert!(!program.log.since(mark).iter().any(|l| l == "discarded"));
    assert!(picture(&mut program)?.contains(&6));
    Ok(())
}

#[test]
fn without_a_barrier_the_newest_commit_wins_at_once() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (toplevel, buffers) = shown(&mut program, APP, 6)?;
    let _unused = program.fifo(&toplevel.surface)?;
    for buffer in &buffers {
        toplevel.show(buffer);
    }
    drawn(&mut program, &toplevel)?;
    assert!(picture(&mut program)?.contains(&6));
    Ok(())
}

#[test]
fn a_program_that_is_not_shown_goes_on_slowly() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (toplevel, buffers) = shown(&mut program, "nobody", 3)?;
    let fifo = program.fifo(&toplevel.surface)?;
    let mark = program.log.len();
    for buffer in &buffers {
        fifo.set_barrier();
        fifo.wait_barrier();
        toplevel.show(buffer);
    }
    // A commit that is applied gives back the buffer of the one before.
    program.wait_for("the first buffer", mark, |l| l.ends_with("released"))?;
    let mark = program.log.len();
    program.wait_for("the second buffer", mark, |l| l.ends_with("released"))
}

#[test]
fn a_commit_is_not_shown_before_its_time() -> Result<()> {
    let service = service()?;
    let mut program = Program::connect(&service.socket("viewer")?)?;
    let (toplevel, buffers) = shown(&mut program, APP, 3)?;
    let timer = program.commit_timer(&toplevel.surface)?;
    let at = now() + 120 * MILLISECOND;
    let (seconds, nanoseconds) = (at / (1_000 * MILLISECOND), at % (1_000 * MILLISECOND));
    let half = |v: u64| u32::try_from(v).unwrap();
    timer.set_timestamp(half(seconds >> 32), half(seconds & 0xffff_ffff), half(nanoseconds));
    let mark = program.log.len();
    program.feedback(&toplevel.surface)?;
    toplevel.show(&buffers[1]);
    // Commits keep their order: this one has no time, and still comes after.
    toplevel.show(&buffers[2]);
    let early = picture(&mut program)?;
    if now() < at {
        assert!(early.contains(&1) && !early.contains(&2) && !early.contains(&3));
    }
    program.wait_for("the frame", mark, |l| l.starts_with("presented") || l == "discarded")?;
    assert!(now() >= at);
    assert!(program.presented(mark).iter().all(|shown| *shown >= at));
    drawn(&mut program, &toplevel)?;
    assert!(picture(&mut program)?.contains(&3));

    // A time that is over holds nothing up.
    timer.set_timestamp(0, 1, 0);
    toplevel.show(&buffers[0]);
    drawn(&mut program, &toplevel)?;
    assert!(picture(&mut program)?.contains(&1));
    Ok(())
}

#[test]
fn a_queue_without_end_and_times_that_are_none_are_refused() -> Result<()> {
    let service = service()?;
    let connect = || Program::connect(&service.socket("viewer")?);
    let mut program = connect()?;
    let (toplevel, buffers) = shown(&mut program, APP, 1)?;
    let timer = program.commit_timer(&toplevel.surface)?;
    timer.set_timestamp(u32::MAX, u32::MAX, 999_999_999);
    for _ in 0..=64 {
        toplevel.show(&buffers[0]);
    }
    let error = program.roundtrip().expect_err("a queue").to_string();
    assert!(error.contains("more than 64 commits wait"), "{error}");

    for (nanoseconds, times, code) in [(1_000_000_000, 1, 0), (0, 2, 1)] {
        let mut program = connect()?;
        let surface = program.surface();
        let timer = program.commit_timer(&surface)?;
        for _ in 0..times {
            timer.set_timestamp(0, 0, nanoseconds);
        }
        let error = program.roundtrip().expect_err("a mistake").to_string();
        assert!(error.contains(&format!("wp_commit_timer_v1 error {code}")), "{error}");
    }

    let mut program = connect()?;
    let surface = program.surface();
    let fifo = program.fifo(&surface)?;
    surface.destroy();
    program.roundtrip()?;
    fifo.set_barrier();
    let error = program.roundtrip().expect_err("no surface").to_string();
    assert!(error.contains("wp_fifo_v1 error 0"), "{error}");
    connect()?.roundtrip()
}
