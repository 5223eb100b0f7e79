//! One history from its seed to its judgement.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use dovetail_messaging::{
    Message,
    dead_letter::{Filter, Reason},
    store::{DeadLetters as _, Outbox as _},
};
use dovetail_resilience::{Chance, Clock};
use tokio::{sync::Mutex, task::JoinSet};

use super::{
    broker::Broker,
    life::{History, Life},
    service::{Setup, live},
    store::{Stepped, at_once},
};
use crate::{
    common::{below, one_in, start},
    ground::{Ground as _, sqlite::OnSqlite},
    tally::{Effect, Tally},
    work::{BILLING, CHARGES, MAIL, ORDERS, ids, order, tally},
};

/// A history that is not over by then never will be.
const TIME_MAX: Duration = Duration::from_secs(1_800);
const PROCESSES: usize = 2;

/// What a history came to.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) tally: Tally,
    pub(crate) broken: Vec<String>,
    pub(crate) steps: u64,
    pub(crate) crashes: u64,
    pub(crate) faults: u64,
    pub(crate) simulated: Duration,
    pub(crate) trace: Vec<String>,
}

impl Findings {
    pub(crate) fn holds(&self) -> bool {
        self.tally.is_clean() && self.broken.is_empty()
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = format!("lost / doubled / out of order = {}", self.tally);
        for broken in &self.broken {
            text.push_str("; ");
            text.push_str(broken);
        }
        text
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.simulated += other.simulated;
    }
}

/// Tells the history of a seed.
pub(crate) fn history(seed: u64, is_naive: bool) -> Result<Findings> {
    // In memory where the system offers that: what is simulated never loses its power.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let folder = folder.context("cannot make a temporary folder")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("cannot start a runtime")?
        .block_on(World::new(seed, is_naive, folder.path())?.tell())
}

struct World<'a> {
    history: Option<History>,
    seed: u64,
    count: usize,
    keys: usize,
    setup: Setup,
    folder: &'a Path,
    turn: Arc<Mutex<()>>,
    observer: OnSqlite,
}

impl<'a> World<'a> {
    fn new(seed: u64, is_naive: bool, folder: &'a Path) -> Result<Self> {
        let chance = Chance::seeded(seed ^ 0x5EED);
        let count = usize::try_from(4 + below(&chance, 10))?;
        let fatal = (0..count)
            .filter(|_| !is_naive && one_in(&chance, 15))
            .map(|number| format!("m-{number}"))
            .collect();
        let setup = Setup {
            fatal: Arc::new(fatal),
            parks: one_in(&chance, 2),
            concurrency: u32::try_from(1 + below(&chance, 4))?,
            batch: u32::try_from(1 + below(&chance, 4))?,
            batch_max: u32::try_from(1 + below(&chance, 4))?,
            is_naive,
        };
        Ok(Self {
            history: None,
            seed,
            count,
            keys: usize::try_from(1 + below(&chance, 4))?,
            setup,
            folder,
            turn: Arc::default(),
            observer: at_once(OnSqlite::open(folder))?,
        })
    }

    async fn tell(mut self) -> Result<Findings> {
        let chance = Chance::seeded(self.seed);
        let misfortunes = 5 + below(&chance, 30);
        let history = History::new(chance, Clock::pinned_at(start()), misfortunes);
        self.history = Some(history.clone());
        let broker = Broker::new(history.clone(), &[ORDERS, CHARGES]);
        let mut processes = JoinSet::new();
        for number in 0..PROCESSES {
            self.begin(&mut processes, &broker, &history, number);
        }
        let mut published = 0;
        let mut is_stuck = false;
        loop {
            if published < self.count {
                broker.add(&order(published, self.keys));
                published += 1;
            }
            tokio::select! {
                biased;
                Some(ended) = processes.join_next() => {
                    let number = ended.context("a process of the simulation panicked")??;
                    self.begin(&mut processes, &broker, &history, number);
                }
                () = history.clock.sleep(Duration::from_millis(300)) => {}
            }
            if published == self.count && self.is_quiet(&broker)? {
                break;
            }
            if history.elapsed() > TIME_MAX {
                is_stuck = true;
                break;
            }
        }
        processes.shutdown().await;
        let mut findings = self.judge(&broker)?;
        if is_stuck {
            findings.broken.push("it did not come to an end".to_owned());
        }
        findings.steps = history.steps.load(Ordering::Relaxed);
        findings.crashes = history.crashes.load(Ordering::Relaxed);
        findings.faults = history.faults.load(Ordering::Relaxed);
        findings.simulated = history.elapsed();
        findings.trace = history.trace();
        Ok(findings)
    }

