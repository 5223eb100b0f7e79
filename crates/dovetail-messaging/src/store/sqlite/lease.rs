//! Leases on messages, fenced by a token that grows with each one.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, params};

use super::{Sqlite, dead_letter, inbox, millis, outbox, time};
use crate::{
    dead_letter::Burial,
    inbox::{Fingerprint, Key},
    message::Message,
    store::{Lease, Leased, Leases, StoreError},
};

impl Leases for Sqlite {
    async fn lease(
        &self,
        key: Key,
        fingerprint: Fingerprint,
        now: SystemTime,
        length: Duration,
    ) -> Result<Leased, StoreError> {
        self.writer
            .transact("lease a message", move |connection| {
                lease(connection, key, fingerprint, now, end(now, length))
            })
            .await
    }

    async fn extend(
        &self,
        lease: &Lease,
        now: SystemTime,
        length: Duration,
    ) -> Result<bool, StoreError> {
        let lease = lease.clone();
        self.writer
            .transact("extend a lease", move |connection| {
                hold_until(connection, &lease, end(now, length))
            })
            .await
    }

    async fn complete(
        &self,
        lease: &Lease,
        published: Vec<Message>,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        let lease = lease.clone();
        let has_published = !published.is_empty();
        let is_held = self
            .writer
            .transact("complete a message", move |connection| {
                if !decide(connection, &lease, "done", now)? {
                    return Ok(false);
                }
                for message in &published {
                    outbox::insert(connection, message, now)?;
                }
                inbox::forget_attempts(connection, &lease.key)?;
                Ok(true)
            })
            .await?;
        if is_held && has_published {
            self.outbox_changed.notify_one();
        }
        Ok(is_held)
    }

    async fn release(
        &self,
        lease: &Lease,
        is_excused: bool,
        now: SystemTime,
    ) -> Result<bool, StoreError> {
        let lease = lease.clone();
        self.writer
            .transact("give a lease back", move |connection| {
                let is_held = hold_until(connection, &lease, now)?;
                if is_held && is_excused {
                    excuse(connection, &lease.key)?;
                }
                Ok(is_held)
            })
            .await
    }

    async fn bury_leased(&self, lease: &Lease, burial: Burial) -> Result<bool, StoreError> {
        let lease = lease.clone();
        self.writer
            .transact("keep a dead letter", move |connection| {
                if !decide(connection, &lease, "dead", burial.at)? {
                    return Ok(false);
                }
                dead_letter::bury(connection, &burial, Some(lease.attempts.saturating_add(1)))?;
                Ok(true)
            })
            .await
    }
}

fn end(now: SystemTime, length: Duration) -> SystemTime {
    now.checked_add(length).unwrap_or(now)
}

fn lease(
    connection: &Connection,
    key: Key,
    fingerprint: Fingerprint,
    now: SystemTime,
    until: SystemTime,
) -> rusqlite::Result<Leased> {
    let granted: Option<(i64, i64)> = connection
        .prepare_cached(
            "INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, token, lease_until, at)
             VALUES (?1, ?2, ?3, ?4, 'claimed', 1, ?5, ?6)
             ON CONFLICT DO UPDATE SET token = token + 1, lease_until = ?5, at = ?6
             WHERE status = 'claimed' AND lease_until <= ?6 AND fingerprint = ?4
             RETURNING token, token - 1 - excused",
        )?
        .query_row(
            params![
                key.consumer,
                key.source,
                key.id,
                fingerprint.0,
                millis(until),
                millis(now)
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    if let Some((token, attempts)) = granted {
        // Every lease is an attempt, whatever became of it: a message that takes its process along is counted, too.
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        return Ok(Leased::Held(Lease {
            key,
            token,
            attempts,
            until,
        }));
    }
    let (present, status, lease_until): ([u8; 16], String, Option<i64>) = connection
        .prepare_cached(
            "SELECT fingerprint, status, lease_until FROM dovetail_inbox
             WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .query_row(params![key.consumer, key.source, key.id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(match lease_until {
        _ if present != fingerprint.0 => Leased::IdReuse,
        Some(until) if status == "claimed" => Leased::Busy(time(until)),
        _ => Leased::Duplicate,
    })
}

fn hold_until(connection: &Connection, lease: &Lease, until: SystemTime) -> rusqlite::Result<bool> {
    let held = connection
        .prepare_cached(
            "UPDATE dovetail_inbox SET lease_until = ?5
             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token = ?4 AND status = 'claimed'",
        )?
        .execute(params![
            lease.key.consumer,
            lease.key.source,
            lease.key.id,
            lease.token,
            millis(until)
        ])?;
    Ok(held == 1)
}

/// Does not count the lease as an attempt. Its token stays: tokens only grow.
fn excuse(connection: &Connection, key: &Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE dovetail_inbox SET excused = excused + 1 WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .execute(params![key.consumer, key.source, key.id])?;
    Ok(())
}

/// Ends the life of a message, if the lease is still the current one.
fn decide(
    connection: &Connection,
    lease: &Lease,
    status: &str,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let decided = connection
        .prepare_cached(
            "UPDATE dovetail_inbox SET status = ?5, lease_until = NULL, at = ?6
             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND token = ?4 AND status = 'claimed'",
        )?
        .execute(params![
            lease.key.consumer,
            lease.key.source,
            lease.key.id,
            lease.token,
            status,
            millis(now)
        ])?;
    Ok(decided == 1)
}
