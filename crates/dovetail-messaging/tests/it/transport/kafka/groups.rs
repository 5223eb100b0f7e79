//! Groups and their members: what a group has, and what becomes of it when members come, go and die.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use dovetail_messaging::{
    consumer::{Config, Dedupe, Pace, run},
    outbox::Publisher,
    store::ErrorKind,
    transport::{
        Kind, Transport,
        kafka::{Kafka, Lanes},
    },
};
use dovetail_resilience::Clock;

use super::{Cluster, assert_order, connect, declare, id, key, message, publish, receive};
use crate::{
    support::{Bench, config},
    transport::rig::{ids, to},
};

#[tokio::test]
async fn each_group_of_a_topic_has_what_came_since_it_subscribed() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Topic, 3).await;
        kafka.subscribe(&to(&channel, "mail")).await.unwrap();
        publish(&kafka, &channel, 5).await;
        let late = to(&channel, "late");
        kafka.subscribe(&late).await.unwrap();
        // A second time changes nothing.
        kafka.subscribe(&to(&channel, "mail")).await.unwrap();
        kafka.publish(&message(&channel, "new")).await.unwrap();
        assert_eq!(receive(&kafka, &to(&channel, "mail"), 6).await.len(), 6);
        assert_eq!(ids(&receive(&kafka, &late, 1).await), ["new"]);
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_keeps_its_messages_until_there_is_a_consumer() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 2).await;
        publish(&kafka, &channel, 4).await;
        let mut all = receive(&kafka, &to(&channel, "mail"), 2).await;
        all.extend(receive(&kafka, &to(&channel, "bill"), 2).await);
        let distinct: BTreeSet<&str> = ids(&all).into_iter().collect();
        assert_eq!(distinct.len(), 4);
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn no_commit_passes_what_is_unfinished() {
    for cluster in Cluster::all() {
        let first = cluster.connect();
        let channel = cluster.channel(&first, Kind::Queue, 1).await;
        for number in 0..6 {
            // Without keys, all of them are delivered at once.
            let one = message(&channel, &number.to_string());
            first.publish(&one).await.unwrap();
        }
        let subscription = to(&channel, "");
        let received = receive(&first, &subscription, 6).await;
        for place in [5, 0, 3, 1] {
            assert!(first.acknowledge(&received[place].receipt).await.unwrap());
        }
        first.close().await.unwrap();
        assert!(
            !first.acknowledge(&received[2].receipt).await.unwrap(),
            "void"
        );
        // 0 and 1 are committed. 3 and 5 come again, which the inbox knows.
        let second = cluster.connect();
        declare(&second, &channel, Kind::Queue, 1).await;
        let again = receive(&second, &subscription, 4).await;
        assert_eq!(ids(&again), ["2", "3", "4", "5"]);
        for one in &again {
            second.acknowledge(&one.receipt).await.unwrap();
        }
        second.close().await.unwrap();
        let third = cluster.connect();
        declare(&third, &channel, Kind::Queue, 1).await;
        publish(&third, &channel, 1).await;
        assert_eq!(ids(&receive(&third, &subscription, 1).await), ["0"]);
        third.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_partition_is_not_read_on_and_goes_on_later() {
    for cluster in Cluster::all() {
        let mut options = cluster.options();
        options.window_length_max = 8;
        let kafka = connect(options);
        let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
        for number in 0..200 {
            let one = message(&channel, &number.to_string());
            kafka.publish(&one).await.unwrap();
        }
        let subscription = to(&channel, "");
        let mut held = receive(&kafka, &subscription, 8).await;
        // A few may be on their way while it stops.
        let rest = Duration::from_millis(500);
        while let some @ [_, ..] = &kafka.receive(&subscription, 200, rest).await.unwrap()[..] {
            held.extend_from_slice(some);
        }
        assert!(held.len() < 150, "{}", held.len());
        let mut seen: BTreeSet<String> = BTreeSet::new();
        while seen.len() < 200 {
            for one in held.drain(..) {
                assert!(kafka.acknowledge(&one.receipt).await.unwrap());
                assert!(seen.insert(id(&one).to_owned()), "{} twice", id(&one));
            }
            if seen.len() < 200 {
                held = receive(&kafka, &subscription, 1).await;
            }
        }
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_partition_that_was_full_when_it_went_away_is_read_on_when_it_comes_back() {
    for cluster in Cluster::all() {
        let mut options = cluster.options();
        options.window_length_max = 8;
        options.visibility = Duration::from_secs(5);
        let [first, second] = [(); 2].map(|()| connect(options.clone()));
        let channel = cluster.channel(&first, Kind::Queue, 2).await;
        declare(&second, &channel, Kind::Queue, 2).await;
        let subscription = to(&channel, "");
        for number in 0..120_u32 {
            let one = message(&channel, &number.to_string()).with_key(key(number));
            first.publish(&one).await.unwrap();
        }
        // Both of its partitions are full, and what it holds keeps them so.
        let mut seen: BTreeSet<String> = BTreeSet::new();
        receive(&first, &subscription, 2).await;
        let rest = Duration::from_secs(1);
        while !first
            .receive(&subscription, 9, rest)
            .await
            .unwrap()
            .is_empty()
        {}
        // One of them goes to another member and comes back.
        receive(&second, &subscription, 1).await;
        second.close().await.unwrap();
        let mut held = Vec::new();
        while seen.len() < 120 {
            held.extend(receive(&first, &subscription, 1).await);
            for one in held.drain(..) {
                seen.insert(id(&one).to_owned());
                first.acknowledge(&one.receipt).await.unwrap();
            }
        }
        first.close().await.unwrap();
    }
}

#[tokio::test]
async fn headers_count_against_the_bound_of_bytes() {
    let cluster = Cluster::mock();
    let mut options = cluster.options();
    options.window_bytes_max = 64 << 10;
    let kafka = connect(options);
    let channel = cluster.channel(&kafka, Kind::Queue, 1).await;
    for number in 0..100 {
        let mut one = message(&channel, &number.to_string());
        one.headers.push(("extra".to_owned(), "x".repeat(32 << 10)));
        kafka.publish(&one).await.unwrap();
    }
    let subscription = to(&channel, "");
    let mut held = receive(&kafka, &subscription, 2).await;
    let rest = Duration::from_millis(500);
    while let some @ [_, ..] = &kafka.receive(&subscription, 200, rest).await.unwrap()[..] {
        held.extend_from_slice(some);
    }
    // A few may be on their way while it stops.
    assert!(held.len() < 50, "{}", held.len());
    kafka.close().await.unwrap();
}

/// What was handled, as an inbox has it: each once, noted before it is acknowledged; and by how many members.
#[derive(Default)]
struct Noted {
    ids: Vec<String>,
    by: BTreeSet<u32>,
}

async fn consume(kafka: Kafka, channel: String, number: u32, noted: Arc<Mutex<Noted>>) {
    let subscription = to(&channel, "");
    loop {
        // A member that comes while others go may find no coordinator for a moment, as a consumer does that pauses then.
        let some = kafka
            .receive(&subscription, 3, Duration::from_millis(200))
            .await;
        let some = match some {
            Err(error) if error.kind() == ErrorKind::Unavailable => continue,
            some => some.unwrap(),
        };
        for one in some {
            note(&noted, number, id(&one));
            kafka.acknowledge(&one.receipt).await.unwrap();
        }
    }
}

fn note(noted: &Mutex<Noted>, number: u32, id: &str) {
    let mut noted = noted.lock().unwrap();
    if !noted.ids.iter().any(|one| one == id) {
        noted.ids.push(id.to_owned());
        noted.by.insert(number);
    }
}

async fn until(noted: &Mutex<Noted>, count: usize, members: usize) {
    let done = async {
        while noted.lock().unwrap().ids.len() < count || noted.lock().unwrap().by.len() < members {
            Clock::system().sleep(Duration::from_millis(50)).await;
        }
    };
    let done = tokio::time::timeout(super::PATIENCE, done).await;
    assert!(done.is_ok(), "{:?}", noted.lock().unwrap().ids);
}

#[tokio::test]
async fn members_that_come_and_go_lose_nothing_and_keep_the_order_of_keys() {
    for cluster in Cluster::all() {
        let (first, second) = (cluster.connect(), cluster.connect());
        let channel = cluster.channel(&first, Kind::Queue, 4).await;
        let noted = Arc::new(Mutex::new(Noted::default()));
        let [_, other] = [(&first, 1), (&second, 2)].map(|(kafka, number)| {
            let (kafka, channel) = (kafka.clone(), channel.clone());
            tokio::spawn(consume(kafka, channel, number, Arc::clone(&noted)))
        });
        for number in 0..300_u32 {
            let one = message(&channel, &number.to_string()).with_key(key(number));
            first.publish(&one).await.unwrap();
            // One of them leaves in the middle of it.
            if number == 150 {
                until(&noted, 50, 2).await;
                other.abort();
                second.close().await.unwrap();
            }
        }
        until(&noted, 300, 2).await;
        assert_order(&noted.lock().unwrap().ids);
        first.close().await.unwrap();
    }
}

#[tokio::test]
async fn consumers_that_keep_their_offsets_themselves_handle_each_message_once() {
    for cluster in Cluster::all() {
        let bench = Bench::new().await;
        let mut options = cluster.options();
        options.lanes = Lanes::Partition;
        let kafka = connect(options);
        let channel = cluster.channel(&kafka, Kind::Topic, 3).await;
        let subscription = to(&channel, "billing/orders");
        kafka.subscribe(&subscription).await.unwrap();
        for number in 0..60_u32 {
            let mut one = message(&channel, &format!("m-{number:02}")).with_key(key(number));
            one.body = if number % 20 == 7 { "fatal" } else { "ok" }.into();
            kafka.publish(&one).await.unwrap();
        }
        let consumer = Arc::new(bench.consumer(Config {
            dedupe: Dedupe::Offset,
            ..config()
        }));
        let done = async {
            while bench.effects().await.len() < 57 || bench.letters().await.len() < 3 {
                Clock::system().sleep(Duration::from_millis(50)).await;
            }
        };
        let pace = Pace::default();
        let ran = run(
            kafka.clone(),
            subscription,
            consumer,
            pace,
            Clock::system(),
            done,
        );
        tokio::time::timeout(super::PATIENCE, ran).await.unwrap();
        let effects = bench.effects().await;
        let mut by_key: BTreeMap<u32, Vec<&String>> = BTreeMap::new();
        for effect in &effects {
            let number: u32 = effect.trim_start_matches("m-").parse().unwrap();
            by_key.entry(number % 7).or_default().push(effect);
        }
        assert!(by_key.values().all(|one| one.is_sorted()), "{effects:?}");
        assert_eq!(effects.iter().collect::<BTreeSet<_>>().len(), 57);
        let offsets = bench.count("SELECT sum(next) FROM dovetail_offset").await;
        assert_eq!(offsets, 60);
        kafka.close().await.unwrap();
    }
}
