//! The dead letters as rows.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{Sqlite, inbox, millis, outbox, rows, time};
use crate::{
    dead_letter::{Burial, DeadLetter, Filter, Reason, State, Tally},
    inbox::{Fingerprint, Key},
    replay::addressed,
    store::{DeadLetters, ErrorKind, StoreError},
};

const MEANT: &str =
    "(?1 IS NULL OR consumer = ?1) AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR state = ?3)";

impl DeadLetters for Sqlite {
    async fn letters(
        &self,
        filter: Filter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.writer
            .transact("list dead letters", move |connection| {
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT * FROM dovetail_dead_letter WHERE {MEANT} AND number > ?4 ORDER BY number LIMIT ?5"
                ))?;
                let found = statement.query_map(
                    params![
                        filter.consumer,
                        filter.reason.map(Reason::as_str),
                        filter.state.map(State::as_str),
                        after,
                        limit
                    ],
                    letter,
                )?;
                found.collect()
            })
            .await
    }

    async fn tally(&self, filter: Filter) -> Result<Tally, StoreError> {
        self.writer
            .transact("count dead letters", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT count(*), min(first_at) FROM dovetail_dead_letter WHERE {MEANT}"
                    ))?
                    .query_row(
                        params![
                            filter.consumer,
                            filter.reason.map(Reason::as_str),
                            filter.state.map(State::as_str)
                        ],
                        |row| {
                            Ok(Tally {
                                count: row.get::<_, i64>(0)?.unsigned_abs(),
                                oldest_at: row.get::<_, Option<i64>>(1)?.map(time),
                            })
                        },
                    )
            })
            .await
    }

    async fn replay(&self, number: i64, now: SystemTime) -> Result<bool, StoreError> {
        let replayed = self
            .writer
            .transact("replay a dead letter", move |connection| {
                replay(connection, number, now)
            })
            .await?;
        match replayed {
            Replayed::Sent(_) => {
                self.outbox_changed.notify_one();
                Ok(true)
            }
            Replayed::NotOpen => Ok(false),
            Replayed::Unfit(reason) => Err(StoreError::because(
                "replay a dead letter as it is",
                ErrorKind::Refused,
                format!("its reason is {reason}: it needs an identity of its own"),
            )),
        }
    }

    async fn discard(&self, number: i64, now: SystemTime) -> Result<bool, StoreError> {
        let is_discarded = self
            .writer
            .transact("discard a dead letter", move |connection| {
                let closed = shut(connection, number, State::Discarded, now)?;
                Ok(closed.is_some())
            })
            .await?;
        self.outbox_changed.notify_one();
        Ok(is_discarded)
    }
}

/// Keeps a message as a dead letter, once however many times it comes, and marks it in the inbox. The attempts are those that were counted,
/// unless they are told.
pub(super) fn bury(
    connection: &Connection,
    burial: &Burial,
    attempts: Option<u32>,
) -> rusqlite::Result<()> {
    let key = Key::of(&burial.consumer, &burial.message);
    let attempts = match (&key, attempts) {
        (_, Some(attempts)) => attempts,
        (Some(key), None) => inbox::attempts(connection, key)?,
        (None, None) => 0,
    };
    let fingerprint = Fingerprint::of(&burial.message.body);
    if !is_dealt_with(connection, key.as_ref(), fingerprint, burial.at)? {
        insert(connection, burial, fingerprint, attempts)?;
    }
    let Some(key) = key else { return Ok(()) };
    // The message that had the identity first was handled, and the one that was never sent is no message of an inbox.
    if matches!(burial.reason, Reason::IdReuse | Reason::PublishRejected) {
        return Ok(());
    }
    inbox::forget_attempts(connection, &key)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at)
             VALUES (?1, ?2, ?3, ?4, 'dead', ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            key.consumer,
            key.source,
            key.id,
            fingerprint.0,
            millis(burial.at)
        ])?;
    Ok(())
}

/// Whether somebody decided about the message before, so that its redelivery is no new letter: whoever sent it again would have both it and
/// its edited copy handled.
fn is_dealt_with(
    connection: &Connection,
    key: Option<&Key>,
    fingerprint: Fingerprint,
    at: SystemTime,
) -> rusqlite::Result<bool> {
    let Some(key) = key else { return Ok(false) };
    let seen = connection
        .prepare_cached(
            "UPDATE dovetail_dead_letter SET seen = seen + 1, last_at = ?5
             WHERE state IN ('discarded', 'resolved') AND fingerprint = ?4 AND number = (
                 SELECT max(number) FROM dovetail_dead_letter WHERE consumer = ?1 AND source = ?2 AND id = ?3)",
        )?
        .execute(params![
            key.consumer,
            key.source,
            key.id,
            fingerprint.0,
            millis(at)
        ])?;
    Ok(seen > 0)
}

