//! What fails for good becomes a dead letter with its reason, and nothing of it remains elsewhere.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use dovetail_messaging::{
    Message,
    consumer::{Consumer, Done, HandlerError, RetryCause, Settlement},
    dead_letter::{Filter, Reason, State},
    replay::CONSUMER,
    store::{ErrorKind, StoreError},
};

use crate::support::{
    Bench, Database, NAME, Obedient, after, config, message, on_each_store, start,
};

on_each_store! {
    each_way_to_fail_has_its_reason,
    a_statement_that_does_not_end_is_ended_by_the_deadline,
    what_is_down_for_all_messages_pauses_the_consumer_and_counts_nothing,
    attempts_are_counted_over_consumers_and_forgotten_by_success,
    a_handler_cannot_end_the_transaction,
    a_dead_letter_that_comes_again_is_counted_and_not_kept_twice,
    a_replayed_letter_is_handled_under_its_old_identity,
    letters_that_have_no_identity_of_their_own_are_not_replayed,
    letters_are_listed_and_counted_by_what_they_are,
    handled_messages_are_forgotten_and_dead_ones_are_not,
}

/// Delivers a message until it is acknowledged, and returns how, and after how many deliveries.
async fn to_the_end<D: Database>(bench: &Bench<D>, message: Message) -> (Done, u32) {
    let consumer = bench.consumer(config());
    for deliveries in 1..=10 {
        let settlement = consumer.process(message.clone()).await;
        // A handler that hangs has paused the clock to be ended by its deadline.
        if message.body == "hang" || message.body == "endless" {
            tokio::time::resume();
        }
        match settlement {
            Settlement::Ack(done) => return (done, deliveries),
            Settlement::Retry { cause, .. } => assert_eq!(cause, RetryCause::Failed),
            Settlement::Pause { .. } => panic!("nothing is down"),
        }
    }
    panic!("it has no end: {message:?}");
}

async fn check<D: Database>(message: Message, reason: Reason, deliveries: u32, detail: &str) {
    let bench = Bench::<D>::of_store().await;
    let end = to_the_end(&bench, message.clone()).await;
    assert_eq!(end, (Done::Dead(reason), deliveries), "{detail}");
    assert_eq!(bench.effects().await.len(), 0, "{reason}: no effect");
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_outbox").await,
        0,
        "{reason}: nothing is published"
    );
    let letters = bench.letters().await;
    assert_eq!(letters.len(), 1, "{reason}");
    let letter = &letters[0];
    assert_eq!(letter.reason, reason);
    assert!(
        letter.detail.to_lowercase().contains(detail),
        "{reason}: {}",
        letter.detail
    );
    assert_eq!(letter.message, message, "{reason}: byte for byte");
    assert_eq!(letter.contract.as_deref(), Some("orders 1.4.0"));
    let is_attempted = !matches!(
        reason,
        Reason::Decode | Reason::Contract | Reason::IdMissing | Reason::Expired
    );
    assert_eq!(letter.attempts, if is_attempted { deliveries } else { 0 });
}

async fn each_way_to_fail_has_its_reason<D: Database>() {
    let garbage = Message {
        body: Bytes::from_static(&[0xff, 0xfe]),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        ..message("m-1", "")
    };
    let anonymous = Message {
        id: None,
        ..message("m-1", "ok")
    };
    let verbose = Message {
        id: Some("x".repeat(5_000)),
        ..message("m-1", "ok")
    };
    let late = Message {
        expires_at: Some(start() - Duration::from_secs(1)),
        ..message("m-1", "ok")
    };
    let rows = [
        (garbage, Reason::Decode, 1, "utf-8"),
        (
            message("m-1", "decoder panics"),
            Reason::Decode,
            1,
            "gave up",
        ),
        (message("m-1", "invalid"), Reason::Contract, 1, "/amount"),
        (verbose, Reason::Contract, 1, "longer than"),
        (anonymous, Reason::IdMissing, 1, "no source or no id"),
        (late, Reason::Expired, 1, "expired"),
        (
            message("m-1", "fatal"),
            Reason::Handler,
            1,
            "no such account",
        ),
        (
            message("m-1", "fail"),
            Reason::RetriesExhausted,
            3,
            "does not work",
        ),
        (
            message("m-1", "conflict"),
            Reason::RetriesExhausted,
            3,
            "unique",
        ),
        (message("m-1", "panic"), Reason::Panic, 3, "at the handler"),
        (message("m-1", "hang"), Reason::Timeout, 3, "30s"),
    ];
    for (message, reason, deliveries, detail) in rows {
        check::<D>(message, reason, deliveries, detail).await;
    }
}

async fn a_statement_that_does_not_end_is_ended_by_the_deadline<D: Database>() {
    check::<D>(message("m-1", "endless"), Reason::Timeout, 3, "30s").await;
}

async fn what_is_down_for_all_messages_pauses_the_consumer_and_counts_nothing<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    for round in 0..6 {
        let ceiling = config().pause.ceiling(round, false);
        let after = pause(&consumer, "m-1").await;
        assert!(after >= ceiling / 2 && after <= ceiling, "{after:?}");
        // One trouble meets all that is under way, and is one pause.
        for id in 0..16 {
            let rest = pause(&consumer, &format!("m-{id}")).await;
            assert!(rest <= after, "{round}: {rest:?}");
        }
        tokio::time::pause();
        tokio::time::advance(after).await;
        tokio::time::resume();
    }
    let last = pause(&consumer, "m-1").await;
    assert!(
        last <= Duration::from_secs(4),
        "{last:?}: what was down is back"
    );
    assert_eq!(bench.letters().await.len(), 0);
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_attempt").await,
        0
    );
    let settlement = consumer.process(message("m-2", "ok")).await;
    assert_eq!(settlement, Settlement::Ack(Done::Handled));
    let after = pause(&consumer, "m-1").await;
    assert!(after <= Duration::from_secs(1), "success ends the pauses");
}

