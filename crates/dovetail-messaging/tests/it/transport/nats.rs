//! NATS, where `DOVETAIL_NATS_URL` says that one runs.

use std::time::Duration;

use async_nats::{
    ConnectOptions, HeaderMap,
    jetstream::{self, Context, consumer::PullConsumer, stream},
};
use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    replay::CONSUMER,
    store::ErrorKind,
    transport::{
        Channel, Kind, Transport,
        nats::{Config, Nats},
    },
};
use dovetail_resilience::{Chance, Clock};

use super::{
    by_url::{by_url, open_through, quick, server},
    laws::conformance,
    rig::{
        Opened, Rig, acknowledge, channel, finish, fresh, gather, ids, message, nothing,
        publish_ids, to,
    },
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

/// The server, as other makes of programs use it.
async fn raw(url: &str) -> Context {
    let address: async_nats::ServerAddr = url.parse().unwrap();
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => ConnectOptions::new(),
    };
    jetstream::new(options.connect(address.clone()).await.unwrap())
}

async fn publish_raw(url: &str, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, value) in attributes {
        headers.insert(format!("ce-{name}"), *value);
    }
    let context = raw(url).await;
    context
        .publish_with_headers(channel.to_owned(), headers, body.to_vec().into())
        .await
        .unwrap()
        .await
        .unwrap();
}

by_url!(Concurrent, Nats, "../../../src/transport/nats.rs", false);
by_url!(Ordered, Nats, "../../../src/transport/nats.rs", true, 1);

mod concurrent {
    use super::{Concurrent, conformance};
    conformance!(Concurrent);
}

mod ordered {
    use super::{Ordered, conformance};
    conformance!(Ordered);
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

/// What happens within the window in which the server keeps once what is published twice.
#[tokio::test]
async fn a_dead_letter_that_is_sent_again_comes_each_time() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    let mut message = message(&subscription, "1");
    one.publish(&message).await.unwrap();
    finish(&Concurrent(url), &one, &subscription, 1).await;
    message
        .headers
        .push((CONSUMER.to_owned(), "billing/orders/charge".to_owned()));
    for _ in 0..2 {
        one.publish(&message).await.unwrap();
        let received = gather(&one.transport, &subscription, 1).await;
        assert_eq!(received[0].delivery.message, message);
        acknowledge(&one.transport, &received).await;
    }
}

async fn rejected(transport: &Nats, message: &Message) {
    let told = transport.publish(message).await;
    assert!(matches!(told, Err(PublishError::Rejected(_))), "{told:?}");
}

#[tokio::test]
async fn what_a_stream_never_takes_is_rejected() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let context = raw(&url).await;
    // Somebody's stream takes everything that begins alike, so that there is an answer for a channel that is none.
    let prefix = fresh("foreign");
    let wildcard = stream::Config {
        name: prefix.clone(),
        subjects: vec![format!("{prefix}.>")],
        ..stream::Config::default()
    };
    context.create_stream(wildcard).await.unwrap();
    let to_nobody = Message::new(format!("{prefix}.orders"), "shop", "1", "ok").with_kind("t");
    rejected(&one, &to_nobody).await;
    let taken = Channel::new(to_nobody.channel, Kind::Topic);
    let kind = one.declare(&taken).await.unwrap_err().kind();
    assert_eq!(kind, ErrorKind::Refused, "the subject is taken");
    let small = Channel::new(fresh("small"), Kind::Queue);
    let config = stream::Config {
        name: small.name.clone(),
        subjects: vec![small.name.clone()],
        retention: stream::RetentionPolicy::WorkQueue,
        max_message_size: 1_000,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    one.declare(&small).await.unwrap();
    let large = Message::new(small.name, "shop", "1", vec![0; 2_000]).with_kind("t");
    rejected(&one, &large).await;
}

