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
//! What was declared as a topic is refused as a queue, and the other way round, by two groups that Kafka forgets a week after the last declaration.
//! Where two processes declare a new channel as two kinds at the same time, it is a queue.
//!
//! Kafka forgets where a group stands when it had no member for a week (`offsets.retention.minutes`). Nothing tells such a group from a new
//! one: when it subscribes again, it goes on with what is published from then on, and *what came between is skipped*. Brokers whose consumers may
//! be away for longer must be set to remember for longer. A queue then begins anew with all that is there.
//!
//! - Not kept: **Acknowledged is done.** A member that dies has not told the broker of the last half second, nor of what ended out of its turn.
//! - Not kept: **Deliveries are counted.** They are, by the member; another one begins anew.

mod admin;
mod client;
mod member;
mod publish;
mod record;
mod watermark;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use dovetail_resilience::Clock;
use rdkafka::producer::FutureProducer;

pub use self::client::{Lanes, Options};
use self::{
    admin::{Admin, Place, mark},
    client::Log,
    member::{Member, over},
    window::Ticket,
};
use super::{Channel, Kind, Laws, Received, Subscription, Transport};
use crate::store::{ErrorKind, StoreError};

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
    /// What channels are.
    kinds: Mutex<BTreeMap<String, Kind>>,
    /// Topics that are there, which is all that publishing asks.
    present: Mutex<BTreeSet<String>>,
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
            producer: Mutex::new(publish::make(&options)?),
            kinds: Mutex::default(),
            present: Mutex::default(),
            members: Mutex::default(),
            options,
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What a channel is, if it is there.
    async fn kind_of(&self, channel: &str) -> Result<Option<Kind>, StoreError> {
        let known = held(&self.inner.kinds).get(channel).copied();
        if known.is_some() {
            return Ok(known);
        }
        let admin = &self.inner.admin;
        let Some(partitions) = admin.partitions(channel).await? else {
            return Ok(None);
        };
        let is_queue = admin.is_declared(channel, Kind::Queue, &partitions).await?;
        let kind = if is_queue { Kind::Queue } else { Kind::Topic };
        Ok(Some(self.know(channel, kind)))
    }

    /// Keeps what a channel is, unless that is known.
    fn know(&self, channel: &str, kind: Kind) -> Kind {
        let mut kinds = held(&self.inner.kinds);
        *kinds.entry(channel.to_owned()).or_insert(kind)
    }

    /// Declares a channel that this process does not know yet, and returns what it is.
    async fn declare_anew(&self, channel: &Channel) -> Result<Kind, StoreError> {
        let (admin, name) = (&self.inner.admin, &channel.name);
        let partitions = admin.create(channel).await?;
        let is = |kind| admin.is_declared(name, kind, &partitions);
        if is(Kind::Queue).await? {
            // Its group may have a place in some of its partitions only.
            admin
                .begin(name, &mark(name, Kind::Queue), Place::Start)
                .await?;
            return Ok(Kind::Queue);
        }
        match channel.kind {
            Kind::Queue if is(Kind::Topic).await? => Ok(Kind::Topic),
            Kind::Queue => {
                admin
                    .begin(name, &mark(name, Kind::Queue), Place::Start)
                    .await?;
                Ok(Kind::Queue)
            }
            Kind::Topic => {
                admin.note_topic(name, &partitions).await?;
                // Somebody may have declared it as a queue meanwhile.
                let is_queue = is(Kind::Queue).await?;
                Ok(if is_queue { Kind::Queue } else { Kind::Topic })
            }
        }
    }

    /// The group that reads for a subscription.
    async fn group(&self, subscription: &Subscription) -> Result<(Kind, String), StoreError> {
        match self.kind_of(&subscription.channel).await? {
            Some(Kind::Topic) => Ok((Kind::Topic, subscription.group.clone())),
            Some(Kind::Queue) => Ok((Kind::Queue, mark(&subscription.channel, Kind::Queue))),
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
        if let Some(member) = members.get(&place).filter(|member| !member.is_over()) {
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

impl Transport for Kafka {
    type Receipt = Receipt;

    /// What is acknowledged is done for this member. It is done for the group once it is committed.
    fn laws(&self) -> Laws {
        Laws::of_kafka()
    }

    fn mixes_partitions(&self) -> bool {
        self.inner.options.lanes == Lanes::Key
    }

    /// A topic is created with its partitions; one that is there keeps those it has. What it was declared as is known by the groups that
    /// have a place in it: `<channel>.queue`, which reads a queue, and `<channel>.topic`, which reads nothing.
    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let known = held(&self.inner.kinds).get(&channel.name).copied();
        let kind = match known {
            Some(kind) => kind,
            None => {
                let kind = self.declare_anew(channel).await?;
                self.know(&channel.name, kind)
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
            if clock.now() >= end || member.is_over() {
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

    /// What is not committed: the messages that nobody took yet, and those that wait for an earlier one.
    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        let (_, group) = self.group(subscription).await?;
        let topic = &subscription.channel;
        let waiting = self.inner.admin.backlog(topic, &group).await?;
        Ok(Some(waiting))
    }

    /// Commits what is finished and leaves all groups, so that others have their partitions at once. Receipts are void from then on. Brokers that
    /// are away are waited for as long as a session lasts, after which they know by themselves.
    async fn close(&self) -> Result<(), StoreError> {
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
            if clock.until(end, member.closed()).await.is_err() {
                let action = "leave a group in time";
                return Err(StoreError::new(action, ErrorKind::Unavailable));
            }
        }
        Ok(())
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
