//! A key whose message fails waits in its order, and no other key waits with it.

use std::{sync::atomic::Ordering, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Done, Drained, Identity, Order, Process, Settlement},
    dead_letter::{Burial, Reason},
    inbox::{Claim, Claimed, Fingerprint, Key},
    store::{ErrorKind, Failure},
};
use dovetail_resilience::backoff;
use futures::future::join_all;

use crate::support::{
    Bench, Database, NAME, Obedient, after, config, consumer_at, message, on_each_store, start,
};

on_each_store! {
    what_follows_a_failed_message_of_its_key_waits_behind_it,
    nothing_comes_between_a_failure_and_its_parking,
    when_no_attempt_succeeds_the_whole_key_becomes_dead_letters_in_its_order,
    a_message_that_is_wrong_in_itself_does_not_take_its_key_along,
    a_parked_key_rests_until_its_time,
    a_message_whose_statement_had_to_be_stopped_is_parked_as_any_other,
    a_message_whose_transaction_is_over_is_parked_as_any_other,
    what_is_parked_keeps_the_identity_under_which_it_came,
    what_is_parked_is_handled_though_no_route_keeps_an_order_any_more,
    a_key_where_something_is_down_keeps_no_other_from_its_turn,
    a_key_that_rests_is_tried_by_nobody,
    a_head_that_is_none_any_more_is_not_buried,
    a_full_queue_pauses_the_consumer_and_loses_nothing,
}

const PARKED: Settlement = Settlement::Ack(Done::Parked);
const HANDLED: Settlement = Settlement::Ack(Done::Handled);

fn ordered() -> Config {
    Config {
        order: Some(Order::default()),
        ..config()
    }
}

fn keyed(key: &str, id: &str, body: &str) -> Message {
    message(id, body).with_key(key)
}

async fn drain<D: Database>(consumer: &Consumer<D, Obedient>) -> Drained {
    let mut sum = Drained::default();
    loop {
        let drained = consumer.drain(100).await.unwrap();
        sum.handled += drained.handled;
        sum.dead += drained.dead;
        sum.waiting += drained.waiting;
        if drained == Drained::default() {
            return sum;
        }
    }
}

async fn what_follows_a_failed_message_of_its_key_waits_behind_it<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    consumer.handler().failures.store(2, Ordering::SeqCst);
    let rows = [
        (keyed("a", "a-1", "fail at first"), PARKED),
        (keyed("a", "a-2", "ok"), PARKED),
        (keyed("b", "b-1", "ok"), HANDLED),
        (message("n-1", "ok"), HANDLED),
        (keyed("a", "a-3", "ok"), PARKED),
        // Redelivered, because their acknowledgements were lost.
        (keyed("a", "a-1", "fail at first"), PARKED),
        (keyed("a", "a-2", "ok"), PARKED),
    ];
    for (message, settlement) in rows {
        assert_eq!(
            consumer.process(message.clone()).await,
            settlement,
            "{message:?}"
        );
    }
    assert_eq!(bench.effects().await, ["b-1", "n-1"]);
    let drained = drain(&consumer).await;
    assert_eq!((drained.handled, drained.waiting), (3, 1));
    assert_eq!(bench.effects().await, ["b-1", "n-1", "a-1", "a-2", "a-3"]);
    // The key is free again, and its past is known.
    assert_eq!(consumer.process(keyed("a", "a-4", "ok")).await, HANDLED);
    assert_eq!(
        consumer.process(keyed("a", "a-2", "ok")).await,
        Settlement::Ack(Done::Duplicate)
    );
}

async fn nothing_comes_between_a_failure_and_its_parking<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    for key in ["a", "b", "c", "d", "e", "f"] {
        consumer.handler().failures.store(1, Ordering::SeqCst);
        let calls = consumer.handler().calls.load(Ordering::SeqCst);
        let id = |number: u32| format!("{key}-{number}");
        let first = consumer.process(keyed(key, &id(0), "fail at first"));
        // All at once, as soon as the first one is at work: whoever begins second finds the key parked.
        let others = async {
            while consumer.handler().calls.load(Ordering::SeqCst) == calls {
                tokio::task::yield_now().await;
            }
            let others = (1..6).map(|number| consumer.process(keyed(key, &id(number), "ok")));
            join_all(others).await
        };
        let (first, others) = tokio::join!(first, others);
        assert_eq!(first, PARKED);
        assert!(others.iter().all(|one| *one == PARKED), "{others:?}");
        drain(&consumer).await;
        let effects = bench.effects().await;
        let mut of_key: Vec<String> = effects
            .into_iter()
            .filter(|effect| effect.starts_with(key))
            .collect();
        assert_eq!(of_key[0], id(0));
        of_key.sort();
        assert_eq!(of_key, (0..6).map(id).collect::<Vec<_>>());
    }
}

