//! Everything that `cargo` alone cannot do for this repository.
//!
//! `cargo xtask codegen`, `verify` and the other commands of dovetail are the command itself, with the same flags. The rest is about this repository
//! alone: the demonstration, the tests, the checks of CI, the corpus of real documents, what
//! generating costs, and whether what is generated reads and writes what schemas say.

mod bench;
mod ci;
mod corpus;
mod demo;
mod document;
mod faults;
mod layers;
mod process;
mod roundtrip;
mod server;
#[cfg(unix)]
mod services;
mod tidy;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this repository. Any other word is a command of dovetail: `cargo xtask codegen --check`.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Generates the clients, starts the sample system, verifies every consumer contract, and says what came of it
    Demo(demo::Demo),
    /// Runs every test: unit, integration, end to end, documentation
    Test(ci::Test),
    /// Runs what CI runs: formatting, lints, tidiness, layers, generated code, tests, documentation
    Ci(ci::Ci),
    /// Checks what no lint knows: module docs, sizes, where names may be used
    Tidy,
    /// Checks that crates depend on each other only in the allowed directions
    Layers,
    /// Generates a client from a real document, compiles it, calls every operation, and checks what was sent
    Wire,
    /// Loads and generates every OpenAPI document below a folder
    Corpus(corpus::Corpus),
    /// Measures generating and compiling beside other generators, and consuming messages beside other protocols
    Bench(bench::Bench),
    /// Holds what messaging promises against crashes, races, outages and seeded bugs
    Faults(faults::Faults),
    /// Sends samples of every schema of the corpus through the types that are generated for it
    Roundtrip(roundtrip::Roundtrip),
    /// Starts brokers and a database from what is installed, for the tests that need them
    #[cfg(unix)]
    Services(services::Services),
}

/// The words that are tasks; every other word is a command of dovetail.
const TASKS: [&str; 11] = [
    "demo",
    "test",
    "ci",
    "tidy",
    "layers",
    "wire",
    "corpus",
    "bench",
    "faults",
    "roundtrip",
    "services",
];

fn main() -> ExitCode {
    if let Some(code) = bench::started_to_measure() {
        return code;
    }
    let word = std::env::args().nth(1);
    let is_task = word.as_deref().is_none_or(|word| TASKS.contains(&word));
    if !is_task && !matches!(word.as_deref(), Some("--help" | "-h" | "help")) {
        return dovetail_cli::run(std::env::args_os()).into();
    }
    let done = match Cli::parse().task {
        Task::Demo(demo) => return demo::run(&demo),
        Task::Test(test) => ci::test(&test),
        Task::Ci(ci) => ci::run(&ci),
        Task::Tidy => tidy::run(),
        Task::Layers => layers::run(),
        Task::Wire => wire::run(),
        Task::Corpus(corpus) => corpus::run(&corpus),
        Task::Bench(bench) => bench::run(&bench),
        Task::Faults(faults) => faults::run(&faults),
        Task::Roundtrip(roundtrip) => roundtrip::run(&roundtrip),
        #[cfg(unix)]
        Task::Services(services) => return services::run(&services),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
