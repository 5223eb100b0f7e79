//! F1: all deliveries of all messages at once, in two processes.

use std::{path::Path, time::Duration};

use anyhow::Result;

use super::{Size, process::Process};
use crate::{
    child::block_on,
    ground::{Ground, Home},
    naive::Kind,
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, ids, tally},
};

const DELIVERIES: usize = 8;
const WORKERS: usize = 16;
/// 80,000 deliveries take this long on a machine that is busy with other things.
const RACE_TIME_MAX: Duration = Duration::from_secs(1_200);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(10_000, 400);
    let (own, outbox, mut broken) = race::<G>(count, None)?;
    if outbox != count {
        broken.push(format!(
            "{outbox} messages in the outbox for {count} effects"
        ));
    }
    let naive_count = count.min(1_000);
    let (naive, _, _) = race::<G>(naive_count, Some(Kind::CheckFirst))?;
    let mut control = Control::new("check, process, insert", naive);
    if naive.doubled * 100 < naive_count as u64 {
        // Less than one in a hundred is too little power to speak of.
        control.tally = Tally::default();
    }
    Ok(Said {
        size: format!(
            "{count} messages × {DELIVERIES} deliveries, 2 processes × {WORKERS} workers"
        ),
        tally: own,
        broken,
        control,
    })
}

fn race<G: Ground>(count: usize, naive: Option<Kind>) -> Result<(Tally, usize, Vec<String>)> {
    let folder = Home::<G>::new()?;
    let ground = block_on(G::open(folder.path()))?;
    let mut processes = Vec::new();
    for _ in 0..2 {
        processes.push(start::<G>(folder.path(), count, naive)?);
    }
    for process in &mut processes {
        process.wait_until_ready()?;
    }
    for process in &mut processes {
        process.begin()?;
    }
    let mut broken = Vec::new();
    for process in processes {
        let end = process.patiently(RACE_TIME_MAX).wait()?;
        broken.extend(end.unless_done("a racing process"));
    }
    block_on(async {
        let effects = ground.effects().await?;
        let outbox = ground.outbox().await?.len();
        Ok((
            tally(BILLING, &ids(count), &effects).without_order(),
            outbox,
            broken,
        ))
    })
}

fn start<G: Ground>(folder: &Path, count: usize, naive: Option<Kind>) -> Result<Process> {
    let task = [
        "race".to_owned(),
        format!("--ids={count}"),
        format!("--deliveries={DELIVERIES}"),
        format!("--workers={WORKERS}"),
    ];
    Process::start(folder, G::NAME, naive, &task)
}
