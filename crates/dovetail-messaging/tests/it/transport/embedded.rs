//! The embedded broker, and consumers that run on it.

use std::{sync::Arc, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Config, Done, Order, Pace, Settlement, run},
    dead_letter::Reason,
    outbox::{self, PublishError, Publisher, Relay},
    store::sqlite::Sqlite,
    transport::{
        Channel, Kind, Received, Subscription, Transport,
        embedded::{Embedded, Receipt},
    },
};
use dovetail_resilience::{Chance, Clock};

use super::{
    laws::conformance,
    rig::{Opened, Rig},
};
use crate::support::{Bench, Database, config, message, start};

const VISIBILITY: Duration = Duration::from_secs(60);

/// Brokers in one file, on a clock that the test moves.
struct EmbeddedRig {
    bench: Bench,
    clock: Clock,
    /// Whoever moves the clock: nobody else can meanwhile.
    moving: tokio::sync::Mutex<()>,
}

impl Rig for EmbeddedRig {
    type Transport = Embedded;

    async fn start() -> Option<Self> {
        Some(Self {
            bench: Bench::new().await,
            clock: Clock::pinned_at(start()),
            moving: tokio::sync::Mutex::default(),
        })
    }

    fn docs() -> &'static str {
        include_str!("../../../src/transport/embedded.rs")
    }

    async fn open(&self) -> Opened<Embedded> {
        Opened {
            transport: Embedded::new(self.bench.other().await, VISIBILITY, self.clock),
            line: None,
        }
    }

    fn visibility(&self) -> Duration {
        VISIBILITY
    }

    async fn pass(&self, time: Duration) {
        let _moving = self.moving.lock().await;
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    fn quiet(&self) -> Duration {
        Duration::ZERO
    }

    fn backlog(&self) -> u32 {
        300
    }

    async fn publish_foreign(&self, channel: &str, attributes: &[(&str, &str)], body: &[u8]) {
        let headers = attributes.iter();
        let message = Message {
            channel: channel.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_vec().into(),
            ..Message::default()
        };
        self.open().await.publish(&message).await.unwrap();
    }
}

conformance!(EmbeddedRig);

fn to(channel: &str, group: &str) -> Subscription {
    Subscription {
        channel: channel.to_owned(),
        group: group.to_owned(),
    }
}

/// A broker on a store, whose clock is so many seconds past the start.
fn broker(store: &Sqlite, seconds: u64) -> Embedded {
    let clock = Clock::pinned_at(start() + Duration::from_secs(seconds));
    Embedded::new(store.clone(), VISIBILITY, clock)
}

async fn orders(bench: &Bench) -> Embedded {
    let broker = broker(&bench.store, 0);
    broker
        .declare(&Channel::new("orders", Kind::Topic))
        .await
        .unwrap();
    for group in ["mail", "bill"] {
        broker.subscribe(&to("orders", group)).await.unwrap();
    }
    broker
}

async fn receive(broker: &Embedded, group: &str) -> Vec<Received<Receipt>> {
    broker
        .receive(&to("orders", group), 10, Duration::ZERO)
        .await
        .unwrap()
}

fn ids(received: &[Received<Receipt>]) -> Vec<&str> {
    received
        .iter()
        .filter_map(|one| one.delivery.message.id.as_deref())
        .collect()
}

#[tokio::test]
async fn each_group_of_a_topic_has_each_message() {
    let bench = Bench::new().await;
    let broker = orders(&bench).await;
    for id in ["1", "2"] {
        broker.publish(&message(id, "ok")).await.unwrap();
    }
    for group in ["mail", "bill"] {
        let received = receive(&broker, group).await;
        assert_eq!(ids(&received), ["1", "2"]);
        assert_eq!(received[0].delivery.message, message("1", "ok"));
        for one in received {
            assert!(broker.acknowledge(&one.receipt).await.unwrap());
            assert!(!broker.acknowledge(&one.receipt).await.unwrap(), "once");
        }
        assert_eq!(broker.backlog(&to("orders", group)).await.unwrap(), 0);
    }
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_message").await,
        0
    );
    // Who comes later has what comes later.
    broker.subscribe(&to("orders", "late")).await.unwrap();
    broker.publish(&message("3", "ok")).await.unwrap();
    assert_eq!(ids(&receive(&broker, "late").await), ["3"]);
}

