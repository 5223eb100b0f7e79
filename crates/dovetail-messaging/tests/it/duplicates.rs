//! However often a message comes, and however many hands take it, its effect is there once.

use std::sync::Arc;

use dovetail_messaging::{
    consumer::{Done, Settlement},
    dead_letter::Reason,
};
use futures::future::join_all;

use crate::support::{Bench, config, consumer, message};

const IDS: usize = 500;
const DELIVERIES: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_deliveries_of_each_of_500_messages_have_500_effects() {
    let bench = Bench::new().await;
    // Two handles on one file: tasks of a process meet in its queue, processes meet on the lock of the file.
    let consumers = [
        Arc::new(bench.consumer(config())),
        Arc::new(consumer(bench.other(), config())),
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

async fn until_acknowledged(
    consumer: &dovetail_messaging::consumer::Consumer<
        dovetail_messaging::store::sqlite::Sqlite,
        crate::support::Obedient,
    >,
    id: usize,
) -> Done {
    loop {
        match consumer.process(message(&format!("m-{id}"), "ok")).await {
            Settlement::Ack(done) => return done,
            Settlement::Retry { .. } => tokio::task::yield_now().await,
            Settlement::Pause { .. } => panic!("nothing is down"),
        }
    }
}

/// The control: what everybody writes first has the effect twice under the same deliveries, so the test above can fail.
#[tokio::test]
async fn checking_before_handling_and_noting_after_it_doubles_effects() {
    let bench = Bench::new().await;
    let deliveries = (0..DELIVERIES).map(|_| async {
        for id in 0..20 {
            naive(&bench, format!("m-{id}")).await;
        }
    });
    join_all(deliveries).await;
    let effects = bench.count("SELECT count(*) FROM effect").await;
    assert!(effects > 20, "{effects} effects of 20 messages");
}

async fn naive(bench: &Bench, id: String) {
    let seen = id.clone();
    let is_known = bench
        .store
        .transact(move |connection| {
            connection
                .prepare("SELECT 1 FROM unique_effect WHERE id = ?1")?
                .exists([seen])
        })
        .await
        .unwrap();
    if is_known {
        return;
    }
    let done = id.clone();
    bench
        .store
        .transact(move |connection| {
            connection.execute("INSERT INTO effect VALUES (?1, '')", [done])
        })
        .await
        .unwrap();
    bench
        .store
        .transact(move |connection| {
            connection.execute("INSERT OR IGNORE INTO unique_effect VALUES (?1)", [id])
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_duplicate_is_told_only_after_the_first_delivery_is_decided() {
    let bench = Bench::new().await;
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
    assert!(matches!(one, Settlement::Retry { .. }), "{one:?}");
    assert_eq!(other, Settlement::Ack(Done::Handled));
    assert_eq!(bench.effects().await, ["m-1"]);
}

#[tokio::test]
async fn another_body_under_the_same_identity_is_a_dead_letter_and_no_duplicate() {
    let bench = Bench::new().await;
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

#[tokio::test]
async fn two_consumers_do_not_take_each_others_messages_for_duplicates() {
    let bench = Bench::new().await;
    let one = bench.consumer(config());
    let other = dovetail_messaging::consumer::Consumer::new(
        "mail/orders/confirm",
        bench.store.clone(),
        crate::support::Obedient::default(),
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
