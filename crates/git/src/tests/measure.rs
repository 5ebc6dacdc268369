//! How long a place takes, against git's own worktree: run by hand with `--ignored --nocapture`.

use super::{World, sh};
use domain::Access;
use engine::ports::Workspaces;
use std::time::Instant;

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_a_place_of_five_thousand_files() {
    let world = World::new().await;
    let make = "mkdir -p d; for d in $(seq 50); do mkdir d/$d; for f in $(seq 100); do \
                head -c 10000 /dev/urandom | base64 > d/$d/$f; done; done; git add -A; git commit -qm many";
    sh(&world.project(), make);
    let base = world.base().await;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for n in 0..4 {
        let began = Instant::now();
        sh(
            &world.project(),
            &format!("git worktree add -q -b b{n} ../plain-{n}"),
        );
        plain.push(began.elapsed().as_millis());
        let began = Instant::now();
        let place = world
            .places
            .prepare(world.spec(&format!("s{n}"), Access::Write, &base))
            .await
            .unwrap();
        ours.push(began.elapsed().as_millis());
        if n == 3 {
            let began = Instant::now();
            assert!(world.places.changed(place.clone()).await.unwrap().is_empty());
            eprintln!("changed, nothing did: {} ms", began.elapsed().as_millis());
            sh(
                &place.path,
                "for d in 1 2 3 4 5; do for f in 1 2 3 4 5; do echo x >> d/$d/$f; done; done",
            );
            let began = Instant::now();
            let change = world
                .places
                .harvest(place.clone(), super::task("x"), String::new())
                .await
                .unwrap()
                .unwrap();
            eprintln!(
                "harvest of {} files, no sandbox: {} ms",
                change.files,
                began.elapsed().as_millis()
            );
            let began = Instant::now();
            world.places.prepare(place.spec).await.unwrap();
            eprintln!("prepare, found again: {} ms", began.elapsed().as_millis());
        }
    }
    let began = Instant::now();
    world.places.release(world.project(), super::RUN).await.unwrap();
    eprintln!("release of four: {} ms", began.elapsed().as_millis());
    eprintln!("place {ours:?} ms, git worktree add {plain:?} ms");
    let sum = |all: &[u128]| all.iter().sum::<u128>();
    eprintln!("ratio {:.2}", sum(&ours) as f64 / sum(&plain) as f64);
}
