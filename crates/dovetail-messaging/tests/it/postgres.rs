//! What only PostgreSQL can do to a consumer: connections that die, answers that do not come, and statements that are left behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dovetail_messaging::{
    Message,
    consumer::{Config, Done, Handler, HandlerError, Order, Rejection, Settlement},
    dead_letter::Reason,
    inbox::{Claim, Claimed, Fingerprint, Key},
    migrate,
    outbox::{Fate, Settled},
    replay::CONSUMER,
    store::{
        DeadLetters, ErrorKind, Outbox, Store, Transaction,
        postgres::{
            Options, PgTransaction, Postgres, Said,
            tokio_postgres::{Config as Settings, NoTls, config::Host, error::SqlState},
        },
    },
};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    Bench, Database, NAME, Work, config, consumer, message, message_of,
    postgres::{Schema, connect, is_there, options, pool, settings},
    start,
};

const TRACES: &str = "SELECT (SELECT count(*) FROM effect) + (SELECT count(*) FROM dovetail_inbox) + (SELECT count(*) FROM dovetail_outbox)";

/// Transactions of the test that are open, and what still runs.
const LEFT_BEHIND: &str = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() \
     AND query LIKE '%dovetail left behind%'";

async fn claimed(store: &Postgres, id: &str) -> PgTransaction {
    let message = message(id, "ok");
    let claim = Claim {
        key: Key::of(NAME, &message).unwrap(),
        fingerprint: Fingerprint::of(&message.body),
        by_id: true,
        scope: NAME.to_owned(),
        position: None,
        order_key: None,
    };
    match store.begin(claim, start()).await.unwrap() {
        Claimed::Fresh { transaction, .. } => transaction,
        _ => panic!("{id} is new"),
    }
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    if !is_there() {
        return;
    }
    let schema = Schema::empty().await;
    let starts = (0..6).map(|_| async {
        let mut client = connect(schema.name()).await;
        migrate::postgres(&mut client, start()).await.unwrap()
    });
    let applied: u32 = join_all(starts).await.into_iter().sum();
    assert_eq!(applied, 5);
    let mut client = connect(schema.name()).await;
    client
        .batch_execute("INSERT INTO dovetail_schema VALUES (99, 'later', now())")
        .await
        .unwrap();
    let error = migrate::postgres(&mut client, start()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn a_connection_that_dies_takes_its_work_along_and_nothing_else() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    for step in 0..3 {
        let id = format!("m-{step}");
        let mut transaction = claimed(&bench.store, &id).await;
        let row = transaction.query_one("SELECT pg_backend_pid()", &[]).await;
        let backend: i32 = row.unwrap().get(0);
        if step > 0 {
            transaction.effect(&id, "ok").await.unwrap();
        }
        let killer = connect("public").await;
        killer
            .execute("SELECT pg_terminate_backend($1)", &[&backend])
            .await
            .unwrap();
        let error = match step {
            2 => transaction.commit().await.unwrap_err(),
            _ => loop {
                // Until the connection has heard of it.
                if let Err(error) = transaction.query("SELECT 1", &[]).await {
                    break error;
                }
            },
        };
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        let settlement = bench.consumer(config()).process(message(&id, "ok")).await;
        assert_eq!(settlement, Settlement::Ack(Done::Handled));
    }
    assert_eq!(bench.effects().await, ["m-0", "m-1", "m-2"]);
}

/// Passes everything on to the database, and its answers back until it is told not to.
async fn proxy(is_silent: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, Arc::clone(&is_silent)));
        }
    });
    port
}

