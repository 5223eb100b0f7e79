//! A process that handles messages, says so, and loses its power.

use std::{io::Write as _, path::Path};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use dovetail_messaging::{
    consumer::{Done, Settlement},
    store::sqlite::Durability,
};
use dovetail_resilience::Clock;
use nix::sys::signal::{Signal, raise};

use crate::{
    common::start,
    ground::sqlite::{OnSqlite, options},
    work::{BILLING, consumer, order},
};

/// How it says that a message is acknowledged.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged ";

/// What the disk is asked.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Asks {
    /// Everything before it is acknowledged
    Full,
    /// Nothing in time
    Normal,
}

pub(super) async fn handle(folder: &Path, asks: Asks, messages: usize) -> Result<()> {
    let durability = match asks {
        Asks::Full => Durability::Full,
        Asks::Normal => Durability::Normal,
    };
    let ground = OnSqlite::open_as(folder, options(durability)).await?;
    let consumer = consumer(BILLING, &ground, Clock::pinned_at(start()));
    for number in 0..messages {
        let settlement = consumer.process(order(number, 3)).await;
        ensure!(
            settlement == Settlement::Ack(Done::Handled),
            "a message was not handled: {settlement:?}"
        );
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ACKNOWLEDGED}{number}")?;
        out.flush()?;
    }
    // A store that is closed would tidy up.
    raise(Signal::SIGKILL)?;
    Ok(())
}
