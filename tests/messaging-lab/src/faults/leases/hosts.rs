//! Two hosts whose clocks disagree, and a handler that takes longer than its lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use dovetail_messaging::{
    Message,
    consumer::{Done, Handler, HandlerError, Held, LeaseConsumer, Rejection, Settlement},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use super::published;
use crate::{
    common::start,
    ground::{Ground, Home},
    tally::Tally,
    work::{BILLING, charge, config, ids, number_of, order, tally},
};

const LENGTH: Duration = Duration::from_millis(120);
const SKEW: Duration = Duration::from_secs(600);
/// How long one message may be on its way.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Messages under way at once.
const ABREAST: usize = 8;

/// What came of messages that both hosts had.
pub(super) struct Hosts {
    pub(super) tally: Tally,
    pub(super) messages: usize,
    pub(super) attempts: u64,
    pub(super) broken: Vec<String>,
}

pub(super) async fn run<G: Ground>(count: usize) -> Result<Hosts> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let attempts = Arc::<AtomicU64>::default();
    let mut hosts = JoinSet::new();
    for skew in [Duration::ZERO, SKEW] {
        let handler = Slow {
            attempts: Arc::clone(&attempts),
        };
        let consumer = Arc::new(LeaseConsumer::new(
            BILLING,
            ground.store().clone(),
            handler,
            config(),
            LENGTH,
            Clock::pinned_at(start() + skew),
            Chance::seeded(1),
        ));
        for lane in 0..ABREAST {
            let consumer = Arc::clone(&consumer);
            hosts.spawn(async move {
                let mut handled = 0;
                for number in (lane..count).step_by(ABREAST) {
                    handled += u64::from(deliver(&consumer, number).await?);
                }
                anyhow::Ok(handled)
            });
        }
    }
    let mut handled = 0;
    let mut broken = Vec::new();
    while let Some(host) = hosts.join_next().await {
        match host? {
            Ok(count) => handled += count,
            Err(error) => broken.push(format!("{error:#}")),
        }
    }
    if handled != count as u64 {
        broken.push(format!(
            "{handled} deliveries of {count} messages were taken for the one that handled it"
        ));
    }
    let outbox = published(&ground.outbox().await?);
    Ok(Hosts {
        tally: tally("outbox", &ids(count), &outbox).without_order(),
        messages: count,
        attempts: attempts.load(Ordering::SeqCst),
        broken,
    })
}

/// Delivers a message until it is acknowledged. `true`: this host handled it.
async fn deliver<S, H>(consumer: &LeaseConsumer<S, H>, number: usize) -> Result<bool>
where
    S: dovetail_messaging::store::Leases,
    H: Handler<Held>,
{
    let clock = Clock::system();
    let end = clock.now() + TIME_MAX;
    loop {
        match consumer.process(order(number, 1)).await {
            Settlement::Ack(Done::Handled) => return Ok(true),
            Settlement::Ack(Done::Duplicate) => return Ok(false),
            Settlement::Ack(done) => anyhow::bail!("message {number} became {done:?}"),
            Settlement::Retry { .. } | Settlement::Pause { .. } => {
                ensure!(
                    clock.now() < end,
                    "message {number} is not handled in {TIME_MAX:?}"
                );
                clock.sleep(LENGTH / 4).await;
            }
        }
    }
}

/// Takes three times as long as its lease.
#[derive(Debug)]
struct Slow {
    attempts: Arc<AtomicU64>,
}

impl Handler<Held> for Slow {
    type Event = i64;

    fn decode(&self, message: &Message) -> Result<i64, Rejection> {
        number_of(message)
    }

    async fn handle(&self, held: &mut Held, _: i64, message: &Message) -> Result<(), HandlerError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        Clock::system().sleep(LENGTH * 3).await;
        held.publish(charge(message))?;
        Ok(())
    }
}
