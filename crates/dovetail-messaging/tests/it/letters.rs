//! Dead letters that are hard to tell apart, to read, or to find: none of them is lost, and none is handled twice.

use std::time::Duration;

use dovetail_messaging::{
    Message,
    consumer::{Config, Dedupe, Delivery, Done, Identity, Settlement},
    dead_letter::{Action, By, Edit, Reason, Restored, Search, Selection, State, copy},
    inbox::Position,
    outbox::{Fate, Settled},
    replay::{self, Job, JobState, Options, RunError, Started, Turn},
};
use dovetail_resilience::{Chance, Clock};

use crate::{
    support::{Bench, Database, after, config, message, on_each_store},
    triage::{ada, bury},
};

fn options() -> Options {
    Options {
        rate: 10_000,
        canary: 0,
        ..Options::default()
    }
}

async fn begin<D: Database>(bench: &Bench<D>) -> Job {
    let started = replay::start(&bench.store, &Search::default(), options(), ada(100)).await;
    match started.unwrap() {
        Started::New(job) => job,
        other => panic!("{other:?}"),
    }
}

async fn run<D: Database>(bench: &Bench<D>, job: i64) -> Result<Job, RunError> {
    let clock = Clock::pinned_at(after(101));
    let stop = std::future::pending();
    replay::run(&bench.store, job, "ada", &clock, |_| (), stop).await
}

async fn only_the_newest_letter_of_a_message_can_be_opened_again<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let again = async |at| {
        bury(
            &bench,
            message("1", "a").with_kind("created"),
            Reason::Handler,
            "down",
            at,
        )
        .await;
    };
    again(0).await;
    assert!(bench.store.replay(1, after(1)).await.unwrap());
    again(2).await;
    let letter = bench.store.letter(2).await.unwrap().unwrap().letter;
    let edit = Edit {
        body: Some("b".into()),
        ..Edit::default()
    };
    let copied = copy(&letter, &edit, &Chance::seeded(1)).unwrap();
    bench.store.send_copy(2, copied, ada(3)).await.unwrap();
    // Its edited copy is on its way: opening the first one would have both handled.
    let restored = bench.store.restore_all(vec![1, 2], ada(4)).await.unwrap();
    let unfit = Restored {
        unfit: vec![1, 2],
        ..Restored::default()
    };
    assert_eq!(restored, unfit);

    let again = async |at| bury(&bench, message("2", "a"), Reason::Handler, "down", at).await;
    again(5).await;
    assert!(bench.store.replay(3, after(6)).await.unwrap());
    again(7).await;
    bench.store.discard_all(vec![4], ada(8)).await.unwrap();
    let restored = bench.store.restore_all(vec![3, 4], ada(9)).await.unwrap();
    assert_eq!(
        (
            restored.opened,
            restored.doubled.len() + restored.unfit.len()
        ),
        (vec![4], 1)
    );
    // What dies again after that is a letter, and does not vanish.
    assert!(bench.store.replay(4, after(10)).await.unwrap());
    again(11).await;
    let open = Selection {
        state: Some(State::Open),
        ..Selection::default()
    };
    assert_eq!(bench.store.matches(open).await.unwrap().count, 1);
}

async fn a_message_that_was_dealt_with_stays_so_beside_another_of_its_identity<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    bury(&bench, message("1", "a"), Reason::Handler, "down", 0).await;
    bench.store.discard_all(vec![1], ada(1)).await.unwrap();
    bury(&bench, message("1", "b"), Reason::IdReuse, "another one", 2).await;
    bury(&bench, message("1", "a"), Reason::Handler, "down", 3).await;
    assert_eq!(
        bench
            .store
            .matches(Selection::default())
            .await
            .unwrap()
            .count,
        2
    );
}

async fn messages_without_identity_are_told_apart_by_all_that_they_say<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let raw = |headers: &[(&str, &str)]| Message {
        channel: "orders".to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Message::default()
    };
    let distinct = [
        raw(&[]),
        raw(&[("a", "1")]),
        raw(&[("a", "2")]),
        raw(&[("a", "1"), ("b", "2")]),
        raw(&[]).with_key("k"),
        raw(&[]).with_kind("created"),
        Message {
            channel: "priority".to_owned(),
            ..raw(&[])
        },
        Message {
            id: Some("1".to_owned()),
            ..raw(&[])
        },
    ];
    for _ in 0..2 {
        for message in &distinct {
            bury(&bench, message.clone(), Reason::IdMissing, "no id", 0).await;
        }
    }
    let other_order = raw(&[("b", "2"), ("a", "1")]);
    bury(&bench, other_order, Reason::IdMissing, "no id", 0).await;
    let letters = bench.letters().await;
    let kept: Vec<&Message> = letters.iter().map(|letter| &letter.message).collect();
    assert_eq!(kept, distinct.iter().collect::<Vec<_>>());
    let seen: Vec<u32> = letters.iter().map(|letter| letter.seen).collect();
    assert_eq!(seen, [2, 2, 2, 3, 2, 2, 2, 2]);
}

