//! Many messages, and several receivers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dovetail_messaging::transport::{Kind, Transport};
use dovetail_resilience::Clock;
use futures::{StreamExt, future::join_all, stream};

use crate::transport::rig::{PATIENCE, Rig, channel, message, publish};

pub(crate) async fn a_large_backlog_drains_with_several_receivers<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Queue).await;
    let count = rig.backlog();
    stream::iter(0..count)
        .for_each_concurrent(50, async |number| {
            let message = message(&subscription, &number.to_string());
            publish(&one.transport, &message).await;
        })
        .await;
    let done = Mutex::new(BTreeMap::<String, u32>::new());
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    let receivers = [&one, &one, &other, &other].map(async |transport| {
        while done.lock().unwrap().len() < usize::try_from(count).unwrap() {
            assert!(clock.now() < end, "{}", done.lock().unwrap().len());
            let wait = Duration::from_millis(100);
            let received = transport.receive(&subscription, 32, wait).await.unwrap();
            join_all(received.into_iter().map(async |received| {
                // On a busy machine its time may be over: then it comes again.
                if transport.acknowledge(&received.receipt).await.unwrap() {
                    let id = received.delivery.message.id.unwrap();
                    *done.lock().unwrap().entry(id).or_default() += 1;
                }
            }))
            .await;
        }
    });
    join_all(receivers).await;
    let again: Vec<(String, u32)> = done
        .into_inner()
        .unwrap()
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .collect();
    assert_eq!(again, [], "each once");
}

/// A message may come more than once here: its acknowledgement may have been on its way.
pub(crate) async fn a_connection_that_is_lost_again_and_again_loses_nothing<R: Rig>(rig: R) {
    const COUNT: u32 = 200;
    const CUT_EACH: u32 = 25;
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&other.transport, Kind::Topic).await;
    let published = AtomicU32::new(0);
    let publishing = stream::iter(0..COUNT).for_each_concurrent(10, async |number| {
        let message = message(&subscription, &number.to_string());
        publish(&one.transport, &message).await;
        let count = published.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(CUT_EACH) {
            rig.sever(&one).await;
        }
    });
    let done = Mutex::new(BTreeSet::<String>::new());
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    let receivers = [&one, &other].map(async |transport| {
        while done.lock().unwrap().len() < usize::try_from(COUNT).unwrap() {
            assert!(clock.now() < end, "{}", done.lock().unwrap().len());
            let wait = Duration::from_millis(100);
            let received = transport.receive(&subscription, 8, wait).await;
            for received in received.unwrap_or_default() {
                // Where the line is cut before the answer, the broker may have taken the acknowledgement: the message may be done.
                let is_void = transport
                    .acknowledge(&received.receipt)
                    .await
                    .is_ok_and(|is_done| !is_done);
                if !is_void {
                    let id = received.delivery.message.id.unwrap();
                    done.lock().unwrap().insert(id);
                }
            }
        }
    });
    tokio::join!(publishing, join_all(receivers));
}
