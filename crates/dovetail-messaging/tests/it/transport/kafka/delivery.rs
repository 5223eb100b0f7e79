//! What becomes of one message.

use std::time::Duration;

use dovetail_messaging::{
    consumer::Delivery,
    outbox::{PublishError, Publisher},
    store::ErrorKind,
    transport::{Channel, Kind, Subscription, Transport},
};
use dovetail_resilience::Clock;
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

use super::{Cluster, connect, id, message, publish, receive};
use crate::transport::rig::{fresh, ids, to};

#[tokio::test]
async fn a_message_arrives_as_it_was_sent_and_says_where_it_stands() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Topic, 1).await;
        let subscription = to(&channel, "mail");
        kafka.subscribe(&subscription).await.unwrap();
        let mut sent = message(&channel, "1").with_key("Zoë");
        sent.headers
            .push(("subject".to_owned(), "o-1 ✓".to_owned()));
        let mut empty = message(&channel, "2");
        empty.body = bytes::Bytes::new();
        for one in [&sent, &empty] {
            kafka.publish(one).await.unwrap();
        }
        let received = receive(&kafka, &subscription, 2).await;
        let messages: Vec<_> = received.iter().map(|one| &one.delivery.message).collect();
        assert_eq!(messages, [&sent, &empty]);
        let positions = received.iter().map(|one| {
            let position = one.delivery.position.clone().unwrap();
            assert_eq!((position.topic, position.partition), (channel.clone(), 0));
            (position.offset, position.expected)
        });
        assert_eq!(positions.collect::<Vec<_>>(), [(0, 0), (1, 1)]);
        for one in &received {
            assert!(kafka.acknowledge(&one.receipt).await.unwrap());
            assert!(!kafka.acknowledge(&one.receipt).await.unwrap(), "once");
        }
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_no_producer_of_ours_sent_is_delivered_as_what_it_is() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &cluster.options().brokers)
            .create()
            .unwrap();
        let bytes: &[u8] = b"\xff\xfe";
        let strange = OwnedHeaders::new()
            .insert(Header {
                key: "ce_id",
                value: Some(bytes),
            })
            .insert(Header::<&[u8]> {
                key: "ce_source",
                value: None,
            })
            .insert(Header {
                key: "",
                value: Some(bytes),
            });
        type Raw<'a> = FutureRecord<'a, [u8], [u8]>;
        let records: [Raw<'_>; 5] = [
            // A tombstone, one without a key, strange headers, a key that is no text, and nothing at all.
            Raw::to(&channel).key(b"k"),
            Raw::to(&channel).payload(b"no key"),
            Raw::to(&channel).payload(b"strange").headers(strange),
            Raw::to(&channel).key(bytes).payload(b"bytes"),
            Raw::to(&channel),
        ];
        for record in records {
            producer.send(record, super::PATIENCE).await.unwrap();
        }
        publish(&kafka, &channel, 1).await;
        let received = receive(&kafka, &to(&channel, ""), 6).await;
        let seen: Vec<(Option<&str>, &[u8])> = received
            .iter()
            .map(|one| &one.delivery)
            .map(|Delivery { message, .. }| (message.key.as_deref(), &message.body[..]))
            .collect();
        let expected: [(Option<&str>, &[u8]); 6] = [
            (Some("k"), b""),
            (None, b"no key"),
            (None, b"strange"),
            (None, b"bytes"),
            (None, b""),
            (Some("k0"), b"body of 0"),
        ];
        assert_eq!(seen, expected);
        for one in &received[..5] {
            assert!(one.delivery.problem.is_some(), "{one:?}");
            assert_eq!(one.delivery.message.identity(), None);
        }
        assert_eq!(
            received[2].delivery.message.header("ce_id"),
            Some("\u{fffd}\u{fffd}")
        );
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_given_back_comes_again_after_its_time_and_its_key_waits() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
        for (id, key) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
            let one = message(&channel, id).with_key(key);
            kafka.publish(&one).await.unwrap();
        }
        let subscription = to(&channel, "");
        let first = receive(&kafka, &subscription, 2).await;
        assert_eq!(ids(&first), ["a1", "b1"]);
        let second = Duration::from_secs(1);
        let given_at = Clock::system().now();
        assert!(kafka.give_back(&first[0].receipt, second).await.unwrap());
        assert!(!kafka.acknowledge(&first[0].receipt).await.unwrap(), "void");
        let early = kafka.receive(&subscription, 5, second / 4).await.unwrap();
        assert!(early.is_empty(), "{:?}", ids(&early));
        let again = receive(&kafka, &subscription, 1).await;
        assert!(given_at.elapsed() >= second);
        assert_eq!((id(&again[0]), again[0].deliveries), ("a1", 2));
        assert!(kafka.acknowledge(&again[0].receipt).await.unwrap());
        assert_eq!(ids(&receive(&kafka, &subscription, 1).await), ["a2"]);
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_comes_again_and_its_receipt_is_void() {
    let cluster = Cluster::mock();
    let mut options = cluster.options();
    options.visibility = Duration::from_millis(300);
    let kafka = connect(options);
    let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
    publish(&kafka, &channel, 1).await;
    let subscription = to(&channel, "");
    let first = receive(&kafka, &subscription, 1).await;
    let second = receive(&kafka, &subscription, 1).await;
    assert_eq!(second[0].deliveries, 2);
    assert!(!kafka.acknowledge(&first[0].receipt).await.unwrap());
    assert!(kafka.acknowledge(&second[0].receipt).await.unwrap());
    kafka.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_sent_is_rejected() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Topic, 1).await;
        let mut nameless = message(&channel, "1");
        nameless.id = None;
        let mut huge = message(&channel, "2");
        huge.body = vec![b'x'; 4 << 20].into();
        let misspelt = message(&fresh("kafka"), "3");
        for one in [nameless, huge, misspelt] {
            let published = kafka.publish(&one).await;
            assert!(
                matches!(published, Err(PublishError::Rejected(_))),
                "{one:?}: {published:?}"
            );
        }
        let again = Channel::new(&channel, Kind::Queue);
        let error = kafka.declare(&again).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let nowhere: Subscription = to(&fresh("kafka"), "mail");
        assert!(kafka.subscribe(&nowhere).await.is_err());
    }
}
