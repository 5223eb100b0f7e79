//! F6: a process is frozen at each place, another one takes over, and the frozen one wakes up and goes on as if nothing had been.

use anyhow::Result;
use dovetail_messaging::failpoint;
use dovetail_resilience::Chance;

use super::{
    Size,
    kill::{judge, prepare},
    process::Process,
};
use crate::{
    child::{LOG_LENGTH, block_on},
    common::below,
    ground::{Ground, Home},
    naive::{self, Kind},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, ids, tally},
};

/// The other process may come too late to meet the frozen one on a busy machine, so the control has more than one chance to fail.
const CONTROL_SEEDS_MAX: u64 = 8;
/// What a process comes by that is given a log to read, and no broker.
const LOG_PLACES: [&str; 6] = [
    "begun",
    "claimed",
    "handled",
    "enqueued",
    "committing",
    "committed",
];

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let seeds = size.seeds(17, 1);
    let mut total = Cycle::default();
    for seed in 0..seeds {
        for place in failpoint::PLACES {
            total.add(freeze::<G>("work", place, seed, None)?);
        }
        for place in LOG_PLACES {
            total.add(freeze::<G>("log", place, seed, None)?);
        }
    }
    let all = seeds * (failpoint::PLACES.len() + LOG_PLACES.len()) as u64;
    if total.frozen != all {
        let frozen = total.frozen;
        total
            .broken
            .push(format!("only {frozen} of {all} processes were frozen"));
    }
    let mut control = Tally::default();
    for task in ["work", "log"] {
        let mut naive = Tally::default();
        for seed in 0..CONTROL_SEEDS_MAX {
            for place in naive::PLACES {
                naive += freeze::<G>(task, place, seed, Some(Kind::CheckFirst))?.tally;
            }
            if !naive.is_clean() {
                break;
            }
        }
        if naive.is_clean() {
            total
                .broken
                .push(format!("the control of `{task}` does not fail"));
        }
        control += naive;
    }
    Ok(Said {
        size: format!(
            "{} cycles of SIGSTOP, a second process, and SIGCONT, a third of them with offsets in place of an inbox",
            total.frozen
        ),
        tally: total.tally,
        broken: total.broken,
        control: Control::new("check, process, insert", control),
    })
}

/// What came of processes that were frozen.
#[derive(Debug, Default)]
struct Cycle {
    tally: Tally,
    frozen: u64,
    broken: Vec<String>,
}

impl Cycle {
    fn add(&mut self, other: Self) {
        self.tally += other.tally;
        self.frozen += other.frozen;
        self.broken.extend(other.broken);
    }
}

/// Freezes a process that works on a broker, or reads a log.
fn freeze<G: Ground>(task: &str, place: &str, seed: u64, kind: Option<Kind>) -> Result<Cycle> {
    let folder = Home::<G>::new()?;
    let ground = prepare::<G>(folder.path())?;
    let nth = 1 + below(&Chance::seeded(seed), 3);
    let first = [
        task.to_owned(),
        format!("--freeze-at={place}"),
        format!("--nth={nth}"),
    ];
    let frozen = Process::start(folder.path(), G::NAME, kind, &first)?;
    let was_frozen = frozen.wait_until_frozen()?;
    let second = [task.to_owned(), "--hours=1".to_owned()];
    let mut other = Process::start(folder.path(), G::NAME, kind, &second)?;
    let name = format!("{task} at {place}, seed {seed}");
    if was_frozen {
        // Where the frozen one holds the lock of the file the other one waits for it, so it cannot be waited for without end.
        other.wait_for(G::ALONE)?;
        frozen.thaw()?;
    }
    let mut broken = Vec::new();
    for (process, who) in [
        (frozen, "the frozen process"),
        (other, "the second process"),
    ] {
        let end = process.wait()?;
        broken.extend(end.unless_done(&format!("{name}: {who}")));
    }
    let (tally, judged) = if task == "log" {
        block_on(async {
            let effects = ground.effects().await?;
            Ok((tally(BILLING, &ids(LOG_LENGTH), &effects), Vec::new()))
        })?
    } else {
        judge(&ground, kind, &name)?
    };
    broken.extend(judged);
    Ok(Cycle {
        tally,
        frozen: u64::from(was_frozen),
        broken: if kind.is_none() { broken } else { Vec::new() },
    })
}
