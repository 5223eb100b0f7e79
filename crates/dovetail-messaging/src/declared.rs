//! What contracts declare of messages, as the constants that generated crates hold.

use std::time::Duration;

use dovetail_resilience::backoff;

use crate::{
    consumer::{self, Dedupe, Identity, Order, Route},
    transport::{self, Kind},
};

/// What carries messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// What contracts call it.
    pub name: &'static str,
    /// The kind of broker that it lives in, by the word that contracts have for it, such as `kafka`.
    pub transport: &'static str,
    /// Its name in the broker.
    pub address: &'static str,
    /// Who gets a message of it.
    pub kind: Kind,
    /// Into how many parts it is split, where a contract says so.
    pub partitions: Option<u32>,
    /// How long the broker keeps messages, where a contract says so.
    pub retention: Option<Duration>,
    /// Whether the contract relies on the broker to keep the order of keys. A transport has to be set up for that.
    pub keeps_keys: bool,
}

/// An event or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageType {
    /// Its name: the `type` of the envelope.
    pub name: &'static str,
    /// The service whose contract declares it.
    pub provider: &'static str,
    /// The version of that contract.
    pub version: &'static str,
    /// What carries it.
    pub channel: Channel,
    /// The member of the payload that messages are kept in order and partitioned by.
    pub key: Option<&'static str>,
    /// The media type of the payload: the `datacontenttype` of the envelope.
    pub content_type: &'static str,
    /// What names its schema and the version of the contract: the `dataschema` of the envelope.
    pub schema: &'static str,
}

/// A message that a service consumes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumption {
    /// What the inbox and dead letters know the handler by: `service/provider/handler`, for ever.
    pub name: &'static str,
    /// What is consumed.
    pub message: &'static MessageType,
    /// What is remembered of a handled message, and when.
    pub inbox: Inbox,
    /// Where the payload has what tells two messages apart, as a JSON pointer; `None` for the id of the envelope.
    pub id_pointer: Option<&'static str>,
    /// Whether messages of one key are handled in their order.
    pub is_ordered: bool,
    /// Attempts in all, the first one included.
    pub attempts_max: u32,
    /// Upper bounds of the first wait between attempts, and of any.
    pub backoff: (Duration, Duration),
    /// Longest time of one attempt.
    pub deadline: Duration,
    /// How long a handled message is remembered; of no meaning for [`Inbox::Offset`].
    pub retain: Duration,
    /// What is done with messages that no attempt could handle.
    pub dead_letter: DeadLetters,
}

/// What is remembered of a handled message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// The message, in the transaction of its effect.
    Transaction,
    /// The message, under a lease: for effects outside of the database.
    Lease,
    /// How far the consumer came, in the transaction of the effect.
    Offset,
    /// The message and how far the consumer came, in the transaction of its effect.
    Both,
}

/// What is done with messages that no attempt could handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetters {
    /// How many of them raise an alert.
    pub alert_depth: u32,
    /// How old the oldest may become before it raises an alert.
    pub alert_oldest: Duration,
    /// How long they are kept.
    pub retain: Duration,
}

impl Channel {
    /// How long the broker keeps messages: as a contract says, or as that kind of broker does unless it is set up otherwise. Nothing where it
    /// has no such time.
    #[must_use]
    pub fn kept(&self) -> Duration {
        const DAY: Duration = Duration::from_secs(86_400);
        let usual = match self.transport {
            "kafka" => DAY * 7,
            "sqs" => DAY * 4,
            _ => Duration::ZERO,
        };
        self.retention.unwrap_or(usual)
    }

    /// The channel as a broker is to have it.
    #[must_use]
    pub fn declaration(&self) -> transport::Channel {
        transport::Channel {
            partitions: self.partitions,
            retention: self.retention,
            ..transport::Channel::new(self.address, self.kind)
        }
    }
}

impl Consumption {
    /// The route of a consumer.
    #[must_use]
    pub fn route(&self) -> Route {
        let (base, max) = self.backoff;
        let config = consumer::Config {
            attempts_max: self.attempts_max,
            deadline: self.deadline,
            backoff: backoff::Config {
                base,
                throttled_base: base,
                max,
            },
            identity: self.id_pointer.map_or(Identity::Envelope, |pointer| {
                Identity::Pointer(pointer.to_owned())
            }),
            dedupe: match self.inbox {
                Inbox::Transaction | Inbox::Lease => Dedupe::Id,
                Inbox::Offset => Dedupe::Offset,
                Inbox::Both => Dedupe::Both,
            },
            order: self.is_ordered.then(Order::default),
            contract: Some(self.message.version.to_owned()),
            ..consumer::Config::default()
        };
        Route::of_kind(self.message.name, self.name, config)
    }

