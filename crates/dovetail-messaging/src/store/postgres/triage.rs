//! Looking at dead letters and deciding about them, as statements.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::{
    Postgres,
    dead_letter::{self, letter},
    outbox::Publishing,
    rows,
    session::{Param, Session, Step, unreadable},
    text,
};
use crate::{
    consumer::with_causes,
    dead_letter::{
        Act, Action, By, Closed, Entry, Group, Listed, Matches, Reason, Restored, Selection, State,
        purged,
    },
    message::{Message, shortened},
    replay::addressed,
    store::{LETTERS_MAX, StoreError, Triage},
};

/// What a selection means. Its parameters are those of [`Meant`].
macro_rules! meant {
    () => {
        "($1::text IS NULL OR consumer = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR state = $3)
         AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR channel = $5)
         AND ($6::timestamptz IS NULL OR first_at >= $6) AND ($7::timestamptz IS NULL OR first_at < $7)
         AND ($8::boolean IS NULL OR (state = 'open' AND source <> '' AND id <> ''
              AND octet_length(replace(replace(source, '␀␀', '...'), '␀0', '.')) <= 1024
              AND octet_length(replace(replace(id, '␀␀', '...'), '␀0', '.')) <= 1024
              AND reason NOT IN ('id_missing', 'id_reuse')) = $8)
         AND ($9::bigint[] IS NULL OR number = ANY ($9))"
    };
}

pub(super) use meant;

/// A letter with what was noted on it last.
macro_rules! noted {
    ($body:literal) => {
        concat!(
            "SELECT number, consumer, channel, source, id, kind, key, expires_at, headers, ",
            $body,
            " AS body, octet_length(body)::bigint AS body_bytes, fingerprint,
              reason, detail, contract, attempts, seen, state, first_at, last_at,
              (SELECT nullif(note.detail, '') FROM dovetail_audit AS note
               WHERE note.letter = letter.number AND note.action = 'note' ORDER BY note.number DESC LIMIT 1) AS note
              FROM dovetail_dead_letter AS letter WHERE "
        )
    };
}

const COUNT: &str = concat!(
    "SELECT count(*) AS count, min(first_at) AS oldest_at, coalesce(max(number), 0) AS last FROM dovetail_dead_letter WHERE ",
    meant!()
);

/// Bodies may be long, and stay where they are.
const LIST: &str = concat!(
    noted!("''::bytea"),
    meant!(),
    " AND number > $10 ORDER BY number LIMIT $11"
);

const WHOLE: &str = concat!(noted!("body"), "number = $1");

macro_rules! groups {
    ($column:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            $column,
            " AS name, count(*) AS count, min(first_at) AS oldest_at, max(first_at) AS newest_at, max(number) AS example
             FROM dovetail_dead_letter WHERE ",
            meant!(),
            " GROUP BY 1) AS found ORDER BY count DESC, name COLLATE \"C\" LIMIT 10000"
        )
    };
}

const EXISTS: &str = "SELECT 1 FROM dovetail_dead_letter WHERE number = $1";

const RECORD: &str = "
    INSERT INTO dovetail_audit (at, who, action, letter, job, detail)
    SELECT $1::timestamptz, $2::text, $3::text, letter, $5::bigint, $6::text FROM unnest($4::bigint[]) AS done (letter)";

const RECORD_JOB: &str = "
    INSERT INTO dovetail_audit (at, who, action, letter, job, detail) VALUES ($1, $2, $3, NULL, $4, $5)";

const NOTE: &str = "
    INSERT INTO dovetail_audit (at, who, action, letter, job, detail)
    SELECT $1::timestamptz, $2::text, 'note', number, NULL, $4::text FROM dovetail_dead_letter WHERE number = $3";

/// In one order for everybody, so that two of them wait for each other and not both.
const DISCARD: &str = "
    WITH meant AS (
        SELECT number FROM dovetail_dead_letter WHERE number = ANY ($1) AND state = 'open' ORDER BY number FOR UPDATE
    ), closed AS (
        UPDATE dovetail_dead_letter AS letter SET state = 'discarded', last_at = $2 FROM meant
        WHERE letter.number = meant.number
        RETURNING letter.number, letter.reason, letter.channel, letter.source, letter.id, letter.headers
    ), recorded AS (
        INSERT INTO dovetail_audit (at, who, action, letter, job, detail)
        SELECT $2, $3::text, 'discard', number, NULL, '' FROM closed ORDER BY number
    ), skipped AS (
        UPDATE dovetail_outbox AS message SET status = 'skipped' FROM closed
        WHERE closed.reason = 'publish_rejected' AND message.status = 'blocked' AND message.channel = closed.channel
          AND message.source = closed.source AND message.id = closed.id AND message.headers = closed.headers
    )
    SELECT number FROM closed ORDER BY number";

