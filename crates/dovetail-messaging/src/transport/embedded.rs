//! A broker in the file of the embedded store, for systems that start with nothing to install.
//!
//! A topic gives each of its groups every message published after the group subscribed; a queue keeps its messages until its one group takes them.
//! What is received is invisible to the rest of its group for a while, and comes again unless it is acknowledged in that time.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use dovetail_resilience::Clock;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::Notify;

use super::{Channel, Kind, Received, Subscription, Transport};
use crate::{
    consumer::Delivery,
    message::Message,
    outbox::{PublishError, Publisher},
    store::{
        StoreError,
        sqlite::{Sqlite, millis, rows},
    },
};

/// The embedded broker. Clones share its file.
#[derive(Debug, Clone)]
pub struct Embedded {
    store: Sqlite,
    clock: Clock,
    visibility: Duration,
    changed: Arc<Notify>,
}

/// What a delivery of the embedded broker is acknowledged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    channel: String,
    group: String,
    place: i64,
    token: i64,
}

/// The earliest visible message of each key, and visible messages without one.
const RECEIVABLE: &str = "
    SELECT delivery.place AS place, delivery.token AS token FROM dovetail_delivery AS delivery
    WHERE channel = ?1 AND name = ?2 AND visible_at <= ?3
      AND (key IS NULL OR place = (
          SELECT min(place) FROM dovetail_delivery AS earlier
          WHERE earlier.channel = ?1 AND earlier.name = ?2 AND earlier.key = delivery.key))
    ORDER BY place LIMIT ?4";

const OWN: &str = "channel = ?1 AND name = ?2 AND place = ?3 AND token = ?4";

impl Embedded {
    /// A broker in the file of the store, whose deliveries stay invisible for `visibility`: longer than a handler may take.
    #[must_use]
    pub fn new(store: Sqlite, visibility: Duration, clock: Clock) -> Self {
        Self {
            store,
            clock,
            visibility,
            changed: Arc::default(),
        }
    }

    /// How many messages a group has yet to acknowledge.
    ///
    /// # Errors
    ///
    /// Where the store cannot say.
    pub async fn backlog(&self, subscription: &Subscription) -> Result<u64, StoreError> {
        let Subscription { channel, group } = subscription.clone();
        self.store
            .transact(move |connection| {
                let group = group_of(connection, &channel, group)?;
                let count: i64 = connection
                    .prepare_cached(
                        "SELECT count(*) FROM dovetail_delivery WHERE channel = ?1 AND name = ?2",
                    )?
                    .query_row([channel, group], |row| row.get(0))?;
                Ok(count.unsigned_abs())
            })
            .await
    }

    async fn take(
        &self,
        subscription: &Subscription,
        limit: u32,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let Subscription { channel, group } = subscription.clone();
        let now = self.clock.wall();
        let visible_at = now.checked_add(self.visibility).unwrap_or(now);
        self.store
            .transact(move |connection| {
                let group = group_of(connection, &channel, group)?;
                take(connection, &channel, &group, now, visible_at, limit)
            })
            .await
    }
}

impl Publisher for Embedded {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let (message, now) = (message.clone(), self.clock.wall());
        let published = self
            .store
            .transact(move |connection| publish(connection, &message, now))
            .await;
        match published {
            Ok(true) => {
                self.changed.notify_waiters();
                Ok(())
            }
            Ok(false) => Err(PublishError::Rejected(
                "there is no such channel".to_owned(),
            )),
            Err(error) => Err(PublishError::Unavailable(error.to_string())),
        }
    }
}

