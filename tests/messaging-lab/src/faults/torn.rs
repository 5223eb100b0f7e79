//! F18: the machine loses its power, and the end of the log of the embedded store is torn: cut off or changed. What was acknowledged is there, or the
//! store says that it cannot start.

use std::path::Path;

use anyhow::{Context as _, Result};
use dovetail_messaging::{
    consumer::{Done, Settlement},
    store::sqlite::Durability,
};
use dovetail_resilience::{Chance, Clock};

use super::Size;
use crate::{
    child::block_on,
    common::{below, one_in, start},
    ground::{
        Ground as _,
        sqlite::{OnSqlite, options},
    },
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, consumer, ids, order, tally},
};

const MESSAGES: usize = 20;
const FILES: [&str; 2] = ["shop.db", "shop.db-wal"];

pub(crate) fn run(size: Size) -> Result<Said> {
    let runs = size.seeds(500, 40);
    block_on(async {
        let folder = tempfile::tempdir()?;
        let lengths = history(folder.path()).await?;
        let mut own = Tally::default();
        let mut refused = 0;
        for seed in 0..runs {
            let chance = Chance::seeded(seed);
            let acknowledged = usize::try_from(below(&chance, MESSAGES as u64))?;
            match tear(folder.path(), &lengths, acknowledged, acknowledged, &chance).await? {
                Some(tally) => own += tally,
                None => refused += 1,
            }
        }
        // As if the disk had been asked for nothing: what is torn was acknowledged.
        let mut control = Tally::default();
        for seed in 0..runs.min(20) {
            let chance = Chance::seeded(seed);
            let torn = tear(folder.path(), &lengths, MESSAGES - 1, 2, &chance).await?;
            control += torn.unwrap_or_default();
        }
        Ok(Said {
            size: format!("{runs} torn logs, of which {refused} did not open"),
            tally: own,
            broken: Vec::new(),
            control: Control::new("acknowledged before the disk was asked", control),
        })
    })
}

/// Handles messages, and returns how long the log was after each acknowledgement.
async fn history(folder: &Path) -> Result<Vec<usize>> {
    let ground = OnSqlite::open_as(folder, options(Durability::Full)).await?;
    let consumer = consumer(BILLING, &ground, Clock::pinned_at(start()));
    let mut lengths = Vec::new();
    for number in 0..MESSAGES {
        consumer.process(order(number, 3)).await;
        let log = std::fs::metadata(folder.join("shop.db-wal"))?;
        lengths.push(usize::try_from(log.len())?);
    }
    // The files are copied as they are now: a store that is closed would tidy up.
    for name in FILES {
        std::fs::copy(folder.join(name), folder.join(format!("{name}.kept")))?;
    }
    Ok(lengths)
}

/// Tears the log behind what was there after `kept` messages, starts again, and delivers again all but the first `acknowledged`. `None`: the
/// store does not open.
async fn tear(
    folder: &Path,
    lengths: &[usize],
    acknowledged: usize,
    kept: usize,
    chance: &Chance,
) -> Result<Option<Tally>> {
    let remains = tempfile::tempdir()?;
    for name in FILES {
        let kept = folder.join(format!("{name}.kept"));
        std::fs::copy(kept, remains.path().join(name))?;
    }
    let path = remains.path().join("shop.db-wal");
    let mut log = std::fs::read(&path)?;
    let sound = *lengths.get(kept).context("there is no such message")?;
    let torn = log.len().saturating_sub(sound);
    let at = sound + usize::try_from(below(chance, torn as u64))?;
    if one_in(chance, 2) {
        log.truncate(at);
    } else if let Some(byte) = log.get_mut(at) {
        *byte ^= 1 << below(chance, 8);
    }
    std::fs::write(&path, log)?;
    let Ok(ground) = OnSqlite::open(remains.path()).await else {
        return Ok(None);
    };
    let consumer = consumer(BILLING, &ground, Clock::pinned_at(start()));
    for number in acknowledged + 1..MESSAGES {
        let settlement = consumer.process(order(number, 3)).await;
        anyhow::ensure!(
            matches!(settlement, Settlement::Ack(Done::Handled | Done::Duplicate)),
            "a message is not handled after the crash: {settlement:?}"
        );
    }
    let effects = ground.effects().await?;
    Ok(Some(tally(BILLING, &ids(MESSAGES), &effects)))
}
