//! However often a message comes, and however many hands take it, its effect is there once.

use std::sync::Arc;

use dovetail_messaging::{
    consumer::{Consumer, Done, Settlement},
    dead_letter::Reason,
};
use futures::future::join_all;

use crate::support::{Bench, Database, Obedient, config, consumer, message, on_each_store};

on_each_store! {
    eight_deliveries_of_each_of_500_messages_have_500_effects (flavor = "multi_thread", worker_threads = 4),
    checking_before_handling_and_noting_after_it_doubles_effects,
    a_duplicate_is_told_only_after_the_first_delivery_is_decided,
    another_body_under_the_same_identity_is_a_dead_letter_and_no_duplicate,
    two_consumers_do_not_take_each_others_messages_for_duplicates,
}

const IDS: usize = 500;
const DELIVERIES: usize = 8;

async fn eight_deliveries_of_each_of_500_messages_have_500_effects<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    // Two handles on one file: tasks of a process meet in its queue, processes meet on the lock of the file.
    let consumers = [
        Arc::new(bench.consumer(config())),
        Arc::new(consumer(bench.other().await, config())),
    ];
    let tasks = (0..DELIVERIES).map(|delivery| {
        let consumer = Arc::clone(&consumers[delivery % 2]);
        tokio::spawn(async move {
            let mut handled = 0;
            for id in 0..IDS {
                handled += usize::from(until_acknowledged(&consumer, id).await == Done::Handled);
            }
            handled
        })
    });
    let handled: usize = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(handled, IDS, "each message is handled by one delivery");
    assert_eq!(bench.count("SELECT count(*) FROM effect").await, 500);
    assert_eq!(
        bench.count("SELECT count(DISTINCT id) FROM effect").await,
        500
    );
    assert_eq!(
        bench.count("SELECT count(*) FROM dovetail_outbox").await,
        500
    );
}

async fn until_acknowledged<D: Database>(consumer: &Consumer<D, Obedient>, id: usize) -> Done {
    loop {
        match consumer.process(message(&format!("m-{id}"), "ok")).await {
            Settlement::Ack(done) => return done,
            Settlement::Retry { .. } => tokio::task::yield_now().await,
            Settlement::Pause { .. } => panic!("nothing is down"),
        }
    }
}

/// The control: what everybody writes first has the effect twice under the same deliveries, so the test above can fail.
async fn checking_before_handling_and_noting_after_it_doubles_effects<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let deliveries = (0..DELIVERIES).map(|_| async {
        for id in 0..20 {
            naive(&bench, format!("m-{id}")).await;
        }
    });
    join_all(deliveries).await;
    let effects = bench.count("SELECT count(*) FROM effect").await;
    assert!(effects > 20, "{effects} effects of 20 messages");
}

async fn naive<D: Database>(bench: &Bench<D>, id: String) {
    let known = format!("SELECT count(*) FROM unique_effect WHERE id = '{id}'");
    if bench.count(&known).await > 0 {
        return;
    }
    for sql in [
        format!("INSERT INTO effect (id, body) VALUES ('{id}', '')"),
        format!("INSERT INTO unique_effect VALUES ('{id}') ON CONFLICT DO NOTHING"),
    ] {
        bench.store.run(&sql).await;
    }
}

async fn a_duplicate_is_told_only_after_the_first_delivery_is_decided<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    // Both are under way at once; the first one fails, so the second one must not have been taken for its duplicate.
    consumer
        .handler()
        .failures
        .store(1, std::sync::atomic::Ordering::SeqCst);
    let (one, other) = tokio::join!(
        consumer.process(message("m-1", "fail at first")),
        consumer.process(message("m-1", "fail at first")),
    );
    // Which of them came first is for the store to say.
    let is_handled = |settlement| settlement == Settlement::Ack(Done::Handled);
    let (first, second) = if is_handled(one) {
        (other, one)
    } else {
        (one, other)
    };
    assert!(matches!(first, Settlement::Retry { .. }), "{first:?}");
    assert!(is_handled(second), "{second:?}");
    assert_eq!(bench.effects().await, ["m-1"]);
}

async fn another_body_under_the_same_identity_is_a_dead_letter_and_no_duplicate<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Handled)
    );
    assert_eq!(
        consumer.process(message("m-1", "other")).await,
        Settlement::Ack(Done::Dead(Reason::IdReuse))
    );
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Duplicate)
    );
    assert_eq!(bench.effects().await, ["m-1"]);
    let letters = bench.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(&letters[0].message.body[..], b"other");
}

async fn two_consumers_do_not_take_each_others_messages_for_duplicates<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let one = bench.consumer(config());
    let other = Consumer::new(
        "mail/orders/confirm",
        bench.store.clone(),
        Obedient::default(),
        config(),
        dovetail_resilience::Clock::pinned_at(crate::support::start()),
        dovetail_resilience::Chance::seeded(1),
    );
    for consumer in [&one, &other] {
        assert_eq!(
            consumer.process(message("m-1", "ok")).await,
            Settlement::Ack(Done::Handled)
        );
    }
}
