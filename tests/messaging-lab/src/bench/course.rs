//! The sides of each pair: ours through the crate, the others as a service would write them on the same store.

use std::{path::Path, sync::Arc};

use anyhow::{Result, ensure};
use dovetail_messaging::{
    Message,
    consumer::{Config, Delivery, Done, Process, Settlement},
    outbox::{self, PublishError, Publisher, Relay},
};
use dovetail_resilience::{Chance, Clock};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    child::block_on,
    common::{Watch, start},
    ground::Ground,
    naive::{Kind, Naive},
    work::{BILLING, MAIL, config, consumer_on, order},
};

/// Deliveries under way at once, as [`dovetail_messaging::consumer::Pace`] has it.
pub(super) const CONCURRENCY: usize = 16;

/// Messages for each second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate(pub(super) f64);

/// A store on which others race us.
pub(super) trait Course: Ground {
    /// Opens the store so that what is committed survives a loss of power.
    fn open_durable(folder: &Path) -> impl Future<Output = Result<Self>> + Send;

    /// Handles a message by the protocol of four transactions: the row of the inbox; the effect with its outbox; the delivery of the outbox; and
    /// its removal.
    fn four_transactions(&self, message: &Message) -> impl Future<Output = Result<()>> + Send;

    /// Inbox, effect and outbox in one transaction each, written by hand with nothing between the loop and the database.
    fn by_hand(&self, messages: Vec<Message>) -> impl Future<Output = Result<()>> + Send;
}

fn orders(count: usize) -> Vec<Message> {
    (0..count)
        .map(|number| Message {
            key: None,
            ..order(number, 1)
        })
        .collect()
}

/// How fast that many messages go through.
fn timed(count: usize, work: impl Future<Output = Result<()>>) -> Result<Rate> {
    block_on(async {
        let watch = Watch::start();
        work.await?;
        Ok(Rate(count as f64 / watch.elapsed().as_secs_f64()))
    })
}

/// Has a process handle each message, so many at once.
async fn all<P: Process>(process: P, messages: Vec<Message>) -> Result<()> {
    let process = Arc::new(process);
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let mut tasks = JoinSet::new();
    for message in messages {
        let place = Arc::clone(&places).acquire_owned().await?;
        let process = Arc::clone(&process);
        tasks.spawn(async move {
            let _place = place;
            process.process(message.into()).await
        });
    }
    while let Some(settlement) = tasks.join_next().await {
        let settlement = settlement?;
        ensure!(
            settlement == Settlement::Ack(Done::Handled),
            "a message was not handled: {settlement:?}"
        );
    }
    Ok(())
}

fn ours<G: Course>(ground: &G, name: &'static str) -> impl Process + use<G> {
    let clock = Clock::pinned_at(start());
    let config = Config {
        order: None,
        ..config()
    };
    consumer_on::<G>(name, ground.store().clone(), clock, config)
}

/// Inbox and effect.
pub(super) fn consume<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async {
        all(ours(ground, MAIL), orders(count)).await
    })
}

/// Inbox, effect and outbox.
pub(super) fn consume_and_publish<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async {
        all(ours(ground, BILLING), orders(count)).await
    })
}

/// Inbox, effect and outbox, 50 messages in each transaction.
pub(super) fn consume_in_batches<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async {
        let consumer = ours(ground, BILLING);
        for batch in orders(count).chunks(50) {
            let deliveries = batch.iter().cloned().map(Delivery::from).collect();
            for settlement in consumer.process_batch(deliveries).await {
                ensure!(
                    settlement == Settlement::Ack(Done::Handled),
                    "a message was not handled: {settlement:?}"
                );
            }
        }
        Ok(())
    })
}

/// Inbox, effect and outbox, and then everything is relayed.
pub(super) fn consume_and_relay<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async {
        all(ours(ground, BILLING), orders(count)).await?;
        relay_all(ground, count, 100).await
    })
}

/// Check, process, insert.
pub(super) fn naive<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    let naive = Naive {
        kind: Kind::CheckFirst,
        consumer: MAIL,
        ground: ground.clone(),
        publisher: Nowhere,
        reach: |_| {},
        pause: std::time::Duration::ZERO,
    };
    timed(count, async { all(naive, orders(count)).await })
}

/// Four transactions.
pub(super) fn four_transactions<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async {
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let mut tasks = JoinSet::new();
        for message in orders(count) {
            let place = Arc::clone(&places).acquire_owned().await?;
            let ground = ground.clone();
            tasks.spawn(async move {
                let _place = place;
                ground.four_transactions(&message).await
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    })
}

/// Inbox, effect and outbox by hand.
pub(super) fn by_hand<G: Course>(ground: &G, count: usize) -> Result<Rate> {
    timed(count, async { ground.by_hand(orders(count)).await })
}

/// Relays what an outbox holds, so many rows at once.
pub(super) fn relay<G: Course>(ground: &G, count: usize, batch_max: u32) -> Result<Rate> {
    block_on(async { all(ours(ground, BILLING), orders(count)).await })?;
    timed(count, relay_all(ground, count, batch_max))
}

async fn relay_all<G: Course>(ground: &G, count: usize, batch_max: u32) -> Result<()> {
    let relay = Relay::new(
        ground.store().clone(),
        Nowhere,
        outbox::Config {
            batch_max,
            ..outbox::Config::default()
        },
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    let mut published = 0;
    while published < count {
        let turn = relay.turn().await?;
        ensure!(turn.published > 0, "the relay does not get on");
        published += turn.published as usize;
    }
    Ok(())
}

/// A broker that confirms everything at once: what is measured is the store.
#[derive(Debug)]
struct Nowhere;

impl Publisher for Nowhere {
    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}
