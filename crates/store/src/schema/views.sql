-- Views: what the history says, in rows that lists can page over. Every value comes from an event; every time from
-- the event's batch, as ISO 8601 in UTC. A change here needs a new migration that renews the views.

CREATE TABLE projects (
    id       TEXT PRIMARY KEY NOT NULL,
    -- Carries the promise that a name stands for one project; looking a project up by its name.
    name     TEXT NOT NULL CONSTRAINT projects_name UNIQUE,
    -- Carries the promise that a folder is one project; finding the project of a folder.
    path     TEXT NOT NULL CONSTRAINT projects_path UNIQUE,
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE work_units (
    chunk      TEXT PRIMARY KEY NOT NULL,
    phase      TEXT NOT NULL CONSTRAINT work_units_phase CHECK (phase IN ('GOAL', 'PLAN', 'IMPLEMENT', 'COMPLETE')),
    status     TEXT NOT NULL CONSTRAINT work_units_status
               CHECK (status IN ('READY', 'RUNNING', 'BLOCKED', 'NEEDS_ATTENTION', 'DONE')),
    blocked_by TEXT NOT NULL CONSTRAINT work_units_blocked_by CHECK (json_type(blocked_by) = 'array'),
    worktree   TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    -- The stream key: applying an event of the unit.
    id         TEXT NOT NULL CONSTRAINT work_units_id UNIQUE,
    -- Position of the event that created it: lists, oldest first, by pages.
    position   INTEGER NOT NULL CONSTRAINT work_units_position UNIQUE,
    priority   INTEGER NOT NULL,
    project_id TEXT,
    run_id     TEXT,
    flow       TEXT,
    question   TEXT
) STRICT;
-- Counts per status; the list of one status, oldest first.
CREATE INDEX work_units_by_status ON work_units (status, position);
-- The list of one project, oldest first.
CREATE INDEX work_units_by_project ON work_units (project_id, position);

CREATE TABLE status_log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    chunk      TEXT NOT NULL,
    old_status TEXT,
    new_status TEXT NOT NULL,
    timestamp  TEXT NOT NULL,
    unit_id    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    forced     INTEGER NOT NULL CONSTRAINT status_log_forced CHECK (forced IN (0, 1))
) STRICT;
-- The history of one unit, renamed or deleted ones included.
CREATE INDEX status_log_by_unit ON status_log (unit_id, id);
-- The history of a chunk whose unit is gone.
CREATE INDEX status_log_by_chunk ON status_log (chunk, id);

CREATE TABLE flow_runs (
    id           TEXT PRIMARY KEY NOT NULL,
    -- Position of the event that started it: lists, newest first, by pages.
    position     INTEGER NOT NULL CONSTRAINT flow_runs_position UNIQUE,
    -- No foreign key: a removed project leaves its runs.
    project_id   TEXT NOT NULL,
    unit_id      TEXT,
    slug         TEXT NOT NULL,
    flow         TEXT NOT NULL,
    flow_version INTEGER NOT NULL,
    flow_hash    TEXT NOT NULL,
    input        TEXT NOT NULL CONSTRAINT flow_runs_input_has_question
                 CHECK (json_valid(input) AND json_type(input, '$.question') IS 'text'),
    -- Id, title and kind of every step of the plan, in its order.
    manifest     TEXT NOT NULL CONSTRAINT flow_runs_manifest CHECK (json_valid(manifest)),
    base         TEXT NOT NULL,
    head         TEXT,
    status       TEXT NOT NULL CONSTRAINT flow_runs_status
                 CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    paused       INTEGER NOT NULL DEFAULT 0 CONSTRAINT flow_runs_paused CHECK (paused IN (0, 1)),
    cancelling   INTEGER NOT NULL DEFAULT 0 CONSTRAINT flow_runs_cancelling CHECK (cancelling IN (0, 1)),
    drift        TEXT,
    reason       TEXT,
    report       TEXT,
    report_blob  TEXT,
    input_uncached INTEGER NOT NULL DEFAULT 0,
    input_cached   INTEGER NOT NULL DEFAULT 0,
    output_tokens  INTEGER NOT NULL DEFAULT 0,
    cost_micros    INTEGER,
    started_at   TEXT NOT NULL,
    ended_at     TEXT
) STRICT;
-- The list of one project, newest first.
CREATE INDEX flow_runs_by_project ON flow_runs (project_id, position);
-- The list of one status, newest first; the runs that are open after a restart.
CREATE INDEX flow_runs_by_status ON flow_runs (status, position);
-- The list of one project and status, newest first.
CREATE INDEX flow_runs_by_project_status ON flow_runs (project_id, status, position);
-- Finding a run by the name that people type.
CREATE INDEX flow_runs_by_slug ON flow_runs (slug, position);

