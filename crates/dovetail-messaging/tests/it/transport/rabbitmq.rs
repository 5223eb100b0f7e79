//! RabbitMQ, where `DOVETAIL_RABBITMQ_URL` says that one runs.

use std::time::Duration;

use dovetail_messaging::transport::{
    Channel, Kind, Transport,
    rabbitmq::{Config, RabbitMq},
};
use dovetail_resilience::{Chance, Clock};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable},
};

use super::{
    by_url::{by_url, open_through, quick, server},
    laws::conformance,
    rig::{Opened, Rig, acknowledge, channel, fresh, gather, ids, nothing, publish_ids, to},
};

const URL: &str = "DOVETAIL_RABBITMQ_URL";

/// One active consumer for each group, so that keys keep their order.
struct Ordered(String);

/// All processes of a group at once.
struct Competing(String);

fn url() -> Option<String> {
    server(URL)
}

fn config() -> Config {
    Config {
        visibility: Duration::from_secs(2),
        prefetch: 64,
        backoff: quick(),
        ..Config::default()
    }
}

async fn open(url: &str, config: Config) -> Opened<RabbitMq> {
    open_through(url, |url| {
        RabbitMq::new(url, config, Clock::system(), Chance::from_entropy()).unwrap()
    })
    .await
}

async fn publish_raw(url: &str, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .unwrap();
    let to = connection.create_channel().await.unwrap();
    to.confirm_select(Default::default()).await.unwrap();
    let mut headers = FieldTable::default();
    for (name, value) in attributes {
        let value = AMQPValue::LongString((*value).into());
        headers.insert(format!("cloudEvents:{name}").into(), value);
    }
    to.basic_publish(
        channel.into(),
        "".into(),
        BasicPublishOptions::default(),
        body,
        BasicProperties::default().with_headers(headers),
    )
    .await
    .unwrap()
    .await
    .unwrap();
}

by_url!(
    Ordered,
    RabbitMq,
    "../../../src/transport/rabbitmq.rs",
    true
);
by_url!(
    Competing,
    RabbitMq,
    "../../../src/transport/rabbitmq.rs",
    false
);

mod ordered {
    use super::{Ordered, conformance};
    conformance!(Ordered);
}

mod competing {
    use super::{Competing, conformance};
    conformance!(Competing);
}

/// A queue of a channel that is deleted under its publisher is not there any more, rather than away for a while.
#[tokio::test]
async fn what_no_queue_takes_is_rejected() {
    use dovetail_messaging::{Message, outbox::Publisher};

    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let queue = Channel::new(fresh("deleted"), Kind::Queue);
    one.declare(&queue).await.unwrap();
    let message = Message::new(&queue.name, "shop", "1", "ok").with_kind("t");
    one.publish(&message).await.unwrap();
    let connection = Connection::connect(&url, ConnectionProperties::default())
        .await
        .unwrap();
    let other = connection.create_channel().await.unwrap();
    other
        .queue_delete(queue.name.as_str().into(), Default::default())
        .await
        .unwrap();
    let told = one.publish(&message).await.unwrap_err();
    assert!(told.to_string().contains("no such queue"), "{told}");
}

/// In a group that competes, what a process took and does not receive goes to the others.
#[tokio::test]
async fn a_process_that_does_not_receive_keeps_nothing() {
    let Some(url) = url() else { return };
    let config = Config {
        keeps_keys: false,
        ..config()
    };
    let (one, other) = (open(&url, config.clone()).await, open(&url, config).await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1", "2"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    acknowledge(&one.transport, &first).await;
    let second = gather(&other.transport, &subscription, 1).await;
    assert_eq!(ids(&second), ["2"]);
    acknowledge(&other.transport, &second).await;
    nothing(&Competing(url), &one.transport, &subscription).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_unavailable_and_asked_seldom() {
    let url = "amqp://shop:hunter2@127.0.0.1:1/%2f";
    let transport = RabbitMq::new(url, config(), Clock::system(), Chance::from_entropy()).unwrap();
    let error = transport
        .receive(&to("orders", "billing"), 1, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(error.is_infrastructure());
    let shown = format!("{error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
