//! F10: one message in a hundred cannot be read, one is not what the contract says, one makes the handler panic, and one in a thousand is too large.

mod strict;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Pace, Process, run as consume},
    dead_letter::{Filter, Reason},
    outbox::Publisher as _,
    store::DeadLetters as _,
};
use dovetail_resilience::{Chance, Clock};

use self::strict::{BYTES_MAX, Drops, PROBLEM, Strict, Warped};
use super::{
    Size,
    setting::{Setting, until_empty},
};
use crate::{
    child::block_on,
    common::Watch,
    ground::Ground,
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, ORDERS, config, ids, order, subscription, tally},
};

/// Runs of each kind, one after the other: the machine has other things to do, too.
const PAIRS: usize = 5;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(20_000, 1_000);
    // Short runs say little of their speed, so the best of them counts; what stalls stalls in all of them.
    let (pairs, ratio_min, place) = size.of((PAIRS, 0.95, PAIRS / 2), (3, 0.75, 2));
    let expected = expected(count);
    let healthy = count - expected.len();
    let (mut own, mut broken, mut ratios) = (Tally::default(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Who comes first may have it easier.
        let (clean, mixed) = if pair % 2 == 0 {
            let clean = block_on(handle_all::<G>(count, false, false))?;
            (clean, block_on(handle_all::<G>(count, true, false))?)
        } else {
            let mixed = block_on(handle_all::<G>(count, true, false))?;
            (block_on(handle_all::<G>(count, false, false))?, mixed)
        };
        own += clean.tally;
        own += mixed.tally;
        if mixed.letters != expected {
            let (found, all) = (mixed.letters.len(), expected.len());
            broken.push(format!(
                "{found} dead letters are not the {all} messages that are poison, each with its reason: {}",
                difference(&mixed.letters, &expected)
            ));
        }
        ratios.push(healthy as f64 / mixed.seconds / (count as f64 / clean.seconds));
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios.get(place).copied().unwrap_or_default();
    if ratio < ratio_min {
        broken.push(format!(
            "healthy messages were handled at {ratio:.2}× the rate of a clean run"
        ));
    }
    let dropped = block_on(handle_all::<G>(count, true, true))?;
    let mut control = dropped.tally;
    control.lost += expected.len().abs_diff(dropped.letters.len()) as u64;
    Ok(Said {
        size: format!(
            "{count} messages, {} of them poison: healthy ones at {ratio:.2}× the rate of a clean run, {pairs} pairs of runs",
            expected.len()
        ),
        tally: own,
        broken,
        control: Control::new("what fails is acknowledged and dropped", control),
    })
}

/// Which dead letters there are to be, and why each of them.
fn expected(count: usize) -> BTreeMap<String, Reason> {
    (0..count)
        .filter_map(|number| {
            let poison = poison(number)?;
            let name = match poison {
                Poison::Envelope => format!("{PROBLEM}{number}"),
                _ => format!("m-{number}"),
            };
            Some((name, poison.reason()))
        })
        .collect()
}

/// The first thing that is here and not there.
fn difference(found: &BTreeMap<String, Reason>, expected: &BTreeMap<String, Reason>) -> String {
    let extra = found
        .iter()
        .find(|(name, reason)| expected.get(*name) != Some(*reason));
    let missing = expected.keys().find(|name| !found.contains_key(*name));
    format!("{extra:?} is there, {missing:?} is not")
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poison {
    /// What is around the message is none.
    Envelope,
    Bytes,
    Contract,
    Panic,
    Large,
}

impl Poison {
    const fn reason(self) -> Reason {
        match self {
            Self::Envelope | Self::Bytes => Reason::Decode,
            Self::Contract | Self::Large => Reason::Contract,
            Self::Panic => Reason::Panic,
        }
    }

    fn body(self, number: usize) -> Vec<u8> {
        match self {
            // Without an identity it is told by its body.
            Self::Envelope => format!("{PROBLEM}{number}").into_bytes(),
            Self::Bytes => vec![0xff, 0xfe],
            Self::Contract => b"no number".to_vec(),
            Self::Panic => b"panic".to_vec(),
            Self::Large => vec![b'9'; BYTES_MAX + 1],
        }
    }
}

/// What is wrong with the message of that number.
fn poison(number: usize) -> Option<Poison> {
    match (number % 1_000, number % 100) {
        (999, _) => Some(Poison::Large),
        (_, 11) if number % 200 == 11 => Some(Poison::Envelope),
        (_, 11) => Some(Poison::Bytes),
        (_, 47) => Some(Poison::Contract),
        (_, 83) => Some(Poison::Panic),
        _ => None,
    }
}

fn message(number: usize, is_mixed: bool) -> Message {
    let mut message = order(number, 1);
    message.key = None;
    if let Some(poison) = poison(number).filter(|_| is_mixed) {
        message.body = poison.body(number).into();
    }
    message
}

/// What came of one run.
struct Run {
    tally: Tally,
    /// By their ids, or where they have none, by their bodies.
    letters: BTreeMap<String, Reason>,
    seconds: f64,
}

/// Handles all of them, with dead letters, or with none.
async fn handle_all<G: Ground>(count: usize, is_mixed: bool, drops: bool) -> Result<Run> {
    let clock = Clock::system();
    let setting = Setting::<G>::open(Duration::from_secs(60), clock).await?;
    for number in 0..count {
        setting.broker.publish(&message(number, is_mixed)).await?;
    }
    let ground = &setting.ground;
    let watch = Watch::start();
    if drops {
        let drops = Drops::new(ground.clone());
        serve(&setting, drops, clock).await;
    } else {
        let config = Config {
            attempts_max: 2,
            ..config()
        };
        let (store, chance) = (ground.store().clone(), Chance::seeded(1));
        let handler = Strict::<G>::default();
        let consumer = Consumer::new(BILLING, store, handler, config, clock, chance);
        serve(&setting, consumer, clock).await;
    }
    let seconds = watch.elapsed().as_secs_f64();
    let letters = ground.store().letters(Filter::default(), 0, 10_000).await?;
    let letters = letters.into_iter().map(|letter| {
        let body = String::from_utf8_lossy(&letter.message.body).into_owned();
        let id = letter.message.id.filter(|id| !id.is_empty());
        (id.unwrap_or(body), letter.reason)
    });
    let mut healthy = ids(count);
    healthy.retain(|id| {
        let number = id.trim_start_matches("m-").parse().unwrap_or_default();
        !is_mixed || poison(number).is_none()
    });
    let effects = ground.effects().await?;
    Ok(Run {
        tally: tally(BILLING, &healthy, &effects).without_order(),
        letters: letters.collect(),
        seconds,
    })
}

async fn serve<G: Ground, P: Process>(setting: &Setting<G>, process: P, clock: Clock) {
    let pace = Pace {
        wait: Duration::from_millis(50),
        ..Pace::default()
    };
    let orders = subscription(ORDERS, BILLING);
    let stop = until_empty(&setting.broker, orders.clone(), clock);
    let transport = Warped(setting.broker.clone());
    consume(transport, orders, Arc::new(process), pace, clock, stop).await;
}
