//! Brokers that fail in the middle of it: the mock cluster answers requests with errors, moves leaders and goes away.

use std::{collections::BTreeSet, time::Duration};

use dovetail_messaging::{
    outbox::{PublishError, Publisher},
    transport::{Kind, Subscription, Transport, kafka::Kafka},
};
use dovetail_resilience::Clock;
use rdkafka::{
    mocking::MockCoordinator,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

use super::{Cluster, assert_order, connect, id, key, message, publish, receive};
use crate::transport::rig::to;

/// Receives and acknowledges all, and returns every delivery in its order.
async fn drain(kafka: &Kafka, subscription: &Subscription, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        for one in receive(kafka, subscription, 1).await {
            assert!(kafka.acknowledge(&one.receipt).await.unwrap());
            seen.push(id(&one).to_owned());
        }
    }
    let more = kafka
        .receive(subscription, 1, Duration::from_secs(1))
        .await
        .unwrap();
    assert!(more.is_empty(), "{} came twice", id(&more[0]));
    seen
}

#[tokio::test]
async fn what_is_sent_again_is_neither_doubled_nor_out_of_order() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR__TRANSPORT as CUT,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION as NOT_LEADER,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT as TIMED_OUT,
    };
    for errors in [
        &[NOT_LEADER, NOT_LEADER][..],
        &[TIMED_OUT, NOT_LEADER, TIMED_OUT],
        &[CUT, TIMED_OUT, CUT],
    ] {
        let cluster = Cluster::mock();
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 3).await;
        let mock = cluster.mock.as_ref().unwrap();
        publish(&kafka, &channel, 10).await;
        // Many at once, so that batches overtake one another if they can; the numbers of a key one after the other, as a relay does.
        mock.request_errors(RDKafkaApiKey::Produce, errors);
        let lanes = (0..7_u32).map(|lane| {
            let (kafka, channel) = (&kafka, &channel);
            async move {
                for number in (10..80).filter(|number| number % 7 == lane) {
                    let one = message(channel, &number.to_string()).with_key(key(number));
                    kafka.publish(&one).await.unwrap();
                }
            }
        });
        futures::future::join_all(lanes).await;
        let seen = drain(&kafka, &to(&channel, ""), 80).await;
        assert_order(&seen);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 80, "{errors:?}");
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn partitions_whose_leader_moves_lose_nothing() {
    let cluster = Cluster::mock();
    let kafka = cluster.connect();
    let channel = cluster.channel(&kafka, Kind::Queue, 2).await;
    let mock = cluster.mock.as_ref().unwrap();
    for number in 0..60_u32 {
        if number % 15 == 0 {
            for partition in 0..2 {
                let leader = 1 + i32::try_from(number / 15).unwrap() % 3;
                mock.partition_leader(&channel, partition, Some(leader))
                    .unwrap();
            }
        }
        let one = message(&channel, &number.to_string()).with_key(key(number));
        kafka.publish(&one).await.unwrap();
    }
    let seen = drain(&kafka, &to(&channel, ""), 60).await;
    assert_order(&seen);
    kafka.close().await.unwrap();
}

#[tokio::test]
async fn a_coordinator_that_moves_costs_no_message_and_no_commit() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS as LOADING,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR as MOVED,
    };
    let cluster = Cluster::mock();
    let kafka = cluster.connect();
    let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
    let mock = cluster.mock.as_ref().unwrap();
    mock.request_errors(RDKafkaApiKey::JoinGroup, &[MOVED]);
    publish(&kafka, &channel, 20).await;
    let subscription = to(&channel, "");
    for number in 0..20 {
        if number == 10 {
            mock.request_errors(RDKafkaApiKey::OffsetCommit, &[LOADING, MOVED, MOVED]);
            mock.request_errors(RDKafkaApiKey::Heartbeat, &[MOVED]);
            let group = MockCoordinator::Group(format!("{channel}.queue"));
            mock.coordinator(group, 2).unwrap();
        }
        let one = receive(&kafka, &subscription, 1).await;
        assert!(kafka.acknowledge(&one[0].receipt).await.unwrap());
    }
    // Told again until it is told.
    Clock::system().sleep(Duration::from_secs(1)).await;
    kafka.close().await.unwrap();
    let next = cluster.connect();
    super::declare(&next, &channel, Kind::Queue, 1).await;
    let one = message(&channel, "last");
    next.publish(&one).await.unwrap();
    assert_eq!(id(&receive(&next, &subscription, 1).await[0]), "last");
    next.close().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_away_is_unavailable_and_waited_for() {
    let cluster = Cluster::mock();
    let mut options = cluster.options();
    options.publish_timeout = Duration::from_secs(2);
    let kafka = connect(options);
    let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
    publish(&kafka, &channel, 1).await;
    let mock = cluster.mock.as_ref().unwrap();
    for broker in 1..=3 {
        mock.broker_down(broker).unwrap();
    }
    let lost = message(&channel, "1").with_key("k1");
    let published = kafka.publish(&lost).await;
    assert!(
        matches!(published, Err(PublishError::Unavailable(_))),
        "{published:?}"
    );
    for broker in 1..=3 {
        mock.broker_up(broker).unwrap();
    }
    // A relay tries it again, under the same identity.
    let clock = Clock::system();
    let end = clock.now() + super::PATIENCE;
    while let Err(error) = kafka.publish(&lost).await {
        assert!(clock.now() < end, "{error}");
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        for one in receive(&kafka, &to(&channel, ""), 1).await {
            seen.insert(id(&one).to_owned());
            kafka.acknowledge(&one.receipt).await.unwrap();
        }
    }
    kafka.close().await.unwrap();
}
