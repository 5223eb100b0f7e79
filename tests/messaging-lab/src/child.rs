//! The processes that the faults start, and kill.

mod acknowledge;
mod fate;
mod log;
mod race;
mod replay;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use dovetail_messaging::{
    consumer::{Pace, Process, run as consume},
    outbox::{self, Relay},
    store::{Outbox as _, sqlite::Durability},
    transport::{Subscription, embedded::Embedded},
};
use dovetail_resilience::{Chance, Clock};
use nix::{
    sys::{prctl, signal::Signal},
    unistd::{Pid, getppid},
};

pub(crate) use self::{
    acknowledge::ACKNOWLEDGED,
    replay::{RATE, STOP, started},
};
use self::{
    fate::{reach, signal_self_at},
    race::{race, wait_for_start},
};
use crate::{
    common::{Stop, shuffled, start},
    ground::{
        Ground,
        postgres::OnPostgres,
        sqlite::{OnSqlite, options},
    },
    naive::{Kind, Naive},
    work::{BILLING, CHARGES, MAIL, ORDERS, consumer, subscription},
};

/// Messages that a relay takes at once.
pub(crate) const BATCH_MAX: u32 = 3;

/// How long anything takes at most, so that what stands still is a broken promise and no endless run.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(3_600);

/// How long a process works on its few messages at most.
const WORK_TIME_MAX: Duration = Duration::from_secs(120);

/// Messages of a log.
pub(crate) const LOG_LENGTH: usize = 12;

/// Where a process says what is left when its time is up.
pub(crate) const LEFT: &str = "left";

/// What a process is to do.
#[derive(Debug, Args)]
pub(crate) struct Child {
    /// Who started it, and does not leave it behind
    #[arg(long)]
    parent: i32,
    /// The folder of its files
    #[arg(long)]
    folder: PathBuf,
    /// The store that it works on
    #[arg(long, value_enum)]
    store: OnStore,
    /// Whether it works without inbox and outbox
    #[arg(long, value_enum)]
    naive: Option<Kind>,
    #[command(subcommand)]
    task: Task,
}

/// A store by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnStore {
    /// The embedded store
    Sqlite,
    /// PostgreSQL
    Postgres,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Consumes, relays and consumes again, until nothing is left to do
    Work {
        /// Where to die
        #[arg(long)]
        kill_at: Option<String>,
        /// Where to be frozen
        #[arg(long, conflicts_with = "kill_at")]
        freeze_at: Option<String>,
        /// The how many-th time it comes there
        #[arg(long, default_value_t = 1)]
        nth: u64,
        /// By how many hours its clock is ahead: as if it had been started that much later
        #[arg(long, default_value_t = 0)]
        hours: u64,
    },
    /// Reads a log from its beginning, and keeps its offset in the database
    Log {
        /// Where to be frozen
        #[arg(long)]
        freeze_at: Option<String>,
        /// The how many-th time it comes there
        #[arg(long, default_value_t = 1)]
        nth: u64,
        /// By how many hours its clock is ahead
        #[arg(long, default_value_t = 0)]
        hours: u64,
    },
    /// Sends dead letters again
    Replay {
        /// Where to die
        #[arg(long)]
        kill_at: Option<String>,
        /// The how many-th time it comes there
        #[arg(long, default_value_t = 1)]
        nth: u64,
        /// Who does it
        #[arg(long)]
        who: String,
        /// Goes on with that one
        #[arg(long)]
        job: Option<i64>,
    },
    /// Relays and consumes what is sent again
    Drain,
    /// Handles messages on the embedded store, and loses its power
    Acknowledge {
        #[arg(long, value_enum)]
        durability: acknowledge::Asks,
        #[arg(long)]
        messages: usize,
    },
    /// Takes its part of deliveries as fast as it can, once it is told to begin
    Race {
        #[arg(long)]
        ids: usize,
        #[arg(long)]
        deliveries: usize,
        #[arg(long)]
        workers: usize,
    },
}

/// Does what a process is to do.
pub(crate) fn run(child: Child) -> Result<()> {
    end_with(Pid::from_raw(child.parent))?;
    match child.store {
        OnStore::Sqlite => block_on(work::<OnSqlite>(child)),
        OnStore::Postgres => block_on(work::<OnPostgres>(child)),
    }
}

/// Has the kernel end this process with the one that started it, also where that one is killed, and where this one is frozen.
fn end_with(parent: Pid) -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL).context("cannot tie a process to its parent")?;
    // It may have gone before the kernel was told.
    ensure!(getppid() == parent, "whoever started this process is gone");
    Ok(())
}

/// Runs on as many threads as a service has, but not for ever.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let done = runtime.block_on(async {
        let clock = Clock::system();
        clock.until(clock.now() + TIME_MAX, future).await
    });
    // What still runs on it may never end.
    runtime.shutdown_background();
    done.unwrap_or_else(|_| bail!("it did not come to its end in {TIME_MAX:?}"))
}

