//! One live owner for effects outside of the database, and late ones fenced.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    consumer::{
        Config, Done, Handler, HandlerError, Held, LeaseConsumer, Rejection, RetryCause, Settlement,
    },
    dead_letter::{Burial, Reason},
    inbox::{Fingerprint, Key},
    store::{Lease, Leased, Store as _},
};
use dovetail_resilience::{Chance, Clock};
use tokio::sync::Mutex;

use crate::support::{
    Bench, Database, NAME, after, config, consumer_at, message, message_of, on_each_store, start,
};

on_each_store! {
    a_lease_keeps_others_away_until_it_ends,
    an_extended_lease_lasts_longer,
    whoever_lost_the_lease_can_do_nothing_under_it,
    without_the_token_a_late_completion_would_count,
    another_body_gets_no_lease,
    an_excused_lease_is_no_attempt,
    many_hands_get_one_lease,
    a_leased_message_is_handled_once_and_published_with_its_end,
    a_leased_message_that_fails_becomes_a_dead_letter,
    what_is_down_gives_the_lease_back_at_once,
    a_message_that_takes_its_process_along_is_not_tried_for_ever,
    a_handler_whose_lease_is_lost_is_stopped_and_not_acknowledged,
    what_was_under_leases_is_handled_in_transactions_once_they_are_over,
}

const LENGTH: Duration = Duration::from_secs(30);

fn key(id: &str) -> Key {
    Key::of(NAME, &message(id, "ok")).unwrap()
}

/// Asks for a lease, so many seconds after the start.
async fn lease<D: Database>(bench: &Bench<D>, store: &D, id: &str, seconds: u64) -> Leased {
    let now = bench.at(seconds).await;
    let fingerprint = Fingerprint::of(b"ok");
    let leased = store.lease(key(id), fingerprint, now, LENGTH).await;
    leased.unwrap()
}

async fn held<D: Database>(bench: &Bench<D>, store: &D, id: &str, seconds: u64) -> Lease {
    match lease(bench, store, id, seconds).await {
        Leased::Held(lease) => lease,
        other => panic!("{other:?}"),
    }
}

/// That a lease is held until then, but for the time that the test itself takes.
fn assert_busy(leased: &Leased, until: SystemTime) {
    let Leased::Busy(told) = leased else {
        panic!("{leased:?}");
    };
    let early = until.duration_since(*told).unwrap();
    assert!(early < Duration::from_secs(5), "{early:?}");
}

async fn a_lease_keeps_others_away_until_it_ends<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let (one, other) = (bench.store.clone(), bench.other().await);
    let first = held(&bench, &one, "m-1", 0).await;
    assert_busy(&lease(&bench, &other, "m-1", 20).await, after(30));
    let second = held(&bench, &other, "m-1", 30).await;
    assert!(second.token > first.token);
    assert_eq!((first.attempts, second.attempts), (0, 1));
    assert!(second.until <= after(60), "in the time of the host");
}

async fn an_extended_lease_lasts_longer<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let first = held(&bench, &bench.store, "m-1", 0).await;
    let now = bench.at(20).await;
    assert!(bench.store.extend(&first, now, LENGTH).await.unwrap());
    assert_busy(&lease(&bench, &bench.store, "m-1", 40).await, after(50));
}

async fn whoever_lost_the_lease_can_do_nothing_under_it<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let store = &bench.store;
    let late = held(&bench, store, "m-1", 0).await;
    let current = held(&bench, store, "m-1", 31).await;
    let published = vec![message_of("m-1")];
    let now = bench.at(32).await;
    assert!(!store.complete(&late, published.clone(), now).await.unwrap());
    assert!(!store.extend(&late, now, LENGTH).await.unwrap());
    assert!(!store.release(&late, false, now).await.unwrap());
    let burial = Burial {
        consumer: NAME.to_owned(),
        message: message("m-1", "ok"),
        reason: Reason::Handler,
        detail: String::new(),
        contract: None,
        at: now,
    };
    assert!(!store.bury_leased(&late, burial).await.unwrap());
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 0);
    assert_eq!(bench.letters().await.len(), 0);
    let now = bench.at(33).await;
    assert!(store.complete(&current, published, now).await.unwrap());
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_outbox").await, 1);
    assert_eq!(lease(&bench, store, "m-1", 34).await, Leased::Duplicate);
}

/// The control: completing without the token is what lets the late owner win.
async fn without_the_token_a_late_completion_would_count<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    held(&bench, &bench.store, "m-1", 0).await;
    held(&bench, &bench.store, "m-1", 31).await;
    let unfenced = bench
        .store
        .run("UPDATE dovetail_inbox SET status = 'done' WHERE id = 'm-1' AND status = 'claimed'");
    assert_eq!(unfenced.await, 1);
}

async fn another_body_gets_no_lease<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    held(&bench, &bench.store, "m-1", 0).await;
    let other = Fingerprint::of(b"other");
    let now = bench.at(60).await;
    let leased = bench.store.lease(key("m-1"), other, now, LENGTH);
    assert_eq!(leased.await.unwrap(), Leased::IdReuse);
}

async fn an_excused_lease_is_no_attempt<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let store = &bench.store;
    let first = held(&bench, store, "m-1", 0).await;
    let now = bench.at(1).await;
    assert!(store.release(&first, true, now).await.unwrap());
    let second = held(&bench, store, "m-1", 1).await;
    assert_eq!((second.attempts, second.token), (0, 2));
    let now = bench.at(2).await;
    assert!(store.release(&second, false, now).await.unwrap());
    assert_eq!(held(&bench, store, "m-1", 2).await.attempts, 1);
}