    /// The longest time from the first attempt to the end of the last one.
    #[must_use]
    pub fn retry_horizon(&self) -> Duration {
        let (mut wait, max) = self.backoff;
        let mut waits = self.attempts_max.saturating_sub(1);
        let mut total = self.deadline.saturating_mul(self.attempts_max);
        // From the longest wait on, all are alike.
        while waits > 0 && !wait.is_zero() && wait < max {
            total = total.saturating_add(wait);
            wait = wait.saturating_mul(2);
            waits -= 1;
        }
        total.saturating_add(wait.min(max).saturating_mul(waits))
    }

    /// For how long a message may come again: the broker delivers it, an attempt follows, or its dead letter is replayed within this time of
    /// the end of its own.
    #[must_use]
    pub fn horizon(&self, replay: Duration) -> Duration {
        let kept = self.message.channel.kept();
        let dead = self.dead_letter.retain.saturating_add(replay);
        self.retry_horizon().max(kept).max(dead)
    }

    /// Whether a message may come again once it is forgotten: it would be handled twice.
    #[must_use]
    pub fn forgets_early(&self, replay: Duration) -> bool {
        self.inbox != Inbox::Offset && self.retain < self.horizon(replay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    const SETTLED: MessageType = MessageType {
        name: "payment.settled",
        provider: "payments",
        version: "2.0.1",
        channel: Channel {
            name: "payments",
            transport: "kafka",
            address: "billing.payments",
            kind: Kind::Topic,
            partitions: Some(3),
            retention: Some(DAY),
            keeps_keys: true,
        },
        key: None,
        content_type: "application/json",
        schema: "urn:dovetail:payments:payment.settled:2.0.1",
    };

    const MARK_PAID: Consumption = Consumption {
        name: "orders/payments/mark_paid",
        message: &SETTLED,
        inbox: Inbox::Transaction,
        id_pointer: None,
        is_ordered: false,
        attempts_max: 3,
        backoff: (Duration::from_secs(1), Duration::from_secs(60)),
        deadline: Duration::from_secs(10),
        retain: DAY,
        dead_letter: DeadLetters {
            alert_depth: 1,
            alert_oldest: DAY,
            retain: DAY,
        },
    };

    #[test]
    fn a_message_is_remembered_for_as_long_as_it_may_come_again() {
        assert_eq!(MARK_PAID.retry_horizon(), Duration::from_secs(30 + 1 + 2));
        assert_eq!(MARK_PAID.horizon(Duration::ZERO), DAY);
        assert!(!MARK_PAID.forgets_early(Duration::ZERO));
        assert!(MARK_PAID.forgets_early(Duration::from_secs(1)), "a replay");
        let slow = Consumption {
            deadline: DAY,
            ..MARK_PAID
        };
        assert!(slow.forgets_early(Duration::ZERO), "attempts");
        let by_offset = Consumption {
            inbox: Inbox::Offset,
            ..slow
        };
        assert!(!by_offset.forgets_early(Duration::ZERO));
    }

    #[test]
    fn a_broker_keeps_messages_for_as_long_as_it_usually_does() {
        let of = |transport, retention| Channel {
            transport,
            retention,
            ..SETTLED.channel
        };
        let rows = [
            ("kafka", Some(DAY), DAY),
            ("kafka", None, DAY * 7),
            ("sqs", None, DAY * 4),
            ("nats", None, Duration::ZERO),
        ];
        for (transport, retention, kept) in rows {
            assert_eq!(of(transport, retention).kept(), kept, "{transport}");
        }
    }

    #[test]
    fn the_horizon_of_any_numbers_is_a_time() {
        let endless = Consumption {
            attempts_max: u32::MAX,
            backoff: (Duration::from_nanos(1), Duration::MAX),
            deadline: Duration::MAX,
            ..MARK_PAID
        };
        assert_eq!(endless.retry_horizon(), Duration::MAX);
        let prompt = Consumption {
            attempts_max: 0,
            backoff: (Duration::ZERO, Duration::ZERO),
            ..MARK_PAID
        };
        assert_eq!(prompt.retry_horizon(), Duration::ZERO);
    }
}
