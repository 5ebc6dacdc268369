//! A task that does not end when the daemon is asked to stop: killed, and gone on with by the next.

use crate::world::*;
use cases::Case;
use std::time::{Duration, Instant};

/// Its own way to be interrupted, then the request to end, then the end, and for everything more than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(1 + 5 + 14);

#[test]
fn f_32_a_task_that_ignores_the_end_of_its_daemon_is_killed_not_failed() {
    let mut case = Case::open("F-32");
    for (mode, sandbox) in MODES {
        let world = World::new(sandbox);
        world.script(
            "[[scene]]\nattempt = 1\ndo = [{ ignore_term = true }, { append = { path = \"@{env:EFFECTS}/effects\", line = \"deaf\" } }, \
             { hang = { deaf = true } }]\n[[scene]]\ndo = [{ say = \"Done.\" }]\n",
        );
        let run = world.begin("readers");
        await_that(|| world.effects().len() == 5, "all of them are deaf");
        let shown = world.show(&run);
        let ids = shown["tasks"].as_array().unwrap().iter();
        let marks: Vec<String> = ids
            .map(|task| format!("PARTITA_TASK={}", task["id"].as_str().unwrap()))
            .collect();
        case.tried();
        let asked = Instant::now();
        world.run(&["stop"]).ok();
        let took = asked.elapsed();
        println!("{mode}: stopped after {took:?}");
        let left: Vec<u32> = marks.iter().flat_map(|mark| holding("environ", mark)).collect();
        assert_eq!(left, [0_u32; 0], "{mode}");
        assert!(took > Duration::from_secs(5) && took < LIMIT, "{mode}: {took:?}");
        world.run(&["start"]).ok();
        let ended = world.end_of(&run);
        assert_eq!(ended["status"], "completed", "{mode}: {ended:#}");
        for key in ["a", "b", "c", "d", "e"] {
            let states: Vec<_> = tasks(&ended, key)
                .iter()
                .map(|task| task["state"].clone())
                .collect();
            // Ended by the daemon, for it stopped: no failure, and no try of the step's is spent.
            assert_eq!(states, ["cancelled", "completed"], "{mode}: {ended:#}");
        }
        case.hit();
    }
    case.pass(3);
}
