//! The outbox: rows taken under a token, keys in their order, and what was published kept for a while.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Sqlite, dead_letter, millis, rows, time};
use crate::{
    dead_letter::{Burial, Reason},
    message::Message,
    outbox::{Fate, Pending, Settled, Taken, Waiting},
    store::{Outbox, StoreError},
};

/// No batch holds more than this in bodies, beyond its first message.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// What can be taken: due, held by nobody, and with nothing of its key in front of it that could not be taken as well.
const TAKEABLE: &str = "
    SELECT * FROM dovetail_outbox AS message
    WHERE status = 'pending' AND held_until <= ?1 AND retry_at <= ?1
      AND NOT EXISTS (
          SELECT 1 FROM dovetail_outbox AS earlier
          WHERE earlier.channel = message.channel AND earlier.key = message.key AND earlier.place < message.place
            AND earlier.status IN ('pending', 'blocked')
            AND (earlier.status = 'blocked' OR earlier.held_until > ?1 OR earlier.retry_at > ?1))
    ORDER BY place LIMIT ?2";

impl Outbox for Sqlite {
    async fn take(
        &self,
        now: SystemTime,
        length: Duration,
        limit: u32,
    ) -> Result<Taken, StoreError> {
        let until = now.checked_add(length).unwrap_or(now);
        self.writer
            .transact("take messages to publish", move |connection| {
                take(connection, now, until, limit)
            })
            .await
    }

    async fn settle(
        &self,
        token: i64,
        settled: Vec<Settled>,
        now: SystemTime,
    ) -> Result<u32, StoreError> {
        self.writer
            .transact("record what was published", move |connection| {
                let mut count = 0;
                for one in &settled {
                    count += u32::from(settle(connection, token, one, now)?);
                }
                Ok(count)
            })
            .await
    }

    async fn changed(&self) {
        self.outbox_changed.notified().await;
    }

    async fn pending(&self) -> Result<Pending, StoreError> {
        self.writer
            .transact("count what is to be published", |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*), min(at) FROM dovetail_outbox WHERE status = 'pending'",
                    )?
                    .query_row([], |row| {
                        Ok(Pending {
                            count: row.get::<_, i64>(0)?.unsigned_abs(),
                            oldest_at: row.get::<_, Option<i64>>(1)?.map(time),
                        })
                    })
            })
            .await
    }

    async fn republish(&self, since: SystemTime) -> Result<u32, StoreError> {
        let count = self
            .writer
            .transact("publish once more", move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE dovetail_outbox
                         SET status = 'pending', published_at = NULL, held_until = 0, retry_at = 0
                         WHERE status = 'published' AND published_at >= ?1",
                    )?
                    .execute([millis(since)])
            })
            .await?;
        self.outbox_changed.notify_one();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn forget_published(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        let count = self
            .writer
            .transact("forget what was published", move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM dovetail_outbox WHERE place IN (
                             SELECT place FROM dovetail_outbox
                             WHERE status = 'published' AND published_at < ?1
                             ORDER BY published_at LIMIT ?2)",
                    )?
                    .execute(params![millis(before), limit])
            })
            .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// Adds a message, behind all others.
pub(super) fn insert(
    connection: &Connection,
    message: &Message,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let columns = rows::columns(message)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_outbox (channel, source, id, kind, key, expires_at, headers, body, status, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9)",
        )?
        .execute(params![
            message.channel,
            message.source,
            message.id,
            message.kind,
            message.key,
            columns.expires_at,
            columns.headers,
            &message.body[..],
            millis(now),
        ])?;
    Ok(())
}

/// Has a rejected message published again, in its old place, which it returns if there is one.
pub(super) fn retry_rejected(
    connection: &Connection,
    message: &Message,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "UPDATE dovetail_outbox SET status = 'pending', held_until = 0, retry_at = 0
             WHERE place = (
                 SELECT max(place) FROM dovetail_outbox
                 WHERE status IN ('blocked', 'skipped') AND channel = ?1 AND source = ?2 AND id = ?3)
             RETURNING place",
        )?
        .query_row(
            params![message.channel, message.source, message.id],
            |row| row.get(0),
        )
        .optional()
}

