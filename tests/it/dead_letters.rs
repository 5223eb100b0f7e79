//! `dovetail dead-letters`, `outbox` and `messaging`: looking after the messages of a running system as its operators do.

#[cfg(feature = "postgres")]
mod postgres;
mod replays;

use std::path::Path;
use std::time::SystemTime;

use dovetail_messaging::dead_letter::{Burial, Filter, Reason, State};
use dovetail_messaging::store::sqlite::{Options, Sqlite};
use dovetail_messaging::store::{DeadLetters, Outbox, Store};
use dovetail_messaging::{Clock, Message};
use serde_json::{Value, json};

use crate::command::{Ended, dovetail};

const CONSUMER: &str = "billing/orders/charge";

/// A service with its file.
struct Service {
    folder: tempfile::TempDir,
    store: Sqlite,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path().join("shop.db"), Options::default(), now()).unwrap();
        Self { folder, store }
    }

    /// Runs the command on its store.
    fn run(&self, args: &[&str]) -> Ended {
        let mut all = args.to_vec();
        all.extend(["--store", "sqlite:shop.db", "--as", "ada"]);
        dovetail(self.folder.path(), &all)
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["--format", "json"]);
        let ended = self.run(&all);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{args:?}: {ended:?}"))
    }

    async fn bury(&self, message: Message, reason: Reason, detail: &str) {
        let burial = Burial {
            consumer: CONSUMER.to_owned(),
            message,
            reason,
            detail: detail.to_owned(),
            contract: None,
            at: now(),
        };
        self.store.bury(burial, None).await.unwrap();
    }

    /// Letters that the consumer can handle by now.
    async fn letters(&self, count: u32) {
        for id in 0..count {
            let message = message(&format!("m-{id}"), r#"{"amount":5}"#);
            self.bury(message, Reason::RetriesExhausted, "the database is away")
                .await;
        }
    }

    async fn open(&self) -> u64 {
        let filter = Filter {
            state: Some(State::Open),
            ..Filter::default()
        };
        self.store.tally(filter).await.unwrap().count
    }
}

fn now() -> SystemTime {
    Clock::system().wall()
}

fn message(id: &str, body: &str) -> Message {
    Message {
        headers: vec![("subject".to_owned(), "eu".to_owned())],
        ..Message::new("orders", "shop", id, body.to_owned()).with_kind("order.created")
    }
}

#[tokio::test]
async fn letters_are_listed_grouped_and_filtered() {
    let service = Service::new();
    service.letters(2).await;
    let priced = message("m-9", "{}").with_kind("order.priced");
    service
        .bury(priced, Reason::Contract, "/amount is missing")
        .await;
    let list = service.json(&["dead-letters", "list", "--limit", "2"]);
    assert_eq!((&list["count"], &list["next"]), (&json!(3), &json!(2)));
    assert_eq!(list["letters"][0]["id"], "m-0");
    assert_eq!(list["letters"][0]["body_bytes"], 12);
    let rest = service.run(&["dead-letters", "list", "--after", "2"]);
    assert_eq!(rest.exit, 0);
    let head = rest.stdout.lines().next().unwrap();
    let words: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "NUMBER", "FIRST", "STATE", "REASON", "CONSUMER", "KIND", "ID", "TRIES", "DETAIL"
        ]
    );
    assert!(
        rest.stdout.contains("/amount is missing"),
        "{}",
        rest.stdout
    );
    let filters: [(&[&str], u64); 6] = [
        (&["--reason", "contract"], 1),
        (&["--filter", "type LIKE 'order.%' AND subject = 'eu'"], 3),
        (&["--filter", "id = 'm-1'", "--kind", "order.created"], 1),
        (&["--since", "1h"], 3),
        (&["--replayable=false"], 0),
        (&["--state", "discarded"], 0),
    ];
    for (flags, count) in filters {
        let args = [&["dead-letters", "list"], flags].concat();
        assert_eq!(service.json(&args)["count"], count, "{flags:?}");
        let exit = service.run(&args).exit;
        assert_eq!(exit, if count == 0 { 4 } else { 0 }, "{flags:?}");
    }
    let groups = service.json(&["dead-letters", "group", "--by", "kind"]);
    let names: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["name"], &group["count"]))
        .collect();
    assert_eq!(
        names,
        [
            (&json!("order.created"), &json!(2)),
            (&json!("order.priced"), &json!(1))
        ]
    );
}

