//! What brings messages from where they are published to those who consume them, as laws.
//!
//! - **At least once.** A message that a group has not acknowledged comes again, also where its receiver died.
//! - **Acknowledged is done.** A message that a group has acknowledged does not come again to this group.
//! - **One at a time.** While a delivery is visible to one receiver, the group has no other of the same message.
//! - **Unsettled comes again.** A delivery that is not settled in its time comes again, though its receiver lives.
//! - **Late receipts are void.** After its time, or once it was used, a receipt changes nothing.
//! - **Keys keep their order.** Of one key a group has at most one delivery at a time, the earliest.
//! - **Keys keep their order across redelivery.** The same where one of its messages comes again.
//! - **Topics begin at the subscription.** A group has every message that is published after it subscribed, and none from before.
//! - **Groups are independent.** What one group does with a message is nothing to another group.
//! - **Queues keep messages.** A queue keeps them until its one group takes them, and gives each to one receiver.
//! - **Given back comes after its time.** It comes again once the time has passed, and not before.
//! - **Bytes survive.** Envelope and body arrive byte for byte.
//! - **Foreign messages arrive.** What is no event arrives as a message without identity, so that it can become a dead letter.
//! - **Undeclared is rejected.** What is published to a channel that nobody declared is rejected: a misspelt name would lose it.
//! - **Confirmed is kept.** Publishing returns once the broker has the message, so that nothing after that loses it.
//! - **It reconnects.** A lost connection is made again without being asked.
//! - **Deliveries are counted.** `deliveries` says how many times a message came to the group.
//!
//! A transport that cannot keep a law says so in [`Transport::laws`] and in its docs. One suite holds every transport to what it claims.

mod laws;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "sqlite")]
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;

use std::time::Duration;

pub use self::laws::Laws;
use crate::{consumer::Delivery, outbox::Publisher, store::StoreError};

/// A channel, as a broker is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name in the broker.
    pub name: String,
    /// Who gets a message of it.
    pub kind: Kind,
    /// Into how many parts it is split, where the broker does that; none leaves it to the broker.
    pub partitions: Option<u32>,
    /// How long the broker keeps messages; none leaves it to the broker.
    pub retention: Option<Duration>,
}

impl Channel {
    /// A channel of that kind, which leaves everything else to the broker.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            partitions: None,
            retention: None,
        }
    }
}

/// Who gets a message of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every group has every message.
    Topic,
    /// Every message has one consumer.
    Queue,
}

/// Who receives: a channel, and the group that shares its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The channel.
    pub channel: String,
    /// The group, usually the name of the consumer. Queues have one group, so it does not matter there.
    pub group: String,
}

/// One message, for as long as it is this receiver's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<R> {
    /// The message.
    pub delivery: Delivery,
    /// By which it is acknowledged or given back.
    pub receipt: R,
    /// How many times it came to this group, this time included.
    pub deliveries: u32,
}

/// A broker.
pub trait Transport: Publisher {
    /// What a delivery is acknowledged by.
    type Receipt: Clone + Send + Sync + 'static;

    /// The laws that it keeps, as it is configured.
    fn laws(&self) -> Laws {
        Laws::ALL
    }

    /// Whether messages have positions and those of one partition are delivered side by side. A consumer that keeps offsets in its database
    /// takes them one after the other: most would come too early.
    fn mixes_partitions(&self) -> bool {
        false
    }

    /// Sees to it that the channel is there, once however often it is called. What is published to any other is rejected, because a misspelt
    /// name would lose it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::store::ErrorKind::Refused) where the channel is there, and of the other kind.
    fn declare(&self, channel: &Channel) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sees to it that the group gets what is published to the channel from now on, once however often it is called.
    ///
    /// # Errors
    ///
    /// Where there is no such channel.
    fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Waits up to `wait` for messages, and takes `limit` of them at most for the time that the transport is set to.
    fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Received<Self::Receipt>>, StoreError>> + Send;

    /// Ends a delivery for good. `false`: its time was over, and it comes again.
    fn acknowledge(
        &self,
        receipt: &Self::Receipt,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives a delivery back, to come again after the time. `false`: its time was over anyway.
    fn give_back(
        &self,
        receipt: &Self::Receipt,
        after: Duration,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// How many messages the group has yet to acknowledge, for metrics; none where the broker cannot tell, which is not the same as no message.
    ///
    /// # Errors
    ///
    /// Where it could tell, and cannot be asked now.
    fn backlog(
        &self,
        _subscription: &Subscription,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send {
        async { Ok(None) }
    }

    /// Takes leave of the broker, in a bounded time, so that others need not wait to find out: of groups that it is a member of, and of its
    /// connections. Called once everything that was received is settled; the transport and its clones are not used after it.
    ///
    /// # Errors
    ///
    /// Where the broker does not hear of it. Nothing is lost by that.
    fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }
}
