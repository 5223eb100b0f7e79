//! The inbox of transactional consumers: claims, attempts and offsets.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{
    Sqlite, SqliteTransaction, dead_letter, millis, parked, replay,
    transaction::{Found, Opened},
    writer::gone,
};
use crate::{
    dead_letter::Burial,
    inbox::{Claim, Claimed, Key, Position},
    store::{Batch, Failure, Parked, Standing, Store, StoreError},
};

impl Store for Sqlite {
    type Transaction = SqliteTransaction;

    async fn transaction(&self, now: SystemTime) -> Result<SqliteTransaction, StoreError> {
        let opened = self.open_transaction(now, |_| Ok(Found::Fresh { attempts: 0 }));
        opened.await.map(|(transaction, _)| transaction)
    }

    async fn begin(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<SqliteTransaction>, StoreError> {
        loop {
            let begun = self.open_claimed(claim.clone(), false, now, move |connection, claim| {
                if claim.order_key.is_some() {
                    connection.execute_batch(parked::SAVEPOINT)?;
                }
                find(connection, claim, now)
            });
            match (begun.await?, &claim.position) {
                (Opened::Unplaced, Some(position)) => {
                    self.place(&claim.scope, position).await?;
                }
                (Opened::Unplaced, None) => return Ok(Claimed::NotNext),
                (Opened::Claimed(claimed), _) => return Ok(claimed),
            }
        }
    }

    async fn begin_batch(
        &self,
        claims: Vec<Claim>,
        now: SystemTime,
    ) -> Result<Batch<SqliteTransaction>, StoreError> {
        const ACTION: &str = "begin a batch";
        let (told, standings) = oneshot::channel();
        let opened = self.open_transaction(now, move |connection| {
            let standings = find_all(connection, &claims, now)?;
            let _ = told.send(standings);
            Ok(Found::Fresh { attempts: 0 })
        });
        let (transaction, _) = opened.await?;
        let standings = standings.await.map_err(|_| gone(ACTION))?;
        Ok(Batch {
            transaction,
            standings,
        })
    }

    async fn fail(&self, failure: Failure) -> Result<u32, StoreError> {
        self.writer
            .transact("count a failed attempt", move |connection| {
                count_attempt(connection, &failure.key, &failure.error, failure.at)
            })
            .await
    }

    async fn bury(
        &self,
        burial: Burial,
        place: Option<(&str, Position)>,
    ) -> Result<bool, StoreError> {
        let reached = place.map(|(scope, position)| (scope.to_owned(), position));
        self.writer
            .transact("keep a dead letter", move |connection| {
                if let Some((scope, position)) = &reached
                    && !pass(connection, scope, position)?
                {
                    return Ok(false);
                }
                dead_letter::bury(connection, &burial, None)?;
                Ok(true)
            })
            .await
    }

    async fn pass(&self, scope: &str, position: Position) -> Result<bool, StoreError> {
        let scope = scope.to_owned();
        self.writer
            .transact("pass a message over", move |connection| {
                pass(connection, &scope, &position)
            })
            .await
    }

    async fn due(
        &self,
        scope: &str,
        now: SystemTime,
        limit: u32,
    ) -> Result<Vec<Parked>, StoreError> {
        let scope = scope.to_owned();
        self.writer
            .transact("find what is due", move |connection| {
                parked::due(connection, &scope, now, limit)
            })
            .await
    }

    async fn begin_parked(
        &self,
        claim: Claim,
        now: SystemTime,
    ) -> Result<Claimed<SqliteTransaction>, StoreError> {
        self.open_claimed(claim, true, now, move |connection, claim| {
            parked::find(connection, claim, now)
        })
        .await
        .map(|opened| match opened {
            Opened::Claimed(claimed) => claimed,
            Opened::Unplaced => Claimed::NotNext,
        })
    }

    async fn rest(
        &self,
        scope: &str,
        key: &str,
        retry_at: SystemTime,
        failure: Option<Failure>,
    ) -> Result<(), StoreError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.writer
            .transact("let a key rest", move |connection| {
                if let Some(Failure { key, error, at }) = &failure {
                    count_attempt(connection, key, error, *at)?;
                }
                connection
                    .prepare_cached(
                        "UPDATE dovetail_parked_key SET retry_at = ?3 WHERE scope = ?1 AND key = ?2",
                    )?
                    .execute(params![scope, key, millis(retry_at)])?;
                Ok(())
            })
            .await
    }