#[tokio::test]
async fn what_strangers_wrote_is_shown_without_effect_and_without_secrets() {
    let service = Service::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{202e}::error::x\n::set-output name=a::b";
    let body = format!(r#"{{"password":"hunter2","name":{}}}"#, json!(hostile));
    let message = Message {
        kind: Some(hostile.to_owned()),
        key: Some(hostile.to_owned()),
        channel: hostile.to_owned(),
        headers: vec![
            ("authorization".to_owned(), "Bearer abcdef123456".to_owned()),
            (format!("x{hostile}"), hostile.to_owned()),
        ],
        ..message(&format!("::error::{hostile}"), &body)
    };
    service
        .bury(
            message,
            Reason::Handler,
            &format!("{hostile} password=hunter3"),
        )
        .await;
    service.run(&["dead-letters", "note", "1", hostile]);
    let safe = |ended: &Ended| {
        for text in [&ended.stdout, &ended.stderr] {
            let acts =
                |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
            assert!(!text.contains(acts), "{text:?}");
            assert!(
                !text.lines().any(|line| line.trim_start().starts_with("::")),
                "{text}"
            );
            for secret in ["hunter2", "hunter3", "abcdef123456"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    };
    let rows: [&[&str]; 8] = [
        &["list"],
        &["show", "1"],
        &["show", "1", "--payload"],
        &["group", "--by", "kind"],
        &["group", "--by", "detail"],
        &["audit"],
        &["discard", "--kind", hostile],
        &["edit", "1", "--set", "subject=x"],
    ];
    for args in rows {
        for format in ["human", "json"] {
            let args = [&["dead-letters"], args, &["--format", format]].concat();
            safe(&service.run(&args));
        }
    }
    let shown = service.run(&["dead-letters", "show", "1"]);
    assert!(
        !shown.stdout.contains("password\""),
        "hidden unless asked: {}",
        shown.stdout
    );
    let shown = service.json(&["dead-letters", "show", "1", "--payload"]);
    assert_eq!(
        shown["payload"]["json"]["name"], hostile,
        "to programs it says what it is"
    );
    assert_eq!(shown["payload"]["json"]["password"], "<redacted>");
    // To a file it goes byte for byte, and over nothing that is there.
    let saved = service.run(&["dead-letters", "show", "1", "--payload-to", "body.json"]);
    assert_eq!(saved.exit, 0, "{}", saved.stderr);
    assert_eq!(
        std::fs::read_to_string(service.folder.path().join("body.json")).unwrap(),
        body
    );
    assert_eq!(
        service
            .run(&["dead-letters", "show", "1", "--payload-to", "body.json"])
            .exit,
        5
    );
}

#[tokio::test]
async fn nothing_is_changed_unless_it_is_said_clearly() {
    let service = Service::new();
    service.letters(3).await;
    let rows: [(&[&str], i32, &str); 16] = [
        (&["dead-letters", "replay"], 2, "say which"),
        (&["dead-letters", "replay", "--all"], 8, "3 dead letters"),
        (&["dead-letters", "replay", "99"], 4, "no open dead letter"),
        (&["dead-letters", "discard"], 2, "say which"),
        (&["dead-letters", "discard", "1"], 8, "--yes"),
        (
            &["dead-letters", "edit", "1", "--set", "subject=us"],
            8,
            "--yes",
        ),
        (
            &["dead-letters", "edit", "1", "--set", "id=2", "--yes"],
            8,
            "cannot be edited",
        ),
        (
            &["dead-letters", "edit", "1", "--yes"],
            2,
            "nothing is edited",
        ),
        (
            &["dead-letters", "edit", "99", "--set", "a=b", "--yes"],
            4,
            "no dead letter 99",
        ),
        (&["dead-letters", "purge", "--older-than", "1d"], 8, "--yes"),
        (
            &["dead-letters", "restore", "1"],
            4,
            "no dead letter was opened",
        ),
        (&["dead-letters", "resume", "7"], 4, "no replay 7"),
        (
            &["dead-letters", "list", "--reason", "because"],
            2,
            "`retries_exhausted`",
        ),
        (&["dead-letters", "list", "--filter", "id ="], 2, "no CESQL"),
        (&["dead-letters", "list", "--since", "soon"], 2, "no time"),
        (&["outbox", "replay", "--since", "1h"], 8, "--yes"),
    ];
    for (args, exit, needle) in rows {
        let ended = service.run(args);
        assert_eq!(ended.exit, exit, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(needle), "{args:?}: {}", ended.stderr);
    }
    assert_eq!(service.open().await, 3);
    assert_eq!(service.store.pending().await.unwrap().count, 0);
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let list = |store: &str| dovetail(folder.path(), &["dead-letters", "list", "--store", store]);
    let missing = list("sqlite:nothing.db");
    assert_eq!(missing.exit, 5, "{}", missing.stderr);
    assert!(
        missing.stderr.contains("dovetail messaging migrate"),
        "{}",
        missing.stderr
    );
    assert!(!folder.path().join("nothing.db").exists());
    let other = list("postgres://ada:hunter2@127.0.0.1:1/shop");
    // Not built in, or nobody there.
    assert!(matches!(other.exit, 2 | 5), "{}", other.stderr);
    assert!(!other.stderr.contains("hunter2"), "{}", other.stderr);
    let unset = dovetail(folder.path(), &["outbox", "status"]);
    assert_eq!(unset.exit, 2);
    assert!(unset.stderr.contains("DOVETAIL_STORE"), "{}", unset.stderr);
}

#[tokio::test]
async fn letters_are_noted_edited_discarded_and_had_back_and_all_of_it_is_known() {
    let service = Service::new();
    service.letters(3).await;
    assert_eq!(
        service
            .run(&["dead-letters", "note", "1", "asked billing"])
            .exit,
        0
    );
    std::fs::write(service.folder.path().join("new.json"), "{}").unwrap();
    let edited = service.json(&[
        "dead-letters",
        "edit",
        "1",
        "--body",
        "new.json",
        "--set",
        "subject=us",
        "--yes",
    ]);
    let copy = edited["copy"].as_str().unwrap();
    assert_ne!(copy, "m-0");
    assert_eq!(
        service
            .run(&["dead-letters", "edit", "1", "--body", "new.json", "--yes"])
            .exit,
        4,
        "once"
    );
    assert_eq!(
        service.json(&["dead-letters", "discard", "2", "3", "--yes"])["discarded"],
        json!([2, 3])
    );
    assert_eq!(
        service.json(&["dead-letters", "restore", "3", "1"]),
        json!({ "schema": 1, "opened": [3], "doubled": [], "unfit": [1] })
    );
    let states = service.json(&["dead-letters", "list", "--state", "any"]);
    let states: Vec<&Value> = states["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| &letter["state"])
        .collect();
    assert_eq!(states, ["resolved", "discarded", "open"]);
    let audit = service.json(&["dead-letters", "audit"]);
    let audit: Vec<_> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["who"], &entry["action"], &entry["letter"]))
        .collect();
    let expected = [
        ("note", 1),
        ("edit", 1),
        ("discard", 2),
        ("discard", 3),
        ("restore", 3),
    ];
    let ada = json!("ada");
    let expected: Vec<_> = expected
        .map(|(action, letter)| (&ada, json!(action), json!(letter)))
        .into();
    assert_eq!(
        audit,
        expected
            .iter()
            .map(|(who, action, letter)| (*who, action, letter))
            .collect::<Vec<_>>()
    );
    let shown = service.run(&["dead-letters", "show", "1"]);
    assert!(
        shown.stdout.contains("note      asked billing"),
        "{}",
        shown.stdout
    );
    assert!(
        shown
            .stdout
            .contains(&format!("edit by ada: sent as shop {copy}")),
        "{}",
        shown.stdout
    );
    let status = service.run(&["outbox", "status"]);
    assert!(
        status
            .stdout
            .starts_with("1 message to be published, the oldest for "),
        "{}",
        status.stdout
    );
}

#[test]
fn tables_are_made_by_the_command_or_by_its_statements() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |args: &[&str]| {
        let args = [&["messaging", "migrate"], args].concat();
        dovetail(folder.path(), &args)
    };
    let made = migrate(&["--store", "sqlite:one.db"]);
    assert_eq!(made.exit, 0, "{}", made.stderr);
    assert!(made.stdout.ends_with("before, none\n"), "{}", made.stdout);
    assert!(
        migrate(&["--store", "sqlite:one.db"])
            .stdout
            .ends_with("already\n")
    );
    let script = migrate(&["--print-sql"]);
    assert_eq!(script.exit, 0, "it needs no store");
    let path = folder.path().join("two.db");
    let connection = dovetail_messaging::store::sqlite::rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(&script.stdout).unwrap();
    drop(connection);
    let rest = migrate(&["--print-sql", "--from", "5"]).stdout;
    assert!(
        script.stdout.ends_with(&rest) && rest.contains("Version 6") && !rest.contains("Version 5")
    );
    assert_eq!(migrate(&["--print-sql", "--from", "99"]).exit, 2);
    let other = migrate(&["--print-sql", "--store", "postgres://ada:hunter2@db/shop"]);
    assert!(other.stdout.contains("GENERATED ALWAYS AS IDENTITY"));
    assert!(!other.stdout.contains("STRICT") && !other.stdout.contains("hunter2"));
    assert!(
        migrate(&["--store", "sqlite:two.db"])
            .stdout
            .ends_with("already\n")
    );
    assert_eq!(tables(&folder.path().join("one.db")), tables(&path));
    let list = dovetail(
        folder.path(),
        &["dead-letters", "list", "--store", "sqlite:two.db"],
    );
    assert_eq!(list.exit, 4, "{}", list.stderr);
}

fn tables(path: &Path) -> Vec<(String, String)> {
    let connection = dovetail_messaging::store::sqlite::rusqlite::Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name <> 'dovetail_schema' ORDER BY name")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}