async fn an_identity_that_is_too_long_is_none_for_the_database_as_well<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let rows = [
        ("x".repeat(1_024), true),
        ("x".repeat(1_025), false),
        ("␀".repeat(341), true),
        ("␀".repeat(342), false),
        ("␀0".repeat(256), true),
    ];
    for (id, _) in &rows {
        bury(&bench, message(id, "a"), Reason::Handler, "down", 0).await;
    }
    for replayable in [true, false] {
        let selection = Selection {
            replayable: Some(replayable),
            ..Selection::default()
        };
        let listed = bench.store.list(selection, 0, 100).await.unwrap();
        let found: Vec<&str> = listed
            .iter()
            .filter_map(|listed| listed.letter.message.id.as_deref())
            .collect();
        let expected = rows.iter().filter(|(_, is)| *is == replayable);
        let expected: Vec<&str> = expected.map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, expected);
    }
}

/// Letters of which the third cannot be read.
async fn spoilt<D: Database>() -> Bench<D> {
    let bench = Bench::<D>::of_store().await;
    for number in 1..=5 {
        let letter = message(&number.to_string(), "ok").with_kind("created");
        bury(&bench, letter, Reason::Handler, "down", 0).await;
    }
    let spoilt = "UPDATE dovetail_dead_letter SET headers = '{' WHERE number = 3";
    assert_eq!(bench.store.run(spoilt).await, 1);
    bench
}

async fn a_letter_that_cannot_be_read_is_listed_as_such_and_can_be_discarded<D: Database>() {
    let bench = spoilt::<D>().await;
    let listed = Search::default().page(&bench.store, 0, 10).await.unwrap();
    let problems: Vec<bool> = listed
        .iter()
        .map(|listed| listed.problem.is_some())
        .collect();
    assert_eq!(problems, [false, false, true, false, false]);
    assert_eq!(listed[2].letter.message.id.as_deref(), Some("3"));
    assert!(
        bench
            .store
            .letter(3)
            .await
            .unwrap()
            .unwrap()
            .problem
            .is_some()
    );
    let groups = Search::default()
        .groups(&bench.store, By::Detail)
        .await
        .unwrap();
    assert_eq!(groups[0].count, 5);
    let filtered = Search {
        filter: Some(dovetail_messaging::cesql::Filter::parse("TRUE").unwrap()),
        ..Search::default()
    };
    assert_eq!(filtered.numbers(&bench.store).await.unwrap(), [1, 2, 4, 5]);
    let all = Search::default().numbers(&bench.store).await.unwrap();
    let discarded = bench.store.discard_all(all, ada(2)).await.unwrap();
    assert_eq!(discarded, [1, 2, 3, 4, 5]);
}

async fn a_letter_that_cannot_be_read_fails_its_job_until_somebody_decides<D: Database>() {
    let bench = spoilt::<D>().await;
    let job = begin(&bench).await;
    let failed = run(&bench, job.number).await.unwrap();
    assert_eq!((failed.state, failed.counts.turned), (JobState::Failed, 0));
    let cause = failed.cause.unwrap();
    assert!(cause.contains("dead letter 3"), "{cause}");
    bench.store.discard_all(vec![3], ada(101)).await.unwrap();
    assert!(
        bench
            .store
            .turn(job.number, Turn::Resume, ada(102))
            .await
            .unwrap()
    );
    let step = bench
        .store
        .step(job.number, after(103))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((step.job.counts.sent(), step.job.counts.skipped), (4, 1));
}

async fn letters_that_were_taken_away_by_hand_do_not_keep_a_job_waiting<D: Database>() {
    for gone in ["3", "1, 2, 5", "1, 2, 3, 4, 5", "2, 4"] {
        let bench = Bench::<D>::of_store().await;
        for number in 1..=5 {
            let letter = message(&number.to_string(), "ok");
            bury(&bench, letter, Reason::Handler, "down", 0).await;
        }
        let job = begin(&bench).await;
        let delete = format!("DELETE FROM dovetail_dead_letter WHERE number IN ({gone})");
        let gone = bench.store.run(&delete).await;
        for second in [100, 101] {
            bench.store.step(job.number, after(second)).await.unwrap();
        }
        // Nobody consumes here: what was sent is given up.
        let step = bench
            .store
            .step(job.number, after(200))
            .await
            .unwrap()
            .unwrap();
        let counts = step.job.counts;
        assert_eq!(step.job.state, JobState::Done, "{counts:?}");
        assert_eq!((counts.skipped, counts.undecided), (gone, 5 - gone));
    }
}

