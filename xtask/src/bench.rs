//! `cargo xtask bench`: what generating and compiling cost beside the other generators, and what consuming messages once costs beside other protocols, in
//! one run on one machine.

mod codegen;
mod compile;
mod measure;
mod messaging;
mod peers;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

pub(crate) use measure::started_to_measure;

use crate::process::{print, say};
use measure::Usage;

/// Measures generating and compiling beside other generators.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    /// Installs the generators that are compared with, before anything is measured
    #[arg(long)]
    install_peers: bool,
    /// Leaves a generator out; may be repeated
    #[arg(long, global = true, value_name = "PEER")]
    without: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Generates every document of the corpus with every generator
    Codegen(Asked),
    /// Runs `cargo check` on what every generator makes of some documents, and measures the compiler on that crate alone
    Compile(Asked),
    /// Consumes messages once, one at a time and in batches, beside other protocols on the same stores
    Messaging(messaging::Messaging),
}

/// What is measured, and where the figures go.
#[derive(Debug, Args)]
struct Asked {
    /// Only documents whose name contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// How often each program runs, of which the median is taken. Without it, what takes long runs once and the rest three times
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: Option<u8>,
    /// Also writes every figure to a file
    #[arg(long, value_name = "json=PATH", value_parser = json_path)]
    output: Option<PathBuf>,
}

fn json_path(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("json=") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err("write `json=` and a path".to_owned()),
    }
}

/// What came of one program on one document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It did what it should.
    Done(Usage),
    /// It did not, with the beginning of what it said.
    Failed(String),
}

impl Outcome {
    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Done(usage) => Some(*usage),
            Self::Failed(_) => None,
        }
    }
}

/// Measures. Fails where a peer is missing that was not left out, or where our own side does not do what it should.
pub(crate) fn run(asked: &Bench) -> Result<()> {
    if asked.install_peers {
        peers::install(&asked.without)?;
    }
    let Some(what) = &asked.what else {
        if asked.install_peers {
            return Ok(());
        }
        bail!("say what to measure: `codegen`, `compile` or `messaging`");
    };
    let present = || peers::present(&asked.without);
    let (failed, missing) = match what {
        What::Codegen(asked) => {
            let (present, missing) = present()?;
            (codegen::run(asked, &present)?, missing)
        }
        What::Compile(asked) => {
            let (present, missing) = present()?;
            (compile::run(asked, &present)?, missing)
        }
        What::Messaging(asked) => return messaging::run(asked),
    };
    if !missing.is_empty() {
        bail!("not compared with {}", missing.join(", "));
    }
    if !failed.is_empty() {
        bail!("our own side failed on {}", failed.join(", "));
    }
    Ok(())
}

/// Runs a measurement as often as was asked: once where it takes long and three times where it does not, if nothing was asked.
fn repeated(
    rounds: Option<u8>,
    mut once: impl FnMut() -> Result<Result<Usage, String>>,
) -> Result<Outcome> {
    /// Processor time up to which repeating is cheap, in seconds.
    const CHEAP_S: f64 = 2.0;
    let mut runs = Vec::new();
    loop {
        match once()? {
            Ok(usage) => runs.push(usage),
            Err(said) => return Ok(Outcome::Failed(said)),
        }
        let is_cheap = runs.iter().all(|usage| usage.cpu_s < CHEAP_S);
        let wanted = rounds.map_or(if is_cheap { 3 } else { 1 }, usize::from);
        if runs.len() >= wanted {
            break;
        }
    }
    let usage = table::median_usage(&runs).context("nothing was measured")?;
    Ok(Outcome::Done(usage))
}

/// The lines of an error that are worth a cell of a table: the first that speaks of one, cut short, on one line.
fn first_error(said: &str) -> String {
    /// Characters that still fit beside a table.
    const SHOWN_MAX: usize = 160;
    let speaks = |line: &&str| {
        let line = line.to_lowercase();
        line.contains("error") || line.contains("panicked") || line.contains("exception")
    };
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(speaks).or_else(|| lines().next());
    // A panic says first where in the source it happened, and why on the line below.
    let after = || lines().skip_while(|other| Some(*other) != line).nth(1);
    let line = line.map(|line| match line.contains(" panicked at ") {
        true => after().unwrap_or(line),
        false => line,
    });
    let line = line.unwrap_or("it said nothing");
    let printable = line.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(SHOWN_MAX).collect()
}

/// Writes every figure where it was asked for.
fn write_json(asked: &Asked, figures: &Value) -> Result<()> {
    if let Some(path) = &asked.output {
        let text = serde_json::to_string_pretty(figures)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Prints a table.
fn print_table(table: &table::Table) -> Result<()> {
    print(table.render().trim_end())
}

/// Says what came of each, since all of them take long.
fn progress(name: &str, who: &str, outcome: &Outcome) {
    let said = match outcome {
        Outcome::Done(usage) => format!("{:.3} s, {:.0} MB", usage.cpu_s, usage.megabytes()),
        Outcome::Failed(said) => said.clone(),
    };
    say(&format!("  {name}, {who}: {said}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(cpu_s: f64) -> Usage {
        Usage {
            cpu_s,
            peak_bytes: 1_000_000,
        }
    }

    #[test]
    fn what_takes_long_runs_once_unless_asked() {
        let rows = [(None, 0.1, 3), (None, 9.0, 1), (Some(2), 9.0, 2)];
        for (rounds, cpu_s, expected) in rows {
            let mut count = 0;
            let outcome = repeated(rounds, || {
                count += 1;
                Ok(Ok(usage(cpu_s)))
            });
            assert_eq!(outcome.unwrap().usage(), Some(usage(cpu_s)));
            assert_eq!(count, expected, "{rounds:?} {cpu_s}");
        }
    }

    #[test]
    fn a_failure_is_not_repeated() {
        let mut count = 0;
        let outcome = repeated(Some(5), || {
            count += 1;
            Ok(Err("no".to_owned()))
        });
        assert_eq!(outcome.unwrap().usage(), None);
        assert_eq!(count, 1);
    }

    #[test]
    fn the_line_that_speaks_of_an_error_is_shown() {
        let rows = [
            ("reading\n\nError: no `paths`\nmore", "Error: no `paths`"),
            ("thread 'main' panicked at x.rs:1:\nboom", "boom"),
            ("nothing to see", "nothing to see"),
            ("\n", "it said nothing"),
        ];
        for (said, expected) in rows {
            assert_eq!(first_error(said), expected);
        }
    }

    #[test]
    fn figures_go_to_a_named_file_only() {
        assert_eq!(json_path("json=a/b.json"), Ok(PathBuf::from("a/b.json")));
        assert!(json_path("a.json").is_err());
        assert!(json_path("json=").is_err());
    }
}
