//! `cargo xtask bench messaging`: what consuming once costs, beside what others do. The program that measures is in the package `messaging-lab`.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::process::{self, Profile, build};

/// How it is measured.
#[derive(Debug, Args)]
pub(super) struct Messaging {
    /// How often each pair runs, of which the median is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
    /// How many messages each side handles in a round
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    messages: u32,
    /// How many deliveries, or batches of them, are under way at once
    #[arg(long, value_delimiter = ',', default_value = "1,16", value_parser = clap::value_parser!(u8).range(1..=64))]
    in_flight: Vec<u8>,
    /// Measures only the pairs on this store
    #[arg(long, value_name = "NAME")]
    store: Option<String>,
    /// Measures only the pairs whose names hold this text
    #[arg(long, value_name = "TEXT")]
    pair: Option<String>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Measures. Fails where a target was missed.
pub(super) fn run(asked: &Messaging) -> Result<()> {
    let program = build("messaging-lab", "messaging-lab", &[], Profile::Release)?;
    let mut command = Command::new(program);
    command.arg("bench");
    command.arg(format!("--rounds={}", asked.rounds));
    command.arg(format!("--messages={}", asked.messages));
    for in_flight in &asked.in_flight {
        command.arg(format!("--in-flight={in_flight}"));
    }
    for (option, value) in [("--store", &asked.store), ("--pair", &asked.pair)] {
        command.args(value.iter().map(|value| format!("{option}={value}")));
    }
    if asked.json {
        command.arg("--json");
    }
    process::run(&mut command)
}
