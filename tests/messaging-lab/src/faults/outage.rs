//! F4: the database goes away while messages keep coming.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use dovetail_messaging::{
    consumer::{Config, Delivery, Done, Pace, Process, Settlement, run as consume},
    dead_letter::Filter,
    outbox::Publisher as _,
    store::DeadLetters as _,
    transport::embedded::Embedded,
};
use dovetail_resilience::{Clock, Instant};
use tokio::sync::oneshot;

use super::{
    Size,
    setting::{Setting, until_empty},
    slow::Nowhere,
};
use crate::{
    child::block_on,
    ground::Ground,
    naive::{Kind, Naive},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, ORDERS, consumer_on, ids, order, subscription, tally},
};

/// Messages for each second.
const RATE: u32 = 500;
/// How soon after its return the consumer is as fast as messages come.
const STEADY_AFTER: Duration = Duration::from_secs(5);
/// What may be missing of the rate.
const STEADY_MIN: f64 = 0.9;
/// How long everything goes well at first, and how long messages come after the return.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_secs(7);
const CONCURRENCY: u32 = 16;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let outages: &[u64] = size.of(&[1, 30, 300], &[1]);
    let mut own = Tally::default();
    let mut broken = Vec::new();
    let mut said = Vec::new();
    for outage in outages {
        let outage = Duration::from_secs(*outage);
        let run = block_on(outlive::<G>(outage, false))?;
        own += run.tally;
        said.push(format!("{outage:?} ({})", run.said));
        let named = run.broken.into_iter();
        broken.extend(named.map(|text| format!("away for {outage:?}: {text}")));
    }
    let control = block_on(outlive::<G>(Duration::from_secs(1), true))?;
    Ok(Said {
        size: format!(
            "the database is away at {RATE} messages/s for {}",
            said.join(", ")
        ),
        tally: own,
        broken,
        control: Control::new(
            "check, process, insert, and give up what fails",
            control.tally,
        ),
    })
}

/// What came of one outage.
struct Run {
    tally: Tally,
    broken: Vec<String>,
    said: String,
}

async fn outlive<G: Ground>(outage: Duration, is_naive: bool) -> Result<Run> {
    let clock = Clock::system();
    let setting = Setting::<G>::open(Duration::from_secs(60), clock).await?;
    let (ground, broker) = (&setting.ground, &setting.broker);
    let service = G::open_failing(setting.folder.path()).await?;
    let (told, all_published) = oneshot::channel();
    let begin = clock.now();
    let publish = async {
        let published = publish(broker, begin, BEFORE + outage + AFTER, clock).await;
        let _ = told.send(());
        published
    };
    let fail = async {
        clock.sleep(BEFORE).await;
        let away = clock.now();
        service.hold(outage).await?;
        anyhow::Ok((away, clock.now()))
    };
    let notes = Notes::default();
    let work = async {
        let stop = async {
            // Nothing is empty before everything came.
            let _ = all_published.await;
            until_empty(broker, subscription(ORDERS, BILLING), clock).await;
        };
        if is_naive {
            let naive = GivesUp(Naive {
                kind: Kind::CheckFirst,
                consumer: BILLING,
                ground: service.clone(),
                publisher: Nowhere,
                reach: |_| {},
                pause: Duration::ZERO,
            });
            serve(broker, naive, &notes, clock, stop).await;
        } else {
            // What a service has that asks for nothing in particular.
            let store = service.store().clone();
            let own = consumer_on::<G>(BILLING, store, clock, Config::default());
            serve(broker, own, &notes, clock, stop).await;
        }
    };
    let (published, away, ()) = tokio::join!(publish, fail, work);
    let (count, took) = published?;
    let (from, to) = away?;
    let notes = notes.all();
    let mut broken = Vec::new();
    if took > (BEFORE + outage + AFTER).mul_f64(1.1) {
        broken.push(format!("it took {took:?} to publish {count} messages"));
    }
    broken.extend(paused(&notes, from, to));
    let (slow, said) = steady(&notes, to);
    broken.extend(slow);
    let dead = ground.store().tally(Filter::default()).await?.count;
    if dead > 0 {
        broken.push(format!("{dead} healthy messages became dead letters"));
    }
    let effects = ground.effects().await?;
    Ok(Run {
        tally: tally(BILLING, &ids(count), &effects).without_order(),
        broken,
        said,
    })
}

/// Publishes against a schedule, however long each one takes. Returns how many, and in which time.
async fn publish(
    broker: &Embedded,
    begin: Instant,
    time: Duration,
    clock: Clock,
) -> Result<(usize, Duration)> {
    let count = usize::try_from(time.as_millis() * u128::from(RATE) / 1_000)?;
    for number in 0..count {
        let due = begin + Duration::from_secs(1).mul_f64(number as f64 / f64::from(RATE));
        let early = due.saturating_duration_since(clock.now());
        if !early.is_zero() {
            clock.sleep(early).await;
        }
        broker.publish(&order(number, 50)).await?;
    }
    Ok((count, clock.now().saturating_duration_since(begin)))
}

