//! RabbitMQ, as a transport.
//!
//! A topic is a durable fanout exchange with a quorum queue for each group; a queue is one quorum queue. Messages are CloudEvents in binary
//! mode of the AMQP binding, published with confirms; what no queue takes of a queue channel is rejected.
//!
//! - **Keys.** A group has one active consumer at a time (`x-single-active-consumer`), and that consumer hands out the earliest message of
//!   each key only. Other processes of the group stand by. Where nothing is ordered, [`Config::keeps_keys`] lets all of them work.
//! - **Given back.** The message stays with its consumer until its time has come, rather than in a queue for each delay: the delay is exact, the
//!   place in the order is kept, no copy is made that a crash could double, and nothing has to be declared. When the connection is lost
//!   meanwhile, it comes at once. What waits so takes room in [`Config::prefetch`]; attempts that wait for long are parked in the store anyway.
//!   No longer than a day can be asked for. Brokers before 3.11.15 do not know `x-consumer-timeout`, by which a queue says for how long a delivery
//!   may stay with its consumer: there it comes after half an hour, or whatever `consumer_timeout` of the broker says, with all that the
//!   consumer held.
//! - **Time.** The broker knows no time after which a delivery comes again, so the consumer watches it; and all that a connection held comes
//!   again when it is lost. A consumer that nobody receives from lets go of what it holds.
//! - **Acknowledged.** AMQP does not confirm an acknowledgement: one that is on its way when the connection is lost never was, and the message
//!   comes again.
//! - **Two connections.** One to publish, and one for everything else: a broker that runs out of memory or of disk stops reading from whoever
//!   publishes, and acknowledgements are what helps it.
//! - **Published.** Each message that is on its way has a channel of the protocol to itself, so that what the broker refuses harms no other.
//! - **Logged.** The client library logs a message that was sent back by a queue that is gone, body and all, as a warning of the target
//!   `lapin::returned_messages`. Where bodies must not be in logs, turn that target off.
//! - **Large bodies.** What a subscription holds is bounded by [`Config::held_bytes_max`] too. Where more comes, all of it goes back to the queue, as
//!   if the connection had been lost, and comes again in portions that are small enough.
//! - **Deliveries.** What the broker counts is how often a message went back to its queue; deliveries that this process made again are added.
//!
//! Partitions and retention of a channel are left to the broker's policies.
//!
//! Where [`Config::keeps_keys`] is off:
//!
//! - Not kept: **Keys keep their order.**
//! - Not kept: **Keys keep their order across redelivery.**

mod connect;
mod link;
mod publish;
mod subscriber;
mod window;
mod wire;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dovetail_resilience::{Chance, Clock, backoff};
use tokio::sync::{mpsc, oneshot};

use self::{
    link::{Link, Problem},
    publish::Outlet,
    subscriber::{Request, Settle, Subscriber},
};
use super::{Channel, Laws, Received, Subscription, Transport};
use crate::{
    message::Message,
    outbox::{PublishError, Publisher},
    store::{ErrorKind, StoreError},
};

/// For how long a delivery can be given back: far less than `CONSUMER_TIMEOUT`, which counts from when the broker sent it.
const GIVEN_BACK_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How a RabbitMQ transport works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// For how long a delivery stays with its receiver: longer than a handler may take. 60 s.
    pub visibility: Duration,
    /// Messages that a subscription holds at most, handed out or not. 256: enough to hide the way to the broker.
    pub prefetch: u16,
    /// Bytes of bodies that a subscription holds at most, once it has seen how large they are; one message is held however large it is. 64 MiB.
    pub held_bytes_max: usize,
    /// Whether keys keep their order, at the price of one active consumer for each group. On by default: losing an order is not noticed. All
    /// processes must agree, because queues are declared with it.
    pub keeps_keys: bool,
    /// Nothing that is asked of the broker takes longer. 10 s.
    pub timeout: Duration,
    /// Waits between attempts to connect.
    pub backoff: backoff::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(60),
            prefetch: 256,
            held_bytes_max: 64 * 1024 * 1024,
            keeps_keys: true,
            timeout: Duration::from_secs(10),
            backoff: backoff::Config {
                base: Duration::from_millis(100),
                throttled_base: Duration::from_secs(1),
                max: Duration::from_secs(10),
            },
        }
    }
}

/// A RabbitMQ broker. Clones share its connections, which are made when they are needed, and made again when they were lost.
#[derive(Clone)]
pub struct RabbitMq {
    shared: Arc<Shared>,
}

struct Shared {
    /// To consume, and to declare.
    link: Arc<Link>,
    outlet: Outlet,
    subscribers: Mutex<HashMap<(String, String), mpsc::Sender<Request>>>,
}

