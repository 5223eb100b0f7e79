//! PostgreSQL as others would use it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dovetail_messaging::{
    Message,
    inbox::Fingerprint,
    outbox::Publisher as _,
    store::postgres::{Lent, tokio_postgres::types::ToSql},
};
use futures::try_join;
use tokio::task::JoinSet;

use super::{
    course::{Course, Nowhere},
    generated::{CONSUMER, Hold, Queue, effect_of as effect_by_hand},
};
use crate::{
    common::start,
    ground::{
        Ground as _,
        postgres::{OnPostgres, WRITE},
    },
    work::{BILLING, charge, effect_of, number_of},
};

/// What the protocol of four transactions keeps its inbox and outbox in.
const TABLES: &str = "
    CREATE TABLE other_inbox (
        consumer text NOT NULL, source text NOT NULL, id text NOT NULL, state text NOT NULL, PRIMARY KEY (consumer, source, id));
    CREATE TABLE other_outbox (
        place bigserial PRIMARY KEY, channel text NOT NULL, source text, id text, body bytea NOT NULL);
    CREATE INDEX other_outbox_id ON other_outbox (id)";

const INSERT_INBOX: &str = "INSERT INTO other_inbox (consumer, source, id, state) VALUES ($1, $2, $3, 'consumed') ON CONFLICT DO NOTHING";
const INSERT_OURS: &str = "INSERT INTO dovetail_inbox (consumer, source, id, fingerprint, status, at) VALUES ($1, $2, $3, $4, 'done', $5)
    ON CONFLICT DO NOTHING";
const OLDEST: &str = "
    SELECT place, channel, source, id, kind, body FROM dovetail_outbox WHERE status = 'pending'
    ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED";
const PUBLISHED: &str =
    "UPDATE dovetail_outbox SET status = 'published', published_at = $2 WHERE place = $1";
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

    async fn by_hand(&self, queue: Queue, count: usize) -> Result<()> {
        let mut loops = JoinSet::new();
        for _ in 0..count {
            let (queue, store) = (queue.clone(), self.store().clone());
            loops.spawn(async move {
                let lent = store.connection().await?;
                loop {
                    for message in queue.take(1).await {
                        handle(lent.as_ref(), &message).await?;
                        queue.done();
                    }
                }
            });
        }
        match loops.join_next().await {
            Some(done) => done.context("a loop panicked")?,
            None => Ok(()),
        }
    }

    async fn relay_one(&self, publisher: &Nowhere) -> Result<()> {
        let lent = self.store().connection().await?;
        let client = lent.client();
        client.batch_execute("BEGIN").await?;
        let oldest = lent.prepare(OLDEST).await?;
        let row = client.query_one(&oldest, &[]).await?;
        let place: i64 = row.try_get("place")?;
        let (channel, source, id): (&str, &str, &str) = (
            row.try_get("channel")?,
            row.try_get("source")?,
            row.try_get("id")?,
        );
        let body = row.try_get::<_, &[u8]>("body")?.to_vec();
        publisher
            .publish(&Message::new(channel, source, id, body))
            .await?;
        let params: Params<'_> = &[&place, &start()];
        execute(lent.as_ref(), PUBLISHED, params).await?;
        client.batch_execute("COMMIT").await?;
        Ok(())
    }
}

/// Inbox and effect in one transaction, with what can be sent together sent together.
async fn handle(lent: &dyn Lent, message: &Message) -> Result<()> {
    let client = lent.client();
    let hold: Hold = serde_json::from_slice(&message.body)?;
    let (Some(source), Some(id)) = (&message.source, &message.id) else {
        bail!("it has no identity");
    };
    let inbox = lent.prepare(INSERT_OURS).await?;
    let fingerprint = Fingerprint::of(&message.body);
    let (fingerprint, at) = (&fingerprint.0[..], start());
    let params: Params<'_> = &[&CONSUMER, source, id, &fingerprint, &at];
    let ((), is_new) = try_join!(
        client.batch_execute("BEGIN"),
        client.execute(&inbox, params)
    )?;
    if is_new == 0 {
        client.batch_execute("ROLLBACK").await?;
        return Ok(());
    }
    let effect = effect_by_hand(id, hold.parcel_id);
    let params: Params<'_> = &[&effect.consumer, &effect.id, &effect.key, &effect.sequence];
    let write = lent.prepare(WRITE).await?;
    try_join!(
        client.execute(&write, params),
        client.batch_execute("COMMIT")
    )?;
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
