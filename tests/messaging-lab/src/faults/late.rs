//! F9: writers whose commits come late, in another order than their messages got their places in the outbox, while one transaction stays open all along.

mod record;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use dovetail_messaging::{
    Message,
    outbox::{self, Relay},
    store::{Store as _, Transaction as _, postgres::Options},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use self::record::Record;
use super::Size;
use crate::{
    child::block_on,
    common::below,
    ground::{Ground as _, Home, postgres::OnPostgres},
    report::{Control, Said},
    tally::{Effect, Tally},
    work::{effect_of, order},
};

const WRITERS: usize = 32;
const KEYS: u64 = 8;
/// Of whoever has its transaction open all along.
const HELD: &str = "held";
/// How long the others may wait for their publication meanwhile.
const P99_MAX: Duration = Duration::from_secs(1);

/// Between the place of a message and its commit pass up to 50 ms, and for one key as long as it says.
const LATE: &str = "
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM fresh WHERE key = 'held') THEN PERFORM pg_sleep(HOLD); ELSE PERFORM pg_sleep(random() * 0.05); END IF;
        RETURN NULL; END $$;
    CREATE TRIGGER late AFTER INSERT ON dovetail_outbox REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION late()";

/// Every effect is a row that nobody changes, so that it tells when its transaction was committed.
const COMMITTED: &str = "
    SELECT id, key, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM effect
    ORDER BY pg_xact_commit_timestamp(xmin), place";

/// How long everything may take, so that a relay that stands still is a broken promise and no endless run.
const TIME_MAX: Duration = Duration::from_secs(1_500);

pub(crate) fn run(size: Size) -> Result<Said> {
    let count = size.of(100_000, 1_600);
    let hold = Duration::from_secs(size.of(60, 3));
    let found = block_on(write_late(count, hold))?;
    let committed: BTreeMap<&str, (usize, f64)> = found
        .committed
        .iter()
        .enumerate()
        .map(|(rank, row)| (row.id.as_str(), (rank, row.at)))
        .collect();
    let expected = committed.keys().map(|&id| id.to_owned()).collect();
    // Of each key what was committed first has to come first.
    let ranked = |ids: Vec<(String, String)>| -> Vec<Effect> {
        let rank = |id: &str| committed.get(id).map_or(-1, |(rank, _)| *rank as i64);
        ids.into_iter()
            .map(|(id, key)| Effect {
                consumer: String::new(),
                sequence: rank(&id),
                id,
                key,
            })
            .collect()
    };
    let published = found.published.iter();
    let published = published.map(|one| (one.id.clone(), one.key.clone()));
    let own = Tally::of(&expected, &ranked(published.collect()));
    let mut broken = Vec::new();
    if committed.len() != count + 1 {
        broken.push(format!("{} of {count} were committed", committed.len()));
    }
    let (held, p99, after) = found.waits(&committed);
    match held {
        Some(wait) if wait >= 0.0 => {}
        Some(wait) => broken.push(format!(
            "what was held came {:.3} s before its commit",
            -wait
        )),
        None => broken.push("what was held was not published".to_owned()),
    }
    match p99 {
        Some(p99) if p99 <= P99_MAX.as_secs_f64() => {}
        Some(p99) => broken.push(format!(
            "p99 of the others was {p99:.3} s meanwhile, and {:.3} s afterwards",
            after.unwrap_or_default()
        )),
        None => broken.push("nobody committed anything while it was held".to_owned()),
    }
    let places = Tally::of(&expected, &ranked(found.places));
    if places.disordered == 0 {
        broken.push("the control that trusts numbers of rows is in order".to_owned());
    }
    let mut control = Tally::of(&expected, &ranked(found.seen));
    control.disordered += places.disordered;
    Ok(Said {
        size: format!(
            "{count} messages of {KEYS} keys by {WRITERS} writers, up to 50 ms from place to commit, beside one that stays open for {hold:?}: p99 from commit to broker {:.0} ms, and {:.0} ms afterwards",
            p99.unwrap_or_default() * 1_000.0,
            after.unwrap_or_default() * 1_000.0
        ),
        tally: own,
        broken,
        control: Control::new(
            "a cursor over the outbox, and the order of row numbers",
            control,
        ),
    })
}

/// What was committed, and when.
struct Row {
    id: String,
    key: String,
    at: f64,
}

/// What came of all of it, each in its order.
struct Found {
    committed: Vec<Row>,
    published: Vec<record::Published>,
    /// What a cursor saw, and the order of numbers that were given without a lock.
    seen: Vec<(String, String)>,
    places: Vec<(String, String)>,
}

