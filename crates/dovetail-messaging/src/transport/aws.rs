//! SQS, with SNS or EventBridge to fan out.
//!
//! A queue is a queue of SQS. A topic is a topic of SNS, or a bus of EventBridge, and each of its groups has a queue of SQS that the topic leads
//! into. With [`Order::Fifo`] they are first-in-first-out, and the key of a message is its group there; [`Order::Standard`] and EventBridge keep
//! no order.
//!
//! - Events travel in structured mode, as one JSON document: SQS has ten attributes for a message, and text for a body. On EventBridge the document
//!   is the `detail`, its data in base64, because EventBridge writes JSON anew.
//! - A delivery is hidden for the time of its receipt, and a second more, so that no receipt is taken for valid after SQS has forgotten it.
//! - Where order is kept, messages are received one by one, several at the same time: SQS gives more than one of a group to who asks for ten.
//! - Times are whole seconds, and rounded up. What is given back for longer than twelve hours comes after twelve.
//! - What is published at the same time goes in one request, and each message has its own fate: what an answer refuses or does not name is published
//!   again by whoever wants it published.
//! - A message that was not confirmed is sent again with the same deduplication identifier, and SQS takes it once. After it was confirmed, it
//!   gets another: by source and id alone, SQS would take and drop a dead letter that is replayed within five minutes. Inboxes know duplicates.
//! - What EventBridge cannot bring to the queue of a group for a day goes to the queue `<queue of the group>-undelivered`, from where its owner moves
//!   it on.
//! - No request waits for an answer that does not come, unless the configuration says that there is no limit: one that publishes takes 20 s at
//!   most.
//! - A receipt lives from when the answer arrives, which is a little after SQS began to hide the message.
//! - A message has up to 1 MiB in a queue, and 256 KiB on its way through a topic. What is larger is rejected.
//!
//! With [`Order::Standard`], SQS promises less:
//!
//! - Not kept: **Acknowledged is done.** A copy of a message may come again after it was deleted.
//! - Not kept: **One at a time.** Two receivers may have two copies of a message.
//! - Not kept: **Keys keep their order.** There is no order.
//! - Not kept: **Keys keep their order across redelivery.** There is no order.

mod batch;
mod channel;
mod clients;
mod delivery;
mod document;
mod name;
mod policy;
mod publish;
mod request;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_types::SdkConfig;
use dovetail_resilience::{Chance, Clock, Instant};

use self::{
    batch::Batches,
    channel::Carriers,
    clients::Clients,
    delivery::Reader,
    request::{Target, Way},
};
pub use self::{
    clients::{Fanout, Options, Order},
    delivery::Receipt,
};
use super::{Channel, Kind, Laws, Received, Subscription, Transport};
use crate::store::{ErrorKind, StoreError};

/// Nobody waits longer.
const WAIT_AT_ALL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How often to look, where less than a second is left to wait.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An account of AWS in a region. Clones share their clients.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    carriers: Carriers,
    /// What publishes.
    publishing: Clients,
    clock: Clock,
    chance: Chance,
    /// Channels that are there.
    channels: Mutex<HashMap<String, Known>>,
    /// When channels were found not to be there.
    missing: Mutex<HashMap<String, Instant>>,
    /// Messages whose fate is not known, with what their last attempt was deduplicated by.
    attempts: Mutex<HashMap<String, String>>,
    /// The addresses of the queues of groups.
    queues: Mutex<HashMap<String, String>>,
}

#[derive(Debug, Clone)]
struct Known {
    target: Target,
    way: Option<Batches>,
    is_gone: Arc<AtomicBool>,
    /// What it was declared with.
    retention: Option<Duration>,
}

impl From<Target> for Known {
    fn from(target: Target) -> Self {
        Self {
            target,
            way: None,
            is_gone: Arc::default(),
            retention: None,
        }
    }
}