async fn what_is_done_leaves_a_trace_whoever_does_it<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for number in 1..=4 {
        let letter = message(&number.to_string(), "fatal");
        bury(&bench, letter, Reason::Handler, "down", 0).await;
    }
    bench.store.discard(1, after(1)).await.unwrap();
    bench.store.replay(2, after(2)).await.unwrap();
    let job = replay::start(&bench.store, &Search::default(), Options::default(), ada(3)).await;
    let Started::New(job) = job.unwrap() else {
        panic!("nothing was started")
    };
    bench.store.step(job.number, after(3)).await.unwrap();
    let step = bench
        .store
        .step(job.number, after(300))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        step.job.state,
        JobState::Paused,
        "nobody handled the first letter"
    );
    let mut grace = ada(301);
    grace.who = "grace".to_owned();
    bench
        .store
        .turn(job.number, Turn::Resume, grace)
        .await
        .unwrap();
    let step = bench
        .store
        .step(job.number, after(302))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(step.job.resumed_by.as_deref(), Some("grace"));
    bench
        .store
        .turn(job.number, Turn::Cancel, ada(303))
        .await
        .unwrap();
    assert_eq!(
        bench
            .store
            .forget_replays(after(400), 10, ada(400))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        bench.store.purge(after(400), 10, ada(401)).await.unwrap(),
        4
    );
    bench
        .store
        .log(ada(402), Action::Republish, "since then".to_owned())
        .await
        .unwrap();
    let entries = bench.store.audit(None, 0, 100).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.action,
                entry.act.who.as_str(),
                entry.letter,
                entry.job,
            )
        })
        .collect();
    let number = Some(job.number);
    let expected = [
        (Action::Discard, "a program", Some(1), None),
        (Action::Replay, "a program", Some(2), None),
        (Action::Start, "ada", None, number),
        (Action::Replay, "ada", Some(3), number),
        (Action::Pause, "dovetail", None, number),
        (Action::Resume, "grace", None, number),
        (Action::Replay, "grace", Some(4), number),
        (Action::Cancel, "ada", None, number),
        (Action::Purge, "ada", None, number),
        (Action::Purge, "ada", None, None),
        (Action::Republish, "ada", None, None),
    ];
    assert_eq!(seen, expected);
}

/// Takes what a consumer is sent again, as a relay would that no broker fails.
async fn relay<D: Database>(bench: &Bench<D>, at: u64) -> Vec<Message> {
    let hold = Duration::from_secs(30);
    let taken = bench.store.take(after(at), hold, 100).await.unwrap();
    let published = taken.messages.iter().map(|waiting| Settled {
        place: waiting.place,
        fate: Fate::Published,
    });
    let published = published.collect();
    bench
        .store
        .settle(taken.token, published, after(at))
        .await
        .unwrap();
    let messages = taken.messages.into_iter();
    messages.map(|waiting| waiting.message).collect()
}

