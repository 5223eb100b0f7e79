//! A process that reads a log and keeps its own offset.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use dovetail_messaging::{
    consumer::{Config, Dedupe, Delivery, Process, Settlement},
    inbox::Position,
};
use dovetail_resilience::Clock;

use super::{LOG_LENGTH, WORK_TIME_MAX, broker, naive};
use crate::{
    ground::Ground,
    naive::Kind,
    work::{BILLING, ORDERS, config, consumer_on, order},
};

/// Reads the log with the offset in the database, or as everybody does it first.
pub(super) async fn read<G: Ground>(folder: &Path, kind: Option<Kind>, clock: Clock) -> Result<()> {
    let ground = G::open(folder).await?;
    match kind {
        None => {
            let config = Config {
                dedupe: Dedupe::Offset,
                order: None,
                ..config()
            };
            let store = ground.store().clone();
            read_log(&consumer_on::<G>(BILLING, store, clock, config)).await
        }
        Some(kind) => {
            let broker = broker(folder, clock)?;
            read_log(&naive(kind, BILLING, &ground, broker)).await
        }
    }
}

/// Takes each message of the log to its end, one after the other.
async fn read_log<P: Process>(process: &P) -> Result<()> {
    let clock = Clock::system();
    let end = clock.now() + WORK_TIME_MAX;
    for number in 0..LOG_LENGTH {
        let offset = u64::try_from(number)?;
        let delivery = Delivery {
            position: Some(Position {
                topic: ORDERS.to_owned(),
                partition: 0,
                offset,
                expected: offset,
                began: 0,
            }),
            ..Delivery::from(order(number, 1))
        };
        while !matches!(process.process(delivery.clone()).await, Settlement::Ack(_)) {
            ensure!(clock.now() < end, "the log is read up to {number} only");
            clock.sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(())
}
