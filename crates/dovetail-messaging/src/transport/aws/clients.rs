//! The clients of the three services, and how they are used.

use std::{fmt, time::Duration};

use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::name;
use crate::{
    store::{ErrorKind, StoreError},
    transport::Laws,
};

/// How to work with AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// For how long a delivery is its receiver's, in whole seconds: longer than a handler may take. 60 s. Twelve hours at most.
    pub visibility: Duration,
    /// Whether keys keep their order.
    pub order: Order,
    /// What brings the messages of a topic to its groups.
    pub fanout: Fanout,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(60),
            order: Order::Fifo,
            fanout: Fanout::Sns,
        }
    }
}

/// Whether keys keep their order, which decides what queues and topics are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// They do, in first-in-first-out queues and topics, whose names end with `.fifo`.
    Fifo,
    /// They do not, and messages may come twice; for channels without keys.
    Standard,
}

/// What brings the messages of a topic to the queues of its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fanout {
    /// A topic of SNS, which each queue subscribes to.
    Sns,
    /// A bus of EventBridge, with a rule for each queue. It keeps no order.
    EventBridge,
}

impl Options {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        const TWELVE_HOURS: u64 = 12 * 60 * 60;
        let seconds = self.visibility.as_secs();
        let keeps_order = self.order == Order::Fifo;
        if seconds == 0 || seconds >= TWELVE_HOURS {
            let action = "hold messages for less than a second, or for half a day";
            return Err(StoreError::new(action, ErrorKind::Refused));
        }
        if self.fanout == Fanout::EventBridge && keeps_order {
            let action = "keep the order of keys through EventBridge";
            return Err(StoreError::new(action, ErrorKind::Refused));
        }
        Ok(())
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.order == Order::Fifo
    }

    /// The name of a channel, as a queue, topic or bus.
    pub(super) fn name(&self, channel: &str) -> String {
        name::of_channel(channel, self.is_fifo())
    }

    /// The name of the queue of a group.
    pub(super) fn queue(&self, channel: &str, group: &str) -> String {
        name::of_group(channel, group, self.is_fifo())
    }

    pub(super) fn laws(&self) -> Laws {
        Laws::of_sqs(self.is_fifo())
    }
}

/// SQS waits no longer for messages.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How much later than that an answer may come.
const MARGIN: Duration = Duration::from_secs(5);

/// How long a request may take that asks or receives: longer than SQS waits, so that only a connection that went silent is given up.
fn asking() -> TimeoutConfig {
    TimeoutConfig::builder()
        .read_timeout(WAIT_MAX + MARGIN)
        .operation_timeout(Duration::from_secs(60))
        .build()
}

/// How long a request may take that publishes, its repetitions included: less than a relay holds what it publishes.
fn publishing() -> TimeoutConfig {
    TimeoutConfig::builder()
        .read_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(20))
        .build()
}

/// The clients. Clones share their connections.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) events: aws_sdk_eventbridge::Client,
    /// For how many seconds SQS may wait for messages.
    pub(super) wait_max: u64,
}

impl Clients {
    /// Clients that ask, and receive.
    pub(super) fn asking(config: &SdkConfig) -> Self {
        Self::new(config, &asking())
    }

    /// Clients that publish.
    pub(super) fn publishing(config: &SdkConfig) -> Self {
        Self::new(config, &publishing())
    }

    /// What the owner of the configuration set stays: a time, and that there is none.
    fn new(config: &SdkConfig, defaults: &TimeoutConfig) -> Self {
        let mut timeouts = config
            .timeout_config()
            .cloned()
            .unwrap_or_else(|| TimeoutConfig::builder().build());
        timeouts.take_defaults_from(defaults);
        // An owner of little patience has answers before it ends.
        let patience = [
            timeouts.read_timeout(),
            timeouts.operation_attempt_timeout(),
            timeouts.operation_timeout(),
        ];
        let patience = patience.into_iter().flatten().min();
        let wait_max = patience.map_or(WAIT_MAX, |time| {
            WAIT_MAX.min(time.saturating_sub(MARGIN).max(time / 2))
        });
        let config = config.to_builder().timeout_config(timeouts).build();
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            wait_max: wait_max.as_secs(),
        }
    }
}

/// Without their settings, which hold what they log in with.
impl fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clients").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_waits_for_ever_unless_its_owner_says_so() {
        const RELAY_HOLDS: Duration = Duration::from_secs(30);
        assert!(publishing().operation_timeout().unwrap() < RELAY_HOLDS);
        assert!(asking().read_timeout().unwrap() > WAIT_MAX);
        let seconds = Duration::from_secs;
        let rows = [
            (TimeoutConfig::builder(), 20),
            (TimeoutConfig::builder().read_timeout(seconds(8)), 4),
            (TimeoutConfig::builder().operation_timeout(seconds(15)), 10),
            (TimeoutConfig::builder().disable_read_timeout(), 20),
        ];
        for (set, wait_max) in rows {
            let config = SdkConfig::builder()
                .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
                .timeout_config(set.clone().build())
                .build();
            let clients = Clients::asking(&config);
            assert_eq!(clients.wait_max, wait_max, "{set:?}");
        }
    }
}
