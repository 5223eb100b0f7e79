//! NATS `JetStream`, as a transport. Any server from 2.9 on.
//!
//! A channel is a subject, and a stream that keeps it in a file: a topic keeps a message until each of its groups has acknowledged it (interest
//! retention), a queue until its one group has (work-queue retention). A group is a durable pull consumer. Messages are CloudEvents in binary
//! mode of the NATS binding, and carry a `Nats-Msg-Id` of their source and id.
//!
//! - **Keys.** `JetStream` has no order of keys: what is delivered again comes behind what was delivered meanwhile. Order is kept by
//!   [`Config::keeps_keys`], which lets a group have one delivery at a time, of whatever key (`MaxAckPending` 1). Without it, keys of a
//!   consumer with [`Order`](crate::consumer::Order) still keep their order across retries, because those are parked in the store; two
//!   deliveries of a key that are under way at once may overtake each other.
//! - **Time.** The server waits a quarter longer for an acknowledgement than the receipt is good for: it takes a late one for a good one, so
//!   none is ever sent. Where a group was subscribed with another time, that one holds, and receipts are good for four fifths of it.
//! - **Acknowledged.** The server confirms each acknowledgement. None is sent while there is no connection, because it would go out with the
//!   next one, when the message may be another receiver's.
//! - **Twice.** What is published twice within [`Config::duplicate_window`] is kept once. What is sent again to the consumer that it is a dead
//!   letter of ([`CONSUMER`](crate::replay::CONSUMER)) is kept each time; where its confirmation is lost it may come twice, and the inbox
//!   knows it. Anything else that is to be handled again must be published after the window, or under another id.
//! - **Settings.** Declaring a channel raises what it keeps, how long, and how often ([`Config::replicas`]) to what is declared, and lowers
//!   nothing, because others declare it too. A group that is there is used as it is; one that would break a law is refused.
//! - **Encrypted.** With `tls://` nothing goes over a connection that is not. Other servers of a cluster are not found by themselves then,
//!   because they are named before anything is encrypted: name one address that leads to all of them.
//! - **Durable.** A server confirms before it has synced its file; what it confirmed in the last two minutes may be lost with the power of all
//!   replicas, unless `sync_interval: always` is configured there. The outbox keeps what it published for a while to be published again.
//!
//! Partitions of a channel are not used.
//!
//! Where [`Config::keeps_keys`] is off:
//!
//! - Not kept: **Keys keep their order.**
//! - Not kept: **Keys keep their order across redelivery.**

mod delivery;
mod link;
mod name;
mod topology;
mod wire;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use async_nats::jetstream::{self, AckKind, ErrorCode, context::PublishErrorKind};
use dovetail_resilience::{Chance, Clock, backoff};

pub use self::delivery::Receipt;
use self::link::{Link, Problem};
use super::{Channel, Laws, Received, Subscription, Transport};
use crate::{
    message::Message,
    outbox::{PublishError, Publisher},
    store::StoreError,
};

/// What the server will say of the message whenever it is asked.
const FOR_GOOD: [ErrorCode; 4] = [
    // A stream that is not the channel's has the subject.
    ErrorCode::STREAM_NOT_MATCH,
    ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM,
    ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM,
    ErrorCode::STREAM_SEALED,
];

/// How a NATS transport works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// For how long a delivery stays with its receiver: longer than a handler may take. 60 s.
    pub visibility: Duration,
    /// Deliveries of a group that may be under way at once, in all processes. 1,000.
    pub deliveries_max: u32,
    /// Whether keys keep their order, at the price of one delivery of a group at a time. Off by default: it costs all concurrency.
    pub keeps_keys: bool,
    /// For how long the server knows what was published, to keep once what is published twice. 2 min.
    pub duplicate_window: Duration,
    /// Copies of a stream in a cluster. 1.
    pub replicas: u8,
    /// Nothing that is asked of the server takes longer. 10 s.
    pub timeout: Duration,
    /// Waits between attempts to connect.
    pub backoff: backoff::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(60),
            deliveries_max: 1_000,
            keeps_keys: false,
            duplicate_window: Duration::from_secs(120),
            replicas: 1,
            timeout: Duration::from_secs(10),
            backoff: backoff::Config {
                base: Duration::from_millis(100),
                throttled_base: Duration::from_secs(1),
                max: Duration::from_secs(10),
            },
        }
    }
}

