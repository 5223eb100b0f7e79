//! The clients of the three services, and how they are used.

use std::{fmt, time::Duration};

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

/// The clients. Clones share their connections.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) events: aws_sdk_eventbridge::Client,
}

impl Clients {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            sqs: aws_sdk_sqs::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
        }
    }
}

/// Without their settings, which hold what they log in with.
impl fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Clients").finish_non_exhaustive()
    }
}
