//! RabbitMQ, where `DOVETAIL_RABBITMQ_URL` says that one runs.

use std::time::Duration;

use dovetail_messaging::transport::rabbitmq::{Config, RabbitMq};
use dovetail_resilience::{Chance, Clock};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable},
};

mod connecting;
mod consuming;
mod publishing;

use super::{
    by_url::{by_url, open_through, quick, server},
    laws::conformance,
    rig::{Opened, Rig},
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

/// A channel of the protocol on a connection of its own.
async fn raw(url: &str) -> lapin::Channel {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    connecting.await.unwrap().create_channel().await.unwrap()
}

async fn publish_raw(url: &str, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
    let to = raw(url).await;
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
