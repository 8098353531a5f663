//! System calls, in groups by what a program goes on to do with them.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use thiserror::Error;

/// A group of system calls. Every program has what it takes to run at all: memory that is never
/// executed, threads, time, an event loop, and reading and writing what is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calls {
    /// Talks over sockets that are open, and takes descriptors from their peers.
    Sockets,
    /// Takes connections from sockets that listen.
    Accept,
    /// Makes Unix sockets, connects them, and hears of what comes into a folder.
    Connect,
    /// Makes TCP sockets and connects them.
    ConnectTcp,
    /// Makes Unix sockets in pairs or to listen at a path, and sets owner and mode of their files.
    Listen,
    /// Opens, lists and removes files, where rules about files let it.
    Files,
    /// Removes files; for who opens none. Comes with [`Sandbox::remove`](super::Sandbox::remove).
    Removal,
    /// Sends signals to other processes and waits for their ends.
    Processes,
    /// Loads code and drives a GPU.
    Graphics,
    /// Makes pipes and moves what is in them from one to another.
    Pipes,
    /// Gives its own threads another niceness.
    Niceness,
    /// Asks whether it writes to a terminal, and of what size.
    Terminal,
}

/// Why there is no filter.
#[derive(Debug, Error)]
pub(super) enum FilterError {
    #[error("none is written for this machine's processor")]
    Machine,
    #[error(transparent)]
    Made(#[from] seccompiler::BackendError),
    #[error(transparent)]
    Refused(#[from] seccompiler::Error),
}

/// Takes all other system calls from this process and its threads; how many are left.
pub(super) fn restrict(groups: &[Calls]) -> Result<usize, FilterError> {
    let rules = rules(groups)?;
    let count = rules.len();
    seccompiler::apply_filter_all_threads(&program(rules)?)?;
    Ok(count)
}

/// The filter, which also answers calls of another processor's interface, x86's x32 among them: their
/// numbers are none of ours.
fn program(rules: BTreeMap<c_long, Vec<SeccompRule>>) -> Result<BpfProgram, FilterError> {
    let machine: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|_| FilterError::Machine)?;
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    Ok(SeccompFilter::new(rules, missing, SeccompAction::Allow, machine)?.try_into()?)
}

fn rules(groups: &[Calls]) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, FilterError> {
    let mut rules = BTreeMap::new();
    let mut allow = |numbers: &[c_long]| {
        rules.extend(numbers.iter().map(|number| (*number, Vec::new())));
    };
    allow(RUNNING);
    allow(WAITING);
    allow(OPEN);
    #[cfg(target_arch = "x86_64")]
    allow(OLD);
    for group in groups {
        allow(match group {
            Calls::Sockets => SOCKETS,
            Calls::Accept => &[libc::SYS_accept4],
            Calls::Connect => CONNECT,
            Calls::ConnectTcp => &[libc::SYS_connect],
            Calls::Listen => LISTEN,
            Calls::Files => FILES,
            Calls::Removal => &[libc::SYS_unlinkat],
            Calls::Processes => PROCESSES,
            Calls::Graphics => GRAPHICS,
            Calls::Pipes => &[libc::SYS_pipe2, libc::SYS_splice],
            Calls::Niceness | Calls::Terminal => &[],
        });
        #[cfg(target_arch = "x86_64")]
        allow(match group {
            Calls::Accept => &[libc::SYS_accept],
            Calls::Files => OLD_FILES,
            Calls::Removal => &[libc::SYS_unlink],
            Calls::Listen => &[libc::SYS_chmod, libc::SYS_chown],
            _ => &[],
        });
        #[cfg(target_arch = "aarch64")]
        if *group == Calls::Files {
            allow(OLD_FILES);
        }
    }
    for (number, rule) in narrow(groups)? {
        rules.entry(number).or_insert_with(Vec::new).extend(rule);
    }
    Ok(rules)
}

/// Calls that are allowed with some arguments only; alternatives for each.
fn narrow(groups: &[Calls]) -> Result<Vec<(c_long, Vec<SeccompRule>)>, FilterError> {
    let loads_code = groups.contains(&Calls::Graphics);
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let thread = u64::from((libc::CLONE_VM | libc::CLONE_THREAD).unsigned_abs());
    let this_process = u64::from(std::process::id());
    let command = |command: &i32| one(1, equal(), u64::from(command.unsigned_abs()));
    let mut narrow = vec![
        // New threads of this process, no new processes. clone3 hides its flags in memory, so that it
        // is missing and the C library takes clone.
        (libc::SYS_clone, vec![one(0, SeccompCmpOp::MaskedEq(thread), thread)?]),
        // A program that fails ends itself by a signal.
        (libc::SYS_tgkill, vec![one(0, equal(), this_process)?]),
        (libc::SYS_prctl, vec![one(0, equal(), u64::from(libc::PR_SET_NAME.unsigned_abs()))?]),
        (libc::SYS_fcntl, FCNTL.iter().map(command).collect::<Result<_, _>>()?),
    ];
    if loads_code {
        narrow.push((libc::SYS_mmap, Vec::new()));
        narrow.push((libc::SYS_mprotect, Vec::new()));
        narrow.push((libc::SYS_ioctl, Vec::new()));
    } else {
        let data = || one(2, SeccompCmpOp::MaskedEq(executable), 0);
        narrow.push((libc::SYS_mmap, vec![data()?]));
        narrow.push((libc::SYS_mprotect, vec![data()?]));
        let mut commands = vec![libc::FIONBIO, libc::FIONREAD];
        if groups.contains(&Calls::Terminal) {
            commands.extend([libc::TCGETS, libc::TCGETS2, libc::TIOCGWINSZ]);
        }
        let commands = commands.into_iter().map(|command| one(1, equal(), command));
        narrow.push((libc::SYS_ioctl, commands.collect::<Result<_, _>>()?));
    }
    if groups.contains(&Calls::Niceness) {
        // Of a process, and of the one that asks.
        let own = [nothing(0)?, nothing(1)?];
        narrow.push((libc::SYS_setpriority, vec![SeccompRule::new(own.to_vec())?]));
    }
    if groups.iter().any(|group| matches!(group, Calls::Connect | Calls::Listen)) {
        let unix = one(0, equal(), u64::from(libc::AF_UNIX.unsigned_abs()))?;
        narrow.push((libc::SYS_socket, vec![unix.clone()]));
        if groups.contains(&Calls::Listen) {
            narrow.push((libc::SYS_socketpair, vec![unix]));
        }
    }
    if groups.contains(&Calls::ConnectTcp) {
        // Streams of the internet's two protocols; flags lie above the type.
        let family = |family: i32| {
            let stream = u64::from(libc::SOCK_STREAM.unsigned_abs());
            let family = SeccompCondition::new(
                0,
                SeccompCmpArgLen::Dword,
                equal(),
                u64::from(family.unsigned_abs()),
            )?;
            let kind = SeccompCmpOp::MaskedEq(0xf);
            let kind = SeccompCondition::new(1, SeccompCmpArgLen::Dword, kind, stream)?;
            Ok::<_, FilterError>(SeccompRule::new(vec![family, kind])?)
        };
        narrow.push((libc::SYS_socket, vec![family(libc::AF_INET)?, family(libc::AF_INET6)?]));
    }
    if !groups.contains(&Calls::Files) {
        // What is open may be looked at. A path is looked at too, where it is given all the same.
        let open = u64::from(libc::AT_EMPTY_PATH.unsigned_abs());
        let open = |argument| one(argument, SeccompCmpOp::MaskedEq(open), open);
        narrow.push((libc::SYS_newfstatat, vec![open(3)?]));
        narrow.push((libc::SYS_statx, vec![open(2)?]));
    }
    Ok(narrow)
}

fn equal() -> SeccompCmpOp {
    SeccompCmpOp::Eq
}

fn nothing(argument: u8) -> Result<SeccompCondition, FilterError> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, equal(), 0)?)
}