CREATE TABLE task_log (
    task_id        TEXT PRIMARY KEY NOT NULL,
    run_id         TEXT NOT NULL REFERENCES flow_runs (id),
    step_key       TEXT NOT NULL,
    chat_id        TEXT NOT NULL,
    role           TEXT NOT NULL CONSTRAINT task_log_role CHECK (role IN ('work', 'gate')),
    serial         INTEGER NOT NULL,
    agent          TEXT NOT NULL,
    model          TEXT,
    state          TEXT NOT NULL CONSTRAINT task_log_state CHECK (state IN
                   ('starting', 'running', 'completed', 'failed', 'interrupted', 'parked', 'cancelled')),
    is_orchestrator INTEGER NOT NULL DEFAULT 0 CONSTRAINT task_log_is_orchestrator CHECK (is_orchestrator IN (0, 1)),
    pid            INTEGER,
    start_ticks    INTEGER,
    boot_id        TEXT,
    prompt         TEXT,
    prompt_blob    TEXT,
    ordered_at     TEXT NOT NULL,
    started_at     TEXT,
    ended_at       TEXT,
    failure_class  TEXT,
    reason         TEXT,
    account        TEXT,
    commit_base    TEXT,
    commit_head    TEXT,
    files          INTEGER,
    insertions     INTEGER,
    deletions      INTEGER,
    input_uncached INTEGER,
    input_cached   INTEGER,
    output_tokens  INTEGER,
    cost_micros    INTEGER
) STRICT;
-- The tasks of a run, and of one step of it, in order; whether a run has a live task.
CREATE INDEX task_log_by_run ON task_log (run_id, step_key, serial);
-- What is under way right now.
CREATE INDEX task_log_live ON task_log (ordered_at, task_id) WHERE state IN ('starting', 'running');

CREATE TABLE flow_steps (
    id          TEXT PRIMARY KEY NOT NULL,
    run_id      TEXT NOT NULL REFERENCES flow_runs (id),
    -- Position of the event that planned it, then its place there: the order of the plan.
    position    INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    step_key    TEXT NOT NULL,
    step_id     TEXT NOT NULL,
    item        INTEGER,
    item_value  TEXT,
    kind        TEXT NOT NULL,
    status      TEXT NOT NULL CONSTRAINT flow_steps_status
                CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    chat_id     TEXT NOT NULL,
    task_id     TEXT REFERENCES task_log (task_id) ON DELETE SET NULL,
    agent       TEXT,
    -- The whole output as JSON; of one past 64 KiB, the blob's hash.
    output      TEXT,
    output_blob TEXT,
    skipped     INTEGER NOT NULL DEFAULT 0 CONSTRAINT flow_steps_skipped CHECK (skipped IN (0, 1)),
    origin_step TEXT,
    not_before  TEXT,
    waiting_for TEXT,
    reason      TEXT,
    failures    INTEGER NOT NULL DEFAULT 0,
    commit_base TEXT,
    commit_head TEXT,
    files       INTEGER,
    insertions  INTEGER,
    deletions   INTEGER,
    planned_at  TEXT NOT NULL,
    started_at  TEXT,
    ended_at    TEXT,
    -- Carries the promise that a run has each step instance once; the steps of a run, few enough to be sorted.
    CONSTRAINT flow_steps_key UNIQUE (run_id, step_key)
) STRICT;
-- ON DELETE SET NULL of a task.
CREATE INDEX flow_steps_by_task ON flow_steps (task_id) WHERE task_id IS NOT NULL;

CREATE TABLE attention_items (
    id          TEXT PRIMARY KEY NOT NULL,
    -- Position of the event that raised it: the inbox, oldest first, by pages.
    position    INTEGER NOT NULL CONSTRAINT attention_items_position UNIQUE,
    run_id      TEXT NOT NULL,
    step_key    TEXT,
    kind        TEXT NOT NULL CONSTRAINT attention_items_kind CHECK (kind IN
                ('question', 'approval', 'review', 'conflict', 'stuck', 'failure', 'limit')),
    title       TEXT NOT NULL,
    body        TEXT,
    body_blob   TEXT,
    choices     TEXT NOT NULL CONSTRAINT attention_items_choices CHECK (json_type(choices) = 'array'),
    -- Hash over the commands that a yes trusts.
    trusts      TEXT,
    state       TEXT NOT NULL CONSTRAINT attention_items_state CHECK (state IN ('open', 'answered', 'withdrawn')),
    answer      TEXT,
    answer_text TEXT,
    answered_by TEXT,
    raised_at   TEXT NOT NULL,
    closed_at   TEXT
) STRICT;
-- The inbox: what is open, oldest first.
CREATE INDEX attention_items_open ON attention_items (position) WHERE state = 'open';
-- What a run asked, open or not.
CREATE INDEX attention_items_by_run ON attention_items (run_id, position);

CREATE TABLE accounts (
    account       TEXT PRIMARY KEY NOT NULL,
    limited_until TEXT,
    strikes       INTEGER NOT NULL,
    reason        TEXT,
    updated_at    TEXT NOT NULL
) STRICT;

CREATE TABLE settings (
    name       TEXT PRIMARY KEY NOT NULL,
    value      TEXT NOT NULL CONSTRAINT settings_value CHECK (json_valid(value)),
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE approved_commands (
    hash        TEXT PRIMARY KEY NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at TEXT NOT NULL
) STRICT;

CREATE TABLE claims (
    unit_id    TEXT PRIMARY KEY NOT NULL,
    run_id     TEXT NOT NULL,
    claimed_at TEXT NOT NULL
) STRICT;