async fn pause<D: Database>(consumer: &Consumer<D, Obedient>, id: &str) -> Duration {
    match consumer.process(message(id, "down")).await {
        Settlement::Pause { after } => after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lock_that_others_hold_is_the_trouble_of_one_message() {
    let of = |kind| HandlerError::from(StoreError::new("run a statement", kind));
    assert!(matches!(of(ErrorKind::Contended), HandlerError::Message(_)));
    assert!(matches!(
        of(ErrorKind::Unavailable),
        HandlerError::Infrastructure(_)
    ));
}

async fn attempts_are_counted_over_consumers_and_forgotten_by_success<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let first = bench.consumer(config());
    first.handler().failures.store(1, Ordering::SeqCst);
    first.process(message("m-1", "fail at first")).await;
    assert_eq!(
        bench.count("SELECT attempts FROM dovetail_attempt").await,
        1
    );
    // Another process takes it up.
    let second = bench.consumer(config());
    second.handler().failures.store(1, Ordering::SeqCst);
    second.process(message("m-1", "fail at first")).await;
    assert_eq!(
        bench.count("SELECT attempts FROM dovetail_attempt").await,
        2
    );
    let settlement = second.process(message("m-1", "fail at first")).await;
    assert_eq!(settlement, Settlement::Ack(Done::Handled));
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_attempt").await,
        0
    );
    assert_eq!(bench.effects().await, ["m-1"]);
}

async fn a_handler_cannot_end_the_transaction<D: Database>() {
    let reason = Reason::RetriesExhausted;
    check::<D>(message("m-1", "commit"), reason, 3, "not authorized").await;
}

async fn a_dead_letter_that_comes_again_is_counted_and_not_kept_twice<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    for _ in 0..3 {
        consumer.process(message("m-1", "invalid")).await;
    }
    let letters = bench.letters().await;
    assert_eq!((letters.len(), letters[0].seen), (1, 3));
    // One that failed in the handler is known to the inbox already.
    consumer.process(message("m-2", "fatal")).await;
    assert_eq!(
        consumer.process(message("m-2", "fatal")).await,
        Settlement::Ack(Done::Duplicate)
    );
}

async fn a_replayed_letter_is_handled_under_its_old_identity<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    consumer.handler().failures.store(3, Ordering::SeqCst);
    for _ in 0..3 {
        consumer.process(message("m-1", "fail at first")).await;
    }
    let number = bench.letters().await[0].number;
    assert!(bench.store.replay(number, after(1)).await.unwrap());
    assert!(!bench.store.replay(number, after(1)).await.unwrap(), "once");
    assert_eq!(bench.letters().await.len(), 0);
    let taken = bench
        .store
        .take(after(2), Duration::from_secs(30), 10)
        .await
        .unwrap();
    let replayed = taken.messages[0].message.clone();
    let addressed = Message {
        headers: vec![(CONSUMER.to_owned(), NAME.to_owned())],
        ..message("m-1", "fail at first")
    };
    assert_eq!(
        replayed, addressed,
        "to the consumer that could not handle it"
    );
    assert_eq!(
        consumer.process(replayed.clone()).await,
        Settlement::Ack(Done::Handled)
    );
    assert_eq!(
        consumer.process(replayed).await,
        Settlement::Ack(Done::Duplicate)
    );
}

async fn letters_that_have_no_identity_of_their_own_are_not_replayed<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    consumer.process(message("m-1", "ok")).await;
    consumer.process(message("m-1", "other")).await;
    let number = bench.letters().await[0].number;
    let error = bench.store.replay(number, after(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(bench.store.discard(number, after(1)).await.unwrap());
    assert_eq!(bench.letters().await.len(), 0);
}

async fn letters_are_listed_and_counted_by_what_they_are<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    for (id, body) in [("1", "invalid"), ("2", "fatal"), ("3", "invalid")] {
        consumer.process(message(id, body)).await;
    }
    let contract = Filter {
        reason: Some(Reason::Contract),
        ..Filter::default()
    };
    let letters = bench.store.letters(contract.clone(), 0, 1).await.unwrap();
    assert_eq!(letters[0].message.id.as_deref(), Some("1"));
    let next = bench
        .store
        .letters(contract.clone(), letters[0].number, 10)
        .await
        .unwrap();
    assert_eq!(next.len(), 1);
    let tally = bench.store.tally(contract).await.unwrap();
    assert_eq!(tally.count, 2);
    assert!(tally.oldest_at.is_some_and(|at| at >= start()));
    let replayed = Filter {
        state: Some(State::Replayed),
        ..Filter::default()
    };
    assert_eq!(bench.store.tally(replayed).await.unwrap().count, 0);
}

async fn handled_messages_are_forgotten_and_dead_ones_are_not<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    for (id, body) in [("1", "ok"), ("2", "fatal"), ("3", "ok"), ("4", "ok")] {
        consumer.process(message(id, body)).await;
    }
    let far: SystemTime = after(3_600);
    assert_eq!(bench.store.forget(start(), 10).await.unwrap(), 0);
    assert_eq!(bench.store.forget(far, 2).await.unwrap(), 2);
    assert_eq!(bench.store.forget(far, 10).await.unwrap(), 1);
    assert_eq!(
        bench
            .count("SELECT count(*) FROM dovetail_inbox WHERE status = 'dead'")
            .await,
        1
    );
}