/// Gives a rejected message up, so that what follows of its key is published.
pub(super) fn skip_rejected(connection: &Connection, message: &Message) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE dovetail_outbox SET status = 'skipped'
             WHERE status = 'blocked' AND channel = ?1 AND source = ?2 AND id = ?3",
        )?
        .execute(params![message.channel, message.source, message.id])?;
    Ok(())
}

fn take(
    connection: &Connection,
    now: SystemTime,
    until: SystemTime,
    limit: u32,
) -> rusqlite::Result<Taken> {
    let mut messages: Vec<Waiting> = Vec::new();
    let mut bytes = 0_usize;
    let mut statement = connection.prepare_cached(TAKEABLE)?;
    let mut found = statement.query(params![millis(now), limit])?;
    while let Some(row) = found.next()? {
        let waiting = waiting(row)?;
        bytes = bytes.saturating_add(waiting.message.body.len());
        if bytes > BATCH_BYTES_MAX && !messages.is_empty() {
            break;
        }
        messages.push(waiting);
    }
    if messages.is_empty() {
        return Ok(Taken {
            token: 0,
            until,
            messages,
        });
    }
    let token: i64 = connection
        .prepare_cached("UPDATE dovetail_outbox_token SET last = last + 1 RETURNING last")?
        .query_row([], |row| row.get(0))?;
    let mut hold = connection.prepare_cached(
        "UPDATE dovetail_outbox SET token = ?2, held_until = ?3 WHERE place = ?1",
    )?;
    for waiting in &messages {
        hold.execute(params![waiting.place, token, millis(until)])?;
    }
    Ok(Taken {
        token,
        until,
        messages,
    })
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        place: row.get("place")?,
        attempts: row.get("attempts")?,
        message: rows::message(row)?,
    })
}

/// Records what became of one message, if it is still held under the token.
fn settle(
    connection: &Connection,
    token: i64,
    settled: &Settled,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    const HELD: &str = "WHERE place = ?1 AND token = ?2 AND status = 'pending'";
    let place = settled.place;
    let update = |what: &str| format!("UPDATE dovetail_outbox SET {what} {HELD}");
    let count = match &settled.fate {
        Fate::Published => connection
            .prepare_cached(&update("status = 'published', published_at = ?3"))?
            .execute(params![place, token, millis(now)])?,
        Fate::Failed { error, retry_at } => connection
            .prepare_cached(&update(
                "attempts = attempts + 1, held_until = 0, retry_at = ?3, last_error = ?4",
            ))?
            .execute(params![place, token, millis(*retry_at), error])?,
        Fate::Released => connection
            .prepare_cached(&update("held_until = 0"))?
            .execute(params![place, token])?,
        Fate::Rejected { error, blocks_key } => {
            let status = if *blocks_key { "blocked" } else { "skipped" };
            let count = connection
                .prepare_cached(&update(
                    "attempts = attempts + 1, status = ?3, last_error = ?4",
                ))?
                .execute(params![place, token, status, error])?;
            if count == 1 {
                reject(connection, place, error, now)?;
            }
            count
        }
    };
    Ok(count == 1)
}

fn reject(
    connection: &Connection,
    place: i64,
    error: &str,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let rejected = connection
        .prepare_cached("SELECT * FROM dovetail_outbox WHERE place = ?1")?
        .query_row([place], waiting)?;
    let burial = Burial {
        consumer: format!("outbox/{}", rejected.message.channel),
        message: rejected.message,
        reason: Reason::PublishRejected,
        detail: error.to_owned(),
        contract: None,
        at: now,
    };
    dead_letter::bury(connection, &burial, Some(rejected.attempts))
}
