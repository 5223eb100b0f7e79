//! F11: one attempt in twenty fails, and the messages of each key keep their order nevertheless.

use std::{collections::VecDeque, marker::PhantomData, sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Done, Handler, HandlerError, Order, Rejection, Settlement},
};
use dovetail_resilience::{Chance, Clock, Instant};
use tokio::task::JoinSet;

use super::Size;
use crate::{
    child::block_on,
    common::one_in,
    ground::{Ground, Home, Open},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, config, effect_of, ids, number_of, order, tally},
};

const WORKERS: usize = 16;
/// How long one run may take.
const TIME_MAX: Duration = Duration::from_secs(900);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let (keys, length) = size.of((1_000, 100), (64, 10));
    // A short run beside other programs says little of one wait in a hundred.
    let least = Duration::from_millis(size.of(1, 100));
    let before = block_on(handle_all::<G>(keys, length, false, true))?;
    let own = block_on(handle_all::<G>(keys, length, true, true))?;
    let after = block_on(handle_all::<G>(keys, length, false, true))?;
    let control = block_on(handle_all::<G>(keys.min(100), length, true, false))?;
    let clean = before.p99.max(after.p99);
    let mut broken = Vec::new();
    for run in [&before, &own, &after] {
        broken.extend(run.left.clone());
        if run.samples == 0 {
            broken.push("no message of a key that never fails was handled at once".to_owned());
        }
    }
    if own.p99 > (clean * 2).max(least) {
        broken.push(format!(
            "p99 of keys that never failed was {:?}, and {clean:?} where nothing failed",
            own.p99
        ));
    }
    let mut tally = own.tally;
    tally += before.tally;
    tally += after.tally;
    Ok(Said {
        size: format!(
            "{keys} keys × {length} messages, 5 % of the attempts fail: p99 of keys that never fail {:.1} ms, and {:.1} ms where nothing fails",
            own.p99.as_secs_f64() * 1_000.0,
            clean.as_secs_f64() * 1_000.0
        ),
        tally,
        broken,
        control: Control::new("what fails goes to the end of the queue", control.tally),
    })
}

/// What came of one run.
struct Run {
    tally: Tally,
    /// From the delivery to the commit, of messages whose key never fails.
    p99: Duration,
    samples: usize,
    left: Option<String>,
}

async fn handle_all<G: Ground>(
    keys: usize,
    length: usize,
    fails: bool,
    parks: bool,
) -> Result<Run> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let handler = Flaky {
        chance: Chance::seeded(11),
        fails,
        ground: PhantomData::<fn(G)>,
    };
    let config = Config {
        order: parks.then(Order::default),
        ..config()
    };
    let clock = Clock::system();
    let end = clock.now() + TIME_MAX;
    let consumer = Arc::new(Consumer::new(
        BILLING,
        ground.store().clone(),
        handler,
        config,
        clock,
        Chance::seeded(1),
    ));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        // The transport hands the messages of a key to one worker at a time.
        let own = (0..keys * length).filter(|number| number % keys % WORKERS == worker);
        let queue: VecDeque<usize> = own.collect();
        workers.spawn(work(Arc::clone(&consumer), queue, keys, end));
    }
    let mut waits = Vec::new();
    let mut left = None;
    loop {
        while let Some(worker) = workers.try_join_next() {
            waits.extend(worker?);
        }
        let drained = consumer.drain(100).await?;
        let parked = ground.parked().await?;
        if workers.is_empty() && parked == 0 {
            break;
        }
        if clock.now() >= end {
            let busy = workers.len();
            left = Some(format!(
                "{parked} messages are parked and {busy} workers busy after {TIME_MAX:?}"
            ));
            break;
        }
        if drained.handled == 0 {
            clock.sleep(Duration::from_millis(2)).await;
        }
    }
    let effects = ground.effects().await?;
    waits.sort_unstable();
    let place = waits.len().saturating_sub(1 + waits.len() / 100);
    Ok(Run {
        tally: tally(BILLING, &ids(keys * length), &effects),
        p99: waits.get(place).copied().unwrap_or_default(),
        samples: waits.len(),
        left,
    })
}

/// Delivers each message until it is acknowledged. Returns how long those took that were handled at once, of keys that never fail.
async fn work<G: Ground>(
    consumer: Arc<Consumer<G::Store, Flaky<G>>>,
    mut queue: VecDeque<usize>,
    keys: usize,
    end: Instant,
) -> Vec<Duration> {
    let clock = Clock::system();
    let mut waits = Vec::new();
    while let Some(number) = queue.pop_front() {
        let delivered = clock.now();
        match consumer.process(order(number, keys)).await {
            Settlement::Ack(Done::Handled) if !can_fail(number % keys) => {
                waits.push(clock.now().saturating_duration_since(delivered));
            }
            Settlement::Ack(_) => {}
            _ if clock.now() >= end => break,
            _ => queue.push_back(number),
        }
    }
    waits
}

/// Every other key never fails; of the others one attempt in ten does.
const fn can_fail(key: usize) -> bool {
    (key / WORKERS) % 2 == 1
}

#[derive(Debug)]
struct Flaky<G> {
    chance: Chance,
    fails: bool,
    ground: PhantomData<fn(G)>,
}

impl<G: Ground> Handler<Open<G>> for Flaky<G> {
    type Event = i64;

    fn decode(&self, message: &Message) -> Result<i64, Rejection> {
        number_of(message)
    }

    async fn handle(
        &self,
        transaction: &mut Open<G>,
        number: i64,
        message: &Message,
    ) -> Result<(), HandlerError> {
        G::write(transaction, effect_of(BILLING, message, number)).await?;
        let key = message.key.as_deref().unwrap_or_default();
        let key = key.trim_start_matches("k-").parse().unwrap_or_default();
        if self.fails && can_fail(key) && one_in(&self.chance, 10) {
            return Err(HandlerError::Message("not now".to_owned()));
        }
        Ok(())
    }
}
