//! What Prometheus would read of consumers and relays that really ran.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use dovetail_messaging::{
    Message,
    consumer::{
        Config, Consumer, Done, Handler, HandlerError, Held, LeaseConsumer, Order, Pace, Rejection,
        Route, Settlement, run,
    },
    metrics::{ALL, Form, LagObserver, Observer, Page},
    outbox::{self, PublishError, Publisher, Relay},
    replay::CONSUMER,
    store::sqlite::Sqlite,
    transport::{Channel, Kind, Subscription, Transport, embedded::Embedded},
};
use dovetail_resilience::{Chance, Clock};

use crate::support::{Bench, Obedient, after, config, message, start};

const SCOPE: &str = "billing/orders";
const CHARGE: &str = "billing/orders/charge";

fn routes(config: &Config) -> Vec<Route> {
    vec![Route::of_kind("created", CHARGE, config.clone())]
}

fn consumer(bench: &Bench, config: &Config, now: SystemTime) -> Consumer<Sqlite, Obedient> {
    Consumer::of_routes(
        SCOPE,
        bench.store.clone(),
        Obedient::default(),
        routes(config),
        Clock::pinned_at(now),
        Chance::seeded(1),
    )
}

fn created(id: &str, body: &str) -> Message {
    message(id, body).with_kind("created")
}

/// The value of a series, by what stands before it.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let Some(value) = line.and_then(|rest| rest.strip_prefix(' ')) else {
        panic!("there is no `{series}` in\n{text}");
    };
    value.parse().unwrap()
}

/// Counts have to be exact; of times only the least is known, since clocks go on meanwhile.
#[track_caller]
fn check(text: &str, series: &[(&str, f64)]) {
    for (name, expected) in series {
        let found = value(text, name);
        let is_time = name.contains("_seconds{") || name.contains("_seconds_sum{");
        let slack = if is_time { 1_200.0 } else { 0.0 };
        let is_right = found >= *expected && found <= *expected + slack;
        assert!(is_right, "{name}: {found}\n{text}");
    }
}

/// Has `promtool` look at a page, where it is installed.
fn promtool(text: &str) {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        assert!(
            std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
            "promtool is not installed, and it must not be skipped"
        );
        #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
        {
            eprintln!("skipped: promtool is not installed");
        }
        return;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        ended.status.success() && said.trim().is_empty(),
        "{said}\n{text}"
    );
}

/// What shares a transaction is counted as if each had its own.
#[tokio::test]
async fn each_message_of_a_batch_is_counted() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let consumer = consumer(&bench, &config(), start());
    let of = |ids: &[(&str, &str)]| {
        let all = ids.iter().map(|(id, body)| created(id, body).into());
        all.collect::<Vec<_>>()
    };
    consumer
        .process_batch(of(&[
            ("m-1", "ok"),
            ("m-2", "ok"),
            ("m-1", "ok"),
            ("m-3", "fatal"),
        ]))
        .await;
    consumer
        .process_batch(of(&[("m-4", "ok"), ("m-5", "down"), ("m-6", "ok")]))
        .await;
    let outcome = |outcome| {
        format!(
            "dovetail_inbox_outcomes_total{{consumer=\"{CHARGE}\",kind=\"created\",outcome=\"{outcome}\"}}"
        )
    };
    let text = page.render();
    for (name, count) in [
        ("processed", 2.0),
        ("duplicate", 1.0),
        ("dead", 1.0),
        ("paused", 3.0),
    ] {
        check(&text, &[(&outcome(name), count)]);
    }
}

/// Of a dead letter that was sent again, what came of it counts, once.
#[tokio::test]
async fn what_is_sent_again_is_counted_by_what_came_of_it() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let consumer = consumer(&bench, &config(), start());
    let again = |id, body, of: &str| {
        let mut message = created(id, body);
        message.headers.push((CONSUMER.to_owned(), of.to_owned()));
        message
    };
    for message in [
        again("m-1", "ok", CHARGE),
        again("m-1", "ok", CHARGE),
        again("m-2", "fatal", CHARGE),
        again("m-3", "ok", "mail/orders/notify"),
        created("m-4", "fatal"),
    ] {
        consumer.process(message).await;
    }
    let text = page.render();
    let replayed = |outcome: &str| {
        let name = "dovetail_dlq_replayed_total";
        value(
            &text,
            &format!("{name}{{consumer=\"{CHARGE}\",outcome=\"{outcome}\"}}"),
        )
    };
    assert_eq!((replayed("succeeded"), replayed("failed")), (2.0, 1.0));
}

