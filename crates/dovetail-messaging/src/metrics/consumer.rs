//! What consumers count.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use chrono::DateTime;
use dovetail_resilience::Instant;

use super::{
    handle::{Counter, Each, Gauge, Histogram},
    replay::{ReplayOutcome, Replays},
    table::{CONSUMED, CRITICAL, DEAD, OUTCOMES, PARKED, PAUSED, PROCESS, RETRIES, SKEWED},
};
use crate::{
    consumer::{Done, RetryCause, Route, Settlement},
    dead_letter::Reason,
    message::Message,
    replay::CONSUMER,
};

/// Where a consumer's messages come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The kind of broker.
    pub(crate) system: &'a str,
    /// The channel.
    pub(crate) channel: &'a str,
}

/// The series of one consumer.
#[derive(Debug)]
pub(crate) struct ConsumerMetrics {
    routes: Vec<RouteMetrics>,
    /// What belongs to no route.
    fallback: RouteMetrics,
    paused: Gauge,
    /// What the gauge says, so that it is only set when that changes.
    is_paused: AtomicBool,
}

/// The series of one route.
#[derive(Debug)]
struct RouteMetrics {
    consumed: Counter,
    outcomes: Each<Outcome, Counter>,
    retries: Each<Tier, Counter>,
    dead: Each<Reason, Counter>,
    durations: Each<Option<Outcome>, Histogram>,
    critical: Histogram,
    skewed: Counter,
    parked: Counter,
    replays: Replays,
}

/// What is known of a delivery before it is processed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// Which route it takes.
    pub(crate) route: Option<usize>,
    pub(crate) started: Instant,
    sent_at: Option<SystemTime>,
    /// It was a dead letter that was sent again.
    is_replay: bool,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Processed,
    Duplicate,
    Contended,
    Fenced,
    IdReuse,
    Dead,
    Failed,
    Parked,
    Ignored,
    NotNext,
    Paused,
}

/// How long a message waits for its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Seconds,
    Minutes,
    Hours,
}

impl Watch {
    pub(crate) fn new(message: &Message, route: Option<usize>, started: Instant) -> Self {
        let time = message.headers.iter().find(|(name, _)| name == "time");
        let sent_at = time.and_then(|(_, time)| DateTime::parse_from_rfc3339(time).ok());
        Self {
            route,
            started,
            sent_at: sent_at.map(SystemTime::from),
            is_replay: message.header(CONSUMER).is_some(),
        }
    }
}

impl ConsumerMetrics {
    pub(crate) fn new(scope: &str, routes: &[Route], origin: Origin<'_>) -> Self {
        let of = |name: &str, kind: &str| RouteMetrics::new(scope, name, kind, origin);
        let own = routes
            .iter()
            .map(|route| of(&route.name, route.kind.as_deref().unwrap_or_default()));
        let labels = [("consumer", scope), ("cause", "handling")];
        let paused = Gauge::new(&PAUSED, &labels);
        paused.set(0.0);
        Self {
            routes: own.collect(),
            fallback: of(scope, ""),
            paused,
            is_paused: AtomicBool::new(false),
        }
    }

    /// Counts what became of a delivery.
    pub(crate) fn settled(
        &self,
        watch: &Watch,
        settlement: Settlement,
        (now, wall): (Instant, SystemTime),
    ) {
        let route = self.route(watch.route);
        let outcome = Outcome::of(settlement);
        route.consumed.add(1);
        route.count(outcome);
        if let Some(error) = outcome.error()
            && let Some(duration) = route.durations.of(error)
        {
            duration.record(now.saturating_duration_since(watch.started));
        }
        match settlement {
            Settlement::Ack(Done::Handled) => route.handled(watch.sent_at, wall),
            Settlement::Ack(Done::Dead(reason)) => route.dead(reason, 1),
            Settlement::Ack(Done::Parked) => route.parked.add(1),
            Settlement::Retry {
                after,
                cause: RetryCause::Failed,
            } => route.retried(after),
            Settlement::Ack(_) | Settlement::Retry { .. } | Settlement::Pause { .. } => {}
        }
        if watch.is_replay {
            route.replayed(settlement);
        }
        self.paused(matches!(settlement, Settlement::Pause { .. }), settlement);
    }

