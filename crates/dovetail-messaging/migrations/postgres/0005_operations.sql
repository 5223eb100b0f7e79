-- What people do with dead letters: who did what, and the jobs that send many of them again.

CREATE TABLE dovetail_audit (
    number bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    who    text        NOT NULL,
    action text   NOT NULL CHECK (action IN (
        'note', 'edit', 'discard', 'restore', 'start', 'replay', 'pause', 'resume', 'cancel', 'fail', 'purge', 'republish'
    )),
    -- The dead letter that it was done to, or sent again for.
    letter bigint,
    -- The replay that it was done to, or by.
    job    bigint,
    -- The text of a note, the identity of a copy, why a replay paused.
    detail text        NOT NULL
);

CREATE INDEX dovetail_audit_letter ON dovetail_audit (letter, number) WHERE letter IS NOT NULL;

-- What became of a message is told by its later letters.
CREATE INDEX dovetail_dead_letter_identity ON dovetail_dead_letter (digest, fingerprint, number);

CREATE TABLE dovetail_replay (
    number            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A digest of what was selected: whoever selects the same while it goes on gets the same replay.
    selected          bytea       NOT NULL,
    -- The selection as people read it.
    selection         text        NOT NULL,
    state             text        NOT NULL CHECK (state IN ('canary', 'running', 'paused', 'done', 'cancelled', 'failed')),
    cause             text,
    -- Letters in each second.
    rate              bigint      NOT NULL,
    canary            bigint      NOT NULL,
    -- Milliseconds.
    settle            bigint      NOT NULL,
    retention         bigint      NOT NULL,
    accept_duplicates boolean     NOT NULL,
    total             bigint      NOT NULL DEFAULT 0,
    -- Letters that were selected and cannot be sent again as they are.
    unfit             bigint      NOT NULL DEFAULT 0,
    -- The place of the last letter that had its turn, and what became of those up to there.
    cursor            bigint      NOT NULL DEFAULT 0,
    skipped           bigint      NOT NULL DEFAULT 0,
    too_old           bigint      NOT NULL DEFAULT 0,
    handled           bigint      NOT NULL DEFAULT 0,
    dead              bigint      NOT NULL DEFAULT 0,
    undecided         bigint      NOT NULL DEFAULT 0,
    -- Failures of letters up to here were known to whoever let it go on.
    counted_from      bigint      NOT NULL DEFAULT 0,
    -- Whether it has still to prove itself with its first letters, or whoever let it go on did without.
    is_proven         boolean     NOT NULL DEFAULT false,
    -- Microseconds since 1970: when the next letter may be sent.
    due_at            bigint      NOT NULL,
    judged_at         timestamptz NOT NULL DEFAULT 'epoch',
    started_by        text        NOT NULL,
    -- Who let it go on last, if anybody did.
    resumed_by        text,
    started_at        timestamptz NOT NULL,
    moved_at          timestamptz NOT NULL,
    ended_at          timestamptz
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX dovetail_replay_selected ON dovetail_replay (selected) WHERE state IN ('canary', 'running', 'paused', 'failed');

-- The letters as they were when the replay was started, in their order.
CREATE TABLE dovetail_replay_item (
    job        bigint NOT NULL REFERENCES dovetail_replay,
    position   bigint NOT NULL,
    letter     bigint NOT NULL,
    outcome    text   NOT NULL CHECK (outcome IN ('waiting', 'sent', 'handled', 'dead', 'undecided', 'skipped', 'too_old')),
    -- The row of the outbox, for a letter whose message the broker had rejected.
    place      bigint,
    -- The newest letter when it was sent.
    newest     bigint,
    sent_at    timestamptz,
    decided_at timestamptz,
    PRIMARY KEY (job, position)
);

CREATE INDEX dovetail_replay_item_sent ON dovetail_replay_item (job, position) WHERE outcome = 'sent';
CREATE INDEX dovetail_replay_item_decided ON dovetail_replay_item (job, decided_at, position) WHERE outcome IN ('handled', 'dead');
CREATE INDEX dovetail_replay_item_letter ON dovetail_replay_item (letter);

-- One row: what was handled before this instant may have been forgotten.
CREATE TABLE dovetail_inbox_floor (
    one    smallint    PRIMARY KEY CHECK (one = 1),
    before timestamptz NOT NULL
);

INSERT INTO dovetail_inbox_floor (one, before) VALUES (1, 'epoch');