#[tokio::test]
async fn a_queue_gives_each_message_to_one_consumer_and_keeps_it_until_there_is_one() {
    let bench = Bench::new().await;
    let broker = broker(&bench.store, 0);
    broker
        .declare(&Channel::new("orders", Kind::Queue))
        .await
        .unwrap();
    broker.publish(&message("1", "ok")).await.unwrap();
    broker.subscribe(&to("orders", "mail")).await.unwrap();
    assert_eq!(ids(&receive(&broker, "mail").await), ["1"]);
    assert_eq!(ids(&receive(&broker, "bill").await).len(), 0);
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_comes_again_and_its_receipt_is_void() {
    let bench = Bench::new().await;
    let early = orders(&bench).await;
    early.publish(&message("1", "ok")).await.unwrap();
    let first = receive(&early, "mail").await;
    assert_eq!(receive(&early, "mail").await.len(), 0);
    let late = broker(&bench.store, 61);
    let second = receive(&late, "mail").await;
    assert_eq!((second[0].deliveries, ids(&second)), (2, vec!["1"]));
    assert!(!early.acknowledge(&first[0].receipt).await.unwrap());
    assert!(
        !early
            .give_back(&first[0].receipt, Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(late.acknowledge(&second[0].receipt).await.unwrap());
}

#[tokio::test]
async fn what_is_given_back_comes_again_after_its_time() {
    let bench = Bench::new().await;
    let broker_now = orders(&bench).await;
    broker_now.publish(&message("1", "ok")).await.unwrap();
    let first = receive(&broker_now, "mail").await;
    let after = Duration::from_secs(5);
    assert!(
        broker_now
            .give_back(&first[0].receipt, after)
            .await
            .unwrap()
    );
    assert_eq!(receive(&broker_now, "mail").await.len(), 0);
    assert_eq!(receive(&broker(&bench.store, 6), "mail").await.len(), 1);
}

#[tokio::test]
async fn of_one_key_the_earliest_comes_and_the_rest_waits() {
    let bench = Bench::new().await;
    let broker = orders(&bench).await;
    for (id, key) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        broker
            .publish(&message(id, "ok").with_key(key))
            .await
            .unwrap();
    }
    let first = receive(&broker, "mail").await;
    assert_eq!(ids(&first), ["a1", "b1"]);
    assert_eq!(receive(&broker, "mail").await.len(), 0);
    broker.acknowledge(&first[0].receipt).await.unwrap();
    assert_eq!(ids(&receive(&broker, "mail").await), ["a2"]);
}

#[tokio::test]
async fn a_channel_that_nobody_declared_rejects_what_is_published() {
    let bench = Bench::new().await;
    let broker = orders(&bench).await;
    let misspelt = Message::new("ordres", "shop", "1", "ok");
    assert!(matches!(
        broker.publish(&misspelt).await,
        Err(PublishError::Rejected(_))
    ));
    assert!(
        broker
            .declare(&Channel::new("orders", Kind::Queue))
            .await
            .is_err()
    );
    broker
        .declare(&Channel::new("orders", Kind::Topic))
        .await
        .unwrap();
    assert!(broker.subscribe(&to("ordres", "mail")).await.is_err());
}

#[tokio::test]
async fn a_receiver_that_waits_is_woken_by_what_is_published() {
    let bench = Bench::new().await;
    let broker = orders(&bench).await;
    let waits = Duration::from_secs(600);
    let subscription = to("orders", "mail");
    let published = message("1", "ok");
    let (received, is_published) = tokio::join!(
        broker.receive(&subscription, 10, waits),
        broker.publish(&published)
    );
    is_published.unwrap();
    assert_eq!(ids(&received.unwrap()), ["1"]);
}

/// Whoever waits hears of nothing that other processes do.
#[tokio::test]
async fn a_receiver_that_waits_sees_what_another_process_publishes() {
    let bench = Bench::new().await;
    let (one, other) = (orders(&bench).await, broker(&bench.other().await, 0));
    let waits = Duration::from_secs(600);
    let subscription = to("orders", "mail");
    let published = message("1", "ok");
    let (received, is_published) = tokio::join!(
        one.receive(&subscription, 10, waits),
        other.publish(&published)
    );
    is_published.unwrap();
    assert_eq!(ids(&received.unwrap()), ["1"]);
}

/// What comes back within the wait is received in it, also at its very end.
#[tokio::test]
async fn a_receiver_that_waits_sees_what_becomes_visible() {
    let bench = Bench::new().await;
    orders(&bench).await;
    let broker = Embedded::new(bench.store.clone(), VISIBILITY, Clock::pinned_at(start()));
    broker.publish(&message("1", "ok")).await.unwrap();
    let time = Duration::from_millis(30);
    for wait in [time * 100, time * 2] {
        let held = receive(&broker, "mail").await;
        assert!(broker.give_back(&held[0].receipt, time).await.unwrap());
        let received = broker.receive(&to("orders", "mail"), 10, wait).await;
        let received = received.unwrap();
        assert_eq!(ids(&received), ["1"]);
        let again = Duration::ZERO;
        assert!(broker.give_back(&received[0].receipt, again).await.unwrap());
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nobody() {
    let bench = Bench::new().await;
    let broker = orders(&bench).await;
    for id in ["1", "2", "3"] {
        broker
            .publish(&message(id, "ok").with_key("a"))
            .await
            .unwrap();
    }
    let damage = "UPDATE dovetail_message SET headers = '{' WHERE id = '1'";
    assert_eq!(bench.store.run(damage).await, 1);
    let damage = "DELETE FROM dovetail_message WHERE id = '2'";
    assert_eq!(bench.store.run(damage).await, 1);
    let consumer = bench.consumer(config());
    for (body, is_dead) in [("ok", true), ("", true), ("ok", false)] {
        let received = receive(&broker, "mail").await;
        let delivery = received[0].delivery.clone();
        assert_eq!(delivery.message.body, body);
        assert_eq!(delivery.problem.is_some(), is_dead, "{delivery:?}");
        let settlement = consumer.process(delivery).await;
        let expected = if is_dead {
            Done::Dead(Reason::Decode)
        } else {
            Done::Handled
        };
        assert_eq!(settlement, Settlement::Ack(expected));
        assert!(broker.acknowledge(&received[0].receipt).await.unwrap());
    }
}

#[tokio::test]
async fn messages_are_kept_for_as_long_as_is_declared() {
    const HOUR: u64 = 3_600;
    let bench = Bench::new().await;
    let early = orders(&bench).await;
    let mut channel = Channel::new("orders", Kind::Topic);
    for hours in [Some(2), Some(1), None] {
        channel.retention = hours.map(|hours| Duration::from_secs(hours * HOUR));
        early.declare(&channel).await.unwrap();
    }
    for id in ["1", "2", "3"] {
        early.publish(&message(id, "ok")).await.unwrap();
    }
    let inside = broker(&bench.store, 2 * HOUR);
    inside.publish(&message("4", "ok")).await.unwrap();
    let received = inside
        .receive(&to("orders", "mail"), 1, Duration::ZERO)
        .await;
    assert_eq!(ids(&received.unwrap()), ["1"]);
    let late = broker(&bench.store, 2 * HOUR + 1);
    let received = late.receive(&to("orders", "mail"), 1, Duration::ZERO).await;
    assert_eq!(ids(&received.unwrap()), ["4"]);
    // A group that receives nothing has no more than was published lately.
    late.publish(&message("5", "ok")).await.unwrap();
    assert_eq!(late.backlog(&to("orders", "bill")).await.unwrap(), 2);
    let messages = "SELECT count(*) FROM dovetail_message";
    assert_eq!(bench.count(messages).await, 2);
}

/// The whole way: published, consumed, the event of the handler relayed, and what fails a dead letter.
#[tokio::test]
async fn consumers_on_the_embedded_broker_handle_each_message_once() {
    for batch in [1, 3] {
        consumers_in_batches_of(batch).await;
    }
}

async fn consumers_in_batches_of(batch: u32) {
    let bench = Bench::new().await;
    let broker = Embedded::new(bench.store.clone(), VISIBILITY, Clock::pinned_at(start()));
    broker
        .declare(&Channel::new("orders", Kind::Topic))
        .await
        .unwrap();
    broker
        .declare(&Channel::new("charges", Kind::Queue))
        .await
        .unwrap();
    let subscription = to("orders", "billing");
    broker.subscribe(&subscription).await.unwrap();
    let consumer = Arc::new(bench.consumer(Config {
        order: Some(Order::default()),
        ..config()
    }));
    consumer
        .handler()
        .failures
        .store(2, std::sync::atomic::Ordering::SeqCst);
    // Each message twice, as a producer sends it that is not sure.
    for number in 0..80 {
        let body = match number % 20 {
            3 => "fail at first",
            7 => "fatal",
            _ => "ok",
        };
        let one = message(&format!("m-{number:02}"), body).with_key(format!("k{}", number % 4));
        broker.publish(&one).await.unwrap();
        broker.publish(&one).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let runs = (0..2).map(|_| {
        let mut stopped = stopped.clone();
        run(
            broker.clone(),
            subscription.clone(),
            Arc::clone(&consumer),
            Pace {
                concurrency: 8,
                batch,
                wait: Duration::from_millis(20),
                ..Pace::default()
            },
            Clock::system(),
            async move {
                let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
            },
        )
    });
    let watch = async {
        while bench.effects().await.len() < 76 || broker.backlog(&subscription).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    tokio::join!(futures::future::join_all(runs), watch);
    let effects = bench.effects().await;
    assert_eq!(effects.len(), 76, "80 less 4 that are fatal");
    for key in 0..4 {
        let of_key: Vec<&String> = effects
            .iter()
            .filter(|id| id.trim_start_matches("m-").parse::<usize>().unwrap() % 4 == key)
            .collect();
        assert!(of_key.is_sorted(), "k{key}: {of_key:?}");
    }
    let letters = bench.letters().await;
    assert_eq!(letters.len(), 4);
    assert!(letters.iter().all(|one| one.reason == Reason::Handler));
    relay_all(&bench, &broker).await;
    assert_eq!(broker.backlog(&to("charges", "")).await.unwrap(), 76);
}

async fn relay_all(bench: &Bench, broker: &Embedded) {
    let relay = Relay::new(
        bench.store.clone(),
        broker.clone(),
        outbox::Config::default(),
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    while relay.turn().await.unwrap().taken > 0 {}
}
