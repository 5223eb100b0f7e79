//! The command line: what can be asked for, with the same words for `dovetail` and `cargo xtask`.

pub mod operate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;

/// Contracts of services: checked, turned into clients, proved against what runs.
#[derive(Debug, Parser)]
#[command(name = "dovetail", version, after_help = exit_codes(), disable_help_subcommand = true)]
pub struct Cli {
    /// What is said for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What is said for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Works as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// The workspace's `dovetail.yaml`; by default the nearest one upward, or in `contracts/`
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub format: Format,
    /// Also writes results to a file, as `json=report.json`; may be repeated
    #[arg(long, value_name = "FORMAT=PATH", global = true)]
    pub output: Vec<String>,
    /// When to use colour
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, global = true)]
    pub color: ColorChoice,
    /// Prints results only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Says more about what is done
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sets up contracts, an xtask and CI in a repository; never overwrites
    Init(Init),
    /// Reads all contracts and holds consumers against providers, without running anything
    Check,
    /// Generates the client crates
    Codegen(Codegen),
    /// Replays what consumers expect at a running provider
    Verify(Verify),
    /// Explains the code of a finding; without one, lists them
    Explain {
        /// The code, as printed in brackets
        code: Option<String>,
    },
    /// Prints the JSON Schema of a kind of contract file, for editors
    Schema {
        /// Which kind of file
        #[arg(value_enum)]
        file: SchemaFile,
    },
    /// Looks after dead letters: finds them, decides about them, sends them again
    DeadLetters(operate::DeadLetters),
    /// Looks after what a service publishes
    Outbox(operate::Outbox),
    /// Looks after the tables of messages
    Messaging(operate::Messaging),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// For programs
    Json,
    /// For CI servers (`verify` only)
    Junit,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A kind of contract file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFile {
    /// `dovetail.yaml`
    Workspace,
    /// `service.yaml`
    Service,
    /// `expects/*.yaml`
    Expectation,
}

/// Sets up a repository.
#[derive(Debug, Args)]
pub struct Init {
    /// Where dovetail comes from: `version:0.1`, `git:URL`, `git:URL#REVISION` or `path:FOLDER`
    #[arg(long, value_name = "SOURCE", default_value = concat!("version:", env!("CARGO_PKG_VERSION")))]
    pub dovetail: String,
    /// Lists what would be written
    #[arg(long)]
    pub dry_run: bool,
}

/// Generates the client crates.
#[derive(Debug, Clone, Default, Args)]
pub struct Codegen {
    /// Writes nothing; exits 6 where files are changed, missing or stale
    #[arg(long, group = "mode")]
    pub check: bool,
    /// Writes nothing; prints what would change
    #[arg(long, group = "mode")]
    pub diff: bool,
    /// Writes nothing; lists the files that would be written
    #[arg(long, group = "mode")]
    pub dry_run: bool,
    /// Writes nothing; lists what has no type of its own in the generated code, and why
    #[arg(long, group = "mode")]
    pub report_untyped: bool,
    /// Generates again whenever a contract changes, until interrupted
    #[arg(long, group = "mode")]
    pub watch: bool,
    /// Generates even where nothing changed since the last run
    #[arg(long)]
    pub no_cache: bool,
}

/// Replays what consumers expect at a running provider.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only what is expected of this provider
    #[arg(long, value_name = "SERVICE")]
    pub provider: Option<String>,
    /// Only what this consumer expects
    #[arg(long, value_name = "SERVICE")]
    pub consumer: Option<String>,
    /// Only interactions whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Where the provider runs; `SERVICE=URL` for one of several. An OpenAPI document's `servers` are never used
    #[arg(long, value_name = "[SERVICE=]URL")]
    pub target: Vec<String>,
    /// Where states are set up, instead of the target and the declared path
    #[arg(long, value_name = "URL")]
    pub states_url: Option<String>,
    /// Allows a target of this host, which is not this machine; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow_host: Vec<String>,
    /// Sends this header with every request, as `Name: value` or `Name: env:VARIABLE`; never printed
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
    /// Interactions at the same time, where states allow
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Time for one interaction, such as `5s`
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub interaction_timeout: String,
    /// Time for the whole run, such as `2m`
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub timeout: String,
    /// Lists the interactions that would be replayed
    #[arg(long)]
    pub dry_run: bool,
}

/// The exit codes as `--help` shows them.
fn exit_codes() -> String {
    let rows = Exit::ALL.map(|exit| format!("  {:>3}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", rows.join("\n"))
}
