//! The typed client against the real thing, over a real socket.

use crate::world::World;
use api::{ClientError, IdempotencyKey, NewRun, NewRunInput, NewWorkUnit, PageAsk, RunFilter, WorkUnitPatch};
use std::time::Duration;
use tokio::net::UnixListener;

#[tokio::test]
async fn s3_32_what_is_sent_arrives_and_what_is_answered_is_typed() {
    let world = World::new().await;
    let served = world.serve();
    let client = served.client();
    let new = NewWorkUnit {
        chunk: "one".to_owned(),
        ..NewWorkUnit::default()
    };
    let unit = client.create_work_unit(&new).await.unwrap();
    assert_eq!(
        (unit.chunk.as_str(), unit.status),
        ("one", api::UnitStatus::Ready)
    );
    let error = client.create_work_unit(&new).await.unwrap_err();
    assert_eq!(error.code(), Some("chunk_taken"));
    let patch = WorkUnitPatch {
        status: Some(api::UnitStatus::Running),
        ..WorkUnitPatch::default()
    };
    assert_eq!(
        client.change_work_unit("one", &patch).await.unwrap().status,
        api::UnitStatus::Running
    );
    assert_eq!(
        client
            .work_units(None, &PageAsk::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(client.work_unit_history("one").await.unwrap().items.len(), 2);
    client.delete_work_unit("one").await.unwrap();
    assert_eq!(
        client.work_unit("one").await.unwrap_err().code(),
        Some("unknown_chunk")
    );
    assert_eq!(
        client.work_unit("a/../b?c#d").await.unwrap_err().code(),
        Some("unknown_chunk")
    );

    let run = NewRun {
        project_path: Some(world.project().display().to_string()),
        flow: "try".to_owned(),
        input: NewRunInput {
            question: Some("why?".to_owned()),
            ..NewRunInput::default()
        },
        ..NewRun::default()
    };
    let keyed = client.keyed(IdempotencyKey::of("once"));
    let started = keyed.start_run(&run).await.unwrap();
    assert_eq!(
        keyed.start_run(&run).await.unwrap(),
        started,
        "the same key, the same run"
    );
    assert_eq!(started.agent, "quick");
    world.until_status(&started.id.to_string(), "completed").await;
    let detail = client.run(&started.slug).await.unwrap();
    assert_eq!(
        (detail.run.id, detail.steps.len(), detail.tasks.len()),
        (started.id, 3, 3)
    );
    assert!(client.report(started.id).await.unwrap().contains("try"));
    assert!(client.report_json(started.id).await.unwrap().is_object());
    assert_eq!(client.run_diff(started.id).await.unwrap().files, []);
    let runs = client
        .runs(&RunFilter::default(), &PageAsk::default())
        .await
        .unwrap();
    assert_eq!(runs.items.len(), 1);
    let task = client.task(detail.tasks[0].id).await.unwrap();
    assert!(task.prompt.is_some());
    assert!(client.transcript(task.task.id, 0).await.unwrap().is_whole);
    let output = client
        .step_output(started.id, detail.steps[2].chat_id)
        .await
        .unwrap();
    assert_eq!(output.output, "sum is done");
    assert_eq!(
        client.cancel_run(started.id).await.unwrap_err().code(),
        Some("run_ended")
    );
    assert_eq!(
        client
            .flows_in(&world.project().display().to_string())
            .await
            .unwrap()
            .items
            .len(),
        5
    );
    assert_eq!(client.agents().await.unwrap().items.len(), 2);
    assert_eq!(client.projects().await.unwrap().items.len(), 1);
    assert!(client.metrics().await.unwrap().contains("partita_runs"));
    assert!(client.openapi().await.unwrap()["paths"].is_object());
    assert_eq!(client.login_code().await.unwrap().expires_in_s, 60);
    served.end().await;
}

#[tokio::test]
async fn s3_32_a_daemon_that_does_not_answer_is_a_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let _silent = UnixListener::bind(&socket).unwrap();
    let endpoint = api::Endpoint {
        socket,
        tcp: None,
        timeout: Some(Duration::from_millis(50)),
    };
    let error = api::Client::new(endpoint).unwrap().status().await.unwrap_err();
    assert_eq!(error, ClientError::Timeout);
}

#[tokio::test]
async fn s3_32_s3_40_both_ways_that_lead_nowhere_are_named() {
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    drop(tcp);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    // A socket file that nobody listens at any more.
    drop(UnixListener::bind(&socket).unwrap());
    let tcp = Some(api::Tcp {
        address,
        token: "token".to_owned(),
    });
    let endpoint = api::Endpoint {
        socket: socket.clone(),
        tcp,
        timeout: None,
    };
    let error = api::Client::new(endpoint).unwrap().status().await.unwrap_err();
    let ClientError::NotRunning {
        socket: named,
        because,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(*named, socket);
    assert!(
        because.contains("refused") && because.contains(&address.to_string()),
        "{because}"
    );
    assert!(!format!("{error:?}").contains("token\""));
}

#[tokio::test]
async fn s3_32_another_program_on_the_socket_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 64];
            let _ = stream.read(&mut head).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
                .await;
        }
    });
    let error = api::Client::over_socket(&socket)
        .unwrap()
        .status()
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
}
