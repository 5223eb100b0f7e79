//! What was committed is published: in the order of its key, at least once, and by nobody twice at a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dovetail_messaging::{
    Message,
    dead_letter::Reason,
    outbox::{Config, Fate, PublishError, Publisher, Relay, Settled, Taken, Turn},
    store::{ErrorKind, Parking, Transaction},
};
use dovetail_resilience::{Chance, Clock, backoff};
use tokio::sync::Mutex;

use crate::support::{Bench, Database, Work, after, config, message, on_each_store, start};

on_each_store! {
    a_service_publishes_with_what_it_writes_or_not_at_all,
    what_was_not_claimed_cannot_be_parked,
    what_is_taken_is_nobody_elses_until_the_hold_ends,
    a_key_waits_behind_what_of_it_is_taken_or_failed,
    a_rejected_message_blocks_its_key_until_somebody_decides,
    what_was_published_can_be_published_again_for_a_while,
    relays_side_by_side_keep_the_order_of_each_key (flavor = "multi_thread", worker_threads = 4),
    a_relay_publishes_what_handlers_commit_and_stops_when_told,
    a_relay_says_what_its_turn_came_to,
}

const HOLD: Duration = Duration::from_secs(30);

/// Puts messages into the outbox, each in a transaction of its own.
async fn publish<D: Database>(bench: &Bench<D>, messages: &[(&str, Option<&str>)]) {
    for (id, key) in messages {
        let mut transaction = bench.store.transaction(start()).await.unwrap();
        let message = Message {
            key: key.map(str::to_owned),
            ..message(id, "")
        };
        transaction.publish(message).unwrap();
        transaction.commit().await.unwrap();
    }
}

async fn a_service_publishes_with_what_it_writes_or_not_at_all<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for (id, is_committed) in [("m-1", false), ("m-2", true), ("m-3", false)] {
        let mut transaction = bench.store.transaction(start()).await.unwrap();
        transaction.effect(id, "").await.unwrap();
        transaction.publish(message(id, "")).unwrap();
        if is_committed {
            transaction.commit().await.unwrap();
        } else {
            drop(transaction);
        }
    }
    assert_eq!(bench.effects().await, ["m-2"]);
    assert_eq!(ids(&take(&bench, &bench.store, 0).await), ["m-2"]);
}

async fn what_was_not_claimed_cannot_be_parked<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let transaction = bench.store.transaction(start()).await.unwrap();
    let parking = Parking {
        message: message("m-1", "").with_key("a"),
        retry_at: None,
        error: String::new(),
        keys_max: 1,
        length_max: 1,
        at: start(),
    };
    let error = transaction.park(parking).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

/// Takes what there is, so many seconds after the start.
async fn take<D: Database>(bench: &Bench<D>, store: &D, seconds: u64) -> Taken {
    store
        .take(bench.at(seconds).await, HOLD, 100)
        .await
        .unwrap()
}

fn ids(taken: &Taken) -> Vec<&str> {
    taken
        .messages
        .iter()
        .filter_map(|waiting| waiting.message.id.as_deref())
        .collect()
}

fn settled(taken: &Taken, place: usize, fate: Fate) -> Settled {
    Settled {
        place: taken.messages[place].place,
        fate,
    }
}

async fn what_is_taken_is_nobody_elses_until_the_hold_ends<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    publish(&bench, &[("1", None), ("2", Some("a")), ("3", Some("a"))]).await;
    let first = take(&bench, &bench.store, 0).await;
    assert_eq!(ids(&first), ["1", "2", "3"]);
    assert_eq!(ids(&take(&bench, &bench.other().await, 20).await).len(), 0);
    let second = take(&bench, &bench.other().await, 30).await;
    assert_eq!(ids(&second), ["1", "2", "3"]);
    // The first relay wakes up, and its token is stale.
    let late = vec![settled(&first, 0, Fate::Published)];
    assert_eq!(
        bench
            .store
            .settle(first.token, late, bench.at(31).await)
            .await
            .unwrap(),
        0
    );
    assert_eq!(bench.store.pending().await.unwrap().count, 3);
}

