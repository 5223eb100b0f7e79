//! F7: leases that end before their work does, among hosts whose clocks disagree by up to ten minutes.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use dovetail_messaging::{
    inbox::{Fingerprint, Key},
    store::{Lease, Leased, Leases as _},
};
use dovetail_resilience::{Chance, Clock};

use super::Size;
use crate::{
    child::block_on,
    common::{below, start},
    ground::{Ground, Home},
    report::{Control, Said},
    tally::{Effect, Tally},
    work::{BILLING, charge, effect_of, ids, order, tally},
};

const HOSTS: usize = 3;
const LENGTH: Duration = Duration::from_secs(30);

pub(crate) fn run<G: Ground>(size: Size) -> Result<Said> {
    let count = size.of(1_000, 100);
    block_on(async {
        let folder = Home::<G>::new()?;
        let ground = G::open(folder.path()).await?;
        let chance = Chance::seeded(7);
        let mut completed = Vec::new();
        let mut late = 0;
        for number in 0..count {
            let leases = lease_all(&ground, &chance, number).await?;
            // All that ever held the lease complete it, the first one last.
            for (now, lease) in leases.iter().rev() {
                let message = order(number, 1);
                let published = vec![charge(&message)];
                // The control does not ask whether the lease still holds.
                ground
                    .write_alone(effect_of("control", &message, 0))
                    .await?;
                if ground.store().complete(lease, published, *now).await? {
                    completed.push(effect_of(BILLING, &message, 0));
                } else {
                    late += 1;
                }
            }
        }
        let expected = ids(count);
        let own = Tally::of(&expected, &completed);
        let outbox = published(&ground.outbox().await?);
        let mut broken = Vec::new();
        if tally("outbox", &expected, &outbox) != Tally::default() {
            broken.push("what was published is not what was completed".to_owned());
        }
        if late == 0 {
            broken.push("nobody came too late".to_owned());
        }
        let control = tally("control", &expected, &ground.effects().await?);
        Ok(Said {
            size: format!(
                "{count} messages, {HOSTS} hosts with clocks up to 10 min off, {late} late completions, all of them fenced"
            ),
            tally: own,
            broken,
            control: Control::new("completion without a token", control.without_order()),
        })
    })
}

/// Each host asks for the lease, twice, at instants that chance and its clock give; those who had it are returned in their order.
async fn lease_all<G: Ground>(
    ground: &G,
    chance: &Chance,
    number: usize,
) -> Result<Vec<(SystemTime, Lease)>> {
    let message = order(number, 1);
    let mut held: BTreeMap<i64, (SystemTime, Lease)> = BTreeMap::new();
    for step in 0..2 * HOSTS {
        let Some(key) = Key::of(BILLING, &message) else {
            continue;
        };
        let skew = Duration::from_secs(below(chance, 1_200));
        let since = Duration::from_secs(20 * step as u64);
        let now = start() - Duration::from_secs(600) + skew + since;
        let fingerprint = Fingerprint::of(&message.body);
        let length = G::LEASE.unwrap_or(LENGTH);
        let leased = ground.store().lease(key, fingerprint, now, length).await?;
        if let Leased::Held(lease) = leased {
            held.insert(lease.token, (now, lease));
        }
        if let Some(length) = G::LEASE {
            Clock::system().sleep(length).await;
        }
    }
    Ok(held.into_values().collect())
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
