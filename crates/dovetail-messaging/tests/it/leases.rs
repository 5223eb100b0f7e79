//! One live owner for effects outside of the database, and late ones fenced.

use std::{sync::Arc, time::Duration};

use dovetail_messaging::{
    Message,
    consumer::{
        Done, Handler, HandlerError, Held, LeaseConsumer, Rejection, RetryCause, Settlement,
    },
    dead_letter::{Burial, Reason},
    inbox::{Fingerprint, Key},
    store::{Lease, Leased, Leases, sqlite::Sqlite},
};
use dovetail_resilience::{Chance, Clock};
use tokio::sync::Mutex;

use crate::support::{Bench, NAME, after, config, message, message_of, start};

const LENGTH: Duration = Duration::from_secs(30);

fn key(id: &str) -> Key {
    Key::of(NAME, &message(id, "ok")).unwrap()
}

async fn lease(store: &Sqlite, id: &str, seconds: u64) -> Leased {
    let fingerprint = Fingerprint::of(b"ok");
    store
        .lease(key(id), fingerprint, after(seconds), LENGTH)
        .await
        .unwrap()
}

async fn held(store: &Sqlite, id: &str, seconds: u64) -> Lease {
    match lease(store, id, seconds).await {
        Leased::Held(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_ends() {
    let bench = Bench::new().await;
    let (one, other) = (bench.store.clone(), bench.other());
    let first = held(&one, "m-1", 0).await;
    assert_eq!(lease(&other, "m-1", 29).await, Leased::Busy(after(30)));
    let second = held(&other, "m-1", 30).await;
    assert!(second.token > first.token);
    assert_eq!((first.attempts, second.attempts), (0, 1));
}

#[tokio::test]
async fn an_extended_lease_lasts_longer() {
    let bench = Bench::new().await;
    let first = held(&bench.store, "m-1", 0).await;
    assert!(bench.store.extend(&first, after(20), LENGTH).await.unwrap());
    assert_eq!(
        lease(&bench.store, "m-1", 49).await,
        Leased::Busy(after(50))
    );
}

#[tokio::test]
async fn whoever_lost_the_lease_can_do_nothing_under_it() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let late = held(store, "m-1", 0).await;
    let current = held(store, "m-1", 31).await;
    let published = vec![message_of("m-1")];
    assert!(
        !store
            .complete(&late, published.clone(), after(32))
            .await
            .unwrap()
    );
    assert!(!store.extend(&late, after(32), LENGTH).await.unwrap());
    assert!(!store.release(&late, false, after(32)).await.unwrap());
    let burial = Burial {
        consumer: NAME.to_owned(),
        message: message("m-1", "ok"),
        reason: Reason::Handler,
        detail: String::new(),
        contract: None,
        at: after(32),
    };
    assert!(!store.bury_leased(&late, burial).await.unwrap());
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 0);
    assert_eq!(bench.letters().await.len(), 0);
    assert!(
        store
            .complete(&current, published, after(33))
            .await
            .unwrap()
    );
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 1);
    assert_eq!(lease(store, "m-1", 34).await, Leased::Duplicate);
}

/// The control: completing without the token is what lets the late owner win.
#[tokio::test]
async fn without_the_token_a_late_completion_would_count() {
    let bench = Bench::new().await;
    held(&bench.store, "m-1", 0).await;
    held(&bench.store, "m-1", 31).await;
    let unfenced = bench
        .store
        .transact(|connection| {
            connection.execute(
                "UPDATE dovetail_inbox SET status = 'done' WHERE id = 'm-1' AND status = 'claimed'",
                [],
            )
        })
        .await
        .unwrap();
    assert_eq!(unfenced, 1);
}

#[tokio::test]
async fn another_body_gets_no_lease() {
    let bench = Bench::new().await;
    held(&bench.store, "m-1", 0).await;
    let other = Fingerprint::of(b"other");
    let leased = bench.store.lease(key("m-1"), other, after(60), LENGTH);
    assert_eq!(leased.await.unwrap(), Leased::IdReuse);
}

#[tokio::test]
async fn an_excused_lease_is_no_attempt() {
    let bench = Bench::new().await;
    let first = held(&bench.store, "m-1", 0).await;
    assert!(bench.store.release(&first, true, after(1)).await.unwrap());
    let second = held(&bench.store, "m-1", 1).await;
    assert_eq!((second.attempts, second.token), (0, 2));
    assert!(bench.store.release(&second, false, after(2)).await.unwrap());
    assert_eq!(held(&bench.store, "m-1", 2).await.attempts, 1);
}

#[tokio::test]
async fn many_hands_get_one_lease() {
    let bench = Bench::new().await;
    let stores = [bench.store.clone(), bench.other()];
    let wishes = (0..16).map(|hand: usize| lease(&stores[hand % 2], "m-1", 0));
    let leased = futures::future::join_all(wishes).await;
    let granted = leased
        .iter()
        .filter(|leased| matches!(leased, Leased::Held(_)))
        .count();
    assert_eq!(granted, 1);
}

