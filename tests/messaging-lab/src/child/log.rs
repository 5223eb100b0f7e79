//! A process that reads a log and keeps its own offset.

use std::time::Duration;

use anyhow::{Result, ensure};
use dovetail_messaging::{
    consumer::{Delivery, Process, Settlement},
    inbox::Position,
};
use dovetail_resilience::Clock;

use super::{LOG_LENGTH, WORK_TIME_MAX};
use crate::work::{ORDERS, order};

/// Takes each message of the log to its end, one after the other.
pub(super) async fn read_log<P: Process>(process: &P) -> Result<()> {
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
