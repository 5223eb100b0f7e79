//! One subscription that carries several kinds of messages, each with a route of its own.

use std::{sync::atomic::Ordering, time::SystemTime};

use dovetail_messaging::{
    Message,
    consumer::{
        Config, Consumer, Dedupe, Delivery, Done, Identity, Order, RetryCause, Route, Settlement,
    },
    dead_letter::Reason,
    inbox::Position,
    replay::CONSUMER,
    transport::Kind,
};
use dovetail_resilience::{Chance, Clock};

use crate::support::{Bench, Database, Obedient, after, config, message, on_each_store, start};

on_each_store! {
    a_kind_without_a_route_is_for_others,
    a_kind_without_a_route_is_for_nobody_on_a_queue,
    what_is_no_event_is_a_dead_letter_at_once,
    a_key_keeps_its_order_across_kinds_and_each_message_its_name,
    a_parked_message_outlives_the_name_and_the_route_of_its_handler,
    an_offset_moves_past_what_is_for_others,
    an_identity_can_come_from_the_payload,
}

const HANDLED: Settlement = Settlement::Ack(Done::Handled);
const IGNORED: Settlement = Settlement::Ack(Done::Ignored);
const PARKED: Settlement = Settlement::Ack(Done::Parked);

fn routed<D: Database>(bench: &Bench<D>, routes: Vec<Route>) -> Consumer<D, Obedient> {
    routed_at(start(), bench, routes)
}

fn routed_at<D: Database>(
    now: SystemTime,
    bench: &Bench<D>,
    routes: Vec<Route>,
) -> Consumer<D, Obedient> {
    Consumer::of_routes(
        "billing/orders",
        bench.store.clone(),
        Obedient::default(),
        routes,
        Clock::pinned_at(now),
        Chance::seeded(1),
    )
}

fn both(config: &Config) -> Vec<Route> {
    vec![
        Route::of_kind("created", "billing/orders/charge", config.clone()),
        Route::of_kind("cancelled", "billing/orders/refund", config.clone()),
    ]
}

fn ordered() -> Config {
    Config {
        order: Some(Order::default()),
        ..config()
    }
}

async fn a_kind_without_a_route_is_for_others<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = routed(&bench, both(&config()));
    let rows = [
        (message("m-1", "ok").with_kind("created"), HANDLED),
        (message("m-2", "ok").with_kind("cancelled"), HANDLED),
        (message("m-3", "ok").with_kind("shipped"), IGNORED),
        (
            message("m-4", "ok"),
            Settlement::Ack(Done::Dead(Reason::Contract)),
        ),
        (
            Message::default(),
            Settlement::Ack(Done::Dead(Reason::IdMissing)),
        ),
    ];
    for (message, settlement) in rows {
        assert_eq!(
            consumer.process(message.clone()).await,
            settlement,
            "{message:?}"
        );
    }
    assert_eq!(bench.effects().await, ["m-1", "m-2"]);
    let names: Vec<_> = bench
        .letters()
        .await
        .into_iter()
        .map(|letter| letter.consumer)
        .collect();
    assert_eq!(names, ["billing/orders", "billing/orders"]);
}

async fn a_kind_without_a_route_is_for_nobody_on_a_queue<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = routed(&bench, both(&config()));
    let consumer = consumer.on(Kind::Queue, vec!["mailed".to_owned()]);
    let letter_of = |id, name: &str| {
        let mut letter = message(id, "ok").with_kind("created");
        letter.headers.push((CONSUMER.to_owned(), name.to_owned()));
        letter
    };
    let nobody = Settlement::Ack(Done::Dead(Reason::Contract));
    let rows = [
        (message("m-1", "ok").with_kind("created"), HANDLED),
        (message("m-2", "ok").with_kind("shipped"), nobody),
        (message("m-3", "ok").with_kind("mailed"), IGNORED),
        (letter_of("m-4", "billing/orders/charge"), HANDLED),
        (letter_of("m-5", "mail/orders/send"), nobody),
    ];
    for (message, settlement) in rows {
        assert_eq!(
            consumer.process(message.clone()).await,
            settlement,
            "{message:?}"
        );
    }
    let letters = bench.letters().await;
    assert_eq!(letters.len(), 2);
    assert!(letters[0].detail.contains("nothing handles"));
    assert_eq!(letters[0].consumer, "billing/orders");
}

async fn what_is_no_event_is_a_dead_letter_at_once<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = routed(&bench, both(&config()));
    let delivery = Delivery {
        problem: Some("it is no CloudEvents message".to_owned()),
        ..Delivery::from(Message::default())
    };
    assert_eq!(
        consumer.process(delivery).await,
        Settlement::Ack(Done::Dead(Reason::Decode))
    );
}

