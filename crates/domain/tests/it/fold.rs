//! Folds: lists gathered into one, in order, each thing once.

use crate::world::*;
use domain::{RunEvent, Value};

fn folded(world: &World) -> &Value {
    let step = world.run.step(&key("fold")).expect("a fold");
    step.output.as_ref().expect("a fold that is done")
}

fn count_and_items(items: &[&str]) -> Value {
    let count = i64::try_from(items.len()).expect("a few");
    Value::map([("count", Value::Int(count)), ("items", texts(items))])
}

#[test]
fn a_fold_follows_its_last_need_without_any_input() {
    let mut world = run_of([agent("scan"), fold("fold").after(&["scan"])]).working(&["scan"]);
    let output = texts(&["a"]);

    let events = world.take(ends(task("scan", 1), well(output.clone())));

    assert_eq!(
        events,
        Ok(vec![
            task_ended(task("scan", 1), well(output.clone())),
            completed("scan", output, None),
            completed("fold", count_and_items(&["a"]), None),
        ])
    );
}

#[test]
fn items_keep_the_order_of_needs_and_instances_not_of_arrival_and_are_kept_once() {
    let world = run_of([
        agent("angles").each("size.angles"),
        agent("extra"),
        fold("fold").after(&["extra", "angles"]),
    ])
    .gave("angles[1]", texts(&["d", "a", "e"]))
    .gave("angles[0]", texts(&["c", "b"]))
    .gave("extra", texts(&["a", "b"]));

    assert_eq!(folded(&world), &count_and_items(&["a", "b", "c", "d", "e"]));
}

#[test]
fn the_only_list_of_a_map_is_taken_and_anything_else_is_one_item() {
    let folded_of = |output: Value| {
        let world = run_of([agent("scan"), fold("fold").after(&["scan"])]).gave("scan", output);
        folded(&world).clone()
    };
    let one = |item: Value| Value::map([("count", Value::Int(1)), ("items", Value::List(vec![item]))]);
    let only_list = Value::map([("findings", texts(&["a", "b"])), ("said", Value::from("two"))]);
    let two_lists = Value::map([("left", texts(&["a"])), ("right", texts(&["b"]))]);

    assert_eq!(folded_of(only_list), count_and_items(&["a", "b"]));
    assert_eq!(folded_of(two_lists.clone()), one(two_lists));
    assert_eq!(folded_of(Value::from("words")), one(Value::from("words")));
    assert_eq!(folded_of(Value::Null), count_and_items(&[]));
}

#[test]
fn a_fold_of_what_was_skipped_or_left_out_is_empty_and_conditions_see_it() {
    let world = run_of([
        agent("scan"),
        agent("deep").when("input.fast"),
        fold("fold").after(&["scan", "deep"]),
        agent("refute").after(&["fold"]).when("fold.count > 0"),
    ])
    .and(skip("scan"));

    assert_eq!(
        world.history[world.history.len() - 3..],
        [
            skipped("scan"),
            completed("fold", count_and_items(&[]), None),
            RunEvent::StepsLeftOut {
                steps: names(&["refute"])
            },
        ]
    );
}
