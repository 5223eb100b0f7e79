//! What a consumer holds, and what becomes of it.

use std::{collections::BTreeSet, time::Duration};

use dovetail_messaging::{
    Message,
    transport::{Kind, Transport, rabbitmq::Config},
};
use dovetail_resilience::{Clock, backoff};
use lapin::options::QueueDeclareOptions;

use super::{Competing, config, open, raw, url};
use crate::transport::rig::{
    Opened, PATIENCE, acknowledge, channel, fresh, gather, ids, message, nothing, publish,
    publish_ids, to,
};

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

/// Whoever stands by goes on where the one before stopped, and not behind what that one held.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_keeps_its_order_when_a_process_ends_with_a_backlog() {
    let Some(url) = url() else { return };
    let config = Config {
        prefetch: 4,
        ..config()
    };
    let mut one = open(&url, config.clone()).await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    for round in 0..5 {
        let other = open(&url, config.clone()).await;
        let sent: Vec<String> = (10..22).map(|number| format!("{round}-{number}")).collect();
        for id in &sent {
            let message = message(&subscription, id).with_key("order-1");
            publish(&one.transport, &message).await;
        }
        drop(gather(&one.transport, &subscription, 1).await);
        let stands_by = other.receive(&subscription, 1, Duration::from_millis(400));
        assert_eq!(ids(&stands_by.await.unwrap()), [""; 0]);
        // The way to the broker stays as it is: it is not the connection that ends.
        let Opened { transport, line } = one;
        drop(transport);
        for id in &sent {
            let received = gather(&other.transport, &subscription, 1).await;
            assert_eq!(ids(&received), [id]);
            acknowledge(&other.transport, &received).await;
        }
        drop(line);
        one = other;
    }
}

#[tokio::test]
async fn large_bodies_come_in_small_portions() {
    const COUNT: u32 = 20;
    const FIT: u32 = 5;
    let Some(url) = url() else { return };
    let length = 200_000;
    let config = Config {
        visibility: PATIENCE,
        held_bytes_max: length * usize::try_from(FIT).unwrap(),
        ..config()
    };
    let one = open(&url, config).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    let sent: BTreeSet<String> = (0..COUNT).map(|number| number.to_string()).collect();
    for id in &sent {
        let message = Message {
            body: vec![0; length].into(),
            ..message(&subscription, id)
        };
        publish(&one.transport, &message).await;
    }
    let (clock, looking) = (Clock::system(), raw(&url).await);
    let end = clock.now() + PATIENCE;
    let mut held = Vec::new();
    loop {
        let wait = Duration::from_millis(100);
        held.extend(one.receive(&subscription, 1, wait).await.unwrap());
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let name = subscription.channel.as_str().into();
        let looked = looking.queue_declare(name, options, Default::default());
        let waiting = looked.await.unwrap().message_count();
        if waiting == COUNT - FIT {
            break;
        }
        assert!(clock.now() < end, "{waiting} wait");
    }
    let mut done = BTreeSet::new();
    while done != sent {
        for received in std::mem::take(&mut held) {
            if one.acknowledge(&received.receipt).await.unwrap() {
                done.extend(received.delivery.message.id);
            }
        }
        if done != sent {
            held = gather(&one.transport, &subscription, 1).await;
        }
    }
}

#[tokio::test]
async fn a_channel_that_is_not_there_is_asked_for_seldom() {
    let Some(url) = url() else { return };
    let rest = Duration::from_millis(400);
    let config = Config {
        backoff: backoff::Config {
            base: rest,
            throttled_base: rest,
            max: rest,
        },
        ..config()
    };
    let one = open(&url, config).await;
    let nowhere = to(&fresh("misspelt"), "billing/orders");
    let clock = Clock::system();
    let began = clock.now();
    for _ in 0..5 {
        let told = one.receive(&nowhere, 1, PATIENCE).await.unwrap_err();
        assert!(!told.is_infrastructure(), "{told:?}");
    }
    let time = clock.now() - began;
    assert!(time >= rest / 2 * 4, "{time:?}");
    assert!(time < PATIENCE / 2, "{time:?}");
}

#[tokio::test]
async fn a_delivery_is_given_back_for_a_day_at_most() {
    let Some(url) = url() else { return };
    let one = open(&url, config()).await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let held = gather(&one.transport, &subscription, 1).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let receipt = &held[0].receipt;
    let too_long = one.give_back(receipt, day + Duration::from_secs(1)).await;
    assert!(!too_long.unwrap_err().is_infrastructure());
    assert!(one.give_back(receipt, day).await.unwrap());
}
