-- Messages that will not be handled without a person, byte for byte. What was not said is the empty text in `source` and `id`.

CREATE TABLE dovetail_dead_letter (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer    TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    -- What tells messages apart, beside the fingerprint of their bodies.
    digest      TEXT    NOT NULL,
    kind        TEXT,
    key         TEXT,
    expires_at  INTEGER,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    reason      TEXT    NOT NULL CHECK (reason IN (
        'decode', 'contract', 'id_missing', 'id_reuse', 'handler', 'panic', 'timeout', 'retries_exhausted', 'key_blocked', 'expired',
        'publish_rejected'
    )),
    detail      TEXT    NOT NULL,
    contract    TEXT,
    attempts    INTEGER NOT NULL,
    seen        INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('open', 'replayed', 'discarded', 'resolved')),
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL
) STRICT;

-- A message comes here once, however many times it is delivered.
CREATE UNIQUE INDEX dovetail_dead_letter_open ON dovetail_dead_letter (digest, fingerprint) WHERE state = 'open';
CREATE INDEX dovetail_dead_letter_reason ON dovetail_dead_letter (state, reason, number);