impl Aws {
    /// The account that the configuration names.
    ///
    /// # Errors
    ///
    /// Where AWS cannot do what the options say.
    pub fn new(
        config: &SdkConfig,
        options: Options,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, StoreError> {
        options.check()?;
        let inner = Inner {
            carriers: Carriers {
                clients: Clients::asking(config),
                options: options.clone(),
            },
            publishing: Clients::publishing(config),
            options,
            clock,
            chance,
            channels: Mutex::default(),
            missing: Mutex::default(),
            attempts: Mutex::default(),
            queues: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What carries a channel, if anything does.
    async fn target(&self, channel: &str) -> Result<Option<Target>, StoreError> {
        let known = held(&self.inner.channels).get(channel).cloned();
        if let Some(known) = known {
            if !known.is_gone.load(Ordering::Acquire) {
                return Ok(Some(known.target));
            }
            held(&self.inner.channels).remove(channel);
        }
        let found = self.inner.carriers.find(channel).await?;
        Ok(found.map(|target| self.know(channel, target)))
    }

    fn know(&self, channel: &str, target: Target) -> Target {
        held(&self.inner.missing).remove(channel);
        let mut channels = held(&self.inner.channels);
        let known = channels.entry(channel.to_owned());
        known.or_insert_with(|| target.into()).target.clone()
    }

    /// The way to what carries a channel.
    fn way(&self, channel: &str, target: &Target) -> Batches {
        let mut channels = held(&self.inner.channels);
        let known = channels.entry(channel.to_owned());
        let known = known.or_insert_with(|| target.clone().into());
        if let Some(way) = known.way.as_ref().filter(|way| !way.is_over()) {
            return way.clone();
        }
        let way = Batches::begin(Way {
            clients: self.inner.publishing.clone(),
            target: target.clone(),
            is_gone: Arc::clone(&known.is_gone),
        });
        known.way = Some(way.clone());
        way
    }

    /// The address of the queue of a subscription.
    async fn queue(&self, subscription: &Subscription) -> Result<String, StoreError> {
        let Subscription { channel, group } = subscription;
        let missing = || StoreError::new("find the queue of a group", ErrorKind::Refused);
        if let Target::Queue(url) = self.target(channel).await?.ok_or_else(missing)? {
            return Ok(url);
        }
        let name = self.inner.options.queue(channel, group);
        let known = held(&self.inner.queues).get(&name).cloned();
        if let Some(url) = known {
            return Ok(url);
        }
        let url = self.inner.carriers.queue_url(&name).await?;
        let url = url.ok_or_else(missing)?;
        held(&self.inner.queues).insert(name, url.clone());
        Ok(url)
    }
}

/// Without its clients.
impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Aws")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Transport for Aws {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        self.inner.options.laws()
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let found = self.target(&channel.name).await?;
        let target = match found {
            Some(target) => target,
            None => {
                let made = self.inner.carriers.make(channel).await?;
                self.know(&channel.name, made)
            }
        };
        let kind = match target {
            Target::Queue(_) => Kind::Queue,
            Target::Topic(_) | Target::Bus(_) => Kind::Topic,
        };
        if kind == channel.kind {
            // The queues of its groups keep messages for as long.
            if let Some(known) = held(&self.inner.channels).get_mut(&channel.name) {
                known.retention = channel.retention;
            }
            Ok(())
        } else {
            let action = "declare a channel as two kinds";
            Err(StoreError::new(action, ErrorKind::Refused))
        }
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let Subscription { channel, group } = subscription;
        let Some(target) = self.target(channel).await? else {
            let action = "subscribe to a channel that is not there";
            return Err(StoreError::new(action, ErrorKind::Refused));
        };
        if matches!(target, Target::Queue(_)) {
            return Ok(());
        }
        let name = self.inner.options.queue(channel, group);
        let retention = held(&self.inner.channels)
            .get(channel)
            .and_then(|known| known.retention);
        let carriers = &self.inner.carriers;
        let url = carriers.connect(&target, &name, retention).await?;
        held(&self.inner.queues).insert(name, url);
        Ok(())
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let clock = self.inner.clock;
        let url = self.queue(subscription).await?;
        let reader = Reader {
            clients: &self.inner.carriers.clients,
            options: &self.inner.options,
            clock,
            channel: &subscription.channel,
            url: &url,
        };
        let end = clock.now() + wait.min(WAIT_AT_ALL_MAX);
        loop {
            let left = end.saturating_duration_since(clock.now());
            // Rounded up: what waits at SQS costs one request, and what looks again and again costs many.
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            let seconds = seconds.min(reader.clients.wait_max);
            let received = reader.receive(limit, seconds).await?;
            let left = end.saturating_duration_since(clock.now());
            if !received.is_empty() || left.is_zero() {
                return Ok(received);
            }
            if left < Duration::from_secs(1) {
                clock.sleep(left.min(LOOK_EVERY)).await;
            }
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let clients = &self.inner.carriers.clients;
        receipt.delete(clients, self.inner.clock.now()).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        let clients = &self.inner.carriers.clients;
        receipt.rest(clients, self.inner.clock.now(), after).await
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        let url = self.queue(subscription).await?;
        let waiting = self.inner.carriers.backlog(&url).await?;
        Ok(Some(waiting))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
