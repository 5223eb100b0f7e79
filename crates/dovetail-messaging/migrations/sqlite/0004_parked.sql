-- Keys whose next message failed, and the messages that wait in them, in their order.

CREATE TABLE dovetail_parked_key (
    scope    TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    retry_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX dovetail_parked_key_due ON dovetail_parked_key (scope, retry_at);

CREATE TABLE dovetail_parked (
    place       INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What is consumed of one subscription, by one consumer or by several.
    scope       TEXT    NOT NULL,
    consumer    TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT,
    expires_at  INTEGER,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    at          INTEGER NOT NULL,
    UNIQUE (consumer, source, id)
) STRICT;

CREATE INDEX dovetail_parked_order ON dovetail_parked (scope, key, place);
