//! What work units wait for: no unknown unit, never themselves, and until the last of it is done.

use crate::work_unit::{UNIT, new, owned, set_status, status_changed, unit_that_is, units};
use crate::world::NOW;
use domain::{Refusal, UnitEvent, UnitId, UnitInput, UnitStatus, decide_unit};

#[test]
fn a_blocker_that_is_done_blocks_nobody() {
    let mut known = units(&[("schema", &[])]);
    let done = status_changed(UnitStatus::Running, UnitStatus::Done, "");
    known.apply(UNIT, &done, NOW);

    let created = known.create(new("login", &["schema"]));

    assert!(matches!(created, Ok(UnitEvent::Created(created)) if created.status == UnitStatus::Ready));
}

#[test]
fn a_unit_waits_only_for_units_that_are_there() {
    let known = units(&[("schema", &[])]);

    assert_eq!(
        known.create(new("login", &["schema", "nobody"])),
        Err(Refusal::UnknownChunk("nobody".to_owned()))
    );
}

#[test]
fn no_unit_waits_for_itself_however_far_around() {
    let known = units(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
    let circle = Err(Refusal::BlockersCircle("a".to_owned()));

    assert_eq!(known.check_blockers("a", &owned(&["a"])), circle);
    assert_eq!(known.check_blockers("a", &owned(&["b"])), circle);
    assert_eq!(known.check_blockers("a", &owned(&["d", "c"])), circle);
    assert_eq!(known.check_blockers("a", &owned(&["d"])), Ok(()));
    assert_eq!(known.check_blockers("c", &owned(&["a", "b", "a"])), Ok(()));
    assert_eq!(
        known.create(new("e", &["e"])),
        Err(Refusal::BlockersCircle("e".to_owned()))
    );
}

#[test]
fn those_that_wait_for_a_renamed_unit_wait_for_its_new_name() {
    let mut known = units(&[("schema", &[]), ("other", &[]), ("login", &["other", "schema"])]);
    let login = UnitId::from_bits(3);
    let follows = known.renamed("schema", "tables");
    assert_eq!(
        follows,
        [(
            login,
            UnitEvent::BlockersChanged {
                blocked_by: owned(&["other", "tables"]),
            }
        )]
    );

    let renamed = decide_unit(
        known.get(UNIT).expect("a unit"),
        UnitInput::Rename {
            chunk: "tables".to_owned(),
        },
        None,
        false,
    )
    .expect("a name");
    renamed.iter().for_each(|event| known.apply(UNIT, event, NOW));
    follows
        .iter()
        .for_each(|(id, event)| known.apply(*id, event, NOW));

    assert_eq!(known.of_chunk("schema"), None);
    assert_eq!(known.of_chunk("tables").map(|unit| unit.id), Some(UNIT));
    assert_eq!(known.waiting_for("tables").count(), 1);
    assert_eq!(known.check_chunk("schema"), Ok(()), "the old name is free");
}

#[test]
fn those_that_wait_for_a_unit_that_is_gone_forget_its_name() {
    let known = units(&[("schema", &[]), ("other", &[]), ("login", &["other", "schema"])]);

    assert_eq!(
        known.forgotten("schema"),
        [(
            UnitId::from_bits(3),
            UnitEvent::BlockersChanged {
                blocked_by: owned(&["other"]),
            }
        )]
    );
}

#[test]
fn a_unit_is_unblocked_when_the_last_of_its_blockers_is_done() {
    let unit = unit_that_is(UnitStatus::Blocked);

    assert_eq!(
        decide_unit(&unit, UnitInput::Unblocked, Some("schema"), false),
        Err(Refusal::NothingToDo)
    );
    assert_eq!(
        decide_unit(&unit, UnitInput::Unblocked, None, false),
        Ok(vec![status_changed(
            UnitStatus::Blocked,
            UnitStatus::Ready,
            "all it waited for is done"
        )])
    );
    for status in UnitStatus::ALL
        .into_iter()
        .filter(|status| *status != UnitStatus::Blocked)
    {
        assert_eq!(
            decide_unit(&unit_that_is(status), UnitInput::Unblocked, None, false),
            Err(Refusal::NothingToDo),
            "{status:?}"
        );
    }
}

#[test]
fn the_first_blocker_that_is_not_done_is_named_and_one_that_is_gone_holds_nobody_up() {
    let mut known = units(&[("a", &[]), ("b", &[])]);
    let chunks = owned(&["gone", "a", "b"]);
    assert_eq!(known.open_blocker(&chunks), Some("a"));

    known.apply(
        UNIT,
        &status_changed(UnitStatus::Running, UnitStatus::Done, ""),
        NOW,
    );
    assert_eq!(known.open_blocker(&chunks), Some("b"));

    known.apply(UnitId::from_bits(2), &UnitEvent::Deleted, NOW);
    assert_eq!(known.open_blocker(&chunks), None);
}

#[test]
fn nobody_moves_a_unit_past_its_open_blockers() {
    for (from, to) in [
        (UnitStatus::Blocked, UnitStatus::Ready),
        (UnitStatus::NeedsAttention, UnitStatus::Ready),
        (UnitStatus::Ready, UnitStatus::Running),
    ] {
        assert_eq!(
            decide_unit(&unit_that_is(from), set_status(to), Some("schema"), false),
            Err(Refusal::StillBlocked("schema".to_owned())),
            "{from:?} {to:?}"
        );
    }
}

#[test]
fn new_blockers_block_a_ready_unit_and_release_a_blocked_one() {
    let set = |status: UnitStatus, open_blocker: Option<&str>| {
        let input = UnitInput::SetBlockers {
            blocked_by: owned(&["schema"]),
        };
        decide_unit(&unit_that_is(status), input, open_blocker, false)
    };
    let changed = UnitEvent::BlockersChanged {
        blocked_by: owned(&["schema"]),
    };
    let why = "its blockers changed";

    assert_eq!(
        set(UnitStatus::Ready, Some("schema")),
        Ok(vec![
            changed.clone(),
            status_changed(UnitStatus::Ready, UnitStatus::Blocked, why)
        ])
    );
    assert_eq!(
        set(UnitStatus::Blocked, None),
        Ok(vec![
            changed.clone(),
            status_changed(UnitStatus::Blocked, UnitStatus::Ready, why)
        ])
    );
    for (status, open_blocker) in [
        (UnitStatus::Ready, None),
        (UnitStatus::Blocked, Some("schema")),
        (UnitStatus::Running, Some("schema")),
        (UnitStatus::Done, Some("schema")),
    ] {
        assert_eq!(
            set(status, open_blocker),
            Ok(vec![changed.clone()]),
            "{status:?} {open_blocker:?}"
        );
    }
}

#[test]
fn those_that_could_begin_wait_again_when_what_they_waited_for_is_to_be_done_again() {
    let mut known = units(&[
        ("schema", &[]),
        ("login", &["schema"]),
        ("shop", &["schema"]),
        ("x", &[]),
    ]);
    let [schema, login, shop] = [1, 2, 3].map(UnitId::from_bits);
    let ready = status_changed(UnitStatus::Blocked, UnitStatus::Ready, "");
    let running = status_changed(UnitStatus::Ready, UnitStatus::Running, "");
    known.apply(
        schema,
        &status_changed(UnitStatus::Running, UnitStatus::Done, ""),
        NOW,
    );
    known.apply(login, &ready, NOW);
    known.apply(shop, &ready, NOW);
    known.apply(shop, &running, NOW);

    let why = "`schema` is to be done again";
    assert_eq!(
        known.undone("schema"),
        [(login, status_changed(UnitStatus::Ready, UnitStatus::Blocked, why))],
        "what is under way stays so"
    );
}