async fn many_hands_get_one_lease<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let stores = [bench.store.clone(), bench.other().await];
    let wishes = (0..16).map(|hand: usize| lease(&bench, &stores[hand % 2], "m-1", 0));
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

fn caller<D: Database>(bench: &Bench<D>) -> (LeaseConsumer<D, Caller>, Caller) {
    let handler = Caller::default();
    let consumer = LeaseConsumer::new(
        NAME,
        bench.store.clone(),
        handler.clone(),
        // What ends first is the lease, and never both in one moment.
        Config {
            deadline: 3 * LENGTH,
            ..config()
        },
        LENGTH,
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    (consumer, handler)
}

async fn a_leased_message_is_handled_once_and_published_with_its_end<D: Database>() {
    let bench = Bench::<D>::of_store().await;
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

async fn a_leased_message_that_fails_becomes_a_dead_letter<D: Database>() {
    let rows = [
        ("fail", Reason::RetriesExhausted, 3),
        ("panic", Reason::Panic, 3),
        ("fatal", Reason::Handler, 1),
    ];
    for (body, reason, attempts) in rows {
        let bench = Bench::<D>::of_store().await;
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

async fn what_is_down_gives_the_lease_back_at_once<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let (consumer, _) = caller(&bench);
    for _ in 0..5 {
        let settlement = consumer.process(message("m-1", "down")).await;
        assert!(matches!(settlement, Settlement::Pause { .. }));
    }
    assert_eq!(bench.letters().await.len(), 0);
}

async fn a_message_that_takes_its_process_along_is_not_tried_for_ever<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    // Three owners died without a word, before the start of the consumer's clock.
    let first = start() - Duration::from_secs(200);
    for died in 0..3 {
        let at = first + Duration::from_secs(60 * died);
        let fingerprint = Fingerprint::of(b"ok");
        let leased = bench.store.lease(key("m-1"), fingerprint, at, LENGTH).await;
        assert!(matches!(leased.unwrap(), Leased::Held(_)));
        bench.store.pass_time(Duration::from_secs(60)).await;
    }
    let (consumer, handler) = caller(&bench);
    assert_eq!(
        consumer.process(message("m-1", "ok")).await,
        Settlement::Ack(Done::Dead(Reason::RetriesExhausted))
    );
    assert_eq!(handler.called.lock().await.len(), 0);
}

async fn what_was_under_leases_is_handled_in_transactions_once_they_are_over<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let bodies = [("m-1", "ok"), ("m-2", "fail at first")];
    let mut leases = Vec::new();
    for (id, body) in bodies {
        let fingerprint = Fingerprint::of(body.as_bytes());
        let leased = bench.store.lease(key(id), fingerprint, start(), LENGTH);
        match leased.await.unwrap() {
            Leased::Held(lease) => leases.push(lease),
            other => panic!("{other:?}"),
        }
    }
    // The service was changed, and nobody comes back to finish under its lease.
    let contended = Settlement::Retry {
        after: Duration::ZERO,
        cause: RetryCause::Contended,
    };
    let early = bench.consumer(config());
    assert_eq!(early.process(message("m-1", "ok")).await, contended);
    let consumer = consumer_at(bench.store.clone(), config(), bench.at(31).await);
    consumer.handler().failures.store(1, Ordering::SeqCst);
    let failed = consumer.process(message("m-2", "fail at first")).await;
    assert!(
        matches!(
            failed,
            Settlement::Retry {
                cause: RetryCause::Failed,
                ..
            }
        ),
        "{failed:?}"
    );
    for ((id, body), lease) in bodies.into_iter().zip(leases) {
        for done in [Done::Handled, Done::Duplicate] {
            let settlement = consumer.process(message(id, body)).await;
            assert_eq!(settlement, Settlement::Ack(done));
        }
        let published = vec![message_of(id)];
        let late = bench.store.complete(&lease, published, after(32)).await;
        assert!(!late.unwrap(), "the lease is fenced");
    }
    assert_eq!(bench.effects().await, ["m-1", "m-2"]);
}

async fn a_handler_whose_lease_is_lost_is_stopped_and_not_acknowledged<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let (consumer, handler) = caller(&bench);
    let (settlement, ()) = tokio::join!(consumer.process(message("m-1", "lose")), async {
        while handler.called.lock().await.is_empty() {
            tokio::task::yield_now().await;
        }
        // Another owner, after whose clock the lease is over, takes the message; the next heartbeat finds out.
        let now = bench.at(31).await;
        let fingerprint = Fingerprint::of(b"lose");
        let other = bench.store.lease(key("m-1"), fingerprint, now, LENGTH);
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

#[tokio::test]
async fn a_lease_that_is_not_extended_in_time_is_lost_though_nobody_says_so() {
    let bench = Bench::new().await;
    let (consumer, handler) = caller(&bench);
    let clock = Clock::system();
    let work = async {
        let settlement = consumer.process(message("m-1", "lose")).await;
        (settlement, clock.now())
    };
    let ((settlement, end), begin) = tokio::join!(work, async {
        while handler.called.lock().await.is_empty() {
            tokio::task::yield_now().await;
        }
        // The store does not answer until long after the lease is over.
        let busy = bench.store.transaction(start()).await.unwrap();
        tokio::time::pause();
        let begin = clock.now();
        clock.sleep(2 * LENGTH).await;
        drop(busy);
        begin
    });
    assert!(
        matches!(
            settlement,
            Settlement::Retry {
                cause: RetryCause::Fenced,
                ..
            }
        ),
        "{settlement:?}"
    );
    let held = end.saturating_duration_since(begin);
    assert!(held <= LENGTH, "{held:?}");
}