    /// Counts a parked message that was handled.
    pub(crate) fn drained(&self, watch: &Watch, wall: SystemTime) {
        let route = self.route(watch.route);
        route.count(Outcome::Processed);
        route.handled(watch.sent_at, wall);
        if watch.is_replay {
            route.replayed(Settlement::Ack(Done::Handled));
        }
    }

    /// Counts an attempt that is made again after that time.
    pub(crate) fn retried(&self, route: Option<usize>, after: Duration) {
        self.route(route).retried(after);
    }

    /// Counts the head of a parked key that became a dead letter, and those that waited behind it.
    pub(crate) fn buried(&self, route: Option<usize>, reason: Reason, count: u32, is_replay: bool) {
        let route = self.route(route);
        route.dead(reason, count.min(1));
        route.dead(Reason::KeyBlocked, count.saturating_sub(1));
        if is_replay && count > 0 {
            route.replayed(Settlement::Ack(Done::Dead(reason)));
        }
    }

    /// A pause is over, whether or not anything came since.
    pub(crate) fn resumed(&self) {
        if self.is_paused.load(Ordering::Relaxed) && self.is_paused.swap(false, Ordering::Relaxed) {
            self.paused.set(0.0);
        }
    }

    fn route(&self, place: Option<usize>) -> &RouteMetrics {
        let route = place.and_then(|place| self.routes.get(place));
        route.unwrap_or(&self.fallback)
    }

    /// A consumer is paused until something shows that it is not: what was acknowledged was written before.
    fn paused(&self, pauses: bool, settlement: Settlement) {
        let ends = matches!(settlement, Settlement::Ack(done) if done != Done::Ignored);
        if pauses && !self.is_paused.swap(true, Ordering::Relaxed) {
            self.paused.set(1.0);
        } else if ends
            && self.is_paused.load(Ordering::Relaxed)
            && self.is_paused.swap(false, Ordering::Relaxed)
        {
            self.paused.set(0.0);
        }
    }
}

impl RouteMetrics {
    fn new(scope: &str, consumer: &str, kind: &str, origin: Origin<'_>) -> Self {
        let own = [("consumer", consumer), ("kind", kind)];
        let with = |key, value| [("consumer", consumer), ("kind", kind), (key, value)];
        let process = |error: Option<Outcome>| {
            let error = error.map_or("", Outcome::as_str);
            let labels = client_labels(scope, origin, "process");
            let labels = labels.into_iter().chain(with("error.type", error));
            Histogram::new(&PROCESS, &labels.collect::<Vec<_>>())
        };
        let consumed = client_labels(scope, origin, "process");
        let consumed: Vec<_> = consumed.into_iter().chain(own).collect();
        Self {
            consumed: Counter::new(&CONSUMED, &consumed),
            outcomes: Each::new(&Outcome::ALL, |one| {
                Counter::new(&OUTCOMES, &with("outcome", one.as_str()))
            }),
            retries: Each::new(&Tier::ALL, |one| {
                Counter::new(&RETRIES, &with("tier", one.as_str()))
            }),
            dead: Each::new(&Reason::ALL, |one| {
                Counter::new(&DEAD, &with("reason", one.as_str()))
            }),
            durations: Each::new(
                &[
                    None,
                    Some(Outcome::Failed),
                    Some(Outcome::Dead),
                    Some(Outcome::Fenced),
                    Some(Outcome::Paused),
                ],
                process,
            ),
            critical: Histogram::new(&CRITICAL, &own),
            skewed: Counter::new(&SKEWED, &[("consumer", consumer)]),
            parked: Counter::new(&PARKED, &own),
            replays: Replays::new(consumer),
        }
    }