impl Transport for Embedded {
    type Receipt = Receipt;

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let (channel, kind) = (channel.name.clone(), channel.kind);
        let word = match kind {
            Kind::Topic => "topic",
            Kind::Queue => "queue",
        };
        self.store
            .transact(move |connection| {
                // `kind` is no key: another one violates the constraint of the primary key.
                let is_there = connection
                    .prepare_cached(
                        "SELECT 1 FROM dovetail_channel WHERE channel = ?1 AND kind = ?2",
                    )?
                    .exists([&channel, word])?;
                if is_there {
                    return Ok(());
                }
                connection.execute(
                    "INSERT INTO dovetail_channel (channel, kind) VALUES (?1, ?2)",
                    [&channel, word],
                )?;
                if kind == Kind::Queue {
                    subscribe(connection, &channel, "")?;
                }
                Ok(())
            })
            .await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let Subscription { channel, group } = subscription.clone();
        self.store
            .transact(move |connection| {
                if is_queue(connection, &channel)? {
                    return Ok(());
                }
                subscribe(connection, &channel, &group)
            })
            .await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let now = self.clock.now();
        let end = now.checked_add(wait).unwrap_or(now);
        loop {
            // Listening begins before looking: what is published between the two is heard.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let received = self.take(subscription, limit).await?;
            if !received.is_empty() || self.clock.until(end, changed).await.is_err() {
                return Ok(received);
            }
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let own = receipt.clone();
        let is_done = self
            .store
            .transact(move |connection| acknowledge(connection, &own))
            .await?;
        // The next message of its key may be received now.
        self.changed.notify_waiters();
        Ok(is_done)
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        let own = receipt.clone();
        let now = self.clock.wall();
        let visible_at = millis(now.checked_add(after).unwrap_or(now));
        let is_own = self
            .store
            .transact(move |connection| {
                let statement = format!(
                    "UPDATE dovetail_delivery SET visible_at = ?5, token = token + 1 WHERE {OWN}"
                );
                let count = connection.prepare_cached(&statement)?.execute(params![
                    own.channel,
                    own.group,
                    own.place,
                    own.token,
                    visible_at
                ])?;
                Ok(count == 1)
            })
            .await?;
        if after.is_zero() {
            self.changed.notify_waiters();
        }
        Ok(is_own)
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        Self::backlog(self, subscription).await.map(Some)
    }
}

fn subscribe(connection: &Connection, channel: &str, group: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dovetail_group (channel, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute([channel, group])?;
    Ok(())
}

fn is_queue(connection: &Connection, channel: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM dovetail_channel WHERE channel = ?1 AND kind = 'queue'")?
        .exists([channel])
}

fn group_of(connection: &Connection, channel: &str, group: String) -> rusqlite::Result<String> {
    Ok(if is_queue(connection, channel)? {
        String::new()
    } else {
        group
    })
}

/// Adds a message for each group. `false`: there is no such channel.
fn publish(connection: &Connection, message: &Message, now: SystemTime) -> rusqlite::Result<bool> {
    let is_declared = connection
        .prepare_cached("SELECT 1 FROM dovetail_channel WHERE channel = ?1")?
        .exists([&message.channel])?;
    if !is_declared {
        return Ok(false);
    }
    let groups: i64 = connection
        .prepare_cached("SELECT count(*) FROM dovetail_group WHERE channel = ?1")?
        .query_row([&message.channel], |row| row.get(0))?;
    if groups == 0 {
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
            groups,
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
    Ok(true)
}

fn take(
    connection: &Connection,
    channel: &str,
    group: &str,
    now: SystemTime,
    visible_at: SystemTime,
    limit: u32,
) -> rusqlite::Result<Vec<Received<Receipt>>> {
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
    let mut read = connection.prepare_cached("SELECT * FROM dovetail_message WHERE place = ?1")?;
    let mut received = Vec::with_capacity(places.len());
    for (place, before) in places {
        // Odd while somebody has it, even once it was given back: a receipt that was used fits neither.
        let token = (before + 1) | 1;
        hide.execute(params![channel, group, place, millis(visible_at), token])?;
        let message = read.query_row([place], rows::message)?;
        received.push(Received {
            delivery: Delivery::from(message),
            receipt: Receipt {
                channel: channel.to_owned(),
                group: group.to_owned(),
                place,
                token,
            },
            deliveries: u32::try_from((token + 1) / 2).unwrap_or(u32::MAX),
        });
    }
    Ok(received)
}

fn acknowledge(connection: &Connection, own: &Receipt) -> rusqlite::Result<bool> {
    let statement = format!("DELETE FROM dovetail_delivery WHERE {OWN}");
    let count = connection.prepare_cached(&statement)?.execute(params![
        own.channel,
        own.group,
        own.place,
        own.token
    ])?;
    if count == 0 {
        return Ok(false);
    }
    let waiting: Option<i64> = connection
        .prepare_cached(
            "UPDATE dovetail_message SET waiting = waiting - 1 WHERE place = ?1 RETURNING waiting",
        )?
        .query_row([own.place], |row| row.get(0))
        .optional()?;
    if waiting == Some(0) {
        connection
            .prepare_cached("DELETE FROM dovetail_message WHERE place = ?1")?
            .execute([own.place])?;
    }
    Ok(true)
}
