//! Kafka: topics of partitions, which groups read.
//!
//! What is published is written once and in order by an idempotent producer, to the partition of its key. A topic gives each of its groups
//! every message; a queue is a topic that one fixed group reads. Kafka knows one number for a group and a partition, where to read on, and
//! nothing of single deliveries; so what it lacks happens in the member of the group that has the partition:
//!
//! - Messages may end in any order; only the offset before which all have ended is committed. The rest comes again after a crash, even
//!   what was acknowledged, and the inbox knows it.
//! - What is given back waits in the member, and no commit passes it. A partition with too much between its earliest unfinished message and
//!   its reader is not read on until that is done.
//! - A partition that is given to another member takes its deliveries with it: their receipts are void.
//!
//! Messages that came without the envelope of CloudEvents, without a key or without a value are delivered as what they are.
//!
//! - Not kept: **Acknowledged is done.** A member that dies has not told the broker of the last half second, nor of what ended out of its turn.
//! - Not kept: **Deliveries are counted.** They are, by the member; another one begins anew.

mod admin;
mod client;
mod member;
mod record;
mod watermark;
mod window;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use dovetail_resilience::Clock;
use rdkafka::{
    producer::{FutureProducer, FutureRecord, Producer},
    util::Timeout,
};

pub use self::client::{Lanes, Options};
use self::{
    admin::{Admin, CONNECT, Place, queue_group},
    client::{Log, broken, not_published},
    member::{Member, over},
    window::Ticket,
};
use super::{Channel, Kind, Laws, Received, Subscription, Transport};
use crate::{
    cloudevents::Binding,
    envelope,
    message::Message,
    outbox::{PublishError, Publisher},
    store::{ErrorKind, StoreError},
};

/// A cluster of Kafka. Clones share their clients: of each subscription all of them together are one member of its group.
#[derive(Clone)]
pub struct Kafka {
    inner: Arc<Inner>,
}

/// What a delivery of Kafka is acknowledged by.
#[derive(Debug, Clone)]
pub struct Receipt {
    member: Weak<Member>,
    ticket: Ticket,
}

struct Inner {
    options: Options,
    clock: Clock,
    admin: Admin,
    producer: Mutex<FutureProducer<Log>>,
    /// Topics that are there.
    channels: Mutex<BTreeMap<String, Kind>>,
    members: Mutex<HashMap<(String, String), Arc<Member>>>,
}

impl Kafka {
    /// The clients of a cluster. Brokers that are not there are waited for by what needs them.
    ///
    /// # Errors
    ///
    /// Where an option is none of librdkafka.
    pub fn connect(options: Options, clock: Clock) -> Result<Self, StoreError> {
        let inner = Inner {
            admin: Admin::new(options.clone(), clock)?,
            producer: Mutex::new(producer(&options)?),
            channels: Mutex::default(),
            members: Mutex::default(),
            options,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Commits what is finished and leaves all groups, so that others have their partitions at once. Receipts are void from then on. Brokers that
    /// are away are waited for as long as a session lasts, after which they know by themselves.
    pub async fn close(&self) {
        let members: Vec<Arc<Member>> = held(&self.inner.members)
            .drain()
            .map(|(_, one)| one)
            .collect();
        for member in &members {
            member.close();
        }
        let clock = self.inner.clock;
        let end = clock.now() + self.inner.options.session_timeout;
        for member in members {
            let _ = clock.until(end, member.closed()).await;
        }
    }

    /// What a channel is, if it is there.
    async fn kind_of(&self, channel: &str) -> Result<Option<Kind>, StoreError> {
        let known = held(&self.inner.channels).get(channel).copied();
        if known.is_some() {
            return Ok(known);
        }
        let admin = &self.inner.admin;
        if admin.partitions(channel).await?.is_empty() {
            return Ok(None);
        }
        let kind = if admin.is_queue(channel).await? {
            Kind::Queue
        } else {
            Kind::Topic
        };
        Ok(Some(self.know(channel, kind)))
    }

    /// Keeps what a channel is, unless that is known.
    fn know(&self, channel: &str, kind: Kind) -> Kind {
        let mut channels = held(&self.inner.channels);
        *channels.entry(channel.to_owned()).or_insert(kind)
    }

    /// The group that reads for a subscription.
    async fn group(&self, subscription: &Subscription) -> Result<(Kind, String), StoreError> {
        match self.kind_of(&subscription.channel).await? {
            Some(Kind::Topic) => Ok((Kind::Topic, subscription.group.clone())),
            Some(Kind::Queue) => Ok((Kind::Queue, queue_group(&subscription.channel))),
            None => Err(StoreError::new(
                "find the topic of a channel",
                ErrorKind::Refused,
            )),
        }
    }

    async fn member(&self, subscription: &Subscription) -> Result<Arc<Member>, StoreError> {
        let (_, group) = self.group(subscription).await?;
        let topic = &subscription.channel;
        let mut members = held(&self.inner.members);
        let place = (topic.clone(), group);
        if let Some(member) = members.get(&place) {
            return Ok(Arc::clone(member));
        }
        let member = Member::join(&self.inner.options, topic, &place.1, self.inner.clock)?;
        members.insert(place, Arc::clone(&member));
        Ok(member)
    }

    fn take(&self, member: &Arc<Member>, limit: u32) -> Vec<Received<Receipt>> {
        let now = self.inner.clock.now();
        let until = over(now, self.inner.options.visibility);
        let mut windows = member.windows();
        let taken = std::iter::from_fn(|| windows.take(now, until));
        taken
            .take(limit as usize)
            .map(|(ticket, delivery, deliveries)| Received {
                delivery,
                receipt: Receipt {
                    member: Arc::downgrade(member),
                    ticket,
                },
                deliveries,
            })
            .collect()
    }

    /// The producer; another one where that of before is broken for good.
    fn producer(&self) -> Result<FutureProducer<Log>, StoreError> {
        let mut current = held(&self.inner.producer);
        if let Some((code, _)) = current.client().fatal_error() {
            tracing::warn!(%code, "a producer of Kafka is broken, and made again");
            *current = producer(&self.inner.options)?;
        }
        Ok(current.clone())
    }
}

/// Without its clients.
impl fmt::Debug for Kafka {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kafka")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for member in held(&self.members).values() {
            member.close();
        }
    }
}

