//! Runs, their steps, tasks, questions, reports.

use crate::world::{World, write};
use serde_json::{Value as Json, json};

#[tokio::test]
async fn a_run_is_started_in_a_folder_that_becomes_a_project() {
    let world = World::new().await;
    let run = world.run("try", "quick").await;
    let detail = world.until_status(&run, "completed").await;
    assert_eq!(detail["flow"], "try");
    assert_eq!(detail["input"]["question"], "why?");
    assert_eq!(detail["input"]["size"], "small");
    let steps: Vec<(&str, &str)> = detail["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["key"].as_str().unwrap(), step["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            ("angles[0]", "completed"),
            ("angles[1]", "completed"),
            ("sum", "completed")
        ]
    );
    assert_eq!(detail["steps"][1]["label"], "Look from both sides");
    assert_eq!(detail["tasks"].as_array().unwrap().len(), 3);
    assert_eq!(detail["usage"]["cost_micros"], 21);
    assert!(detail["report"].as_str().unwrap().contains("try"));

    let projects = world.get("/api/projects").await.json();
    assert_eq!(projects["items"][0]["path"], json!(world.project()));
    assert_eq!(projects["items"][0]["name"], "project");
    let again = world.run("try", "quick").await;
    world.until_status(&again, "completed").await;
    assert_eq!(
        world.get("/api/projects").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let project = projects["items"][0]["id"].as_str().unwrap();
    let listed = world
        .get(&format!(
            "/api/runs?project_id={project}&status=completed&limit=1"
        ))
        .await
        .json();
    assert_eq!(listed["items"][0]["id"], json!(again), "newest first");
    let next = listed["next"].as_str().unwrap();
    let rest = world
        .get(&format!("/api/runs?status=completed&limit=1&cursor={next}"))
        .await
        .json();
    assert_eq!(
        (&rest["items"][0]["id"], &rest["next"]),
        (&json!(run), &Json::Null)
    );
    let by_name = detail["slug"].as_str().unwrap();
    assert_eq!(
        world.get(&format!("/api/runs/{by_name}")).await.json()["id"],
        json!(run)
    );
}

