//! Statements that a handler does not wait for.

use dovetail_messaging::{
    Message,
    consumer::{Config, Consumer, Delivery, Done, Handler, HandlerError, Rejection, Settlement},
    dead_letter::Reason,
    store::{
        ErrorKind, Store as _,
        postgres::{PgTransaction, Postgres},
    },
};
use dovetail_resilience::{Chance, Clock};

use crate::support::{Bench, NAME, config, message, postgres::is_there, start};

const EFFECT: &str = "INSERT INTO effect (id, body) VALUES ($1, $2)";
const UNIQUE: &str = "INSERT INTO unique_effect (id) VALUES ($1)";
const HANDLED: Settlement = Settlement::Ack(Done::Handled);

/// Waits for nothing but what the body asks for.
#[derive(Debug)]
struct Hasty;

impl Handler<PgTransaction> for Hasty {
    type Event = String;

    fn decode(&self, message: &Message) -> Result<String, Rejection> {
        Ok(String::from_utf8_lossy(&message.body).into_owned())
    }

    async fn handle(
        &self,
        transaction: &mut PgTransaction,
        body: String,
        message: &Message,
    ) -> Result<(), HandlerError> {
        let id = message.id.as_deref().unwrap_or_default();
        transaction.execute_later(EFFECT, &[&id, &body]).await?;
        match body.as_str() {
            "counts" => {
                let sql = "SELECT count(*) FROM effect";
                let count: i64 = transaction.query_one(sql, &[]).await?.get(0);
                let counted = format!("after {count}");
                transaction.execute_later(EFFECT, &[&id, &counted]).await?;
            }
            "conflict" => {
                transaction.execute_later(UNIQUE, &[&"taken"]).await?;
                transaction.execute_later(UNIQUE, &[&"taken"]).await?;
            }
            "nothing" => {
                let nothing: Option<&str> = None;
                transaction.execute_later(UNIQUE, &[&nothing]).await?;
            }
            "number" => transaction.execute_later(UNIQUE, &[&7_i64]).await?,
            "two" => transaction.execute_later(UNIQUE, &[&"a", &"b"]).await?,
            "commit" => transaction.execute_later("COMMIT", &[]).await?,
            "many" => {
                for number in 0..2_500 {
                    let body = number.to_string();
                    transaction.execute_later(EFFECT, &[&id, &body]).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn consumer(bench: &Bench<Postgres>) -> Consumer<Postgres, Hasty> {
    let config = Config {
        attempts_max: 2,
        ..config()
    };
    let (clock, chance) = (Clock::pinned_at(start()), Chance::seeded(1));
    Consumer::new(NAME, bench.store.clone(), Hasty, config, clock, chance)
}

#[tokio::test]
async fn what_nobody_waits_for_is_there_with_the_commit_and_in_its_order() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let consumer = consumer(&bench);
    for body in ["ok", "counts", "many"] {
        assert_eq!(consumer.process(message(body, body)).await, HANDLED);
    }
    let counted = "SELECT count(*) FROM effect WHERE id = 'counts' AND body = 'after 2'";
    assert_eq!(bench.count(counted).await, 1);
    let in_order = "SELECT count(*) FROM effect AS later JOIN effect AS earlier ON earlier.place < later.place
        WHERE later.id = 'many' AND earlier.id = 'many' AND later.body = '2499' AND earlier.body <> '2499'";
    assert_eq!(bench.count(in_order).await, 2_500);
}

#[tokio::test]
async fn what_the_database_says_later_fails_the_attempt_and_nothing_is_committed() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let consumer = consumer(&bench);
    for body in ["conflict", "nothing", "number", "two", "commit"] {
        let first = consumer.process(message(body, body)).await;
        assert!(
            matches!(first, Settlement::Retry { .. }),
            "{body}: {first:?}"
        );
        let last = consumer.process(message(body, body)).await;
        let dead = Settlement::Ack(Done::Dead(Reason::RetriesExhausted));
        assert_eq!(last, dead, "{body}");
    }
    assert_eq!(bench.count("SELECT count(*) FROM effect").await, 0);
    assert_eq!(bench.count("SELECT count(*) FROM unique_effect").await, 0);
    let letters = bench.letters().await;
    for (letter, said) in letters
        .iter()
        .zip(["duplicate", "null", "i64", "parameters", "COMMIT"])
    {
        assert!(letter.detail.contains(said), "{}", letter.detail);
    }
    assert_eq!(letters.len(), 5);
}

#[tokio::test]
async fn in_a_batch_what_fails_later_fails_alone() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let consumer = consumer(&bench);
    let bodies = ["ok", "conflict", "ok", "counts", "ok"];
    let batch = |number: usize| {
        let deliveries = bodies.iter().enumerate().map(move |(place, body)| {
            Delivery::from(message(&format!("m-{number}-{place}"), body))
        });
        deliveries.collect::<Vec<_>>()
    };
    let settlements = consumer.process_batch(batch(1)).await;
    for (settlement, body) in settlements.into_iter().zip(bodies) {
        let is_retry = matches!(settlement, Settlement::Retry { .. });
        assert_eq!(is_retry, body == "conflict", "{settlement:?}");
        assert!(is_retry || settlement == HANDLED, "{settlement:?}");
    }
    let effects = "SELECT count(*) FROM effect WHERE body = 'ok'";
    assert_eq!(bench.count(effects).await, 3);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_inbox").await, 4);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_forgets_what_was_to_come() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let mut transaction = bench.store.transaction(start()).await.unwrap();
    let error = transaction.execute_later(EFFECT, &[&"m-1"]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Refused);
    transaction
        .execute_later(EFFECT, &[&"m-1", &"ok"])
        .await
        .unwrap();
    assert!(!format!("{transaction:?}").contains("m-1"));
    drop(transaction);
    assert_eq!(bench.count("SELECT count(*) FROM effect").await, 0);
}
