//! The embedded store as others would use it.

use std::path::Path;

use anyhow::{Context as _, Result};
use dovetail_messaging::{
    Message,
    store::sqlite::{
        Durability,
        rusqlite::{Connection, params},
    },
};

use super::course::Course;
use crate::{
    ground::{
        Ground as _,
        sqlite::{OnSqlite, options, write},
    },
    work::{BILLING, charge, effect_of, number_of},
};

/// What the others keep their inbox and outbox in.
const TABLES: &str = "
    CREATE TABLE other_inbox (
        consumer TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (consumer, source, id)) WITHOUT ROWID;
    CREATE TABLE other_outbox (
        place INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, source TEXT, id TEXT, body BLOB NOT NULL);";

const INSERT_INBOX: &str = "INSERT INTO other_inbox (consumer, source, id, state) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
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

    async fn by_hand(&self, messages: Vec<Message>) -> Result<()> {
        let path = self.store().path().to_owned();
        tokio::task::spawn_blocking(move || {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            for message in messages {
                let number = number_of(&message).unwrap_or_default();
                connection.execute_batch("BEGIN IMMEDIATE")?;
                let is_new = connection.prepare_cached(INSERT_INBOX)?.execute(params![
                    BILLING,
                    message.source,
                    message.id,
                    "consumed"
                ])?;
                if is_new == 1 {
                    write(&connection, &effect_of(BILLING, &message, number))?;
                    publish(&connection, &charge(&message))?;
                }
                connection.execute_batch("COMMIT")?;
            }
            anyhow::Ok(())
        })
        .await
        .context("the loop panicked")?
    }
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
