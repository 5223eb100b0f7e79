//! F9: writers whose commits come late, in another order than their messages got their places in the outbox, while one transaction stays open all along.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use dovetail_messaging::{
    Message,
    consumer::{Config, Done, Settlement},
    outbox::{self, PublishError, Publisher, Relay},
};
use dovetail_resilience::{Chance, Clock};
use tokio::task::JoinSet;

use super::Size;
use crate::{
    child::block_on,
    ground::{Ground as _, Home, postgres::OnPostgres},
    report::{Control, Said},
    tally::{Effect, Tally},
    work::{BILLING, config, consumer_on, effect_of, ids, number_of, order},
};

const WRITERS: usize = 16;

/// Between the place of a message and its commit pass up to 50 ms.
const LATE: &str = "
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(random() * 0.05); RETURN NULL; END $$;
    CREATE TRIGGER late AFTER INSERT ON dovetail_outbox FOR EACH STATEMENT EXECUTE FUNCTION late()";

/// How long everything may take, so that a relay that stands still is a broken promise and no endless run.
const TIME_MAX: Duration = Duration::from_secs(600);

pub(crate) fn run(size: Size) -> Result<Said> {
    let count = size.of(10_000, 480);
    let (relayed, behind_cursor) = block_on(write_late(count))?;
    let expected = ids(count);
    Ok(Said {
        size: format!(
            "{count} messages of {WRITERS} writers, up to 50 ms from place to commit, beside a transaction that stays open"
        ),
        tally: Tally::of(&expected, &relayed),
        broken: Vec::new(),
        control: Control::new(
            "a cursor over the outbox",
            Tally::of(&expected, &behind_cursor),
        ),
    })
}

/// What the relay published, and what a cursor saw, each in its order.
async fn write_late(count: usize) -> Result<(Vec<Effect>, Vec<Effect>)> {
    let home = Home::<OnPostgres>::new()?;
    let ground = OnPostgres::open(home.path()).await?;
    ground.client().await?.batch_execute(LATE).await?;
    let holder = ground.client().await?;
    holder
        .batch_execute("BEGIN; INSERT INTO note (id) VALUES ('held')")
        .await?;
    let clock = Clock::system();
    let record = Record::default();
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
    let stop = async {
        while record.distinct() < count {
            clock.sleep(Duration::from_millis(10)).await;
        }
    };
    let stop = async {
        let _ = clock.until(clock.now() + TIME_MAX, stop).await;
    };
    let (written, (), seen) = tokio::join!(
        write(&ground, count, clock),
        relay.run(stop),
        follow(&ground, &record, count, clock),
    );
    written?;
    // Nothing waited for it.
    holder.batch_execute("ROLLBACK").await?;
    Ok((record.effects(), seen?))
}

async fn write(ground: &OnPostgres, count: usize, clock: Clock) -> Result<()> {
    let config = Config {
        order: None,
        ..config()
    };
    let store = ground.store().clone();
    let consumer = Arc::new(consumer_on::<OnPostgres>(BILLING, store, clock, config));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let consumer = Arc::clone(&consumer);
        writers.spawn(async move {
            for number in (writer..count).step_by(WRITERS) {
                let settlement = consumer.process(order(number, WRITERS)).await;
                ensure!(
                    settlement == Settlement::Ack(Done::Handled),
                    "a message was not written: {settlement:?}"
                );
            }
            Ok(())
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
) -> Result<Vec<Effect>> {
    let client = ground.client().await?;
    let (mut last, mut seen) = (0_i64, Vec::new());
    let end = clock.now() + TIME_MAX;
    loop {
        let is_over = record.distinct() >= count || clock.now() >= end;
        let sql = "SELECT place, id, key FROM dovetail_outbox WHERE place > $1 ORDER BY place";
        for row in client.query(sql, &[&last]).await? {
            last = row.try_get(0)?;
            let id: String = row.try_get(1)?;
            let number = id.trim_start_matches("m-").parse().unwrap_or_default();
            seen.push(Effect {
                consumer: String::new(),
                id,
                key: row.try_get(2)?,
                sequence: number,
            });
        }
        if is_over {
            return Ok(seen);
        }
        clock.sleep(Duration::from_millis(2)).await;
    }
}

/// A broker that remembers.
#[derive(Debug, Clone, Default)]
struct Record(Arc<Mutex<(Vec<Message>, BTreeSet<String>)>>);

impl Record {
    fn distinct(&self) -> usize {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.1.len()
    }

    fn effects(&self) -> Vec<Effect> {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |message| effect_of("relay", message, number_of(message).unwrap_or_default());
        record.0.iter().map(of).collect()
    }
}

impl Publisher for Record {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.1.insert(message.id.clone().unwrap_or_default());
        record.0.push(message.clone());
        Ok(())
    }
}
