//! Keys whose order is kept while one of their messages waits for its next attempt.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{dead_letter, inbox, millis, rows, transaction::Found};
use crate::{
    dead_letter::{Burial, Reason},
    inbox::{Claim, Fingerprint, Key},
    store::{Parked, Parking},
};

/// Set before anything else of a transaction, so that all of it can be undone without giving up the lock.
pub(super) const SAVEPOINT: &str = "SAVEPOINT dovetail_claim";

/// How a message stands to what is parked.
pub(super) enum Standing {
    /// Nothing of its key is parked.
    Free,
    /// It has to wait behind what is parked, or is parked itself.
    Behind,
    /// Another message of its identity is parked.
    Reused,
}

pub(super) fn standing(connection: &Connection, claim: &Claim) -> rusqlite::Result<Standing> {
    let Key {
        consumer,
        source,
        id,
    } = &claim.key;
    let parked: Option<[u8; 16]> = connection
        .prepare_cached(
            "SELECT fingerprint FROM dovetail_parked WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .query_row(params![consumer, source, id], |row| row.get(0))
        .optional()?;
    match parked {
        Some(fingerprint) if fingerprint == claim.fingerprint.0 => return Ok(Standing::Behind),
        Some(_) => return Ok(Standing::Reused),
        None => {}
    }
    let is_parked = connection
        .prepare_cached("SELECT 1 FROM dovetail_parked_key WHERE scope = ?1 AND key = ?2")?
        .exists(params![claim.scope, claim.order_key])?;
    Ok(if is_parked {
        Standing::Behind
    } else {
        Standing::Free
    })
}

/// Undoes the transaction up to its beginning, and puts the message into the queue of its key. `false`: there is no room.
pub(super) fn park(
    connection: &Connection,
    claim: &Claim,
    parking: &Parking,
) -> rusqlite::Result<bool> {
    connection.execute_batch("ROLLBACK TO dovetail_claim")?;
    let (scope, message) = (&claim.scope, &parking.message);
    let key = claim.order_key.as_deref().unwrap_or_default();
    if !has_room(connection, scope, key, parking)? {
        return Ok(false);
    }
    let columns = rows::columns(message)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_parked
                 (scope, consumer, key, channel, source, id, kind, expires_at, headers, body, fingerprint, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            scope,
            claim.key.consumer,
            key,
            message.channel,
            claim.key.source,
            claim.key.id,
            message.kind,
            columns.expires_at,
            columns.headers,
            &message.body[..],
            Fingerprint::of(&message.body).0,
            millis(parking.at),
        ])?;
    if let Some(retry_at) = parking.retry_at {
        inbox::count_attempt(connection, &claim.key, &parking.error, parking.at)?;
        connection
            .prepare_cached(
                "INSERT INTO dovetail_parked_key (scope, key, retry_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![scope, key, millis(retry_at)])?;
    }
    if let Some(position) = &claim.position {
        inbox::skip(connection, scope, position)?;
    }
    Ok(true)
}

fn has_room(
    connection: &Connection,
    scope: &str,
    key: &str,
    parking: &Parking,
) -> rusqlite::Result<bool> {
    let length: u32 = connection
        .prepare_cached("SELECT count(*) FROM dovetail_parked WHERE scope = ?1 AND key = ?2")?
        .query_row(params![scope, key], |row| row.get(0))?;
    if length > 0 {
        return Ok(length < parking.length_max);
    }
    let keys: u32 = connection
        .prepare_cached("SELECT count(*) FROM dovetail_parked_key WHERE scope = ?1")?
        .query_row(params![scope], |row| row.get(0))?;
    Ok(keys < parking.keys_max && parking.length_max > 0)
}

/// The first messages of the keys whose time has come.
pub(super) fn due(
    connection: &Connection,
    scope: &str,
    now: SystemTime,
    limit: u32,
) -> rusqlite::Result<Vec<Parked>> {
    let mut statement = connection.prepare_cached(
        "SELECT parked.* FROM dovetail_parked_key AS waiting
         JOIN dovetail_parked AS parked ON parked.place = (
             SELECT min(place) FROM dovetail_parked WHERE scope = waiting.scope AND key = waiting.key)
         WHERE waiting.scope = ?1 AND waiting.retry_at <= ?2
         ORDER BY waiting.retry_at, waiting.key LIMIT ?3",
    )?;
    statement
        .query_map(params![scope, millis(now), limit], parked)?
        .collect()
}

fn parked(row: &Row<'_>) -> rusqlite::Result<Parked> {
    Ok(Parked {
        consumer: row.get("consumer")?,
        message: rows::message(row)?,
    })
}

/// Claims the first message of a key whose time has come.
pub(super) fn find(
    connection: &Connection,
    claim: &Claim,
    now: SystemTime,
) -> rusqlite::Result<Found> {
    let head = connection
        .prepare_cached(
            "SELECT parked.consumer, parked.source, parked.id FROM dovetail_parked AS parked
             JOIN dovetail_parked_key AS waiting ON waiting.scope = parked.scope AND waiting.key = parked.key
             WHERE parked.scope = ?1 AND parked.key = ?2 AND waiting.retry_at <= ?3
             ORDER BY parked.place LIMIT 1",
        )?
        .query_row(params![claim.scope, claim.order_key, millis(now)], key_of)
        .optional()?;
    if head.as_ref() != Some(&claim.key) {
        return Ok(Found::Duplicate);
    }
    match inbox::insert(connection, claim, now)? {
        None => {
            let attempts = inbox::attempts(connection, &claim.key)?;
            Ok(Found::Fresh { attempts })
        }
        Some(Found::Duplicate) => {
            leave(connection, claim)?;
            Ok(Found::Duplicate)
        }
        Some(found) => Ok(found),
    }
}

fn key_of(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        consumer: row.get("consumer")?,
        source: row.get("source")?,
        id: row.get("id")?,
    })
}

