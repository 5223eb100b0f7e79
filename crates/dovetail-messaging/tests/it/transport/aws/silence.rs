//! Connections over which nothing comes any more, though nobody ended them.

use std::time::Duration;

use aws_sdk_sqs::config::timeout::TimeoutConfig;
use dovetail_messaging::{
    outbox::{PublishError, Publisher},
    store::ErrorKind,
    transport::{
        Kind, Transport,
        aws::{Aws, Fanout, Options, Order},
    },
};
use dovetail_resilience::{Chance, Clock};
use tokio::net::TcpListener;

use super::{
    Proxy, VISIBILITY, acknowledge, channel, config, connect, endpoint, gather, message,
    publish_ids, sorted_ids,
};
use crate::transport::rig::to;

/// An endpoint that takes every connection and says nothing.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            open.push(client);
        }
    });
    url
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_says_nothing_is_unavailable_before_a_relay_gives_up() {
    let url = silent().await;
    let aws = connect(&url, Order::Fifo, Fanout::Sns);
    let subscription = to("orders", "mail");
    let clock = Clock::system();
    let began = clock.now();
    let published = aws.publish(&message(&subscription, "1")).await;
    assert!(
        matches!(published, Err(PublishError::Unavailable(_))),
        "{published:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    let end = clock.now() + Duration::from_secs(90);
    let wait = Duration::from_secs(1);
    let received = clock.until(end, aws.receive(&subscription, 1, wait)).await;
    assert_eq!(
        received.unwrap().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn a_connection_that_goes_silent_is_replaced() {
    let Some(url) = endpoint() else { return };
    let line = Proxy::to(Proxy::broker(&url)).await;
    // As by default, and faster.
    let timeouts = TimeoutConfig::builder().read_timeout(Duration::from_secs(3));
    let config = config(&line.through(&url)).to_builder();
    let config = config.timeout_config(timeouts.build()).build();
    let options = Options {
        visibility: VISIBILITY,
        order: Order::Standard,
        fanout: Fanout::Sns,
    };
    let chance = Chance::from_entropy();
    let aws = Aws::new(&config, options, Clock::system(), chance).unwrap();
    let subscription = channel(&aws, Kind::Queue).await;
    for id in ["1", "2"] {
        publish_ids(&aws, &subscription, &[id]).await;
        let received = gather(&aws, &subscription, 1).await;
        assert_eq!(sorted_ids(&received), [id]);
        acknowledge(&aws, &received).await;
        line.silence();
    }
}
