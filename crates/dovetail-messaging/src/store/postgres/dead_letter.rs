//! The dead letters as rows.

use std::time::SystemTime;

use tokio_postgres::Row;

use super::{
    Postgres, inbox,
    outbox::Publishing,
    rows,
    rows::{Columns, Indexed, digest},
    session::{Param, Session, Step, unreadable},
    text,
};
use crate::{
    dead_letter::{Burial, DeadLetter, Filter, Reason, State, Tally},
    inbox::{Fingerprint, Key},
    message::Message,
    store::{DeadLetters, ErrorKind, StoreError},
};

/// Keeps a letter, once however many times it comes, with the attempts that are told or were counted.
const KEEP: &str = "
    INSERT INTO dovetail_dead_letter
        (consumer, channel, source, id, digest, kind, key, expires_at, headers, body, fingerprint,
         reason, detail, contract, attempts, seen, state, first_at, last_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
            coalesce($15::bigint,
                     (SELECT attempts FROM dovetail_attempt WHERE consumer = $17 AND source = $18 AND id = $19), 0),
            1, 'open', $16, $16)
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

const CLOSE: &str = "UPDATE dovetail_dead_letter SET state = $2, last_at = $3 WHERE number = $1";

/// Has a rejected message published again, in its old place.
const RETRY_REJECTED: &str = "
    UPDATE dovetail_outbox SET status = 'pending', held_until = 'epoch', retry_at = 'epoch'
    WHERE status IN ('blocked', 'skipped') AND channel = $1 AND source = $2 AND id = $3";

/// Gives a rejected message up, so that what follows of its key is published.
const SKIP_REJECTED: &str = "
    UPDATE dovetail_outbox SET status = 'skipped'
    WHERE status = 'blocked' AND channel = $1 AND source = $2 AND id = $3";

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
        let mut session = self.session("discard a dead letter").await?;
        let Some(letter) = open(&mut session, number).await? else {
            session.rollback().await;
            return Ok(false);
        };
        let (state, at) = (State::Discarded.as_str(), rows::stamp(now));
        let columns = Columns::of(&letter.message)?;
        let mut last = vec![Step::Query(CLOSE, vec![&number, &state, &at])];
        if letter.reason == Reason::PublishRejected {
            let params: Vec<Param<'_>> = vec![&columns.channel, &columns.source, &columns.id];
            last.push(Step::Query(SKIP_REJECTED, params));
        }
        session.commit(last).await?;
        self.wake.published();
        Ok(true)
    }
}

async fn replay(mut session: Session, number: i64, now: SystemTime) -> Result<bool, StoreError> {
    let Some(letter) = open(&mut session, number).await? else {
        session.rollback().await;
        return Ok(false);
    };
    if !letter.reason.can_replay() {
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
    if letter.reason == Reason::PublishRejected {
        let columns = Columns::of(&letter.message)?;
        let params: Vec<Param<'_>> = vec![&columns.channel, &columns.source, &columns.id];
        let steps = [Step::Query(RETRY_REJECTED, params)];
        if session.send(&steps).await?.affected(0) > 0 {
            session.commit(vec![close]).await?;
            return Ok(true);
        }
    }
    let key = Key::of(&letter.consumer, &letter.message).map(|key| Indexed::of(&key));
    let fingerprint = &letter.fingerprint.0[..];
    // What was too late once would be so again; whoever replays it wants it nevertheless.
    let message = [Message {
        expires_at: None,
        ..letter.message
    }];
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
    session.commit(last).await?;
    Ok(true)
}

/// Begins a transaction with a letter that is still open.
async fn open(session: &mut Session, number: i64) -> Result<Option<DeadLetter>, StoreError> {
    let answers = session
        .begin(vec![Step::Query(OPEN, vec![&number])])
        .await?;
    answers.rows(0).first().map(letter).transpose()
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
            digest: digest(
                &burial.consumer,
                message.source.as_deref().unwrap_or_default(),
                message.id.as_deref().unwrap_or_default(),
            ),
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

fn letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let reason: &str = rows::get(row, "reason")?;
    let reason = reason
        .parse::<Reason>()
        .map_err(|error| unreadable("read a dead letter", error))?;
    let state = match rows::get(row, "state")? {
        "replayed" => State::Replayed,
        "discarded" => State::Discarded,
        _ => State::Open,
    };
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
