-- Messages that were committed with their cause. They are in the order of their places, because only one transaction writes at a time.

CREATE TABLE dovetail_outbox (
    place        INTEGER PRIMARY KEY AUTOINCREMENT,
    channel      TEXT    NOT NULL,
    source       TEXT,
    id           TEXT,
    kind         TEXT,
    key          TEXT,
    expires_at   INTEGER,
    headers      TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    -- 'blocked': rejected by the broker, and holding back what follows of its key. 'skipped': rejected, and holding back nothing.
    status       TEXT    NOT NULL CHECK (status IN ('pending', 'published', 'blocked', 'skipped')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    -- Taken under this token until then.
    token        INTEGER NOT NULL DEFAULT 0,
    held_until   INTEGER NOT NULL DEFAULT 0,
    retry_at     INTEGER NOT NULL DEFAULT 0,
    at           INTEGER NOT NULL,
    published_at INTEGER
) STRICT;

CREATE INDEX dovetail_outbox_open ON dovetail_outbox (place) WHERE status = 'pending';
CREATE INDEX dovetail_outbox_key ON dovetail_outbox (channel, key, place) WHERE status IN ('pending', 'blocked');
CREATE INDEX dovetail_outbox_rejected ON dovetail_outbox (channel, source, id) WHERE status IN ('blocked', 'skipped');
CREATE INDEX dovetail_outbox_skipped ON dovetail_outbox (at) WHERE status = 'skipped';
CREATE INDEX dovetail_outbox_published ON dovetail_outbox (published_at) WHERE status = 'published';

-- One row: the token that was given last.
CREATE TABLE dovetail_outbox_token (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO dovetail_outbox_token (one, last) VALUES (1, 0);