/// Takes a claimed message out of the queue of its key.
pub(super) fn leave(connection: &Connection, claim: &Claim) -> rusqlite::Result<()> {
    let key = claim.order_key.as_deref().unwrap_or_default();
    remove(connection, (&claim.scope, key), &claim.key)
}

/// Takes a message out of the queue of its key; the next one is due at once, and the key is free after the last.
fn remove(
    connection: &Connection,
    (scope, key): (&str, &str),
    message: &Key,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM dovetail_parked WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )?
        .execute(params![message.consumer, message.source, message.id])?;
    let is_waiting = connection
        .prepare_cached("SELECT 1 FROM dovetail_parked WHERE scope = ?1 AND key = ?2")?
        .exists(params![scope, key])?;
    let statement = if is_waiting {
        "UPDATE dovetail_parked_key SET retry_at = 0 WHERE scope = ?1 AND key = ?2"
    } else {
        "DELETE FROM dovetail_parked_key WHERE scope = ?1 AND key = ?2"
    };
    connection
        .prepare_cached(statement)?
        .execute(params![scope, key])?;
    Ok(())
}

/// Makes a dead letter of the first message of a key; and of all behind it, unless it is wrong in itself. Returns how many: none where it is not
/// the first one any more.
pub(super) fn bury(connection: &Connection, scope: &str, head: &Burial) -> rusqlite::Result<u32> {
    let (Some(key), Some(message)) = (
        head.message.key.as_deref(),
        Key::of(&head.consumer, &head.message),
    ) else {
        dead_letter::bury(connection, head, None)?;
        return Ok(1);
    };
    let first = connection
        .prepare_cached(
            "SELECT consumer, source, id FROM dovetail_parked WHERE scope = ?1 AND key = ?2 ORDER BY place LIMIT 1",
        )?
        .query_row(params![scope, key], key_of)
        .optional()?;
    if first.as_ref() != Some(&message) {
        // Somebody else had it meanwhile.
        return Ok(0);
    }
    dead_letter::bury(connection, head, None)?;
    remove(connection, (scope, key), &message)?;
    let might_have_worked = matches!(
        head.reason,
        Reason::Panic | Reason::Timeout | Reason::RetriesExhausted
    );
    if !might_have_worked {
        return Ok(1);
    }
    let mut statement = connection.prepare_cached(
        "SELECT * FROM dovetail_parked WHERE scope = ?1 AND key = ?2 ORDER BY place",
    )?;
    let behind = statement
        .query_map(params![scope, key], parked)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut count = 1;
    for Parked { consumer, message } in behind {
        let detail = format!(
            "an earlier message of its key became a dead letter: {}",
            head.reason
        );
        let burial = Burial {
            consumer,
            message,
            reason: Reason::KeyBlocked,
            detail,
            ..head.clone()
        };
        dead_letter::bury(connection, &burial, None)?;
        count += 1;
    }
    for statement in [
        "DELETE FROM dovetail_parked WHERE scope = ?1 AND key = ?2",
        "DELETE FROM dovetail_parked_key WHERE scope = ?1 AND key = ?2",
    ] {
        connection
            .prepare_cached(statement)?
            .execute(params![scope, key])?;
    }
    Ok(count)
}
