//! Logins: into an account, into a task, and back when the task renewed them.

use crate::common::*;
use agents::{LoginState, import, keep_token};
use engine::ports::Agents;
use std::path::Path;

const AGENT: &str = "[sandbox]\nmode = 'bwrap'\n[agents.renewing]\ndialect = 'command'\nprogram = '/bin/sh'\n\
    [agents.renewing.login]\ntoken = 'RENEWING_TOKEN'\nfiles = [{ path = '.r/key.json', expiry = 'expires' }]\n";

fn put(path: &Path, expires: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{{\"expires\":{expires}}}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_imported_used_and_renewed_and_the_persons_own_is_left_alone() {
    let world = World::new(AGENT).await;
    let ground = world.ground.path();
    let own = ground.join("user/.r/key.json");
    let kept = ground.join("home/accounts/renewing/default/.r/key.json");
    let config = config(ground, AGENT, &[]);
    assert!(import(&config, "renewing", "default").is_err());
    put(&own, 10);
    let state = world.fleet.probe("renewing").await.unwrap();
    assert_eq!(state.login, LoginState::None { is_importable: true });
    assert_eq!(import(&config, "renewing", "default").unwrap(), [".r/key.json"]);
    assert_eq!(
        world.fleet.probe("renewing").await.unwrap().login,
        LoginState::Account("default".to_owned())
    );

    let mut order = world.command("cat ~/.r/key.json; echo '{\"expires\":20}' > ~/.r/key.json");
    order.agent = "renewing".into();
    assert_eq!(said(&world.run(order).await), "{\"expires\":10}");

    assert_eq!(std::fs::read_to_string(kept).unwrap().trim(), "{\"expires\":20}");
    assert_eq!(std::fs::read_to_string(own).unwrap(), "{\"expires\":10}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_its_agent_and_no_other() {
    let world = World::new(AGENT).await;
    keep_token(
        &config(world.ground.path(), AGENT, &[]),
        "renewing",
        "default",
        "t0ken\n",
    )
    .unwrap();
    let mut order = world.command("echo \"[$RENEWING_TOKEN]\"");
    assert_eq!(said(&world.run(order.clone()).await), "[]");
    order.agent = "renewing".into();
    assert_eq!(said(&world.run(order.clone()).await), "[t0ken]");
    assert_eq!(world.fleet.account(&order.agent).as_str(), "renewing/default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_in_the_home_takes_no_file_from_elsewhere() {
    let world = World::new(AGENT).await;
    let ground = world.ground.path();
    let kept = ground.join("home/accounts/renewing/default/.r/key.json");
    put(&kept, 10);
    put(&ground.join("user/other.json"), 99);
    let target = ground.join("user/other.json");
    let mut order = world.command(&format!(
        "rm ~/.r/key.json; ln -s {} ~/.r/key.json",
        target.display()
    ));
    order.agent = "renewing".into();
    world.run(order.clone()).await;
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "{\"expires\":10}");
    // The next attempt finds the login again, and the trap's target is as it was.
    order.prompt = "cat ~/.r/key.json".to_owned();
    assert_eq!(said(&world.run(order).await), "{\"expires\":10}");
    assert_eq!(std::fs::read_to_string(target).unwrap(), "{\"expires\":99}");
}
