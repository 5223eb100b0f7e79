//! What the embedded broker keeps in its tables.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Error, OptionalExtension, Row, params, types::ValueRef};

use super::Receipt;
use crate::{
    consumer::Delivery,
    message::Message,
    store::sqlite::{millis, rows},
    transport::{Channel, Kind, Received},
};

/// The earliest visible message of each key, and visible messages without one.
const RECEIVABLE: &str = "
    SELECT delivery.place AS place, delivery.token AS token FROM dovetail_delivery AS delivery
    WHERE channel = ?1 AND name = ?2 AND visible_at <= ?3
      AND (key IS NULL OR place = (
          SELECT min(place) FROM dovetail_delivery AS earlier
          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key))
    ORDER BY place LIMIT ?4";

/// The delivery of a receipt, while its time lasts.
const OWN: &str = "channel = ?1 AND name = ?2 AND place = ?3 AND token = ?4 AND visible_at > ?5";

/// How many old messages of each group a publication may drop: more than it adds, so that none stay.
const DROPPED_MAX: u32 = 4;

/// Adds a channel, or lets it keep its messages for as long as is declared now.
pub(super) fn declare(connection: &Connection, channel: &Channel) -> rusqlite::Result<()> {
    let word = match channel.kind {
        Kind::Topic => "topic",
        Kind::Queue => "queue",
    };
    let retention = channel.retention.map(in_millis);
    // `kind` is no key: another one violates the constraint of the primary key.
    let raised = connection
        .prepare_cached(
            "UPDATE dovetail_channel SET retention = max(coalesce(retention, ?3), coalesce(?3, retention))
             WHERE channel = ?1 AND kind = ?2",
        )?
        .execute(params![channel.name, word, retention])?;
    if raised > 0 {
        return Ok(());
    }
    connection.execute(
        "INSERT INTO dovetail_channel (channel, kind, retention) VALUES (?1, ?2, ?3)",
        params![channel.name, word, retention],
    )?;
    if channel.kind == Kind::Queue {
        subscribe(connection, &channel.name, "")?;
    }
    Ok(())
}

