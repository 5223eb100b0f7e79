//! What the broker refuses, and what that does to whatever else is on its way.

use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    transport::{Kind, Subscription, Transport},
};
use futures::future::join_all;

use super::{config, open, raw, url};
use crate::transport::rig::{channel, fresh, gather, message, publish_ids, to};

fn is_rejected(told: &Result<(), PublishError>) -> bool {
    matches!(told, Err(PublishError::Rejected(_)))
}

/// Deletes what a channel is at the broker.
async fn delete(url: &str, kind: Kind, name: &str) {
    let channel = raw(url).await;
    match kind {
        Kind::Topic => channel
            .exchange_delete(name.into(), Default::default())
            .await
            .unwrap(),
        Kind::Queue => {
            channel
                .queue_delete(name.into(), Default::default())
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_rejected_is_what_went_to_a_channel_that_is_gone() {
    const ROUNDS: usize = 10;
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    for kind in [Kind::Topic, Kind::Queue] {
        let mut live = Vec::new();
        for _ in 0..5 {
            live.push(channel(&one.transport, kind).await);
        }
        for round in 0..ROUNDS {
            let gone = channel(&one.transport, kind).await;
            // Each is known to be there.
            for subscription in live.iter().chain([&gone]) {
                publish_ids(&one.transport, subscription, &[&format!("{round}-known")]).await;
            }
            delete(&url, kind, &gone.channel).await;
            let goes_to = |number: usize| -> &Subscription {
                if number % 10 == 5 {
                    &gone
                } else {
                    &live[number % live.len()]
                }
            };
            let told = join_all((0..50).map(async |number| {
                let message = message(goes_to(number), &format!("{round}-{number}"));
                one.publish(&message).await
            }))
            .await;
            for (number, told) in told.iter().enumerate() {
                let is_gone = goes_to(number) == &gone;
                assert_eq!(is_rejected(told), is_gone, "{kind:?} {number}: {told:?}");
                assert!(told.is_ok() || is_gone, "{kind:?} {number}: {told:?}");
            }
        }
        for (place, subscription) in live.iter().enumerate() {
            let count = ROUNDS * if place == 0 { 6 } else { 11 };
            gather(&one.transport, subscription, count).await;
        }
    }
}

#[tokio::test]
async fn a_channel_that_was_deleted_can_be_declared_as_another_kind() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    delete(&url, Kind::Queue, &subscription.channel).await;
    let told = one.publish(&message(&subscription, "2")).await;
    assert!(is_rejected(&told), "{told:?}");
    let topic = dovetail_messaging::transport::Channel::new(&subscription.channel, Kind::Topic);
    one.declare(&topic).await.unwrap();
    one.subscribe(&subscription).await.unwrap();
    publish_ids(&one.transport, &subscription, &["3"]).await;
    gather(&one.transport, &subscription, 1).await;
}

#[tokio::test]
async fn an_exchange_that_is_no_topic_takes_nothing() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let told = one
        .publish(&Message::new("amq.direct", "shop", "1", "ok").with_kind("t"))
        .await;
    assert!(is_rejected(&told), "{told:?}");
    let group = to("amq.direct", &fresh("billing"));
    let told = one.subscribe(&group).await.unwrap_err();
    assert!(!told.is_infrastructure(), "{told:?}");
}

/// Attributes that are more than a frame end the connection, and with it whatever else is on its way.
#[tokio::test]
async fn attributes_that_no_frame_holds_are_rejected_before_they_are_sent() {
    let Some(url) = url() else { return };
    let one = open(&format!("{url}?frame_max=8192"), config()).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    let long = |length: usize| Message {
        headers: vec![("extension".to_owned(), "x".repeat(length))],
        ..message(&subscription, "long")
    };
    publish_ids(&one.transport, &subscription, &["1"]).await;
    for length in [8_000, 60_000] {
        let told = one.publish(&long(length)).await;
        assert!(is_rejected(&told), "{told:?}");
    }
    one.publish(&long(6_000)).await.unwrap();
    gather(&one.transport, &subscription, 2).await;
}

#[tokio::test]
async fn a_body_that_no_consumer_would_read_is_rejected() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    let of = |length: usize| Message {
        body: vec![0; length].into(),
        ..message(&subscription, "long")
    };
    let told = one.publish(&of((1 << 20) + 1)).await;
    assert!(is_rejected(&told), "{told:?}");
    one.publish(&of(1 << 20)).await.unwrap();
    let received = gather(&one.transport, &subscription, 1).await;
    assert_eq!(received[0].delivery.problem, None);
}
