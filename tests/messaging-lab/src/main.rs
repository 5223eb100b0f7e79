//! What `dovetail-messaging` promises, held against crashes, races and outages; and what keeping the promise costs.
//!
//! `cargo xtask faults` and `cargo xtask bench messaging` build and run this program. It starts itself again for the processes that it kills. Each fault
//! has a control, which does what everybody writes first and has to fail: a fault that harms nobody proves nothing.

mod bench;
mod child;
mod common;
mod faults;
mod ground;
mod naive;
mod report;
mod simulation;
mod tally;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Proves and measures dovetail-messaging.
#[derive(Debug, Parser)]
#[command(name = "messaging-lab", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Runs the fault tests
    Faults(faults::Asked),
    /// Measures what the promise costs
    Bench(bench::Bench),
    /// What the fault tests kill
    #[command(hide = true)]
    Child(child::Child),
}

fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Faults(asked) => faults::run(&asked),
        What::Bench(asked) => bench::run(&asked),
        What::Child(child) => child::run(child),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            common::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
