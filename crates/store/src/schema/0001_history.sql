-- What must never be lost: the history, and the little beside it that no event says.
-- Views are made by views.sql and can be dropped and rebuilt from `events` at any time.

CREATE TABLE events (
    position  INTEGER PRIMARY KEY,
    stream_kind TEXT NOT NULL CONSTRAINT events_stream_kind CHECK (stream_kind IN ('board', 'unit', 'run')),
    stream_id TEXT NOT NULL,
    seq       INTEGER NOT NULL CONSTRAINT events_seq CHECK (seq >= 1),
    at_ms     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    body      TEXT NOT NULL,
    -- First eight bytes of the SHA-256 over all of the above: a flipped bit is told, never believed.
    digest    INTEGER NOT NULL,
    -- Carries the promise that a stream has each seq once; `load`: the events of one stream, in order.
    CONSTRAINT events_stream_seq UNIQUE (stream_kind, stream_id, seq)
) STRICT;

CREATE TABLE idempotency (
    key       TEXT PRIMARY KEY NOT NULL,
    body_hash TEXT NOT NULL,
    answer    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;
-- Forgetting keys older than a day, with each new key.
CREATE INDEX idempotency_at ON idempotency (at_ms);

CREATE TABLE wakes (
    run   TEXT PRIMARY KEY NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
