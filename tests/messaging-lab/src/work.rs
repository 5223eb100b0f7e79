//! The work of the service that is tried: orders come in, each is charged once, and each charge is told to whoever sends mail.

use std::{collections::BTreeSet, marker::PhantomData, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Handler, HandlerError, Order, Rejection},
    store::{Store, Transaction},
    transport::Subscription,
};
use dovetail_resilience::{Chance, Clock};

use crate::{
    common::steady,
    ground::{Ground, Open},
    tally::{Effect, Tally},
};

/// Where orders come from, and who charges for them.
pub(crate) const ORDERS: &str = "orders";
pub(crate) const BILLING: &str = "billing/orders/charge";
/// Where charges go, and who tells of them.
pub(crate) const CHARGES: &str = "charges";
pub(crate) const MAIL: &str = "mail/charges/tell";

/// The order with that number, of that many keys.
pub(crate) fn order(number: usize, keys: usize) -> Message {
    Message::new(ORDERS, "shop", format!("m-{number}"), number.to_string())
        .with_key(format!("k-{}", number % keys.max(1)))
        .with_kind("order.created")
}

/// What orders and their charges are called, which is the same: a charge has the id of its order and another source.
pub(crate) fn ids(count: usize) -> BTreeSet<String> {
    (0..count).map(|number| format!("m-{number}")).collect()
}

pub(crate) fn subscription(channel: &str, group: &str) -> Subscription {
    Subscription {
        channel: channel.to_owned(),
        group: group.to_owned(),
    }
}

/// The charge for an order.
pub(crate) fn charge(message: &Message) -> Message {
    Message {
        channel: CHARGES.to_owned(),
        source: Some("billing".to_owned()),
        kind: Some("order.charged".to_owned()),
        ..message.clone()
    }
}

/// The effect of a message.
pub(crate) fn effect_of(consumer: &str, message: &Message, sequence: i64) -> Effect {
    Effect {
        consumer: consumer.to_owned(),
        id: message.id.clone().unwrap_or_default(),
        key: message.key.clone().unwrap_or_default(),
        sequence,
    }
}

/// Reads the number of an order.
pub(crate) fn number_of(message: &Message) -> Result<i64, Rejection> {
    let text = std::str::from_utf8(&message.body).map_err(Rejection::decode)?;
    text.parse().map_err(Rejection::contract)
}

/// Tells the tally of one consumer.
pub(crate) fn tally(consumer: &str, expected: &BTreeSet<String>, effects: &[Effect]) -> Tally {
    let own = effects.iter().filter(|effect| effect.consumer == consumer);
    Tally::of(expected, &own.cloned().collect::<Vec<_>>())
}

/// Writes the effect of each message, and publishes the charge where there is one.
#[derive(Debug)]
pub(crate) struct Ledger<G> {
    consumer: &'static str,
    ground: PhantomData<fn(G)>,
}

impl<G: Ground> Handler<Open<G>> for Ledger<G> {
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
        G::write(transaction, effect_of(self.consumer, message, number)).await?;
        if self.consumer == BILLING {
            transaction.publish(charge(message))?;
        }
        Ok(())
    }
}

/// Retries soon, so that what waits is not the time between attempts.
pub(crate) fn config() -> Config {
    Config {
        attempts_max: 50,
        backoff: steady(Duration::from_millis(5)),
        pause: steady(Duration::from_millis(5)),
        order: Some(Order::default()),
        ..Config::default()
    }
}

/// A consumer of that name.
pub(crate) fn consumer<G: Ground>(
    name: &'static str,
    ground: &G,
    clock: Clock,
) -> Consumer<G::Store, Ledger<G>> {
    consumer_on::<G>(name, ground.store().clone(), clock, config())
}

pub(crate) fn consumer_on<G: Ground>(
    name: &'static str,
    store: G::Store,
    clock: Clock,
    config: Config,
) -> Consumer<G::Store, Ledger<G>>
where
    G::Store: Store,
{
    let handler = Ledger {
        consumer: name,
        ground: PhantomData,
    };
    Consumer::new(name, store, handler, config, clock, Chance::seeded(1))
}
