//! Replays: snapshots that are sent slowly, in order, once, across crashes and operators.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    consumer::{Done, Settlement},
    dead_letter::{Action, Reason, Search, Selection, State},
    outbox::{Fate, Settled},
    replay::{self, Job, JobState, Options, RunError, Started, Turn},
    store::{Replays, Transaction as _},
};
use dovetail_resilience::Clock;
use tokio::sync::Notify;

use crate::{
    support::{Bench, Database, after, config, message, on_each_store},
    triage::{ada, bury},
};

const HOLD: Duration = Duration::from_secs(30);

fn options() -> Options {
    Options {
        rate: 1_000,
        canary: 0,
        ..Options::default()
    }
}

fn at(millis: u64) -> SystemTime {
    after(100) + Duration::from_millis(millis)
}

/// Letters that would be handled now, of ten keys.
async fn letters<D: Database>(bench: &Bench<D>, count: u32) {
    for number in 0..count {
        let letter = message(&format!("{number:05}"), "ok")
            .with_kind("created")
            .with_key(format!("key-{}", number % 10));
        bury(bench, letter, Reason::RetriesExhausted, "down", 0).await;
    }
}

async fn begin<S: Replays>(store: &S, options: Options) -> Job {
    match replay::start(store, &Search::default(), options, ada(100))
        .await
        .unwrap()
    {
        Started::New(job) => job,
        other => panic!("{other:?}"),
    }
}

/// Takes everything from the outbox, as a relay would that no broker fails.
async fn relay<D: Database>(bench: &Bench<D>, now: SystemTime) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let taken = bench.store.take(now, HOLD, 500).await.unwrap();
        if taken.messages.is_empty() {
            return messages;
        }
        let published = taken.messages.iter().map(|waiting| Settled {
            place: waiting.place,
            fate: Fate::Published,
        });
        bench
            .store
            .settle(taken.token, published.collect(), now)
            .await
            .unwrap();
        messages.extend(taken.messages.into_iter().map(|waiting| waiting.message));
    }
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message.id.as_deref())
        .collect()
}

/// Steps a job every 100 ms until it rests for good or the time is over, and returns it.
async fn steps<S: Replays>(store: &S, number: i64, from: u64, to: u64) -> Job {
    let mut job = None;
    for millis in (from..to).step_by(100) {
        let step = store.step(number, at(millis)).await.unwrap().unwrap();
        let is_over = !step.job.state.is_active();
        job = Some(step.job);
        if is_over {
            break;
        }
    }
    job.unwrap()
}

async fn two_thousand_letters_are_sent_once_across_crashes_and_two_operators<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 2_000).await;
    let job = begin(&bench.store, options()).await;
    assert_eq!(job.counts.total, 2_000);
    // Another operator, in another process, starts the same and gets the same.
    let other = bench.other().await;
    let present = replay::start(&other, &Search::default(), options(), ada(100))
        .await
        .unwrap();
    assert!(matches!(present, Started::Present(present) if present.number == job.number));
    bury(
        &bench,
        message("late", "ok"),
        Reason::Handler,
        "after the start",
        100,
    )
    .await;

    let mut millis = 0;
    let mut crashes = 0_u32;
    loop {
        millis += 37;
        let store = if millis % 2 == 0 {
            &other
        } else {
            &bench.store
        };
        if millis % 5 == 0 {
            // Given up before, during or after its transaction: nobody knows.
            crashes += 1;
            let mut step = Box::pin(store.step(job.number, at(millis)));
            for _ in 0..crashes % 4 {
                if futures::poll!(&mut step).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(step);
            continue;
        }
        let step = store.step(job.number, at(millis)).await.unwrap().unwrap();
        if step.job.counts.waiting() == 0 {
            break;
        }
    }
    assert!(crashes > 5, "{crashes}");
    let sent = relay(&bench, at(millis)).await;
    let expected: Vec<String> = (0..2_000).map(|number| format!("{number:05}")).collect();
    assert_eq!(
        ids(&sent),
        expected,
        "each once, in order, and nothing that came later"
    );
    let open = Selection {
        state: Some(State::Open),
        ..Selection::default()
    };
    assert_eq!(bench.store.matches(open).await.unwrap().count, 1);
    // A rate of 1,000 in each second, whoever ran it.
    assert!((1_700..2_200).contains(&millis), "{millis} ms");

    let mut handled: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let consumer = bench.consumer(config());
    for message in sent {
        let (key, id) = (message.key.clone().unwrap(), message.id.clone().unwrap());
        assert_eq!(
            consumer.process(message.clone()).await,
            Settlement::Ack(Done::Handled)
        );
        assert_eq!(
            consumer.process(message).await,
            Settlement::Ack(Done::Duplicate)
        );
        handled.entry(key).or_default().push(id);
    }
    assert_eq!(handled.len(), 10);
    assert!(
        handled
            .values()
            .all(|ids| ids.len() == 200 && ids.is_sorted()),
        "in the order of each key"
    );
    let done = steps(&bench.store, job.number, millis + 2_000, millis + 4_000).await;
    assert_eq!(
        (done.state, done.counts.handled, done.counts.dead),
        (JobState::Done, 2_000, 0)
    );
    let entries = bench.store.audit(Some(7), 0, 10).await.unwrap();
    assert_eq!(
        (entries.len(), entries[0].action, entries[0].job),
        (1, Action::Replay, Some(job.number))
    );
}

