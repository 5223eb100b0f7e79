//! Brokers that are not there, that do not answer, and that do not let one in.

use std::time::Duration;

use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    transport::{
        Channel, Kind, Transport,
        rabbitmq::{Config, RabbitMq},
    },
};
use dovetail_resilience::{Chance, Clock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{config, open, url};
use crate::transport::{
    by_url::quick,
    proxy::Proxy,
    rig::{PATIENCE, Rig, acknowledge, channel, gather, message, nothing, publish_ids, to},
};

fn at(url: &str, config: Config) -> RabbitMq {
    RabbitMq::new(url, config, Clock::system(), Chance::from_entropy()).unwrap()
}

fn order() -> Message {
    Message::new("orders", "shop", "1", "ok").with_kind("t")
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_unavailable_and_asked_seldom() {
    let transport = at("amqp://shop:hunter2@127.0.0.1:1/%2f", config());
    let error = transport
        .receive(&to("orders", "billing"), 1, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(error.is_infrastructure());
    let shown = format!("{error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// The broker will not let this user in however often it is asked, and the messages are not to blame.
#[tokio::test]
async fn who_is_not_let_in_is_refused_and_loses_no_message() {
    let Some(url) = url() else { return };
    let broker = Proxy::broker(&url);
    let (outside, _) = url.rsplit_once('/').unwrap();
    for url in [
        format!("amqp://nobody:hunter2@{broker}/%2f"),
        format!("{outside}/no-such-host"),
    ] {
        let transport = at(&url, config());
        let orders = Channel::new("orders", Kind::Topic);
        let declared = transport.declare(&orders).await.unwrap_err();
        assert!(!declared.is_infrastructure(), "{declared:?}");
        let received = transport
            .receive(&to("orders", "billing"), 1, Duration::from_millis(200))
            .await
            .unwrap_err();
        assert!(!received.is_infrastructure(), "{received:?}");
        let published = transport.publish(&order()).await;
        let is_kept = matches!(published, Err(PublishError::Unavailable(_)));
        assert!(is_kept, "{published:?}");
        let shown = format!("{declared:?} {received:?} {published:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// An attempt to connect that nobody waits for any more ends, with its socket and its thread.
#[tokio::test]
async fn a_broker_that_says_nothing_is_let_go_of() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    let config = Config {
        timeout: Duration::from_millis(100),
        backoff: quick(),
        ..config()
    };
    let transport = at(&format!("amqp://shop:hunter2@{broker}/%2f"), config);
    for _ in 0..3 {
        let told = transport.publish(&order()).await;
        assert!(
            matches!(told, Err(PublishError::Unavailable(_))),
            "{told:?}"
        );
        let (clock, ending) = (Clock::system(), async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut said = Vec::new();
            socket.read_to_end(&mut said).await.unwrap();
            // Only a socket that nobody holds any more says that it takes nothing.
            while socket.write_all(b"?").await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
        clock.until(clock.now() + PATIENCE, ending).await.unwrap();
    }
}

/// A broker that runs out of memory or of disk stops reading from who publishes.
#[tokio::test]
async fn a_broker_that_takes_nothing_takes_acknowledgements() {
    let Some(url) = url() else { return };
    let config = Config {
        timeout: Duration::from_secs(2),
        visibility: PATIENCE,
        ..config()
    };
    let one = open(&url, config).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    // The connection to publish is the newer one.
    publish_ids(&one.transport, &subscription, &["1", "2"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    one.line.as_ref().unwrap().silence_newest();
    let told = one.publish(&message(&subscription, "3")).await;
    assert!(
        matches!(told, Err(PublishError::Unavailable(_))),
        "{told:?}"
    );
    acknowledge(&one.transport, &first).await;
    let second = gather(&one.transport, &subscription, 1).await;
    acknowledge(&one.transport, &second).await;
    let rig = super::Ordered(url);
    // So that the acknowledgement is on its way before the line is cut.
    nothing(&rig, &one.transport, &subscription).await;
    drop(one);
    let other = rig.open().await;
    nothing(&rig, &other.transport, &subscription).await;
}

#[tokio::test]
async fn who_receives_has_an_answer_though_the_broker_gives_none() {
    let Some(url) = url() else { return };
    let config = Config {
        timeout: Duration::from_millis(500),
        ..config()
    };
    let one = open(&url, config).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    one.line.as_ref().unwrap().silence_newest();
    let clock = Clock::system();
    let began = clock.now();
    let wait = Duration::from_millis(100);
    let told = one.receive(&subscription, 1, wait).await.unwrap_err();
    assert!(told.is_infrastructure(), "{told:?}");
    assert!(clock.now() - began < PATIENCE / 10);
}
