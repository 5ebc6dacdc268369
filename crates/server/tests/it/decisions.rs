//! Many who decide at once: one decision is applied, and everybody else is told whose it was.

use crate::world::{Reply, World, request};
use axum::http::StatusCode;
use cases::Case;
use futures::future::join_all;
use serde_json::{Value as Json, json};

const CLIENTS: usize = 100;

fn rounds() -> usize {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        1_000
    } else {
        40
    }
}

/// A run that waits for a person, and the item it asks by.
async fn asking(world: &World) -> (String, String) {
    let run = world.run("asking", "quick").await;
    let detail = world
        .until(&run, |detail| detail["attention"][0]["state"] == "open")
        .await;
    let item = detail["attention"][0]["id"].as_str().unwrap().to_owned();
    (run, item)
}

/// What was applied, as the run's history has it, in order.
async fn applied(world: &World, run: &str) -> Vec<String> {
    let stream = domain::Stream::Run(run.parse().unwrap());
    let recorded = world.store.reader().load(stream, 0).await.unwrap();
    let decision = |recorded: engine::ports::Recorded| match recorded.event {
        domain::Event::Run(domain::RunEvent::AttentionAnswered { choice, .. }) => {
            Some(format!("answered `{}` by", choice.word()))
        }
        domain::Event::Run(domain::RunEvent::CancelRequested { .. }) => Some("cancelled by".to_owned()),
        domain::Event::Run(domain::RunEvent::AttentionWithdrawn { .. }) => Some("withdrawn".to_owned()),
        _ => None,
    };
    recorded.into_iter().filter_map(decision).collect()
}

fn is_refused(reply: &Reply, winners: &[&str]) {
    let problem = reply.problem();
    assert_eq!(problem.status, 409, "{problem:?}");
    let codes = ["unknown_attention", "run_ended", "run_cancelling"];
    assert!(codes.contains(&problem.code.as_str()), "{problem:?}");
    let because = problem.because.as_deref().unwrap();
    let is_named = winners.iter().any(|winner| because.contains(winner));
    assert!(is_named, "`{because}` names none of {winners:?}");
}

/// All at once; gives those whose decision was taken.
async fn at_once(
    world: &World,
    case: &mut Case,
    wishes: Vec<(&'static str, String, Option<Json>)>,
) -> Vec<&'static str> {
    let sent = wishes
        .iter()
        .map(|(_, path, body)| world.send(request("POST", path, body.clone())));
    case.tried_times(wishes.len() as u64);
    let replies = join_all(sent).await;
    let is_taken = |reply: &Reply| reply.status == StatusCode::NO_CONTENT;
    let won = replies.iter().zip(&wishes).filter(|(reply, _)| is_taken(reply));
    let won: Vec<&'static str> = won.map(|(_, (said, ..))| *said).collect();
    let lost = replies.iter().filter(|reply| !is_taken(reply));
    lost.for_each(|reply| is_refused(reply, &won));
    case.hit_times(wishes.len() as u64);
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_76_of_many_decisions_at_once_one_is_applied() {
    let mut case = Case::open("F-76");
    let world = World::new().await;
    let mut winners = std::collections::BTreeMap::<_, usize>::new();
    for round in 0..rounds() {
        let (run, item) = asking(&world).await;
        let answer = format!("/api/attention/{item}/answer");
        // Another one is first in each round; in every other round somebody wants the whole run to end as well.
        let wishes = (0..CLIENTS).map(|client| match (client + round) % 3 {
            0 => (
                "answered `approve` by",
                answer.clone(),
                Some(json!({"choice": "approve"})),
            ),
            1 => (
                "answered `reject` by",
                answer.clone(),
                Some(json!({"choice": "reject"})),
            ),
            _ if round % 2 == 0 => (
                "answered `approve` by",
                answer.clone(),
                Some(json!({"choice": "approve"})),
            ),
            _ => ("cancelled by", format!("/api/runs/{run}/cancel"), None),
        });
        let mut won = at_once(&world, &mut case, wishes.collect()).await;
        let detail = world.until(&run, |detail| detail["status"] != "running").await;
        let applied = applied(&world, &run).await;
        let mut said: Vec<&str> = applied.iter().map(String::as_str).collect();
        // One decision closes the question, and only who made it is told that it was done.
        let closings = said.iter().filter(|said| **said != "cancelled by").count();
        assert_eq!(closings, 1, "{said:?}");
        said.retain(|said| *said != "withdrawn");
        // Somebody may end a run whose question was answered a moment ago, never answer one that was cancelled.
        let order = ["answered", "cancelled"];
        assert!(
            said.len() == 1 || said.iter().zip(order).all(|(said, word)| said.starts_with(word)),
            "{said:?}"
        );
        won.sort_unstable();
        assert_eq!(won, said, "what was told is what was done");
        let status = match *said.last().unwrap() {
            "answered `approve` by" => "completed",
            "answered `reject` by" => "failed",
            _ => "cancelled",
        };
        assert_eq!(detail["status"], status, "{said:?}");
        *winners.entry(applied).or_default() += 1;
    }
    println!("F-76: {winners:?}");
    case.pass((CLIENTS * rounds()) as u64);
}

#[tokio::test]
async fn f_76_a_decision_that_comes_late_is_refused_by_what_came_before() {
    let mut case = Case::open("F-76");
    let world = World::new().await;
    let approve = Some(json!({"choice": "approve"}));
    for (first, winner) in [
        ("cancel", "cancelled by the owner (socket)"),
        ("answer", "answered `reject` by the owner (socket)"),
    ] {
        let (run, item) = asking(&world).await;
        let answer = format!("/api/attention/{item}/answer");
        let cancel = format!("/api/runs/{run}/cancel");
        let done = match first {
            "cancel" => world.act(&cancel).await,
            _ => world.post(&answer, json!({"choice": "reject"})).await,
        };
        assert_eq!(done.status, 204);
        world.until(&run, |detail| detail["status"] != "running").await;
        let before = applied(&world, &run).await;
        for _ in 0..2 {
            case.tried();
            let late = world.send(request("POST", &answer, approve.clone())).await;
            is_refused(&late, &[winner]);
            case.hit();
        }
        case.tried();
        let late = world.act(&cancel).await;
        late.refused(409, "run_ended");
        case.hit();
        assert_eq!(applied(&world, &run).await, before);
    }
    case.pass(6);
}
