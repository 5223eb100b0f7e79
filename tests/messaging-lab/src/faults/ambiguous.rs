//! F3: the connection is cut at a COMMIT, so that nobody knows whether it happened: once it is done and its answer has not come, and before it is there.

use std::fmt::Debug;

use anyhow::Result;
use dovetail_messaging::{
    consumer::{Delivery, Done, Process, Settlement},
    store::postgres::Options,
};
use dovetail_resilience::Clock;

use super::{Size, slow::Nowhere};
use crate::{
    child::block_on,
    ground::{
        Ground as _, Home,
        postgres::{Cut, OnPostgres, Proxy},
    },
    naive::{Kind, Naive},
    report::{Control, Said},
    tally::Tally,
    work::{BILLING, consumer, ids, order, tally},
};

/// A message that was cut off is not delivered more often than this.
const DELIVERIES_MAX: usize = 50;

pub(crate) fn run(size: Size) -> Result<Said> {
    let count = size.of(1_000, 60);
    let after = block_on(cut_all(count, Cut::AfterCommit))?;
    let before = block_on(cut_all(count, Cut::BeforeCommit))?;
    let naive = block_on(cut_all(count.min(200), Cut::AfterEffect))?;
    let mut own = after.tally;
    own += before.tally;
    let mut broken = after.held("done and unheard", count, Done::Duplicate);
    broken.extend(before.held("lost on its way", count, Done::Handled));
    if naive.cuts == 0 {
        broken.push("the control was never cut off".to_owned());
    }
    Ok(Said {
        size: format!(
            "{} COMMITs cut off once they were done, {} before they came",
            after.cuts, before.cuts
        ),
        tally: own,
        broken,
        control: Control::new("check, process, insert", naive.tally),
    })
}

/// What came of messages whose first delivery was cut off.
struct Run {
    tally: Tally,
    cuts: u64,
    /// What the deliveries came to that were cut off, and those after them.
    first: Vec<Settlement>,
    last: Vec<Option<Done>>,
    outbox: usize,
}

impl Run {
    /// What is not as it should be where each message was cut off once.
    fn held(&self, what: &str, count: usize, expected: Done) -> Vec<String> {
        let mut broken = Vec::new();
        if self.cuts != count as u64 {
            broken.push(format!("{} of {count} COMMITs were {what}", self.cuts));
        }
        let early = count_of(&self.first, |one| matches!(one, Settlement::Ack(_)));
        if early > 0 {
            broken.push(format!(
                "{early} deliveries were acknowledged whose COMMIT was {what}"
            ));
        }
        let others = count_of(&self.last, |done| *done != Some(expected));
        if others > 0 {
            broken.push(format!(
                "{others} of {count} were not {expected:?} the next time, when their COMMIT was {what}"
            ));
        }
        if self.outbox != count {
            let outbox = self.outbox;
            broken.push(format!(
                "{outbox} in the outbox of {count} that were {what}"
            ));
        }
        broken
    }
}

fn count_of<T: Debug>(all: &[T], is_one: impl Fn(&T) -> bool) -> usize {
    all.iter().filter(|one| is_one(one)).count()
}

async fn cut_all(count: usize, cut: Cut) -> Result<Run> {
    let home = Home::<OnPostgres>::new()?;
    let ground = OnPostgres::open(home.path()).await?;
    let proxy = Proxy::start(&ground.settings, cut).await?;
    let behind = OnPostgres::of(proxy.settings(&ground.settings), Options::default())?;
    let (first, last) = if cut == Cut::AfterEffect {
        let naive = Naive {
            kind: Kind::CheckFirst,
            consumer: BILLING,
            ground: behind,
            publisher: Nowhere,
            reach: |_| {},
            pause: std::time::Duration::ZERO,
        };
        deliver(&naive, &proxy, count).await
    } else {
        let consumer = consumer(BILLING, &behind, Clock::system());
        deliver(&consumer, &proxy, count).await
    };
    let effects = ground.effects().await?;
    Ok(Run {
        tally: tally(BILLING, &ids(count), &effects),
        cuts: proxy.cuts(),
        first,
        last,
        outbox: ground.outbox().await?.len(),
    })
}

/// Delivers each message with the proxy armed, and then until it is acknowledged.
async fn deliver<P: Process>(
    process: &P,
    proxy: &Proxy,
    count: usize,
) -> (Vec<Settlement>, Vec<Option<Done>>) {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for number in 0..count {
        let delivery = Delivery::from(order(number, 1));
        proxy.arm(1);
        first.push(process.process(delivery.clone()).await);
        proxy.arm(0);
        let mut done = None;
        for _ in 0..DELIVERIES_MAX {
            if let Settlement::Ack(how) = process.process(delivery.clone()).await {
                done = Some(how);
                break;
            }
        }
        last.push(done);
    }
    (first, last)
}
