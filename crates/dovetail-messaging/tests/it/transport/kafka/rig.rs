//! The suite of laws on Kafka.

use std::{sync::mpsc, thread, time::Duration};

use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    store::StoreError,
    transport::{
        Channel, Laws, Received, Subscription, Transport,
        kafka::{Kafka, Options, Receipt},
    },
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord},
};

use super::{PATIENCE, connect, options};
use crate::transport::{
    laws::conformance,
    rig::{Opened, Rig, skip},
};

/// A topic to be made by the mock cluster, and where to say that it is.
type Wish = (String, mpsc::Sender<()>);

/// Kafka, with the one thing that the mock cluster cannot do done past it: topics are created by the test. They have one partition, so that one
/// member has all there is, wherever it is.
#[derive(Clone)]
struct Tested {
    kafka: Kafka,
    wishes: Option<mpsc::Sender<Wish>>,
}

impl Publisher for Tested {
    fn system(&self) -> &'static str {
        self.kafka.system()
    }

    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.kafka.publish(message).await
    }
}

impl Transport for Tested {
    type Receipt = Receipt;

    fn laws(&self) -> Laws {
        self.kafka.laws()
    }

    async fn declare(&self, channel: &Channel) -> Result<(), StoreError> {
        if let Some(wishes) = &self.wishes {
            let (done, is_done) = mpsc::channel();
            wishes.send((channel.name.clone(), done)).unwrap();
            is_done.recv().unwrap();
        }
        let channel = Channel {
            partitions: Some(1),
            ..channel.clone()
        };
        self.kafka.declare(&channel).await
    }

    async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.kafka.subscribe(subscription).await
    }

    async fn receive(
        &self,
        subscription: &Subscription,
        limit: u32,
        wait: Duration,
    ) -> Result<Vec<Received<Receipt>>, StoreError> {
        self.kafka.receive(subscription, limit, wait).await
    }

    async fn acknowledge(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        self.kafka.acknowledge(receipt).await
    }

    async fn give_back(&self, receipt: &Receipt, after: Duration) -> Result<bool, StoreError> {
        self.kafka.give_back(receipt, after).await
    }

    async fn backlog(&self, subscription: &Subscription) -> Result<Option<u64>, StoreError> {
        self.kafka.backlog(subscription).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.kafka.close().await
    }
}

/// The brokers of a test.
struct Brokers {
    address: String,
    wishes: Option<mpsc::Sender<Wish>>,
}

impl Brokers {
    /// The mock cluster lives on a thread of its own, until nobody has a wish.
    fn mock() -> Self {
        let (wishes, wished) = mpsc::channel::<Wish>();
        let (started, is_started) = mpsc::channel();
        thread::spawn(move || {
            let mock = MockCluster::new(1).unwrap();
            started.send(mock.bootstrap_servers()).unwrap();
            while let Ok((topic, done)) = wished.recv() {
                // It is there already, the second time.
                let _ = mock.create_topic(&topic, 1, 1);
                done.send(()).unwrap();
            }
        });
        Self {
            address: is_started.recv().unwrap(),
            wishes: Some(wishes),
        }
    }

    fn open(&self) -> Opened<Tested> {
        let kafka = connect(Options {
            visibility: VISIBILITY,
            ..options(&self.address)
        });
        Opened {
            transport: Tested {
                kafka,
                wishes: self.wishes.clone(),
            },
            line: None,
        }
    }

    async fn publish_foreign(&self, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .create()
            .unwrap();
        let headers = attributes
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| {
                headers.insert(Header {
                    key: &format!("ce_{name}"),
                    value: Some(*value),
                })
            });
        let record = FutureRecord::<[u8], [u8]>::to(channel)
            .payload(body)
            .headers(headers);
        producer.send(record, PATIENCE).await.unwrap();
    }
}

const VISIBILITY: Duration = Duration::from_secs(2);

macro_rules! rig {
    ($name:ident, $module:ident, $start:expr) => {
        mod $module {
            use super::*;

            struct $name(Brokers);

            impl Rig for $name {
                type Transport = Tested;

                async fn start() -> Option<Self> {
                    $start.map(Self)
                }

                fn docs() -> &'static str {
                    include_str!("../../../../src/transport/kafka.rs")
                }

                async fn open(&self) -> Opened<Tested> {
                    self.0.open()
                }

                fn visibility(&self) -> Duration {
                    VISIBILITY
                }

                /// A lost connection is none to a group: its member stays one. So the member leaves, which is what a process does that ends.
                /// Those that are killed are children of this one, in `killed`.
                async fn sever(&self, opened: &Opened<Tested>) {
                    opened.transport.kafka.close().await.unwrap();
                }

                async fn publish_foreign(
                    &self,
                    channel: &str,
                    attributes: &[(&str, &str)],
                    body: &[u8],
                ) {
                    self.0.publish_foreign(channel, attributes, body).await;
                }
            }

            conformance!($name);
        }
    };
}

rig!(Mock, mock, Some(Brokers::mock()));
rig!(Real, real, real_brokers());

fn real_brokers() -> Option<Brokers> {
    const VARIABLE: &str = "DOVETAIL_KAFKA_BROKERS";
    let Ok(address) = std::env::var(VARIABLE) else {
        skip(VARIABLE);
        return None;
    };
    Some(Brokers {
        address,
        wishes: None,
    })
}