impl Found {
    /// How long after its commit what was held was published, and how long the others took until then, and after that, in seconds.
    fn waits(
        &self,
        committed: &BTreeMap<&str, (usize, f64)>,
    ) -> (Option<f64>, Option<f64>, Option<f64>) {
        let held_at = self.committed.iter().find(|row| row.key == HELD);
        let held_at = held_at.map_or(0.0, |row| row.at);
        let mut held = None;
        let (mut meanwhile, mut after) = (Vec::new(), Vec::new());
        for one in &self.published {
            let Some((_, at)) = committed.get(one.id.as_str()) else {
                continue;
            };
            if one.key == HELD {
                held = held.or(Some(one.at - at));
            } else if *at < held_at {
                meanwhile.push(one.at - at);
            } else {
                after.push(one.at - at);
            }
        }
        (held, p99(meanwhile), p99(after))
    }
}

fn p99(mut waits: Vec<f64>) -> Option<f64> {
    waits.sort_unstable_by(f64::total_cmp);
    let place = waits.len().saturating_sub(1 + waits.len() / 100);
    waits.get(place).copied()
}

async fn write_late(count: usize, hold: Duration) -> Result<Found> {
    let home = Home::<OnPostgres>::new()?;
    let ground = OnPostgres::open(home.path()).await?;
    let client = ground.client().await?;
    let tracks: String = client
        .query_one("SHOW track_commit_timestamp", &[])
        .await?
        .try_get(0)?;
    ensure!(
        tracks == "on",
        "the database does not know when it commits: track_commit_timestamp is {tracks}"
    );
    let late = LATE.replace("HOLD", &hold.as_secs().to_string());
    client.batch_execute(&late).await?;
    // Whoever waits for the lock of a key waits for those in front of it, too.
    let options = Options {
        lock_timeout: Duration::from_secs(30),
        statement_timeout: hold + Duration::from_secs(60),
        idle_timeout: hold + Duration::from_secs(60),
    };
    let patient = OnPostgres::of(ground.settings.clone(), options)?;
    let clock = Clock::system();
    let record = Record::new(clock);
    let relay = Relay::new(
        ground.store().clone(),
        record.clone(),
        outbox::Config {
            poll: Duration::from_millis(20),
            ..outbox::Config::default()
        },
        clock,
        Chance::seeded(1),
    );
    let end = clock.now() + TIME_MAX;
    let stop = async {
        while record.distinct() < count + 1 && clock.now() < end {
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    let message = order(count, 1).with_key(HELD);
    let (held, written, (), seen) = tokio::join!(
        write(&patient, message, clock),
        write_all(&patient, count, clock),
        relay.run(stop),
        follow(&ground, &record, count, clock),
    );
    held.context("the transaction that was held")?;
    written?;
    let rows = client.query(COMMITTED, &[]).await?;
    let committed = rows.iter().map(|row| {
        anyhow::Ok(Row {
            id: row.try_get(0)?,
            key: row.try_get(1)?,
            at: row.try_get(2)?,
        })
    });
    let places = ground.effects().await?;
    Ok(Found {
        committed: committed.collect::<Result<_>>()?,
        published: record.all(),
        seen: seen?,
        places: places.into_iter().map(|one| (one.id, one.key)).collect(),
    })
}

async fn write(ground: &OnPostgres, message: Message, clock: Clock) -> Result<()> {
    let mut transaction = ground.store().transaction(clock.wall()).await?;
    OnPostgres::write(&mut transaction, effect_of("writer", &message, 0)).await?;
    transaction.publish(message)?;
    transaction.commit().await?;
    Ok(())
}

async fn write_all(ground: &OnPostgres, count: usize, clock: Clock) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (ground, next) = (ground.clone(), Arc::clone(&next));
        writers.spawn(async move {
            let chance = Chance::seeded(writer as u64);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return anyhow::Ok(());
                }
                // Any writer has any key, so that they wait for each other.
                let key = format!("k-{}", below(&chance, KEYS));
                write(&ground, order(number, 1).with_key(key), clock).await?;
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    Ok(())
}

/// The control: reads what comes after the last place that it saw.
async fn follow(
    ground: &OnPostgres,
    record: &Record,
    count: usize,
    clock: Clock,
) -> Result<Vec<(String, String)>> {
    let client = ground.client().await?;
    let (mut last, mut seen) = (0_i64, Vec::new());
    let end = clock.now() + TIME_MAX;
    let sql = "SELECT place, id, key FROM dovetail_outbox WHERE place > $1 ORDER BY place";
    let sql = client.prepare(sql).await?;
    loop {
        let is_over = record.distinct() > count || clock.now() >= end;
        for row in client.query(&sql, &[&last]).await? {
            last = row.try_get(0)?;
            seen.push((row.try_get(1)?, row.try_get(2)?));
        }
        if is_over {
            return Ok(seen);
        }
        clock.sleep(Duration::from_millis(5)).await;
    }
}
