//! Logins: into an account, into a task, and back when the task renewed them.

use crate::common::*;
use agents::{Fleet, LoginState, import, keep_token};
use domain::Ending;
use engine::ports::{Agents, WorkOrder};
use std::path::{Path, PathBuf};

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

/// What the clock of these tests shows, in seconds.
const NOW: u64 = 1_790_000_000;

/// A login with that refresh token and end.
fn put_login(path: &Path, token: &str, expires: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, login(token, expires)).unwrap();
}

fn login(token: &str, expires: u64) -> String {
    format!("{{\"refresh\":\"{token}\",\"expires\":{expires}}}")
}

/// A world with a provider that takes each refresh token once.
struct Provided {
    world: World,
    provider: PathBuf,
    kept: PathBuf,
}

impl Provided {
    async fn new(expires: u64) -> Self {
        let provider = tempfile::Builder::new()
            .prefix("provider-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap()
            .keep();
        let world =
            World::new(&AGENT.replace("[agents", &format!("writable = [{provider:?}]\n[agents"))).await;
        let kept = world
            .ground
            .path()
            .join("home/accounts/renewing/default/.r/key.json");
        put_login(&kept, "r1", expires);
        Self {
            world,
            provider,
            kept,
        }
    }

    fn order(&self, script: &str) -> WorkOrder {
        let script = script.replace("PROVIDER", self.provider.to_str().unwrap());
        let order = self.world.command(&script);
        // Each writer has a place of its own.
        let place = self.world.ground.path().join(order.key.to_string());
        std::fs::create_dir(&place).unwrap();
        WorkOrder {
            agent: "renewing".into(),
            place,
            ..order
        }
    }

    /// Lets all of them begin before any starts, then runs them at once. Says what they said, or that they failed.
    async fn run_at_once(&self, orders: Vec<WorkOrder>) -> Vec<Option<String>> {
        let mut begun = Vec::new();
        for order in orders {
            begun.push(self.world.fleet.begin(order).await.unwrap());
        }
        let ends = begun
            .into_iter()
            .map(|begun| begun.running.finish(Box::pin(std::future::pending())));
        let ends = within(futures::future::join_all(ends)).await;
        ends.iter().map(|end| text(&end.ending)).collect()
    }
}

impl Drop for Provided {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.provider);
    }
}

fn text(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Completed { output, .. } => output.as_text().map(str::to_owned),
        _ => None,
    }
}

/// What agents' programs do when they start: read the login, renew it if it has run out, work. Nothing is asked of us.
const RENEWS: &str = r#"
key=$HOME/.r/key.json
refresh=$(sed 's/.*"refresh":"r\([0-9]*\)".*/\1/' $key)
expires=$(sed 's/.*"expires":\([0-9]*\).*/\1/' $key)
if rmdir PROVIDER/down 2>/dev/null; then exit 1; fi
if [ "$expires" -le 1790000000 ]; then
    mkdir PROVIDER/spent-r$refresh || exit 1
    printf '{"refresh":"r%s","expires":1790028800}' $((refresh + 1)) > $key.new
    mv $key.new $key
fi
cat $key
"#;

async fn a_token_is_spent_once_by(tasks: usize) {
    let provided = Provided::new(NOW - 1).await;
    let said = provided
        .run_at_once((0..tasks).map(|_| provided.order(RENEWS)).collect())
        .await;
    let renewed = login("r2", 1_790_028_800);
    assert_eq!(said, vec![Some(renewed.clone()); tasks]);
    assert_eq!(std::fs::read_to_string(&provided.kept).unwrap(), renewed);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_that_start_with_a_login_that_ran_out_spend_its_token_once() {
    a_token_is_spent_once_by(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_tasks_that_start_with_a_login_that_ran_out_spend_its_token_once() {
    a_token_is_spent_once_by(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_without_renewing_leaves_the_turn_to_the_next() {
    let provided = Provided::new(NOW - 1).await;
    std::fs::create_dir(provided.provider.join("down")).unwrap();
    let orders = (0..3).map(|_| provided.order(RENEWS));
    let mut said = provided.run_at_once(orders.collect()).await;
    said.sort();
    let renewed = Some(login("r2", 1_790_028_800));
    assert_eq!(said, [None, renewed.clone(), renewed]);
}

/// The one that renews does not end before the other has seen it: only a copy on the way can help that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_one_task_renews_reaches_the_other_while_both_run() {
    let provided = Provided::new(NOW + 86_400).await;
    let wait = "i=0; until [ $i -ge 400 ] || CHECK; do i=$((i+1)); sleep 0.05; done; CHECK || exit 1; ";
    let wait_for = |check: &str| wait.replace("CHECK", check);
    let one = [
        &wait_for("[ -e PROVIDER/two ]"),
        "printf '{\"refresh\":\"r2\",\"expires\":1790172800}' > $HOME/.r/key.json; ",
        &wait_for("[ -e PROVIDER/seen ]"),
        "echo one",
    ]
    .concat();
    let two = [
        "touch PROVIDER/two; ",
        &wait_for("grep -q r2 $HOME/.r/key.json"),
        "touch PROVIDER/seen; echo two",
    ]
    .concat();
    let said = provided
        .run_at_once(vec![provided.order(&one), provided.order(&two)])
        .await;
    assert_eq!(said, [Some("one".to_owned()), Some("two".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_renewed_when_the_daemon_died_is_not_lost() {
    let provided = Provided::new(NOW + 86_400).await;
    let ground = provided.world.ground.path();
    assert_eq!(
        said(&provided.world.run(provided.order("cat ~/.r/key.json")).await),
        login("r1", NOW + 86_400)
    );
    // As if the task had renewed it a moment before it was killed together with the daemon.
    let homes = walk(&ground.join("home/homes"));
    let left = homes.iter().find(|path| path.ends_with(".r/key.json")).unwrap();
    put_login(left, "r2", NOW + 90_000);

    let again = Fleet::new(config(ground, AGENT, &[])).await.unwrap();
    let begun = again.begin(provided.order("cat ~/.r/key.json")).await.unwrap();
    let end = within(begun.running.finish(Box::pin(std::future::pending()))).await;
    assert_eq!(said(&end), login("r2", NOW + 90_000));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_login_that_is_given_up_leaves_the_account_as_it_was() {
    let ground = tempfile::tempdir().unwrap();
    let logs_in = |script: &str| {
        let agent = AGENT.replace("files =", &format!("command = ['-c', '{script}']\nfiles ="));
        agents::login(&config(ground.path(), &agent, &[]), "renewing", "default")
    };
    let kept = ground.path().join("home/accounts/renewing/default/.r/key.json");
    logs_in("echo 1 > ~/.r/key.json").unwrap();
    assert!(logs_in("echo 2 > ~/.r/key.json; exit 1").is_err());
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "1\n");
    logs_in("echo 3 > ~/.r/key.json").unwrap();
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "3\n");
    let left = std::fs::read_dir(ground.path().join("home/accounts/renewing")).unwrap();
    assert_eq!(left.count(), 1);
}
