//! F2: the process is killed at each place where that could hurt, and started again an hour later.

use std::path::Path;

use anyhow::Result;
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
    let seeds = size.seeds(200, 2);
    let mut own = Tally::default();
    let mut broken = Vec::new();
    let mut kills = 0;
    for place in failpoint::PLACES {
        for seed in 0..seeds {
            let run = kill::<G>(Where::At(place), seed, None)?;
            own += run.tally;
            kills += u64::from(run.was_killed);
            broken.extend(run.broken);
        }
    }
    let mut places = failpoint::PLACES.len();
    if G::has_midway() {
        // Here the failpoints around a commit are on one side of it: all of it is one request.
        places += 1;
        for seed in 0..seeds {
            let run = kill::<G>(Where::Midway, seed, None)?;
            own += run.tally;
            kills += u64::from(run.was_killed);
            broken.extend(run.broken);
        }
    }
    let mut control = Tally::default();
    for kind in [Kind::CheckFirst, Kind::MarkFirst] {
        let mut naive = Tally::default();
        for place in naive::PLACES {
            for seed in 0..seeds.min(2) {
                naive += kill::<G>(Where::At(place), seed, Some(kind))?.tally;
            }
        }
        let fails = match kind {
            Kind::CheckFirst => naive.doubled,
            Kind::MarkFirst => naive.lost,
        };
        if fails == 0 {
            broken.push(format!("the control {kind:?} does not fail: {naive}"));
        }
        control += naive;
    }
    Ok(Said {
        size: format!(
            "{kills} SIGKILLs at {places} places × {seeds} seeds, {MESSAGES} messages through inbox, outbox and a second inbox"
        ),
        tally: own,
        broken,
        control: Control::new("check, process, insert; mark first; no outbox", control),
    })
}

/// Where a process is killed.
#[derive(Debug, Clone, Copy)]
enum Where {
    /// At a place of the program.
    At(&'static str),
    /// When the database has what is published, and not the commit.
    Midway,
}

/// What came of one process that was killed, and the one after it.
struct Run {
    tally: Tally,
    was_killed: bool,
    broken: Vec<String>,
}

fn kill<G: Ground>(place: Where, seed: u64, kind: Option<Kind>) -> Result<Run> {
    let folder = Home::<G>::new()?;
    let ground = prepare::<G>(folder.path())?;
    let nth = 1 + below(&Chance::seeded(seed), PASSES);
    let name = format!("{place:?}, seed {seed}");
    let end = match place {
        Where::At(place) => {
            let task = [
                "work".to_owned(),
                format!("--kill-at={place}"),
                format!("--nth={nth}"),
            ];
            Process::start(folder.path(), G::NAME, kind, &task)?.wait()?
        }
        Where::Midway => ground.kill_midway(nth, |variables| {
            let task = ["work".to_owned()];
            Process::start_with(folder.path(), G::NAME, kind, &task, variables)
        })?,
    };
    let was_killed = end == End::Killed;
    let mut broken = Vec::new();
    if kind.is_none() {
        broken.extend(end.unless_killed(&format!("{name}: the process")));
    }
    let task = ["work".to_owned(), "--hours=1".to_owned()];
    let end = Process::start(folder.path(), G::NAME, kind, &task)?.wait()?;
    broken.extend(end.unless_done(&format!("{name}: the second process")));
    let (tally, judged) = judge(&ground, kind, &name)?;
    broken.extend(judged);
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