impl Publisher for Kafka {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let unavailable = |error: StoreError| PublishError::Unavailable(error.to_string());
        if self
            .kind_of(&message.channel)
            .await
            .map_err(unavailable)?
            .is_none()
        {
            return Err(PublishError::Rejected(
                "there is no such channel".to_owned(),
            ));
        }
        let wire = envelope::wire(message, &Binding::KAFKA)
            .map_err(|error| PublishError::Rejected(error.to_string()))?;
        let mut record =
            FutureRecord::<str, [u8]>::to(&message.channel).headers(record::headers(&wire));
        if let Some(key) = &message.key {
            record = record.key(key);
        }
        if let Some(body) = &wire.body {
            record = record.payload(body);
        }
        let queued = Timeout::After(self.inner.options.publish_timeout);
        let producer = self.producer().map_err(unavailable)?;
        match producer.send(record, queued).await {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(not_published(&error)),
        }
    }
}

impl Transport for Kafka {
    type Receipt = Receipt;

    /// What is acknowledged is done for this member. It is done for the group once it is committed.
    fn laws(&self) -> Laws {
        Laws {
            acknowledged_is_done: false,
            deliveries_are_counted: false,
            ..Laws::ALL
        }
    }

    fn mixes_partitions(&self) -> bool {
        self.inner.options.lanes == Lanes::Key
    }

    /// A topic is created with its partitions; one that is there keeps those it has. A topic that somebody else declared as a queue is known for
    /// one. Whoever declares a queue where somebody else has a topic is not refused: Kafka does not know the difference.
    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let name = &channel.name;
        let known = held(&self.inner.channels).get(name).copied();
        let (admin, group) = (&self.inner.admin, queue_group(name));
        let kind = match known {
            Some(kind) => kind,
            None => {
                admin.create(channel).await?;
                let is_queue = match channel.kind {
                    Kind::Queue => {
                        admin.begin(name, &group, Place::Start).await?;
                        true
                    }
                    Kind::Topic => admin.is_queue(name).await?,
                };
                self.know(name, if is_queue { Kind::Queue } else { Kind::Topic })
            }
        };
        if kind == channel.kind {
            Ok(())
        } else {
            let action = "declare a channel as two kinds";
            Err(StoreError::new(action, ErrorKind::Refused))
        }
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let (kind, group) = self.group(subscription).await?;
        let place = match kind {
            Kind::Queue => Place::Start,
            Kind::Topic => Place::End,
        };
        let topic = &subscription.channel;
        self.inner.admin.begin(topic, &group, place).await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        let clock = self.inner.clock;
        let end = over(clock.now(), wait);
        let member = self.member(subscription).await?;
        loop {
            // Listening begins before looking: what is read between the two is heard.
            let mut changed = pin!(member.changed.notified());
            changed.as_mut().enable();
            let received = self.take(&member, limit);
            if !received.is_empty() {
                return Ok(received);
            }
            if let Some(fault) = member.fault() {
                let action = "receive from Kafka";
                return Err(StoreError::because(action, ErrorKind::Unavailable, fault));
            }
            if clock.now() >= end {
                return Ok(received);
            }
            let due = member.windows().next_due();
            let wake = due.map_or(end, |due| due.min(end));
            let _ = clock.until(wake, changed).await;
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let Some(member) = receipt.member.upgrade() else {
            return Ok(false);
        };
        let is_own = member.windows().end(receipt.ticket, self.inner.clock.now());
        // The next message of its lane may be received now.
        member.changed.notify_waiters();
        Ok(is_own)
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        let Some(member) = receipt.member.upgrade() else {
            return Ok(false);
        };
        let now = self.inner.clock.now();
        let is_own = member
            .windows()
            .give_back(receipt.ticket, now, over(now, after));
        member.changed.notify_waiters();
        Ok(is_own)
    }
}

fn producer(options: &Options) -> Result<FutureProducer<Log>, StoreError> {
    let created = options.producer().create_with_context(Log);
    created.map_err(|error| broken(CONNECT, &error))
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
