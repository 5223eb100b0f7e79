//! F6: a process is frozen at each place, another one takes over, and the frozen one wakes up and goes on as if nothing had been.

use std::time::Duration;

use anyhow::{Result, ensure};
use dovetail_messaging::failpoint;

use super::{
    Size,
    kill::{judge, prepare},
    process::{End, Process},
};
use crate::{
    common::below,
    ground::{Ground, Home},
    naive::{self, Kind},
    report::{Control, Said},
    tally::Tally,
};

/// For how long the other process is alone, before the frozen one wakes up.
const ALONE: Duration = Duration::from_millis(250);

/// On a busy machine the other process may come too late to meet the frozen one, so the control has more than one chance to fail.
const CONTROL_SEEDS_MAX: u64 = 8;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let seeds = size.seeds(16, 1);
    let mut own = Tally::default();
    let mut broken = Vec::new();
    let mut cycles = 0;
    for place in failpoint::PLACES {
        for seed in 0..seeds {
            let (tally, was_frozen, said) = freeze::<G>(place, seed, None)?;
            own += tally;
            cycles += u64::from(was_frozen);
            broken.extend(said);
        }
    }
    if cycles < seeds * 6 {
        broken.push(format!("only {cycles} processes were frozen"));
    }
    let mut control = Tally::default();
    for seed in 0..CONTROL_SEEDS_MAX {
        for place in naive::PLACES {
            control += freeze::<G>(place, seed, Some(Kind::CheckFirst))?.0;
        }
        if seed + 1 >= seeds.min(2) && !control.is_clean() {
            break;
        }
    }
    Ok(Said {
        size: format!("{cycles} cycles of SIGSTOP, a second process an hour later, and SIGCONT"),
        tally: own,
        broken,
        control: Control::new("check, process, insert", control),
    })
}

fn freeze<G: Ground>(
    place: &str,
    seed: u64,
    kind: Option<Kind>,
) -> Result<(Tally, bool, Vec<String>)> {
    let folder = Home::<G>::new()?;
    let ground = prepare::<G>(folder.path())?;
    let nth = 1 + below(&dovetail_resilience::Chance::seeded(seed), 3);
    let task = [
        "work".to_owned(),
        format!("--freeze-at={place}"),
        format!("--nth={nth}"),
    ];
    let frozen = Process::start(folder.path(), G::NAME, kind, &task)?;
    let was_frozen = frozen.wait_until_frozen()?;
    let second = ["work".to_owned(), "--hours=1".to_owned()];
    let mut other = Process::start(folder.path(), G::NAME, kind, &second)?;
    if was_frozen {
        // Where the frozen one holds the lock of the file the other one waits for it, so it cannot be waited for without end.
        other.wait_for(ALONE)?;
        frozen.thaw()?;
        ensure!(frozen.wait()? == End::Done, "the frozen process was killed");
    }
    ensure!(other.wait()? == End::Done, "the second process was killed");
    let (tally, broken) = judge(&ground, kind, &format!("{place}, seed {seed}"))?;
    Ok((tally, was_frozen, broken))
}
