//! The list of faults, and how they are run.

mod ambiguous;
mod frozen;
mod kill;
mod late;
mod leases;
mod outage;
mod poison;
pub(crate) mod process;
mod race;
mod relay;
mod replay;
mod retention;
mod setting;
mod slow;
mod torn;
mod transient;

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    child::OnStore,
    common::{Watch, print},
    ground::{
        Ground,
        postgres::{self, OnPostgres},
        sqlite::OnSqlite,
    },
    report::{Outcome, Said},
    simulation,
};

/// Which faults, and how many of each.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The faults to run; all without any
    #[arg(value_name = "FAULT")]
    names: Vec<String>,
    /// Few of each, for CI
    #[arg(long)]
    small: bool,
    /// How many histories the faults that chance decides have
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// On one store only
    #[arg(long, value_enum)]
    store: Option<OnStore>,
    /// One history of f15 only, told step by step
    #[arg(long)]
    seed: Option<u64>,
    /// Prints what came of it as JSON
    #[arg(long)]
    json: bool,
}

/// How large a fault is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    small: bool,
    seeds: Option<u64>,
    store: Option<OnStore>,
}

impl Size {
    /// A number for people who wait, or one for CI.
    pub(crate) fn of<T>(self, full: T, small: T) -> T {
        if self.small { small } else { full }
    }

    /// How many histories: as asked, or else as usual.
    pub(crate) fn seeds(self, full: u64, small: u64) -> u64 {
        self.seeds.unwrap_or_else(|| self.of(full, small))
    }
}

/// What runs a fault on one store.
type Run = fn(Size) -> Result<Said>;

/// A fault: its number, what it is, and what runs it on each store.
struct Fault {
    name: &'static str,
    what: &'static str,
    sqlite: Option<Run>,
    postgres: Option<Run>,
    /// Whether there is what it needs besides a store.
    has_all: fn() -> Result<bool>,
}

impl Fault {
    /// A fault of every store that there is.
    const fn of(name: &'static str, what: &'static str, sqlite: Run, postgres: Run) -> Self {
        Self {
            name,
            what,
            sqlite: Some(sqlite),
            postgres: Some(postgres),
            has_all: || Ok(true),
        }
    }

    /// A fault that only the embedded store can have.
    const fn embedded(name: &'static str, what: &'static str, run: Run) -> Self {
        Self {
            name,
            what,
            sqlite: Some(run),
            postgres: None,
            has_all: || Ok(true),
        }
    }

    /// A fault that only a server can have.
    const fn served(name: &'static str, what: &'static str, run: Run) -> Self {
        Self {
            name,
            what,
            sqlite: None,
            postgres: Some(run),
            has_all: || Ok(true),
        }
    }

    /// Runs it on each store that is there. What cannot be run is a promise that was not kept.
    fn run(&self, size: Size) -> Result<Vec<Outcome>> {
        if !(self.has_all)()? {
            return Ok(Vec::new());
        }
        let served = self
            .postgres
            .filter(|_| size.store != Some(OnStore::Sqlite));
        let served = match served {
            Some(run) if postgres::is_there()? => Some(run),
            _ => None,
        };
        let embedded = self
            .sqlite
            .filter(|_| size.store != Some(OnStore::Postgres));
        let runs = [(OnSqlite::NAME, embedded), (OnPostgres::NAME, served)];
        let outcomes = runs.into_iter().filter_map(|(store, run)| {
            let watch = Watch::start();
            let said = run?(size).unwrap_or_else(|error| Said::failed(&error));
            Some(said.lasting(self.name, store, watch.elapsed()))
        });
        Ok(outcomes.collect())
    }
}

/// A fault on both stores.
macro_rules! everywhere {
    ($name:literal, $what:literal, $fault:ident) => {
        Fault::of(
            $name,
            $what,
            $fault::run::<OnSqlite>,
            $fault::run::<OnPostgres>,
        )
    };
}

const FAULTS: &[Fault] = &[
    everywhere!(
        "f1",
        "every message is delivered eight times, to two processes of sixteen workers",
        race
    ),
    everywhere!(
        "f2",
        "the process is killed at each place where that could hurt",
        kill
    ),
    Fault::served(
        "f3",
        "nobody knows whether a COMMIT happened",
        ambiguous::run,
    ),
    everywhere!(
        "f4",
        "the database is away while messages keep coming",
        outage
    ),
    everywhere!(
        "f5",
        "a handler takes three times as long as the broker waits",
        slow
    ),
    everywhere!("f6", "a process is frozen, replaced, and wakes up", frozen),
    everywhere!(
        "f7",
        "leases end before their work does, and clocks disagree",
        leases
    ),
    everywhere!(
        "f8",
        "the relay is killed between publishing and noting it",
        relay
    ),
    Fault::served(
        "f9",
        "commits come late, and one transaction stays open",
        late::run,
    ),
    everywhere!("f10", "three messages in a hundred are poison", poison),
    everywhere!(
        "f11",
        "one attempt in twenty fails, and keys keep their order",
        transient
    ),
    everywhere!(
        "f12",
        "dead letters are sent again, by operators that are killed and paused",
        replay
    ),
    everywhere!(
        "f13",
        "what is forgotten after its time comes again",
        retention
    ),
    Fault::embedded(
        "f15",
        "seeded histories, in which every step can fail or be the last one",
        simulation::run,
    ),
    Fault {
        has_all: torn::is_there,
        ..Fault::embedded(
            "f18",
            "the end of the log is torn by a loss of power",
            torn::run,
        )
    },
];

/// Runs faults, and says what came of each. Fails where a promise was broken, or where a control was not.
pub(crate) fn run(asked: &Asked) -> Result<()> {
    let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    for name in &asked.names {
        if !names.contains(&name.as_str()) {
            bail!("there is no fault `{name}`; there are {}", names.join(", "));
        }
    }
    if let Some(seed) = asked.seed {
        return simulation::replay(seed);
    }
    let size = Size {
        small: asked.small,
        seeds: asked.seeds,
        store: asked.store,
    };
    let mut outcomes = Vec::new();
    let is_asked = |fault: &&Fault| {
        asked.names.is_empty() || asked.names.iter().any(|name| name == fault.name)
    };
    for fault in FAULTS.iter().filter(is_asked) {
        if !asked.json {
            print(&format!("{}: {}", fault.name, fault.what))?;
        }
        for outcome in fault.run(size)? {
            if !asked.json {
                print(&outcome.line())?;
            }
            outcomes.push(outcome);
        }
    }
    if asked.json {
        print(&serde_json::to_string_pretty(&outcomes)?)?;
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.holds())
        .map(|outcome: &Outcome| outcome.fault)
        .collect();
    if !failed.is_empty() {
        bail!("{} did not hold", failed.join(", "));
    }
    Ok(())
}