    async fn bury_parked(&self, scope: &str, head: Burial) -> Result<u32, StoreError> {
        let scope = scope.to_owned();
        self.writer
            .transact("keep the dead letters of a key", move |connection| {
                parked::bury(connection, &scope, &head)
            })
            .await
    }

    async fn forget(&self, before: SystemTime, limit: u32) -> Result<u32, StoreError> {
        self.writer
            .transact("forget handled messages", move |connection| {
                let count = connection
                    .prepare_cached(
                        "DELETE FROM dovetail_inbox WHERE (consumer, source, id) IN (
                             SELECT consumer, source, id FROM dovetail_inbox
                             WHERE status = 'done' AND at < ?1 ORDER BY at LIMIT ?2)",
                    )?
                    .execute(params![millis(before), limit])?;
                if count > 0 {
                    replay::raise_floor(connection, before)?;
                }
                // Failures of what never came again.
                connection
                    .prepare_cached(
                        "DELETE FROM dovetail_attempt WHERE (consumer, source, id) IN (
                             SELECT consumer, source, id FROM dovetail_attempt WHERE last_at < ?1 LIMIT ?2)",
                    )?
                    .execute(params![millis(before), limit])?;
                Ok(u32::try_from(count).unwrap_or(u32::MAX))
            })
            .await
    }
}

impl Sqlite {
    /// Notes where a partition begins, for good, whatever becomes of its first message.
    async fn place(&self, scope: &str, position: &Position) -> Result<(), StoreError> {
        let (scope, position) = (scope.to_owned(), position.clone());
        self.writer
            .transact("begin a partition", move |connection| {
                place(connection, &scope, &position)
            })
            .await
    }
}

fn find_all(
    connection: &Connection,
    claims: &[Claim],
    now: SystemTime,
) -> rusqlite::Result<Vec<Standing>> {
    let mut standings = Vec::with_capacity(claims.len());
    for claim in claims {
        let is_free = claim.order_key.is_none()
            || matches!(parked::standing(connection, claim)?, parked::Standing::Free);
        standings.push(if !is_free || claim.position.is_some() || !claim.by_id {
            Standing::Alone
        } else {
            match insert(connection, claim, now)? {
                None => Standing::Fresh,
                Some(Found::Duplicate) => Standing::Duplicate,
                Some(_) => Standing::Alone,
            }
        });
    }
    Ok(standings)
}

pub(super) fn find(
    connection: &Connection,
    claim: &Claim,
    now: SystemTime,
) -> rusqlite::Result<Found> {
    if let Some(position) = &claim.position {
        match advance(connection, &claim.scope, position)? {
            Advance::Moved => {}
            Advance::Behind => return Ok(Found::Duplicate),
            Advance::Ahead => return Ok(Found::NotNext),
            Advance::Unplaced => return Ok(Found::Unplaced),
        }
    }
    if claim.by_id
        && let Some(found) = insert(connection, claim, now)?
    {
        return Ok(found);
    }
    if claim.order_key.is_some() {
        match parked::standing(connection, claim)? {
            parked::Standing::Free => {}
            parked::Standing::Behind => return Ok(Found::Behind),
            parked::Standing::Reused => return Ok(Found::IdReuse),
        }
    }
    let attempts = attempts(connection, &claim.key)?;
    Ok(Found::Fresh { attempts })
}

