-- What was handled, what is under lease, and what has failed so far.

CREATE TABLE dovetail_inbox (
    consumer    text        NOT NULL,
    source      text        NOT NULL,
    id          text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      text        NOT NULL CHECK (status IN ('claimed', 'done', 'dead')),
    -- Only consumers whose effect is elsewhere use leases.
    token       bigint      NOT NULL DEFAULT 0,
    -- Leases that ended by no fault of the message.
    excused     bigint      NOT NULL DEFAULT 0,
    lease_until timestamptz,
    at          timestamptz NOT NULL,
    PRIMARY KEY (consumer, source, id)
);

CREATE INDEX dovetail_inbox_at ON dovetail_inbox (at) WHERE status = 'done';

-- Written in transactions of their own: what failed was rolled back.
CREATE TABLE dovetail_attempt (
    consumer   text        NOT NULL,
    source     text        NOT NULL,
    id         text        NOT NULL,
    attempts   bigint      NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    last_error text        NOT NULL,
    PRIMARY KEY (consumer, source, id)
);

-- For consumers of partitioned logs: the offset that is to be handled next.
CREATE TABLE dovetail_offset (
    scope     text   NOT NULL,
    topic     text   NOT NULL,
    partition bigint NOT NULL,
    next      bigint NOT NULL,
    PRIMARY KEY (scope, topic, partition)
) WITH (fillfactor = 50);
