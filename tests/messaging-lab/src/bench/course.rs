//! The sides of each pair: ours through the crate, the others as a service would write them on the same store.

use std::{ops::Range, path::Path, sync::Arc};

use anyhow::{Result, ensure};
use dovetail_messaging::{
    Message,
    consumer::{Config, Delivery, Done, Process, Settlement},
    outbox::{self, PublishError, Publisher, Relay},
};
use dovetail_resilience::{Chance, Clock};
use tokio::{sync::Semaphore, task::JoinSet};

use super::generated::Queue;
use crate::{
    child::block_on,
    common::{Watch, start},
    ground::Ground,
    naive::{Kind, Naive},
    work::{BILLING, MAIL, config, consumer_on, order},
};

/// How many messages a side handles first, which are not measured: connections are made, statements prepared, pages read.
pub(super) const WARM_UP: usize = 100;

/// How many messages a batch has.
const BATCH: usize = 50;

/// What is handled in a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) messages: usize,
    /// How many deliveries, or batches of them, are under way at once.
    pub(super) in_flight: usize,
}

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

    /// Takes messages from a queue, and handles each in a transaction of its own, as somebody would write who wants the same rows in the inbox
    /// and nothing between the loop and the database.
    fn by_hand(&self, queue: Queue, loops: usize) -> impl Future<Output = Result<()>> + Send;

    /// Publishes the oldest message of the outbox, and notes that, in one transaction.
    fn relay_one(&self, publisher: &Nowhere) -> impl Future<Output = Result<()>> + Send;
}

/// Orders without keys: who keeps no order does not pay for it.
fn orders(numbers: Range<usize>) -> Vec<Message> {
    numbers
        .map(|number| Message {
            key: None,
            ..order(number, 1)
        })
        .collect()
}

/// How fast work goes with messages, after it has gone with some others.
pub(super) fn timed<W: Future<Output = Result<()>>>(
    load: Load,
    work: impl Fn(Vec<Message>) -> W,
) -> Result<Rate> {
    block_on(async {
        work(orders(0..WARM_UP)).await?;
        let messages = orders(WARM_UP..WARM_UP + load.messages);
        let watch = Watch::start();
        work(messages).await?;
        Ok(Rate(load.messages as f64 / watch.elapsed().as_secs_f64()))
    })
}

/// Has each part of the work done, so many at once.
async fn side_by_side<I, W>(
    parts: impl IntoIterator<Item = I>,
    in_flight: usize,
    work: impl Fn(I) -> W,
) -> Result<()>
where
    W: Future<Output = Result<()>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(in_flight));
    let mut tasks = JoinSet::new();
    for part in parts {
        let place = Arc::clone(&places).acquire_owned().await?;
        let work = work(part);
        tasks.spawn(async move {
            let _place = place;
            work.await
        });
        // What is over is not kept.
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn is_handled(settlement: Settlement) -> Result<()> {
    ensure!(
        settlement == Settlement::Ack(Done::Handled),
        "a message was not handled: {settlement:?}"
    );
    Ok(())
}

/// Has a process handle each message.
async fn all<P: Process>(process: Arc<P>, messages: Vec<Message>, load: Load) -> Result<()> {
    side_by_side(messages, load.in_flight, |message| {
        let process = Arc::clone(&process);
        async move { is_handled(process.process(message.into()).await) }
    })
    .await
}

fn ours<G: Course>(ground: &G, name: &'static str) -> Arc<impl Process + use<G>> {
    let clock = Clock::pinned_at(start());
    let config = Config {
        order: None,
        ..config()
    };
    Arc::new(consumer_on::<G>(
        name,
        ground.store().clone(),
        clock,
        config,
    ))
}

/// Inbox and effect.
pub(super) fn consume<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let consumer = ours(ground, MAIL);
    timed(load, |messages| all(Arc::clone(&consumer), messages, load))
}

/// Inbox, effect and outbox.
pub(super) fn consume_and_publish<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let consumer = ours(ground, BILLING);
    timed(load, |messages| all(Arc::clone(&consumer), messages, load))
}

/// Inbox, effect and outbox, many messages in each transaction.
pub(super) fn consume_in_batches<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let consumer = ours(ground, BILLING);
    timed(load, |messages| {
        let consumer = Arc::clone(&consumer);
        async move {
            let batches: Vec<Vec<Message>> =
                messages.chunks(BATCH).map(<[Message]>::to_vec).collect();
            side_by_side(batches, load.in_flight, |batch| {
                let consumer = Arc::clone(&consumer);
                async move {
                    let deliveries = batch.into_iter().map(Delivery::from).collect();
                    let settlements = consumer.process_batch(deliveries).await;
                    settlements.into_iter().try_for_each(is_handled)
                }
            })
            .await
        }
    })
}

/// Inbox, effect and outbox, and then everything is relayed.
pub(super) fn consume_and_relay<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let consumer = ours(ground, BILLING);
    timed(load, |messages| {
        let consumer = Arc::clone(&consumer);
        async move {
            let count = messages.len();
            all(consumer, messages, load).await?;
            relay_all(ground, count).await
        }
    })
}

/// Check, process, insert.
pub(super) fn naive<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    let naive = Arc::new(Naive {
        kind: Kind::CheckFirst,
        consumer: MAIL,
        ground: ground.clone(),
        publisher: Nowhere,
        reach: |_| {},
        pause: std::time::Duration::ZERO,
    });
    timed(load, |messages| all(Arc::clone(&naive), messages, load))
}

/// Four transactions.
pub(super) fn four_transactions<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    timed(load, |messages| {
        side_by_side(messages, load.in_flight, |message| {
            let ground = ground.clone();
            async move { ground.four_transactions(&message).await }
        })
    })
}

/// What an outbox holds is relayed in batches.
pub(super) fn relay<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    relayed(ground, load, &relay_all)
}

/// The same, with a transaction for each row.
pub(super) fn relay_by_row<G: Course>(ground: &G, load: Load) -> Result<Rate> {
    relayed(ground, load, &async |ground: &G, count| {
        for _ in 0..count {
            ground.relay_one(&Nowhere).await?;
        }
        Ok(())
    })
}

fn relayed<G: Course>(
    ground: &G,
    load: Load,
    relay: &impl AsyncFn(&G, usize) -> Result<()>,
) -> Result<Rate> {
    block_on(async {
        let consumer = ours(ground, BILLING);
        let messages = orders(0..WARM_UP + load.messages);
        all(
            consumer,
            messages,
            Load {
                in_flight: 16,
                ..load
            },
        )
        .await?;
        relay(ground, WARM_UP).await?;
        let watch = Watch::start();
        relay(ground, load.messages).await?;
        Ok(Rate(load.messages as f64 / watch.elapsed().as_secs_f64()))
    })
}

async fn relay_all<G: Course>(ground: &G, count: usize) -> Result<()> {
    let relay = Relay::new(
        ground.store().clone(),
        Nowhere,
        outbox::Config {
            batch_max: 100,
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
pub(super) struct Nowhere;

impl Publisher for Nowhere {
    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}
