//! F2: the process is killed at each place where that could hurt, and started again an hour later.

use std::path::Path;

use anyhow::{Result, ensure};
use dovetail_messaging::{
    failpoint,
    outbox::Publisher as _,
    transport::{Channel, Kind as ChannelKind, Transport as _},
};
use dovetail_resilience::{Chance, Clock};

use super::{
    Size,
    process::{End, Process},
};
use crate::{
    child::{block_on, broker},
    common::{below, start},
    ground::{Ground, Home},
    naive::{self, Kind},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, CHARGES, MAIL, ORDERS, ids, order, subscription, tally},
};

pub(super) const MESSAGES: usize = 12;
const KEYS: usize = 3;
/// How often a process may come to a place before it is killed there: places that a batch passes once come less often.
const PASSES: u64 = 4;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let seeds = size.seeds(20, 2);
    let mut own = Tally::default();
    let mut broken = Vec::new();
    for place in failpoint::PLACES {
        let mut killed = 0;
        for seed in 0..seeds {
            let run = kill::<G>(place, seed, None)?;
            own += run.tally;
            killed += u64::from(run.was_killed);
            broken.extend(run.broken);
        }
        if killed * 2 < seeds {
            broken.push(format!(
                "only {killed} of {seeds} processes died at `{place}`"
            ));
        }
    }
    let mut control = Tally::default();
    for kind in [Kind::CheckFirst, Kind::MarkFirst] {
        for place in naive::PLACES {
            for seed in 0..seeds.min(2) {
                control += kill::<G>(place, seed, Some(kind))?.tally;
            }
        }
    }
    let places = failpoint::PLACES.len();
    Ok(Said {
        size: format!(
            "SIGKILL at {places} places × {seeds} seeds, {MESSAGES} messages through inbox, outbox and a second inbox"
        ),
        tally: own,
        broken,
        control: Control::new("check, process, insert; mark first; no outbox", control),
    })
}

/// What came of one process that was killed, and the one after it.
struct Run {
    tally: Tally,
    was_killed: bool,
    broken: Vec<String>,
}

fn kill<G: Ground>(place: &str, seed: u64, kind: Option<Kind>) -> Result<Run> {
    let folder = Home::<G>::new()?;
    let ground = prepare::<G>(folder.path())?;
    let nth = 1 + below(&Chance::seeded(seed), PASSES);
    let first = [
        "work".to_owned(),
        format!("--kill-at={place}"),
        format!("--nth={nth}"),
    ];
    let was_killed = Process::start(folder.path(), G::NAME, kind, &first)?.wait()? == End::Killed;
    let second = ["work".to_owned(), "--hours=1".to_owned()];
    let end = Process::start(folder.path(), G::NAME, kind, &second)?.wait()?;
    ensure!(end == End::Done, "the second process was killed");
    let (tally, broken) = judge(&ground, kind, &format!("{place}, seed {seed}"))?;
    Ok(Run {
        tally,
        was_killed,
        broken,
    })
}

/// Makes the store and the broker of a folder, with orders in it.
pub(super) fn prepare<G: Ground>(folder: &Path) -> Result<G> {
    block_on(async {
        let broker = broker(folder, Clock::pinned_at(start()))?;
        for (channel, group) in [(ORDERS, BILLING), (CHARGES, MAIL)] {
            broker
                .declare(&Channel::new(channel, ChannelKind::Topic))
                .await?;
            broker.subscribe(&subscription(channel, group)).await?;
        }
        for number in 0..MESSAGES {
            broker.publish(&order(number, KEYS)).await?;
        }
        G::open(folder).await
    })
}

/// What became of the orders, and of what both consumers made of them.
pub(super) fn judge<G: Ground>(
    ground: &G,
    kind: Option<Kind>,
    name: &str,
) -> Result<(Tally, Vec<String>)> {
    block_on(async {
        let effects = ground.effects().await?;
        let expected = ids(MESSAGES);
        let mut tallies = tally(BILLING, &expected, &effects);
        tallies += tally(MAIL, &expected, &effects);
        let mut broken = Vec::new();
        let outbox = ground.outbox().await?.len();
        if kind.is_none() && outbox != MESSAGES {
            broken.push(format!(
                "{name}: {outbox} messages in the outbox for {MESSAGES} effects"
            ));
        }
        Ok((tallies, broken))
    })
}