async fn a_key_keeps_its_order_across_kinds_and_each_message_its_name<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = routed(&bench, both(&ordered()));
    let created = |id, body| message(id, body).with_kind("created").with_key("o-1");
    let cancelled = |id| message(id, "ok").with_kind("cancelled").with_key("o-1");
    consumer.handler().failures.store(2, Ordering::SeqCst);
    assert_eq!(
        consumer.process(created("m-1", "fail at first")).await,
        PARKED
    );
    assert_eq!(consumer.process(cancelled("m-2")).await, PARKED);
    assert_eq!(consumer.drain(10).await.unwrap().waiting, 1);
    while consumer.drain(10).await.unwrap().handled > 0 {}
    assert_eq!(bench.effects().await, ["m-1", "m-2"]);

    assert_eq!(consumer.process(created("m-3", "fail")).await, PARKED);
    assert_eq!(consumer.process(cancelled("m-4")).await, PARKED);
    while consumer.drain(10).await.unwrap().waiting > 0 {}
    let letters: Vec<_> = bench
        .letters()
        .await
        .into_iter()
        .map(|letter| (letter.consumer, letter.reason))
        .collect();
    assert_eq!(
        letters,
        [
            ("billing/orders/charge".to_owned(), Reason::RetriesExhausted),
            ("billing/orders/refund".to_owned(), Reason::KeyBlocked),
        ]
    );
    assert_eq!(
        bench
            .count("SELECT count(*) FROM dovetail_parked_key")
            .await,
        0
    );
}

async fn a_parked_message_outlives_the_name_and_the_route_of_its_handler<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let before = routed(&bench, both(&ordered()));
    before.handler().failures.store(2, Ordering::SeqCst);
    let first = message("m-1", "fail at first").with_kind("created");
    let second = message("m-2", "fail at first").with_kind("cancelled");
    assert_eq!(before.process(first.with_key("a")).await, PARKED);
    assert_eq!(before.process(second.with_key("b")).await, PARKED);

    let renamed = Route::of_kind("created", "billing/orders/bill", ordered());
    let later = routed_at(after(1), &bench, vec![renamed]);
    let drained = later.drain(10).await.unwrap();
    assert_eq!((drained.handled, drained.dead), (1, 1));
    assert_eq!(bench.effects().await, ["m-1"]);
    let letters = bench.letters().await;
    assert_eq!(letters[0].consumer, "billing/orders/refund");
    assert_eq!(letters[0].reason, Reason::Contract);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_parked").await, 0);
}

async fn an_offset_moves_past_what_is_for_others<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let by_offset = Config {
        dedupe: Dedupe::Offset,
        ..config()
    };
    let routes = vec![
        Route::of_kind("created", "billing/orders/charge", by_offset),
        Route::of_kind("cancelled", "billing/orders/refund", config()),
    ];
    let consumer = routed(&bench, routes);
    let at = |offset, kind: &str| Delivery {
        position: Some(Position {
            topic: "orders".to_owned(),
            partition: 0,
            offset,
            expected: offset,
            began: offset,
        }),
        ..Delivery::from(message(&format!("m-{offset}"), "ok").with_kind(kind))
    };
    assert_eq!(consumer.process(at(1, "created")).await, HANDLED);
    let early = consumer.process(at(3, "shipped")).await;
    assert!(matches!(
        early,
        Settlement::Retry {
            cause: RetryCause::NotNext,
            ..
        }
    ));
    for (offset, kind, settlement) in [
        (2, "cancelled", HANDLED),
        (3, "shipped", IGNORED),
        (4, "created", HANDLED),
        (1, "created", Settlement::Ack(Done::Duplicate)),
    ] {
        assert_eq!(consumer.process(at(offset, kind)).await, settlement);
    }
    assert_eq!(bench.effects().await, ["m-1", "m-2", "m-4"]);
}

async fn an_identity_can_come_from_the_payload<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let config = Config {
        identity: Identity::Pointer("/payment/number".to_owned()),
        ..config()
    };
    let consumer = routed(&bench, vec![Route::of_all("billing/orders/charge", config)]);
    let body = |text: &str| Message {
        channel: "orders".to_owned(),
        body: text.to_owned().into(),
        ..Message::default()
    };
    let missing = Settlement::Ack(Done::Dead(Reason::IdMissing));
    let rows = [
        (r#"{"payment": {"number": 7}}"#, HANDLED),
        (
            r#"{"payment": {"number": 7}}"#,
            Settlement::Ack(Done::Duplicate),
        ),
        (
            r#"{"payment": {"number": 7}, "more": 1}"#,
            Settlement::Ack(Done::Dead(Reason::IdReuse)),
        ),
        (r#"{"payment": {"number": "8"}}"#, HANDLED),
        (r#"{"payment": {"number": null}}"#, missing),
        (r#"{"payment": {"number": ""}}"#, missing),
        ("{}", missing),
        ("{", Settlement::Ack(Done::Dead(Reason::Decode))),
    ];
    for (text, settlement) in rows {
        assert_eq!(consumer.process(body(text)).await, settlement, "{text}");
    }
    assert_eq!(bench.effects().await, ["7", "8"]);
}
