//! F5: the handler takes three times as long as the broker waits for an acknowledgement, so that everything is under way twice.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Consumer, Handler, HandlerError, Pace, Process, Rejection, run as consume},
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
    let count = size.of(200, 24);
    let visibility = Duration::from_millis(size.of(20, 15));
    let own = block_on(race::<G>(count, visibility, false))?;
    let naive = block_on(race::<G>(count, visibility, true))?;
    Ok(Said {
        size: format!(
            "{count} messages, each handled for {:?} and delivered again after {visibility:?}",
            visibility * 3
        ),
        tally: own,
        broken: Vec::new(),
        control: Control::new("check, process, insert", naive),
    })
}

async fn race<G: Ground>(count: usize, visibility: Duration, is_naive: bool) -> Result<Tally> {
    let clock = Clock::system();
    let setting = Setting::<G>::open(visibility, clock).await?;
    for number in 0..count {
        setting.broker.publish(&order(number, KEYS)).await?;
    }
    let ground = &setting.ground;
    if is_naive {
        let naive = Arc::new(Naive {
            kind: Kind::CheckFirst,
            consumer: BILLING,
            ground: ground.clone(),
            publisher: Nowhere,
            reach: |_| {},
            pause: visibility * 3,
        });
        twice(&setting.broker, naive, clock).await?;
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
        twice(&setting.broker, Arc::new(consumer), clock).await?;
    }
    let effects = ground.effects().await?;
    Ok(tally(BILLING, &ids(count), &effects))
}

/// Two loops on one subscription, until nothing is left.
async fn twice<P: Process>(broker: &Embedded, process: Arc<P>, clock: Clock) -> Result<()> {
    let orders = subscription(ORDERS, BILLING);
    let pace = Pace {
        // Room for a second delivery of what is under way.
        concurrency: 16,
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
    Ok(())
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