async fn a_job_runs_at_its_rate_and_pauses_when_it_is_told_to<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 500).await;
    let clock = Clock::pinned_at(after(100));
    let began = clock.now();
    let slow = Options {
        rate: 50,
        ..options()
    };
    let job = begin(&bench.store, slow).await;
    // Nothing but the job waits for the clock, which therefore moves for nothing else.
    let four_seconds = Notify::new();
    let report = |_: &Job| {
        if clock.now() - began >= Duration::from_secs(4) {
            four_seconds.notify_one();
        }
    };
    let number = job.number;
    let stop = four_seconds.notified();
    let paused = replay::run(&bench.store, number, "ada", &clock, report, stop)
        .await
        .unwrap();
    assert_eq!(paused.state, JobState::Paused);
    assert!(
        (195..=205).contains(&paused.counts.turned),
        "{}",
        paused.counts.turned
    );
    let entries = bench.store.audit(None, 0, 1_000).await.unwrap();
    assert_eq!(
        entries.last().map(|entry| entry.action),
        Some(Action::Pause)
    );
    // A step of somebody who does not know yet does nothing.
    let step = bench
        .store
        .step(number, clock.wall())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((step.sent, step.job.state), (0, JobState::Paused));
    // An hour later it goes on where it was, and does not catch up.
    clock.sleep(Duration::from_secs(3_600)).await;
    assert!(
        bench
            .store
            .turn(number, Turn::Resume, ada(3_700))
            .await
            .unwrap()
    );
    let step = bench
        .store
        .step(number, clock.wall())
        .await
        .unwrap()
        .unwrap();
    assert!((1..=13).contains(&step.sent), "{}", step.sent);
    assert!(
        step.rest <= Duration::from_secs(1),
        "it looks for a pause as often"
    );
    // Paused from elsewhere.
    assert!(
        bench
            .other()
            .await
            .turn(number, Turn::Pause, ada(3_702))
            .await
            .unwrap()
    );
    let ended = replay::run(
        &bench.store,
        number,
        "ada",
        &clock,
        |_| (),
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(
        (ended.state, ended.counts.turned),
        (JobState::Paused, step.job.counts.turned)
    );
    bench
        .store
        .turn(number, Turn::Resume, ada(3_800))
        .await
        .unwrap();
    let done = replay::run(
        &bench.store,
        number,
        "ada",
        &clock,
        |_| (),
        std::future::pending(),
    )
    .await
    .unwrap();
    // Nobody consumes here: what became of them is unknown, and said so.
    assert_eq!(
        (done.state, done.counts.undecided, done.counts.turned),
        (JobState::Done, 500, 500)
    );
    assert!(clock.now() - began > Duration::from_secs(3_600));
    let sent = relay(&bench, clock.wall()).await;
    assert_eq!(sent.len(), 500);
    assert!(ids(&sent).is_sorted());
    let unknown = replay::run(
        &bench.store,
        99,
        "ada",
        &clock,
        |_| (),
        std::future::pending(),
    )
    .await;
    assert!(matches!(unknown, Err(RunError::Unknown(99))));
}

