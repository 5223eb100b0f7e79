//! Kafka: librdkafka's mock cluster over real TCP, and the brokers that `DOVETAIL_KAFKA_BROKERS` names, if it does.

mod delivery;
mod faults;
mod groups;
mod killed;
mod places;
mod rig;

use std::{collections::BTreeMap, time::Duration};

use super::rig::{fresh, ids, skip};
use dovetail_messaging::{
    Message,
    outbox::Publisher,
    transport::{
        Channel, Kind, Received, Subscription, Transport,
        kafka::{Kafka, Options, Receipt},
    },
};
use dovetail_resilience::Clock;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

/// Longer than any group needs to form.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster, and a topic of its own for each test.
pub(crate) struct Cluster {
    pub(crate) mock: Option<MockCluster<'static, DefaultProducerContext>>,
    brokers: String,
}

impl Cluster {
    pub(crate) fn mock() -> Self {
        let mock = MockCluster::new(3).unwrap();
        Self {
            brokers: mock.bootstrap_servers(),
            mock: Some(mock),
        }
    }

    /// The mock cluster, and the real one if there is one.
    pub(crate) fn all() -> Vec<Self> {
        let real = std::env::var("DOVETAIL_KAFKA_BROKERS").ok();
        if real.is_none() {
            skip("DOVETAIL_KAFKA_BROKERS");
        }
        let real = real.map(|brokers| Self {
            mock: None,
            brokers,
        });
        [Self::mock()].into_iter().chain(real).collect()
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.brokers)
    }

    pub(crate) fn connect(&self) -> Kafka {
        connect(self.options())
    }

    /// A declared channel. The mock cluster has no answer to who wants to create a topic, so there it is there before.
    pub(crate) async fn channel(&self, kafka: &Kafka, kind: Kind, partitions: u32) -> String {
        let name = fresh("kafka");
        if let Some(mock) = &self.mock {
            let partitions = i32::try_from(partitions).unwrap();
            mock.create_topic(&name, partitions, 1).unwrap();
        }
        declare(kafka, &name, kind, partitions).await;
        name
    }
}

/// Brokers may wait for as long as a session lasts before a group without one of its members is formed anew; the mock cluster always does.
pub(crate) fn options(brokers: &str) -> Options {
    Options {
        session_timeout: Duration::from_secs(6),
        commit_every: Duration::from_millis(50),
        ..Options::new(brokers)
    }
}

pub(crate) fn connect(options: Options) -> Kafka {
    Kafka::connect(options, Clock::system()).unwrap()
}

pub(crate) async fn declare(kafka: &Kafka, name: &str, kind: Kind, partitions: u32) {
    let channel = Channel {
        partitions: Some(partitions),
        ..Channel::new(name, kind)
    };
    kafka.declare(&channel).await.unwrap();
}

pub(crate) fn message(channel: &str, id: &str) -> Message {
    Message::new(channel, "/shop", id, format!("body of {id}")).with_kind("order.created")
}

/// Publishes messages `0..count`, whose keys are `k0` to `k6`.
pub(crate) async fn publish(kafka: &Kafka, channel: &str, count: u32) {
    for number in 0..count {
        let one = message(channel, &number.to_string()).with_key(key(number));
        kafka.publish(&one).await.unwrap();
    }
}

pub(crate) fn key(number: u32) -> String {
    format!("k{}", number % 7)
}

/// Receives until there are so many, or nothing came for long.
pub(crate) async fn receive(
    kafka: &Kafka,
    subscription: &Subscription,
    count: usize,
) -> Vec<Received<Receipt>> {
    let mut received = Vec::new();
    while received.len() < count {
        let limit = u32::try_from(count - received.len()).unwrap();
        let some = kafka.receive(subscription, limit, PATIENCE).await.unwrap();
        assert!(
            !some.is_empty(),
            "{} of {count} came: {:?}",
            received.len(),
            ids(&received)
        );
        received.extend(some);
    }
    received
}

pub(crate) fn id(received: &Received<Receipt>) -> &str {
    received.delivery.message.id.as_deref().unwrap_or("none")
}

/// That in each key the numbers go up.
pub(crate) fn assert_order(ids: &[String]) {
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    for id in ids {
        let number: u32 = id.parse().unwrap();
        let before = last.insert(number % 7, number);
        assert!(
            before < Some(number),
            "{before:?} before {number} in {ids:?}"
        );
    }
}
