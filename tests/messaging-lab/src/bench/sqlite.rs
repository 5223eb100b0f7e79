//! The embedded store as others would use it.

use std::{path::Path, sync::mpsc};

use anyhow::{Context as _, Result};
use dovetail_messaging::{
    Message,
    inbox::Fingerprint,
    outbox::Publisher as _,
    store::sqlite::{
        Durability,
        rusqlite::{Connection, params},
    },
};
use tokio::{sync::mpsc::unbounded_channel, task::spawn_blocking};

use super::{
    course::{Course, Nowhere},
    generated::{CONSUMER, Hold, Queue, effect_of as effect_by_hand},
};
use crate::{
    ground::{
        Ground as _,
        sqlite::{OnSqlite, options, write},
    },
    work::{BILLING, charge, effect_of, number_of},
};

/// What the protocol of four transactions keeps its inbox and outbox in.
const TABLES: &str = "
    CREATE TABLE other_inbox (
        consumer TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (consumer, source, id)) WITHOUT ROWID;
    CREATE TABLE other_outbox (
        place INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, source TEXT, id TEXT, body BLOB NOT NULL);
    CREATE INDEX other_outbox_id ON other_outbox (id);";

const INSERT_INBOX: &str = "INSERT INTO other_inbox (consumer, source, id, state) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
const INSERT_OURS: &str = "INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at) VALUES (?1, ?2, ?3, ?4, 'done', ?5)
    ON CONFLICT DO NOTHING";
const OLDEST: &str = "SELECT place, channel, source, id, body FROM dovetail_outbox WHERE status = 'pending' ORDER BY place LIMIT 1";
const PUBLISHED: &str =
    "UPDATE dovetail_outbox SET status = 'published', published_at = ?2 WHERE place = ?1";
const INSERT_OUTBOX: &str =
    "INSERT INTO other_outbox (channel, source, id, body) VALUES (?1, ?2, ?3, ?4)";
const SET_STATE: &str =
    "UPDATE other_inbox SET state = ?4 WHERE consumer = ?1 AND source = ?2 AND id = ?3";

impl Course for OnSqlite {
    async fn open_durable(folder: &Path) -> Result<Self> {
        let ground = Self::open_as(folder, options(Durability::Full)).await?;
        ground
            .store()
            .transact(|connection| connection.execute_batch(TABLES))
            .await?;
        Ok(ground)
    }

    async fn four_transactions(&self, message: &Message) -> Result<()> {
        let one = message.clone();
        self.store()
            .transact(move |connection| {
                connection
                    .prepare_cached(INSERT_INBOX)?
                    .execute(params![BILLING, one.source, one.id, "received"])
            })
            .await?;
        let (one, number) = (message.clone(), number_of(message).unwrap_or_default());
        self.store()
            .transact(move |connection| {
                write(connection, &effect_of(BILLING, &one, number))?;
                publish(connection, &charge(&one))?;
                set_state(connection, &one, "consumed")
            })
            .await?;
        let one = message.clone();
        self.store()
            .transact(move |connection| {
                let mut statement =
                    connection.prepare_cached("SELECT body FROM other_outbox WHERE id = ?1")?;
                statement
                    .query_map([&one.id], |row| row.get::<_, Vec<u8>>(0))?
                    .count();
                set_state(connection, &one, "delivered")
            })
            .await?;
        let id = message.id.clone();
        self.store()
            .transact(move |connection| {
                connection
                    .prepare_cached("DELETE FROM other_outbox WHERE id = ?1")?
                    .execute([id])
            })
            .await?;
        Ok(())
    }

    async fn by_hand(&self, queue: Queue, _: usize) -> Result<()> {
        // One connection writes at a time, so one loop is all that can be of use.
        let path = self.store().path().to_owned();
        let (send, receive) = mpsc::channel::<Message>();
        let (tell, mut told) = unbounded_channel();
        let writing = spawn_blocking(move || {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            for message in receive {
                handle(&connection, &message)?;
                if tell.send(()).is_err() {
                    break;
                }
            }
            anyhow::Ok(())
        });
        loop {
            for message in queue.take(1).await {
                if send.send(message).is_err() || told.recv().await.is_none() {
                    return writing.await.context("the loop panicked")?;
                }
                queue.done();
            }
        }
    }

    async fn relay_one(&self, publisher: &Nowhere) -> Result<()> {
        let oldest = self.store().transact(|connection| {
            connection.prepare_cached(OLDEST)?.query_row([], |row| {
                let message = Message::new(
                    row.get::<_, String>("channel")?,
                    row.get::<_, String>("source")?,
                    row.get::<_, String>("id")?,
                    row.get::<_, Vec<u8>>("body")?,
                );
                Ok((row.get::<_, i64>("place")?, message))
            })
        });
        let (place, message) = oldest.await?;
        publisher.publish(&message).await?;
        let published = self.store().transact(move |connection| {
            connection
                .prepare_cached(PUBLISHED)?
                .execute(params![place, 1_800_000_000_000_i64])
        });
        published.await?;
        Ok(())
    }
}

/// Inbox and effect in one transaction.
fn handle(connection: &Connection, message: &Message) -> Result<()> {
    let hold: Hold = serde_json::from_slice(&message.body)?;
    let id = message.id.as_deref().context("it has no id")?;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let is_new = connection.prepare_cached(INSERT_OURS)?.execute(params![
        CONSUMER,
        message.source,
        id,
        Fingerprint::of(&message.body).0,
        1_800_000_000_000_i64
    ])?;
    if is_new == 1 {
        write(connection, &effect_by_hand(id, hold.parcel_id))?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

fn publish(
    connection: &Connection,
    message: &Message,
) -> dovetail_messaging::store::sqlite::rusqlite::Result<()> {
    connection
        .prepare_cached(INSERT_OUTBOX)?
        .execute(params![
            message.channel,
            message.source,
            message.id,
            &message.body[..]
        ])
        .map(drop)
}

fn set_state(
    connection: &Connection,
    message: &Message,
    state: &str,
) -> dovetail_messaging::store::sqlite::rusqlite::Result<()> {
    connection
        .prepare_cached(SET_STATE)?
        .execute(params![BILLING, message.source, message.id, state])
        .map(drop)
}
