//! F5: the handler takes three times as long as the broker waits for an acknowledgement, so that everything is under way twice.

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{
        Consumer, Delivery, Handler, HandlerError, Pace, Process, Rejection, Settlement,
        run as consume,
    },
    outbox::{PublishError, Publisher},
    store::Transaction as _,
    transport::embedded::Embedded,
};
use dovetail_resilience::{Chance, Clock};

use super::{
    Size,
    setting::{Setting, until_empty},
};
use crate::{
    child::block_on,
    ground::{Ground, Open},
    naive::{Kind, Naive},
    report::{Control, Said},
    tally::Tally,
    work::{
        BILLING, ORDERS, charge, config, effect_of, ids, number_of, order, subscription, tally,
    },
};

const KEYS: usize = 8;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(1_000, 24);
    let visibility = Duration::from_millis(size.of(20, 15));
    let (own, deliveries) = block_on(race::<G>(count, visibility, false))?;
    let (naive, _) = block_on(race::<G>(count.min(200), visibility, true))?;
    let mut broken = Vec::new();
    let once = deliveries.values().filter(|count| **count < 2).count();
    if deliveries.len() != count || once > 0 {
        broken.push(format!(
            "{} of {count} messages came, {once} of them once only",
            deliveries.len()
        ));
    }
    Ok(Said {
        size: format!(
            "{count} messages, each handled for {:?} and delivered again after {visibility:?}, {} deliveries",
            visibility * 3,
            deliveries.values().sum::<u32>()
        ),
        tally: own,
        broken,
        control: Control::new("check, process, insert", naive),
    })
}

/// How often each message came.
type Deliveries = BTreeMap<String, u32>;

async fn race<G: Ground>(
    count: usize,
    visibility: Duration,
    is_naive: bool,
) -> Result<(Tally, Deliveries)> {
    let clock = Clock::system();
    let setting = Setting::<G>::open(visibility, clock).await?;
    for number in 0..count {
        setting.broker.publish(&order(number, KEYS)).await?;
    }
    let ground = &setting.ground;
    let deliveries = if is_naive {
        let naive = Naive {
            kind: Kind::CheckFirst,
            consumer: BILLING,
            ground: ground.clone(),
            publisher: Nowhere,
            reach: |_| {},
            pause: visibility * 3,
        };
        twice(&setting.broker, naive, clock).await
    } else {
        let handler = Slow {
            wait: visibility * 3,
            clock,
            ground: PhantomData::<fn(G)>,
        };
        let consumer = Consumer::new(
            BILLING,
            ground.store().clone(),
            handler,
            config(),
            clock,
            Chance::seeded(1),
        );
        twice(&setting.broker, consumer, clock).await
    };
    let effects = ground.effects().await?;
    Ok((tally(BILLING, &ids(count), &effects), deliveries))
}

/// Two loops on one subscription, until nothing is left.
async fn twice<P: Process>(broker: &Embedded, process: P, clock: Clock) -> Deliveries {
    let process = Arc::new(Counted {
        process,
        deliveries: Mutex::default(),
    });
    let orders = subscription(ORDERS, BILLING);
    let pace = Pace {
        // Room for more deliveries of what is under way, however many.
        concurrency: 64,
        batch: 1,
        wait: Duration::from_millis(5),
        ..Pace::default()
    };
    let one = || {
        consume(
            broker.clone(),
            orders.clone(),
            Arc::clone(&process),
            pace,
            clock,
            until_empty(broker, orders.clone(), clock),
        )
    };
    tokio::join!(one(), one());
    let deliveries = process.deliveries.lock();
    deliveries.unwrap_or_else(PoisonError::into_inner).clone()
}

/// Counts what is delivered.
#[derive(Debug)]
struct Counted<P> {
    process: P,
    deliveries: Mutex<Deliveries>,
}

impl<P: Process> Process for Counted<P> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        {
            let id = delivery.message.id.clone().unwrap_or_default();
            let deliveries = self.deliveries.lock();
            let mut deliveries = deliveries.unwrap_or_else(PoisonError::into_inner);
            *deliveries.entry(id).or_default() += 1;
        }
        self.process.process(delivery).await
    }

    async fn tend(&self) -> bool {
        self.process.tend().await
    }
}

/// Writes its effect, and then takes its time.
#[derive(Debug)]
struct Slow<G> {
    wait: Duration,
    clock: Clock,
    ground: PhantomData<fn(G)>,
}

impl<G: Ground> Handler<Open<G>> for Slow<G> {
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
        transaction.publish(charge(message))?;
        self.clock.sleep(self.wait).await;
        Ok(())
    }
}

/// A broker that takes everything: what is relayed is another fault's.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Publisher for Nowhere {
    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Ok(())
    }
}