async fn a_key_waits_behind_what_of_it_is_taken_or_failed<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let messages = [("a1", Some("a")), ("a2", Some("a")), ("b1", Some("b"))];
    publish(&bench, &messages).await;
    let one = bench.store.take(bench.at(0).await, HOLD, 1).await.unwrap();
    assert_eq!(ids(&one), ["a1"]);
    let rest = take(&bench, &bench.store, 0).await;
    assert_eq!(ids(&rest), ["b1"], "a2 waits for a1");
    let failed = Fate::Failed {
        error: "busy".to_owned(),
        retry_at: after(100),
    };
    bench
        .store
        .settle(one.token, vec![settled(&one, 0, failed)], bench.at(1).await)
        .await
        .unwrap();
    assert_eq!(ids(&take(&bench, &bench.store, 20).await).len(), 0);
    assert_eq!(
        ids(&take(&bench, &bench.store, 100).await),
        ["a1", "a2", "b1"]
    );
}

async fn a_rejected_message_blocks_its_key_until_somebody_decides<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    publish(
        &bench,
        &[("a1", Some("a")), ("a2", Some("a")), ("b1", Some("b"))],
    )
    .await;
    let taken = take(&bench, &bench.store, 0).await;
    let rejected = Fate::Rejected {
        error: "too large".to_owned(),
        blocks_key: true,
    };
    let fates = vec![
        settled(&taken, 0, rejected),
        settled(&taken, 1, Fate::Released),
        settled(&taken, 2, Fate::Published),
    ];
    bench
        .store
        .settle(taken.token, fates, bench.at(1).await)
        .await
        .unwrap();
    let letters = bench.letters().await;
    assert_eq!(letters[0].reason, Reason::PublishRejected);
    assert_eq!(letters[0].consumer, "outbox/orders");
    assert_eq!(ids(&take(&bench, &bench.store, 60).await).len(), 0);
    bench
        .store
        .replay(letters[0].number, bench.at(61).await)
        .await
        .unwrap();
    let again = take(&bench, &bench.store, 62).await;
    assert_eq!(ids(&again), ["a1", "a2"], "in its old place");
    // Rejected again, and given up.
    let rejected = Fate::Rejected {
        error: "too large".to_owned(),
        blocks_key: true,
    };
    let fates = vec![
        settled(&again, 0, rejected),
        settled(&again, 1, Fate::Released),
    ];
    bench
        .store
        .settle(again.token, fates, bench.at(63).await)
        .await
        .unwrap();
    let number = bench.letters().await[0].number;
    bench
        .store
        .discard(number, bench.at(64).await)
        .await
        .unwrap();
    assert_eq!(ids(&take(&bench, &bench.store, 65).await), ["a2"]);
}

async fn what_was_published_can_be_published_again_for_a_while<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    publish(&bench, &[("1", None), ("2", None)]).await;
    for (id, at) in [("1", 10), ("2", 20)] {
        let taken = bench.store.take(bench.at(at).await, HOLD, 1).await.unwrap();
        assert_eq!(ids(&taken), [id]);
        bench
            .store
            .settle(
                taken.token,
                vec![settled(&taken, 0, Fate::Published)],
                bench.at(at).await,
            )
            .await
            .unwrap();
    }
    assert_eq!(bench.store.pending().await.unwrap().count, 0);
    assert_eq!(bench.store.republish(after(15)).await.unwrap(), 1);
    assert_eq!(ids(&take(&bench, &bench.store, 60).await), ["2"]);
    assert_eq!(
        bench
            .store
            .forget_published(after(3_600), 10)
            .await
            .unwrap(),
        1
    );
}

