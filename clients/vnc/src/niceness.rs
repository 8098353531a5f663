//! Leaves the processor to those servers whose viewers matter more.

/// Steps of niceness for each step of priority: a server that matters four steps less gets about a sixth
/// of the time of one that wants all of it as well.
const STEP: u8 = 2;

/// Priorities are 0 to 9; nothing else is believed.
const HIGHEST: u8 = 9;

/// The niceness of a server of this priority beside one of the highest.
pub(crate) fn of(priority: u32, highest: u32) -> u8 {
    let known = |priority: u32| u8::try_from(priority).unwrap_or(HIGHEST).min(HIGHEST);
    STEP * known(highest).saturating_sub(known(priority))
}

/// How nice this process was made by whoever started it.
pub(crate) fn given() -> i32 {
    rustix::process::getpriority_process(None).unwrap_or_default()
}

/// Takes a niceness. A process that has not the right to it can become nicer only.
pub(crate) fn take(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::warn!("the niceness cannot be {niceness} (see LimitNICE= of the unit): {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn who_matters_most_is_not_nice() {
        assert_eq!(of(5, 5), 0);
        assert_eq!(of(9, 9), 0);
        assert_eq!(of(5, 9), 8);
        assert_eq!(of(0, 9), 18);
        assert_eq!(of(9, 5), 0);
        assert_eq!(of(0, u32::MAX), 18);
    }
}
