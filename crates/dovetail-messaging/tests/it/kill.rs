//! A process that is killed, again and again, while it consumes: nothing acknowledged is lost, and nothing happens twice.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use dovetail_messaging::{
    consumer::{Done, Settlement},
    store::sqlite::{Options, Sqlite},
};

use crate::support::{Bench, config, consumer, message, start};

/// Names the folder of the database to the process that is killed.
const FOLDER: &str = "DOVETAIL_KILLED_CONSUMER";

const MESSAGES: usize = 400;

#[tokio::test]
async fn a_killed_consumer_loses_nothing_and_doubles_nothing() {
    let bench = Bench::new().await;
    let mut acknowledged = 0;
    // After how many acknowledgements each process is killed; the next one begins with a redelivery of the last.
    for lines in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let mut process = spawn(bench.folder.path());
        let last = read_and_kill(&mut process, lines);
        let acknowledged_now = last.expect("the process acknowledges messages");
        acknowledged = acknowledged.max(acknowledged_now + 1);
        for id in 0..acknowledged {
            let settlement = redeliver(&bench, id).await;
            assert_eq!(settlement, Settlement::Ack(Done::Duplicate), "m-{id}");
        }
    }
    let mut process = spawn(bench.folder.path());
    assert_eq!(read_and_kill(&mut process, usize::MAX), Some(MESSAGES - 1));
    let effects = bench.effects().await;
    assert_eq!(effects.len(), MESSAGES);
    let distinct = bench.count("SELECT count(DISTINCT id) FROM effect").await;
    assert_eq!(distinct, 400);
    let published = bench.count("SELECT count(*) FROM dovetail_outbox").await;
    assert_eq!(published, 400);
}

async fn redeliver(bench: &Bench, id: usize) -> Settlement {
    bench
        .consumer(config())
        .process(message(&format!("m-{id}"), "ok"))
        .await
}

fn spawn(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::the_consumer_that_is_killed",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads so many acknowledgements, kills the process without a warning, and returns the last one.
fn read_and_kill(process: &mut Child, lines: usize) -> Option<usize> {
    let output = BufReader::new(process.stdout.take().unwrap());
    let acknowledged = output.lines().map_while(Result::ok).filter_map(|line| {
        let (_, number) = line.split_once("acknowledged ")?;
        number.trim().parse().ok()
    });
    let last = acknowledged.take(lines).last();
    process.kill().unwrap();
    process.wait().unwrap();
    last
}

/// Not a test of its own: what the processes above run. Elsewhere it has nothing to do.
#[tokio::test]
async fn the_consumer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let path = Path::new(&folder).join("shop.db");
    let store = Sqlite::open(path, Options::default(), start()).unwrap();
    let consumer = consumer(store, config());
    for id in 0..MESSAGES {
        let settlement = consumer.process(message(&format!("m-{id}"), "ok")).await;
        assert!(matches!(settlement, Settlement::Ack(_)), "{settlement:?}");
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {id}").unwrap();
        out.flush().unwrap();
    }
}
