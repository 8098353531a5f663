//! What the system counts for the processes of a compositor.

use std::fs;

/// Sums over all threads of some processes, since they began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Nanoseconds on a processor.
    pub(crate) cpu: u64,
    /// How often a thread went to sleep by itself, which is how often one was woken.
    pub(crate) wake_ups: u64,
}

impl Counters {
    /// The sums of these processes; one that is gone counts nothing.
    pub(crate) fn of(processes: &[u32]) -> Self {
        let mut sum = Self::default();
        for process in processes {
            let part = Self::of_threads(*process, |_| true);
            sum.cpu += part.cpu;
            sum.wake_ups += part.wake_ups;
        }
        sum
    }

    /// The sums of those threads of a process that have a fitting name.
    pub(crate) fn of_threads(process: u32, fits: impl Fn(&str) -> bool) -> Self {
        let mut sum = Self::default();
        let tasks = fs::read_dir(format!("/proc/{process}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            if fits(read("comm").trim_end()) {
                sum.cpu += first_number(&read("schedstat"));
                sum.wake_ups += field(&read("status"), "voluntary_ctxt_switches:");
            }
        }
        sum
    }

    /// What was added since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let cpu = self.cpu.saturating_sub(earlier.cpu);
        Self { cpu, wake_ups: self.wake_ups.saturating_sub(earlier.wake_ups) }
    }
}

/// Bytes that only these processes use, each for itself.
pub(crate) fn private_memory(processes: &[u32]) -> u64 {
    let of = |process: &u32| {
        let file = format!("/proc/{process}/smaps_rollup");
        let text = fs::read_to_string(file).unwrap_or_default();
        (field(&text, "Private_Clean:") + field(&text, "Private_Dirty:")) * 1024
    };
    processes.iter().map(of).sum()
}

/// A process and all that it started, and so on.
pub(crate) fn family(process: u32) -> Vec<u32> {
    let mut family = vec![process];
    let mut next = 0;
    while let Some(process) = family.get(next).copied() {
        next += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    family
}

/// How many processes want to run, on average over the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn field(text: &str, name: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(name)).map(first_number).unwrap_or_default()
}
