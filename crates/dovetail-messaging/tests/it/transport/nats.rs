//! NATS, where `DOVETAIL_NATS_URL` says that one runs.

use std::time::Duration;

use async_nats::{ConnectOptions, HeaderMap};
use dovetail_messaging::{
    outbox::Publisher,
    transport::{
        Kind, Transport,
        nats::{Config, Nats},
    },
};
use dovetail_resilience::{Chance, Clock};

use super::{
    by_url::{by_url, open_through, quick, server},
    laws::{self, conformance},
    rig::{Opened, Rig, acknowledge, channel, gather, ids, message, nothing, to},
};

const URL: &str = "DOVETAIL_NATS_URL";

/// As it is by default.
struct Concurrent(String);

/// One delivery of a group at a time.
struct Ordered(String);

fn url() -> Option<String> {
    server(URL)
}

fn config() -> Config {
    Config {
        visibility: Duration::from_secs(2),
        timeout: Duration::from_secs(3),
        backoff: quick(),
        ..Config::default()
    }
}

async fn open(url: &str, config: Config) -> Opened<Nats> {
    open_through(url, |url| {
        Nats::new(url, config, Clock::system(), Chance::from_entropy()).unwrap()
    })
    .await
}

async fn publish_raw(url: &str, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
    let address: async_nats::ServerAddr = url.parse().unwrap();
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => ConnectOptions::new(),
    };
    let context = async_nats::jetstream::new(options.connect(address.clone()).await.unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in attributes {
        headers.insert(format!("ce-{name}"), *value);
    }
    context
        .publish_with_headers(channel.to_owned(), headers, body.to_vec().into())
        .await
        .unwrap()
        .await
        .unwrap();
}

by_url!(Concurrent, Nats, "../../../src/transport/nats.rs", false);
by_url!(Ordered, Nats, "../../../src/transport/nats.rs", true);

mod concurrent {
    use super::{Concurrent, conformance};
    conformance!(Concurrent);
}

/// What holds with one delivery at a time. The other laws have tests that hold several.
mod ordered {
    use super::{Ordered, laws};
    laws::conformance! { Ordered;
        keys_keep_their_order: of_one_key_the_earliest_comes_and_the_rest_waits;
        keys_keep_their_order_across_redelivery: a_key_keeps_its_order_while_its_messages_come_again;
        keys_keep_their_order_across_redelivery: a_key_keeps_its_order_when_its_receiver_dies;
        given_back_comes_after_its_time: what_is_given_back_comes_after_its_time_and_not_before;
        late_receipts_are_void: a_receipt_changes_nothing_after_its_time;
        bytes_survive: envelopes_and_bodies_survive_byte_for_byte;
    }
}

/// A relay that is not sure whether it has published publishes again.
#[tokio::test]
async fn what_is_published_twice_is_kept_once() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    for _ in 0..2 {
        one.publish(&message(&subscription, "1")).await.unwrap();
    }
    let received = gather(&one.transport, &subscription, 1).await;
    assert_eq!(ids(&received), ["1"]);
    acknowledge(&one.transport, &received).await;
    nothing(&Concurrent(url), &one.transport, &subscription).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let url = "nats://shop:hunter2@127.0.0.1:1";
    let transport = Nats::new(url, config(), Clock::system(), Chance::from_entropy()).unwrap();
    let error = transport
        .receive(&to("orders", "billing"), 1, Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(error.is_infrastructure());
    let shown = format!("{error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
