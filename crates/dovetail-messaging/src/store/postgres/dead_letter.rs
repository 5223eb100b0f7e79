//! The dead letters as rows.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::{
    Postgres, inbox,
    outbox::Publishing,
    rows,
    rows::{Columns, Indexed},
    session::{Param, Session, Step, unreadable},
    text,
    triage::{self, Recorded},
};
use crate::{
    consumer::with_causes,
    dead_letter::{Act, Action, Burial, DeadLetter, Filter, Reason, State, Tally, digest},
    inbox::{Fingerprint, Key},
    message::Message,
    replay::addressed,
    store::{DeadLetters, ErrorKind, StoreError, Triage as _},
};

/// Keeps a letter, once however many times it comes, with the attempts that are told or were counted.
///
/// One that somebody dealt with is no new letter when it is redelivered: whoever sent it again would have both it and its edited copy handled.
/// What a broker rejects is never a redelivery: each time a row of the outbox waits for somebody.
const KEEP: &str = "
    WITH dealt_with AS (
        UPDATE dovetail_dead_letter SET seen = seen + 1, last_at = $16
        WHERE $17 <> '' AND $12 <> 'publish_rejected' AND state IN ('discarded', 'resolved')
          AND number = (SELECT max(number) FROM dovetail_dead_letter WHERE digest = $5 AND fingerprint = $11)
        RETURNING 1
    )
    INSERT INTO dovetail_dead_letter
        (consumer, channel, source, id, digest, kind, key, expires_at, headers, body, fingerprint,
         reason, detail, contract, attempts, seen, state, first_at, last_at)
    SELECT $1::text, $2::text, $3::text, $4::text, $5::bytea, $6::text, $7::text, $8::timestamptz, $9::text, $10::bytea,
           $11::bytea, $12::text, $13::text, $14::text,
           coalesce($15::bigint,
                    (SELECT attempts FROM dovetail_attempt WHERE consumer = $17 AND source = $18 AND id = $19), 0),
           1, 'open', $16::timestamptz, $16
    WHERE NOT EXISTS (SELECT 1 FROM dealt_with)
    ON CONFLICT (digest, fingerprint) WHERE state = 'open'
    DO UPDATE SET seen = dovetail_dead_letter.seen + 1, last_at = excluded.last_at";

const MARK: &str = "
    INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at) VALUES ($1, $2, $3, $4, 'dead', $5)
    ON CONFLICT DO NOTHING";

const UNMARK: &str = "
    DELETE FROM dovetail_inbox
    WHERE consumer = $1 AND source = $2 AND id = $3 AND status = 'dead' AND fingerprint = $4";

const LIST: &str = "
    SELECT number, consumer, channel, source, id, kind, key, expires_at, headers, body, fingerprint,
           reason, detail, contract, attempts, seen, state, first_at, last_at
    FROM dovetail_dead_letter
    WHERE ($1::text IS NULL OR consumer = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR state = $3)
      AND number > $4
    ORDER BY number LIMIT $5";

const TALLY: &str = "
    SELECT count(*) AS count, min(first_at) AS oldest_at FROM dovetail_dead_letter
    WHERE ($1::text IS NULL OR consumer = $1) AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR state = $3)";

/// Nobody else decides on it before the end of the transaction.
const OPEN: &str = "
    SELECT number, consumer, channel, source, id, kind, key, expires_at, headers, body, fingerprint,
           reason, detail, contract, attempts, seen, state, first_at, last_at
    FROM dovetail_dead_letter WHERE number = $1 AND state = 'open' FOR UPDATE";

pub(super) const CLOSE: &str =
    "UPDATE dovetail_dead_letter SET state = $2, last_at = $3 WHERE number = $1";

/// The rows of the message that a letter is about, which the broker rejected.
macro_rules! rejected {
    ($then:literal) => {
        concat!(
            "WITH rejected AS MATERIALIZED (
                 SELECT message.place, message.status FROM dovetail_dead_letter AS letter JOIN dovetail_outbox AS message
                     ON message.channel = letter.channel AND message.source = letter.source AND message.id = letter.id
                         AND message.headers = letter.headers
                 WHERE letter.number = $1 AND letter.reason = 'publish_rejected' AND message.status IN ('blocked', 'skipped')
             ) ",
            $then
        )
    };
}

