//! The processes of the simulated system: both consumers and the relay, on the stepped store and the simulated broker.

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Order, Pace, Process, Rejection, run},
    outbox::{self, Relay},
    store::Transaction as _,
};
use dovetail_resilience::{Chance, Clock, backoff};

use super::{
    broker::Client,
    life::Life,
    naive::Naive,
    store::{Stepped, SteppedTransaction},
};
use crate::{
    common::below,
    work::{BILLING, CHARGES, MAIL, ORDERS, charge, effect_of, number_of, subscription},
};

/// How the processes of a history are set up, which chance decides once for all of them.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// Orders that nobody can charge.
    pub(super) fatal: Arc<BTreeSet<String>>,
    /// Whether failed messages wait in the store, instead of at the broker.
    pub(super) parks: bool,
    pub(super) concurrency: u32,
    /// Messages that one transaction takes.
    pub(super) batch: u32,
    pub(super) batch_max: u32,
    pub(super) is_naive: bool,
}

/// Does what it should, in between failing, taking its time and panicking.
#[derive(Debug)]
struct Moody {
    consumer: &'static str,
    life: Life,
    setup: Setup,
}

impl Handler<SteppedTransaction> for Moody {
    type Event = i64;

    fn decode(&self, message: &Message) -> Result<i64, Rejection> {
        number_of(message)
    }

    async fn handle(
        &self,
        transaction: &mut SteppedTransaction,
        number: i64,
        message: &Message,
    ) -> Result<(), HandlerError> {
        let history = &self.life.history;
        transaction
            .write(effect_of(self.consumer, message, number))
            .await?;
        if self.consumer == BILLING {
            transaction.publish(charge(message))?;
        }
        let id = message.id.as_deref().unwrap_or_default();
        if self.consumer == BILLING && self.setup.fatal.contains(id) {
            return Err(HandlerError::Fatal("no such account".to_owned()));
        }
        if history.unlucky(12) {
            self.life.step("the handler fails").await;
            return Err(HandlerError::Message("not now".to_owned()));
        }
        if history.unlucky(25) {
            self.life.step("the handler takes its time").await;
            let wait = Duration::from_secs(3 + below(&history.chance, 6));
            history.clock.sleep(wait).await;
        }
        if history.unlucky(60) {
            self.life.step("the handler panics").await;
            // Without the hook, which would print it.
            std::panic::resume_unwind(Box::new("at the handler"));
        }
        Ok(())
    }
}

fn config(setup: &Setup) -> Config {
    let waits = backoff::Config {
        base: Duration::from_millis(100),
        throttled_base: Duration::from_millis(100),
        max: Duration::from_secs(2),
    };
    Config {
        attempts_max: 100,
        deadline: Duration::from_secs(6),
        backoff: waits,
        pause: waits,
        order: setup.parks.then(Order::default),
        ..Config::default()
    }
}

/// Runs a process until it dies. Its clock may be wrong.
pub(super) async fn live(store: Stepped, broker: Client, life: Life, setup: Setup, clock: Clock) {
    let end = life.end();
    let consume = async {
        if setup.is_naive {
            let naive =
                |consumer| Arc::new(Naive::new(consumer, store.clone(), broker.clone(), &life));
            both(&broker, [naive(BILLING), naive(MAIL)], &setup, clock).await;
        } else {
            let chance = Chance::seeded(life.history.chance.bits());
            let moody = |name| {
                let handler = Moody {
                    consumer: name,
                    life: life.clone(),
                    setup: setup.clone(),
                };
                let (store, config) = (store.clone(), config(&setup));
                Arc::new(Consumer::new(
                    name,
                    store,
                    handler,
                    config,
                    clock,
                    chance.clone(),
                ))
            };
            both(&broker, [moody(BILLING), moody(MAIL)], &setup, clock).await;
        }
    };
    let relay = Relay::new(
        store.clone(),
        broker.clone(),
        outbox::Config {
            batch_max: setup.batch_max,
            hold: Duration::from_secs(5),
            ..outbox::Config::default()
        },
        clock,
        Chance::seeded(life.history.chance.bits()),
    );
    tokio::select! {
        biased;
        () = end => {}
        () = consume => {}
        () = relay.run(pending()) => {}
    }
}

async fn both<P: Process>(
    broker: &Client,
    [billing, mail]: [Arc<P>; 2],
    setup: &Setup,
    clock: Clock,
) {
    let pace = Pace {
        concurrency: setup.concurrency,
        batch: setup.batch,
        wait: Duration::from_secs(1),
        ..Pace::default()
    };
    let orders = subscription(ORDERS, BILLING);
    let charges = subscription(CHARGES, MAIL);
    tokio::join!(
        run(broker.clone(), orders, billing, pace, clock, pending()),
        run(broker.clone(), charges, mail, pace, clock, pending()),
    );
}