#[tokio::test]
async fn a_run_that_cannot_be_is_refused_and_nothing_is_there() {
    let world = World::new().await;
    let path = world.project();
    write(
        &path,
        ".partita/flows/broken.toml",
        "name = \"broken\"\ncolour = \"red\"\n",
    );
    let before = world.position().await;
    let run = |flow: &str, input: Json| json!({"project_path": path, "flow": flow, "input": input});
    let refused: [(Json, u16, &str); 9] = [
        (run("tri", json!({"question": "q"})), 404, "unknown_flow"),
        (run("broken", json!({"question": "q"})), 422, "invalid_flow"),
        (run("try", json!({"question": ""})), 422, "invalid_input"),
        (
            run("try", json!({"question": "q", "colour": "red"})),
            422,
            "invalid_input",
        ),
        (
            run("try", json!({"question": "q", "size": "huge"})),
            422,
            "wrong_body",
        ),
        (
            run("try", json!({"question": "q", "agent": "absent"})),
            409,
            "agent_missing",
        ),
        (
            run("try", json!({"question": "q", "agent": "stranger"})),
            409,
            "agent_logged_out",
        ),
        (json!({"flow": "try"}), 422, "wrong_body"),
        (
            json!({"project_path": "project", "flow": "try"}),
            422,
            "bad_folder",
        ),
    ];
    for (body, status, code) in refused {
        let problem = world.post("/api/runs", body.clone()).await.refused(status, code);
        assert!(problem.because.is_some(), "{problem:?}");
    }
    let broken = world
        .post("/api/runs", run("broken", json!({"question": "q"})))
        .await
        .problem();
    assert!(broken.because.unwrap().contains("broken.toml:2"), "file and line");
    let near = world
        .post("/api/runs", run("tri", json!({"question": "q"})))
        .await
        .problem();
    assert!(near.hint.unwrap().contains("try"));
    assert_eq!(world.position().await, before);
    assert_eq!(world.get("/api/runs").await.json()["items"], json!([]));

    let undecided = world.folder.path().join("undecided");
    write(&undecided, "readme", "");
    let body = json!({"project_path": undecided, "flow": "investigate", "input": {"question": "q"}});
    let problem = world.post("/api/runs", body).await.refused(422, "agent_unset");
    assert!(problem.hint.unwrap().contains("quick, held"));
    let body = json!({"project_path": undecided, "flow": "nope", "input": {"question": "q"}});
    // What is wrong with any agent is said before the want of one.
    world.post("/api/runs", body).await.refused(404, "unknown_flow");
    let body = json!({"project_path": undecided, "flow": "investigate", "input": {"question": "q", "agent": "slow"}});
    let problem = world.post("/api/runs", body).await.refused(422, "unknown_agent");
    assert_eq!(
        problem.because.unwrap(),
        "there is no agent `slow`; there are quick, held, failing, absent, stranger"
    );
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_cancelled() {
    let world = World::new().await;
    let run = world.run("try", "held").await;
    world
        .until(&run, |detail| detail["steps"][1]["status"] == "running")
        .await;
    let live = world.get("/api/tasks").await.json();
    assert_eq!(live["items"].as_array().unwrap().len(), 2);
    let act = |verb: &str| format!("/api/runs/{run}/{verb}");
    assert_eq!(world.act(&act("pause")).await.status, 204);
    assert_eq!(
        world.get(&format!("/api/runs/{run}")).await.json()["is_paused"],
        true
    );
    world.act(&act("pause")).await.refused(409, "pause_unchanged");
    assert_eq!(world.act(&act("resume")).await.status, 204);
    let steps = world.position().await;
    world
        .act(&act("steps/none/retry"))
        .await
        .refused(404, "unknown_step");
    world
        .act(&act("steps/angles%5B0%5D/retry"))
        .await
        .refused(409, "step_not_ended");
    assert_eq!(world.position().await, steps);
    assert_eq!(world.act(&act("cancel")).await.status, 204);
    let detail = world.until_status(&run, "cancelled").await;
    assert_eq!(detail["steps"][0]["status"], "cancelled");
    let refused = world.act(&act("cancel")).await.refused(409, "run_ended");
    let slug = detail["slug"].as_str().unwrap();
    assert_eq!(
        refused.detail,
        format!("cannot cancel the run `{slug}`"),
        "asked by id, told by name"
    );
    assert_eq!(world.get("/api/tasks").await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_failed_is_done_again_or_skipped() {
    let world = World::new().await;
    let run = world.run("try", "failing").await;
    let failed = world.until_status(&run, "failed").await;
    assert_eq!(failed["steps"][0]["reason"], "it gave up");
    world.gate.send_replace(true);
    assert_eq!(world.act(&format!("/api/runs/{run}/retry")).await.status, 204);
    world.until_status(&run, "completed").await;

    let world = World::new().await;
    let run = world.run("try", "failing").await;
    world.until_status(&run, "failed").await;
    world.gate.send_replace(true);
    assert_eq!(
        world
            .act(&format!("/api/runs/{run}/steps/angles%5B0%5D/retry"))
            .await
            .status,
        204
    );
    let half = world
        .until(&run, |detail| detail["steps"][0]["status"] == "completed")
        .await;
    assert_eq!(half["steps"][1]["status"], "failed");
}

#[tokio::test]
async fn a_transcript_is_whole_only_when_all_of_it_is_written() {
    let world = World::new().await;
    let pen = world.hold_pen().await;
    let run = world.run("try", "quick").await;
    let detail = world.until_status(&run, "completed").await;
    let path = format!(
        "/api/tasks/{}/transcript",
        detail["steps"][0]["task_id"].as_str().unwrap()
    );
    let mut asked = std::pin::pin!(world.get(&path));
    // Whoever does not wait for the writer answers while others are answered.
    for _ in 0..50 {
        tokio::select! {
            biased;
            answer = &mut asked => panic!("answered before it was written: {answer:?}"),
            _ = world.get("/api/status") => {}
        }
    }
    drop(pen);
    let whole = asked.await.json();
    assert_eq!(whole["is_whole"], true);
    assert_eq!(
        whole["entries"].as_array().unwrap().last().unwrap()["kind"],
        "message_end"
    );
}

#[tokio::test]
async fn a_task_shows_what_it_was_told_and_what_it_said() {
    let world = World::new().await;
    let run = world.run("try", "quick").await;
    let detail = world.until_status(&run, "completed").await;
    let task = detail["steps"][0]["task_id"].as_str().unwrap();
    let shown = world.get(&format!("/api/tasks/{task}")).await.json();
    assert!(
        shown["prompt"]
            .as_str()
            .unwrap()
            .contains("Look from the left: why?")
    );
    assert_eq!(shown["state"], "completed");
    let whole = world.get(&format!("/api/tasks/{task}/transcript")).await.json();
    assert_eq!(whole["is_whole"], true);
    let entries = whole["entries"].as_array().unwrap();
    assert_eq!(entries.first().unwrap()["kind"], "prompt");
    assert_eq!(entries.last().unwrap()["kind"], "message_end");
    let mut parts = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/api/tasks/{task}/transcript?after={after}&limit=7");
        let part = world.get(&path).await.json();
        parts.extend(part["entries"].as_array().unwrap().clone());
        after = part["next"].as_u64().unwrap();
        if part["is_whole"] == true {
            break;
        }
    }
    assert_eq!(&parts, entries, "in parts as in one");
    let chat = detail["steps"][2]["chat_id"].as_str().unwrap();
    let output = world.get(&format!("/api/runs/{run}/outputs/{chat}")).await.json();
    assert_eq!(output["output"], "sum is done");
    world
        .get(&format!("/api/runs/{run}/outputs/{task}"))
        .await
        .refused(404, "unknown_step");
}

#[tokio::test]
async fn the_report_comes_as_markdown_or_json() {
    let world = World::new().await;
    let run = world.run("try", "quick").await;
    let detail = world.until_status(&run, "completed").await;
    let path = format!("/api/runs/{run}/report");
    let markdown = world.get(&format!("{path}?format=markdown")).await;
    assert!(
        markdown.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/markdown")
    );
    assert_eq!(json!(markdown.text), detail["report"]);
    let mut accepting = crate::world::request("GET", &path, None);
    accepting
        .headers_mut()
        .insert("accept", "text/markdown".parse().unwrap());
    assert_eq!(world.send(accepting).await.text, markdown.text);
    let structured = world.get(&path).await;
    assert_eq!(structured.headers["content-type"], "application/json");
    assert!(structured.json().is_object());
    let diff = world.get(&format!("/api/runs/{run}/diff")).await.json();
    assert_eq!(diff, json!({"files": [], "text": "", "is_cut": false}));

    // A daemon that did not start the run renders it from what was kept.
    let text = structured.json();
    let again = world.reopen().await;
    assert_eq!(again.get(&path).await.json(), text);
}

#[tokio::test]
async fn a_person_answers_what_a_run_asks() {
    let world = World::new().await;
    let run = world.run("asking", "quick").await;
    let asking = world
        .until(&run, |detail| detail["attention"][0]["state"] == "open")
        .await;
    let inbox = world.get("/api/attention").await.json();
    assert_eq!(inbox["items"][0]["id"], asking["attention"][0]["id"]);
    assert_eq!(inbox["items"][0]["kind"], "approval");
    assert_eq!(
        world.get("/api/status").await.json()["counts"]["open_attention"],
        1
    );
    let path = format!(
        "/api/attention/{}/answer",
        inbox["items"][0]["id"].as_str().unwrap()
    );
    let before = world.position().await;
    world
        .post(&path, json!({"choice": "retry"}))
        .await
        .refused(409, "wrong_choice");
    world
        .post(&path, json!({"choice": "yes"}))
        .await
        .refused(422, "wrong_body");
    world
        .post(&path, json!({"choice": "approve", "trusts": "another"}))
        .await
        .refused(409, "not_what_was_shown");
    assert_eq!(world.position().await, before);
    assert_eq!(
        world
            .post(&path, json!({"choice": "approve", "text": "go"}))
            .await
            .status,
        204
    );
    let detail = world.until_status(&run, "completed").await;
    let item = &detail["attention"][0];
    assert_eq!(
        (&item["state"], &item["answer"]),
        (&json!("answered"), &json!("approve"))
    );
    assert_eq!(
        (&item["answer_text"], &item["answered_by"]),
        (&json!("go"), &json!("owner (socket)"))
    );
    let late = world.post(&path, json!({"choice": "approve"})).await;
    assert_eq!(late.status, 409);
    late.problem();
}

#[tokio::test]
async fn projects_are_added_and_removed_when_nothing_runs() {
    let world = World::new().await;
    let added = world
        .post("/api/projects", json!({"path": world.project(), "name": "mine"}))
        .await;
    assert_eq!(
        (added.status.as_u16(), &added.json()["name"]),
        (201, &json!("mine"))
    );
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let before = world.position().await;
    world
        .post("/api/projects", json!({"path": world.project()}))
        .await
        .refused(409, "project_known");
    world
        .post("/api/projects", json!({"path": "/nonexistent/x"}))
        .await
        .refused(422, "bad_folder");
    world
        .post("/api/projects", json!({"path": "relative"}))
        .await
        .refused(422, "bad_folder");
    assert_eq!(world.position().await, before);
    let run = world.run("try", "held").await;
    world
        .until(&run, |detail| detail["steps"][0]["status"] == "running")
        .await;
    world
        .delete(&format!("/api/projects/{id}"))
        .await
        .refused(409, "project_busy");
    world.gate.send_replace(true);
    world.until_status(&run, "completed").await;
    assert_eq!(world.delete(&format!("/api/projects/{id}")).await.status, 204);
    assert_eq!(world.get("/api/projects").await.json()["items"], json!([]));
    assert_eq!(
        world.get(&format!("/api/runs/{run}")).await.status,
        200,
        "its runs stay"
    );
}

#[tokio::test]
async fn git_flows_and_agents_are_shown() {
    let world = World::new().await;
    let added = world
        .post("/api/projects", json!({"path": world.project()}))
        .await
        .json();
    let id = added["id"].as_str().unwrap();
    let git = |what: &str| format!("/api/projects/{id}/git/{what}");
    assert_eq!(world.get(&git("status")).await.json()["head"]["name"], "main");
    assert_eq!(
        world.get(&git("log?limit=2")).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    world
        .get(&git("log?until=nowhere"))
        .await
        .refused(422, "place_missing");
    assert_eq!(world.get(&git("branches")).await.json()["items"], json!([]));
    assert_eq!(world.get(&git("diff?base=a&head=b")).await.json()["text"], "a..b");
    world
        .get(&git("diff?base=a"))
        .await
        .refused(400, "wrong_parameters");

    let flows = world.get(&format!("/api/flows?project_id={id}")).await.json();
    let names: Vec<&str> = flows["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| flow["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["asking", "fix", "investigate", "review", "try"]);
    let flow = world.get(&format!("/api/flows/try?project_id={id}")).await.json();
    assert_eq!(
        (&flow["origin"], &flow["card"]["steps"][0]["each"]),
        (&json!("project"), &json!("size.angles"))
    );
    world.get("/api/flows/try").await.refused(404, "unknown_flow");

    assert_eq!(world.get("/api/agents").await.json()["items"][0]["name"], "quick");
    let probed = world
        .post("/api/agents/probe", json!({"agents": ["held"]}))
        .await
        .json();
    assert_eq!(probed["items"][0]["version"], "1.0");
    world
        .post("/api/agents/probe", json!({"agents": ["nobody"]}))
        .await
        .refused(422, "unknown_agent");
}
