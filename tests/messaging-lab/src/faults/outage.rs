//! F4: the database goes away while messages keep coming.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    consumer::{Delivery, Done, Pace, Process, Settlement, run as consume},
    dead_letter::Filter,
    outbox::Publisher as _,
    store::DeadLetters as _,
    transport::embedded::Embedded,
};
use dovetail_resilience::Clock;
use tokio::sync::oneshot;

use super::{
    Size,
    setting::{Setting, until_empty},
    slow::Nowhere,
};
use crate::{
    child::block_on,
    common::Watch,
    ground::Ground,
    naive::{Kind, Naive},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, ORDERS, consumer, ids, order, subscription, tally},
};

/// Messages for each second.
const RATE: u64 = 500;
/// How long it may take until everything that waited is handled, on top of a second for each second of the outage.
const CATCH_UP: Duration = Duration::from_secs(5);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let outage = Duration::from_secs(size.of(30, 1));
    let (own, broken) = block_on(outlive::<G>(outage, false))?;
    let (control, _) = block_on(outlive::<G>(Duration::from_secs(1), true))?;
    Ok(Said {
        size: format!("the database is away for {outage:?}, at {RATE} messages/s"),
        tally: own,
        broken,
        control: Control::new("check, process, insert, and give up what fails", control),
    })
}

async fn outlive<G: Ground>(outage: Duration, is_naive: bool) -> Result<(Tally, Vec<String>)> {
    let clock = Clock::system();
    let setting = Setting::<G>::open(Duration::from_secs(60), clock).await?;
    let (ground, broker) = (&setting.ground, &setting.broker);
    // What the service has open waits for a moment only, so that an outage is an error and no pause.
    let service = G::open_impatient(setting.folder.path()).await?;
    let count = usize::try_from(RATE * (outage.as_secs() + 1))?;
    let (told, all_published) = oneshot::channel();
    let publish = async {
        for number in 0..count {
            broker.publish(&order(number, 50)).await?;
            clock.sleep(Duration::from_micros(1_000_000 / RATE)).await;
        }
        let _ = told.send(());
        anyhow::Ok(())
    };
    let fail = async {
        clock.sleep(Duration::from_millis(300)).await;
        service.hold(outage).await?;
        anyhow::Ok(())
    };
    let work = async {
        let naive = Naive {
            kind: Kind::CheckFirst,
            consumer: BILLING,
            ground: service.clone(),
            publisher: Nowhere,
            reach: |_| {},
            pause: Duration::ZERO,
        };
        let stop = async {
            // Nothing is empty before everything came.
            let _ = all_published.await;
            until_empty(broker, subscription(ORDERS, BILLING), clock).await;
        };
        if is_naive {
            serve(broker, Arc::new(GivesUp(naive)), clock, stop).await;
        } else {
            let own = Arc::new(consumer(BILLING, &service, clock));
            serve(broker, own, clock, stop).await;
        }
    };
    let watch = Watch::start();
    let (published, failed, ()) = tokio::join!(publish, fail, work);
    published?;
    failed?;
    let mut broken = Vec::new();
    let took = watch.elapsed();
    if took > outage * 2 + Duration::from_secs(1) + CATCH_UP {
        broken.push(format!("it took {took:?} until everything was handled"));
    }
    let dead = ground.store().tally(Filter::default()).await?.count;
    if dead > 0 {
        broken.push(format!("{dead} healthy messages became dead letters"));
    }
    let effects = ground.effects().await?;
    Ok((tally(BILLING, &ids(count), &effects), broken))
}

/// Acknowledges a message whatever became of it.
#[derive(Debug)]
struct GivesUp<G>(Naive<G, Nowhere>);

impl<G: Ground> Process for GivesUp<G> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        self.0.process(delivery).await;
        Settlement::Ack(Done::Handled)
    }

    async fn tend(&self) -> bool {
        false
    }
}

async fn serve<P: Process>(
    broker: &Embedded,
    process: Arc<P>,
    clock: Clock,
    stop: impl Future<Output = ()>,
) {
    let pace = Pace {
        concurrency: 16,
        batch: 1,
        wait: Duration::from_millis(50),
        ..Pace::default()
    };
    let orders = subscription(ORDERS, BILLING);
    consume(broker.clone(), orders, process, pace, clock, stop).await;
}