async fn when_no_attempt_succeeds_the_whole_key_becomes_dead_letters_in_its_order<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    for (id, body) in [("a-1", "fail"), ("a-2", "ok"), ("a-3", "ok")] {
        assert_eq!(consumer.process(keyed("a", id, body)).await, PARKED);
    }
    let drained = drain(&consumer).await;
    assert_eq!((drained.handled, drained.dead), (0, 3));
    let letters = bench.letters().await;
    let told: Vec<_> = letters
        .iter()
        .map(|letter| (letter.message.id.as_deref(), letter.reason, letter.attempts))
        .collect();
    assert_eq!(
        told,
        [
            (Some("a-1"), Reason::RetriesExhausted, 3),
            (Some("a-2"), Reason::KeyBlocked, 0),
            (Some("a-3"), Reason::KeyBlocked, 0),
        ]
    );
    assert_eq!(bench.effects().await.len(), 0);
    assert_eq!(consumer.process(keyed("a", "a-4", "ok")).await, HANDLED);
}

async fn a_message_that_is_wrong_in_itself_does_not_take_its_key_along<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    consumer.handler().failures.store(1, Ordering::SeqCst);
    for (id, body) in [("a-1", "fail at first"), ("a-2", "fatal"), ("a-3", "ok")] {
        assert_eq!(consumer.process(keyed("a", id, body)).await, PARKED);
    }
    let drained = drain(&consumer).await;
    assert_eq!((drained.handled, drained.dead), (2, 1));
    assert_eq!(bench.effects().await, ["a-1", "a-3"]);
    assert_eq!(bench.letters().await[0].reason, Reason::Handler);
}

async fn a_parked_key_rests_until_its_time<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let backoff = backoff::Config {
        base: Duration::from_secs(3_600),
        throttled_base: Duration::from_secs(3_600),
        max: Duration::from_secs(3_600),
    };
    let consumer = bench.consumer(Config {
        backoff,
        ..ordered()
    });
    consumer.process(keyed("a", "a-1", "fail")).await;
    assert_eq!(consumer.drain(10).await.unwrap(), Drained::default());
}

async fn a_message_whose_statement_had_to_be_stopped_is_parked_as_any_other<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    // Each attempt pauses the clock, to be ended by its deadline.
    assert_eq!(consumer.process(keyed("a", "a-1", "endless")).await, PARKED);
    tokio::time::resume();
    assert_eq!(
        bench.count("SELECT attempts FROM dovetail_attempt").await,
        1
    );
    for (waiting, dead) in [(1, 0), (0, 1)] {
        let drained = consumer.drain(100).await.unwrap();
        tokio::time::resume();
        assert_eq!((drained.waiting, drained.dead), (waiting, dead));
    }
    assert_eq!(bench.letters().await[0].reason, Reason::Timeout);
}

async fn a_message_whose_transaction_is_over_is_parked_as_any_other<D: Database>() {
    for body in ["conflict that ends", "at the commit"] {
        let bench = Bench::<D>::of_store().await;
        let consumer = bench.consumer(ordered());
        assert_eq!(
            consumer.process(keyed("a", "a-1", body)).await,
            PARKED,
            "{body}"
        );
        assert_eq!(consumer.process(keyed("a", "a-2", "ok")).await, PARKED);
        let attempts = "SELECT attempts FROM dovetail_attempt";
        assert_eq!(bench.count(attempts).await, 1, "{body}");
        let drained = drain(&consumer).await;
        assert_eq!((drained.waiting, drained.dead), (1, 2), "{body}");
        let letters = bench.letters().await;
        assert_eq!(letters[0].reason, Reason::RetriesExhausted, "{body}");
        assert_eq!(letters[0].attempts, 3, "{body}");
        assert_eq!(bench.effects().await.len(), 0, "{body}");
    }
}

async fn what_is_parked_keeps_the_identity_under_which_it_came<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let before = bench.consumer(ordered());
    before.handler().failures.store(1, Ordering::SeqCst);
    let first = before.process(keyed("a", "a-1", "fail at first")).await;
    assert_eq!(first, PARKED);
    // The payload has no such member, and what came before this was said has its identity nevertheless.
    let by_number = Config {
        identity: Identity::Pointer("/number".to_owned()),
        ..ordered()
    };
    let later = consumer_at(bench.store.clone(), by_number, after(1));
    assert_eq!(drain(&later).await.handled, 1);
    assert_eq!(bench.effects().await, ["a-1"]);
}

