//! A key whose message fails waits in its order, and no other key waits with it.

use std::{sync::atomic::Ordering, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Done, Drained, Order, Settlement},
    dead_letter::Reason,
};
use dovetail_resilience::backoff;
use futures::future::join_all;

use crate::support::{Bench, Database, Obedient, config, message, on_each_store};

on_each_store! {
    what_follows_a_failed_message_of_its_key_waits_behind_it,
    nothing_comes_between_a_failure_and_its_parking,
    when_no_attempt_succeeds_the_whole_key_becomes_dead_letters_in_its_order,
    a_message_that_is_wrong_in_itself_does_not_take_its_key_along,
    a_parked_key_rests_until_its_time,
    a_message_whose_statement_had_to_be_stopped_is_parked_as_any_other,
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
