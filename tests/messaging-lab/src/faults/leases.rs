//! F7: leases that end before their work does, among hosts whose clocks disagree by up to ten minutes.

mod hosts;

use std::time::{Duration, SystemTime};

use anyhow::Result;
use dovetail_messaging::{
    Message,
    dead_letter::{Burial, Filter, Reason},
    inbox::{Fingerprint, Key},
    store::{DeadLetters as _, Lease, Leased, Leases as _},
};
use dovetail_resilience::{Chance, Clock};

use super::Size;
use crate::{
    child::block_on,
    common::{below, start},
    ground::{Ground, Home},
    report::{Control, Said},
    tally::{Effect, Tally},
    work::{BILLING, charge, ids, order, tally},
};

const HOSTS: usize = 3;
const LENGTH: Duration = Duration::from_secs(30);
/// Whoever asks after that finds every other lease over.
const LAST: Duration = Duration::from_secs(3_600);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(1_000, 100);
    let (fenced, hosts) = block_on(async {
        let fenced = fence_all::<G>(count).await?;
        anyhow::Ok((fenced, hosts::run::<G>(size.of(200, 24)).await?))
    })?;
    let mut own = fenced.own;
    own += hosts.tally;
    let mut broken = fenced.broken;
    broken.extend(hosts.broken);
    Ok(Said {
        size: format!(
            "{count} messages, {HOSTS} hosts with clocks up to 10 min off, {} acts of {} holders that came too late; {} handled for longer than their lease, {} times",
            fenced.acts, fenced.late, hosts.messages, hosts.attempts
        ),
        tally: own,
        broken,
        control: Control::new("whoever held it decides, without a token", fenced.control),
    })
}

/// What came of leases that had ended.
#[derive(Default)]
struct Fenced {
    own: Tally,
    control: Tally,
    late: u64,
    acts: u64,
    broken: Vec<String>,
}

async fn fence_all<G: Ground>(count: usize) -> Result<Fenced> {
    let folder = Home::<G>::new()?;
    let ground = G::open(folder.path()).await?;
    let chance = Chance::seeded(7);
    let mut fenced = Fenced::default();
    for number in 0..count {
        let message = order(number, 1);
        let leases = lease_all(&ground, &chance, BILLING, &message).await?;
        let Some(((now, newest), stale)) = leases.split_last() else {
            fenced.own.lost += 1;
            continue;
        };
        if stale.is_empty() {
            fenced
                .broken
                .push(format!("nobody came too late for {number}"));
        }
        // The newest one is at work: nothing that others do may come between.
        for (now, lease) in stale {
            fenced.late += 1;
            for was_held in act_all(&ground, &message, lease, *now).await? {
                fenced.acts += 1;
                fenced.own.doubled += u64::from(was_held);
            }
        }
        if !ground.store().extend(newest, *now, LENGTH).await? {
            fenced
                .broken
                .push(format!("the holder of {number} lost it"));
        }
        let published = vec![charge(&message)];
        let is_done = ground.store().complete(newest, published, *now).await?;
        fenced.own.lost += u64::from(!is_done);

        let leases = lease_all(&ground, &chance, CONTROL, &message).await?;
        for _ in leases.iter().skip(1) {
            let is_done = ground.complete_unfenced(CONTROL, &message).await?;
            fenced.control.doubled += u64::from(is_done);
        }
    }
    let expected = ids(count);
    let outbox = published(&ground.outbox().await?);
    if tally("outbox", &expected, &outbox).without_order() != Tally::default() {
        let what = "what was published is not what was completed".to_owned();
        fenced.broken.push(what);
    }
    let dead = ground.store().tally(Filter::default()).await?.count;
    if dead > 0 {
        fenced
            .broken
            .push(format!("{dead} were buried under a lease that had ended"));
    }
    Ok(fenced)
}

const CONTROL: &str = "control";

/// All that somebody can do whose lease has ended without notice.
async fn act_all<G: Ground>(
    ground: &G,
    message: &Message,
    lease: &Lease,
    now: SystemTime,
) -> Result<[bool; 4]> {
    let burial = Burial {
        consumer: BILLING.to_owned(),
        message: message.clone(),
        reason: Reason::Handler,
        detail: "too late".to_owned(),
        contract: None,
        at: now,
    };
    let store = ground.store();
    Ok([
        store.extend(lease, now, LENGTH).await?,
        store.complete(lease, vec![charge(message)], now).await?,
        store.bury_leased(lease, burial).await?,
        store.release(lease, true, now).await?,
    ])
}

/// Each host asks for the lease, twice, at instants that chance and its clock give, and one more when all of those are over; those who had it are
/// returned in their order.
async fn lease_all<G: Ground>(
    ground: &G,
    chance: &Chance,
    consumer: &str,
    message: &Message,
) -> Result<Vec<(SystemTime, Lease)>> {
    let mut held = Vec::new();
    for step in 0..=2 * HOSTS {
        let Some(key) = Key::of(consumer, message) else {
            continue;
        };
        let is_last = step == 2 * HOSTS;
        let skew = Duration::from_secs(below(chance, 1_200));
        let since = Duration::from_secs(20 * step as u64) + if is_last { LAST } else { skew };
        let now = start() - Duration::from_secs(600) + since;
        let fingerprint = Fingerprint::of(&message.body);
        let short = G::LEASE.unwrap_or(LENGTH);
        let length = if is_last { LENGTH } else { short };
        let leased = ground.store().lease(key, fingerprint, now, length).await?;
        if let Leased::Held(lease) = leased {
            held.push((now, lease));
        }
        if let (Some(length), false) = (G::LEASE, is_last) {
            Clock::system().sleep(length * 2).await;
        }
    }
    Ok(held)
}

fn published(ids: &[String]) -> Vec<Effect> {
    ids.iter()
        .map(|id| Effect {
            consumer: "outbox".to_owned(),
            id: id.clone(),
            key: String::new(),
            sequence: 0,
        })
        .collect()
}