/// Only the newest letter of a message says what became of it: an older one could be sent beside an edited copy, or be taken for one that
/// somebody dealt with.
const RESTORE: &str = "
    WITH opened AS (
        UPDATE dovetail_dead_letter AS letter SET state = 'open', last_at = $2
        WHERE letter.number = ANY ($1) AND letter.state IN ('discarded', 'replayed') AND NOT EXISTS (
            SELECT 1 FROM dovetail_dead_letter AS newer
            WHERE newer.digest = letter.digest AND newer.fingerprint = letter.fingerprint AND newer.number > letter.number)
        RETURNING letter.number
    ), recorded AS (
        INSERT INTO dovetail_audit (at, who, action, letter, job, detail)
        SELECT $2, $3::text, 'restore', number, NULL, '' FROM opened ORDER BY number
    )
    SELECT number FROM opened";

const DOUBLED: &str = "
    SELECT letter.number FROM dovetail_dead_letter AS letter JOIN dovetail_dead_letter AS newer
        ON newer.digest = letter.digest AND newer.fingerprint = letter.fingerprint AND newer.number > letter.number
    WHERE letter.number = ANY ($1) AND letter.state IN ('discarded', 'replayed') AND newer.state = 'open'";

/// While there are letters of a message, its mark in the inbox keeps redeliveries away; without them it is a mark of nothing.
const PURGE: &str = "
    WITH gone AS (
        SELECT number, consumer, source, id, digest FROM dovetail_dead_letter AS letter
        WHERE state <> 'open' AND last_at < $1 AND NOT EXISTS (
            SELECT 1 FROM dovetail_replay_item AS item JOIN dovetail_replay AS job ON job.number = item.job
            WHERE item.letter = letter.number AND job.state NOT IN ('done', 'cancelled'))
        ORDER BY number LIMIT $2 FOR UPDATE OF letter SKIP LOCKED
    ), unmarked AS (
        DELETE FROM dovetail_inbox AS inbox USING gone
        WHERE inbox.consumer = gone.consumer AND inbox.source = gone.source AND inbox.id = gone.id AND inbox.status = 'dead'
          AND NOT EXISTS (
              SELECT 1 FROM dovetail_dead_letter AS other
              WHERE other.digest = gone.digest AND other.number NOT IN (SELECT number FROM gone))
    )
    DELETE FROM dovetail_dead_letter AS letter USING gone WHERE letter.number = gone.number RETURNING letter.number";

const AUDIT: &str = "
    SELECT number, at, who, action, letter, job, detail FROM dovetail_audit
    WHERE ($1::bigint IS NULL OR letter = $1) AND number > $2 ORDER BY number LIMIT $3";

impl Triage for Postgres {
    async fn matches(&self, selection: Selection) -> Result<Matches, StoreError> {
        let session = self.session("count dead letters").await?;
        let meant = Meant::of(&selection);
        let answers = session
            .once(vec![Step::Query(COUNT, meant.params())])
            .await?;
        let Some(row) = answers.rows(0).first() else {
            return Ok(Matches::default());
        };
        Ok(Matches {
            count: rows::get::<i64>(row, "count")?.unsigned_abs(),
            oldest_at: rows::get(row, "oldest_at")?,
            last: rows::get(row, "last")?,
        })
    }