/// Published, consumed, relayed, observed: every metric says what happened, and what Prometheus reads is sound.
#[tokio::test]
async fn a_run_of_a_consumer_is_a_sound_page() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let broker = Embedded::new(
        bench.store.clone(),
        Duration::from_secs(60),
        Clock::pinned_at(start()),
    );
    for (channel, kind) in [("orders", Kind::Topic), ("charges", Kind::Queue)] {
        broker.declare(&Channel::new(channel, kind)).await.unwrap();
    }
    let subscription = Subscription {
        channel: "orders".to_owned(),
        group: SCOPE.to_owned(),
    };
    broker.subscribe(&subscription).await.unwrap();
    let mut sent = created("m-1", "ok");
    sent.headers
        .push(("time".to_owned(), "2027-01-15T07:59:58Z".to_owned()));
    for one in [
        &sent,
        &sent,
        &created("m-2", "invalid"),
        &created("m-3", "fatal"),
        &message("m-4", "ok").with_kind("shipped"),
        &message("m-5", "ok"),
    ] {
        broker.publish(one).await.unwrap();
    }
    let lag = LagObserver::new(
        broker.clone(),
        vec![subscription.clone()],
        Clock::pinned_at(start()),
    );
    lag.observe().await.unwrap();
    check(
        &page.render(),
        &[("dovetail_consumer_lag{consumer=\"billing/orders\"}", 6.0)],
    );
    consume_all(&bench, &broker, &subscription).await;
    lag.observe().await.unwrap();
    let observer = Observer::new("billing", bench.store.clone(), Clock::pinned_at(after(300)));
    let observer = observer
        .watching(SCOPE, &routes(&config()))
        .publishing("charges");
    observer.observe().await.unwrap();
    let before = page.render();
    check(
        &before,
        &[
            ("dovetail_outbox_pending{outbox=\"billing\"}", 1.0),
            (
                "dovetail_outbox_oldest_age_seconds{outbox=\"billing\"}",
                90.0,
            ),
        ],
    );
    relay_all(&bench, broker.clone()).await;
    observer.observe().await.unwrap();
    let text = page.render();
    check(&text, &AFTER_A_RUN);
    let time =
        "dovetail_critical_time_seconds_sum{consumer=\"billing/orders/charge\",kind=\"created\"}";
    check(&text, &[(time, 2.0)]);
    promtool(&text);
    for metric in ALL {
        let is_silent = metric.form == Form::Histogram && !text.contains(&metric.prometheus());
        let described = format!("# HELP {} {}", metric.prometheus(), metric.help);
        assert!(
            is_silent || text.contains(&described),
            "{described}\n{text}"
        );
    }
    for secret in ["m-1", "m-2", "no such account", "amount"] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}