async fn the_rest_waits_until_the_first_letter_was_handled<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 20).await;
    let job = begin(
        &bench.store,
        Options {
            canary: 1,
            ..options()
        },
    )
    .await;
    let waiting = steps(&bench.store, job.number, 0, 10_000).await;
    assert_eq!(
        (waiting.state, waiting.counts.turned),
        (JobState::Canary, 1)
    );
    let sent = relay(&bench, at(10_000)).await;
    assert_eq!(ids(&sent), ["00000"]);
    let consumer = bench.consumer(config());
    consumer.process(sent[0].clone()).await;
    let running = steps(&bench.store, job.number, 10_000, 13_000).await;
    assert_eq!(
        (running.state, running.counts.turned, running.counts.handled),
        (JobState::Running, 20, 1)
    );
}

async fn a_first_letter_that_is_not_handled_pauses_the_job<D: Database>() {
    // Dead again; and not heard of in time.
    for dies in [true, false] {
        let bench = Bench::<D>::of_store().await;
        letters(&bench, 20).await;
        let job = begin(
            &bench.store,
            Options {
                canary: 1,
                ..options()
            },
        )
        .await;
        steps(&bench.store, job.number, 0, 200).await;
        let sent = relay(&bench, at(200)).await;
        if dies {
            bury(&bench, sent[0].clone(), Reason::Handler, "no", 101).await;
        }
        let paused = steps(&bench.store, job.number, 2_000, 70_000).await;
        assert_eq!(
            (paused.state, paused.counts.turned),
            (JobState::Paused, 1),
            "{dies}"
        );
        let cause = paused.cause.unwrap();
        assert!(
            cause.contains(if dies {
                "dead letter again"
            } else {
                "within 60 s"
            }),
            "{cause}"
        );
        // Whoever resumes it has looked at the first letter.
        assert!(
            bench
                .store
                .turn(job.number, Turn::Resume, ada(200))
                .await
                .unwrap()
        );
        let running = steps(&bench.store, job.number, 200_000, 200_500).await;
        assert_eq!(
            (running.state, running.counts.turned),
            (JobState::Running, 20)
        );
    }
}

async fn a_job_whose_letters_die_again_pauses_by_itself<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 500).await;
    let slow = Options {
        rate: 10,
        ..options()
    };
    let job = begin(&bench.store, slow).await;
    let consumer = bench.consumer(config());
    let (mut paused, mut turned) = (None, 0);
    for second in 0..60 {
        let after_steps = steps(
            &bench.store,
            job.number,
            second * 1_000,
            (second + 1) * 1_000,
        )
        .await;
        turned = after_steps.counts.turned;
        if after_steps.state == JobState::Paused {
            paused = Some(after_steps);
            break;
        }
        for sent in relay(&bench, at(second * 1_000)).await {
            // Three of ten fail.
            if sent
                .id
                .as_deref()
                .is_some_and(|id| id.ends_with(['3', '6', '9']))
            {
                bury(&bench, sent, Reason::Handler, "no", 101 + second).await;
            } else {
                consumer.process(sent).await;
            }
        }
    }
    let paused = paused.unwrap();
    assert!(turned < 100, "{turned} of 500");
    assert!(
        paused
            .cause
            .as_deref()
            .is_some_and(|cause| cause.contains("became dead letters again")),
        "{paused:?}"
    );
    // What was known when it was resumed does not count again.
    assert!(
        bench
            .store
            .turn(job.number, Turn::Resume, ada(200))
            .await
            .unwrap()
    );
    let running = steps(&bench.store, job.number, 100_000, 101_000).await;
    assert_eq!(running.state, JobState::Running, "{:?}", running.cause);
}

