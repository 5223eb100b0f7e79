//! F13: what is forgotten after its time, while its messages come again.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use dovetail_messaging::store::Store as _;
use dovetail_resilience::Clock;
use tokio::task::JoinSet;

use super::Size;
use crate::{
    child::block_on,
    common::start,
    ground::{Ground, Home},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, consumer, ids, order, tally},
};

const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How often each message comes.
const DELIVERIES: usize = 10;

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(1_000, 100);
    let own = block_on(race::<G>(count, RETENTION))?;
    let control = block_on(race::<G>(count, Duration::ZERO))?;
    Ok(Said {
        size: format!(
            "{} deliveries of {count} messages race a cleanup that forgets after 7 days",
            count * DELIVERIES
        ),
        tally: own,
        broken: Vec::new(),
        control: Control::new("a cleanup that forgets at once", control),
    })
}

async fn race<G: Ground>(count: usize, retention: Duration) -> Result<Tally> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let clock = Clock::pinned_at(start());
    let consumer = Arc::new(consumer(BILLING, &ground, clock));
    let mut tasks = JoinSet::new();
    for _ in 0..DELIVERIES {
        let consumer = Arc::clone(&consumer);
        tasks.spawn(async move {
            for number in 0..count {
                let mut message = order(number, 1);
                message.key = None;
                let _ = consumer.process(message).await;
            }
        });
    }
    while !tasks.is_empty() {
        while tasks.try_join_next().transpose()?.is_some() {}
        // A moment later than everything that was handled until now.
        let now = clock.wall() + Duration::from_millis(1);
        ground.store().forget(now - retention, 1_000).await?;
    }
    let effects = ground.effects().await?;
    Ok(tally(BILLING, &ids(count), &effects).without_order())
}
