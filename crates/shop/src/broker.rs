//! What carries the messages of the shop, and how it is made to misbehave.

mod address;
mod carrier;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use dovetail_messaging::consumer::Pace;
use dovetail_messaging::outbox::{PublishError, Publisher};
use dovetail_messaging::service::{Options, Runner};
use dovetail_messaging::store::StoreError;
use dovetail_messaging::store::sqlite::Sqlite;
use dovetail_messaging::transport::{Channel, Laws, Received, Subscription, Transport};
use dovetail_messaging::{Chance, Clock, Message};

use self::carrier::{Carrier, Slip};

/// For how long a message is one consumer's: longer than a handler may take.
const VISIBILITY: Duration = Duration::from_secs(30);
/// How often to look at a file that other processes write, too.
const LOOK: Duration = Duration::from_millis(100);

/// The broker of the shop.
#[derive(Debug, Clone)]
pub struct Broker {
    carrier: Arc<dyn Carrier>,
    /// What was acknowledged in vain so far, if acknowledgements are to be lost.
    in_vain: Option<Arc<Mutex<HashSet<String>>>>,
}

/// What a delivery is acknowledged by.
#[derive(Debug, Clone)]
pub struct Receipt {
    slip: Slip,
    /// Whose delivery it is, and of what.
    delivery: String,
}

impl Broker {
    fn of(carrier: Arc<dyn Carrier>) -> Self {
        Self {
            carrier,
            in_vain: None,
        }
    }

    /// The same, delivering every message twice or not: the first acknowledgement of each is lost.
    #[must_use]
    pub fn with_doubles(self, doubles: bool) -> Self {
        Self {
            in_vain: doubles.then(Arc::default),
            ..self
        }
    }

    /// Whether this acknowledgement is lost.
    fn loses(&self, receipt: &Receipt) -> bool {
        self.in_vain.as_ref().is_some_and(|in_vain| {
            let mut in_vain = in_vain.lock().unwrap_or_else(PoisonError::into_inner);
            in_vain.insert(receipt.delivery.clone())
        })
    }
}

impl Publisher for Broker {
    fn system(&self) -> &'static str {
        self.carrier.system()
    }

    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.carrier.publish(message).await
    }
}

impl Transport for Broker {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        self.carrier.laws()
    }

    fn mixes_partitions(&self) -> bool {
        self.carrier.mixes_partitions()
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        self.carrier.declare(channel).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.carrier.subscribe(subscription).await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let received = self.carrier.receive(subscription, limit, wait).await?;
        let received = received.into_iter().map(|one| {
            let message = &one.delivery.message;
            let (source, id) = message.identity().unwrap_or_default();
            let delivery = format!("{} {source} {id}", subscription.group);
            Received {
                receipt: Receipt {
                    slip: one.receipt,
                    delivery,
                },
                delivery: one.delivery,
                deliveries: one.deliveries,
            }
        });
        Ok(received.collect())
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        if self.loses(receipt) {
            // Nobody notices until the message is there again.
            return self.carrier.give_back(&receipt.slip, Duration::ZERO).await;
        }
        self.carrier.acknowledge(&receipt.slip).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        self.carrier.give_back(&receipt.slip, after).await
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        self.carrier.backlog(subscription).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.carrier.close().await
    }
}

/// What a service does with messages: its consumers, or the relay of its outbox alone.
pub trait Messages: Send + 'static {
    /// Sees to it that nothing that is published from now on is missed.
    fn prepare(&self) -> impl Future<Output = Result<()>> + Send;

    /// Works until `stop` resolves.
    fn run(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = Result<()>> + Send + 'static;
}

macro_rules! messages {
    ($($what:ty),+) => {$(
        impl Messages for $what {
            async fn prepare(&self) -> Result<()> {
                Ok(<$what>::prepare(self).await?)
            }

            async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
                Ok(<$what>::run(self, stop).await?)
            }
        }
    )+};
}

messages!(
    Runner<Sqlite, Broker>,
    orders_consumers::Consumers<Sqlite, Broker>,
    invoicing_consumers::Consumers<Sqlite, Broker>
);

/// How the services of the shop run.
#[must_use]
pub(crate) fn options() -> Options {
    Options {
        pace: Pace {
            wait: LOOK,
            ..Pace::default()
        },
        ..Options::default()
    }
}

/// Time and chance, as this machine has them.
pub(crate) fn world() -> (Clock, Chance) {
    (Clock::system(), Chance::from_entropy())
}
