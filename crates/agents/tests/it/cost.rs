//! What starting costs, in each way of bounding. Run by hand: `cargo test -p agents --test it cost -- --ignored --nocapture`.

use crate::common::*;
use agents::Confined;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and asserts nothing that a busy machine could keep"]
async fn starting_costs_little() {
    let namespace = "[sandbox]\nmode = 'landlock'\ncontainment = 'bwrap'\n";
    for (mode, config) in [
        ("bwrap", BWRAP),
        ("bwrap+landlock", namespace),
        ("shim+landlock", LANDLOCK),
        ("shim+none", NOTHING),
    ] {
        let probing = Instant::now();
        let world = World::new(config).await;
        let probed = probing.elapsed();
        let mut confined = Vec::new();
        let mut tasks = Vec::new();
        for _ in 0..50 {
            let started = Instant::now();
            let wanted = Confined {
                line: vec!["/bin/true".to_owned()],
                place: world.place(),
                time: Duration::from_secs(20),
                output_max: 100,
                ..Confined::default()
            };
            assert_eq!(world.fleet.confined(wanted).await.unwrap().code, Some(0));
            confined.push(started.elapsed());
            let started = Instant::now();
            world.run(world.command("true")).await;
            tasks.push(started.elapsed());
        }
        confined.sort();
        tasks.sort();
        println!(
            "{mode}: fleet {probed:?}, confined p50 {:?} max {:?}, task p50 {:?} max {:?}",
            confined[25], confined[49], tasks[25], tasks[49]
        );
    }
}
