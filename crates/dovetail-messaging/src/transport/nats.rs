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
//!   none is ever sent.
//! - **Acknowledged.** The server confirms each acknowledgement.
//! - **Twice.** What is published twice within [`Config::duplicate_window`] is kept once. A message that is to be handled again must be published
//!   after it, or under another id.
//! - **Durable.** A server confirms before it has synced its file; what it confirmed in the last two minutes may be lost with the power of all
//!   replicas, unless `sync_interval: always` is configured there. The outbox keeps what it published for a while to be published again.
//!
//! Partitions of a channel are not used.
//!
//! Where [`Config::keeps_keys`] is off:
//!
//! - Not kept: **Keys keep their order.**
//! - Not kept: **Keys keep their order across redelivery.**

mod link;
mod wire;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{
    AckKind,
    consumer::{PullConsumer, pull::Batch},
    context::PublishErrorKind,
    message::Acker,
};
use dovetail_resilience::{Chance, Clock, Instant, backoff};
use futures::StreamExt;

use self::link::{Link, Problem};
use super::{Channel, Laws, Received, Subscription, Transport};
use crate::{
    message::Message,
    outbox::{PublishError, Publisher},
    store::StoreError,
};

/// For how long the server looks for what is there already. Without an end it would keep the request where as many deliveries are under way as
/// may be, and give what comes then to nobody.
const LOOK: Duration = Duration::from_millis(25);

/// For how long after its end the last of a request may be on its way.
const GRACE: Duration = Duration::from_millis(500);

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

/// What a delivery of NATS is acknowledged by.
#[derive(Clone)]
pub struct Receipt {
    acker: Arc<Acker>,
    until: Instant,
    is_used: Arc<AtomicBool>,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receipt")
            .field("until", &self.until)
            .field("is_used", &self.is_used)
            .finish_non_exhaustive()
    }
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
        let (subject, stream) = (
            link::subject(&message.channel)?,
            link::escaped(&message.channel)?,
        );
        let headers = wire::write(message, &stream).map_err(Problem::Refused)?;
        let context = link.context().await?;
        let sent = context
            .publish_with_headers(subject, headers, message.body.clone())
            .await;
        let confirmed = match sent {
            Ok(confirmed) => confirmed.await,
            Err(error) => Err(error),
        };
        let Err(error) = confirmed else {
            return Ok(());
        };
        match error.kind() {
            // Also what is said while the server has yet to load the stream.
            PublishErrorKind::StreamNotFound => match link.kind(&message.channel).await? {
                Some(_) => Err(link.unavailable(error)),
                None => Err(Problem::Refused("there is no such channel".to_owned())),
            },
            PublishErrorKind::MaxPayloadExceeded => Err(link.refused(error)),
            _ => Err(link.unavailable(error)),
        }
    }

    /// What is there now, and if that is nothing, what comes first.
    async fn pull(
        &self,
        consumer: &PullConsumer,
        channel: &str,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, Problem> {
        let link = &self.link;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let mut received = Vec::new();
        let batch = consumer.fetch().max_messages(limit).expires(LOOK);
        let batch = link.in_time(batch.messages()).await?;
        let batch = batch.map_err(|error| link.unavailable(error))?;
        let fetched = self.collect(batch, LOOK, channel, &mut received).await;
        // What did come is handed over, whatever happened to the rest.
        if !received.is_empty() {
            return Ok(received);
        }
        fetched?;
        if wait.is_zero() {
            return Ok(received);
        }
        // One only: the server would wait until as many are there as were asked for.
        let batch = consumer.batch().max_messages(1).expires(wait);
        let batch = link.in_time(batch.messages()).await?;
        let batch = batch.map_err(|error| link.unavailable(error))?;
        let waited = self.collect(batch, wait, channel, &mut received).await;
        if received.is_empty() {
            waited?;
        }
        Ok(received)
    }

    /// Takes what comes until the request has expired. The server says so, but not where as many deliveries are under way as may be.
    async fn collect(
        &self,
        mut batch: Batch,
        expires: Duration,
        channel: &str,
        received: &mut Vec<Received<Receipt>>,
    ) -> Result<(), Problem> {
        let Link { clock, config, .. } = &*self.link;
        let now = clock.now();
        let end = now
            .checked_add(expires.saturating_add(GRACE))
            .unwrap_or(now);
        while let Ok(Some(brought)) = clock.until(end, batch.next()).await {
            let brought = brought.map_err(|error| self.link.unavailable(error))?;
            let now = clock.now();
            let deliveries = brought.info().map_or(1, |info| info.delivered);
            let (brought, acker) = brought.split();
            received.push(Received {
                delivery: wire::read(channel, brought),
                receipt: Receipt {
                    acker: Arc::new(acker),
                    until: now.checked_add(config.visibility).unwrap_or(now),
                    is_used: Arc::default(),
                },
                deliveries: u32::try_from(deliveries).unwrap_or(u32::MAX),
            });
        }
        // A request that is lost with its connection expires like any other.
        self.link.connected().await
    }

    async fn settle(&self, receipt: &Receipt, how: AckKind) -> Result<bool, StoreError> {
        let link = &self.link;
        if link.clock.now() >= receipt.until || receipt.is_used.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        let settling = receipt.acker.double_ack_with(how);
        let settled = match link.in_time(settling).await {
            Ok(Ok(())) => return Ok(true),
            Ok(Err(error)) => link.unavailable(error),
            Err(problem) => problem,
        };
        // It may be tried again: nobody knows whether the server has heard of it.
        receipt.is_used.store(false, Ordering::Release);
        Err(settled.into_store("a delivery cannot be settled"))
    }
}

impl Publisher for Nats {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let sending = self.link.in_time(self.send(message));
        sending.await.flatten().map_err(Problem::into_publish)
    }
}

impl Transport for Nats {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        Laws::of_nats(self.link.config.keeps_keys)
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let declaring = self.link.in_time(self.link.declare(channel));
        let declared = declaring.await.flatten();
        declared.map_err(|problem| problem.into_store("the channel cannot be declared"))
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let subscribing = self.link.subscribe(subscription);
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
        let link = &self.link;
        let consumer = link.in_time(link.consumer(subscription)).await;
        let received = match consumer.flatten() {
            Ok(consumer) => {
                self.pull(&consumer, &subscription.channel, limit, wait)
                    .await
            }
            Err(problem) => Err(problem),
        };
        received.map_err(|problem| {
            // It may be the consumer that is gone: it is looked for again.
            link.forget(subscription);
            problem.into_store("nothing can be received")
        })
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.settle(receipt, AckKind::Ack).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        let after = Some(after).filter(|after| !after.is_zero());
        self.settle(receipt, AckKind::Nak(after)).await
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
