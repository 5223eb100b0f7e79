//! The list of faults, and how they are run.

mod ambiguous;
mod frozen;
mod kill;
mod late;
mod leases;
mod outage;
mod poison;
mod process;
mod race;
mod relay;
mod retention;
mod setting;
mod slow;
mod torn;
mod transient;

use anyhow::{Result, bail};
use clap::Args;

use crate::{
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
    #[arg(long)]
    seeds: Option<u64>,
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

/// What a fault said on each store.
type Runs = Vec<(&'static str, Said)>;

/// A fault: its number, what it is, and what runs it.
struct Fault {
    name: &'static str,
    what: &'static str,
    run: fn(Size) -> Result<Runs>,
}

/// Runs a fault on every store that there is.
macro_rules! everywhere {
    ($fault:ident) => {
        |size| {
            let mut runs = vec![(OnSqlite::NAME, $fault::run::<OnSqlite>(size)?)];
            if postgres::is_there()? {
                runs.push((OnPostgres::NAME, $fault::run::<OnPostgres>(size)?));
            }
            Ok(runs)
        }
    };
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "f1",
        what: "every message is delivered eight times, to two processes of sixteen workers",
        run: everywhere!(race),
    },
    Fault {
        name: "f2",
        what: "the process is killed at each of twelve places",
        run: everywhere!(kill),
    },
    Fault {
        name: "f3",
        what: "the answer to a COMMIT does not come",
        run: |size| {
            if !postgres::is_there()? {
                return Ok(Vec::new());
            }
            Ok(vec![(OnPostgres::NAME, ambiguous::run(size)?)])
        },
    },
    Fault {
        name: "f4",
        what: "the database is away while messages keep coming",
        run: everywhere!(outage),
    },
    Fault {
        name: "f5",
        what: "a handler takes three times as long as the broker waits",
        run: everywhere!(slow),
    },
    Fault {
        name: "f6",
        what: "a process is frozen, replaced, and wakes up",
        run: everywhere!(frozen),
    },
    Fault {
        name: "f7",
        what: "leases end before their work does, and clocks disagree",
        run: everywhere!(leases),
    },
    Fault {
        name: "f8",
        what: "the relay is killed between publishing and noting it",
        run: everywhere!(relay),
    },
    Fault {
        name: "f9",
        what: "commits come late, and one transaction stays open",
        run: |size| {
            if !postgres::is_there()? {
                return Ok(Vec::new());
            }
            Ok(vec![(OnPostgres::NAME, late::run(size)?)])
        },
    },
    Fault {
        name: "f10",
        what: "three messages in a hundred are poison",
        run: everywhere!(poison),
    },
    Fault {
        name: "f11",
        what: "one attempt in twenty fails, and keys keep their order",
        run: everywhere!(transient),
    },
    Fault {
        name: "f13",
        what: "what is forgotten after its time comes again",
        run: everywhere!(retention),
    },
    Fault {
        name: "f15",
        what: "seeded histories, in which every step can fail or be the last one",
        run: |size| Ok(vec![(OnSqlite::NAME, simulation::run(size)?)]),
    },
    Fault {
        name: "f18",
        what: "the end of the log is torn by a loss of power",
        run: |size| Ok(vec![(OnSqlite::NAME, torn::run(size)?)]),
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
    };
    let mut outcomes = Vec::new();
    let is_asked = |fault: &&Fault| {
        asked.names.is_empty() || asked.names.iter().any(|name| name == fault.name)
    };
    for fault in FAULTS.iter().filter(is_asked) {
        if !asked.json {
            print(&format!("{}: {}", fault.name, fault.what))?;
        }
        let watch = Watch::start();
        for (store, said) in (fault.run)(size)? {
            let outcome = said.lasting(fault.name, store, watch.elapsed());
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
