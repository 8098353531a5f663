//! Lines of the log: where they go, how they look, and how many there may be.
//!
//! Much of what is logged is provoked by a guest or viewer. One that provokes lines without end must
//! neither fill a disk nor hide what others have to say, so that each socket has a budget of its own;
//! what is left out is counted and told.

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    io::stderr,
    os::{fd::AsFd, unix::ffi::OsStrExt},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Writer},
    },
    layer::{Context, Filter, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// The field that says whose doing a line is.
const OWNER: &str = "socket";
/// Lines at once, and then one each second: enough for what happens when programs come and go.
const BURST: u32 = 200;
const INTERVAL: Duration = Duration::from_secs(1);
/// More owners than this share one budget; a configuration has fewer sockets.
const OWNERS: usize = 1024;

/// Has all lines of this process that pass a filter go to standard error.
pub(crate) fn start(filter: Targets) {
    let limiter = Arc::new(Limiter::default());
    let journal = goes_to_journal();
    let plain = format::format().with_target(false).with_ansi(false);
    if journal {
        // The journal has a clock of its own.
        install(filter, Lines { format: plain.without_time(), limiter, journal });
    } else {
        install(filter, Lines { format: plain, limiter, journal });
    }
}

fn install<F>(filter: Targets, lines: Lines<F>)
where
    Lines<F>:
        FormatEvent<tracing_subscriber::Registry, format::DefaultFields> + Send + Sync + 'static,
{
    let budget = Budget(lines.limiter.clone());
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        // Colours need one more package, and without it to ask for them on a terminal ends the program.
        .with_ansi(false)
        .event_format(lines)
        .with_filter(filter.and(budget));
    tracing_subscriber::registry().with(layer).init();
}

/// Whether standard error is read by systemd's journal, which says so by device and inode.
fn goes_to_journal() -> bool {
    let Some(journal) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let stat = rustix::fs::fstat(stderr().as_fd());
    stat.is_ok_and(|s| journal.as_bytes() == format!("{}:{}", s.st_dev, s.st_ino).as_bytes())
}

/// Who has how many lines left.
#[derive(Debug, Default)]
struct Limiter {
    owners: Mutex<BTreeMap<String, Left>>,
}

#[derive(Debug)]
struct Left {
    /// When the budget is whole again.
    full_at: Instant,
    missed: u64,
}

impl Limiter {
    /// Takes a line of somebody; false when it must be left out.
    fn take(&self, owner: &str, now: Instant) -> bool {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let known = owners.contains_key(owner) || owners.len() < OWNERS;
        let owner = if known { owner } else { "" };
        let left = owners.entry(owner.to_owned()).or_insert(Left { full_at: now, missed: 0 });
        let full_at = left.full_at.max(now) + INTERVAL;
        if full_at > now + INTERVAL * BURST {
            left.missed += 1;
            return false;
        }
        left.full_at = full_at;
        true
    }

    /// Whose lines were left out and how many, for those who have some left again, and for who has
    /// just been given one.
    fn missed(&self, given: &str, now: Instant) -> Vec<(String, u64)> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let due = owners.iter_mut().filter(|(owner, left)| {
            let again = left.full_at + INTERVAL <= now + INTERVAL * BURST;
            left.missed > 0 && (again || *owner == given)
        });
        due.map(|(owner, left)| (owner.clone(), std::mem::take(&mut left.missed))).collect()
    }
}

/// Lets through what the limiter has a line left for.
struct Budget(Arc<Limiter>);

impl<S> Filter<S> for Budget {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let mut owner = FindOwner(String::new());
        event.record(&mut owner);
        self.0.take(&owner.0, Instant::now())
    }
}

struct FindOwner(String);

impl Visit for FindOwner {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == OWNER {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == OWNER {
            self.0 = format!("{value:?}");
        }
    }
}

/// The form of lines: the usual one, for the journal with a level that it understands.
struct Lines<F> {
    format: F,
    limiter: Arc<Limiter>,
    journal: bool,
}

impl<F> Lines<F> {
    fn level(&self, writer: &mut Writer<'_>, level: Level) -> fmt::Result {
        if !self.journal {
            return Ok(());
        }
        // The levels of syslog, as systemd reads them (sd-daemon(3)).
        let number = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        write!(writer, "<{number}>")
    }
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut given = FindOwner(String::new());
        event.record(&mut given);
        for (owner, missed) in self.limiter.missed(&given.0, Instant::now()) {
            self.level(&mut writer, Level::WARN)?;
            let lines = if missed == 1 { "line was" } else { "lines were" };
            if owner.is_empty() {
                writeln!(writer, " WARN {missed} more {lines} not logged")?;
            } else {
                writeln!(writer, " WARN {missed} more {lines} not logged {OWNER}=\"{owner}\"")?;
            }
        }
        self.level(&mut writer, *event.metadata().level())?;
        if given.0.is_empty() {
            return self.format.format_event(context, writer, event);
        }
        // What a client says of itself may be in it, and must not look like another line.
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", line.trim_end_matches('\n').replace('\n', "\\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_budget_of_their_own() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let logged = (0..1000).filter(|_| limiter.take("loud", start)).count();
        assert_eq!(logged, 200);
        assert!(limiter.take("calm", start));
        assert!(limiter.missed("calm", start).is_empty(), "it would be told with every line");
        let later = start + INTERVAL;
        assert_eq!(limiter.missed("calm", later), [("loud".to_owned(), 800)]);
        assert!(limiter.missed("calm", later).is_empty());
        assert!(limiter.take("loud", later));
        assert!(!limiter.take("loud", later));
        assert_eq!(limiter.missed("loud", later), [("loud".to_owned(), 1)]);
        let much_later = start + Duration::from_secs(86_400);
        assert_eq!((0..1000).filter(|_| limiter.take("loud", much_later)).count(), 200);
    }

    #[test]
    fn too_many_owners_share() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for owner in 0..2000 {
            limiter.take(&owner.to_string(), start);
        }
        let kept = limiter.owners.lock().unwrap().len();
        assert_eq!(kept, OWNERS + 1);
    }
}
