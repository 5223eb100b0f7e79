-- The embedded broker: channels, who subscribes to them, and what each group has yet to acknowledge.

CREATE TABLE dovetail_channel (
    channel   TEXT NOT NULL PRIMARY KEY,
    -- A queue keeps its messages for the one group that it has, called ''. A topic gives each group a copy of its own.
    kind      TEXT NOT NULL CHECK (kind IN ('topic', 'queue')),
    -- Milliseconds for which a message is kept; for ever, where nobody has said so.
    retention INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE dovetail_group (
    channel TEXT NOT NULL REFERENCES dovetail_channel,
    name    TEXT NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dovetail_message (
    place      INTEGER PRIMARY KEY AUTOINCREMENT,
    channel    TEXT    NOT NULL,
    source     TEXT,
    id         TEXT,
    kind       TEXT,
    key        TEXT,
    expires_at INTEGER,
    headers    TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    -- Groups that have yet to acknowledge it; with the last of them it goes.
    waiting    INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT;

CREATE TABLE dovetail_delivery (
    channel    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    place      INTEGER NOT NULL,
    key        TEXT,
    token      INTEGER NOT NULL DEFAULT 0,
    visible_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, name, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX dovetail_delivery_key ON dovetail_delivery (channel, name, key, place) WHERE key IS NOT NULL;
