//! F18: the machine loses its power, and the end of the log of the embedded store is torn: cut off or changed. What was acknowledged is there, or the
//! store says that it cannot start.
//!
//! What the disk was not asked for before an acknowledgement may be gone after it, so a trace of the process tells how much of the log is safe.

mod trace;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use dovetail_messaging::{
    consumer::{Done, Settlement},
    store::sqlite::{
        Durability,
        rusqlite::{self, ErrorCode},
    },
};
use dovetail_resilience::{Chance, Clock};

pub(super) use self::trace::is_there;
use self::trace::{read, safe_lengths, tracer};
use super::{
    Size,
    process::{End, Process},
};
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
const LOG: &str = "shop.db-wal";
/// Of so many torn logs one may be refused: the store is to live with most of them.
const REFUSED_ONE_IN: u64 = 20;

pub(crate) fn run(size: Size) -> Result<Said> {
    let runs = size.seeds(500, 40);
    let full = History::of("full")?;
    let normal = History::of("normal")?;
    block_on(async {
        let mut own = Tally::default();
        let mut refused = 0;
        for seed in 0..runs {
            let chance = Chance::seeded(seed);
            let acknowledged = usize::try_from(below(&chance, MESSAGES as u64))?;
            match full.tear(acknowledged, Some(&chance)).await? {
                Some(tally) => own += tally,
                None => refused += 1,
            }
        }
        let mut broken = Vec::new();
        if refused * REFUSED_ONE_IN > runs {
            broken.push(format!("{refused} of {runs} torn logs were refused"));
        }
        // The disk was asked for nothing in time, and so nothing is left of it.
        let mut control = Tally::default();
        for acknowledged in 0..MESSAGES {
            let torn = normal.tear(acknowledged, None).await?;
            control += torn.unwrap_or_default();
        }
        Ok(Said {
            size: format!(
                "{runs} torn logs of {MESSAGES} messages, of which the disk had {} bytes of {} at the last acknowledgement; {refused} did not open",
                full.safe.last().copied().unwrap_or_default(),
                full.length
            ),
            tally: own,
            broken,
            control: Control::new("acknowledged before the disk was asked", control),
        })
    })
}

/// The files of a service that lost its power, and how much of its log was safe after each acknowledgement.
struct History {
    folder: tempfile::TempDir,
    safe: Vec<usize>,
    length: usize,
}

impl History {
    fn of(durability: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // What is in the file of the database itself is safe: it is closed once.
        block_on(async {
            let durable = options(Durability::Full);
            OnSqlite::open_as(folder.path(), durable).await.map(drop)
        })?;
        let trace = folder.path().join("trace");
        let task = [
            "acknowledge".to_owned(),
            format!("--durability={durability}"),
            format!("--messages={MESSAGES}"),
        ];
        let process = Process::start_under(&tracer(&trace), folder.path(), OnSqlite::NAME, &task)?;
        let end = process.wait()?;
        ensure!(end == End::Killed, "the traced process: {end:?}");
        let trace = read(&trace)?;
        ensure!(
            !trace
                .lines()
                .any(|line| line.contains("pwrite64(") && line.contains("/shop.db>")),
            "the log was written back, so that its length says nothing"
        );
        let safe = safe_lengths(&trace, LOG)?;
        ensure!(
            safe.len() == MESSAGES,
            "{} of {MESSAGES} acknowledgements were traced",
            safe.len()
        );
        let length = std::fs::metadata(folder.path().join(LOG))?.len();
        Ok(Self {
            folder,
            safe,
            length: usize::try_from(length)?,
        })
    }

    /// Tears the log somewhere behind what was safe, or all of that without chance, starts again, and delivers again all that was not
    /// acknowledged. `None`: the store says that it is damaged.
    async fn tear(&self, acknowledged: usize, chance: Option<&Chance>) -> Result<Option<Tally>> {
        let remains = tempfile::tempdir()?;
        for name in FILES {
            std::fs::copy(self.folder.path().join(name), remains.path().join(name))?;
        }
        let safe = self.safe.get(acknowledged);
        let safe = *safe.context("there is no such message")?;
        tear(&remains.path().join(LOG), safe, chance)?;
        let ground = match OnSqlite::open(remains.path()).await {
            Ok(ground) => ground,
            Err(error) if is_damage(&error) => return Ok(None),
            Err(error) => return Err(error.context("the store does not open for another reason")),
        };
        let consumer = consumer(BILLING, &ground, Clock::pinned_at(start()));
        for number in acknowledged + 1..MESSAGES {
            let settlement = consumer.process(order(number, 3)).await;
            ensure!(
                matches!(settlement, Settlement::Ack(Done::Handled | Done::Duplicate)),
                "a message is not handled after the crash: {settlement:?}"
            );
        }
        let effects = ground.effects().await?;
        Ok(Some(
            tally(BILLING, &ids(MESSAGES), &effects).without_order(),
        ))
    }
}

fn tear(path: &Path, safe: usize, chance: Option<&Chance>) -> Result<()> {
    let mut log = std::fs::read(path)?;
    match chance {
        None => log.truncate(safe),
        Some(chance) => {
            let torn = log.len().saturating_sub(safe);
            let at = safe + usize::try_from(below(chance, torn as u64))?;
            if one_in(chance, 2) {
                log.truncate(at);
            } else if let Some(byte) = log.get_mut(at) {
                *byte ^= 1 << below(chance, 8);
            }
        }
    }
    std::fs::write(path, log)?;
    Ok(())
}

/// Whether a store says that its file is not what it was.
fn is_damage(error: &anyhow::Error) -> bool {
    let code = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<rusqlite::Error>()?.sqlite_error_code());
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
