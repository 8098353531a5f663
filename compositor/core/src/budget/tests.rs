use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 1000;

fn ledger(reserves: &[u64]) -> Ledger<usize> {
    let mut ledger = Ledger::default();
    ledger.set_limit(LIMIT);
    for (who, reserve) in reserves.iter().enumerate() {
        ledger.allow(&who, Allowance { reserve: *reserve, most: u64::MAX });
    }
    ledger
}

#[test]
fn what_is_reserved_is_there_whatever_others_have() {
    let mut ledger = ledger(&[300, 0]);
    assert_eq!(ledger.take(&1, 701), Err(Refused::Budget { wanted: 701, free: 700 }));
    ledger.take(&1, 700).unwrap();
    assert_eq!(ledger.take(&1, 1), Err(Refused::Budget { wanted: 1, free: 0 }));
    ledger.take(&0, 300).unwrap();
    assert_eq!(ledger.take(&0, 1), Err(Refused::Budget { wanted: 1, free: 0 }));
    assert_eq!(ledger.sums(), (1000, 0));
    ledger.give_back(&1, 700);
    ledger.take(&0, 700).unwrap();
}

#[test]
fn a_quota_is_its_owners_own() {
    let mut ledger = ledger(&[0, 0]);
    ledger.allow(&0, Allowance { reserve: 0, most: 10 });
    let error = ledger.take(&0, 11).unwrap_err();
    assert_eq!(error.to_string(), "would take 11 bytes; it may have 10");
    ledger.take(&0, 10).unwrap();
    ledger.take(&1, 990).unwrap();
    // An allowance that is taken away leaves what is used.
    ledger.retain(|_| false);
    assert_eq!((ledger.used_by(&0), ledger.used_by(&1)), (10, 990));
}

#[test]
fn a_lower_limit_takes_nothing_away() {
    let mut ledger = ledger(&[100]);
    ledger.take(&1, 900).unwrap();
    ledger.set_limit(500);
    assert!(ledger.take(&1, 1).is_err());
    // Not even what is reserved.
    ledger.take(&0, 100).unwrap();
    ledger.give_back(&1, 600);
    ledger.take(&1, 100).unwrap();
    assert!(ledger.take(&1, 1).is_err());
}

#[test]
fn no_sum_is_too_large_for_a_number() {
    let mut ledger = Ledger::default();
    ledger.take(&1, u64::MAX).unwrap();
    ledger.take(&1, 1).unwrap_err();
    ledger.give_back(&1, u64::MAX);
    assert_eq!(ledger.sums(), (0, 0));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize, u64),
    Give(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let take = (0_usize..4, 0_u64..600).prop_map(|(who, amount)| Step::Take(who, amount));
    let give = (0_usize..4, 0_u64..600).prop_map(|(who, amount)| Step::Give(who, amount));
    proptest::collection::vec(prop_oneof![take, give], 0..80)
}

proptest! {
    #[test]
    fn the_limit_holds_and_reservations_too(
        reserves in proptest::collection::vec(0_u64..250, 4),
        steps in steps(),
    ) {
        let mut ledger = ledger(&reserves);
        let mut has = [0_u64; 4];
        for step in steps {
            match step {
                Step::Take(who, amount) => {
                    let within = has[who] + amount <= reserves[who];
                    let taken = ledger.take(&who, amount).is_ok();
                    prop_assert!(taken || !within, "refused within a reservation");
                    if taken {
                        has[who] += amount;
                    }
                }
                Step::Give(who, amount) => {
                    let amount = amount.min(has[who]);
                    ledger.give_back(&who, amount);
                    has[who] -= amount;
                }
            }
            let held: u64 = has.iter().zip(&reserves).map(|(has, kept)| has.max(kept)).sum();
            let used: u64 = has.iter().sum();
            prop_assert!(held <= LIMIT, "{held} of {LIMIT}");
            prop_assert_eq!(ledger.sums(), (used, held - used));
            for (who, has) in has.iter().enumerate() {
                prop_assert_eq!(ledger.used_by(&who), *has);
            }
        }
        // What is given back can be had again, all of it.
        for (who, has) in has.iter().enumerate() {
            ledger.give_back(&who, *has);
        }
        ledger.retain(|_| false);
        ledger.take(&9, LIMIT).unwrap();
    }
}
