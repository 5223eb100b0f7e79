//! From contracts to a verified provider, and from a customer to a charged card, all over real sockets.

use std::path::Path;
use std::time::Duration;

use dovetail_messaging::Clock;
use dovetail_messaging::transport::{Subscription, Transport as _};
use shop::broker::Broker;
use shop::invoicing::Invoicing;
use shop::orders::Orders;

use crate::command::{Ended, dovetail, root};
use crate::services::{in_memory, payments, payments_saying, ready, serve, users, work};

const TOKEN: [&str; 2] = ["--header", "Authorization: Bearer demo-token"];

fn verify(target: &str, more: &[&str]) -> Ended {
    let mut args = vec!["verify", "--provider", "payments", "--target", target];
    args.extend(TOKEN);
    args.extend(more);
    dovetail(&root(), &args)
}

#[test]
fn every_consumer_contract_is_verified() {
    let (users, payments) = (users(), payments());
    let reports = tempfile::tempdir().unwrap();
    let path = |name: &str| reports.path().join(name);
    let (json, junit) = (
        format!("json={}", path("r.json").display()),
        format!("junit={}", path("r.xml").display()),
    );
    let targets = [
        format!("users={}", users.url),
        format!("payments={}", payments.url),
    ];
    let mut args = vec![
        "verify",
        "--target",
        &targets[0],
        "--target",
        &targets[1],
        "--output",
        &json,
        "--output",
        &junit,
    ];
    args.extend(TOKEN);
    let ended = dovetail(&root(), &args);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&read(&path("r.json"))).unwrap();
    assert_eq!(report["verdict"], "passed");
    assert_eq!(report["interactions"].as_array().unwrap().len(), 7);
    assert_eq!(read(&path("r.xml")).matches("<testcase").count(), 7);
    for text in [
        &ended.stdout,
        &ended.stderr,
        &read(&path("r.json")),
        &read(&path("r.xml")),
    ] {
        assert!(!text.contains("demo-token"), "a secret was shown: {text}");
    }
}

#[test]
fn a_wrong_type_is_shown_at_its_path_and_at_the_contracts_line() {
    let payments = payments_saying("\"amount\":1000", "\"amount\":\"1000\"");
    let ended = verify(&payments.url, &[]);
    assert_eq!(ended.exit, 1, "{}{}", ended.stdout, ended.stderr);
    for needle in [
        "$.amount",
        "orders/expects/payments.yaml:38:25",
        "integer",
        "curl",
        "<redacted>",
    ] {
        assert!(ended.stdout.contains(needle), "{needle}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("demo-token"));
}

#[test]
fn each_way_to_end_has_its_own_exit_code() {
    let payments = payments();
    let stopped = {
        let gone = serve(axum::Router::new());
        gone.url.clone()
    };
    assert_eq!(verify(&payments.url, &[]).exit, 0);
    assert_eq!(
        verify(&payments.url, &["--filter", "no such thing"]).exit,
        4
    );
    assert_eq!(verify(&payments.url, &["--consumer", "users"]).exit, 4);
    assert_eq!(verify(&stopped, &[]).exit, 5);
    assert_eq!(verify("http://192.0.2.1:80", &[]).exit, 8);
    assert_eq!(verify("http://example.org", &[]).exit, 8);
    assert_eq!(verify("ftp://127.0.0.1", &[]).exit, 2);
    assert_eq!(verify("http://u:p@127.0.0.1", &[]).exit, 2);
    let no_target = dovetail(&root(), &["verify", "--provider", "payments"]);
    assert_eq!(no_target.exit, 2, "{}", no_target.stderr);
    assert!(
        no_target.stderr.contains("--target"),
        "{}",
        no_target.stderr
    );
}

#[test]
fn a_provider_that_cannot_set_up_its_states_proves_nothing() {
    let without_states = serve(in_memory().router(false));
    let ended = verify(&without_states.url, &[]);
    assert_eq!(ended.exit, 5, "{}", ended.stdout);
}

#[test]
fn an_order_goes_through_all_services_and_has_one_invoice_though_all_is_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.db");
    let broker = || Broker::embedded(&file).unwrap().with_doubles(true);
    let users = users();
    let payments = in_memory();
    let invoicing = ready(Invoicing::open(None));
    let _paying = work(payments.runner(broker()));
    let _invoicing = work(invoicing.runner(broker()));
    let payments = serve(payments.router(false));
    let (users_client, payments_client) =
        shop::orders::clients(&users.url, &payments.url, shop::payments::TOKEN).unwrap();
    let opening = Orders::open(None, users_client, payments_client, shop::system_time);
    let orders = ready(opening);
    let _ordering = work(orders.runner(broker()));
    let orders = serve(orders.router());
    let told = ready(shop::customer::visit(&orders.url, &users.url));
    assert_eq!(
        told,
        [
            "users     registered Grace as u-1",
            "orders    took an order of 2 lines: 42.30 EUR",
            "payments  charged for it once: p-1, and the order was placed",
            "payments  told that the money came, and the order is paid",
        ]
    );
    // Both deliveries are decided before anybody counts.
    let subscription = Subscription {
        channel: "orders".to_owned(),
        group: "invoicing/orders".to_owned(),
    };
    let broker = broker();
    let counted = ready(async {
        loop {
            let waiting = broker.backlog(&subscription).await.unwrap().unwrap();
            match invoicing.count().await {
                Ok((count, _)) if count == 0 || waiting > 0 => {}
                counted => return counted,
            }
            Clock::system().sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(counted, (1, 1));
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
