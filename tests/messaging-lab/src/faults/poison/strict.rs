//! A transport that cannot read everything, a handler that takes little, and a consumer that drops what fails.

use std::{marker::PhantomData, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Delivery, Done, Handler, HandlerError, Process, Rejection, Settlement},
    outbox::{PublishError, Publisher},
    store::StoreError,
    transport::{
        Channel, Received, Subscription, Transport,
        embedded::{Embedded, Receipt},
    },
};

use crate::{
    ground::{Ground, Open},
    work::{BILLING, effect_of, number_of},
};

/// The longest body that the service takes.
pub(super) const BYTES_MAX: usize = 64 << 10;
/// How a message begins whose envelope cannot be read.
pub(super) const PROBLEM: &str = "no envelope: ";

/// The embedded broker, with messages of others in it.
#[derive(Debug, Clone)]
pub(super) struct Warped(pub(super) Embedded);

impl Publisher for Warped {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.0.publish(message).await
    }
}

impl Transport for Warped {
    type Receipt = Receipt;

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        self.0.declare(channel).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.0.subscribe(subscription).await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let mut received = self.0.receive(subscription, limit, wait).await?;
        for one in &mut received {
            let message = &mut one.delivery.message;
            if message.body.starts_with(PROBLEM.as_bytes()) {
                (message.source, message.id, message.kind) = (None, None, None);
                one.delivery.problem = Some("it is no event".to_owned());
            }
        }
        Ok(received)
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.0.acknowledge(receipt).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        self.0.give_back(receipt, after).await
    }
}

/// Takes numbers, and panics where it is asked to.
#[derive(Debug)]
pub(super) struct Strict<G>(PhantomData<fn(G)>);

impl<G> Default for Strict<G> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// What a message says; `None` asks for a panic.
fn decode(message: &Message) -> Result<Option<i64>, Rejection> {
    if message.body.len() > BYTES_MAX {
        return Err(Rejection::contract("it is too large"));
    }
    if &message.body[..] == b"panic" {
        return Ok(None);
    }
    number_of(message).map(Some)
}

impl<G: Ground> Handler<Open<G>> for Strict<G> {
    type Event = Option<i64>;

    fn decode(&self, message: &Message) -> Result<Option<i64>, Rejection> {
        decode(message)
    }

    async fn handle(
        &self,
        transaction: &mut Open<G>,
        number: Option<i64>,
        message: &Message,
    ) -> Result<(), HandlerError> {
        let effect = effect_of(BILLING, message, number.unwrap_or_default());
        G::write(transaction, effect).await?;
        if number.is_none() {
            // Without the hook, which would print it.
            std::panic::resume_unwind(Box::new("at the handler"));
        }
        Ok(())
    }
}

/// Acknowledges what it cannot handle, and thinks no more of it.
#[derive(Debug)]
pub(super) struct Drops<G>(G);

impl<G> Drops<G> {
    pub(super) const fn new(ground: G) -> Self {
        Self(ground)
    }
}

impl<G: Ground> Process for Drops<G> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        let message = delivery.message;
        if let (None, Ok(Some(number))) = (delivery.problem, decode(&message)) {
            let effect = effect_of(BILLING, &message, number);
            let _ = self.0.write_alone(effect).await;
        }
        Settlement::Ack(Done::Handled)
    }

    async fn tend(&self) -> bool {
        false
    }
}