/// Writes the row of the message, or says what another one means. A lease that is over is taken over: the message was handled under leases
/// before, and its holder is fenced by the token.
pub(super) fn insert(
    connection: &Connection,
    claim: &Claim,
    now: SystemTime,
) -> rusqlite::Result<Option<Found>> {
    let Key {
        consumer,
        source,
        id,
    } = &claim.key;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at)
             VALUES (?1, ?2, ?3, ?4, 'done', ?5)
             ON CONFLICT DO UPDATE SET status = 'done', token = token + 1, lease_until = NULL, at = ?5
             WHERE status = 'claimed' AND lease_until <= ?5 AND fingerprint = ?4",
        )?
        .execute(params![
            consumer,
            source,
            id,
            claim.fingerprint.0,
            millis(now)
        ])?;
    if inserted == 1 {
        return Ok(None);
    }
    let (fingerprint, status): ([u8; 16], String) = connection
        .prepare_cached(
            "SELECT fingerprint, status FROM dovetail_inbox WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .query_row(params![consumer, source, id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok(Some(if fingerprint != claim.fingerprint.0 {
        Found::IdReuse
    } else if status == "claimed" {
        Found::Leased
    } else {
        Found::Duplicate
    }))
}

enum Advance {
    Moved,
    /// The partition is past the message.
    Behind,
    /// The partition has yet to come to it.
    Ahead,
    /// Nothing is known of the partition.
    Unplaced,
}

fn place(connection: &Connection, scope: &str, position: &Position) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dovetail_offset (scope, topic, partition, next) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            scope,
            position.topic,
            position.partition,
            column(position.began.min(position.expected))
        ])?;
    Ok(())
}

/// An offset as the column has it. Logs do not grow beyond.
fn column(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX - 1)
}

/// Moves the offset of a partition past a message, if the message is the next one.
fn advance(connection: &Connection, scope: &str, position: &Position) -> rusqlite::Result<Advance> {
    let (offset, expected) = (column(position.offset), column(position.expected));
    let moved = connection
        .prepare_cached(
            "UPDATE dovetail_offset SET next = ?5 + 1
             WHERE scope = ?1 AND topic = ?2 AND partition = ?3 AND next BETWEEN ?4 AND ?5",
        )?
        .execute(params![
            scope,
            position.topic,
            position.partition,
            expected,
            offset
        ])?;
    if moved == 1 {
        return Ok(Advance::Moved);
    }
    let present: Option<i64> = connection
        .prepare_cached(
            "SELECT next FROM dovetail_offset WHERE scope = ?1 AND topic = ?2 AND partition = ?3",
        )?
        .query_row(params![scope, position.topic, position.partition], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(match present {
        None => Advance::Unplaced,
        Some(next) if next > offset => Advance::Behind,
        Some(_) => Advance::Ahead,
    })
}

/// Moves the offset past a message whose claim moved it before, and was undone.
pub(super) fn skip(
    connection: &Connection,
    scope: &str,
    position: &Position,
) -> rusqlite::Result<()> {
    advance(connection, scope, position).map(|_| ())
}

/// Moves the offset past a message that is not claimed. `false`: the partition has yet to come to it.
fn pass(connection: &Connection, scope: &str, position: &Position) -> rusqlite::Result<bool> {
    place(connection, scope, position)?;
    let advance = advance(connection, scope, position)?;
    Ok(!matches!(advance, Advance::Ahead))
}

/// Counts a failed attempt.
pub(super) fn count_attempt(
    connection: &Connection,
    key: &Key,
    error: &str,
    at: SystemTime,
) -> rusqlite::Result<u32> {
    connection
        .prepare_cached(
            "INSERT INTO dovetail_attempt (consumer, source, id, attempts, first_at, last_at, last_error)
             VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5)
             ON CONFLICT DO UPDATE SET attempts = attempts + 1, last_at = ?4, last_error = ?5
             RETURNING attempts",
        )?
        .query_row(
            params![key.consumer, key.source, key.id, millis(at), error],
            |row| row.get(0),
        )
}

/// How many attempts have failed.
pub(super) fn attempts(connection: &Connection, key: &Key) -> rusqlite::Result<u32> {
    let attempts = connection
        .prepare_cached(
            "SELECT attempts FROM dovetail_attempt WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .query_row(params![key.consumer, key.source, key.id], |row| row.get(0))
        .optional()?;
    Ok(attempts.unwrap_or_default())
}

pub(super) fn forget_attempts(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM dovetail_attempt WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .execute(params![key.consumer, key.source, key.id])?;
    Ok(())
}
