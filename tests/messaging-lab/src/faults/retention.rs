//! F13: what is forgotten after its time, while what is not yet so old comes again; and what is not forgotten however old it is.

mod keeper;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Consumer, Done, Settlement},
    dead_letter::{Act, Search, Selection, State},
    inbox::{Fingerprint, Key},
    replay::{self, Options, Started},
    store::{Lease, Leased, Leases as _, Store as _, Triage as _},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use self::keeper::Keeper;
use super::Size;
use crate::{
    child::block_on,
    common::start,
    ground::{Ground, Home},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, config, ids, order, tally},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long after the old messages the new ones came.
const AGE: Duration = Duration::from_secs(8 * 24 * 3_600);
/// How often each new message comes while the old ones are forgotten.
const DELIVERIES: usize = 10;
/// How many are forgotten in one go: few, so that it takes long.
const BATCH: u32 = 7;
/// Numbers of messages that have a story of their own.
const LEASED: usize = 1_000_000;
const PARKED: usize = 1_000_001;
const OLD_DEAD: usize = 1_000_002;
const NEW_DEAD: usize = 1_000_003;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(1_000, 100);
    let own = block_on(race::<G>(count, RETENTION))?;
    // As if nothing had to be kept: what was handled a moment ago is forgotten, too.
    let control = block_on(race::<G>(count, Duration::ZERO))?;
    Ok(Said {
        size: format!(
            "{} deliveries of {count} messages race a cleanup that forgets {} others after 7 days",
            count * DELIVERIES,
            own.forgotten
        ),
        tally: own.tally,
        broken: own.broken,
        control: Control::new("a cleanup that forgets at once", control.tally),
    })
}

/// What came of one cleanup.
struct Run {
    tally: Tally,
    forgotten: u64,
    broken: Vec<String>,
}

/// The consumer of a time.
type Own<G> = Consumer<<G as Ground>::Store, Keeper<G>>;

fn consumer_at<G: Ground>(ground: &G, at: SystemTime, is_well: &Arc<AtomicBool>) -> Own<G> {
    let handler = Keeper::new(PARKED, Arc::clone(is_well));
    let (store, clock) = (ground.store().clone(), Clock::pinned_at(at));
    Consumer::new(BILLING, store, handler, config(), clock, Chance::seeded(1))
}

async fn race<G: Ground>(count: usize, retention: Duration) -> Result<Run> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let is_well = Arc::<AtomicBool>::default();
    let mut broken = Vec::new();
    // Messages below `count` are new, and as many behind them are old.
    let old = consumer_at(&ground, start(), &is_well);
    for number in count..2 * count {
        deliver(&old, keyless(number)).await;
    }
    let lease = lease(&ground).await?;
    deliver(&old, order(PARKED, 1)).await;
    deliver(&old, dead(OLD_DEAD)).await;
    let now = start() + AGE;
    let new = Arc::new(consumer_at(&ground, now, &is_well));
    deliver(&new, dead(NEW_DEAD)).await;
    for number in 0..count {
        deliver(&new, keyless(number)).await;
    }
    let before = now + Duration::from_secs(1) - retention;
    let forgotten = redeliver_beside(&ground, &new, count, before).await?;
    if retention > DAY {
        if forgotten != count as u64 {
            broken.push(format!("{forgotten} of {count} were forgotten"));
        }
        broken.extend(survives(&ground, &new, &is_well, &lease).await?);
        broken.extend(refused(&ground, now).await?);
        // Outside of the retention nothing is promised: this shows that the rows are gone.
        let again = deliver(&new, keyless(count)).await;
        if again != Some(Done::Handled) {
            broken.push(format!(
                "an old message was {again:?} after it was forgotten"
            ));
        }
    }
    let effects = ground.effects().await?;
    let mut young = ids(count);
    young.insert(format!("m-{PARKED}"));
    let own: Vec<_> = effects
        .into_iter()
        .filter(|effect| retention <= DAY || young.contains(&effect.id))
        .collect();
    let expected = if retention > DAY {
        young
    } else {
        ids(2 * count)
    };
    Ok(Run {
        tally: tally(BILLING, &expected, &own).without_order(),
        forgotten,
        broken,
    })
}

