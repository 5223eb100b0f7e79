//! Processes that die without a word, as nothing that lives in this process can: their sessions end, and no connection is closed in good order.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use dovetail_messaging::{
    outbox::Publisher,
    transport::{Kind, Transport, kafka::Kafka},
};
use futures::future::join_all;

use super::{Cluster, assert_order, connect, declare, id, key, message, options, receive};
use crate::transport::rig::to;

/// Tells the process that is killed what to do, as `role channel brokers`.
const TASK: &str = "DOVETAIL_KILLED_KAFKA";

#[tokio::test]
async fn what_a_killed_member_held_comes_again_and_nothing_else_is_missing() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 2).await;
        for number in 0..40 {
            let one = message(&channel, &number.to_string());
            kafka.publish(&one).await.unwrap();
        }
        let (mut taken, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
        let mut child = start("consumer", &channel, &cluster);
        for line in lines(&mut child) {
            match line.split_once(' ') {
                Some(("acknowledged", id)) => acknowledged.insert(id.to_owned()),
                _ => taken.insert(line),
            };
            if taken.len() >= 20 {
                break;
            }
        }
        kill(child);
        let missing = 40 - acknowledged.len();
        let subscription = to(&channel, "");
        let mut seen = BTreeSet::new();
        while seen.union(&acknowledged).count() < 40 {
            for one in receive(&kafka, &subscription, 1).await {
                seen.insert(id(&one).to_owned());
                assert!(kafka.acknowledge(&one.receipt).await.unwrap());
            }
        }
        assert!(seen.len() >= missing);
        let held: Vec<&String> = taken.difference(&acknowledged).collect();
        assert!(!held.is_empty());
        assert!(held.iter().all(|id| seen.contains(*id)), "{held:?}");
        kafka.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_confirmed_to_a_killed_sender_is_there_once_and_in_order() {
    for cluster in Cluster::all() {
        let kafka = cluster.connect();
        let channel = cluster.channel(&kafka, Kind::Queue, 3).await;
        let mut confirmed = BTreeSet::new();
        let mut child = start("producer", &channel, &cluster);
        // It is killed while seven messages are on their way.
        for line in lines(&mut child).take(200) {
            confirmed.insert(line);
        }
        kill(child);
        let subscription = to(&channel, "");
        let mut seen = Vec::new();
        loop {
            let rest = Duration::from_secs(if confirmed.iter().all(|id| seen.contains(id)) {
                1
            } else {
                60
            });
            let some = kafka.receive(&subscription, 10, rest).await.unwrap();
            if some.is_empty() {
                break;
            }
            for one in some {
                seen.push(id(&one).to_owned());
                assert!(kafka.acknowledge(&one.receipt).await.unwrap());
            }
        }
        let lost: Vec<&String> = confirmed.iter().filter(|id| !seen.contains(id)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(confirmed.len(), 200);
        // Each number of a key is after the one before it, and so there once.
        assert_order(&seen);
        kafka.close().await.unwrap();
    }
}

fn start(role: &str, channel: &str, cluster: &Cluster) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "transport::kafka::killed::the_process_that_is_killed",
            "--nocapture",
        ])
        .env(
            TASK,
            format!("{role} {channel} {}", cluster.options().brokers),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines = output.lines().map_while(Result::ok);
    lines.filter_map(|line| {
        let (_, said) = line.split_once("says: ")?;
        Some(said.to_owned())
    })
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Not a test of its own: what the processes above run. Elsewhere it has nothing to do.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let [role, channel, brokers] = task.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{task}");
    };
    let kafka = connect(options(brokers));
    declare(&kafka, channel, Kind::Queue, 1).await;
    if role == "producer" {
        let lanes = (0..7).map(|lane| send(&kafka, channel, lane));
        join_all(lanes).await;
    }
    loop {
        for one in receive(&kafka, &to(channel, ""), 1).await {
            let id = id(&one);
            say(id);
            // Every third is held until the end.
            if id.parse::<u32>().unwrap() % 3 != 0 {
                assert!(kafka.acknowledge(&one.receipt).await.unwrap());
                say(&format!("acknowledged {id}"));
            }
        }
    }
}

/// Sends the numbers of a key, one after the other.
async fn send(kafka: &Kafka, channel: &str, lane: u32) {
    for number in (0..100_000).filter(|number| number % 7 == lane) {
        let one = message(channel, &number.to_string()).with_key(key(number));
        kafka.publish(&one).await.unwrap();
        say(&number.to_string());
    }
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "says: {what}").unwrap();
    out.flush().unwrap();
}
