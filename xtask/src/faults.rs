//! `cargo xtask faults`: what messaging promises, held against crashes, races and outages, and against a bank of seeded bugs.
//!
//! The faults themselves are in the package `messaging-lab`, which is built for this: what they stand on is large, and xtask is to stay small.

mod bank;
mod mutants;

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::process::{self, Profile, build, print};

/// The fault that is no fault of the world but of the code.
const BANK: &str = "f16";

/// Runs the fault tests of messaging.
#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// The faults to run, as `f1` or `f16`; all without any
    #[arg(value_name = "FAULT")]
    names: Vec<String>,
    /// Few of each, for CI; of the bank of seeded bugs nothing, unless it is named
    #[arg(long)]
    small: bool,
    /// How many histories the faults that chance decides have
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// One history of f15 only, told step by step
    #[arg(long)]
    seed: Option<u64>,
    /// One bug of f16 only
    #[arg(long, value_name = "NAME")]
    bug: Option<String>,
    /// Prints what came of it as JSON
    #[arg(long)]
    json: bool,
}

impl Faults {
    /// All faults, few of each.
    pub(crate) fn small() -> Self {
        Self {
            names: Vec::new(),
            small: true,
            seeds: None,
            seed: None,
            bug: None,
            json: false,
        }
    }

    /// The bank of seeded bugs, whole: it takes some minutes, most of them to compile.
    pub(crate) fn bugs() -> Self {
        Self {
            names: vec![BANK.to_owned()],
            ..Self::small()
        }
    }
}

/// Runs faults. Fails where one of them did not hold, or a bug survived.
pub(crate) fn run(asked: &Faults) -> Result<()> {
    let is_bank = |name: &String| name == BANK;
    let has_bank = asked.names.iter().any(is_bank) || (asked.names.is_empty() && !asked.small);
    let others: Vec<&String> = asked.names.iter().filter(|name| !is_bank(name)).collect();
    let mut reports = Vec::new();
    let mut failed = Vec::new();
    if asked.names.is_empty() || !others.is_empty() {
        match lab(asked, &others) {
            Ok(report) => reports.extend(report),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if has_bank && asked.seed.is_none() {
        let fates = mutants::run(asked.bug.as_deref(), asked.json)?;
        if !fates.iter().all(mutants::Fate::is_killed) {
            failed.push("a seeded bug was not killed".to_owned());
        }
        reports.push(serde_json::json!({ "fault": BANK, "mutants": fates }));
    }
    if asked.json {
        print(&serde_json::to_string_pretty(&reports)?)?;
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}

/// Runs the lab. What it says is for people, or one report for each fault.
fn lab(asked: &Faults, names: &[&String]) -> Result<Vec<Value>> {
    let program = build("messaging-lab", "messaging-lab", &[], Profile::Dev)?;
    let mut command = Command::new(program);
    command.arg("faults").args(names);
    if asked.small {
        command.arg("--small");
    }
    if let Some(seeds) = asked.seeds {
        command.arg(format!("--seeds={seeds}"));
    }
    if let Some(seed) = asked.seed {
        command.arg(format!("--seed={seed}"));
    }
    if !asked.json {
        return process::run(&mut command).map(|()| Vec::new());
    }
    let output = command
        .arg("--json")
        .output()
        .context("cannot run the lab")?;
    let report = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    if !output.status.success() {
        print(&serde_json::to_string_pretty(&report)?)?;
        bail!("a fault did not hold");
    }
    Ok(report)
}
