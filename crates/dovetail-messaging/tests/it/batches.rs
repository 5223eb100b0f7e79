//! Several messages in one transaction: as many effects as one by one, and what fails fails alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Dedupe, Delivery, Done, Order, RetryCause, Settlement},
    dead_letter::Reason,
    inbox::Position,
};
use futures::future::join_all;

use crate::support::{Bench, Database, Obedient, config, consumer, message, on_each_store, start};

on_each_store! {
    a_batch_has_each_effect_once_in_its_order,
    what_is_wrong_fails_alone_and_for_its_own_reason,
    a_failure_that_only_the_commit_finds_is_found_by_halves,
    whatever_fails_each_message_ends_as_it_would_alone,
    what_is_down_pauses_all_that_is_not_settled,
    a_parked_key_is_parked_in_a_batch_too,
    what_is_leased_or_has_a_position_is_taken_alone,
    batches_that_share_messages_have_each_effect_once (flavor = "multi_thread", worker_threads = 4),
}

const HANDLED: Settlement = Settlement::Ack(Done::Handled);
const DUPLICATE: Settlement = Settlement::Ack(Done::Duplicate);
const PARKED: Settlement = Settlement::Ack(Done::Parked);

fn dead(reason: Reason) -> Settlement {
    Settlement::Ack(Done::Dead(reason))
}

async fn process<D: Database>(
    consumer: &Consumer<D, Obedient>,
    messages: impl IntoIterator<Item = Message>,
) -> Vec<Settlement> {
    let deliveries = messages.into_iter().map(Delivery::from).collect();
    consumer.process_batch(deliveries).await
}

async fn a_batch_has_each_effect_once_in_its_order<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    assert_eq!(process(&consumer, []).await, []);
    assert_eq!(consumer.process(message("m-2", "ok")).await, HANDLED);
    let ids = ["m-9", "m-2", "m-3", "m-9", "m-1", "m-3"];
    let settlements = process(&consumer, ids.map(|id| message(id, "ok"))).await;
    let expected = [HANDLED, DUPLICATE, HANDLED, DUPLICATE, HANDLED, DUPLICATE];
    assert_eq!(settlements, expected);
    assert_eq!(bench.effects().await, ["m-2", "m-9", "m-3", "m-1"]);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 4);
    assert_eq!(consumer.handler().calls.load(Ordering::SeqCst), 4);
    let again = process(&consumer, ids.map(|id| message(id, "ok"))).await;
    assert_eq!(again, [DUPLICATE; 6]);
}

async fn what_is_wrong_fails_alone_and_for_its_own_reason<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    consumer.process(message("m-0", "ok")).await;
    let rows = [
        ("m-1", "ok", HANDLED),
        ("m-2", "fatal", dead(Reason::Handler)),
        ("m-0", "reused", dead(Reason::IdReuse)),
        ("m-3", "ok", HANDLED),
        ("m-4", "invalid", dead(Reason::Contract)),
        ("m-5", "decoder panics", dead(Reason::Decode)),
        ("m-6", "ok", HANDLED),
        ("m-6", "another", dead(Reason::IdReuse)),
        ("m-7", "ok", HANDLED),
    ];
    let settlements = process(&consumer, rows.map(|(id, body, _)| message(id, body))).await;
    assert_eq!(settlements, rows.map(|(_, _, settlement)| settlement));
    assert_eq!(
        bench.effects().await,
        ["m-0", "m-1", "m-3", "m-6", "m-7"],
        "in their order"
    );
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_attempt").await,
        0
    );
    assert_eq!(bench.letters().await.len(), 5);
}

async fn a_failure_that_only_the_commit_finds_is_found_by_halves<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    // The handler ends well, and its effect does not.
    let bodies = ["ok", "ok", "ok", "at the commit", "ok", "ok", "ok"];
    let messages = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| message(&format!("m-{number}"), body));
    let settlements = process(&consumer, messages).await;
    for (number, settlement) in settlements.into_iter().enumerate() {
        if number == 3 {
            assert!(
                matches!(
                    settlement,
                    Settlement::Retry {
                        cause: RetryCause::Failed,
                        ..
                    }
                ),
                "{settlement:?}"
            );
        } else {
            assert_eq!(settlement, HANDLED, "{number}");
        }
    }
    assert_eq!(bench.effects().await.len(), 6);
    assert_eq!(
        bench.count("SELECT attempts FROM dovetail_attempt").await,
        1
    );
}

/// Delivers until everything has its end, which it says of each message.
async fn ends<D: Database>(
    consumer: &Consumer<D, Obedient>,
    size: usize,
) -> BTreeMap<String, Done> {
    let bodies = [
        "ok", "fail", "fatal", "ok", "conflict", "panic", "ok", "invalid", "ok", "commit", "ok",
    ];
    let mut waiting: Vec<Message> = bodies
        .iter()
        .cycle()
        .take(44)
        .enumerate()
        .map(|(number, body)| message(&format!("m-{number:02}"), body))
        .collect();
    let mut ends = BTreeMap::new();
    while !waiting.is_empty() {
        let mut again = Vec::new();
        for some in waiting.chunks(size) {
            let settlements = process(consumer, some.to_vec()).await;
            for (message, settlement) in some.iter().zip(settlements) {
                match settlement {
                    Settlement::Ack(done) => {
                        ends.insert(message.id.clone().unwrap(), done);
                    }
                    Settlement::Retry { .. } => again.push(message.clone()),
                    Settlement::Pause { .. } => panic!("nothing is down"),
                }
            }
        }
        waiting = again;
    }
    ends
}

