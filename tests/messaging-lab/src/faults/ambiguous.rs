//! F3: the connection is cut when COMMIT was sent and its answer has not come, so that nobody knows whether it happened.

use std::{sync::atomic::Ordering, time::Duration};

use anyhow::Result;
use dovetail_messaging::{
    consumer::{Delivery, Process, Settlement},
    store::postgres::Options,
};
use dovetail_resilience::Clock;

use super::{Size, slow::Nowhere};
use crate::{
    child::block_on,
    ground::{
        Ground as _, Home,
        postgres::{Keeps, OnPostgres, Proxy},
    },
    naive::{Kind, Naive},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, consumer, ids, order, tally},
};

pub(crate) fn run(size: Size) -> Result<Said> {
    let count = size.of(2_000, 120);
    let (own, cuts) = block_on(cut(count, false))?;
    let (control, _) = block_on(cut(count.min(200), true))?;
    Ok(Said {
        size: format!("{count} messages, {cuts} connections cut after COMMIT was sent"),
        tally: own,
        broken: Vec::new(),
        control: Control::new("check, process, insert", control),
    })
}

async fn cut(count: usize, is_naive: bool) -> Result<(Tally, u64)> {
    let home = Home::<OnPostgres>::new()?;
    let ground = OnPostgres::open(home.path()).await?;
    let keeps = if is_naive {
        Keeps::Anything
    } else {
        Keeps::Commits
    };
    let proxy = Proxy::start(&ground.settings, keeps).await?;
    let behind = OnPostgres::of(proxy.settings(&ground.settings), Options::default())?;
    if is_naive {
        let naive = Naive {
            kind: Kind::CheckFirst,
            consumer: BILLING,
            ground: behind,
            publisher: Nowhere,
            reach: |_| {},
            pause: Duration::ZERO,
        };
        deliver(&naive, count).await;
    } else {
        deliver(&consumer(BILLING, &behind, Clock::system()), count).await;
    }
    let effects = ground.effects().await?;
    let cuts = proxy.cuts.load(Ordering::Relaxed);
    Ok((tally(BILLING, &ids(count), &effects), cuts))
}

/// Delivers each message until it is acknowledged.
async fn deliver<P: Process>(process: &P, count: usize) {
    for number in 0..count {
        let delivery = Delivery::from(order(number, 1));
        while !matches!(process.process(delivery.clone()).await, Settlement::Ack(_)) {}
    }
}