async fn what_is_parked_is_handled_though_no_route_keeps_an_order_any_more<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let before = bench.consumer(ordered());
    before.handler().failures.store(1, Ordering::SeqCst);
    for (id, body) in [("a-1", "fail at first"), ("a-2", "ok")] {
        assert_eq!(before.process(keyed("a", id, body)).await, PARKED);
    }
    let later = consumer_at(bench.store.clone(), config(), after(1));
    while Process::tend(&later).await {}
    assert_eq!(bench.effects().await, ["a-1", "a-2"]);
    assert_eq!(
        bench
            .count("SELECT count(*) FROM dovetail_parked_key")
            .await,
        0
    );
}

async fn a_key_where_something_is_down_keeps_no_other_from_its_turn<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    consumer.handler().failures.store(3, Ordering::SeqCst);
    for key in ["a", "b", "c"] {
        let body = if key == "a" {
            "fail at first, then down"
        } else {
            "fail at first"
        };
        let settlement = consumer.process(keyed(key, key, body)).await;
        assert_eq!(settlement, PARKED);
    }
    let trouble = consumer.drain(100).await.unwrap_err();
    assert_eq!(trouble.kind(), ErrorKind::Unavailable);
    assert_eq!(bench.effects().await, ["b", "c"]);
    // It was no attempt.
    assert_eq!(
        bench.count("SELECT attempts FROM dovetail_attempt").await,
        1
    );
}

async fn a_key_that_rests_is_tried_by_nobody<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let backoff = backoff::Config {
        base: Duration::from_secs(3_600),
        throttled_base: Duration::from_secs(3_600),
        max: Duration::from_secs(3_600),
    };
    let consumer = bench.consumer(Config {
        backoff,
        ..ordered()
    });
    let parked = keyed("a", "a-1", "fail");
    assert_eq!(consumer.process(parked.clone()).await, PARKED);
    // Another instance had seen it while it was due.
    let claimed = bench
        .store
        .begin_parked(claim_of(&parked), start())
        .await
        .unwrap();
    assert!(matches!(claimed, Claimed::Duplicate));
    drop(claimed);
    let failure = Failure {
        key: claim_of(&parked).key,
        error: "again".to_owned(),
        at: start(),
    };
    let rested = bench.store.rest(NAME, "a", start(), Some(failure)).await;
    rested.unwrap();
    let claimed = bench
        .store
        .begin_parked(claim_of(&parked), start())
        .await
        .unwrap();
    assert!(matches!(claimed, Claimed::Fresh { attempts: 2, .. }));
}

fn claim_of(message: &Message) -> Claim {
    Claim {
        key: Key::of(NAME, message).unwrap(),
        fingerprint: Fingerprint::of(&message.body),
        by_id: true,
        scope: NAME.to_owned(),
        position: None,
        order_key: message.key.clone(),
    }
}

async fn a_head_that_is_none_any_more_is_not_buried<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(ordered());
    consumer.handler().failures.store(1, Ordering::SeqCst);
    let first = keyed("a", "a-1", "fail at first");
    assert_eq!(consumer.process(first.clone()).await, PARKED);
    assert_eq!(consumer.process(keyed("a", "a-2", "fail")).await, PARKED);
    assert_eq!(consumer.drain(100).await.unwrap().handled, 1);
    // Another instance gave the first one up, and was slower.
    let burial = Burial {
        consumer: NAME.to_owned(),
        message: first,
        reason: Reason::RetriesExhausted,
        detail: "late".to_owned(),
        contract: None,
        at: start(),
    };
    assert_eq!(bench.store.bury_parked(NAME, burial).await.unwrap(), 0);
    assert_eq!(bench.letters().await.len(), 0);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_parked").await, 1);
}

async fn a_full_queue_pauses_the_consumer_and_loses_nothing<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let order = Order {
        keys_max: 1,
        length_max: 2,
    };
    let consumer = bench.consumer(Config {
        order: Some(order),
        ..config()
    });
    consumer.handler().failures.store(2, Ordering::SeqCst);
    let first = keyed("a", "a-1", "fail at first");
    assert_eq!(consumer.process(first).await, PARKED);
    assert_eq!(consumer.process(keyed("a", "a-2", "ok")).await, PARKED);
    for message in [keyed("a", "a-3", "ok"), keyed("b", "b-1", "fail at first")] {
        let settlement = consumer.process(message).await;
        assert!(
            matches!(settlement, Settlement::Pause { .. }),
            "{settlement:?}"
        );
    }
    drain(&consumer).await;
    assert_eq!(consumer.process(keyed("a", "a-3", "ok")).await, HANDLED);
    assert_eq!(bench.effects().await, ["a-1", "a-2", "a-3"]);
}
