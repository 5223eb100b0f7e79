//! An operator that sends dead letters again, and the service that handles them.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use dovetail_messaging::{
    consumer::{Pace, run as consume},
    dead_letter::{Act, Search, Selection},
    outbox::{self, Relay},
    replay::{self, Options, RunError, Started},
    store::{Outbox as _, Triage as _},
};
use dovetail_resilience::{Chance, Clock};

use super::{broker, reach};
use crate::{
    common::Stop,
    ground::Ground,
    work::{MAIL, ORDERS, consumer, effect_of, number_of, subscription},
};

/// Letters in each second.
pub(crate) const RATE: u32 = 200;
/// What the service finds when there is nothing more to come.
pub(crate) const STOP: &str = "stop";
/// How long an operator tries what the store refuses.
const TIME_MAX: Duration = Duration::from_secs(1_500);
const AGAIN: Duration = Duration::from_millis(20);

/// Where an operator says what starting came to.
pub(crate) fn started(who: &str) -> String {
    format!("started-{who}")
}

/// Starts a replay of all letters, or goes on with that one, and runs it until it ends or pauses.
pub(super) async fn operate<G: Ground>(folder: &Path, who: &str, job: Option<i64>) -> Result<()> {
    let ground = G::open(folder).await?;
    let clock = Clock::system();
    let end = clock.now() + TIME_MAX;
    let number = match job {
        Some(number) => number,
        None => {
            let (word, number) = start(&ground, who, clock).await?;
            std::fs::write(folder.join(started(who)), word)?;
            number
        }
    };
    loop {
        let report = |_: &_| reach("stepped");
        let stop = std::future::pending();
        match replay::run(ground.store(), number, who, &clock, report, stop).await {
            Ok(_) => return Ok(()),
            // It is as it was before, and goes on.
            Err(RunError::Store(_)) if clock.now() < end => clock.sleep(AGAIN).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn start<G: Ground>(ground: &G, who: &str, clock: Clock) -> Result<(&'static str, i64)> {
    let search = Search {
        selection: Selection {
            consumer: Some(MAIL.to_owned()),
            ..Selection::default()
        },
        filter: None,
    };
    let options = Options {
        rate: RATE,
        ..Options::default()
    };
    let act = Act {
        who: who.to_owned(),
        at: clock.wall(),
    };
    match replay::start(ground.store(), &search, options, act).await? {
        Started::New(job) => Ok(("new", job.number)),
        Started::Present(job) => Ok(("present", job.number)),
        other => bail!("a replay did not start: {other:?}"),
    }
}

/// Relays and consumes until it is told that nothing more comes, and nothing is left.
pub(super) async fn drain<G: Ground>(folder: &Path) -> Result<()> {
    let clock = Clock::system();
    let ground = G::open(folder).await?;
    let broker = broker(folder, clock)?;
    let orders = subscription(ORDERS, MAIL);
    let relay = Relay::new(
        ground.store().clone(),
        broker.clone(),
        outbox::Config {
            poll: Duration::from_millis(20),
            ..outbox::Config::default()
        },
        clock,
        Chance::seeded(1),
    );
    let stop = Stop::default();
    let watch = async {
        let done = async {
            loop {
                clock.sleep(Duration::from_millis(50)).await;
                if folder.join(STOP).exists()
                    && ground.store().pending().await?.count == 0
                    && broker.backlog(&orders).await? == 0
                    && ground.parked().await? == 0
                {
                    return anyhow::Ok(());
                }
            }
        };
        let done = done.await;
        stop.tell();
        done
    };
    let pace = Pace {
        wait: Duration::from_millis(20),
        ..Pace::default()
    };
    let own = Arc::new(consumer(MAIL, &ground, clock));
    let (done, (), ()) = tokio::join!(
        watch,
        consume(
            broker.clone(),
            orders.clone(),
            own,
            pace,
            clock,
            stop.told()
        ),
        relay.run(stop.told()),
    );
    done
}

/// What everybody writes first: sends a letter, and notes then that it was sent.
pub(super) async fn operate_naively<G: Ground>(folder: &Path) -> Result<()> {
    let ground = G::open(folder).await?;
    let selection = Selection::default();
    for listed in ground.store().list(selection, 0, 1_000).await? {
        let message = listed.letter.message;
        let note = message.id.clone().context("a letter has no id")?;
        if ground.is_noted(&note).await? {
            continue;
        }
        // A list has no bodies.
        let number = number_of(&message).unwrap_or_default();
        ground
            .write_alone(effect_of(MAIL, &message, number))
            .await?;
        reach("half-done");
        ground.note(&note).await?;
    }
    Ok(())
}