async fn whatever_fails_each_message_ends_as_it_would_alone<D: Database>() {
    let alone = Bench::<D>::of_store().await;
    let expected = ends(&alone.consumer(config()), 1).await;
    for size in [2, 7, 44] {
        let bench = Bench::<D>::of_store().await;
        let consumer = bench.consumer(config());
        assert_eq!(ends(&consumer, size).await, expected, "{size}");
        let mut effects = bench.effects().await;
        effects.sort();
        assert_eq!(effects, alone.effects().await, "{size}");
        let told = |letters: Vec<dovetail_messaging::dead_letter::DeadLetter>| {
            let mut told: Vec<_> = letters
                .into_iter()
                .map(|letter| (letter.message.id, letter.reason, letter.attempts))
                .collect();
            told.sort();
            told
        };
        assert_eq!(told(bench.letters().await), told(alone.letters().await));
        let calls = consumer.handler().calls.load(Ordering::SeqCst);
        assert!(calls < 44 * 3 * 3, "{calls} calls of the handler");
    }
}

async fn what_is_down_pauses_all_that_is_not_settled<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    let rows = [("m-1", "ok"), ("m-2", "down"), ("m-3", "ok")];
    let settlements = process(&consumer, rows.map(|(id, body)| message(id, body))).await;
    assert!(
        settlements
            .iter()
            .all(|settlement| matches!(settlement, Settlement::Pause { .. })),
        "{settlements:?}"
    );
    assert_eq!(bench.effects().await.len(), 0);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_inbox").await, 0);
}

async fn a_parked_key_is_parked_in_a_batch_too<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(Config {
        order: Some(Order::default()),
        ..config()
    });
    consumer.handler().failures.store(2, Ordering::SeqCst);
    let keyed = |key: &str, id: &str, body: &str| message(id, body).with_key(key);
    let messages = [
        keyed("a", "a-1", "ok"),
        keyed("b", "b-1", "ok"),
        keyed("a", "a-2", "fail at first"),
        keyed("a", "a-3", "ok"),
        keyed("b", "b-2", "ok"),
        keyed("a", "a-4", "ok"),
    ];
    let settlements = process(&consumer, messages.clone()).await;
    assert_eq!(
        settlements,
        [HANDLED, HANDLED, PARKED, PARKED, HANDLED, PARKED]
    );
    let again = process(&consumer, messages).await;
    assert_eq!(
        again,
        [DUPLICATE, DUPLICATE, PARKED, PARKED, DUPLICATE, PARKED]
    );
    while consumer.drain(10).await.unwrap().handled > 0 {}
    let effects = bench.effects().await;
    let of_a = effects.iter().filter(|id| id.starts_with('a'));
    assert!(of_a.is_sorted(), "{effects:?}");
    assert_eq!(effects.len(), 6);
}

async fn what_is_leased_or_has_a_position_is_taken_alone<D: Database>() {
    use dovetail_messaging::{
        inbox::{Fingerprint, Key},
        store::Leased,
    };
    let bench = Bench::<D>::of_store().await;
    let leased = bench
        .store
        .lease(
            Key::of(crate::support::NAME, &message("m-2", "ok")).unwrap(),
            Fingerprint::of(b"ok"),
            start(),
            std::time::Duration::from_secs(30),
        )
        .await;
    assert!(matches!(leased.unwrap(), Leased::Held(_)));
    let consumer = bench.consumer(config());
    let settlements = process(&consumer, ["m-1", "m-2", "m-3"].map(|id| message(id, "ok"))).await;
    assert_eq!((settlements[0], settlements[2]), (HANDLED, HANDLED));
    assert!(matches!(
        settlements[1],
        Settlement::Retry {
            cause: RetryCause::Contended,
            ..
        }
    ));
    let by_offset = bench.consumer(Config {
        dedupe: Dedupe::Offset,
        ..config()
    });
    let deliveries = (0..3)
        .map(|offset| Delivery {
            position: Some(Position {
                topic: "orders".to_owned(),
                partition: 0,
                offset,
                expected: offset,
                began: offset,
            }),
            ..Delivery::from(message("m-5", "ok"))
        })
        .collect();
    assert_eq!(by_offset.process_batch(deliveries).await, [HANDLED; 3]);
}

async fn batches_that_share_messages_have_each_effect_once<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumers = [
        Arc::new(bench.consumer(config())),
        Arc::new(consumer(bench.other().await, config())),
    ];
    let tasks = (0..8_usize).map(|hand| {
        let consumer = Arc::clone(&consumers[hand % 2]);
        tokio::spawn(async move {
            let mut handled = 0;
            // Each hand takes them from another place and with another step, so that their batches overlap in all ways.
            let ids = (0..200).map(|number| (number * (2 * hand + 1) + 25 * hand) % 200);
            let mut waiting: Vec<usize> = ids.collect();
            while !waiting.is_empty() {
                let mut again = Vec::new();
                for some in waiting.chunks(20 + hand) {
                    let messages = some.iter().map(|id| message(&format!("m-{id}"), "ok"));
                    let settlements = process(&consumer, messages).await;
                    handled += settlements.iter().filter(|one| **one == HANDLED).count();
                    let unsettled = some
                        .iter()
                        .zip(settlements)
                        .filter(|(_, one)| !matches!(one, Settlement::Ack(_)));
                    again.extend(unsettled.map(|(id, _)| *id));
                }
                waiting = again;
            }
            handled
        })
    });
    let handled: usize = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(handled, 200);
    assert_eq!(bench.effects().await.len(), 200);
    assert_eq!(
        bench.count("SELECT count(DISTINCT id) FROM effect").await,
        200
    );
}
