use proptest::prelude::*;

use super::*;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn counters_have_the_numbers_of_their_places() {
    for (index, counter) in Counter::ALL.into_iter().enumerate() {
        assert_eq!(counter.index(), index);
        assert_eq!(counter as usize, index);
    }
}

#[test]
fn counters_are_those_of_the_protocol() {
    let file = "../../protocols/wayland/porthole-account-v1.xml";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(file).unwrap();
    for counter in Counter::ALL {
        let entry = format!("<entry name=\"{}\" value=\"{}\"", counter.name(), counter.index());
        assert!(text.contains(&entry), "{entry}");
    }
}

#[test]
fn a_steady_rate_is_that_rate_at_any_time() {
    let mut account = Account::default();
    for tick in 0..600 {
        account.add(Counter::Shown, 1, Duration::from_nanos(tick * 16_666_667));
    }
    for milliseconds in [9000, 9250, 9500, 9900, 9990] {
        let mut then = Account::default();
        for tick in (0..600).map(|tick| Duration::from_nanos(tick * 16_666_667)) {
            if tick <= at(milliseconds) {
                then.add(Counter::Shown, 1, tick);
            }
        }
        let rate = then.per_second(Counter::Shown, at(milliseconds));
        assert!((59..=61).contains(&rate), "{rate} at {milliseconds}");
    }
    assert_eq!(account.total(Counter::Shown), 600);
    assert_eq!(account.total(Counter::Late), 0);
}

#[test]
fn what_is_over_is_forgotten_without_anything_that_runs() {
    let mut account = Account::default();
    account.add(Counter::Requests, 1000, at(500));
    assert_eq!(account.per_second(Counter::Requests, at(600)), 1000);
    assert_eq!(account.per_second(Counter::Requests, at(1500)), 500);
    assert!(!account.is_still(at(1500)));
    assert_eq!(account.per_second(Counter::Requests, at(2500)), 0);
    assert!(account.is_still(at(2500)));
    assert_eq!(account.total(Counter::Requests), 1000);
}

#[test]
fn nothing_is_no_change() {
    let mut account = Account::default();
    account.add(Counter::Requests, 0, at(1));
    assert_eq!(account, Account::default());
    account.add(Counter::Requests, 1, at(1));
    assert_ne!(account.changes(), Account::default().changes());
}

proptest! {
    /// A rate is never more than what came in the two seconds that it is made of.
    #[test]
    fn rates_make_nothing_up(
        steps in proptest::collection::vec((0_u64..3000, 0_u64..100), 1..60),
        ask in 0_u64..4000,
    ) {
        let mut account = Account::default();
        let (mut now, mut all) = (0, Vec::new());
        for (wait, count) in steps {
            now += wait;
            account.add(Counter::Pictures, count, at(now));
            all.push((now, count));
        }
        let asked = now + ask;
        let rate = account.per_second(Counter::Pictures, at(asked));
        let near = all.iter().filter(|(when, _)| when / 1000 + 1 >= asked / 1000);
        prop_assert!(rate <= near.map(|(_, count)| count).sum());
        prop_assert_eq!(account.total(Counter::Pictures), all.iter().map(|(_, c)| c).sum::<u64>());
        prop_assert!(account.is_still(at(now + 2000)));
    }
}
