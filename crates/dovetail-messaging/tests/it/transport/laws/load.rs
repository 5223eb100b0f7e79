//! Many messages, and several receivers.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

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
