//! PostgreSQL as others would use it.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use dovetail_messaging::{
    Message,
    store::postgres::{Lent, tokio_postgres::types::ToSql},
};
use futures::try_join;
use tokio::{sync::Mutex, task::JoinSet};

use super::course::{CONCURRENCY, Course};
use crate::{
    ground::{
        Ground as _,
        postgres::{OnPostgres, WRITE},
    },
    work::{BILLING, charge, effect_of, number_of},
};

/// What the others keep their inbox and outbox in.
const TABLES: &str = "
    CREATE TABLE other_inbox (
        consumer text NOT NULL, source text NOT NULL, id text NOT NULL, state text NOT NULL, PRIMARY KEY (consumer, source, id));
    CREATE TABLE other_outbox (
        place bigserial PRIMARY KEY, channel text NOT NULL, source text, id text, body bytea NOT NULL);
    CREATE INDEX other_outbox_id ON other_outbox (id)";

const INSERT_INBOX: &str = "INSERT INTO other_inbox (consumer, source, id, state) VALUES ($1, $2, $3, 'consumed') ON CONFLICT DO NOTHING";
const INSERT_OUTBOX: &str =
    "INSERT INTO other_outbox (channel, source, id, body) VALUES ($1, $2, $3, $4)";
const LOCK: &str =
    "SELECT state FROM other_inbox WHERE consumer = $1 AND source = $2 AND id = $3 FOR UPDATE";
const SET_STATE: &str =
    "UPDATE other_inbox SET state = $4 WHERE consumer = $1 AND source = $2 AND id = $3";
const READ: &str = "SELECT body FROM other_outbox WHERE id = $1";
const CLEAN: &str = "DELETE FROM other_outbox WHERE id = $1";

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Course for OnPostgres {
    async fn open_durable(folder: &Path) -> Result<Self> {
        let ground = Self::open(folder).await?;
        ground.client().await?.batch_execute(TABLES).await?;
        Ok(ground)
    }

    async fn four_transactions(&self, message: &Message) -> Result<()> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";
        let lent = self.store().connection().await?;
        let client = lent.client();
        let (source, id) = (&message.source, &message.id);
        client.batch_execute(BEGIN).await?;
        execute(lent.as_ref(), INSERT_INBOX, &[&BILLING, source, id]).await?;
        client.batch_execute("COMMIT").await?;

        client.batch_execute(BEGIN).await?;
        execute(lent.as_ref(), LOCK, &[&BILLING, source, id]).await?;
        effect(lent.as_ref(), message).await?;
        publish(lent.as_ref(), &charge(message)).await?;
        let params: Params<'_> = &[&BILLING, source, id, &"consumed"];
        execute(lent.as_ref(), SET_STATE, params).await?;
        client.batch_execute("COMMIT").await?;

        client.batch_execute(BEGIN).await?;
        execute(lent.as_ref(), LOCK, &[&BILLING, source, id]).await?;
        execute(lent.as_ref(), READ, &[id]).await?;
        let params: Params<'_> = &[&BILLING, source, id, &"delivered"];
        execute(lent.as_ref(), SET_STATE, params).await?;
        client.batch_execute("COMMIT").await?;

        client.batch_execute(BEGIN).await?;
        execute(lent.as_ref(), CLEAN, &[id]).await?;
        client.batch_execute("COMMIT").await?;
        Ok(())
    }

    async fn by_hand(&self, messages: Vec<Message>) -> Result<()> {
        let queue = Arc::new(Mutex::new(messages.into_iter()));
        let mut loops = JoinSet::new();
        for _ in 0..CONCURRENCY {
            let (queue, store) = (Arc::clone(&queue), self.store().clone());
            loops.spawn(async move {
                let lent = store.connection().await?;
                loop {
                    let Some(message) = queue.lock().await.next() else {
                        return anyhow::Ok(());
                    };
                    handle(lent.as_ref(), &message).await?;
                }
            });
        }
        while let Some(done) = loops.join_next().await {
            done.context("a loop panicked")??;
        }
        Ok(())
    }
}

/// Inbox, effect and outbox in one transaction, with what can be sent together sent together.
async fn handle(lent: &dyn Lent, message: &Message) -> Result<()> {
    let client = lent.client();
    let inbox = lent.prepare(INSERT_INBOX).await?;
    let params: Params<'_> = &[&BILLING, &message.source, &message.id];
    let ((), is_new) = try_join!(
        client.batch_execute("BEGIN"),
        client.execute(&inbox, params)
    )?;
    if is_new == 1 {
        effect(lent, message).await?;
        let charge = charge(message);
        let outbox = lent.prepare(INSERT_OUTBOX).await?;
        let body = &charge.body[..];
        let params: Params<'_> = &[&charge.channel, &charge.source, &charge.id, &body];
        try_join!(
            client.execute(&outbox, params),
            client.batch_execute("COMMIT")
        )?;
    } else {
        client.batch_execute("ROLLBACK").await?;
    }
    Ok(())
}

async fn effect(lent: &dyn Lent, message: &Message) -> Result<()> {
    let number = number_of(message).unwrap_or_default();
    let effect = effect_of(BILLING, message, number);
    let params: Params<'_> = &[&effect.consumer, &effect.id, &effect.key, &effect.sequence];
    execute(lent, WRITE, params).await
}

async fn publish(lent: &dyn Lent, message: &Message) -> Result<()> {
    let body = &message.body[..];
    let params: Params<'_> = &[&message.channel, &message.source, &message.id, &body];
    execute(lent, INSERT_OUTBOX, params).await
}

async fn execute(lent: &dyn Lent, sql: &'static str, params: Params<'_>) -> Result<()> {
    let statement = lent.prepare(sql).await?;
    lent.client().execute(&statement, params).await?;
    Ok(())
}