async fn what_inboxes_may_have_forgotten_is_not_sent<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 3).await;
    bury(
        &bench,
        message("new", "ok"),
        Reason::Handler,
        "no",
        8 * 24 * 3_600,
    )
    .await;
    let eight_days = ada(8 * 24 * 3_600 + 60);
    let refused = replay::start(
        &bench.store,
        &Search::default(),
        options(),
        eight_days.clone(),
    )
    .await
    .unwrap();
    assert!(
        matches!(refused, Started::TooOld { count: 3, .. }),
        "{refused:?}"
    );
    let newer = Search {
        selection: Selection {
            since: Some(after(3_600)),
            ..Selection::default()
        },
        filter: None,
    };
    let started = replay::start(&bench.store, &newer, options(), eight_days.clone())
        .await
        .unwrap();
    assert!(matches!(started, Started::New(job) if job.counts.total == 1));
    let accepted = Options {
        accept_duplicates: true,
        ..options()
    };
    let started = replay::start(&bench.store, &Search::default(), accepted, eight_days)
        .await
        .unwrap();
    assert!(matches!(started, Started::New(job) if job.counts.total == 4));
}

async fn the_store_remembers_what_it_has_forgotten<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(config());
    consumer.process(message("done", "ok")).await;
    bury(&bench, message("1", "ok"), Reason::Handler, "no", 10).await;
    let job = begin(&bench.store, options()).await;
    bench
        .store
        .turn(job.number, Turn::Pause, ada(100))
        .await
        .unwrap();
    assert_eq!(bench.store.forget(after(50), 10).await.unwrap(), 1);
    // Started in time, and too late by now.
    bench
        .store
        .turn(job.number, Turn::Resume, ada(100))
        .await
        .unwrap();
    let done = steps(&bench.store, job.number, 0, 200).await;
    assert_eq!(
        (done.state, done.counts.too_old, done.counts.sent()),
        (JobState::Done, 1, 0)
    );
    let refused = replay::start(&bench.store, &Search::default(), options(), ada(100))
        .await
        .unwrap();
    assert!(
        matches!(refused, Started::TooOld { count: 1, .. }),
        "{refused:?}"
    );
}

async fn letters_that_were_closed_meanwhile_are_passed_over<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 5).await;
    let anonymous = Message {
        id: None,
        ..message("", "ok")
    };
    bury(
        &bench,
        anonymous,
        Reason::IdMissing,
        "it has no source or no id",
        1,
    )
    .await;
    let job = begin(&bench.store, options()).await;
    assert_eq!((job.counts.total, job.unfit), (5, 1));
    bench.store.discard_all(vec![2], ada(100)).await.unwrap();
    bench.store.replay(4, at(0)).await.unwrap();
    relay(&bench, at(0)).await;
    steps(&bench.store, job.number, 0, 500).await;
    assert_eq!(
        ids(&relay(&bench, at(500)).await),
        ["00000", "00002", "00004"]
    );
    let job = bench.store.replay_job(job.number).await.unwrap().unwrap();
    assert_eq!((job.counts.skipped, job.counts.sent()), (2, 3));
    let nothing = Search {
        selection: Selection {
            reason: Some(Reason::IdMissing),
            ..Selection::default()
        },
        filter: None,
    };
    let nothing = replay::start(&bench.store, &nothing, options(), ada(100))
        .await
        .unwrap();
    assert_eq!(nothing, Started::Nothing { unfit: 1 });
}

async fn a_cancelled_job_leaves_the_rest_as_it_is<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    letters(&bench, 300).await;
    let job = begin(&bench.store, options()).await;
    bench.store.step(job.number, at(0)).await.unwrap();
    assert_eq!(
        bench
            .store
            .purge(after(10_000), 1_000, ada(90))
            .await
            .unwrap(),
        0,
        "its letters stay while it goes on"
    );
    assert!(
        bench
            .store
            .turn(job.number, Turn::Cancel, ada(101))
            .await
            .unwrap()
    );
    assert!(
        !bench
            .store
            .turn(job.number, Turn::Resume, ada(101))
            .await
            .unwrap()
    );
    let open = Selection {
        state: Some(State::Open),
        ..Selection::default()
    };
    assert_eq!(bench.store.matches(open).await.unwrap().count, 299);
    // The same selection is another job now.
    let next = begin(&bench.store, options()).await;
    assert_eq!((next.counts.total, next.number), (299, job.number + 1));
    let jobs = bench.store.replay_jobs(i64::MAX, 10).await.unwrap();
    let seen: Vec<_> = jobs.iter().map(|job| (job.number, job.state)).collect();
    assert_eq!(
        seen,
        [
            (next.number, JobState::Running),
            (job.number, JobState::Cancelled)
        ]
    );
    assert_eq!(
        bench
            .store
            .purge(after(10_000), 1_000, ada(90))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        bench
            .store
            .forget_replays(after(10_000), 10, ada(90))
            .await
            .unwrap(),
        1
    );
    assert_eq!(bench.store.replay_job(job.number).await.unwrap(), None);
}

