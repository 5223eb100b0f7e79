//! The outbox: rows taken under a token, keys in their order, and what was published kept for a while.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Row, params};

use super::{Sqlite, dead_letter, millis, rows, time};
use crate::{
    dead_letter::{Burial, Reason},
    message::Message,
    outbox::{Fate, Pending, Settled, Taken, Waiting},
    store::{Outbox, StoreError},
};

/// No batch holds more than this in bodies, beyond its first message.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// Rows that are published once more in one transaction.
const REPUBLISHED_MAX: u32 = 5_000;

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
            .read("count what is to be published", |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*), min(at),
                             (SELECT count(*) FROM dovetail_outbox WHERE status = 'blocked' AND status IN ('blocked', 'skipped'))
                         FROM dovetail_outbox WHERE status = 'pending'",
                    )?
                    .query_row([], |row| {
                        Ok(Pending {
                            count: row.get::<_, i64>(0)?.unsigned_abs(),
                            oldest_at: row.get::<_, Option<i64>>(1)?.map(time),
                            blocked: row.get::<_, i64>(2)?.unsigned_abs(),
                        })
                    })
            })
            .await
    }

    async fn republish(&self, since: SystemTime) -> Result<u32, StoreError> {
        // Others write in between; what they publish meanwhile is not published once more.
        let end: i64 = self
            .writer
            .read("publish once more", |connection| {
                connection.query_row(
                    "SELECT coalesce(max(place), 0) FROM dovetail_outbox",
                    [],
                    |row| row.get(0),
                )
            })
            .await?;
        let (mut after, mut count) = (0, 0_u32);
        loop {
            let places: Vec<i64> = self
                .writer
                .transact("publish once more", move |connection| {
                    connection
                        .prepare_cached(
                            "UPDATE dovetail_outbox
                             SET status = 'pending', published_at = NULL, held_until = 0, retry_at = 0
                             WHERE place IN (
                                 SELECT place FROM dovetail_outbox
                                 WHERE status = 'published' AND published_at >= ?1 AND place > ?2 AND place <= ?3
                                 ORDER BY place LIMIT ?4)
                             RETURNING place",
                        )?
                        .query_map(params![millis(since), after, end, REPUBLISHED_MAX], |row| {
                            row.get(0)
                        })?
                        .collect()
                })
                .await?;
            self.outbox_changed.notify_one();
            count = count.saturating_add(u32::try_from(places.len()).unwrap_or(u32::MAX));
            match places.into_iter().max() {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }

    async fn forget_published(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        let count = self
            .writer
            .transact("forget what was published", move |connection| {
                // Their letters have all that is needed to publish them after all.
                let skipped = connection
                    .prepare_cached(
                        "DELETE FROM dovetail_outbox WHERE place IN (
                             SELECT place FROM dovetail_outbox WHERE status = 'skipped' AND at < ?1 ORDER BY at LIMIT ?2)",
                    )?
                    .execute(params![millis(before), limit])?;
                let published = connection
                    .prepare_cached(
                        "DELETE FROM dovetail_outbox WHERE place IN (
                             SELECT place FROM dovetail_outbox
                             WHERE status = 'published' AND published_at < ?1
                             ORDER BY published_at LIMIT ?2)",
                    )?
                    .execute(params![millis(before), limit])?;
                Ok(skipped.max(published))
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

/// The rows of the message that a letter is about, which the broker rejected.
const REJECTED: &str = "
    WITH rejected AS MATERIALIZED (
        SELECT message.place, message.status
        FROM dovetail_dead_letter AS letter JOIN dovetail_outbox AS message
            ON message.channel = letter.channel AND message.source = letter.source AND message.id = letter.id
                AND message.headers = letter.headers
        WHERE letter.number = ?1 AND letter.reason = 'publish_rejected' AND message.status IN ('blocked', 'skipped'))";

/// Has a rejected message published again, in its old place, which it returns if there is one: all that hold back what follows of their key, or
/// else the last one that was given up.
pub(super) fn retry_rejected(
    connection: &Connection,
    letter: i64,
) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "{REJECTED}
         UPDATE dovetail_outbox SET status = 'pending', held_until = 0, retry_at = 0
         WHERE place IN (
             SELECT place FROM rejected WHERE status = 'blocked'
             UNION ALL
             SELECT max(place) FROM rejected WHERE NOT EXISTS (SELECT 1 FROM rejected WHERE status = 'blocked'))
         RETURNING place"
    );
    let places: Vec<i64> = connection
        .prepare_cached(&sql)?
        .query_map([letter], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(places.into_iter().max())
}

/// Gives a rejected message up, so that what follows of its key is published.
pub(super) fn skip_rejected(connection: &Connection, letter: i64) -> rusqlite::Result<()> {
    let sql = format!(
        "{REJECTED}
         UPDATE dovetail_outbox SET status = 'skipped'
         WHERE place IN (SELECT place FROM rejected WHERE status = 'blocked')"
    );
    connection.prepare_cached(&sql)?.execute([letter])?;
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
