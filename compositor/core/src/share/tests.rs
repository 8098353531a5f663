use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// Serves in turns of so long the first of those that always wait; gives what each has had.
fn serve(costs: &[(u64, u8)], turns: usize, budget: Duration) -> Vec<Duration> {
    let mut order = Turns::default();
    let mut had = vec![Duration::ZERO; costs.len()];
    for _ in 0..turns {
        let mut waiting: Vec<usize> = (0..costs.len()).collect();
        order.order(&mut waiting, |who| (*who, Priority::new(costs[*who].1).unwrap()));
        let mut left = budget;
        for who in waiting {
            if left.is_zero() {
                break;
            }
            let took = Duration::from_micros(costs[who].0);
            order.spend(&who, took);
            had[who] += took;
            left = left.saturating_sub(took);
        }
    }
    had
}

#[test]
fn who_costs_more_is_served_less_often() {
    // One whose pieces take ten times as long.
    let had = serve(&[(2000, 5), (200, 5), (200, 5)], 3000, 2 * MS);
    let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
    assert!(*most - *least <= 3 * MS, "{had:?}");
}

#[test]
fn a_higher_priority_goes_first_and_leaves_the_rest() {
    let mut turns = Turns::default();
    turns.spend(&"high", 100 * MS);
    let mut waiting = vec!["low", "middle", "high"];
    let of = |who: &&'static str| {
        let number = match *who {
            "high" => 9,
            "middle" | "spent" => 5,
            _ => 0,
        };
        (*who, Priority::new(number).unwrap())
    };
    turns.order(&mut waiting, of);
    // It has had more than the others, which matter less.
    assert_eq!(waiting, ["high", "middle", "low"]);
    let mut waiting = vec!["middle", "spent"];
    turns.spend(&"spent", 100 * MS);
    turns.order(&mut waiting, of);
    assert_eq!(waiting, ["middle"]);
}

#[test]
fn nobody_saves_time_up() {
    let mut turns = Turns::default();
    let one = |who: &u32| (*who, Priority::default());
    for _ in 0..1000 {
        turns.order(&mut vec![1], one);
        turns.spend(&1, MS);
    }
    // The one that was away is served once, not a thousand times, before the other.
    let mut served = Vec::new();
    for _ in 0..10 {
        let mut waiting = vec![1, 2];
        turns.order(&mut waiting, one);
        turns.spend(&waiting[0], MS);
        served.push(waiting[0]);
    }
    let ones = served.iter().filter(|who| **who == 1).count();
    assert!((4..=6).contains(&ones), "{served:?}");
    assert!(turns.had.len() <= 2);
}

#[test]
fn priorities_have_one_digit() {
    assert_eq!(Priority::new(9), Some(Priority::HIGHEST));
    assert_eq!(Priority::new(10), None);
    assert_eq!(Priority::default().get(), 5);
}

proptest! {
    /// Whatever the pieces cost, nobody gets more than the dearest piece ahead of another.
    #[test]
    fn equals_get_equal_time(
        costs in proptest::collection::vec(1_u64..5000, 2..8),
        budget in 1_u64..8000,
    ) {
        let costs: Vec<(u64, u8)> = costs.into_iter().map(|cost| (cost, 5)).collect();
        let had = serve(&costs, 400, Duration::from_micros(budget));
        let dearest = Duration::from_micros(costs.iter().map(|(cost, _)| *cost).max().unwrap());
        let (least, most) = (had.iter().min().unwrap(), had.iter().max().unwrap());
        prop_assert!(*most - *least <= AHEAD + dearest, "{had:?} of {costs:?}");
        prop_assert!(*least > Duration::ZERO);
    }
}