/// Has a rejected message published again, in its old place: all rows that hold back what follows of their key, or else the last one that was
/// given up.
pub(super) const RETRY_REJECTED: &str = rejected!(
    "UPDATE dovetail_outbox SET status = 'pending', held_until = 'epoch', retry_at = 'epoch'
     WHERE place IN (
         SELECT place FROM rejected WHERE status = 'blocked'
         UNION ALL
         SELECT max(place) FROM rejected WHERE NOT EXISTS (SELECT 1 FROM rejected WHERE status = 'blocked'))
     RETURNING place"
);

/// Gives a rejected message up, so that what follows of its key is published.
pub(super) const SKIP_REJECTED: &str = rejected!(
    "UPDATE dovetail_outbox SET status = 'skipped' WHERE place IN (SELECT place FROM rejected WHERE status = 'blocked')"
);

/// The place of the message that this session published last.
const LAST_PLACE: &str = "SELECT currval(pg_get_serial_sequence('dovetail_outbox', 'place'))";

impl DeadLetters for Postgres {
    async fn letters(
        &self,
        filter: Filter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let session = self.session("list dead letters").await?;
        let meant = Meant::of(&filter);
        let limit = i64::from(limit);
        let mut params = meant.params();
        params.extend([&after as Param<'_>, &limit]);
        let answers = session.once(vec![Step::Query(LIST, params)]).await?;
        answers.rows(0).iter().map(letter).collect()
    }

    async fn tally(&self, filter: Filter) -> Result<Tally, StoreError> {
        let session = self.session("count dead letters").await?;
        let meant = Meant::of(&filter);
        let answers = session
            .once(vec![Step::Query(TALLY, meant.params())])
            .await?;
        let Some(row) = answers.rows(0).first() else {
            return Ok(Tally {
                count: 0,
                oldest_at: None,
            });
        };
        Ok(Tally {
            count: rows::get::<i64>(row, "count")?.unsigned_abs(),
            oldest_at: rows::get(row, "oldest_at")?,
        })
    }

    async fn replay(&self, number: i64, now: SystemTime) -> Result<bool, StoreError> {
        let session = self.session("replay a dead letter").await?;
        let is_sent = replay(session, number, now).await?;
        if is_sent {
            self.wake.published();
        }
        Ok(is_sent)
    }

    async fn discard(&self, number: i64, now: SystemTime) -> Result<bool, StoreError> {
        let act = Act::of_program(now);
        let discarded = self.discard_all(vec![number], act).await?;
        Ok(!discarded.is_empty())
    }

    async fn purge(&self, before: SystemTime, limit: u32, act: Act) -> Result<u32, StoreError> {
        let session = self.session("forget dead letters").await?;
        triage::purge(session, before, limit, &act).await
    }
}

async fn replay(mut session: Session, number: i64, now: SystemTime) -> Result<bool, StoreError> {
    let Some(letter) = open(&mut session, number).await? else {
        session.rollback().await;
        return Ok(false);
    };
    if !letter.reason.can_replay() || letter.message.identity().is_none() {
        return Err(StoreError::because(
            "replay a dead letter as it is",
            ErrorKind::Refused,
            format!(
                "its reason is {}: it needs an identity of its own",
                letter.reason
            ),
        ));
    }
    let (state, at) = (State::Replayed.as_str(), rows::stamp(now));
    let close = Step::Query(CLOSE, vec![&number, &state, &at]);
    let act = Act::of_program(now);
    let recorded = Recorded::of(&act, Action::Replay, vec![number], None, "");
    if letter.reason == Reason::PublishRejected {
        retry_rejected(&mut session, letter, now).await?;
        session.commit(vec![close, recorded.step()]).await?;
        return Ok(true);
    }
    let key = Key::of(&letter.consumer, &letter.message).map(|key| Indexed::of(&key));
    let fingerprint = &letter.fingerprint.0[..];
    let message = [addressed(letter.message, &letter.consumer, letter.reason)];
    let publishing = Publishing::of(&message, now)?;
    let mut last = vec![close];
    if let Some(key) = &key {
        let identity: Vec<Param<'_>> = vec![&key.consumer, &key.source, &key.id];
        let mut marked = identity.clone();
        marked.push(&fingerprint);
        last.push(Step::Query(inbox::FORGET_ATTEMPTS, identity));
        last.push(Step::Query(UNMARK, marked));
    }
    last.extend(publishing.steps());
    last.push(recorded.step());
    session.commit(last).await?;
    Ok(true)
}

/// Has a rejected message published again, at its old place or a new one, and returns the place.
pub(super) async fn retry_rejected(
    session: &mut Session,
    letter: DeadLetter,
    now: SystemTime,
) -> Result<Option<i64>, StoreError> {
    let retried = session.query(RETRY_REJECTED, vec![&letter.number]).await?;
    let mut place = None;
    for row in &retried {
        place = place.max(Some(rows::first(row)?));
    }
    if place.is_none() {
        let message = [addressed(letter.message, &letter.consumer, letter.reason)];
        let publishing = Publishing::of(&message, now)?;
        let mut steps = publishing.steps();
        let last = steps.len();
        steps.push(Step::Query(LAST_PLACE, Vec::new()));
        let answers = session.send(&steps).await?;
        place = answers.rows(last).first().map(rows::first).transpose()?;
    }
    Ok(place)
}

/// Begins a transaction with a letter that is still open.
pub(super) async fn open(
    session: &mut Session,
    number: i64,
) -> Result<Option<DeadLetter>, StoreError> {
    let answers = session
        .begin(vec![Step::Query(OPEN, vec![&number])])
        .await?;
    answers.rows(0).first().map(readable).transpose()
}

/// A filter as columns.
struct Meant<'a> {
    consumer: Option<String>,
    reason: Option<&'a str>,
    state: Option<&'a str>,
}

impl Meant<'_> {
    fn of(filter: &Filter) -> Self {
        let consumer = filter.consumer.as_deref();
        Self {
            consumer: consumer.map(|name| text::kept(name).into_owned()),
            reason: filter.reason.map(Reason::as_str),
            state: filter.state.map(State::as_str),
        }
    }

