//! The same at PostgreSQL: the command speaks to it as it does to a file.

use std::path::Path;

use dovetail_messaging::dead_letter::{Burial, Reason};
use dovetail_messaging::store::Store as _;
use dovetail_messaging::store::postgres::deadpool_postgres::{Manager, Pool};
use dovetail_messaging::store::postgres::tokio_postgres::{Client, Config, NoTls};
use dovetail_messaging::store::postgres::{Options, Postgres};
use serde_json::{Value, json};

use super::{CONSUMER, message, now};
use crate::command::{Ended, dovetail};

const URL: &str = "DOVETAIL_POSTGRES_URL";

/// A schema of its own, and how commands are told of it.
struct Schema {
    folder: tempfile::TempDir,
    client: Client,
    url: String,
}

impl Schema {
    /// None where there is no server, which is said loudly.
    async fn new(name: &str) -> Option<Self> {
        let Ok(url) = std::env::var(URL) else {
            assert!(
                std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
                "{URL} names no database, and it must not be skipped"
            );
            #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
            {
                eprintln!("skipped: {URL} names no database");
            }
            return None;
        };
        let name = format!("dovetail_command_{}_{name}", std::process::id());
        let (client, connection) = url.parse::<Config>().unwrap().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = format!(
            "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}; SET search_path = {name}"
        );
        client.batch_execute(&sql).await.unwrap();
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}options=-csearch_path%3D{name}");
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            client,
            url,
        })
    }

    fn run(&self, args: &[&str]) -> Ended {
        let all = [args, &["--store", &self.url, "--as", "ada"]].concat();
        dovetail(self.folder.path(), &all)
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--format", "json"]].concat());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{args:?}: {ended:?}"))
    }

    async fn drop(self) {
        let sql = "DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() || ' CASCADE'; END $$";
        self.client.batch_execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn tables_are_made_by_the_command_or_by_its_statements() {
    let Some(schema) = Schema::new("made").await else {
        return;
    };
    let none = schema.run(&["dead-letters", "list"]);
    assert!(none.stderr.contains("messaging migrate"), "{}", none.stderr);
    let made = schema.run(&["messaging", "migrate"]);
    assert!(made.stdout.ends_with("before, none\n"), "{made:?}");
    let Some(printed) = Schema::new("printed").await else {
        return;
    };
    let script = printed.run(&["messaging", "migrate", "--print-sql"]);
    assert_eq!(script.exit, 0, "{}", script.stderr);
    printed.client.batch_execute(&script.stdout).await.unwrap();
    for one in [&schema, &printed] {
        let again = one.run(&["messaging", "migrate"]);
        assert!(again.stdout.ends_with("already\n"), "{again:?}");
        assert_eq!(one.run(&["dead-letters", "list"]).exit, 4);
    }
    schema.drop().await;
    printed.drop().await;
}

#[tokio::test]
async fn letters_are_looked_after() {
    let Some(schema) = Schema::new("letters").await else {
        return;
    };
    assert_eq!(schema.run(&["messaging", "migrate"]).exit, 0);
    let manager = Manager::new(schema.url.parse().unwrap(), NoTls);
    let pool = Pool::builder(manager).max_size(2).build().unwrap();
    let store = Postgres::new(pool, Options::default());
    for id in 1..=4 {
        let burial = Burial {
            consumer: CONSUMER.to_owned(),
            message: message(&format!("m-{id}"), "{}"),
            reason: Reason::Contract,
            detail: "/amount is missing".to_owned(),
            contract: None,
            at: now(),
        };
        store.bury(burial, None).await.unwrap();
    }
    assert_eq!(schema.json(&["dead-letters", "list"])["count"], 4);
    let groups = schema.json(&["dead-letters", "group", "--by", "detail"]);
    assert_eq!(groups["groups"][0]["count"], 4);
    let discarded = schema.run(&["dead-letters", "discard", "1", "99", "--yes"]);
    assert_eq!(discarded.exit, 0, "{}", discarded.stderr);
    assert!(discarded.stderr.contains("99"), "{}", discarded.stderr);
    let edit = ["dead-letters", "edit", "2", "--set", "subject=us", "--yes"];
    assert_eq!(schema.run(&edit).exit, 0);
    let shown = schema.json(&["dead-letters", "show", "2"]);
    assert_eq!(shown["state"], "resolved");
    let replay = [
        "dead-letters",
        "replay",
        "--since",
        "1h",
        "--yes",
        "--settle",
        "100ms",
    ];
    let paused = schema.run(&replay);
    assert_eq!(paused.exit, 7, "nobody handles it: {paused:?}");
    let same = schema.run(&[&replay[..], &["--rate", "7"]].concat());
    assert!(same.stderr.contains("--rate 50"), "{}", same.stderr);
    let status = schema.json(&["outbox", "status"]);
    assert_eq!(
        (&status["pending"], &status["blocked"]),
        (&json!(2), &json!(0))
    );
    let audit = schema.json(&["dead-letters", "audit"]);
    let actions: Vec<&Value> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["discard", "edit", "start", "replay", "pause"]);
    drop(store);
    schema.drop().await;
}

#[test]
fn an_address_is_never_repeated() {
    for address in [
        "postgres://ada:hunter2@127.0.0.1:1/shop",
        "postgres://ada:hunter2@127.0.0.1:1/shop?sslmode=require",
        "env:postgres://ada:hunter2@127.0.0.1:1/shop",
    ] {
        let ended = dovetail(Path::new("."), &["outbox", "status", "--store", address]);
        assert!(
            ended.exit != 0 && !ended.stderr.contains("hunter2"),
            "{ended:?}"
        );
    }
}