const AFTER_A_RUN: [(&str, f64); 20] = [
    (
        "messaging_client_consumed_messages_total{consumer=\"billing/orders/charge\",kind=\"created\",messaging_consumer_group_name=\"billing/orders\",messaging_destination_name=\"orders\",messaging_operation_name=\"process\",messaging_system=\"dovetail\"}",
        4.0,
    ),
    (
        "messaging_process_duration_seconds_count{consumer=\"billing/orders/charge\",kind=\"created\",messaging_consumer_group_name=\"billing/orders\",messaging_destination_name=\"orders\",messaging_operation_name=\"process\",messaging_system=\"dovetail\"}",
        1.0,
    ),
    (
        "messaging_process_duration_seconds_count{consumer=\"billing/orders/charge\",error_type=\"dead\",kind=\"created\",messaging_consumer_group_name=\"billing/orders\",messaging_destination_name=\"orders\",messaging_operation_name=\"process\",messaging_system=\"dovetail\"}",
        2.0,
    ),
    (
        "messaging_client_operation_duration_seconds_count{messaging_consumer_group_name=\"billing/orders\",messaging_destination_name=\"orders\",messaging_operation_name=\"settle\",messaging_system=\"dovetail\"}",
        6.0,
    ),
    (
        "messaging_client_sent_messages_total{messaging_destination_name=\"charges\",messaging_operation_name=\"publish\",messaging_system=\"dovetail\"}",
        1.0,
    ),
    (
        "dovetail_inbox_outcomes_total{consumer=\"billing/orders/charge\",kind=\"created\",outcome=\"processed\"}",
        1.0,
    ),
    (
        "dovetail_inbox_outcomes_total{consumer=\"billing/orders/charge\",kind=\"created\",outcome=\"duplicate\"}",
        1.0,
    ),
    (
        "dovetail_inbox_outcomes_total{consumer=\"billing/orders/charge\",kind=\"created\",outcome=\"dead\"}",
        2.0,
    ),
    (
        "dovetail_inbox_outcomes_total{consumer=\"billing/orders\",outcome=\"ignored\"}",
        1.0,
    ),
    (
        "dovetail_dlq_enqueued_total{consumer=\"billing/orders/charge\",kind=\"created\",reason=\"contract\"}",
        1.0,
    ),
    (
        "dovetail_dlq_enqueued_total{consumer=\"billing/orders/charge\",kind=\"created\",reason=\"handler\"}",
        1.0,
    ),
    (
        "dovetail_dlq_enqueued_total{consumer=\"billing/orders/charge\",kind=\"created\",reason=\"panic\"}",
        0.0,
    ),
    (
        "dovetail_dlq_messages{consumer=\"billing/orders/charge\",kind=\"created\",reason=\"contract\"}",
        1.0,
    ),
    (
        "dovetail_dlq_messages{consumer=\"billing/orders\",reason=\"contract\"}",
        1.0,
    ),
    (
        "dovetail_dlq_messages{consumer=\"outbox/charges\",reason=\"publish_rejected\"}",
        0.0,
    ),
    (
        "dovetail_dlq_oldest_age_seconds{consumer=\"billing/orders/charge\",kind=\"created\"}",
        90.0,
    ),
    (
        "dovetail_dlq_replayed_total{consumer=\"billing/orders/charge\",outcome=\"failed\"}",
        0.0,
    ),
    (
        "dovetail_consumer_paused{cause=\"handling\",consumer=\"billing/orders\"}",
        0.0,
    ),
    ("dovetail_consumer_lag{consumer=\"billing/orders\"}", 0.0),
    ("dovetail_outbox_pending{outbox=\"billing\"}", 0.0),
];

async fn consume_all(bench: &Bench, broker: &Embedded, subscription: &Subscription) {
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let pace = Pace {
        concurrency: 1,
        batch: 1,
        wait: Duration::from_millis(20),
        ..Pace::default()
    };
    let running = run(
        broker.clone(),
        subscription.clone(),
        Arc::new(consumer(bench, &config(), start())),
        pace,
        Clock::pinned_at(start()),
        async move {
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        },
    );
    let watch = async {
        while broker.backlog(subscription).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
    };
    tokio::join!(running, watch);
}

async fn relay_all<P: Publisher>(bench: &Bench, publisher: P) -> outbox::Turn {
    let relay = Relay::new(
        bench.store.clone(),
        publisher,
        outbox::Config::default(),
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    relay.turn().await.unwrap()
}

/// Never takes anything.
struct Refusing;

impl Publisher for Refusing {
    fn system(&self) -> &'static str {
        "rabbitmq"
    }

    async fn publish(&self, _: &Message) -> Result<(), PublishError> {
        Err(PublishError::Rejected("it is too large".to_owned()))
    }
}

#[tokio::test]
async fn what_the_broker_rejects_is_counted_as_a_dead_letter_of_its_channel() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    bench.consumer(config()).process(message("m-1", "ok")).await;
    assert_eq!(relay_all(&bench, Refusing).await.rejected, 1);
    check(
        &page.render(),
        &[
            (
                "dovetail_dlq_enqueued_total{consumer=\"outbox/charges\",reason=\"publish_rejected\"}",
                1.0,
            ),
            (
                "messaging_client_sent_messages_total{error_type=\"rejected\",messaging_destination_name=\"charges\",messaging_operation_name=\"publish\",messaging_system=\"rabbitmq\"}",
                1.0,
            ),
        ],
    );
}