#[tokio::test]
async fn what_a_stream_keeps_is_raised_to_what_is_declared_and_never_lowered() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let context = raw(&url).await;
    let mut channel = Channel::new(fresh("kept"), Kind::Topic);
    // Less than the window of the configuration.
    let minute = Duration::from_secs(60);
    for (retention, max_age, window) in [
        (None, Duration::ZERO, 2 * minute),
        (Some(minute), minute, minute),
        (Some(HOUR), HOUR, 2 * minute),
        (Some(minute), HOUR, 2 * minute),
        (None, HOUR, 2 * minute),
    ] {
        channel.retention = retention;
        one.declare(&channel).await.unwrap();
        let stream = context.get_stream(&channel.name).await.unwrap();
        let there = &stream.cached_info().config;
        let found = (there.max_age, there.duplicate_window);
        assert_eq!(found, (max_age, window), "{retention:?}");
    }
    let foreign = stream::Config {
        name: fresh("others"),
        subjects: vec![fresh("others")],
        retention: stream::RetentionPolicy::Interest,
        ..stream::Config::default()
    };
    context.create_stream(foreign.clone()).await.unwrap();
    let foreign = Channel::new(foreign.name, Kind::Topic);
    let kind = one.declare(&foreign).await.unwrap_err().kind();
    assert_eq!(kind, ErrorKind::Refused);
}

#[tokio::test]
async fn subscribing_changes_nothing_for_others_of_the_group() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let patient = Config {
        visibility: Duration::from_secs(600),
        deliveries_max: 7,
        ..config()
    };
    let other = open(&url, patient).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    other.subscribe(&subscription).await.unwrap();
    let context = raw(&url).await;
    let group: PullConsumer = context
        .get_consumer_from_stream("queue", &subscription.channel)
        .await
        .unwrap();
    let there = &group.cached_info().config;
    assert_eq!(there.ack_wait, Duration::from_millis(2_500));
    assert_eq!(there.max_ack_pending, 1_000);
    // The time of the group is what its receipts go by.
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&other.transport, &subscription, 1).await;
    Clock::system().sleep(config().visibility).await;
    assert!(!other.acknowledge(&first[0].receipt).await.unwrap());
    let ordered = Config {
        keeps_keys: true,
        ..config()
    };
    let ordered = open(&url, ordered).await;
    let subscribed = ordered.subscribe(&subscription).await;
    assert_eq!(subscribed.unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn an_acknowledgement_that_nobody_takes_is_none() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let held = gather(&one.transport, &subscription, 1).await;
    let context = raw(&url).await;
    context
        .delete_consumer_from_stream("queue", &subscription.channel)
        .await
        .unwrap();
    let settled = one.acknowledge(&held[0].receipt).await;
    assert!(settled.unwrap_err().is_infrastructure());
    // The server says nothing to whoever waits for a group that is gone.
    for _ in 0..2 {
        let received = one.receive(&subscription, 1, Duration::ZERO).await;
        assert_eq!(received.unwrap_err().kind(), ErrorKind::Refused);
    }
    let backlog = one.backlog(&subscription).await;
    assert_eq!(backlog.unwrap_err().kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn an_acknowledgement_that_was_given_up_is_never_sent() {
    let Some(url) = url() else { return };
    let patient = Config {
        visibility: Duration::from_secs(60),
        timeout: Duration::from_millis(300),
        ..config()
    };
    let one = open(&url, patient).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1", "2"]).await;
    let held = gather(&one.transport, &subscription, 1).await;
    assert_eq!(one.backlog(&subscription).await.unwrap(), Some(2));
    let line = one.line.as_ref().unwrap();
    line.close();
    // Long enough for the client to notice.
    let mut settled = one.acknowledge(&held[0].receipt).await;
    while settled.is_ok() {
        settled = one.acknowledge(&held[0].receipt).await;
    }
    assert!(settled.unwrap_err().is_infrastructure());
    line.open();
    let backlog = loop {
        if let Ok(backlog) = one.backlog(&subscription).await {
            break backlog;
        }
    };
    assert_eq!(backlog, Some(2));
    acknowledge(&one.transport, &held).await;
    assert_eq!(one.backlog(&subscription).await.unwrap(), Some(1));
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