async fn pass(client: TcpStream, is_silent: Arc<AtomicBool>) {
    let real = settings("public");
    let Some(Host::Tcp(host)) = real.get_hosts().first() else {
        panic!("the tests need a TCP address");
    };
    let port = real.get_ports().first().copied().unwrap_or(5432);
    let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let upstream =
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut answer = [0; 4_096];
    while let Ok(length @ 1..) = from_server.read(&mut answer).await {
        // The answer is lost, and the connection with it.
        if is_silent.load(Ordering::SeqCst) {
            break;
        }
        if to_client.write_all(&answer[..length]).await.is_err() {
            break;
        }
    }
    upstream.abort();
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_the_redelivery_finds_out() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let is_silent = Arc::new(AtomicBool::new(false));
    let port = proxy(Arc::clone(&is_silent)).await;
    let mut far: Settings = settings(bench.home.name());
    far = {
        let mut through = Settings::new();
        through
            .host("127.0.0.1")
            .port(port)
            .user(far.get_user().unwrap_or("postgres"))
            .dbname(far.get_dbname().unwrap_or("postgres"))
            .options(far.get_options().unwrap_or_default())
            .application_name(bench.home.name());
        if let Some(password) = far.get_password() {
            through.password(password);
        }
        through
    };
    let store = Postgres::new(pool(far, 2), options());
    for round in 0..20 {
        is_silent.store(false, Ordering::SeqCst);
        let id = format!("m-{round}");
        let mut transaction = claimed(&store, &id).await;
        transaction.effect(&id, "ok").await.unwrap();
        transaction.publish(message_of(&id)).unwrap();
        is_silent.store(true, Ordering::SeqCst);
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        let settlement = bench.consumer(config()).process(message(&id, "ok")).await;
        assert!(matches!(
            settlement,
            Settlement::Ack(Done::Duplicate | Done::Handled)
        ));
        assert_eq!(bench.count(TRACES).await, 3 * (round + 1));
    }
}

/// Runs a statement that takes longer than it may.
#[derive(Debug, Clone, Copy)]
struct Slow;

impl Handler<PgTransaction> for Slow {
    type Event = ();

    fn decode(&self, _: &Message) -> Result<(), Rejection> {
        Ok(())
    }

