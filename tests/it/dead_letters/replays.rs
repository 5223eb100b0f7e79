//! Replays by the command, beside a relay and a consumer that run meanwhile.

use std::process::{Command, Stdio};
use std::time::Duration;

use dovetail_messaging::consumer::{Config, Consumer, Handler, HandlerError, Rejection};
use dovetail_messaging::outbox::{self, PublishError, Publisher, Relay};
use dovetail_messaging::store::sqlite::{Sqlite, SqliteTransaction};
use dovetail_messaging::store::{Outbox, Replays};
use dovetail_messaging::{Chance, Clock, Message};

use super::{CONSUMER, Service};
use crate::command::{Ended, dovetail};

/// A consumer that a relay hands messages to, without a broker between them.
struct Direct(Consumer<Sqlite, Charging>);

#[derive(Debug)]
struct Charging;

impl Handler<SqliteTransaction> for Charging {
    type Event = ();

    fn decode(&self, _: &Message) -> Result<(), Rejection> {
        Ok(())
    }

    async fn handle(
        &self,
        _: &mut SqliteTransaction,
        (): (),
        message: &Message,
    ) -> Result<(), HandlerError> {
        match message.id.as_deref() {
            Some("m-13") => Err(HandlerError::Fatal("unlucky".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Publisher for Direct {
    async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        self.0.process(message.clone()).await;
        Ok(())
    }
}

/// Relays and consumes while the command runs.
async fn run_beside(service: &Service, args: &[&str]) -> Ended {
    let (clock, chance) = (Clock::system(), Chance::seeded(1));
    let consumer = Consumer::new(
        CONSUMER,
        service.store.clone(),
        Charging,
        Config::default(),
        clock,
        chance.clone(),
    );
    let config = outbox::Config {
        poll: Duration::from_millis(20),
        ..outbox::Config::default()
    };
    let relay = Relay::new(
        service.store.clone(),
        Direct(consumer),
        config,
        clock,
        chance,
    );
    let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    all.extend(["--store", "sqlite:shop.db", "--as", "ada"].map(str::to_owned));
    let folder = service.folder.path().to_owned();
    let (ended, stop) = tokio::sync::oneshot::channel::<()>();
    let command = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = all.iter().map(String::as_str).collect();
        let end = dovetail(&folder, &args);
        drop(ended);
        end
    });
    relay
        .run(async {
            let _ = stop.await;
        })
        .await;
    command.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_run_to_its_end_and_says_what_came_of_it() {
    let service = Service::new();
    service.letters(20).await;
    let ended = run_beside(
        &service,
        &[
            "dead-letters",
            "replay",
            "--filter",
            "id <> 'm-13'",
            "--rate",
            "1000",
            "--yes",
        ],
    )
    .await;
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.stdout,
        "replay 1: done, 19 of 19 sent, 19 handled, 0 dead again\n"
    );
    assert!(
        !ended.stderr.contains('\r'),
        "no progress where nobody watches: {}",
        ended.stderr
    );
    // One that cannot be handled is a finding.
    let ended = run_beside(&service, &["dead-letters", "replay", "14"]).await;
    assert_eq!(ended.exit, 1, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.stdout,
        "replay 2: done, 1 of 1 sent, 0 handled, 1 dead again\n"
    );
    let again = service.json(&["dead-letters", "list"]);
    assert_eq!(again["letters"][0]["detail"], "unlucky");
    let jobs = service.json(&["dead-letters", "jobs"]);
    assert_eq!(jobs["replays"][1]["handled"], 19);
    let republished = service.json(&["outbox", "replay", "--since", "1h", "--yes"]);
    assert_eq!(republished["republished"], 20);
}

#[tokio::test]
#[cfg(unix)]
async fn an_interrupted_replay_pauses_and_goes_on_where_it_was() {
    let service = Service::new();
    service.letters(40).await;
    let child = Command::new(env!("CARGO_BIN_EXE_dovetail-under-test"))
        .args([
            "dead-letters",
            "replay",
            "--all",
            "--yes",
            "--rate",
            "20",
            "--canary",
            "0",
            "--settle",
            "1s",
        ])
        .args(["--store", "sqlite:shop.db"])
        .current_dir(service.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Some steps later it listens to signals.
    let job = loop {
        let job = service.store.replay_job(1).await.unwrap();
        if let Some(job) = job.filter(|job| job.counts.turned > 5) {
            break job;
        }
        tokio::task::yield_now().await;
    };
    assert!(job.counts.waiting() > 0);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("dovetail dead-letters resume 1"),
        "{stderr}"
    );
    let job = service.store.replay_job(1).await.unwrap().unwrap();
    let turned = job.counts.turned;
    assert!(turned < 40, "{turned}");
    assert_eq!(
        service.json(&["dead-letters", "jobs", "1"])["replays"][0]["state"],
        "paused"
    );
    // The same selection is the same replay; it waits for somebody.
    let same = service.run(&["dead-letters", "replay", "--all", "--yes"]);
    assert_eq!(same.exit, 130, "{}", same.stderr);
    assert!(same.stderr.contains("already: replay 1"), "{}", same.stderr);
    // Nobody consumes here, which is no pass.
    let resumed = service.run(&["dead-letters", "resume", "1"]);
    assert_eq!(resumed.exit, 7, "{}", resumed.stderr);
    assert_eq!(
        resumed.stdout,
        "replay 1: done, 40 of 40 sent, 0 handled, 0 dead again, 40 not heard of\n"
    );
    assert_eq!(service.open().await, 0);
    assert_eq!(service.store.pending().await.unwrap().count, 40);
}

#[tokio::test]
async fn what_a_consumer_may_have_forgotten_is_refused() {
    let service = Service::new();
    service.letters(2).await;
    let args = [
        "dead-letters",
        "replay",
        "--all",
        "--yes",
        "--inbox-retention",
        "1s",
    ];
    let refused = service.run(&args);
    assert_eq!(refused.exit, 8, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--accept-duplicates"),
        "{}",
        refused.stderr
    );
    assert_eq!(service.open().await, 2);
}
