-- Keys whose next message failed, and the messages that wait in them, in their order.

CREATE TABLE dovetail_parked_key (
    -- Whose order it is: the group of consumers.
    scope    text        NOT NULL,
    -- What the order is kept by: the key, or what stands for one that is too long for an index.
    lane     text        NOT NULL,
    retry_at timestamptz NOT NULL,
    PRIMARY KEY (scope, lane)
);

CREATE INDEX dovetail_parked_key_due ON dovetail_parked_key (scope, retry_at);

CREATE TABLE dovetail_parked (
    place       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       text        NOT NULL,
    lane        text        NOT NULL,
    consumer    text        NOT NULL,
    key         text,
    channel     text        NOT NULL,
    source      text        NOT NULL,
    id          text        NOT NULL,
    -- What stands for consumer, source and id, which may be too long for an index.
    digest      bytea       NOT NULL UNIQUE,
    kind        text,
    expires_at  timestamptz,
    headers     text        NOT NULL,
    body        bytea       NOT NULL,
    fingerprint bytea       NOT NULL,
    at          timestamptz NOT NULL
);

CREATE INDEX dovetail_parked_order ON dovetail_parked (scope, lane, place);
