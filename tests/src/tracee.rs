//! A process made to call the kernel from where it stands, as somebody would who has broken into it.
//!
//! A thread that waits in a system call is stopped, its registers are set to another call, and the
//! kernel's answer is read from them; afterwards it goes on with what it did. So what is tested is the
//! running program itself, with all that it has given up, and there is no way into it but this one.

use std::ffi::c_void;
use std::time::Duration;

use nix::libc::{self, c_long, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::failure::{Failure, OrFail, Result};
use crate::wait::{SHORT, pause};

/// The instruction that calls the kernel, as a little-endian word.
const SYSCALL: c_long = 0x050f;
/// How far below the stack's end we write: past what a function keeps there without saying.
const BELOW: u64 = 16 << 10;

/// A thread of another process that is stopped in a system call; it goes on when this is dropped.
#[derive(Debug)]
pub struct Tracee {
    thread: Pid,
    saved: user_regs_struct,
    /// Where the next text goes.
    free: u64,
}

/// The numbers of a process's threads.
///
/// # Errors
/// When there is no such process.
pub fn threads(process: u32) -> Result<Vec<i32>> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task")).or_fail("list threads")?;
    entries
        .map(|entry| entry?.file_name().to_string_lossy().parse().or_fail("read a thread's number"))
        .collect()
}

impl Tracee {
    /// Stops a thread as soon as it waits in a system call.
    ///
    /// # Errors
    /// When it may not be stopped, or never waits.
    pub fn stop(thread: i32) -> Result<Self> {
        let thread = Pid::from_raw(thread);
        let tries = SHORT.as_millis() / 10;
        for _ in 0..tries {
            ptrace::seize(thread, ptrace::Options::PTRACE_O_TRACESYSGOOD).or_fail("seize")?;
            ptrace::interrupt(thread).or_fail("interrupt")?;
            loop {
                match waitpid(thread, Some(WaitPidFlag::__WALL)).or_fail("wait for a thread")? {
                    WaitStatus::PtraceEvent(..) => break,
                    WaitStatus::Stopped(_, signal) => {
                        ptrace::cont(thread, signal).or_fail("go on")?;
                    }
                    other => return Err(Failure::new(format!("a thread is {other:?}"))),
                }
            }
            let saved = ptrace::getregs(thread).or_fail("read registers")?;
            let here = ptrace::read(thread, address(saved.rip - 2)).or_fail("read code")?;
            if here & 0xffff == SYSCALL {
                return Ok(Self { thread, saved, free: (saved.rsp - BELOW) & !15 });
            }
            ptrace::detach(thread, None).or_fail("detach")?;
            pause(Duration::from_millis(10));
        }
        Err(Failure::new("the thread never waits"))
    }

    /// Has a text, or any bytes, in the process's memory; its address.
    ///
    /// # Errors
    /// When the memory cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<u64> {
        let words = bytes.len() / 8 + 1;
        self.free -= u64::try_from(words * 8).or_fail("a length")?;
        let mut padded = bytes.to_vec();
        padded.resize(words * 8, 0);
        for (word, at) in padded.chunks_exact(8).zip((self.free..).step_by(8)) {
            let word = c_long::from_ne_bytes(word.try_into().or_fail("a word")?);
            ptrace::write(self.thread, address(at), word).or_fail("write memory")?;
        }
        Ok(self.free)
    }

    /// Has the thread make a system call; the kernel's answer, negative for an error's number.
    ///
    /// # Errors
    /// When the thread ends.
    pub fn call(&mut self, number: c_long, arguments: [u64; 6]) -> Result<i64> {
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        let rax = number.cast_unsigned();
        // No call is under way any more that could be made again.
        let none = u64::MAX;
        let rip = self.saved.rip - 2;
        let set =
            user_regs_struct { rip, rax, orig_rax: none, rdi, rsi, rdx, r10, r8, r9, ..self.saved };
        ptrace::setregs(self.thread, set).or_fail("write registers")?;
        self.to_kernel_boundary()?;
        self.to_kernel_boundary()?;
        let answer = ptrace::getregs(self.thread).or_fail("read registers")?.rax;
        Ok(answer.cast_signed())
    }

    /// Into the kernel, or out of it.
    fn to_kernel_boundary(&self) -> Result<()> {
        let mut signal = None;
        loop {
            ptrace::syscall(self.thread, signal).or_fail("go on")?;
            match waitpid(self.thread, Some(WaitPidFlag::__WALL)).or_fail("wait for a thread")? {
                WaitStatus::PtraceSyscall(_) => return Ok(()),
                WaitStatus::Stopped(_, other) => signal = Some(other),
                WaitStatus::PtraceEvent(..) => signal = None,
                other => return Err(Failure::new(format!("a thread is {other:?}"))),
            }
        }
    }

    /// The call that was under way is made again.
    fn go_on(&self) -> nix::Result<()> {
        let again = self.saved.orig_rax != u64::MAX && self.saved.rax.cast_signed() < 0;
        let saved = if again {
            let (rip, rax) = (self.saved.rip - 2, self.saved.orig_rax);
            user_regs_struct { rip, rax, orig_rax: u64::MAX, ..self.saved }
        } else {
            self.saved
        };
        ptrace::setregs(self.thread, saved)?;
        ptrace::detach(self.thread, None)
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // A thread that has ended needs nothing.
        let _ = self.go_on();
    }
}

fn address(number: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(usize::try_from(number).unwrap_or_default())
}

/// The error's number as a call answers it.
#[must_use]
pub fn answer_of(error: i32) -> i64 {
    -i64::from(error)
}

/// "No such system call", as the filter says it.
pub const MISSING: i64 = -(libc::ENOSYS as i64);