    fn params(&self) -> Vec<Param<'_>> {
        vec![&self.consumer, &self.reason, &self.state]
    }
}

/// A burial as columns.
pub(super) struct Grave<'a> {
    consumer: String,
    columns: Columns,
    source: String,
    id: String,
    digest: Vec<u8>,
    body: &'a [u8],
    fingerprint: Vec<u8>,
    reason: &'static str,
    detail: String,
    contract: Option<String>,
    attempts: Option<i64>,
    at: SystemTime,
    key: Option<Indexed>,
    /// The message that had the identity first was handled, and the one that was never sent is no message of an inbox.
    is_marked: bool,
}

impl<'a> Grave<'a> {
    /// The attempts are those that were counted, unless they are told.
    pub(super) fn of(burial: &'a Burial, attempts: Option<u32>) -> Result<Self, StoreError> {
        let message = &burial.message;
        let columns = Columns::of(message)?;
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = Key::of(&burial.consumer, message);
        Ok(Self {
            consumer: text::kept(&burial.consumer).into_owned(),
            source: said(&columns.source),
            id: said(&columns.id),
            digest: digest(&burial.consumer, message, burial.reason).into_bytes(),
            columns,
            body: &message.body,
            fingerprint: Fingerprint::of(&message.body).0.to_vec(),
            reason: burial.reason.as_str(),
            detail: text::kept(&burial.detail).into_owned(),
            contract: burial
                .contract
                .as_deref()
                .map(|text| text::kept(text).into_owned()),
            attempts: attempts.map(i64::from),
            at: rows::stamp(burial.at),
            key: key.map(|key| Indexed::of(&key)),
            is_marked: !matches!(burial.reason, Reason::IdReuse | Reason::PublishRejected),
        })
    }

