//! A process that is killed, again and again, while it consumes: nothing acknowledged is lost, and nothing happens twice.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use dovetail_messaging::consumer::{Done, Settlement};

use crate::support::{Bench, Database, config, consumer, message, on_each_store};

on_each_store! {
    a_killed_consumer_loses_nothing_and_doubles_nothing,
    the_consumer_that_is_killed,
}

/// Names the database to the process that is killed.
const ADDRESS: &str = "DOVETAIL_KILLED_CONSUMER";

const MESSAGES: usize = 400;

async fn a_killed_consumer_loses_nothing_and_doubles_nothing<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let mut acknowledged = 0;
    // After how many acknowledgements each process is killed; the next one begins with a redelivery of the last.
    for lines in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let mut process = spawn(&bench);
        let last = read_and_kill(&mut process, lines);
        let acknowledged_now = last.expect("the process acknowledges messages");
        acknowledged = acknowledged.max(acknowledged_now + 1);
        for id in 0..acknowledged {
            let settlement = redeliver(&bench, id).await;
            assert_eq!(settlement, Settlement::Ack(Done::Duplicate), "m-{id}");
        }
    }
    let mut process = spawn(&bench);
    assert_eq!(read_and_kill(&mut process, usize::MAX), Some(MESSAGES - 1));
    let effects = bench.effects().await;
    assert_eq!(effects.len(), MESSAGES);
    let distinct = bench.count("SELECT count(DISTINCT id) FROM effect").await;
    assert_eq!(distinct, 400);
    let published = bench.count("SELECT count(*) FROM dovetail_outbox").await;
    assert_eq!(published, 400);
}

async fn redeliver<D: Database>(bench: &Bench<D>, id: usize) -> Settlement {
    bench
        .consumer(config())
        .process(message(&format!("m-{id}"), "ok"))
        .await
}

fn spawn<D: Database>(bench: &Bench<D>) -> Child {
    // The test of the same name for the same store.
    let store = std::any::type_name::<D>().to_lowercase();
    let store = store.rsplit("::").next().unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("kill::{store}::the_consumer_that_is_killed"),
            "--nocapture",
        ])
        .env(ADDRESS, D::address(&bench.home))
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
async fn the_consumer_that_is_killed<D: Database>() {
    let Ok(address) = std::env::var(ADDRESS) else {
        return;
    };
    let store = D::open(&address).await;
    let consumer = consumer(store, config());
    for id in 0..MESSAGES {
        let settlement = consumer.process(message(&format!("m-{id}"), "ok")).await;
        assert!(matches!(settlement, Settlement::Ack(_)), "{settlement:?}");
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {id}").unwrap();
        out.flush().unwrap();
    }
}
