//! F8: the relay is killed between publishing and noting it, again and again. What it publishes twice has the same identity, and is no more than a batch.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;
use dovetail_messaging::{
    store::sqlite::{Durability, Sqlite},
    transport::Transport as _,
};
use dovetail_resilience::Clock;

use super::{
    Size,
    kill::{MESSAGES, judge, prepare},
    process::{End, Process},
};
use crate::{
    child::{BATCH_MAX, block_on, broker},
    common::start,
    ground::{Ground, Home, sqlite::options},
    naive::Kind,
    report::{Control, Said},
    tally::Tally,
    work::{CHARGES, ids, subscription},
};

/// How often the relay of one folder is killed.
const KILLS: usize = 4;

/// Who listens to everything that is published.
const AUDIT: &str = "audit";

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let histories = size.seeds(50, 4);
    let mut own = Tally::default();
    let mut broken = Vec::new();
    let (mut kills, mut doubled) = (0, 0);
    for _ in 0..histories {
        let history = history::<G>("marking", None)?;
        own += history.tally;
        broken.extend(history.broken);
        kills += history.kills;
        doubled += history.doubled;
    }
    let mut control = Tally::default();
    for _ in 0..histories.min(3) {
        control += history::<G>("unpublished", Some(Kind::CheckFirst))?.tally;
    }
    Ok(Said {
        size: format!(
            "{kills} kills between publishing and noting it: {doubled} published again under their own ids, batches of {BATCH_MAX}"
        ),
        tally: own,
        broken,
        control: Control::new("publish after the commit, without an outbox", control),
    })
}

struct History {
    tally: Tally,
    broken: Vec<String>,
    kills: usize,
    doubled: usize,
}

/// Starts the processes of one folder until one comes to its end.
fn history<G: Ground>(place: &str, kind: Option<Kind>) -> Result<History> {
    let folder = Home::<G>::new()?;
    let ground = prepare::<G>(folder.path())?;
    let clock = Clock::pinned_at(start());
    block_on(async {
        let audit = subscription(CHARGES, AUDIT);
        Ok(broker(folder.path(), clock)?.subscribe(&audit).await?)
    })?;
    let mut kills = 0;
    let mut broken = Vec::new();
    loop {
        let mut task = vec!["work".to_owned(), format!("--hours={kills}")];
        // The last process is left alone.
        if kills < KILLS {
            task.extend([format!("--kill-at={place}"), "--nth=1".to_owned()]);
        }
        match Process::start(folder.path(), G::NAME, kind, &task)?.wait()? {
            End::Killed if kills < KILLS => kills += 1,
            end => {
                broken.extend(end.unless_done("the last process"));
                break;
            }
        }
    }
    let (tally, judged) = judge(&ground, kind, place)?;
    broken.extend(judged);
    let published = block_on(published(folder.path()))?;
    let distinct: BTreeSet<String> = published.iter().cloned().collect();
    let doubled = published.len().saturating_sub(distinct.len());
    if kind.is_none() {
        if distinct != ids(MESSAGES) {
            broken.push("what was published is not what was charged".to_owned());
        }
        if kills < KILLS {
            broken.push(format!("only {kills} of {KILLS} relays were killed"));
        }
        // Each of them had published something, and had noted nothing of it.
        if !(kills..=kills * BATCH_MAX as usize).contains(&doubled) {
            broken.push(format!("{doubled} published again by {kills} kills"));
        }
    }
    Ok(History {
        tally,
        broken,
        kills,
        doubled,
    })
}

/// What the broker of a folder still keeps of the charges, which is all of them: the audit never acknowledges anything.
async fn published(folder: &Path) -> Result<Vec<String>> {
    let file = Sqlite::open(
        folder.join("broker.db"),
        options(Durability::Normal),
        start(),
    )?;
    let found = file.transact(|connection| {
        let mut statement = connection
            .prepare("SELECT id FROM dovetail_message WHERE channel = ?1 ORDER BY place")?;
        statement.query_map([CHARGES], |row| row.get(0))?.collect()
    });
    Ok(found.await?)
}
