//! Whatever point a consumer dies at, either all of its work is there or nothing, and the next delivery does the rest.

use dovetail_messaging::{
    consumer::{Done, Settlement},
    inbox::{Claim, Claimed, Fingerprint, Key},
    store::{Transaction, sqlite::Sqlite},
};
use tempfile::TempDir;

use crate::support::{
    Bench, Database, NAME, Work, config, consumer, message, message_of, on_each_store, start,
};

on_each_store! {
    a_dropped_transaction_never_was,
    a_commit_whose_answer_nobody_waits_for_is_all_or_nothing,
}

/// How far the consumer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Claimed,
    StatementAbandoned,
    Written,
    Published,
    RolledBack,
    CommitAbandoned,
    Committed,
}

const STEPS: [Step; 7] = [
    Step::Claimed,
    Step::StatementAbandoned,
    Step::Written,
    Step::Published,
    Step::RolledBack,
    Step::CommitAbandoned,
    Step::Committed,
];

const TRACES: &str = "SELECT (SELECT count(*) FROM effect) + (SELECT count(*) FROM dovetail_inbox) + (SELECT count(*) FROM dovetail_outbox)";

async fn a_dropped_transaction_never_was<D: Database>() {
    for step in STEPS {
        let bench = Bench::<D>::of_store().await;
        drop(walk(&bench.store, "m-1", step).await);
        let expected = if step == Step::Committed { 3 } else { 0 };
        assert_eq!(bench.count(TRACES).await, expected, "{step:?}");
        redelivery(&bench.store, step).await;
    }
}

/// What a machine finds that lost its power at each step: the files as they are, without a word of goodbye.
#[tokio::test]
async fn the_files_left_by_a_crash_hold_all_or_nothing() {
    for step in STEPS {
        let bench = Bench::new().await;
        let transaction = walk(&bench.store, "m-1", step).await;
        let remains = copy(&bench.home);
        drop(transaction);
        let store = <Sqlite as Database>::open(&Sqlite::address(&remains)).await;
        let expected = if step == Step::Committed { 3 } else { 0 };
        assert_eq!(store.count(TRACES).await, expected, "{step:?}");
        redelivery(&store, step).await;
    }
}

async fn redelivery<D: Database>(store: &D, step: Step) {
    let expected = if step == Step::Committed {
        Done::Duplicate
    } else {
        Done::Handled
    };
    let settlement = consumer(store.clone(), config())
        .process(message("m-1", "ok"))
        .await;
    assert_eq!(settlement, Settlement::Ack(expected), "{step:?}");
    assert_eq!(store.count(TRACES).await, 3, "{step:?}");
}

/// Goes as far as the step, and returns what is open there.
async fn walk<D: Database>(store: &D, id: &str, last: Step) -> Option<D::Transaction> {
    let claim = Claim {
        key: Key::of(NAME, &message(id, "ok")).unwrap(),
        fingerprint: Fingerprint::of(b"ok"),
        by_id: true,
        scope: NAME.to_owned(),
        position: None,
        order_key: None,
    };
    let Claimed::Fresh {
        mut transaction, ..
    } = store.begin(claim, start()).await.unwrap()
    else {
        panic!("the message is new");
    };
    if last == Step::Claimed {
        return Some(transaction);
    }
    if last == Step::StatementAbandoned {
        // Polled once, so that the thread may have begun it, and then given up.
        let statement = Box::pin(transaction.effect(id, "ok"));
        let _ = futures::poll!(statement);
        return Some(transaction);
    }
    transaction.effect(id, "ok").await.unwrap();
    if last == Step::Written {
        return Some(transaction);
    }
    transaction.publish(message_of(id)).unwrap();
    match last {
        Step::RolledBack => transaction.rollback().await,
        Step::CommitAbandoned => drop(transaction.commit()),
        Step::Committed => transaction.commit().await.unwrap(),
        _ => return Some(transaction),
    }
    None
}

fn copy(folder: &TempDir) -> TempDir {
    let remains = tempfile::tempdir().unwrap();
    for name in ["shop.db", "shop.db-wal"] {
        std::fs::copy(folder.path().join(name), remains.path().join(name)).unwrap();
    }
    remains
}

async fn a_commit_whose_answer_nobody_waits_for_is_all_or_nothing<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for round in 0..50 {
        let id = format!("m-{round}");
        let transaction = walk(&bench.store, &id, Step::Published).await.unwrap();
        let commit = Box::pin(transaction.commit());
        // Sent, and then given up: nobody knows whether it happened. The redelivery finds out.
        let _ = futures::poll!(commit);
        let traces = bench.count(TRACES).await - 3 * round;
        assert!(traces == 0 || traces == 3, "{traces} of 3 traces");
        let settlement = bench.consumer(config()).process(message(&id, "ok")).await;
        // What had no trace may have been about to have them all.
        let is_duplicate = settlement == Settlement::Ack(Done::Duplicate);
        assert!(is_duplicate || settlement == Settlement::Ack(Done::Handled));
        assert!(is_duplicate || traces == 0);
        assert_eq!(bench.count(TRACES).await, 3 * (round + 1));
    }
}
