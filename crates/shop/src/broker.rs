//! What carries the messages of the shop, and how it is made to misbehave.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use dovetail_messaging::Clock;
use dovetail_messaging::Message;
use dovetail_messaging::consumer::Pace;
use dovetail_messaging::outbox::{PublishError, Publisher};
use dovetail_messaging::service::Options;
use dovetail_messaging::store::StoreError;
use dovetail_messaging::transport::embedded::Embedded;
use dovetail_messaging::transport::{Channel, Received, Subscription, Transport};

/// For how long a message is one consumer's: longer than a handler may take.
const VISIBILITY: Duration = Duration::from_secs(30);
/// How often to look at a file that other processes write, too.
const LOOK: Duration = Duration::from_millis(100);

/// The embedded broker in a file that all services share.
///
/// # Errors
///
/// Where the file cannot be opened.
pub fn embedded(file: &Path) -> Result<Embedded> {
    let store = crate::store(Some(file))?;
    Ok(Embedded::new(store, VISIBILITY, Clock::system()))
}

/// How the services of the shop run.
#[must_use]
pub fn options() -> Options {
    Options {
        pace: Pace {
            wait: LOOK,
            ..Pace::default()
        },
        ..Options::default()
    }
}

/// A broker that delivers every message twice, as one does that lost an acknowledgement.
#[derive(Debug, Clone)]
pub struct Twice<B>(pub B);

impl<B: Publisher> Publisher for Twice<B> {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.0.publish(message).await?;
        self.0.publish(message).await
    }
}

impl<B: Transport> Transport for Twice<B> {
    type Receipt = B::Receipt;

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
    ) -> Result<Vec<Received<B::Receipt>>, StoreError> {
        self.0.receive(subscription, limit, wait).await
    }

    async fn acknowledge(&self, receipt: &B::Receipt) -> Result<bool, StoreError> {
        self.0.acknowledge(receipt).await
    }

    async fn give_back(&self, receipt: &B::Receipt, after: Duration) -> Result<bool, StoreError> {
        self.0.give_back(receipt, after).await
    }
}
