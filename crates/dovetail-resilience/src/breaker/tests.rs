//! The behaviours that a breaker promises, at exact instants and counts.

use futures::future::join_all;
use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Without jitter, so that instants are exact.
fn steady() -> Config {
    let open = Open {
        jitter: 0.0,
        ..Config::new().open
    };
    Config {
        open,
        ..Config::new()
    }
}

fn breaker(config: Config) -> Breaker {
    Breaker::new("orders", config, Clock::system(), Chance::seeded(1))
}

#[track_caller]
fn report(breaker: &Breaker, count: u32, sample: Sample) {
    for _ in 0..count {
        breaker.admit().unwrap().record(sample);
    }
}

async fn advance(duration: Duration) {
    tokio::time::advance(duration).await;
}

/// A breaker that has just opened, at the given instant of paused time.
fn opened(config: Config) -> Breaker {
    let breaker = breaker(config);
    report(&breaker, config.min_calls, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Open);
    breaker
}

#[tokio::test(start_paused = true)]
async fn half_of_twenty_calls_failing_opens_it_and_nineteen_calls_do_not() {
    let breaker = breaker(steady());
    report(&breaker, 10, Sample::Success);
    report(&breaker, 9, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Closed);
    report(&breaker, 1, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Open);
    assert_eq!(
        breaker.admit().unwrap_err(),
        Rejected {
            retry_after: MS(5_000)
        }
    );
}