fn in_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn subscribe(
    connection: &Connection,
    channel: &str,
    group: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dovetail_group (channel, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute([channel, group])?;
    Ok(())
}

pub(super) fn is_queue(connection: &Connection, channel: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM dovetail_channel WHERE channel = ?1 AND kind = 'queue'")?
        .exists([channel])
}

pub(super) fn group_of(
    connection: &Connection,
    channel: &str,
    group: String,
) -> rusqlite::Result<String> {
    Ok(if is_queue(connection, channel)? {
        String::new()
    } else {
        group
    })
}

/// What came before this is too old for the channel, if anything is. None where there is no such channel.
fn too_old(
    connection: &Connection,
    channel: &str,
    now: SystemTime,
) -> rusqlite::Result<Option<i64>> {
    let retention = connection
        .prepare_cached("SELECT retention FROM dovetail_channel WHERE channel = ?1")?
        .query_row([channel], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    Ok(retention.map(|kept| kept.map_or(i64::MIN, |kept| millis(now).saturating_sub(kept))))
}

/// Adds a message for each group. `false`: there is no such channel.
pub(super) fn publish(
    connection: &Connection,
    message: &Message,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let Some(before) = too_old(connection, &message.channel, now)? else {
        return Ok(false);
    };
    let mut groups =
        connection.prepare_cached("SELECT name FROM dovetail_group WHERE channel = ?1")?;
    let groups: Vec<String> = groups
        .query_map([&message.channel], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if groups.is_empty() {
        return Ok(true);
    }
    let columns = rows::columns(message)?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_message (channel, source, id, kind, key, expires_at, headers, body, waiting, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
            i64::try_from(groups.len()).unwrap_or(i64::MAX),
            millis(now),
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO dovetail_delivery (channel, name, place, key)
             SELECT channel, name, ?2, ?3 FROM dovetail_group WHERE channel = ?1",
        )?
        .execute(params![
            message.channel,
            connection.last_insert_rowid(),
            message.key
        ])?;
    if before > i64::MIN {
        for group in &groups {
            drop_old(connection, (&message.channel, group), before)?;
        }
    }
    Ok(true)
}

/// Drops the oldest of a group that are too old: a group that nobody receives for must not fill the disk.
fn drop_old(
    connection: &Connection,
    (channel, group): (&str, &str),
    before: i64,
) -> rusqlite::Result<()> {
    let mut oldest = connection.prepare_cached(
        "SELECT place, (SELECT at FROM dovetail_message AS message WHERE message.place = delivery.place) AS at
         FROM dovetail_delivery AS delivery WHERE channel = ?1 AND name = ?2 ORDER BY place LIMIT ?3",
    )?;
    let oldest: Vec<(i64, Option<i64>)> = oldest
        .query_map(params![channel, group, DROPPED_MAX], |row| {
            Ok((row.get("place")?, row.get("at")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (place, at) in oldest {
        if at.is_none_or(|at| at >= before) {
            break;
        }
        drop_one(connection, (channel, group), place)?;
    }
    Ok(())
}

fn drop_one(
    connection: &Connection,
    (channel, group): (&str, &str),
    place: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM dovetail_delivery WHERE channel = ?1 AND name = ?2 AND place = ?3",
        )?
        .execute(params![channel, group, place])?;
    release(connection, place)
}

/// One group less waits for a message; with the last of them it goes.
fn release(connection: &Connection, place: i64) -> rusqlite::Result<()> {
    let waiting: Option<i64> = connection
        .prepare_cached(
            "UPDATE dovetail_message SET waiting = waiting - 1 WHERE place = ?1 RETURNING waiting",
        )?
        .query_row([place], |row| row.get(0))
        .optional()?;
    if waiting == Some(0) {
        connection
            .prepare_cached("DELETE FROM dovetail_message WHERE place = ?1")?
            .execute([place])?;
    }
    Ok(())
}

/// Hands out what is visible. `true`: some of it was too old and is gone, so that there may be more.
pub(super) fn take(
    connection: &Connection,
    (channel, group): (String, String),
    now: SystemTime,
    visible_at: SystemTime,
    limit: u32,
) -> rusqlite::Result<(Vec<Received<Receipt>>, bool)> {
    let before = too_old(connection, &channel, now)?.unwrap_or(i64::MIN);
    let places: Vec<(i64, i64)> = connection
        .prepare_cached(RECEIVABLE)?
        .query_map(params![channel, group, millis(now), limit], |row| {
            Ok((row.get("place")?, row.get("token")?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut hide = connection.prepare_cached(
        "UPDATE dovetail_delivery SET token = ?5, visible_at = ?4
         WHERE channel = ?1 AND name = ?2 AND place = ?3",
    )?;
    let mut received = Vec::with_capacity(places.len());
    let mut has_dropped = false;
    for (place, last) in places {
        let (delivery, at) = read(connection, &channel, place)?;
        if at < before {
            drop_one(connection, (&channel, &group), place)?;
            has_dropped = true;
            continue;
        }
        // Odd while somebody has it, even once it was given back: a receipt that was used fits neither.
        let token = (last + 1) | 1;
        hide.execute(params![channel, group, place, millis(visible_at), token])?;
        received.push(Received {
            delivery,
            receipt: Receipt {
                channel: channel.clone(),
                group: group.clone(),
                place,
                token,
            },
            deliveries: u32::try_from((token + 1) / 2).unwrap_or(u32::MAX),
        });
    }
    Ok((received, has_dropped))
}

/// The message at a place, and since when it is there. Never fails because of what is in the row: it would do so again each time, and nothing
/// behind it would ever be received.
fn read(connection: &Connection, channel: &str, place: i64) -> rusqlite::Result<(Delivery, i64)> {
    let mut read = connection.prepare_cached("SELECT * FROM dovetail_message WHERE place = ?1")?;
    let found = read.query_row([place], |row| {
        let delivery = match rows::message(row) {
            Ok(message) => Delivery::from(message),
            Err(error) => unreadable(row, channel, &error)?,
        };
        Ok((delivery, row.get("at").unwrap_or(i64::MAX)))
    });
    match found {
        Err(Error::QueryReturnedNoRows) => {
            let message = Message {
                channel: channel.to_owned(),
                ..Message::default()
            };
            let problem = Some("its row is gone".to_owned());
            let delivery = Delivery {
                problem,
                ..Delivery::from(message)
            };
            Ok((delivery, i64::MAX))
        }
        found => found,
    }
}

fn unreadable(row: &Row<'_>, channel: &str, error: &Error) -> rusqlite::Result<Delivery> {
    let raw = |name| Ok::<_, Error>(bytes(row.get_ref(name)?));
    let headers = String::from_utf8_lossy(&raw("headers")?).into_owned();
    let message = Message {
        channel: channel.to_owned(),
        headers: vec![("headers".to_owned(), headers)],
        body: raw("body")?.into(),
        ..Message::default()
    };
    Ok(Delivery {
        problem: Some(format!("its row cannot be read: {error}")),
        ..Delivery::from(message)
    })
}

fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Null => Vec::new(),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Real(number) => number.to_string().into_bytes(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
    }
}

pub(super) fn acknowledge(
    connection: &Connection,
    own: &Receipt,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let statement = format!("DELETE FROM dovetail_delivery WHERE {OWN}");
    let count = connection.prepare_cached(&statement)?.execute(params![
        own.channel,
        own.group,
        own.place,
        own.token,
        millis(now)
    ])?;
    if count == 0 {
        return Ok(false);
    }
    release(connection, own.place)?;
    Ok(true)
}

pub(super) fn give_back(
    connection: &Connection,
    own: &Receipt,
    now: SystemTime,
    visible_at: SystemTime,
) -> rusqlite::Result<bool> {
    let statement =
        format!("UPDATE dovetail_delivery SET visible_at = ?6, token = token + 1 WHERE {OWN}");
    let count = connection.prepare_cached(&statement)?.execute(params![
        own.channel,
        own.group,
        own.place,
        own.token,
        millis(now),
        millis(visible_at)
    ])?;
    Ok(count == 1)
}
