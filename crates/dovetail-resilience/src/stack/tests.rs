//! The policies together, at exact instants of paused time.

use std::cell::Cell;

use futures::future::join_all;

use super::*;
use crate::{breaker, budget, bulkhead};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn stack(total: u64, attempt: Option<u64>) -> Stack {
    let clock = Clock::system();
    Stack {
        total: MS(total),
        attempt: attempt.map(MS),
        retry: retry::Config::new(),
        budget: Some(Budget::new(budget::Config::new(), clock.now())),
        bulkhead: Some(Bulkhead::new(bulkhead::Config::new())),
        breaker: Some(Breaker::new(
            "target",
            breaker::Config::new(),
            clock,
            Chance::seeded(2),
        )),
        clock,
        chance: Chance::seeded(1),
    }
}

/// The errors of the tests: each stands for what a protocol would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Down,
    Busy(u64),
    NotBegun,
}

fn judge(_: u32, ended: Ended<'_, (), Fault>) -> Outcome {
    match ended {
        Ended::Answered(()) => Outcome::SUCCESS,
        Ended::Failed(Fault::Down) | Ended::TimedOut => {
            Outcome::new(Sample::Failure, Repeat::IfIdempotent)
        }
        Ended::Failed(Fault::Busy(ms)) => {
            Outcome::new(Sample::Ignored, Repeat::IfIdempotent).throttled(Some(MS(*ms)))
        }
        Ended::Failed(Fault::NotBegun) => Outcome::new(Sample::Ignored, Repeat::Free),
    }
}