    async fn handle(
        &self,
        transaction: &mut PgTransaction,
        (): (),
        _: &Message,
    ) -> Result<(), HandlerError> {
        let sql = "SELECT pg_sleep(600) /* dovetail left behind */";
        transaction.query(sql, &[]).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_deadline_leaves_no_statement_behind_and_the_claim_is_free_again() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let orders = [None, Some(Order::default())];
    for (number, order) in orders.into_iter().enumerate() {
        let id = format!("m-{number}");
        let slow = dovetail_messaging::consumer::Consumer::new(
            NAME,
            bench.store.clone(),
            Slow,
            Config {
                deadline: Duration::from_millis(50),
                order,
                ..config()
            },
            dovetail_resilience::Clock::pinned_at(start()),
            dovetail_resilience::Chance::seeded(1),
        );
        let settlement = slow.process(message(&id, "ok").with_key("a")).await;
        let is_parked = settlement == Settlement::Ack(Done::Parked);
        assert_eq!(is_parked, order.is_some(), "{settlement:?}");
        until_nothing_is_left(&bench).await;
    }
    // Given up as a whole, at any point.
    for polls in 1..12 {
        let consumer = dovetail_messaging::consumer::Consumer::new(
            NAME,
            bench.store.clone(),
            Slow,
            config(),
            dovetail_resilience::Clock::pinned_at(start()),
            dovetail_resilience::Chance::seeded(1),
        );
        let mut work = Box::pin(consumer.process(message("m-9", "ok")));
        for _ in 0..polls {
            let _ = futures::poll!(&mut work);
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    until_nothing_is_left(&bench).await;
    let settlement = bench.consumer(config()).process(message("m-9", "ok")).await;
    assert_eq!(settlement, Settlement::Ack(Done::Handled));
}

async fn until_nothing_is_left(bench: &Bench<Postgres>) {
    while bench.count(LEFT_BEHIND).await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_claim_that_is_held_for_too_long_is_contended_and_not_down() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let impatient = Options {
        lock_timeout: Duration::from_millis(50),
        ..options()
    };
    let store = Postgres::new(pool(settings(bench.home.name()), 2), impatient);
    let holder = claimed(&bench.store, "m-1").await;
    let settlement = consumer(store, config())
        .process(message("m-1", "ok"))
        .await;
    assert!(
        matches!(
            settlement,
            Settlement::Retry {
                cause: dovetail_messaging::consumer::RetryCause::Contended,
                ..
            }
        ),
        "{settlement:?}"
    );
    holder.rollback().await;
}

#[tokio::test]
async fn a_process_that_is_frozen_loses_its_claim() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let short = Options {
        idle_timeout: Duration::from_millis(50),
        ..options()
    };
    let store = Postgres::new(pool(settings(bench.home.name()), 2), short);
    let mut frozen = claimed(&store, "m-1").await;
    frozen.effect("m-1", "ok").await.unwrap();
    // Waits for the database to end the frozen one.
    let settlement = bench.consumer(config()).process(message("m-1", "ok")).await;
    assert_eq!(settlement, Settlement::Ack(Done::Handled));
    let error = frozen.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(bench.effects().await, ["m-1"]);
}

#[tokio::test]
async fn a_handler_that_hides_an_error_commits_nothing() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let mut transaction = claimed(&bench.store, "m-1").await;
    transaction.effect("m-1", "ok").await.unwrap();
    assert!(transaction.conflict().await.is_err());
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert_eq!(bench.count(TRACES).await, 0);
}

async fn published(store: &Postgres, id: &str, key: &str) {
    let mut transaction = claimed(store, id).await;
    transaction.publish(message_of(id).with_key(key)).unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_place_that_was_given_early_and_commits_late_is_neither_lost_nor_in_the_way() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let store = &bench.store;
    // As any other process does it.
    let late = connect(bench.home.name()).await;
    let publish =
        "BEGIN; INSERT INTO dovetail_outbox_key (channel, lane, seq) VALUES ('charges', 'a', 1);
         INSERT INTO dovetail_outbox (channel, id, key, lane, headers, body, status, at)
         VALUES ('charges', 'late', 'a', 'a', '[]', '', 'pending', now())";
    late.batch_execute(publish).await.unwrap();
    let mut behind = Box::pin(published(store, "behind", "a"));
    published(store, "early", "b").await;
    let take = async || {
        let taken = store.take(start(), Duration::from_secs(30), 10).await;
        let taken = taken.unwrap().messages.into_iter();
        taken.filter_map(|one| one.message.id).collect::<Vec<_>>()
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%dovetail_outbox_key%'";
    while bench.count(waiting).await == 0 {
        assert!(futures::poll!(&mut behind).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(take().await, ["charged-early"], "no other key waits");
    late.batch_execute("COMMIT").await.unwrap();
    behind.await;
    assert_eq!(take().await, ["late", "charged-behind"]);
}

#[tokio::test]
async fn a_relay_is_woken_by_what_another_process_commits() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let relay = bench.other().await;
    relay.listen(settings(bench.home.name()), NoTls);
    // Listening begins with a wake of its own.
    relay.changed().await;
    let mut transaction = claimed(&bench.store, "m-1").await;
    transaction.publish(message_of("m-1")).unwrap();
    transaction.commit().await.unwrap();
    relay.changed().await;
    assert_eq!(relay.pending().await.unwrap().count, 1);
}

#[tokio::test]
async fn what_strangers_write_comes_back_byte_for_byte_and_stops_nobody() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let consumer = bench.consumer(Config {
        order: Some(Order::default()),
        ..config()
    });
    let nul = |length: usize| Some("\0".repeat(length));
    let hostile = Message {
        id: nul(1_000),
        source: nul(1_024),
        kind: nul(9_000),
        key: nul(9_000),
        headers: vec![("a\0".to_owned(), "\0".to_owned())],
        ..message("", "fail at first")
    };
    consumer.handler().failures.store(1, Ordering::SeqCst);
    assert_eq!(
        consumer.process(hostile.clone()).await,
        Settlement::Ack(Done::Parked)
    );
    assert_eq!(consumer.drain(1).await.unwrap().handled, 1);
    assert_eq!(
        consumer.process(hostile.clone()).await,
        Settlement::Ack(Done::Duplicate)
    );
    let hopeless = Message {
        id: nul(999),
        body: "fatal".into(),
        ..hostile.clone()
    };
    assert_eq!(
        consumer.process(hopeless.clone()).await,
        Settlement::Ack(Done::Dead(Reason::Handler))
    );
    let letters = bench.letters().await;
    assert_eq!(letters[0].message, hopeless);
    let number = letters[0].number;
    assert!(bench.store.replay(number, start()).await.unwrap());
    let taken = bench.store.take(start(), Duration::from_secs(1), 10).await;
    let taken = taken.unwrap().messages;
    let mut addressed = hopeless.clone();
    let addressee = (CONSUMER.to_owned(), NAME.to_owned());
    addressed.headers.push(addressee);
    assert_eq!(taken.last().unwrap().message, addressed);
    let nobody = Message {
        id: Some("x".repeat(100_000)),
        ..hostile
    };
    assert!(matches!(
        consumer.process(nobody).await,
        Settlement::Ack(Done::Dead(_))
    ));
}

#[tokio::test]
async fn keys_that_nobody_publishes_under_are_forgotten() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    for id in ["1", "2"] {
        let mut transaction = claimed(&bench.store, id).await;
        transaction.publish(message_of(id).with_key(id)).unwrap();
        transaction.commit().await.unwrap();
    }
    let published =
        "UPDATE dovetail_outbox SET status = 'published', published_at = at WHERE key = '1'";
    bench.store.run(published).await;
    let far = start() + Duration::from_secs(1);
    assert_eq!(bench.store.forget_published(far, 10).await.unwrap(), 1);
    bench.store.forget_published(far, 10).await.unwrap();
    let left = "SELECT count(*) FROM dovetail_outbox_key WHERE lane = '2'";
    assert_eq!(bench.count(left).await, 1);
    assert_eq!(
        bench
            .count("SELECT count(*) FROM dovetail_outbox_key")
            .await,
        1
    );
}

#[tokio::test]
async fn what_waits_again_is_told_while_nobody_takes() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let mut transaction = bench.store.transaction(start()).await.unwrap();
    for id in ["m-1", "m-2"] {
        transaction
            .publish(message(id, "ok").with_key("a"))
            .unwrap();
    }
    transaction.commit().await.unwrap();
    let length = Duration::from_secs(30);
    let taken = bench.store.take(start(), length, 10).await.unwrap();
    let of = |place: usize, fate| Settled {
        place: taken.messages[place].place,
        fate,
    };
    let failed = Fate::Failed {
        error: "no route".to_owned(),
        retry_at: start() + length,
    };
    // Another relay is about to take.
    let mut other = connect(bench.home.name()).await;
    let taking = other.transaction().await.unwrap();
    let lock =
        "SELECT pg_advisory_xact_lock(hashtextextended('dovetail takes ' || current_schema(), 0))";
    taking.execute(lock, &[]).await.unwrap();
    let fates = vec![of(0, failed), of(1, Fate::Released)];
    let mut settling = Box::pin(bench.store.settle(taken.token, fates, start()));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' \
         AND application_name = current_schema()";
    while taking.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(
            futures::poll!(&mut settling).is_pending(),
            "it did not wait"
        );
        tokio::task::yield_now().await;
    }
    taking.commit().await.unwrap();
    assert_eq!(settling.await.unwrap(), 2);
}

#[tokio::test]
async fn what_rows_hold_is_not_told_with_what_went_wrong() {
    if !is_there() {
        return;
    }
    let bench = Bench::<Postgres>::of_store().await;
    let mut transaction = bench.store.transaction(start()).await.unwrap();
    let secret = "INSERT INTO unique_effect VALUES ('4111 1111 1111 1111')";
    transaction.execute(secret, &[]).await.unwrap();
    let error = transaction.execute(secret, &[]).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let (shown, debugged) = (source.to_string(), format!("{error:?}"));
    assert!(
        !shown.contains("4111") && !debugged.contains("4111"),
        "{debugged}"
    );
    assert!(
        shown.contains("23505") && shown.contains("constraint unique_effect_pkey"),
        "{shown}"
    );
    let said = source.downcast_ref::<Said>().unwrap();
    assert_eq!(said.code(), &SqlState::UNIQUE_VIOLATION);
}