async fn work<G: Ground>(child: Child) -> Result<()> {
    match child.task {
        Task::Work {
            kill_at,
            freeze_at,
            nth,
            hours,
        } => {
            let death = kill_at.map(|place| (place, Signal::SIGKILL));
            let sleep = freeze_at.map(|place| (place, Signal::SIGSTOP));
            if let Some((place, signal)) = death.or(sleep) {
                signal_self_at(place, nth, signal)?;
            }
            let clock = Clock::pinned_at(start() + Duration::from_secs(hours * 3_600));
            pipeline::<G>(&child.folder, child.naive, clock).await
        }
        Task::Log {
            freeze_at,
            nth,
            hours,
        } => {
            if let Some(place) = freeze_at {
                signal_self_at(place, nth, Signal::SIGSTOP)?;
            }
            let clock = Clock::pinned_at(start() + Duration::from_secs(hours * 3_600));
            log::read::<G>(&child.folder, child.naive, clock).await
        }
        Task::Replay {
            kill_at,
            nth,
            who,
            job,
        } => {
            if let Some(place) = kill_at {
                signal_self_at(place, nth, Signal::SIGKILL)?;
            }
            match child.naive {
                None => replay::operate::<G>(&child.folder, &who, job).await,
                Some(_) => replay::operate_naively::<G>(&child.folder).await,
            }
        }
        Task::Acknowledge {
            durability,
            messages,
        } => acknowledge::handle(&child.folder, durability, messages).await,
        Task::Drain => replay::drain::<G>(&child.folder).await,
        Task::Race {
            ids,
            deliveries,
            workers,
        } => {
            let ground = G::open(&child.folder).await?;
            wait_for_start()?;
            // The deliveries of a message come one after the other, and to both processes at about the same time.
            let mine: Vec<usize> = shuffled(&Chance::seeded(1), ids)
                .into_iter()
                .flat_map(|id| std::iter::repeat_n(id, deliveries / 2))
                .collect();
            let clock = Clock::pinned_at(start());
            match child.naive {
                None => race(consumer(BILLING, &ground, clock), mine, workers).await,
                Some(kind) => {
                    let broker = broker(&child.folder, clock)?;
                    race(naive(kind, BILLING, &ground, broker), mine, workers).await
                }
            }
        }
    }
}

/// The broker of a folder, in a file of its own: a broker and a database fail apart.
pub(crate) fn broker(folder: &std::path::Path, clock: Clock) -> Result<Embedded> {
    let store = dovetail_messaging::store::sqlite::Sqlite::open(
        folder.join("broker.db"),
        options(Durability::Normal),
        start(),
    )?;
    Ok(Embedded::new(store, Duration::from_secs(60), clock))
}

fn naive<G: Ground>(
    kind: Kind,
    consumer: &'static str,
    ground: &G,
    publisher: Embedded,
) -> Naive<G, Embedded> {
    Naive {
        kind,
        consumer,
        ground: ground.clone(),
        publisher,
        reach,
        pause: Duration::ZERO,
    }
}

/// Both consumers and the relay, until nothing waits anywhere.
async fn pipeline<G: Ground>(
    folder: &std::path::Path,
    kind: Option<Kind>,
    clock: Clock,
) -> Result<()> {
    let ground = G::open(folder).await?;
    let broker = broker(folder, clock)?;
    match kind {
        None => {
            let consumers = [BILLING, MAIL].map(|name| Arc::new(consumer(name, &ground, clock)));
            drive(folder, &ground, broker, consumers, clock).await
        }
        Some(kind) => {
            let consumers =
                [BILLING, MAIL].map(|name| Arc::new(naive(kind, name, &ground, broker.clone())));
            drive(folder, &ground, broker, consumers, clock).await
        }
    }
}

async fn drive<G: Ground, P: Process>(
    folder: &std::path::Path,
    ground: &G,
    broker: Embedded,
    [billing, mail]: [Arc<P>; 2],
    clock: Clock,
) -> Result<()> {
    let pace = Pace {
        concurrency: 4,
        batch: 1,
        wait: Duration::from_millis(10),
        ..Pace::default()
    };
    let orders = subscription(ORDERS, BILLING);
    let charges = subscription(CHARGES, MAIL);
    let relay = Relay::new(
        ground.store().clone(),
        broker.clone(),
        outbox::Config {
            batch_max: BATCH_MAX,
            hold: G::HOLD,
            poll: Duration::from_millis(5),
            ..outbox::Config::default()
        },
        clock,
        Chance::seeded(1),
    );
    let stop = Stop::default();
    let watch = async {
        let done = until_done(ground, &broker, (&orders, &charges)).await;
        stop.tell();
        done
    };
    let (done, (), (), ()) = tokio::join!(
        watch,
        consume(
            broker.clone(),
            orders.clone(),
            billing,
            pace,
            clock,
            stop.told()
        ),
        consume(
            broker.clone(),
            charges.clone(),
            mail,
            pace,
            clock,
            stop.told()
        ),
        relay.run(stop.told()),
    );
    if let Some(left) = done? {
        std::fs::write(folder.join(LEFT), &left)?;
        bail!("after {WORK_TIME_MAX:?}: {left}");
    }
    Ok(())
}

/// Waits until nothing waits anywhere: looked for in the direction in which messages go, so that none slips by. Says what is left when its time is up.
async fn until_done<G: Ground>(
    ground: &G,
    broker: &Embedded,
    (orders, charges): (&Subscription, &Subscription),
) -> Result<Option<String>> {
    let clock = Clock::system();
    let end = clock.now() + WORK_TIME_MAX;
    loop {
        clock.sleep(Duration::from_millis(5)).await;
        let left = [
            ("orders", broker.backlog(orders).await?),
            ("parked", ground.parked().await?),
            ("in the outbox", ground.store().pending().await?.count),
            ("charges", broker.backlog(charges).await?),
        ];
        if left.iter().all(|(_, count)| *count == 0) {
            return Ok(None);
        }
        if clock.now() >= end {
            let left = left.map(|(what, count)| format!("{count} {what}"));
            return Ok(Some(left.join(", ")));
        }
    }
}