    /// Starts a process, with a clock that may be wrong by half a minute.
    fn begin(
        &self,
        processes: &mut JoinSet<Result<usize>>,
        broker: &Broker,
        history: &History,
        number: usize,
    ) {
        const SKEWS_S: [i64; 6] = [0, 0, 0, 2, -2, 30];
        let draw = below(&history.chance, SKEWS_S.len() as u64);
        let skew = usize::try_from(draw)
            .ok()
            .and_then(|draw| SKEWS_S.get(draw));
        let skew = skew.copied().unwrap_or_default();
        let distance = Duration::from_secs(skew.unsigned_abs());
        let now = history.clock.wall();
        let wall = if skew < 0 {
            now - distance
        } else {
            now + distance
        };
        let clock = Clock::pinned_at(wall);
        let life = Life::new(history.clone(), format!("p{number}"));
        history.tell(&life.name, &format!("begins, its clock off by {skew} s"));
        let (folder, turn) = (self.folder.to_owned(), Arc::clone(&self.turn));
        let client = broker.client(&life);
        let setup = self.setup.clone();
        processes.spawn(async move {
            let held = turn.lock().await;
            let ground = at_once(OnSqlite::open(&folder))?;
            drop(held);
            let store = Stepped::new(ground, life.clone(), turn);
            live(store, client, life, setup, clock).await;
            Ok(number)
        });
    }

    /// Whether nothing waits anywhere.
    fn is_quiet(&self, broker: &Broker) -> Result<bool> {
        let Ok(_turn) = self.turn.try_lock() else {
            return Ok(false);
        };
        if !broker.is_empty() {
            return Ok(false);
        }
        let pending = at_once(self.observer.store().pending())?.count;
        Ok(pending + at_once(self.observer.parked())? == 0)
    }

    fn judge(&self, broker: &Broker) -> Result<Findings> {
        let fatal = &self.setup.fatal;
        let expected: BTreeSet<String> = ids(self.count).difference(fatal).cloned().collect();
        let effects = at_once(self.observer.effects())?;
        let mut findings = Findings {
            tally: tally(BILLING, &expected, &effects),
            ..Findings::default()
        };
        findings.tally += tally(MAIL, &expected, &effects);
        if self.setup.is_naive {
            return Ok(findings);
        }
        let mut check = |holds: bool, what: &str| {
            if !holds {
                findings.broken.push(what.to_owned());
            }
        };
        let mut outbox = at_once(self.observer.outbox())?;
        outbox.sort();
        check(
            outbox.iter().eq(&expected_sorted(&expected)),
            "the outbox is not what the effects are",
        );
        let first = first_of(&broker.log(CHARGES));
        let relayed = Tally::of(&expected, &first);
        check(
            relayed.is_clean(),
            &format!("what was relayed: lost / doubled / out of order = {relayed}"),
        );
        let letters = at_once(self.observer.store().letters(Filter::default(), 0, 1_000))?;
        let dead: Vec<String> = letters
            .iter()
            .filter(|letter| letter.reason == Reason::Handler)
            .filter_map(|letter| letter.message.id.clone())
            .collect();
        let distinct: BTreeSet<String> = dead.iter().cloned().collect();
        check(
            letters.len() == fatal.len() && distinct == **fatal,
            "the dead letters are not the messages that cannot be handled",
        );
        Ok(findings)
    }
}

fn expected_sorted(expected: &BTreeSet<String>) -> Vec<String> {
    expected.iter().cloned().collect()
}

/// The first time of each message, as an effect: what comes again is a duplicate that the next inbox knows.
fn first_of(log: &[Message]) -> Vec<Effect> {
    let mut first = BTreeMap::new();
    for (place, message) in log.iter().enumerate() {
        let id = message.id.clone().unwrap_or_default();
        first.entry(id).or_insert((place, message));
    }
    let mut first: Vec<_> = first.into_values().collect();
    first.sort_by_key(|(place, _)| *place);
    first
        .into_iter()
        .map(|(_, message)| {
            let number = crate::work::number_of(message).unwrap_or_default();
            crate::work::effect_of("relay", message, number)
        })
        .collect()
}
