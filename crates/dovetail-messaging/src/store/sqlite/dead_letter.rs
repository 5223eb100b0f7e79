//! The dead letters as rows.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use super::{
    Sqlite, inbox, millis, outbox, rows, time,
    triage::{self, record},
};
use crate::{
    dead_letter::{Act, Action, Burial, DeadLetter, Filter, Reason, State, Tally, digest},
    inbox::{Fingerprint, Key},
    message::Message,
    replay::addressed,
    store::{DeadLetters, ErrorKind, StoreError, Triage as _},
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
            .read("list dead letters", move |connection| {
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
            .read("count dead letters", move |connection| {
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
                let replayed = replay(connection, number, now)?;
                if matches!(replayed, Replayed::Sent(_)) {
                    let about = (Some(number), None);
                    record(connection, &Act::of_program(now), Action::Replay, about, "")?;
                }
                Ok(replayed)
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
        let discarded = self.discard_all(vec![number], Act::of_program(now)).await?;
        Ok(!discarded.is_empty())
    }

    async fn purge(&self, before: SystemTime, limit: u32, act: Act) -> Result<u32, StoreError> {
        self.writer
            .transact("forget dead letters", move |connection| {
                triage::purge(connection, before, limit, &act)
            })
            .await
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
    let digest = digest(&burial.consumer, &burial.message, burial.reason);
    if key.is_none() || !is_dealt_with(connection, burial, &digest, fingerprint)? {
        insert(connection, burial, (&digest, fingerprint), attempts)?;
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
/// its edited copy handled. What a broker rejects is never a redelivery: each time a row of the outbox waits for somebody.
fn is_dealt_with(
    connection: &Connection,
    burial: &Burial,
    digest: &str,
    fingerprint: Fingerprint,
) -> rusqlite::Result<bool> {
    if burial.reason == Reason::PublishRejected {
        return Ok(false);
    }
    let seen = connection
        .prepare_cached(
            "UPDATE dovetail_dead_letter SET seen = seen + 1, last_at = ?3
             WHERE state IN ('discarded', 'resolved') AND number = (
                 SELECT max(number) FROM dovetail_dead_letter WHERE digest = ?1 AND fingerprint = ?2)",
        )?
        .execute(params![digest, fingerprint.0, millis(burial.at)])?;
    Ok(seen > 0)
}

fn insert(
    connection: &Connection,
    burial: &Burial,
    (digest, fingerprint): (&str, Fingerprint),
    attempts: u32,
) -> rusqlite::Result<()> {
    let message = &burial.message;
    let columns = rows::columns(message)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_dead_letter
                 (consumer, channel, source, id, kind, key, expires_at, headers, body, fingerprint,
                  reason, detail, contract, attempts, seen, state, first_at, last_at, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, 'open', ?15, ?15, ?16)
             ON CONFLICT (digest, fingerprint) WHERE state = 'open'
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
            digest,
        ])?;
    Ok(())
}

/// What came of sending a letter again.
pub(super) enum Replayed {
    /// It is in the outbox: at this place, if the broker had rejected it.
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
    let reason = letter.reason;
    if reason == Reason::PublishRejected {
        let place = match outbox::retry_rejected(connection, number)? {
            Some(place) => place,
            None => {
                let message = addressed(letter.message, &letter.consumer, reason);
                outbox::insert(connection, &message, now)?;
                connection.last_insert_rowid()
            }
        };
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
    let message = addressed(letter.message, &letter.consumer, reason);
    outbox::insert(connection, &message, now)?;
    Ok(Replayed::Sent(None))
}

/// Closes an open letter without sending it, readable or not, and says whether it was open; what waited behind it in the outbox goes on.
pub(super) fn shut(
    connection: &Connection,
    number: i64,
    state: State,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let is_open = connection
        .prepare_cached("SELECT 1 FROM dovetail_dead_letter WHERE number = ?1 AND state = 'open'")?
        .exists([number])?;
    if is_open {
        close(connection, number, state, now)?;
        outbox::skip_rejected(connection, number)?;
    }
    Ok(is_open)
}

/// A letter that is still open. One that cannot be read is named.
pub(super) fn open(connection: &Connection, number: i64) -> rusqlite::Result<Option<DeadLetter>> {
    connection
        .prepare_cached("SELECT * FROM dovetail_dead_letter WHERE number = ?1 AND state = 'open'")?
        .query_row([number], letter)
        .optional()
        .map_err(|error| match error {
            error @ rusqlite::Error::SqliteFailure(..) => error,
            error => rusqlite::Error::FromSqlConversionFailure(
                0,
                Type::Text,
                format!("dead letter {number} cannot be read: {error}").into(),
            ),
        })
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

/// What can be read of a letter that is not as the tables say.
pub(super) fn damaged(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    let text = |name| row.get::<_, String>(name).unwrap_or_default();
    let said = |name| row.get::<_, Option<String>>(name).unwrap_or_default();
    let number = |name| row.get::<_, i64>(name).unwrap_or_default();
    let counted = |name| u32::try_from(number(name)).unwrap_or_default();
    Ok(DeadLetter {
        number: row.get("number")?,
        consumer: text("consumer"),
        message: Message {
            channel: text("channel"),
            source: said("source"),
            id: said("id"),
            kind: said("kind"),
            key: said("key"),
            body: row.get::<_, Vec<u8>>("body").unwrap_or_default().into(),
            ..Message::default()
        },
        reason: text("reason").parse().unwrap_or(Reason::Decode),
        detail: text("detail"),
        contract: said("contract"),
        fingerprint: Fingerprint(row.get("fingerprint").unwrap_or_default()),
        attempts: counted("attempts"),
        seen: counted("seen"),
        state: State::of(&text("state")).unwrap_or(State::Open),
        first_at: time(number("first_at")),
        last_at: time(number("last_at")),
    })
}