/// Calls through the stack, answering each attempt from the script, its last entry for ever.
async fn run(
    stack: &Stack,
    idempotent: bool,
    script: &[Result<(), Fault>],
) -> (Called<(), Fault>, Vec<u64>) {
    let start = stack.clock.now();
    let hits = std::cell::RefCell::new(Vec::new());
    let call = |attempt: Attempt| {
        let at = stack.clock.now() - start;
        hits.borrow_mut()
            .push(u64::try_from(at.as_millis()).unwrap());
        let answer = script[(attempt.number as usize - 1).min(script.len() - 1)];
        async move { answer }
    };
    let called = stack.call(idempotent, call, judge).await;
    (called, hits.into_inner())
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_is_tried_three_times_and_another_once() {
    let script = [Err(Fault::Down), Err(Fault::Down), Ok(())];
    let (called, hits) = run(&stack(5_000, None), true, &script).await;
    assert_eq!(
        (called.result, called.attempts, called.gave_up, hits.len()),
        (Ok(()), 3, None, 3)
    );
    assert!(hits[1] <= 50 && hits[2] - hits[1] <= 100, "{hits:?}");
    let (called, hits) = run(&stack(5_000, None), false, &script).await;
    assert_eq!(
        (called.result, called.gave_up, hits.len()),
        (Err(Failure::Call(Fault::Down)), Some(Reason::Unsafe), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_target_names_is_kept_or_ends_the_call_at_once() {
    let (called, hits) = run(
        &stack(5_000, None),
        true,
        &[Err(Fault::Busy(2_000)), Ok(())],
    )
    .await;
    assert_eq!((called.result, hits), (Ok(()), vec![0, 2_000]));
    let start = Clock::system().now();
    let (called, hits) = run(
        &stack(5_000, None),
        true,
        &[Err(Fault::Busy(10_000)), Ok(())],
    )
    .await;
    assert_eq!(
        (called.gave_up, hits),
        (Some(Reason::DeadlineTooClose), vec![0])
    );
    assert_eq!(Clock::system().now(), start);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_ends_the_call_exactly_at_its_deadline() {
    for seed in 0..50 {
        let stack = Stack {
            chance: Chance::seeded(seed),
            ..stack(700, Some(300))
        };
        let (start, hits) = (stack.clock.now(), Cell::new(0));
        let hang = |_: Attempt| {
            hits.set(hits.get() + 1);
            std::future::pending::<Result<(), Fault>>()
        };
        let called = stack.call(true, hang, judge).await;
        assert_eq!(called.result, Err(Failure::DeadlineExceeded));
        assert_eq!(stack.clock.now() - start, MS(700), "seed {seed}");
        assert_eq!(hits.get(), 3);
        let snapshot = stack.breaker.as_ref().unwrap().snapshot();
        assert_eq!(
            snapshot.failures, 2,
            "the third attempt was cut short, which says nothing about the target"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_on_a_target_that_hangs_even_without_an_attempt_timeout() {
    let stack = stack(100, None);
    for _ in 0..20 {
        let called = stack
            .call(true, |_| std::future::pending::<Result<(), Fault>>(), judge)
            .await;
        assert_eq!(called.result, Err(Failure::DeadlineExceeded));
    }
    let (called, hits) = run(&stack, true, &[Ok(())]).await;
    assert!(
        matches!(called.result, Err(Failure::BreakerOpen { .. })),
        "{:?}",
        called.result
    );
    assert_eq!(
        (called.attempts, called.gave_up, hits),
        (0, Some(Reason::BreakerOpen), vec![])
    );
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_between_attempts_ends_the_call_with_what_the_last_one_said() {
    let stack = stack(5_000, None);
    for _ in 0..19 {
        stack
            .breaker
            .as_ref()
            .unwrap()
            .admit()
            .unwrap()
            .record(Sample::Failure);
    }
    let (called, hits) = run(&stack, true, &[Err(Fault::Down)]).await;
    assert_eq!(called.result, Err(Failure::Call(Fault::Down)));
    assert_eq!(
        (called.attempts, called.gave_up, hits),
        (1, Some(Reason::BreakerOpen), vec![0])
    );
}

#[tokio::test(start_paused = true)]
async fn an_inherited_deadline_is_kept_and_a_spent_one_sends_nothing() {
    let stack = stack(1_000, Some(800));
    let start = stack.clock.now();
    let context = CallContext {
        deadline: Some(Deadline::after(start, MS(600))),
        trace: None,
    };
    let seen = Cell::new(Duration::ZERO);
    let see = |attempt: Attempt| {
        seen.set(attempt.remaining);
        async { Ok(()) }
    };
    let called: Called<(), Fault> = context.scope(stack.call(true, see, judge)).await;
    assert_eq!((called.result, seen.get()), (Ok(()), MS(600)));
    stack.clock.sleep(MS(596)).await;
    for _ in 0..1_000 {
        let (called, hits) = context.scope(run(&stack, true, &[Ok(())])).await;
        assert_eq!((called.result, hits), (Err(Failure::DeadlineSpent), vec![]));
    }
    assert_eq!(stack.breaker.as_ref().unwrap().snapshot().total, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_bulkhead_are_turned_away_and_not_held_against_the_target() {
    let stack = stack(1_000, None);
    let hits = Cell::new(0);
    let slow = |_: Attempt| {
        hits.set(hits.get() + 1);
        async {
            stack.clock.sleep(MS(10)).await;
            Ok::<(), Fault>(())
        }
    };
    let calls = (0..150).map(|_| stack.call(true, slow, judge));
    let results = join_all(calls).await;
    let full = results
        .iter()
        .filter(|called| called.result == Err(Failure::BulkheadFull))
        .count();
    assert_eq!((full, hits.get()), (50, 100));
    let snapshot = stack.breaker.as_ref().unwrap().snapshot();
    assert_eq!((snapshot.total, snapshot.failures), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_gives_everything_back() {
    let stack = stack(1_000, None);
    let call = stack.call(true, |_| std::future::pending::<Result<(), Fault>>(), judge);
    let cancelled = stack.clock.until(stack.clock.now() + MS(10), call).await;
    assert!(cancelled.is_err());
    assert_eq!(stack.bulkhead.as_ref().unwrap().free(), 100);
    assert_eq!(stack.breaker.as_ref().unwrap().snapshot().total, 0);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_did_not_begin_is_asked_again_at_once_even_for_an_unsafe_call() {
    let (called, hits) = run(&stack(1_000, None), false, &[Err(Fault::NotBegun), Ok(())]).await;
    assert_eq!((called.result, hits), (Ok(()), vec![0, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_begins_is_asked_again_at_once_only_once() {
    let clock = Clock::system();
    let empty = budget::Config {
        ratio: 0.0,
        min_per_sec: 0,
        ..budget::Config::new()
    };
    let stack = Stack {
        budget: Some(Budget::new(empty, clock.now())),
        ..stack(1_000, None)
    };
    let (called, hits) = run(&stack, false, &[Err(Fault::NotBegun)]).await;
    assert_eq!(
        (called.gave_up, hits),
        (Some(Reason::BudgetSpent), vec![0, 0])
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_caller_cut_short_says_nothing_about_the_target() {
    for (ms, failures) in [(600, 0), (899, 0), (900, 1), (1_000, 1)] {
        let stack = stack(1_000, None);
        let deadline = Some(Deadline::after(stack.clock.now(), MS(ms)));
        let context = CallContext {
            deadline,
            trace: None,
        };
        let call = stack.call(true, |_| std::future::pending::<Result<(), Fault>>(), judge);
        assert_eq!(
            context.scope(call).await.result,
            Err(Failure::DeadlineExceeded)
        );
        assert_eq!(
            stack.breaker.as_ref().unwrap().snapshot().failures,
            failures,
            "{ms} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_once_the_deadline_has_passed() {
    // With no time that counts as too little, the wait may end at the deadline itself.
    let retry = retry::Config {
        min_useful: Duration::ZERO,
        ..retry::Config::new()
    };
    let stack = Stack {
        retry,
        ..stack(100, None)
    };
    let (called, hits) = run(&stack, true, &[Err(Fault::Busy(100)), Ok(())]).await;
    assert_eq!(called.result, Err(Failure::Call(Fault::Busy(100))));
    assert_eq!(
        (called.attempts, called.gave_up, hits),
        (1, Some(Reason::DeadlineTooClose), vec![0])
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_without_end_is_a_call() {
    let stack = Stack {
        total: Duration::MAX,
        attempt: Some(Duration::MAX),
        ..stack(0, None)
    };
    for _ in 0..20 {
        let (called, _) = run(&stack, false, &[Err(Fault::Down)]).await;
        assert_eq!(called.attempts, 1);
    }
    stack.clock.sleep(MS(7_000)).await;
    let (called, hits) = run(&stack, true, &[Ok(())]).await;
    assert_eq!((called.result, hits), (Ok(()), vec![0]));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_take_less_than_what_is_useful_is_still_made() {
    let (called, hits) = run(&stack(2, None), true, &[Ok(())]).await;
    assert_eq!((called.result, hits), (Ok(()), vec![0]));
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_ends_the_call_and_says_so() {
    let clock = Clock::system();
    let budget = Budget::new(
        budget::Config {
            min_per_sec: 0,
            ..budget::Config::new()
        },
        clock.now(),
    );
    let stack = Stack {
        budget: Some(budget),
        breaker: None,
        ..stack(60_000, None)
    };
    let (mut hits, mut spent) = (0, 0);
    for _ in 0..1_000 {
        let (called, made) = run(&stack, true, &[Err(Fault::Down)]).await;
        hits += made.len();
        spent += usize::from(called.gave_up == Some(Reason::BudgetSpent));
    }
    assert!((1_090..=1_100).contains(&hits), "{hits} hits");
    assert!(spent >= 900, "{spent} calls were told");
}