/// What a delivery of RabbitMQ is acknowledged by. It dies with the connection that brought the delivery.
#[derive(Debug, Clone)]
pub struct Receipt {
    token: u64,
    subscriber: mpsc::Sender<Request>,
}

impl RabbitMq {
    /// A transport to the broker at an `amqp://` or `amqps://` URL. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where the URL is none.
    pub fn new(
        url: &str,
        config: Config,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, StoreError> {
        let outlet = Link::new(url, config.clone(), clock, chance.clone())?;
        let link = Link::new(url, config, clock, chance)?;
        Ok(Self {
            shared: Arc::new(Shared {
                link: Arc::new(link),
                outlet: Outlet::new(outlet),
                subscribers: Mutex::default(),
            }),
        })
    }

    /// The task that consumes for a subscription; it ends with the last clone of this.
    fn subscriber(&self, subscription: &Subscription) -> mpsc::Sender<Request> {
        let key = (subscription.channel.clone(), subscription.group.clone());
        let mut subscribers = self
            .shared
            .subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One whose runtime has ended is replaced.
        subscribers.retain(|_, subscriber| !subscriber.is_closed());
        subscribers
            .entry(key)
            .or_insert_with(|| Subscriber::spawn(&self.shared.link, subscription.clone()))
            .clone()
    }

    async fn settle(&self, receipt: &Receipt, how: Settle) -> Result<bool, StoreError> {
        let (reply, told) = oneshot::channel();
        let request = Request::Settle {
            token: receipt.token,
            how,
            reply,
        };
        let settling = async {
            match receipt.subscriber.send(request).await {
                Ok(()) => told.await.unwrap_or(Ok(false)),
                Err(_) => Ok(false),
            }
        };
        let settled = self.shared.link.in_time(settling).await;
        settled
            .flatten()
            .map_err(|problem| problem.into_store("a delivery cannot be settled"))
    }
}

impl Publisher for RabbitMq {
    fn system(&self) -> &'static str {
        "rabbitmq"
    }

    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let Shared { link, outlet, .. } = &*self.shared;
        let frame = wire::write(message).map_err(PublishError::Rejected)?;
        let published = link.in_time(outlet.publish(link, &frame)).await;
        published.flatten().map_err(Problem::into_publish)
    }
}

impl Transport for RabbitMq {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        Laws::of_rabbitmq(self.shared.link.config.keeps_keys)
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        let link = &self.shared.link;
        let declared = link
            .in_time(link.declare(&channel.name, channel.kind))
            .await;
        declared
            .flatten()
            .map_err(|problem| problem.into_store("the channel cannot be declared"))
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let link = &self.shared.link;
        let subscribed = link.in_time(link.subscribe(subscription)).await;
        subscribed
            .flatten()
            .map_err(|problem| problem.into_store("the group cannot be subscribed"))
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        const ACTION: &str = "nothing can be received";
        let link = &self.shared.link;
        let (reply, received) = oneshot::channel();
        let now = link.clock.now();
        let until = now.checked_add(wait).unwrap_or(now);
        let request = Request::Receive {
            limit,
            until,
            reply,
        };
        let subscriber = self.subscriber(subscription);
        let asking = async {
            subscriber.send(request).await.ok()?;
            received.await.ok()
        };
        // It answers by then, unless the broker is slow and it is busy with that.
        let end = until.checked_add(link.config.timeout).unwrap_or(until);
        match link.clock.until(end, asking).await {
            Ok(Some(received)) => received.map_err(|problem| problem.into_store(ACTION)),
            Ok(None) | Err(_) => Err(StoreError::new(ACTION, ErrorKind::Unavailable)),
        }
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.settle(receipt, Settle::Acknowledge).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        if after > GIVEN_BACK_MAX {
            let action = "a delivery cannot be given back for longer than a day";
            return Err(StoreError::new(action, ErrorKind::Refused));
        }
        self.settle(receipt, Settle::GiveBack(after)).await
    }
}

/// Shows where the broker is, and never by what it is entered.
impl fmt::Debug for RabbitMq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RabbitMq")
            .field("broker", &self.shared.link.place())
            .field("config", &self.shared.link.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let new = |url| RabbitMq::new(url, Config::default(), Clock::system(), Chance::seeded(1));
        let broker = new("amqp://shop:hunter2@rabbit.example:5671/%2f").unwrap();
        let shown = format!("{broker:?}");
        assert!(shown.contains("rabbit.example:5671"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let error = new("http://shop:hunter2@rabbit.example").unwrap_err();
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