#[tokio::test(start_paused = true)]
async fn old_successes_do_not_hide_present_failures() {
    let breaker = breaker(steady());
    report(&breaker, 5_000, Sample::Success);
    advance(MS(11_000)).await;
    report(&breaker, 19, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Closed);
    report(&breaker, 1, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn slow_means_longer_than_the_limit() {
    for (ms, expected) in [(500, State::Closed), (501, State::Open)] {
        let breaker = breaker(Config {
            slow: Some(Slow {
                duration: MS(500),
                rate: 0.8,
            }),
            ..steady()
        });
        report(&breaker, 4, Sample::Success);
        let permits: Vec<Permit> = (0..16).map(|_| breaker.admit().unwrap()).collect();
        advance(MS(ms)).await;
        permits
            .into_iter()
            .for_each(|permit| permit.record(Sample::Success));
        assert_eq!(breaker.snapshot().state, expected, "{ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_three_of_a_thousand_callers_probe_an_open_target() {
    let breaker = opened(steady());
    advance(MS(4_999)).await;
    assert!(breaker.admit().is_err());
    advance(MS(1)).await;
    let calls = (0..1_000).map(|_| async {
        let permit = breaker.admit().ok()?;
        Clock::system().sleep(MS(20)).await;
        permit.record(Sample::Success);
        Some(())
    });
    let admitted = join_all(calls).await.into_iter().flatten().count();
    assert_eq!(admitted, 3);
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.state, snapshot.total, snapshot.openings),
        (State::Closed, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn each_failed_probe_makes_the_next_opening_longer_up_to_a_minute() {
    let breaker = opened(steady());
    let mut waits = Vec::new();
    for _ in 0..6 {
        let wait = breaker.snapshot().retry_after.unwrap();
        waits.push(wait.as_secs());
        advance(wait).await;
        report(&breaker, 1, Sample::Failure);
    }
    assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    advance(MS(60_000)).await;
    report(&breaker, 3, Sample::Success);
    report(&breaker, 20, Sample::Failure);
    assert_eq!(
        breaker.snapshot().retry_after,
        Some(MS(5_000)),
        "closing forgets the growth"
    );
}

#[tokio::test(start_paused = true)]
async fn open_times_vary_by_a_fifth_at_most_and_do_vary() {
    let chance = Chance::seeded(5);
    let waits: Vec<Duration> = (0..200)
        .map(|_| {
            let breaker = Breaker::new("orders", Config::new(), Clock::system(), chance.clone());
            report(&breaker, 20, Sample::Failure);
            breaker.snapshot().retry_after.unwrap()
        })
        .collect();
    assert!(
        waits
            .iter()
            .all(|wait| (MS(4_000)..=MS(6_000)).contains(wait))
    );
    assert!(
        waits.iter().any(|wait| *wait < MS(4_200)) && waits.iter().any(|wait| *wait > MS(5_800))
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_of_an_earlier_phase_is_counted_as_late_and_changes_nothing() {
    let breaker = breaker(steady());
    let late = breaker.admit().unwrap();
    report(&breaker, 20, Sample::Failure);
    advance(MS(5_000)).await;
    let probe = breaker.admit().unwrap();
    late.record(Sample::Failure);
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.state, snapshot.late_results),
        (State::HalfOpen, 1)
    );
    probe.record(Sample::Success);
    report(&breaker, 2, Sample::Success);
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn cancelled_probes_give_their_permits_back() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    for _ in 0..10 {
        let probes: Vec<Permit> = (0..3).map(|_| breaker.admit().unwrap()).collect();
        assert!(breaker.admit().is_err());
        drop(probes);
    }
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    report(&breaker, 3, Sample::Ignored);
    report(&breaker, 3, Sample::Success);
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn probes_that_never_report_open_it_again() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    let probes: Vec<Permit> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    advance(MS(4_999)).await;
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    advance(MS(1)).await;
    let snapshot = breaker.snapshot();
    assert_eq!(
        (snapshot.state, snapshot.openings, snapshot.retry_after),
        (State::Open, 2, Some(MS(10_000)))
    );
    probes
        .into_iter()
        .for_each(|probe| probe.record(Sample::Success));
    assert_eq!(breaker.snapshot().late_results, 3);
}

#[tokio::test(start_paused = true)]
async fn probes_that_were_all_given_back_do_not_hold_it_half_open() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    (0..3).for_each(|_| drop(breaker.admit().unwrap()));
    advance(MS(4_999)).await;
    assert_eq!(breaker.snapshot().state, State::HalfOpen);
    advance(MS(1)).await;
    assert_eq!(breaker.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn an_opening_for_want_of_a_decision_begins_when_it_was_due_and_not_at_the_next_call() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    report(&breaker, 1, Sample::Success);
    advance(MS(14_999)).await;
    assert_eq!(
        breaker.admit().unwrap_err(),
        Rejected { retry_after: MS(1) },
        "due after 5 s, and open for 10 s from then"
    );
    advance(MS(1)).await;
    report(&breaker, 3, Sample::Success);
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn no_configuration_makes_it_panic_or_stay_shut_for_good() {
    let far = Duration::MAX;
    for (long, factor) in [
        (far, f64::INFINITY),
        (far, f64::NAN),
        (Duration::ZERO, f64::NAN),
        (Duration::ZERO, -1.0),
    ] {
        let breaker = breaker(Config {
            window: long,
            min_calls: 0,
            failure_rate: 0.0,
            slow: Some(Slow {
                duration: long,
                rate: factor,
            }),
            open: Open {
                initial: long,
                max: MS(1_000),
                multiplier: factor,
                jitter: factor,
            },
            half_open: HalfOpen {
                probes: 0,
                successes: 0,
                decide_within: long,
            },
        });
        for _ in 0..3 {
            breaker.admit_for(far).unwrap().record(Sample::Failure);
            assert_eq!(breaker.snapshot().state, State::Open);
            advance(MS(2_000)).await;
        }
        breaker.admit_for(far).unwrap().record(Sample::Success);
        assert_eq!(breaker.snapshot().state, State::Closed);
    }
    let endless = Open {
        max: far,
        initial: far,
        ..steady().open
    };
    assert!(
        opened(Config {
            open: endless,
            ..steady()
        })
        .admit()
        .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_go_than_are_needed_to_decide() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    report(&breaker, 2, Sample::Success);
    let last = breaker.admit().unwrap();
    assert!(breaker.admit().is_err(), "the last probe decides");
    drop(last);
    report(&breaker, 1, Sample::Success);
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_shows_that_the_target_has_not_recovered() {
    let slow = Some(Slow {
        duration: MS(500),
        rate: 0.8,
    });
    let breaker = opened(Config { slow, ..steady() });
    advance(MS(5_000)).await;
    let probe = breaker.admit().unwrap();
    advance(MS(501)).await;
    probe.record(Sample::Success);
    assert_eq!(breaker.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_probe_has_as_long_as_its_call_to_decide() {
    let breaker = opened(steady());
    advance(MS(5_000)).await;
    let probes: Vec<Permit> = (0..3)
        .map(|_| breaker.admit_for(MS(8_000)).unwrap())
        .collect();
    advance(MS(7_999)).await;
    probes
        .into_iter()
        .for_each(|probe| probe.record(Sample::Success));
    assert_eq!(breaker.snapshot().state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_hold_it_open_or_take_it_out() {
    let breaker = breaker(steady());
    breaker.force_open();
    assert_eq!(
        breaker.admit().unwrap_err(),
        Rejected {
            retry_after: MS(60_000)
        }
    );
    breaker.disable();
    report(&breaker, 100, Sample::Failure);
    assert_eq!(
        (breaker.snapshot().state, breaker.snapshot().total),
        (State::Disabled, 0)
    );
    breaker.release();
    report(&breaker, 20, Sample::Failure);
    assert_eq!(breaker.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_about_the_target_is_not_counted() {
    let breaker = breaker(steady());
    report(&breaker, 1_000, Sample::Ignored);
    (0..1_000).for_each(|_| drop(breaker.admit()));
    assert_eq!(breaker.snapshot().total, 0);
}

/// The same rules, as naively as they can be written: all calls are kept, and counted anew each time.
#[derive(Debug, Default)]
struct Model {
    calls: Vec<(u64, bool)>,
    /// The second in which the present window began to count, because closing clears it.
    open_until_ms: Option<u64>,
    half_open: Option<HalfOpenModel>,
    openings: u32,
}

#[derive(Debug)]
struct HalfOpenModel {
    successes: u32,
    deadline_ms: u64,
}

impl Model {
    /// Makes one call at an instant, and says whether it was let through.
    fn call(&mut self, now_ms: u64, failure: bool, slot_origin: u64) -> bool {
        let deadline = self
            .half_open
            .as_ref()
            .map(|half_open| half_open.deadline_ms);
        if let Some(deadline) = deadline.filter(|deadline| now_ms >= *deadline) {
            self.open(deadline);
        }
        if let Some(until) = self.open_until_ms {
            if now_ms < until {
                return false;
            }
            let lasting = Self::lasting(self.openings - 1);
            self.open_until_ms = None;
            self.half_open = Some(HalfOpenModel {
                successes: 0,
                deadline_ms: now_ms + lasting.max(5_000),
            });
        }
        if let Some(half_open) = &mut self.half_open {
            if failure {
                self.open(now_ms);
                return true;
            }
            half_open.successes += 1;
            if half_open.successes == 3 {
                *self = Self::default();
            }
            return true;
        }
        self.calls.push((now_ms, failure));
        let slot = |ms: u64| (ms - slot_origin) / 1_000;
        let recent = || {
            self.calls
                .iter()
                .filter(|(at, _)| slot(now_ms) - slot(*at) < 10)
        };
        let (total, failures) = (
            recent().count(),
            recent().filter(|(_, failure)| *failure).count(),
        );
        if total >= 20 && failures * 2 >= total {
            self.open(now_ms);
        }
        true
    }

    fn open(&mut self, now_ms: u64) {
        let lasting = Self::lasting(self.openings);
        *self = Self {
            openings: self.openings + 1,
            open_until_ms: Some(now_ms + lasting),
            ..Self::default()
        };
    }

    fn lasting(openings: u32) -> u64 {
        (5_000 * 2_u64.pow(openings.min(10))).min(60_000)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Slots begin where the breaker was made or last closed, or after a pause longer than the window; calls every
    /// whole second keep the two in step.
    #[test]
    fn it_agrees_with_a_naive_model(calls in prop::collection::vec((prop_oneof![9 => 0_u64..3, 1 => 3_u64..90], any::<bool>(), 1_u32..8), 1..120)) {
        let start = Instant::now();
        let mut machine = Machine::new(steady(), Chance::seeded(1), start);
        let mut model = Model::default();
        let mut now_ms = 0;
        for (seconds, failure, count) in calls {
            now_ms += seconds * 1_000;
            for _ in 0..count {
                let now = start + MS(now_ms);
                let admitted = machine.admit(now, Duration::ZERO).map(|ticket| {
                    let sample = if failure { Sample::Failure } else { Sample::Success };
                    machine.record(now, ticket, sample, Duration::ZERO);
                });
                prop_assert_eq!(admitted.is_ok(), model.call(now_ms, failure, 0), "at {} ms", now_ms);
            }
        }
    }
}