    /// The statements that keep the letter and mark it in the inbox, three at most.
    pub(super) fn steps(&self) -> Vec<Step<'_>> {
        const NOBODY: &str = "";
        let (consumer, source, id): (Param<'_>, Param<'_>, Param<'_>) = match &self.key {
            Some(key) => (&key.consumer, &key.source, &key.id),
            None => (&NOBODY, &NOBODY, &NOBODY),
        };
        let letter: Vec<Param<'_>> = vec![
            &self.consumer,
            &self.columns.channel,
            &self.source,
            &self.id,
            &self.digest,
            &self.columns.kind,
            &self.columns.key,
            &self.columns.expires_at,
            &self.columns.headers,
            &self.body,
            &self.fingerprint,
            &self.reason,
            &self.detail,
            &self.contract,
            &self.attempts,
            &self.at,
            consumer,
            source,
            id,
        ];
        let mut steps = vec![Step::Query(KEEP, letter)];
        if self.is_marked && self.key.is_some() {
            let identity = vec![consumer, source, id];
            let mut marked = identity.clone();
            marked.extend([&self.fingerprint as Param<'_>, &self.at]);
            steps.push(Step::Query(inbox::FORGET_ATTEMPTS, identity));
            steps.push(Step::Query(MARK, marked));
        }
        steps
    }
}

pub(super) fn letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let reason: &str = rows::get(row, "reason")?;
    let reason = reason
        .parse::<Reason>()
        .map_err(|error| unreadable("read a dead letter", error))?;
    let state = State::of(rows::get(row, "state")?).unwrap_or(State::Open);
    Ok(DeadLetter {
        number: rows::get(row, "number")?,
        consumer: text::read(rows::get(row, "consumer")?),
        message: rows::message(row)?,
        reason,
        detail: text::read(rows::get(row, "detail")?),
        contract: rows::get::<Option<String>>(row, "contract")?.map(text::read),
        fingerprint: rows::fingerprint(row, "fingerprint")?,
        attempts: rows::counted(rows::get(row, "attempts")?),
        seen: rows::counted(rows::get(row, "seen")?),
        state,
        first_at: rows::get(row, "first_at")?,
        last_at: rows::get(row, "last_at")?,
    })
}

/// A letter; one that cannot be read is named.
pub(super) fn readable(row: &Row) -> Result<DeadLetter, StoreError> {
    letter(row).map_err(|error| match rows::get::<i64>(row, "number") {
        Ok(number) => {
            let cause = with_causes(&error);
            unreadable(
                "read a dead letter",
                format!("dead letter {number}: {cause}"),
            )
        }
        Err(error) => error,
    })
}

/// What can be read of a letter that is not as the tables say.
pub(super) fn damaged(row: &Row) -> Result<DeadLetter, StoreError> {
    let said = |name| {
        let text = rows::get::<Option<String>>(row, name).ok().flatten();
        text.map(text::read)
    };
    let word = |name| said(name).unwrap_or_default();
    let counted = |name| rows::get(row, name).map_or(0, rows::counted);
    let at = |name| rows::get(row, name).unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(DeadLetter {
        number: rows::get(row, "number")?,
        consumer: word("consumer"),
        message: Message {
            channel: word("channel"),
            source: said("source"),
            id: said("id"),
            kind: said("kind"),
            key: said("key"),
            body: rows::get::<Vec<u8>>(row, "body").unwrap_or_default().into(),
            ..Message::default()
        },
        reason: word("reason").parse().unwrap_or(Reason::Decode),
        detail: word("detail"),
        contract: said("contract"),
        fingerprint: rows::fingerprint(row, "fingerprint").unwrap_or(Fingerprint([0; 16])),
        attempts: counted("attempts"),
        seen: counted("seen"),
        state: State::of(&word("state")).unwrap_or(State::Open),
        first_at: at("first_at"),
        last_at: at("last_at"),
    })
}