/// Notes the keys under which the outside world was called, and does what the body says.
#[derive(Debug, Default, Clone)]
struct Caller {
    called: Arc<Mutex<Vec<String>>>,
}

impl Handler<Held> for Caller {
    type Event = String;

    fn decode(&self, message: &Message) -> Result<String, Rejection> {
        String::from_utf8(message.body.to_vec()).map_err(Rejection::decode)
    }

    async fn handle(
        &self,
        held: &mut Held,
        event: String,
        message: &Message,
    ) -> Result<(), HandlerError> {
        self.called.lock().await.push(held.idempotency_key());
        held.publish(message_of(message.id.as_deref().unwrap_or_default()))?;
        match event.as_str() {
            "fail" => Err(HandlerError::Message("refused".to_owned())),
            "fatal" => Err(HandlerError::Fatal("no".to_owned())),
            "down" => Err(HandlerError::Infrastructure("no route".to_owned())),
            "panic" => panic!("at the caller"),
            "lose" => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

fn caller(bench: &Bench) -> (LeaseConsumer<Sqlite, Caller>, Caller) {
    let handler = Caller::default();
    let consumer = LeaseConsumer::new(
        NAME,
        bench.store.clone(),
        handler.clone(),
        config(),
        LENGTH,
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    (consumer, handler)
}

#[tokio::test]
async fn a_leased_message_is_handled_once_and_published_with_its_end() {
    let bench = Bench::new().await;
    let (consumer, handler) = caller(&bench);
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Handled)
    );
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Duplicate)
    );
    assert_eq!(*handler.called.lock().await, [key("m-1").idempotency_key()]);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 1);
}

#[tokio::test]
async fn a_leased_message_that_fails_becomes_a_dead_letter() {
    let rows = [
        ("fail", Reason::RetriesExhausted, 3),
        ("panic", Reason::Panic, 3),
        ("fatal", Reason::Handler, 1),
    ];
    for (body, reason, attempts) in rows {
        let bench = Bench::new().await;
        let (consumer, handler) = caller(&bench);
        for _ in 1..attempts {
            let settlement = consumer.process(message("m-1", body)).await;
            assert!(matches!(settlement, Settlement::Retry { .. }), "{body}");
        }
        assert_eq!(
            consumer.process(message("m-1", body)).await,
            Settlement::Ack(Done::Dead(reason))
        );
        let called = handler.called.lock().await;
        assert_eq!(called.len(), attempts as usize);
        assert!(
            called.iter().all(|one| *one == called[0]),
            "one key for all attempts"
        );
        assert_eq!(bench.letters().await[0].attempts, attempts);
        assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 0);
    }
}

#[tokio::test]
async fn what_is_down_gives_the_lease_back_at_once() {
    let bench = Bench::new().await;
    let (consumer, _) = caller(&bench);
    for _ in 0..5 {
        let settlement = consumer.process(message("m-1", "down")).await;
        assert!(matches!(settlement, Settlement::Pause { .. }));
    }
    assert_eq!(bench.letters().await.len(), 0);
}

#[tokio::test]
async fn a_message_that_takes_its_process_along_is_not_tried_for_ever() {
    let bench = Bench::new().await;
    // Three owners died without a word, before the start of the consumer's clock.
    let first = start() - Duration::from_secs(200);
    for died in 0..3 {
        let at = first + Duration::from_secs(60 * died);
        let fingerprint = Fingerprint::of(b"ok");
        let leased = bench.store.lease(key("m-1"), fingerprint, at, LENGTH).await;
        assert!(matches!(leased.unwrap(), Leased::Held(_)));
    }
    let (consumer, handler) = caller(&bench);
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Dead(Reason::RetriesExhausted))
    );
    assert_eq!(handler.called.lock().await.len(), 0);
}

#[tokio::test]
async fn a_handler_whose_lease_is_lost_is_stopped_and_not_acknowledged() {
    let bench = Bench::new().await;
    let (consumer, handler) = caller(&bench);
    let (settlement, ()) = tokio::join!(consumer.process(message("m-1", "lose")), async {
        while handler.called.lock().await.is_empty() {
            tokio::task::yield_now().await;
        }
        // Another owner, whose clock is ahead, takes the message; the next heartbeat finds out.
        let fingerprint = Fingerprint::of(b"lose");
        let other = bench
            .store
            .lease(key("m-1"), fingerprint, after(31), LENGTH);
        assert!(matches!(other.await.unwrap(), Leased::Held(_)));
        tokio::time::pause();
    });
    assert_eq!(
        settlement,
        Settlement::Retry {
            after: LENGTH,
            cause: RetryCause::Fenced
        }
    );
}
