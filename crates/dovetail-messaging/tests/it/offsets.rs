//! One row for each partition instead of one for each message.

use dovetail_messaging::{
    Message,
    consumer::{Config, Dedupe, Delivery, Done, RetryCause, Settlement},
    dead_letter::Reason,
    inbox::Position,
};

use crate::support::{Bench, Database, config, consumer, message, on_each_store};

on_each_store! {
    an_offset_is_handled_once_and_in_its_turn,
    whichever_message_of_a_partition_comes_first_none_is_lost,
    a_zombie_of_the_partition_has_no_effect,
    a_failed_message_holds_its_partition_until_it_is_dead,
    dead_letters_do_not_stop_a_partition,
    what_a_producer_sent_twice_is_told_by_its_identity,
}

fn at(offset: u64, expected: u64, message: Message) -> Delivery {
    began(expected, offset, expected, message)
}

fn began(began: u64, offset: u64, expected: u64, message: Message) -> Delivery {
    Delivery {
        position: Some(Position {
            topic: "orders".to_owned(),
            partition: 3,
            offset,
            expected,
            began,
        }),
        ..Delivery::from(message)
    }
}

fn by(dedupe: Dedupe) -> Config {
    Config { dedupe, ..config() }
}

async fn an_offset_is_handled_once_and_in_its_turn<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(by(Dedupe::Offset));
    let handled = Settlement::Ack(Done::Handled);
    let duplicate = Settlement::Ack(Done::Duplicate);
    // Offset, where the reader stood, and what comes of it.
    let rows = [
        (5, 5, handled),
        (5, 5, duplicate),
        (6, 6, handled),
        // The log has a gap from 7 to 8.
        (9, 7, handled),
        (6, 6, duplicate),
        (10, 10, handled),
    ];
    for (offset, expected, settlement) in rows {
        let delivery = at(offset, expected, message(&format!("m-{offset}"), "ok"));
        assert_eq!(consumer.process(delivery).await, settlement, "{offset}");
    }
    let ahead = consumer.process(at(12, 12, message("m-12", "ok"))).await;
    assert!(matches!(
        ahead,
        Settlement::Retry {
            cause: RetryCause::NotNext,
            ..
        }
    ));
    assert_eq!(bench.effects().await, ["m-5", "m-6", "m-9", "m-10"]);
    assert_eq!(bench.count("SELECT count(*) FROM dovetail_inbox").await, 0);
}

async fn whichever_message_of_a_partition_comes_first_none_is_lost<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(by(Dedupe::Offset));
    let not_next = |settlement| {
        matches!(
            settlement,
            Settlement::Retry {
                cause: RetryCause::NotNext,
                ..
            }
        )
    };
    // The reader began at 5, and several of what it read are under way at once.
    for (offset, body) in [(7, "ok"), (6, "invalid")] {
        let early = began(5, offset, offset, message(&format!("m-{offset}"), body));
        assert!(not_next(consumer.process(early).await), "{offset}");
    }
    for offset in 5..8 {
        let delivery = began(5, offset, offset, message(&format!("m-{offset}"), "ok"));
        let settlement = consumer.process(delivery).await;
        assert_eq!(settlement, Settlement::Ack(Done::Handled), "{offset}");
    }
    assert_eq!(bench.effects().await, ["m-5", "m-6", "m-7"]);
}

async fn a_zombie_of_the_partition_has_no_effect<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let (zombie, owner) = (
        bench.consumer(by(Dedupe::Offset)),
        consumer(bench.other().await, by(Dedupe::Offset)),
    );
    zombie.process(at(0, 0, message("m-0", "ok"))).await;
    for offset in 1..4 {
        let delivery = at(offset, offset, message(&format!("m-{offset}"), "ok"));
        owner.process(delivery).await;
    }
    let late = zombie.process(at(1, 1, message("m-1", "ok"))).await;
    assert_eq!(late, Settlement::Ack(Done::Duplicate));
    assert_eq!(bench.effects().await, ["m-0", "m-1", "m-2", "m-3"]);
}

async fn a_failed_message_holds_its_partition_until_it_is_dead<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(by(Dedupe::Offset));
    // What comes too early waits, even if nobody can handle it, and even behind the very first message of a partition.
    for _ in 0..2 {
        let failed = consumer.process(at(0, 0, message("m-0", "fail"))).await;
        assert!(matches!(
            failed,
            Settlement::Retry {
                cause: RetryCause::Failed,
                ..
            }
        ));
        for body in ["ok", "invalid"] {
            let early = consumer.process(at(1, 1, message("m-1", body))).await;
            assert!(matches!(
                early,
                Settlement::Retry {
                    cause: RetryCause::NotNext,
                    ..
                }
            ));
        }
    }
    assert_eq!(
        consumer.process(at(0, 0, message("m-0", "fail"))).await,
        Settlement::Ack(Done::Dead(Reason::RetriesExhausted))
    );
    assert_eq!(
        consumer.process(at(1, 1, message("m-1", "ok"))).await,
        Settlement::Ack(Done::Handled)
    );
    assert_eq!(bench.effects().await, ["m-1"]);
}

async fn dead_letters_do_not_stop_a_partition<D: Database>() {
    let bench = Bench::<D>::of_store().await;
    let consumer = bench.consumer(by(Dedupe::Offset));
    consumer.process(at(0, 0, message("m-0", "ok"))).await;
    assert_eq!(
        consumer.process(at(1, 1, message("m-1", "fatal"))).await,
        Settlement::Ack(Done::Dead(Reason::Handler))
    );
    assert_eq!(
        consumer.process(at(2, 2, message("m-2", "invalid"))).await,
        Settlement::Ack(Done::Dead(Reason::Contract))
    );
    assert_eq!(
        consumer.process(at(3, 3, message("m-3", "ok"))).await,
        Settlement::Ack(Done::Handled)
    );
}

async fn what_a_producer_sent_twice_is_told_by_its_identity<D: Database>() {
    let rows = [(Dedupe::Offset, 2), (Dedupe::Both, 1)];
    for (dedupe, effects) in rows {
        let bench = Bench::<D>::of_store().await;
        let consumer = bench.consumer(by(dedupe));
        consumer.process(at(0, 0, message("m-1", "ok"))).await;
        consumer.process(at(1, 1, message("m-1", "ok"))).await;
        let next = consumer.process(at(2, 2, message("m-2", "ok"))).await;
        assert_eq!(next, Settlement::Ack(Done::Handled), "{dedupe:?}");
        assert_eq!(bench.effects().await.len(), effects + 1, "{dedupe:?}");
    }
}
