-- What was handled, what is under lease, and what has failed so far. Times are milliseconds since 1970.

CREATE TABLE dovetail_inbox (
    consumer    TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('claimed', 'done', 'dead')),
    -- Only consumers whose effect is elsewhere use leases.
    token       INTEGER NOT NULL DEFAULT 0,
    -- Leases that ended by no fault of the message.
    excused     INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    at          INTEGER NOT NULL,
    PRIMARY KEY (consumer, source, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX dovetail_inbox_at ON dovetail_inbox (at) WHERE status = 'done';

-- Written in transactions of their own: what failed was rolled back.
CREATE TABLE dovetail_attempt (
    consumer   TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    last_error TEXT    NOT NULL,
    PRIMARY KEY (consumer, source, id)
) STRICT, WITHOUT ROWID;

-- For consumers of partitioned logs: the offset that is to be handled next.
CREATE TABLE dovetail_offset (
    scope     TEXT    NOT NULL,
    topic     TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    PRIMARY KEY (scope, topic, partition)
) STRICT, WITHOUT ROWID;
