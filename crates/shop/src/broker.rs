//! What carries the messages of the shop, and how it is made to misbehave.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use dovetail_messaging::consumer::Pace;
use dovetail_messaging::outbox::{PublishError, Publisher};
use dovetail_messaging::service::{Options, Runner};
use dovetail_messaging::store::StoreError;
use dovetail_messaging::store::sqlite::Sqlite;
use dovetail_messaging::transport::embedded::{Embedded, Receipt};
use dovetail_messaging::transport::{Channel, Received, Subscription, Transport};
use dovetail_messaging::{Chance, Clock, Message};

/// For how long a message is one consumer's: longer than a handler may take.
const VISIBILITY: Duration = Duration::from_secs(30);
/// How often to look at a file that other processes write, too.
const LOOK: Duration = Duration::from_millis(100);

/// The broker of the shop.
#[derive(Debug, Clone)]
pub struct Broker {
    embedded: Embedded,
    doubles: bool,
}

impl Broker {
    /// The embedded broker, in a file that all services share.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn embedded(file: &Path) -> Result<Self> {
        let store = crate::store(Some(file))?;
        Ok(Self {
            embedded: Embedded::new(store, VISIBILITY, Clock::system()),
            doubles: false,
        })
    }

    /// The same, delivering every message twice or not, as a broker does that lost an acknowledgement.
    #[must_use]
    pub fn with_doubles(self, doubles: bool) -> Self {
        Self { doubles, ..self }
    }

    /// How many messages a group has yet to acknowledge.
    ///
    /// # Errors
    ///
    /// Where the broker cannot say.
    pub async fn backlog(&self, subscription: &Subscription) -> Result<u64, StoreError> {
        self.embedded.backlog(subscription).await
    }
}

impl Publisher for Broker {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.embedded.publish(message).await?;
        if self.doubles {
            self.embedded.publish(message).await?;
        }
        Ok(())
    }
}

impl Transport for Broker {
    type Receipt = Receipt;

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        self.embedded.declare(channel).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.embedded.subscribe(subscription).await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        self.embedded.receive(subscription, limit, wait).await
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.embedded.acknowledge(receipt).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        self.embedded.give_back(receipt, after).await
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        Transport::backlog(&self.embedded, subscription).await
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