/// A rule about one argument. Flags and commands are 32 bits wide; the kernel ignores what is above.
fn one(argument: u8, compare: SeccompCmpOp, value: u64) -> Result<SeccompRule, FilterError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// Memory, threads, the program's own signals, time.
const RUNNING: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
];

/// Event loops.
const WAITING: &[c_long] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_signalfd4,
];

/// What is open already.
const OPEN: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fallocate,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_close,
];

/// What newer processors' interfaces have under newer names only.
#[cfg(target_arch = "x86_64")]
const OLD: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_dup2];

const SOCKETS: &[c_long] = &[
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

const CONNECT: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
];

const LISTEN: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_umask,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
];

const FILES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_flock,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_fadvise64,
    libc::SYS_copy_file_range,
    libc::SYS_uname,
    libc::SYS_sysinfo,
];

#[cfg(target_arch = "x86_64")]
const OLD_FILES: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
];

/// `renameat`, which has no name in the library of names for this processor.
#[cfg(target_arch = "aarch64")]
const OLD_FILES: &[c_long] = &[38];

const PROCESSES: &[c_long] =
    &[libc::SYS_kill, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_waitid];

const GRAPHICS: &[c_long] = &[
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_getparam,
    libc::SYS_getpriority,
    libc::SYS_setpriority,
    libc::SYS_mincore,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_getcpu,
    libc::SYS_kcmp,
    libc::SYS_prlimit64,
];

/// What may be done to a descriptor: nothing that has signals sent.
const FCNTL: &[i32] = &[
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
    libc::F_SETPIPE_SZ,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_groups_makes_a_filter() {
        let all = [
            Calls::Sockets,
            Calls::Accept,
            Calls::Connect,
            Calls::ConnectTcp,
            Calls::Listen,
            Calls::Files,
            Calls::Removal,
            Calls::Processes,
            Calls::Graphics,
            Calls::Niceness,
            Calls::Terminal,
        ];
        let base = rules(&[]).unwrap();
        for group in all {
            let rules = rules(&[group]).unwrap();
            assert!(rules.len() >= base.len(), "{group:?}");
            program(rules).unwrap();
        }
        program(rules(&all).unwrap()).unwrap();
    }

    #[test]
    fn what_starts_programs_and_opens_files_is_in_no_base() {
        let base = rules(&[Calls::Sockets, Calls::Accept]).unwrap();
        for number in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_openat,
            libc::SYS_openat2,
            libc::SYS_open_by_handle_at,
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_userfaultfd,
            libc::SYS_clone3,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_keyctl,
            libc::SYS_kill,
            libc::SYS_pidfd_getfd,
        ] {
            assert!(!base.contains_key(&number), "{number}");
        }
    }
}