#[tokio::test]
async fn a_letter_that_the_store_cannot_read_fails_the_job_and_nothing_is_half_sent() {
    let bench = Bench::new().await;
    letters(&bench, 5).await;
    let job = begin(
        &bench.store,
        Options {
            rate: 10_000,
            ..options()
        },
    )
    .await;
    let spoilt = "UPDATE dovetail_dead_letter SET headers = '{' WHERE number = 3";
    assert_eq!(bench.store.run(spoilt).await, 1);
    let clock = Clock::pinned_at(at(1_000));
    let run = || {
        replay::run(
            &bench.store,
            job.number,
            "ada",
            &clock,
            |_| (),
            std::future::pending(),
        )
    };
    let failed = run().await.unwrap();
    assert_eq!((failed.state, failed.counts.turned), (JobState::Failed, 0));
    assert!(
        failed
            .cause
            .is_some_and(|cause| cause.contains("take a step"))
    );
    assert!(relay(&bench, at(1_000)).await.is_empty());
    let mended = "UPDATE dovetail_dead_letter SET headers = '[]' WHERE number = 3";
    assert_eq!(bench.store.run(mended).await, 1);
    assert!(
        bench
            .store
            .turn(job.number, Turn::Resume, ada(102))
            .await
            .unwrap()
    );
    let sent = steps(&bench.store, job.number, 2_000, 2_500).await;
    assert_eq!((sent.state, sent.counts.sent()), (JobState::Running, 5));
}

async fn what_the_broker_rejected_is_handled_once_it_was_published<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let mut transaction = bench.store.transaction(after(0)).await.unwrap();
    transaction
        .publish(message("1", "ok").with_key("k"))
        .unwrap();
    transaction.commit().await.unwrap();
    let taken = bench.store.take(after(1), HOLD, 10).await.unwrap();
    let rejected = Settled {
        place: taken.messages[0].place,
        fate: Fate::Rejected {
            error: "too large".to_owned(),
            blocks_key: true,
        },
    };
    bench
        .store
        .settle(taken.token, vec![rejected], after(1))
        .await
        .unwrap();
    let job = begin(&bench.store, options()).await;
    let waiting = steps(&bench.store, job.number, 0, 5_000).await;
    assert_eq!(
        (waiting.state, waiting.counts.under_way()),
        (JobState::Running, 1)
    );
    let published = relay(&bench, at(5_000)).await;
    assert_eq!(ids(&published), ["1"]);
    assert_eq!(
        published[0].header(replay::CONSUMER),
        None,
        "nobody had it yet"
    );
    let done = steps(&bench.store, job.number, 6_000, 9_000).await;
    assert_eq!((done.state, done.counts.handled), (JobState::Done, 1));
}

on_each_store!(
    two_thousand_letters_are_sent_once_across_crashes_and_two_operators,
    a_job_runs_at_its_rate_and_pauses_when_it_is_told_to(start_paused = true),
    the_rest_waits_until_the_first_letter_was_handled,
    a_first_letter_that_is_not_handled_pauses_the_job,
    a_job_whose_letters_die_again_pauses_by_itself,
    what_inboxes_may_have_forgotten_is_not_sent,
    the_store_remembers_what_it_has_forgotten,
    letters_that_were_closed_meanwhile_are_passed_over,
    a_cancelled_job_leaves_the_rest_as_it_is,
    what_the_broker_rejected_is_handled_once_it_was_published
);
