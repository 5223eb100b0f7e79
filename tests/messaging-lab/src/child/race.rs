//! A process that takes deliveries as fast as it can.

use std::{
    io::{BufRead as _, Write as _},
    sync::Arc,
};

use anyhow::Result;
use dovetail_messaging::consumer::{Done, Process, Settlement};
use tokio::sync::Semaphore;

use crate::work::order;

/// Says that it is ready, and waits for a line.
pub(super) fn wait_for_start() -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Takes each delivery until it is acknowledged.
pub(super) async fn race<P: Process>(process: P, mine: Vec<usize>, workers: usize) -> Result<()> {
    let process = Arc::new(process);
    let places = Arc::new(Semaphore::new(workers));
    let mut tasks = tokio::task::JoinSet::new();
    for number in mine {
        let place = Arc::clone(&places).acquire_owned().await?;
        let process = Arc::clone(&process);
        tasks.spawn(async move {
            let _place = place;
            until_acknowledged(process.as_ref(), number).await
        });
        while let Some(done) = tasks.try_join_next() {
            done?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    Ok(())
}

async fn until_acknowledged<P: Process>(process: &P, number: usize) -> Done {
    // No key: one delivery of a message is as good as any other.
    let mut message = order(number, 1);
    message.key = None;
    loop {
        match process.process(message.clone().into()).await {
            Settlement::Ack(done) => return done,
            Settlement::Retry { .. } | Settlement::Pause { .. } => tokio::task::yield_now().await,
        }
    }
}
