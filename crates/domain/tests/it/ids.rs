//! Ids that are hashes: a crash between deciding and doing cannot mint a second.

use crate::common::*;
use domain::{AttentionId, RunEvent, StepKey, TaskId};
use std::collections::BTreeSet;

#[test]
fn the_same_attempt_has_the_same_id_for_ever_and_no_other_has_it() {
    let mut seen = BTreeSet::new();
    for run in 0..10_u128 {
        let run = domain::RunId::from_bits(run);
        for item in [None, Some(0), Some(1), Some(10)] {
            for name in ["a", "aa", "b"] {
                let key = StepKey {
                    step: name.into(),
                    item,
                };
                for serial in 1..5 {
                    let id = TaskId::of(run, &key, serial);
                    assert_eq!(id, TaskId::of(run, &key, serial));
                    assert!(seen.insert(id.bits()));
                }
                assert!(seen.insert(key.chat(run).bits()));
            }
        }
        assert!((1..5).all(|serial| seen.insert(AttentionId::of(run, serial).bits())));
    }
}

#[test]
fn deciding_twice_orders_the_same_task() {
    let order = || Tale::of(vec![agent("one")]).admit("one").unwrap();
    let (first, second) = (order(), order());
    assert!(matches!(first[..], [RunEvent::TaskOrdered(_)]));
    assert_eq!(first, second);
}