async fn an_edited_copy_is_another_message_whatever_its_payload_says<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(Config {
        identity: Identity::Pointer("/id".to_owned()),
        ..config()
    });
    let original = message("a-1", r#"{"id":"a-1"}"#).with_kind("created");
    bury(&bench, original.clone(), Reason::Handler, "down", 0).await;
    let letter = bench.store.letter(1).await.unwrap().unwrap().letter;
    let edit = Edit {
        body: Some(r#"{"id":"a-1","amount":5}"#.into()),
        ..Edit::default()
    };
    let copied = copy(&letter, &edit, &Chance::seeded(1)).unwrap();
    bench.store.send_copy(1, copied, ada(1)).await.unwrap();
    let sent = relay(&bench, 2).await;
    let handled = consumer.process(sent[0].clone()).await;
    assert_eq!(handled, Settlement::Ack(Done::Handled));
    let again = consumer.process(sent[0].clone()).await;
    assert_eq!(again, Settlement::Ack(Done::Duplicate));
    assert_eq!(bench.effects().await.len(), 1);
    let redelivered = Message {
        id: Some("e-2".to_owned()),
        ..original
    };
    consumer.process(redelivered).await;
    assert_eq!(bench.effects().await.len(), 1);
    assert!(bench.letters().await.is_empty(), "it was dealt with");
}

async fn what_is_sent_again_is_known_by_its_id_where_offsets_tell_messages_apart<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(Config {
        dedupe: Dedupe::Offset,
        ..config()
    });
    let at = |offset, message| Delivery {
        position: Some(Position {
            topic: "orders".to_owned(),
            partition: 0,
            offset,
            expected: offset,
            began: 0,
        }),
        ..Delivery::from(message)
    };
    let broken = message("1", "fatal").with_kind("created");
    let dead = consumer.process(at(0, broken)).await;
    assert_eq!(dead, Settlement::Ack(Done::Dead(Reason::Handler)));
    // Whoever deployed a better handler sends it again; here the letter gets better.
    let mend = "UPDATE dovetail_dead_letter SET reason = 'timeout'";
    bench.store.run(mend).await;
    let job = begin(&bench).await;
    bench.store.step(job.number, after(100)).await.unwrap();
    let sent = relay(&bench, 101).await;
    let dead = consumer.process(at(1, sent[0].clone())).await;
    assert_eq!(dead, Settlement::Ack(Done::Dead(Reason::Handler)));
    let step = bench
        .store
        .step(job.number, after(102))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((step.job.counts.dead, step.job.state), (1, JobState::Done));

    bury(&bench, message("2", "ok"), Reason::Handler, "down", 103).await;
    bench.store.discard_all(vec![2], ada(104)).await.unwrap();
    let job = begin(&bench).await;
    bench.store.step(job.number, after(105)).await.unwrap();
    let sent = relay(&bench, 106).await;
    // The broker had the answer twice.
    for (offset, expected) in [(2, Done::Handled), (3, Done::Duplicate)] {
        let settlement = consumer.process(at(offset, sent[0].clone())).await;
        assert_eq!(settlement, Settlement::Ack(expected));
    }
    let step = bench
        .store
        .step(job.number, after(107))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (step.job.counts.handled, step.job.state),
        (1, JobState::Done)
    );
    let next = consumer.process(at(4, message("3", "ok"))).await;
    assert_eq!(next, Settlement::Ack(Done::Handled));
}

async fn what_was_asked_for_is_one_job_whenever_it_is_asked<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    for number in 1..=3 {
        bury(
            &bench,
            message(&number.to_string(), "ok"),
            Reason::Handler,
            "down",
            0,
        )
        .await;
    }
    let start = async |since, asked| {
        let search = Search {
            selection: Selection {
                since: Some(after(since)),
                ..Selection::default()
            },
            filter: None,
        };
        replay::start_as(&bench.store, &search, asked, options(), ada(100))
            .await
            .unwrap()
    };
    let first = start(0, Some("--since 2h")).await;
    assert!(
        matches!(&first, Started::New(job) if job.counts.total == 3),
        "{first:?}"
    );
    let same = start(1, Some("--since 2h")).await;
    assert!(matches!(same, Started::Present(_)), "{same:?}");
    let other = start(0, Some("--since 3h")).await;
    assert!(matches!(other, Started::New(_)), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_is_paused_before_its_next_step() {
    let bench = Bench::new().await;
    bury(&bench, message("1", "ok"), Reason::Handler, "down", 0).await;
    let job = begin(&bench).await;
    // Stopped before the first step: nothing is sent.
    let clock = Clock::pinned_at(after(101));
    let stop = std::future::ready(());
    let paused = replay::run(&bench.store, job.number, "ada", &clock, |_| (), stop)
        .await
        .unwrap();
    assert_eq!((paused.state, paused.counts.turned), (JobState::Paused, 0));
}

on_each_store!(
    an_edited_copy_is_another_message_whatever_its_payload_says,
    what_is_sent_again_is_known_by_its_id_where_offsets_tell_messages_apart,
    what_was_asked_for_is_one_job_whenever_it_is_asked,
    only_the_newest_letter_of_a_message_can_be_opened_again,
    a_message_that_was_dealt_with_stays_so_beside_another_of_its_identity,
    messages_without_identity_are_told_apart_by_all_that_they_say,
    an_identity_that_is_too_long_is_none_for_the_database_as_well,
    a_letter_that_cannot_be_read_is_listed_as_such_and_can_be_discarded,
    a_letter_that_cannot_be_read_fails_its_job_until_somebody_decides,
    letters_that_were_taken_away_by_hand_do_not_keep_a_job_waiting,
    what_is_done_leaves_a_trace_whoever_does_it
);
