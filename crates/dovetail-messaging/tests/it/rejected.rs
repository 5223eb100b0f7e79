//! Dead letters of what no broker took: rows of the outbox that wait for somebody, and messages that are for one consumer.

use std::time::Duration;

use bytes::Bytes;
use dovetail_messaging::{
    Message,
    dead_letter::{Burial, Edit, Reason, Search, Selection, State, copy},
    outbox::{Fate, Settled, Taken},
    replay::{self, CONSUMER, JobState, Options, Started},
    store::Transaction as _,
};
use dovetail_resilience::Chance;

use crate::{
    support::{Bench, Database, NAME, after, message, on_each_store},
    triage::{ada, bury},
};

const HOLD: Duration = Duration::from_secs(30);

async fn publish<D: Database>(bench: &Bench<D>, message: Message, at: u64) {
    let mut transaction = bench.store.transaction(after(at)).await.unwrap();
    transaction.publish(message).unwrap();
    transaction.commit().await.unwrap();
}

async fn take<D: Database>(bench: &Bench<D>, at: u64) -> Taken {
    bench.store.take(after(at), HOLD, 100).await.unwrap()
}

/// The broker takes nothing of what there is, and says so of each message.
async fn reject<D: Database>(bench: &Bench<D>, blocks_key: bool, at: u64) -> Vec<Message> {
    let error = "too large".to_owned();
    settle_all(bench, &Fate::Rejected { error, blocks_key }, at).await
}

async fn publish_all<D: Database>(bench: &Bench<D>, at: u64) -> Vec<Message> {
    settle_all(bench, &Fate::Published, at).await
}

/// All that there is comes to the same end.
async fn settle_all<D: Database>(bench: &Bench<D>, fate: &Fate, at: u64) -> Vec<Message> {
    let taken = take(bench, at).await;
    let settled = taken.messages.iter().map(|waiting| Settled {
        place: waiting.place,
        fate: fate.clone(),
    });
    let settled = settled.collect();
    bench
        .store
        .settle(taken.token, settled, after(at))
        .await
        .unwrap();
    taken
        .messages
        .into_iter()
        .map(|waiting| waiting.message)
        .collect()
}

async fn open<D: Database>(bench: &Bench<D>) -> Vec<i64> {
    let search = Search {
        selection: Selection {
            state: Some(State::Open),
            ..Selection::default()
        },
        filter: None,
    };
    search.numbers(&bench.store).await.unwrap()
}

fn named(messages: &[Message]) -> Vec<Option<&str>> {
    messages
        .iter()
        .map(|message| message.header(CONSUMER))
        .collect()
}

async fn what_was_sent_for_one_consumer_and_rejected_stays_for_it<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    bury(
        &bench,
        message("1", "a").with_kind("created"),
        Reason::Handler,
        "down",
        0,
    )
    .await;
    assert!(bench.store.replay(1, after(1)).await.unwrap());
    assert_eq!(named(&reject(&bench, false, 2).await), [Some(NAME)]);
    let rejected = bench.store.letter(2).await.unwrap().unwrap().letter;
    assert_eq!(rejected.reason, Reason::PublishRejected);
    let edit = Edit {
        body: Some(Bytes::from_static(b"ok")),
        ..Edit::default()
    };
    let copied = copy(&rejected, &edit, &Chance::seeded(1)).unwrap();
    bench.store.send_copy(2, copied, ada(3)).await.unwrap();
    assert_eq!(named(&publish_all(&bench, 4).await), [Some(NAME)]);
    // The same where its row of the outbox is gone.
    bury(&bench, message("2", "b"), Reason::Handler, "down", 5).await;
    assert!(bench.store.replay(3, after(6)).await.unwrap());
    reject(&bench, false, 7).await;
    bench.store.run("DELETE FROM dovetail_outbox").await;
    assert!(bench.store.replay(4, after(8)).await.unwrap());
    assert_eq!(named(&publish_all(&bench, 9).await), [Some(NAME)]);
}

