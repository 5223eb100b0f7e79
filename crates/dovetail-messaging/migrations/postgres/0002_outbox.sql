-- Messages that were committed with their cause. Places are given under the lock of the key, so those of one key are in the order of their commits.

CREATE TABLE dovetail_outbox (
    place        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel      text        NOT NULL,
    source       text,
    id           text,
    kind         text,
    key          text,
    -- What the order is kept by: the key, or what stands for one that is too long for an index.
    lane         text,
    expires_at   timestamptz,
    headers      text        NOT NULL,
    body         bytea       NOT NULL,
    -- 'blocked': rejected by the broker, and holding back what follows of its key. 'skipped': rejected, and holding back nothing.
    status       text        NOT NULL CHECK (status IN ('pending', 'published', 'blocked', 'skipped')),
    attempts     bigint      NOT NULL DEFAULT 0,
    last_error   text,
    -- Taken under this token until then, by the clock of the database.
    token        bigint      NOT NULL DEFAULT 0,
    held_until   timestamptz NOT NULL DEFAULT 'epoch',
    retry_at     timestamptz NOT NULL DEFAULT 'epoch',
    at           timestamptz NOT NULL,
    published_at timestamptz
-- Rows change a few times and go; what they leave behind must not pile up.
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX dovetail_outbox_open ON dovetail_outbox (place) WHERE status = 'pending';
CREATE INDEX dovetail_outbox_lane ON dovetail_outbox (channel, lane, place) WHERE status IN ('pending', 'blocked') AND lane IS NOT NULL;
-- By a hash, which has room for an id of any length.
CREATE INDEX dovetail_outbox_rejected ON dovetail_outbox USING hash (id) WHERE status IN ('blocked', 'skipped');
CREATE INDEX dovetail_outbox_skipped ON dovetail_outbox (at) WHERE status = 'skipped';
CREATE INDEX dovetail_outbox_published ON dovetail_outbox (published_at) WHERE status = 'published';

-- One row for each key that was published lately: whoever publishes under the key locks it until the end of the transaction.
CREATE TABLE dovetail_outbox_key (
    channel text   NOT NULL,
    lane    text   NOT NULL,
    -- How many transactions have published under it.
    seq     bigint NOT NULL,
    PRIMARY KEY (channel, lane)
) WITH (fillfactor = 70);

CREATE SEQUENCE dovetail_outbox_token;