/// Delivers the new messages again and again while the old ones are forgotten. Returns how many those are.
async fn redeliver_beside<G: Ground>(
    ground: &G,
    consumer: &Arc<Own<G>>,
    count: usize,
    before: SystemTime,
) -> Result<u64> {
    let mut tasks = JoinSet::new();
    for _ in 0..DELIVERIES {
        let consumer = Arc::clone(consumer);
        tasks.spawn(async move {
            for number in 0..count {
                deliver(&consumer, keyless(number)).await;
            }
        });
    }
    let mut forgotten = 0;
    loop {
        while tasks.try_join_next().transpose()?.is_some() {}
        let gone = ground.store().forget(before, BATCH).await?;
        forgotten += u64::from(gone);
        if gone == 0 && tasks.is_empty() {
            return Ok(forgotten);
        }
        tokio::task::yield_now().await;
    }
}

fn keyless(number: usize) -> Message {
    Message {
        key: None,
        ..order(number, 1)
    }
}

/// A message that becomes a dead letter at once.
fn dead(number: usize) -> Message {
    Message {
        body: b"no number".to_vec().into(),
        ..keyless(number)
    }
}

/// Delivers until it is acknowledged, as long as that makes sense.
async fn deliver<G: Ground>(consumer: &Own<G>, message: Message) -> Option<Done> {
    const TRIES_MAX: usize = 1_000;
    for _ in 0..TRIES_MAX {
        if let Settlement::Ack(done) = consumer.process(message.clone()).await {
            return Some(done);
        }
        Clock::system().sleep(Duration::from_millis(1)).await;
    }
    None
}

/// Somebody has been at work since before everything else.
async fn lease<G: Ground>(ground: &G) -> Result<Option<Lease>> {
    let message = keyless(LEASED);
    let Some(key) = Key::of(BILLING, &message) else {
        return Ok(None);
    };
    let fingerprint = Fingerprint::of(&message.body);
    let length = AGE * 4;
    let leased = ground
        .store()
        .lease(key, fingerprint, start(), length)
        .await?;
    Ok(match leased {
        Leased::Held(lease) => Some(lease),
        _ => None,
    })
}

/// What is leased, dead or parked is not forgotten, however old it is.
async fn survives<G: Ground>(
    ground: &G,
    consumer: &Own<G>,
    is_well: &AtomicBool,
    lease: &Option<Lease>,
) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let is_held = match lease {
        Some(lease) => {
            let now = start() + AGE;
            ground.store().complete(lease, Vec::new(), now).await?
        }
        None => false,
    };
    if !is_held {
        broken.push("the row of a lease was forgotten".to_owned());
    }
    let again = deliver(consumer, dead(OLD_DEAD)).await;
    if !matches!(again, Some(Done::Duplicate | Done::Dead(_))) {
        broken.push(format!("a dead letter was {again:?} when it came again"));
    }
    let open = Selection {
        state: Some(State::Open),
        ..Selection::default()
    };
    let letters = ground.store().matches(open).await?.count;
    if letters != 2 {
        broken.push(format!("{letters} of 2 dead letters are there"));
    }
    let parked = ground.parked().await?;
    if parked != 1 {
        broken.push(format!("{parked} of 1 parked message is there"));
    }
    is_well.store(true, Ordering::SeqCst);
    let drained = consumer.drain(10).await?.handled;
    if drained != 1 {
        broken.push(format!("{drained} of 1 parked message was handled"));
    }
    Ok(broken)
}

/// What inboxes may have forgotten is not sent again; what they still know is.
async fn refused<G: Ground>(ground: &G, now: SystemTime) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let letters = ground.store().list(Selection::default(), 0, 10).await?;
    for listed in letters {
        let number = listed.letter.number;
        let is_old = listed.letter.first_at < now - RETENTION;
        let search = Search {
            selection: Selection {
                numbers: vec![number],
                ..Selection::default()
            },
            filter: None,
        };
        let act = Act {
            who: "lab".to_owned(),
            at: now + Duration::from_secs(2 * 3_600),
        };
        let options = Options::default();
        let started = replay::start(ground.store(), &search, options, act).await?;
        let is_right = match &started {
            Started::TooOld { count, .. } => is_old && *count == 1,
            Started::New(_) => !is_old,
            _ => false,
        };
        if !is_right {
            broken.push(format!(
                "the replay of a letter that is {} was {started:?}",
                if is_old { "too old" } else { "young" }
            ));
        }
    }
    Ok(broken)
}