/// A NATS server with `JetStream`. Clones share one connection, which is made when it is needed, and made again when it was lost.
#[derive(Clone)]
pub struct Nats {
    link: Arc<Link>,
}

impl Nats {
    /// A transport to the server at a `nats://` or `tls://` URL. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::store::ErrorKind::Refused) where the URL is none.
    pub fn new(
        url: &str,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, StoreError> {
        let link = Link::new(url, config, clock, chance)?;
        Ok(Self {
            link: Arc::new(link),
        })
    }

    async fn send(&self, message: &Message) -> Result<(), Problem> {
        let link = &self.link;
        let subject = name::subject(&message.channel)?;
        let stream = name::escaped(&message.channel)?;
        let headers = wire::write(message, &stream).map_err(Problem::Refused)?;
        let context = link.context().await?;
        let sent = context
            .publish_with_headers(subject, headers, message.body.clone())
            .await;
        let confirmed = match sent {
            Ok(confirmed) => confirmed.await,
            Err(error) => Err(error),
        };
        let error = match confirmed {
            Ok(confirmed) => {
                if confirmed.duplicate {
                    tracing::debug!(channel = message.channel, "the server had the message");
                }
                return Ok(());
            }
            Err(error) => error,
        };
        match error.kind() {
            // Also what is said while the server has yet to load the stream.
            PublishErrorKind::StreamNotFound if link.has(&message.channel).await? => {
                Err(link.unavailable(error))
            }
            PublishErrorKind::StreamNotFound => {
                Err(Problem::Refused("there is no such channel".to_owned()))
            }
            PublishErrorKind::MaxPayloadExceeded => Err(link.refused(error)),
            _ if is_for_good(&error) => Err(link.refused(error)),
            _ => Err(link.unavailable(error)),
        }
    }
}

fn is_for_good(error: &dyn Error) -> bool {
    let said = error.source().and_then(<dyn Error>::downcast_ref);
    said.is_some_and(|said: &jetstream::Error| FOR_GOOD.contains(&said.error_code()))
}

impl Publisher for Nats {
    fn system(&self) -> &'static str {
        "nats"
    }

    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let sending = Box::pin(self.send(message));
        let sending = self.link.in_time(sending);
        sending.await.flatten().map_err(Problem::into_publish)
    }
}

impl Transport for Nats {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        Laws::of_nats(self.link.config.keeps_keys)
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let declaring = self.link.in_time(Box::pin(self.link.declare(channel)));
        let declared = declaring.await.flatten();
        declared.map_err(|problem| problem.into_store("the channel cannot be declared"))
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let subscribing = Box::pin(self.link.subscribe(subscription));
        let subscribed = self.link.in_time(subscribing).await;
        let subscribed = subscribed.flatten();
        subscribed.map_err(|problem| problem.into_store("the group cannot be subscribed"))
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let received = self.link.receive(subscription, limit, wait).await;
        received.map_err(|problem| {
            // It may be the consumer that is gone: it is looked for again.
            self.link.forget(subscription);
            problem.into_store("nothing can be received")
        })
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let settled = self.link.settle(receipt, AckKind::Ack).await;
        settled.map_err(|problem| problem.into_store("a delivery cannot be acknowledged"))
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        // Nanoseconds in 64 bits are what the protocol has.
        const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let after = Some(after.min(LONGEST)).filter(|after| !after.is_zero());
        let settled = self.link.settle(receipt, AckKind::Nak(after)).await;
        settled.map_err(|problem| problem.into_store("a delivery cannot be given back"))
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        let backlog = Box::pin(self.link.backlog(subscription));
        let backlog = self.link.in_time(backlog).await;
        let backlog = backlog.flatten().map(Some);
        backlog.map_err(|problem| problem.into_store("nobody knows how much waits"))
    }
}

/// Shows where the server is, and never by what it is entered.
impl fmt::Debug for Nats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Nats")
            .field("server", &self.link.place())
            .field("config", &self.link.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let new = |url| Nats::new(url, Config::default(), Clock::system(), Chance::seeded(1));
        let server = new("nats://shop:hunter2@nats.example:4333").unwrap();
        let shown = format!("{server:?}");
        assert!(shown.contains("nats.example:4333"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let error = new("nats://shop:hunter2@nats.example:x").unwrap_err();
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