#[tokio::test]
async fn a_consumer_is_paused_until_something_works() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let consumer = consumer(&bench, &config(), start());
    let paused = "dovetail_consumer_paused{cause=\"handling\",consumer=\"billing/orders\"}";
    // A consumer says that it runs before its first message.
    for (message, expected) in [
        (created("m-1", "ok"), 0.0),
        (created("m-2", "down"), 1.0),
        (created("m-3", "fail"), 1.0),
        (message("m-4", "ok").with_kind("shipped"), 1.0),
        (created("m-1", "ok"), 0.0),
    ] {
        consumer.process(message).await;
        check(&page.render(), &[(paused, expected)]);
    }
    check(
        &page.render(),
        &[(
            "dovetail_retry_scheduled_total{consumer=\"billing/orders/charge\",kind=\"created\",tier=\"seconds\"}",
            1.0,
        )],
    );
}

#[tokio::test]
async fn parked_messages_are_counted_when_they_are_put_aside_and_when_they_end() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let ordered = Config {
        order: Some(Order::default()),
        attempts_max: 2,
        ..config()
    };
    let consumer = consumer(&bench, &ordered, start());
    consumer.handler().failures.store(1, Ordering::SeqCst);
    for one in [
        created("m-1", "fail at first").with_key("a"),
        created("m-2", "ok").with_key("a"),
        created("m-3", "fail").with_key("b"),
        created("m-4", "ok").with_key("b"),
    ] {
        let settlement = consumer.process(one).await;
        assert_eq!(settlement, Settlement::Ack(Done::Parked));
    }
    for _ in 0..3 {
        consumer.drain(10).await.unwrap();
    }
    let labels = "consumer=\"billing/orders/charge\",kind=\"created\"";
    let text = page.render();
    let of = |name: &str, label: &str| value(&text, &format!("{name}{{{labels}{label}}}"));
    let counts = [
        of("dovetail_key_parked_total", ""),
        of("dovetail_inbox_outcomes_total", ",outcome=\"processed\""),
        of(
            "dovetail_dlq_enqueued_total",
            ",reason=\"retries_exhausted\"",
        ),
        of("dovetail_dlq_enqueued_total", ",reason=\"key_blocked\""),
    ];
    assert_eq!(counts.map(|count| count.to_string()), ["4", "2", "1", "1"]);
}

/// Does nothing, and that well.
struct Idle;

impl Handler<Held> for Idle {
    type Event = ();

    fn decode(&self, _: &Message) -> Result<(), Rejection> {
        Ok(())
    }

    async fn handle(&self, _: &mut Held, (): (), _: &Message) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[tokio::test]
async fn consumers_under_a_lease_count_alike() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let consumer = LeaseConsumer::of_routes(
        SCOPE,
        bench.store.clone(),
        Idle,
        routes(&config()),
        Duration::from_secs(30),
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    for _ in 0..2 {
        consumer.process(created("m-1", "ok")).await;
    }
    let labels = "consumer=\"billing/orders/charge\",kind=\"created\"";
    check(
        &page.render(),
        &[
            (
                &format!("dovetail_inbox_outcomes_total{{{labels},outcome=\"processed\"}}"),
                1.0,
            ),
            (
                &format!("dovetail_inbox_outcomes_total{{{labels},outcome=\"duplicate\"}}"),
                1.0,
            ),
        ],
    );
}

#[tokio::test]
async fn a_message_from_the_future_says_that_clocks_disagree() {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let bench = Bench::new().await;
    let mut early = created("m-1", "ok");
    early
        .headers
        .push(("time".to_owned(), "2027-01-15T09:00:00+01:00".to_owned()));
    let mut late = created("m-2", "ok");
    late.headers
        .push(("time".to_owned(), "2027-01-16T08:00:01Z".to_owned()));
    let consumer = consumer(&bench, &config(), start());
    consumer.process(early).await;
    consumer.process(late).await;
    check(
        &page.render(),
        &[(
            "dovetail_clock_skewed_total{consumer=\"billing/orders/charge\"}",
            1.0,
        )],
    );
}

/// Nobody installed a recorder: nothing is counted, and nothing breaks.
#[tokio::test]
async fn without_a_recorder_messages_are_handled_alike() {
    let bench = Bench::new().await;
    let consumer = consumer(&bench, &config(), start());
    let settlement = consumer.process(created("m-1", "ok")).await;
    assert_eq!(settlement, Settlement::Ack(Done::Handled));
    let observer = Observer::new("billing", bench.store.clone(), Clock::pinned_at(start()));
    observer.observe().await.unwrap();
}