async fn a_key_is_never_blocked_without_an_open_letter<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let keyed = || message("1", "a").with_key("k");
    publish(&bench, keyed(), 0).await;
    reject(&bench, true, 1).await;
    assert_eq!(bench.store.pending().await.unwrap().blocked, 1);
    bench.store.discard_all(vec![1], ada(2)).await.unwrap();
    assert_eq!(bench.store.pending().await.unwrap().blocked, 0);
    // Somebody decided about the message before; the row that is blocked now waits nevertheless.
    publish(&bench, keyed(), 3).await;
    publish(&bench, message("2", "b").with_key("k"), 3).await;
    let taken = take(&bench, 4).await;
    let first = Settled {
        place: taken.messages[0].place,
        fate: Fate::Rejected {
            error: "too large".to_owned(),
            blocks_key: true,
        },
    };
    let second = Settled {
        place: taken.messages[1].place,
        fate: Fate::Released,
    };
    bench
        .store
        .settle(taken.token, vec![first, second], after(4))
        .await
        .unwrap();
    let pending = bench.store.pending().await.unwrap();
    assert_eq!((pending.count, pending.blocked), (1, 1));
    assert!(take(&bench, 5).await.messages.is_empty());
    assert_eq!(open(&bench).await, [2]);
    assert!(bench.store.replay(2, after(6)).await.unwrap());
    assert_eq!(publish_all(&bench, 7).await.len(), 2);
}

async fn each_consumer_gets_what_was_rejected_on_its_way<D: Database>() {
    for blocks_key in [true, false] {
        let bench = Bench::<D>::of_store().await;
        let keyed = || message("1", "a").with_key("k");
        bury(&bench, keyed(), Reason::Handler, "down", 0).await;
        let other = Burial {
            consumer: "mail/orders/greet".to_owned(),
            message: keyed(),
            reason: Reason::Handler,
            detail: "down".to_owned(),
            contract: None,
            at: after(0),
        };
        bench.store.bury(other, None).await.unwrap();
        for letter in [1, 2] {
            assert!(bench.store.replay(letter, after(1)).await.unwrap());
        }
        assert_eq!(reject(&bench, blocks_key, 2).await.len(), 2);
        assert_eq!(open(&bench).await, [3, 4], "a letter for each of them");
        assert!(bench.store.replay(3, after(3)).await.unwrap());
        assert!(bench.store.replay(4, after(3)).await.unwrap());
        assert_eq!(bench.store.pending().await.unwrap().blocked, 0);
        let mut sent = Vec::new();
        for second in 4..8 {
            sent.extend(publish_all(&bench, second).await);
        }
        assert_eq!(named(&sent), [Some(NAME), Some("mail/orders/greet")]);
    }
}

async fn rows_that_are_alike_are_all_let_go<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for second in [0, 1] {
        publish(&bench, message("1", "a").with_key("k"), second).await;
    }
    assert_eq!(reject(&bench, true, 2).await.len(), 2);
    assert_eq!(open(&bench).await, [1], "one message");
    assert_eq!(bench.store.pending().await.unwrap().blocked, 2);
    assert!(bench.store.replay(1, after(3)).await.unwrap());
    let pending = bench.store.pending().await.unwrap();
    assert_eq!((pending.count, pending.blocked), (2, 0));
}

async fn what_was_given_up_is_forgotten_and_can_still_be_sent<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    publish(&bench, message("1", "a"), 0).await;
    reject(&bench, false, 1).await;
    let rows = "SELECT count(*) FROM dovetail_outbox";
    assert_eq!(bench.store.forget_published(after(0), 10).await.unwrap(), 0);
    assert_eq!(bench.count(rows).await, 1);
    assert_eq!(
        bench.store.forget_published(after(10), 10).await.unwrap(),
        1
    );
    assert_eq!(bench.count(rows).await, 0);
    let options = Options {
        canary: 0,
        ..Options::default()
    };
    let started = replay::start(&bench.store, &Search::default(), options, ada(11)).await;
    let Started::New(job) = started.unwrap() else {
        panic!("nothing was there")
    };
    let step = bench
        .store
        .step(job.number, after(11))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(step.sent, 1);
    let step = bench
        .store
        .step(job.number, after(13))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(step.job.state, JobState::Running, "it is not published yet");
    assert_eq!(publish_all(&bench, 13).await.len(), 1);
    let step = bench
        .store
        .step(job.number, after(15))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (step.job.state, step.job.counts.handled),
        (JobState::Done, 1)
    );
}

async fn what_was_published_is_published_once_more_and_only_that<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for number in 0..6 {
        publish(&bench, message(&number.to_string(), "a"), number).await;
        publish_all(&bench, 10 + number).await;
    }
    assert_eq!(bench.store.republish(after(13)).await.unwrap(), 3);
    assert_eq!(publish_all(&bench, 20).await.len(), 3);
    assert_eq!(bench.store.republish(after(30)).await.unwrap(), 0);
}

on_each_store!(
    what_was_sent_for_one_consumer_and_rejected_stays_for_it,
    a_key_is_never_blocked_without_an_open_letter,
    each_consumer_gets_what_was_rejected_on_its_way,
    rows_that_are_alike_are_all_let_go,
    what_was_given_up_is_forgotten_and_can_still_be_sent,
    what_was_published_is_published_once_more_and_only_that
);