    /// Counts what came of a dead letter that was sent again, once that is decided.
    fn replayed(&self, settlement: Settlement) {
        match settlement {
            Settlement::Ack(Done::Handled | Done::Duplicate) => {
                self.replays.add(ReplayOutcome::Succeeded, 1);
            }
            Settlement::Ack(Done::Dead(_)) => self.replays.add(ReplayOutcome::Failed, 1),
            Settlement::Ack(_) | Settlement::Retry { .. } | Settlement::Pause { .. } => {}
        }
    }

    fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.outcomes.of(outcome) {
            counter.add(1);
        }
    }

    fn dead(&self, reason: Reason, count: u32) {
        if let Some(counter) = self.dead.of(reason)
            && count > 0
        {
            counter.add(count.into());
        }
    }

    fn retried(&self, after: Duration) {
        if let Some(counter) = self.retries.of(Tier::of(after)) {
            counter.add(1);
        }
    }

    fn handled(&self, sent_at: Option<SystemTime>, now: SystemTime) {
        match sent_at.map(|sent_at| now.duration_since(sent_at)) {
            None => {}
            Some(Ok(time)) => self.critical.record(time),
            Some(Err(_)) => {
                self.skewed.add(1);
                self.critical.record(Duration::ZERO);
            }
        }
    }
}

/// The labels that OpenTelemetry asks for.
pub(super) fn client_labels<'a>(
    group: &'a str,
    origin: Origin<'a>,
    operation: &'static str,
) -> [(&'static str, &'a str); 4] {
    [
        ("messaging.system", origin.system),
        ("messaging.destination.name", origin.channel),
        ("messaging.operation.name", operation),
        ("messaging.consumer.group.name", group),
    ]
}

impl Outcome {
    const ALL: [Self; 11] = [
        Self::Processed,
        Self::Duplicate,
        Self::Contended,
        Self::Fenced,
        Self::IdReuse,
        Self::Dead,
        Self::Failed,
        Self::Parked,
        Self::Ignored,
        Self::NotNext,
        Self::Paused,
    ];

    const fn of(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Ack(Done::Handled) => Self::Processed,
            Settlement::Ack(Done::Duplicate) => Self::Duplicate,
            Settlement::Ack(Done::Ignored) => Self::Ignored,
            Settlement::Ack(Done::Parked) => Self::Parked,
            Settlement::Ack(Done::Dead(Reason::IdReuse)) => Self::IdReuse,
            Settlement::Ack(Done::Dead(_)) => Self::Dead,
            Settlement::Retry { cause, .. } => match cause {
                RetryCause::Failed => Self::Failed,
                RetryCause::Contended => Self::Contended,
                RetryCause::NotNext => Self::NotNext,
                RetryCause::Fenced => Self::Fenced,
            },
            Settlement::Pause { .. } => Self::Paused,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Duplicate => "duplicate",
            Self::Contended => "contended",
            Self::Fenced => "fenced",
            Self::IdReuse => "id_reuse",
            Self::Dead => "dead",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Ignored => "ignored",
            Self::NotNext => "not_next",
            Self::Paused => "paused",
        }
    }

    /// By what processing failed, or that it did not; nothing where a handler may not have run at all.
    const fn error(self) -> Option<Option<Self>> {
        match self {
            Self::Processed => Some(None),
            Self::Failed | Self::Dead | Self::Fenced | Self::Paused => Some(Some(self)),
            Self::Duplicate
            | Self::Contended
            | Self::IdReuse
            | Self::Parked
            | Self::Ignored
            | Self::NotNext => None,
        }
    }
}

impl Tier {
    const ALL: [Self; 3] = [Self::Seconds, Self::Minutes, Self::Hours];

    const fn of(after: Duration) -> Self {
        match after.as_secs() {
            0..60 => Self::Seconds,
            60..3_600 => Self::Minutes,
            _ => Self::Hours,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}
