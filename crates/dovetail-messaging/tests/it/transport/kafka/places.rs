//! Where groups begin, what channels are, and how much waits: what Kafka is asked about, and how its answers are taken.

use std::{collections::BTreeSet, time::Duration};

use dovetail_messaging::{
    outbox::{PublishError, Publisher},
    store::ErrorKind,
    transport::{Channel, Kind, Transport},
};
use dovetail_resilience::Clock;
use futures::future::join_all;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    types::RDKafkaRespErr,
};

use super::{Cluster, connect, id, message, publish, receive};
use crate::transport::rig::{fresh, to};

#[tokio::test]
async fn partitions_that_came_while_nobody_was_there_are_read_from_their_start() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Topic, 4).await;
        // As if there had been one partition when the group was last here.
        let stood: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &cluster.options().brokers)
            .set("group.id", "mail")
            .create()
            .unwrap();
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(&channel, 0, Offset::Offset(0))
            .unwrap();
        stood.commit(&place, CommitMode::Sync).unwrap();
        drop(stood);
        publish(&kafka, &channel, 20).await;
        let subscription = to(&channel, "mail");
        kafka.subscribe(&subscription).await.unwrap();
        let mut seen = BTreeSet::new();
        while seen.len() < 20 {
            for one in receive(&kafka, &subscription, 1).await {
                seen.insert(id(&one).to_owned());
                kafka.acknowledge(&one.receipt).await.unwrap();
            }
        }
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn of_two_that_subscribe_at_once_none_skips_what_the_other_is_promised() {
    let cluster = Cluster::mock();
    let [one, other] = [cluster.connect(), cluster.connect()];
    let channel = cluster.channel(&one, Kind::Topic, 16).await;
    let mock = cluster.mock.as_ref().unwrap();
    let subscription = to(&channel, "mail");
    // Each of them knows the brokers before it counts.
    for kafka in [&one, &other] {
        kafka.subscribe(&to(&channel, "before")).await.unwrap();
    }
    publish(&one, &channel, 1).await;
    let pace = Duration::from_millis(20);
    for broker in 1..=3 {
        mock.broker_round_trip_time(broker, pace).unwrap();
    }
    // The other is as far behind as makes it ask before the one is done, and answer after that.
    let first = async {
        one.subscribe(&subscription).await.unwrap();
        join_all((0..64_u32).map(|number| {
            let (kafka, channel) = (&one, &channel);
            async move {
                let promised =
                    message(channel, &format!("promised {number}")).with_key(format!("k{number}"));
                kafka.publish(&promised).await.unwrap();
            }
        }))
        .await;
    };
    let second = async {
        Clock::system().sleep(pace * 10).await;
        other.subscribe(&subscription).await.unwrap();
    };
    tokio::join!(first, second);
    for broker in 1..=3 {
        mock.broker_round_trip_time(broker, Duration::ZERO).unwrap();
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 64 {
        for received in receive(&one, &subscription, 1).await {
            assert!(id(&received).starts_with("promised"), "{received:?}");
            seen.insert(id(&received).to_owned());
            one.acknowledge(&received.receipt).await.unwrap();
        }
    }
    one.close().await.unwrap();
}

#[tokio::test]
async fn a_channel_is_to_every_process_what_it_was_declared_as_first() {
    for cluster in Cluster::all() {
        let first = cluster.connect();
        for (kind, other_kind) in [(Kind::Topic, Kind::Queue), (Kind::Queue, Kind::Topic)] {
            let channel = cluster.channel(&first, kind, 2).await;
            let other = cluster.connect();
            let error = other.declare(&Channel::new(&channel, other_kind)).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Refused, "{kind:?}");
            let same = cluster.connect();
            for _ in 0..2 {
                same.declare(&Channel::new(&channel, kind)).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_waits_for_a_group_is_counted() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Topic, 3).await;
        publish(&kafka, &channel, 4).await;
        let subscription = to(&channel, "mail");
        kafka.subscribe(&subscription).await.unwrap();
        assert_eq!(kafka.backlog(&subscription).await.unwrap(), Some(0));
        publish(&kafka, &channel, 7).await;
        assert_eq!(kafka.backlog(&subscription).await.unwrap(), Some(7));
        for one in receive(&kafka, &subscription, 7).await {
            if id(&one) != "3" {
                kafka.acknowledge(&one.receipt).await.unwrap();
            }
        }
        kafka.close().await.unwrap();
        // The one that is unfinished, and what stands behind it in its partition.
        let waiting = kafka.backlog(&subscription).await.unwrap().unwrap();
        assert!((1..7).contains(&waiting), "{waiting}");
        assert!(kafka.backlog(&to(&fresh("kafka"), "mail")).await.is_err());
    }
}

#[tokio::test]
async fn what_the_brokers_cannot_say_right_now_is_no_reason_to_reject() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as NO_LEADER, RD_KAFKA_RESP_ERR_NO_ERROR as NONE,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as FORBIDDEN,
    };
    let cluster = Cluster::mock();
    let kafka = cluster.connect();
    let channel = cluster.channel(&kafka, Kind::Topic, 1).await;
    let mock = cluster.mock.as_ref().unwrap();
    let lost = message(&channel, "1");
    for error in [NO_LEADER, FORBIDDEN] {
        mock.topic_error(&channel, error).unwrap();
        let stranger = cluster.connect();
        let published = stranger.publish(&lost).await;
        assert!(
            matches!(published, Err(PublishError::Unavailable(_))),
            "{published:?}"
        );
        let subscribed = stranger.subscribe(&to(&channel, "mail")).await;
        assert_eq!(subscribed.unwrap_err().kind(), ErrorKind::Unavailable);
        mock.topic_error(&channel, NONE).unwrap();
        stranger.publish(&lost).await.unwrap();
    }
    // A name that no topic can have is no topic.
    let nowhere = kafka.publish(&message("no/such topic", "1")).await;
    assert!(
        matches!(nowhere, Err(PublishError::Rejected(_))),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn publishing_has_one_deadline() {
    let cluster = Cluster::mock();
    let mut options = cluster.options();
    options.publish_timeout = Duration::from_secs(2);
    let (known, stranger) = (connect(options.clone()), connect(options));
    let channel = cluster.channel(&known, Kind::Topic, 1).await;
    publish(&known, &channel, 1).await;
    for broker in 1..=3 {
        cluster.mock.as_ref().unwrap().broker_down(broker).unwrap();
    }
    for kafka in [known, stranger] {
        let began = Clock::system().now();
        let published = kafka.publish(&message(&channel, "1")).await;
        assert!(
            matches!(published, Err(PublishError::Unavailable(_))),
            "{published:?}"
        );
        let took = began.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}
