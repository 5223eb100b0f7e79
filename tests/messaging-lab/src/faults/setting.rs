//! A store and a broker in a folder of their own, for the faults that happen within this process.

use std::time::Duration;

use anyhow::Result;
use dovetail_messaging::{
    store::sqlite::{Durability, Sqlite},
    transport::{Channel, Kind, Subscription, Transport as _, embedded::Embedded},
};
use dovetail_resilience::Clock;

use crate::{
    common::start,
    ground::{Ground, Home, sqlite::options},
    work::{BILLING, CHARGES, MAIL, ORDERS, subscription},
};

/// How long a subscription may have something left.
const EMPTY_TIME_MAX: Duration = Duration::from_secs(900);

/// What one history happens on.
#[derive(Debug)]
pub(super) struct Setting<G: Ground> {
    pub(super) ground: G,
    pub(super) broker: Embedded,
    // Last: what it removes may still be open.
    pub(super) folder: Home<G>,
}

impl<G: Ground> Setting<G> {
    /// A new setting with both channels and their groups.
    pub(super) async fn open(visibility: Duration, clock: Clock) -> Result<Self> {
        let folder = Home::<G>::new()?;
        let file = folder.path().join("broker.db");
        let store = Sqlite::open(file, options(Durability::Normal), start())?;
        let broker = Embedded::new(store, visibility, clock);
        for (channel, group) in [(ORDERS, BILLING), (CHARGES, MAIL)] {
            broker.declare(&Channel::new(channel, Kind::Topic)).await?;
            broker.subscribe(&subscription(channel, group)).await?;
        }
        let ground = G::open(folder.path()).await?;
        Ok(Self {
            folder,
            ground,
            broker,
        })
    }
}

/// Resolves once a subscription has nothing left, or its time is up: what is left then has no effect, and is counted as lost.
pub(super) async fn until_empty(broker: &Embedded, subscription: Subscription, clock: Clock) {
    let end = clock.now() + EMPTY_TIME_MAX;
    while clock.now() < end {
        clock.sleep(Duration::from_millis(10)).await;
        if matches!(broker.backlog(&subscription).await, Ok(0)) {
            return;
        }
    }
}
