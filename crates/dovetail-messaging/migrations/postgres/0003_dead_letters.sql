-- Messages that will not be handled without a person, byte for byte. What was not said is the empty text in `source` and `id`.

CREATE TABLE dovetail_dead_letter (
    number      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text        NOT NULL,
    channel     text        NOT NULL,
    source      text        NOT NULL,
    id          text        NOT NULL,
    -- What tells messages apart, beside the fingerprint of their bodies.
    digest      bytea       NOT NULL,
    kind        text,
    key         text,
    expires_at  timestamptz,
    headers     text        NOT NULL,
    body        bytea       NOT NULL,
    fingerprint bytea       NOT NULL,
    reason      text        NOT NULL CHECK (reason IN (
        'decode', 'contract', 'id_missing', 'id_reuse', 'handler', 'panic', 'timeout', 'retries_exhausted', 'key_blocked', 'expired',
        'publish_rejected'
    )),
    detail      text        NOT NULL,
    contract    text,
    attempts    bigint      NOT NULL,
    seen        bigint      NOT NULL,
    state       text        NOT NULL CHECK (state IN ('open', 'replayed', 'discarded', 'resolved')),
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL
);

-- A message comes here once, however many times it is delivered.
CREATE UNIQUE INDEX dovetail_dead_letter_open ON dovetail_dead_letter (digest, fingerprint) WHERE state = 'open';
CREATE INDEX dovetail_dead_letter_reason ON dovetail_dead_letter (state, reason, number);