fn insert(
    connection: &Connection,
    burial: &Burial,
    fingerprint: Fingerprint,
    attempts: u32,
) -> rusqlite::Result<()> {
    let message = &burial.message;
    let columns = rows::columns(message)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_dead_letter
                 (consumer, channel, source, id, kind, key, expires_at, headers, body, fingerprint,
                  reason, detail, contract, attempts, seen, state, first_at, last_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, 'open', ?15, ?15)
             ON CONFLICT (consumer, source, id, fingerprint) WHERE state = 'open'
             DO UPDATE SET seen = seen + 1, last_at = excluded.last_at",
        )?
        .execute(params![
            burial.consumer,
            message.channel,
            message.source.as_deref().unwrap_or_default(),
            message.id.as_deref().unwrap_or_default(),
            message.kind,
            message.key,
            columns.expires_at,
            columns.headers,
            &message.body[..],
            fingerprint.0,
            burial.reason.as_str(),
            burial.detail,
            burial.contract,
            attempts,
            millis(burial.at),
        ])?;
    Ok(())
}

/// What came of sending a letter again.
pub(super) enum Replayed {
    /// It is in the outbox: at its old place there, if the broker had rejected it.
    Sent(Option<i64>),
    NotOpen,
    Unfit(Reason),
}

/// Sends an open letter again, to the consumer that it is a letter of.
pub(super) fn replay(
    connection: &Connection,
    number: i64,
    now: SystemTime,
) -> rusqlite::Result<Replayed> {
    let Some(letter) = open(connection, number)? else {
        return Ok(Replayed::NotOpen);
    };
    if !letter.reason.can_replay() || letter.message.identity().is_none() {
        return Ok(Replayed::Unfit(letter.reason));
    }
    close(connection, number, State::Replayed, now)?;
    if letter.reason == Reason::PublishRejected
        && let Some(place) = outbox::retry_rejected(connection, &letter.message)?
    {
        return Ok(Replayed::Sent(Some(place)));
    }
    if let Some(key) = Key::of(&letter.consumer, &letter.message) {
        inbox::forget_attempts(connection, &key)?;
        connection
            .prepare_cached(
                "DELETE FROM dovetail_inbox
                 WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND status = 'dead' AND fingerprint = ?4",
            )?
            .execute(params![
                key.consumer,
                key.source,
                key.id,
                letter.fingerprint.0
            ])?;
    }
    let is_of_consumer = letter.reason != Reason::PublishRejected;
    let addressee = is_of_consumer.then_some(letter.consumer.as_str());
    outbox::insert(connection, &addressed(letter.message, addressee), now)?;
    Ok(Replayed::Sent(None))
}

/// Closes an open letter without sending it, and returns it; what waited behind it in the outbox goes on.
pub(super) fn shut(
    connection: &Connection,
    number: i64,
    state: State,
    now: SystemTime,
) -> rusqlite::Result<Option<DeadLetter>> {
    let Some(letter) = open(connection, number)? else {
        return Ok(None);
    };
    close(connection, number, state, now)?;
    if letter.reason == Reason::PublishRejected {
        outbox::skip_rejected(connection, &letter.message)?;
    }
    Ok(Some(letter))
}

fn open(connection: &Connection, number: i64) -> rusqlite::Result<Option<DeadLetter>> {
    connection
        .prepare_cached("SELECT * FROM dovetail_dead_letter WHERE number = ?1 AND state = 'open'")?
        .query_row([number], letter)
        .optional()
}

fn close(
    connection: &Connection,
    number: i64,
    state: State,
    now: SystemTime,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE dovetail_dead_letter SET state = ?2, last_at = ?3 WHERE number = ?1",
        )?
        .execute(params![number, state.as_str(), millis(now)])?;
    Ok(())
}

pub(super) fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let reason: String = row.get("reason")?;
    let reason = reason.parse::<Reason>().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
    })?;
    let state: String = row.get("state")?;
    let state = State::of(&state).unwrap_or(State::Open);
    Ok(DeadLetter {
        number: row.get("number")?,
        consumer: row.get("consumer")?,
        message: rows::message(row)?,
        reason,
        detail: row.get("detail")?,
        contract: row.get("contract")?,
        fingerprint: Fingerprint(row.get("fingerprint")?),
        attempts: row.get("attempts")?,
        seen: row.get("seen")?,
        state,
        first_at: time(row.get("first_at")?),
        last_at: time(row.get("last_at")?),
    })
}
