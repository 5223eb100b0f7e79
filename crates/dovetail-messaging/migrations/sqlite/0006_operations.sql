-- What people do with dead letters: who did what, and the jobs that send many of them again.

CREATE TABLE dovetail_audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    action TEXT   NOT NULL CHECK (action IN (
        'note', 'edit', 'discard', 'restore', 'start', 'replay', 'pause', 'resume', 'cancel', 'fail', 'purge', 'republish'
    )),
    -- The dead letter that it was done to, or sent again for.
    letter INTEGER,
    -- The replay that it was done to, or by.
    job    INTEGER,
    -- The text of a note, the identity of a copy, why a replay paused.
    detail TEXT    NOT NULL
) STRICT;

CREATE INDEX dovetail_audit_letter ON dovetail_audit (letter, number) WHERE letter IS NOT NULL;

-- What became of a message is told by its later letters.
CREATE INDEX dovetail_dead_letter_identity ON dovetail_dead_letter (digest, fingerprint, number);

CREATE TABLE dovetail_replay (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- A digest of what was selected: whoever selects the same while it goes on gets the same replay.
    selected          BLOB    NOT NULL,
    -- The selection as people read it.
    selection         TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('canary', 'running', 'paused', 'done', 'cancelled', 'failed')),
    cause             TEXT,
    -- Letters in each second.
    rate              INTEGER NOT NULL,
    canary            INTEGER NOT NULL,
    settle            INTEGER NOT NULL,
    retention         INTEGER NOT NULL,
    accept_duplicates INTEGER NOT NULL,
    total             INTEGER NOT NULL,
    -- Letters that were selected and cannot be sent again as they are.
    unfit             INTEGER NOT NULL,
    -- The place of the last letter that had its turn, and what became of those up to there.
    cursor            INTEGER NOT NULL DEFAULT 0,
    skipped           INTEGER NOT NULL DEFAULT 0,
    too_old           INTEGER NOT NULL DEFAULT 0,
    handled           INTEGER NOT NULL DEFAULT 0,
    dead              INTEGER NOT NULL DEFAULT 0,
    undecided         INTEGER NOT NULL DEFAULT 0,
    -- Failures of letters up to here were known to whoever let it go on.
    counted_from      INTEGER NOT NULL DEFAULT 0,
    -- Whether it has still to prove itself with its first letters, or whoever let it go on did without.
    is_proven         INTEGER NOT NULL DEFAULT 0,
    -- Microseconds since 1970: when the next letter may be sent.
    due_at            INTEGER NOT NULL,
    judged_at         INTEGER NOT NULL DEFAULT 0,
    started_by        TEXT    NOT NULL,
    -- Who let it go on last, if anybody did.
    resumed_by        TEXT,
    started_at        INTEGER NOT NULL,
    moved_at          INTEGER NOT NULL,
    ended_at          INTEGER
) STRICT;

CREATE UNIQUE INDEX dovetail_replay_selected ON dovetail_replay (selected) WHERE state IN ('canary', 'running', 'paused', 'failed');

-- The letters as they were when the replay was started, in their order.
CREATE TABLE dovetail_replay_item (
    job        INTEGER NOT NULL REFERENCES dovetail_replay,
    position   INTEGER NOT NULL,
    letter     INTEGER NOT NULL,
    outcome    TEXT    NOT NULL CHECK (outcome IN ('waiting', 'sent', 'handled', 'dead', 'undecided', 'skipped', 'too_old')),
    -- The row of the outbox, for a letter whose message the broker had rejected.
    place      INTEGER,
    -- The newest letter when it was sent.
    newest     INTEGER,
    sent_at    INTEGER,
    decided_at INTEGER,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX dovetail_replay_item_sent ON dovetail_replay_item (job, position) WHERE outcome = 'sent';
CREATE INDEX dovetail_replay_item_decided ON dovetail_replay_item (job, decided_at, position) WHERE outcome IN ('handled', 'dead');
CREATE INDEX dovetail_replay_item_letter ON dovetail_replay_item (letter);

-- One row: what was handled before this instant may have been forgotten.
CREATE TABLE dovetail_inbox_floor (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    before INTEGER NOT NULL
) STRICT;

INSERT INTO dovetail_inbox_floor (one, before) VALUES (1, 0);