    async fn list(
        &self,
        selection: Selection,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreError> {
        let session = self.session("list dead letters").await?;
        let meant = Meant::of(&selection);
        let limit = i64::from(limit);
        let mut params = meant.params();
        params.extend([&after as Param<'_>, &limit]);
        let answers = session.once(vec![Step::Query(LIST, params)]).await?;
        answers.rows(0).iter().map(listed).collect()
    }

    async fn letter(&self, number: i64) -> Result<Option<Listed>, StoreError> {
        let session = self.session("read a dead letter").await?;
        let answers = session
            .once(vec![Step::Query(WHOLE, vec![&number])])
            .await?;
        answers.rows(0).first().map(listed).transpose()
    }

    async fn groups(&self, selection: Selection, by: By) -> Result<Vec<Group>, StoreError> {
        let session = self.session("group dead letters").await?;
        let meant = Meant::of(&selection);
        let sql = match by {
            By::Reason => groups!("reason"),
            By::Consumer => groups!("consumer"),
            By::Kind => groups!("coalesce(kind, '')"),
            By::Detail => groups!("detail"),
        };
        let answers = session.once(vec![Step::Query(sql, meant.params())]).await?;
        let group = |row: &Row| {
            Ok(Group {
                name: text::read(rows::get(row, "name")?),
                count: rows::get::<i64>(row, "count")?.unsigned_abs(),
                oldest_at: rows::get(row, "oldest_at")?,
                newest_at: rows::get(row, "newest_at")?,
                example: rows::get(row, "example")?,
            })
        };
        answers.rows(0).iter().map(group).collect()
    }

    async fn annotate(&self, number: i64, note: String, act: Act) -> Result<bool, StoreError> {
        let session = self.session("note something on a dead letter").await?;
        let (note, deed) = (
            text::kept(shortened(&note).as_str()).into_owned(),
            Deed::of(&act),
        );
        let params: Vec<Param<'_>> = vec![&deed.at, &deed.who, &number, &note];
        let answers = session.once(vec![Step::Query(NOTE, params)]).await?;
        Ok(answers.affected(0) > 0)
    }

    async fn send_copy(&self, number: i64, copy: Message, act: Act) -> Result<Closed, StoreError> {
        let mut session = self.session("send a copy of a dead letter").await?;
        let Some(letter) = dead_letter::open(&mut session, number).await? else {
            let present = session.query(EXISTS, vec![&number]).await?;
            session.rollback().await;
            let is_there = !present.is_empty();
            return Ok(if is_there {
                Closed::NotOpen
            } else {
                Closed::Unknown
            });
        };
        let detail = format!(
            "sent as {} {}",
            copy.source.as_deref().unwrap_or_default(),
            copy.id.as_deref().unwrap_or_default()
        );
        let recorded = Recorded::of(&act, Action::Edit, vec![number], None, &detail);
        let message = [addressed(copy, &letter.consumer, letter.reason)];
        let publishing = Publishing::of(&message, act.at)?;
        let (state, at) = (State::Resolved.as_str(), rows::stamp(act.at));
        let mut last = vec![Step::Query(dead_letter::CLOSE, vec![&number, &state, &at])];
        if letter.reason == Reason::PublishRejected {
            last.push(Step::Query(dead_letter::SKIP_REJECTED, vec![&number]));
        }
        last.extend(publishing.steps());
        last.push(recorded.step());
        session.commit(last).await?;
        self.wake.published();
        Ok(Closed::Now)
    }

    async fn discard_all(&self, mut numbers: Vec<i64>, act: Act) -> Result<Vec<i64>, StoreError> {
        numbers.truncate(LETTERS_MAX);
        let session = self.session("discard dead letters").await?;
        let deed = Deed::of(&act);
        let params: Vec<Param<'_>> = vec![&numbers, &deed.at, &deed.who];
        let answers = session.once(vec![Step::Query(DISCARD, params)]).await?;
        self.wake.published();
        answers.rows(0).iter().map(rows::first).collect()
    }

    async fn restore_all(&self, mut numbers: Vec<i64>, act: Act) -> Result<Restored, StoreError> {
        numbers.truncate(LETTERS_MAX);
        let session = self.session("open dead letters again").await?;
        let deed = Deed::of(&act);
        let params: Vec<Param<'_>> = vec![&numbers, &deed.at, &deed.who];
        let steps = vec![
            Step::Query(RESTORE, params),
            Step::Query(DOUBLED, vec![&numbers]),
        ];
        let answers = session.once(steps).await?;
        let listed = |index| -> Result<Vec<i64>, StoreError> {
            answers.rows(index).iter().map(rows::first).collect()
        };
        let (opened, doubled) = (listed(0)?, listed(1)?);
        let mut restored = Restored::default();
        for number in numbers {
            let list = if opened.contains(&number) {
                &mut restored.opened
            } else if doubled.contains(&number) {
                &mut restored.doubled
            } else {
                &mut restored.unfit
            };
            list.push(number);
        }
        Ok(restored)
    }

    async fn log(&self, act: Act, action: Action, detail: String) -> Result<(), StoreError> {
        let session = self.session("write down what is done").await?;
        let recorded = Recorded::of(&act, action, Vec::new(), None, &detail);
        session.once(vec![recorded.step()]).await.map(drop)
    }

    async fn audit(
        &self,
        letter: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let session = self.session("read what was done").await?;
        let limit = i64::from(limit);
        let steps = vec![Step::Query(AUDIT, vec![&letter, &after, &limit])];
        session
            .once(steps)
            .await?
            .rows(0)
            .iter()
            .map(entry)
            .collect()
    }
}

/// Forgets letters that were closed long ago, and writes down which.
pub(super) async fn purge(
    mut session: Session,
    before: SystemTime,
    limit: u32,
    act: &Act,
) -> Result<u32, StoreError> {
    let (before, limit) = (rows::stamp(before), i64::from(limit));
    let answers = session
        .begin(vec![Step::Query(PURGE, vec![&before, &limit])])
        .await?;
    let gone = answers.rows(0).iter().map(rows::first);
    let gone = gone.collect::<Result<Vec<i64>, _>>()?;
    let detail = purged(&gone);
    let recorded = detail.map(|detail| Recorded::of(act, Action::Purge, Vec::new(), None, &detail));
    let last = recorded.iter().map(Recorded::step);
    session.commit(last.collect()).await?;
    Ok(u32::try_from(gone.len()).unwrap_or(u32::MAX))
}

/// A selection as columns.
pub(super) struct Meant {
    consumer: Option<String>,
    reason: Option<&'static str>,
    state: Option<&'static str>,
    kind: Option<String>,
    channel: Option<String>,
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    replayable: Option<bool>,
    numbers: Option<Vec<i64>>,
}

impl Meant {
    pub(super) fn of(selection: &Selection) -> Self {
        let kept =
            |said: &Option<String>| said.as_deref().map(|said| text::kept(said).into_owned());
        Self {
            consumer: kept(&selection.consumer),
            reason: selection.reason.map(Reason::as_str),
            state: selection.state.map(State::as_str),
            kind: kept(&selection.kind),
            channel: kept(&selection.channel),
            since: selection.since.map(rows::stamp),
            until: selection.until.map(rows::stamp),
            replayable: selection.replayable,
            numbers: (!selection.numbers.is_empty()).then(|| selection.numbers.clone()),
        }
    }

    pub(super) fn params(&self) -> Vec<Param<'_>> {
        vec![
            &self.consumer,
            &self.reason,
            &self.state,
            &self.kind,
            &self.channel,
            &self.since,
            &self.until,
            &self.replayable,
            &self.numbers,
        ]
    }
}

/// Who acts and when, as columns.
struct Deed {
    at: SystemTime,
    who: String,
}

impl Deed {
    fn of(act: &Act) -> Self {
        Self {
            at: rows::stamp(act.at),
            who: text::kept(&act.who).into_owned(),
        }
    }
}

/// What is written down about letters.
pub(super) struct Recorded {
    deed: Deed,
    action: &'static str,
    letters: Vec<i64>,
    job: Option<i64>,
    detail: String,
}

impl Recorded {
    pub(super) fn of(
        act: &Act,
        action: Action,
        letters: Vec<i64>,
        job: Option<i64>,
        detail: &str,
    ) -> Self {
        Self {
            deed: Deed::of(act),
            action: action.as_str(),
            letters,
            job,
            detail: text::kept(&shortened(detail)).into_owned(),
        }
    }

    pub(super) fn step(&self) -> Step<'_> {
        let mut params: Vec<Param<'_>> = vec![&self.deed.at, &self.deed.who, &self.action];
        if self.letters.is_empty() {
            params.extend([&self.job as Param<'_>, &self.detail]);
            return Step::Query(RECORD_JOB, params);
        }
        params.extend([&self.letters as Param<'_>, &self.job, &self.detail]);
        Step::Query(RECORD, params)
    }
}

fn listed(row: &Row) -> Result<Listed, StoreError> {
    let (letter, problem) = match letter(row) {
        Ok(letter) => (letter, None),
        Err(error) => (dead_letter::damaged(row)?, Some(with_causes(&error))),
    };
    Ok(Listed {
        letter,
        problem,
        body_bytes: rows::get::<i64>(row, "body_bytes")?.unsigned_abs(),
        note: rows::get::<Option<String>>(row, "note")?.map(text::read),
    })
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let action: &str = rows::get(row, "action")?;
    let action = Action::of(action).ok_or_else(|| {
        unreadable(
            "read what was done",
            format!("`{action}` is nothing that can be done"),
        )
    })?;
    Ok(Entry {
        number: rows::get(row, "number")?,
        act: Act {
            who: text::read(rows::get(row, "who")?),
            at: rows::get(row, "at")?,
        },
        action,
        letter: rows::get(row, "letter")?,
        job: rows::get(row, "job")?,
        detail: text::read(rows::get(row, "detail")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::IDENTITY_BYTES_MAX;

    #[test]
    fn what_cannot_be_sent_again_is_said_as_in_the_reasons() {
        let unfit = Reason::ALL
            .into_iter()
            .filter(|reason| !reason.can_replay());
        let unfit: Vec<String> = unfit.map(|reason| format!("'{reason}'")).collect();
        assert!(COUNT.contains(&format!("NOT IN ({})", unfit.join(", "))));
        assert!(COUNT.contains(&format!("<= {IDENTITY_BYTES_MAX}")));
    }
}
