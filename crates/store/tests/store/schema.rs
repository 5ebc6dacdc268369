//! The schema as the requirements have it.

use crate::common::history::{self, RUN};
use crate::common::{TestHome, columns};
use domain::StepKey;
use rusqlite::{Connection, params};

fn names(connection: &Connection, table: &str) -> Vec<String> {
    columns(connection, table)
        .into_iter()
        .map(|(name, ..)| name)
        .collect()
}

fn ddl(connection: &Connection, table: &str) -> String {
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    connection.query_row(sql, [table], |row| row.get(0)).unwrap()
}

fn column(name: &str, kind: &str, is_required: bool, key: u32) -> (String, String, bool, u32) {
    (name.to_owned(), kind.to_owned(), is_required, key)
}

#[test]
fn s3_11_work_units_has_its_columns() {
    let home = TestHome::new();
    let _store = home.open();
    let columns = columns(&home.sqlite(), "work_units");
    assert_eq!(
        columns[..7],
        [
            column("chunk", "TEXT", true, 1),
            column("phase", "TEXT", true, 0),
            column("status", "TEXT", true, 0),
            column("blocked_by", "TEXT", true, 0),
            column("worktree", "TEXT", false, 0),
            column("created_at", "TEXT", true, 0),
            column("updated_at", "TEXT", true, 0),
        ]
    );
}

#[test]
fn s3_12_schema_migrations_has_its_columns() {
    let home = TestHome::new();
    let _store = home.open();
    let expected = [
        column("version", "INTEGER", false, 1),
        column("applied_at", "TEXT", true, 0),
    ];
    assert_eq!(columns(&home.sqlite(), "schema_migrations"), expected);
    let applied: (i64, String) = home
        .sqlite()
        .query_row("SELECT version, applied_at FROM schema_migrations", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(applied, (1, store::iso(history::START)));
}

#[test]
fn s3_13_status_log_has_its_columns() {
    let home = TestHome::new();
    let _store = home.open();
    let sqlite = home.sqlite();
    assert_eq!(
        columns(&sqlite, "status_log")[..5],
        [
            column("id", "INTEGER", false, 1),
            column("chunk", "TEXT", true, 0),
            column("old_status", "TEXT", false, 0),
            column("new_status", "TEXT", true, 0),
            column("timestamp", "TEXT", true, 0),
        ]
    );
    assert!(ddl(&sqlite, "status_log").contains("AUTOINCREMENT"));
}

#[tokio::test]
async fn s4_06_a_step_forgets_a_task_that_is_deleted_and_stays() {
    let home = TestHome::new();
    let store = home.filled().await;
    store.close().await;
    let sqlite = home.sqlite();
    sqlite.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let link: (String, String, String, String) = sqlite
        .query_row(
            "SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list('flow_steps')
             WHERE \"from\" = 'task_id'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let expected = ("task_id", "task_log", "task_id", "SET NULL");
    assert_eq!(
        (link.0.as_str(), link.1.as_str(), link.2.as_str(), link.3.as_str()),
        expected
    );
    let key = StepKey::item("angles", 0);
    let task = |step: &StepKey| -> Option<String> {
        let sql = "SELECT task_id FROM flow_steps WHERE run_id = ?1 AND step_key = ?2";
        sqlite
            .query_row(sql, params![RUN.to_string(), step.to_string()], |row| row.get(0))
            .unwrap()
    };
    let of_step = task(&key).unwrap();
    assert_eq!(of_step, domain::TaskId::of(RUN, &key, 3).to_string());
    assert_eq!(
        task(&StepKey::only("fold")),
        None,
        "a step that code does has no task"
    );
    sqlite
        .execute("DELETE FROM task_log WHERE task_id = ?1", [of_step])
        .unwrap();
    assert_eq!(task(&key), None);
}

/// What the schema says of a row that breaks one of its rules.
fn refusal(connection: &Connection, sql: &str) -> String {
    connection.execute(sql, []).unwrap_err().to_string()
}

#[tokio::test]
async fn s4_07_a_run_needs_a_known_status_and_a_question_but_no_project() {
    let home = TestHome::new();
    home.filled().await.close().await;
    let sqlite = home.sqlite();
    sqlite.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let said = refusal(&sqlite, "UPDATE flow_runs SET status = 'queued'");
    assert!(said.contains("flow_runs_status"), "{said}");
    for input in ["{}", "{\"question\": null}", "[]", "nonsense"] {
        let said = refusal(&sqlite, &format!("UPDATE flow_runs SET input = '{input}'"));
        assert!(
            said.contains("flow_runs_input_has_question") || said.contains("malformed JSON"),
            "{said}"
        );
    }
    sqlite
        .execute("UPDATE flow_runs SET project_id = 'nobody'", [])
        .unwrap();
    let links: i64 = sqlite
        .query_row(
            "SELECT count(*) FROM pragma_foreign_key_list('flow_runs')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(links, 0);
}

#[tokio::test]
async fn s4_08_what_steps_need_is_not_stored_and_steps_left_out_have_no_row() {
    let home = TestHome::new();
    home.filled().await.close().await;
    let sqlite = home.sqlite();
    let columns = names(&sqlite, "flow_steps");
    assert!(
        !columns
            .iter()
            .any(|name| name.contains("depends") || name.contains("needs"))
    );
    let rows: i64 = sqlite
        .query_row(
            "SELECT count(*) FROM flow_steps WHERE step_id = 'merge'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn s4_26_no_status_is_queued_and_pending_covers_waiting() {
    let home = TestHome::new();
    let _store = home.open();
    let sqlite = home.sqlite();
    let sql = "SELECT group_concat(sql) FROM sqlite_schema WHERE type = 'table'";
    let all: String = sqlite.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(!all.contains("queued"));
    assert!(ddl(&sqlite, "flow_steps").contains("'pending', 'running', 'completed', 'failed', 'cancelled'"));
}

#[test]
fn tables_are_strict_and_every_check_has_a_name() {
    let home = TestHome::new();
    let _store = home.open();
    let sqlite = home.sqlite();
    let mut statement = sqlite
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let tables = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .unwrap();
    for table in tables {
        let (name, sql) = table.unwrap();
        assert!(sql.trim_end().ends_with("STRICT"), "{name}");
        let named = sql.matches("CONSTRAINT").count();
        let rules = sql.matches("CHECK (").count() + sql.matches("UNIQUE").count();
        assert_eq!(named, rules, "{name} has a rule without a name");
    }
}

#[test]
fn every_index_says_which_query_needs_it() {
    for sql in [
        include_str!("../../src/schema/0001_history.sql"),
        include_str!("../../src/schema/views.sql"),
    ] {
        let lines: Vec<&str> = sql.lines().map(str::trim_start).collect();
        for pair in lines.windows(2) {
            if pair[1].starts_with("CREATE INDEX") || pair[1].contains(" UNIQUE") {
                assert!(pair[0].starts_with("--"), "{}", pair[1]);
            }
        }
    }
}