/// The key and the id of a message.
type Confirmed = (Option<String>, String);

/// A broker that notes what it confirmed, and is down for each third message at its first try.
#[derive(Debug, Default, Clone)]
struct Broker {
    confirmed: Arc<Mutex<Vec<Confirmed>>>,
    tried: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Publisher for Broker {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let id = message.id.clone().unwrap_or_default();
        let tries = {
            let mut tried = self.tried.lock().await;
            let tries = tried.entry(id.clone()).or_default();
            *tries += 1;
            *tries
        };
        if tries == 1 && id.bytes().map(u32::from).sum::<u32>() % 3 == 0 {
            return Err(PublishError::Unavailable("busy".to_owned()));
        }
        tokio::task::yield_now().await;
        self.confirmed.lock().await.push((message.key.clone(), id));
        Ok(())
    }
}

fn relay<D: Database>(store: D, broker: Broker) -> Relay<D, Broker> {
    let config = Config {
        batch_max: 7,
        backoff: backoff::Config {
            base: Duration::ZERO,
            throttled_base: Duration::ZERO,
            max: Duration::ZERO,
        },
        ..Config::default()
    };
    Relay::new(
        store,
        broker,
        config,
        Clock::pinned_at(start()),
        Chance::seeded(1),
    )
}

async fn relays_side_by_side_keep_the_order_of_each_key<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let keys = ["a", "b", "c", "d", "e"];
    let names: Vec<(String, &str)> = (100..220)
        .map(|number| (format!("{number}"), keys[number % keys.len()]))
        .collect();
    let messages: Vec<(&str, Option<&str>)> = names
        .iter()
        .map(|(id, key)| (id.as_str(), Some(*key)))
        .collect();
    publish(&bench, &messages).await;
    let broker = Broker::default();
    let relays = [
        relay(bench.store.clone(), broker.clone()),
        relay(bench.other().await, broker.clone()),
        relay(bench.other().await, broker.clone()),
    ];
    let tasks = relays.into_iter().map(|relay| {
        tokio::spawn(async move {
            let mut lost = 0;
            let mut idle = 0;
            while idle < 200 {
                let turn = relay.turn().await.unwrap();
                idle = if turn.taken == 0 { idle + 1 } else { 0 };
                lost += turn.lost;
            }
            lost
        })
    });
    for lost in futures::future::join_all(tasks).await {
        assert_eq!(lost.unwrap(), 0);
    }
    let confirmed = broker.confirmed.lock().await;
    assert_eq!(confirmed.len(), 120, "each message once");
    for key in keys {
        let of_key: Vec<&String> = confirmed
            .iter()
            .filter(|(of, _)| of.as_deref() == Some(key))
            .map(|(_, id)| id)
            .collect();
        assert!(of_key.is_sorted(), "{key}: {of_key:?}");
        assert_eq!(of_key.len(), 24);
    }
}

async fn a_relay_publishes_what_handlers_commit_and_stops_when_told<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let broker = Broker::default();
    let relay = relay(bench.store.clone(), broker.clone());
    let consumer = bench.consumer(config());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let work = async {
        consumer.process(message("m-2", "ok")).await;
        while bench.store.pending().await.unwrap().count > 0 {
            tokio::task::yield_now().await;
        }
        drop(stop);
    };
    tokio::join!(
        relay.run(async {
            let _ = stopped.await;
        }),
        work
    );
    let confirmed = broker.confirmed.lock().await;
    assert_eq!(*confirmed, [(None, "charged-m-2".to_owned())]);
}

async fn a_relay_says_what_its_turn_came_to<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    publish(&bench, &[("0", None), ("1", None)]).await;
    let relay = relay(bench.store.clone(), Broker::default());
    let turn = relay.turn().await.unwrap();
    assert_eq!(
        turn,
        Turn {
            taken: 2,
            published: 1,
            failed: 1,
            ..Turn::default()
        }
    );
}