/// Whether the consumer paused, and did little else, while the database was away.
fn paused(notes: &[Note], from: Instant, to: Instant) -> Vec<String> {
    let mut broken = Vec::new();
    // What was under way when it went may have been done before.
    let settled = from + Duration::from_millis(200);
    let meanwhile = notes
        .iter()
        .filter(|note| (settled..to).contains(&note.at))
        .map(|note| note.what);
    let (mut pauses, mut others) = (0, 0);
    for what in meanwhile {
        match what {
            What::Paused => pauses += 1,
            What::Handled | What::Other => others += 1,
        }
    }
    let all = notes.iter().filter(|note| (from..to).contains(&note.at));
    let is_paused = all.clone().any(|note| note.what == What::Paused);
    // No pause is shorter than half a second, and whatever is under way may try once before the next one.
    let seconds = to.saturating_duration_since(from).as_secs_f64();
    let tries_max = (seconds * 2.0 + 2.0) * f64::from(CONCURRENCY);
    if !is_paused {
        broken.push("the consumer did not pause".to_owned());
    }
    if others > 0 {
        broken.push(format!("{others} messages were settled without a database"));
    }
    if f64::from(pauses) > tries_max {
        broken.push(format!("{pauses} tries in {seconds:.1} s are no pause"));
    }
    broken
}

/// Whether the consumer is as fast as messages come soon after the return of the database, and what there is to say of it.
fn steady(notes: &[Note], to: Instant) -> (Option<String>, String) {
    let second = Duration::from_secs(1);
    let back = handled(notes, to, to + second * 3_600);
    let first = back.first().map(|at| at.saturating_duration_since(to));
    let steady = handled(notes, to + STEADY_AFTER - second, to + STEADY_AFTER).len();
    let last = back.last().map(|at| at.saturating_duration_since(to));
    let is_over = last.is_some_and(|last| last + second < STEADY_AFTER);
    let is_slow = !is_over && (steady as f64) < f64::from(RATE) * STEADY_MIN;
    let slow = is_slow.then(|| {
        format!(
            "{steady} messages were handled in the last second of the first {STEADY_AFTER:?} after its return, the first one after {first:?}"
        )
    });
    let first = first.unwrap_or_default().as_secs_f64();
    (
        slow,
        format!("back at {steady}/s after {STEADY_AFTER:?}, the first after {first:.1} s"),
    )
}

/// When messages were handled within that time.
fn handled(notes: &[Note], from: Instant, to: Instant) -> Vec<Instant> {
    let within = notes
        .iter()
        .filter(|note| note.what == What::Handled && (from..to).contains(&note.at));
    within.map(|note| note.at).collect()
}

/// What became of one delivery.
#[derive(Debug, Clone, Copy)]
struct Note {
    at: Instant,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Handled,
    Paused,
    Other,
}

#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    fn all(&self) -> Vec<Note> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.clone()
    }

    fn add(&self, settlement: Settlement, at: Instant) {
        let what = match settlement {
            Settlement::Ack(Done::Handled) => What::Handled,
            Settlement::Pause { .. } => What::Paused,
            Settlement::Ack(_) | Settlement::Retry { .. } => What::Other,
        };
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(Note { at, what });
    }
}

/// Notes what becomes of each delivery.
#[derive(Debug)]
struct Noted<P> {
    process: P,
    notes: Notes,
    clock: Clock,
}

impl<P: Process> Process for Noted<P> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        let settlement = self.process.process(delivery).await;
        self.notes.add(settlement, self.clock.now());
        settlement
    }

    async fn tend(&self) -> bool {
        self.process.tend().await
    }
}

/// Acknowledges a message whatever became of it.
#[derive(Debug)]
struct GivesUp<G>(Naive<G, Nowhere>);

impl<G: Ground> Process for GivesUp<G> {
    async fn process(&self, delivery: Delivery) -> Settlement {
        self.0.process(delivery).await;
        Settlement::Ack(Done::Handled)
    }

    async fn tend(&self) -> bool {
        false
    }
}

async fn serve<P: Process>(
    broker: &Embedded,
    process: P,
    notes: &Notes,
    clock: Clock,
    stop: impl Future<Output = ()>,
) {
    let pace = Pace {
        concurrency: CONCURRENCY,
        batch: 1,
        wait: Duration::from_millis(50),
        ..Pace::default()
    };
    let noted = Noted {
        process,
        notes: notes.clone(),
        clock,
    };
    let orders = subscription(ORDERS, BILLING);
    consume(broker.clone(), orders, Arc::new(noted), pace, clock, stop).await;
}
