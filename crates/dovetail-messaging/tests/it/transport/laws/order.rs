//! Keys keep their order.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use dovetail_messaging::transport::{Kind, Subscription, Transport};
use dovetail_resilience::Clock;
use futures::future::join_all;

use crate::transport::rig::{
    PATIENCE, Rig, acknowledge, channel, gather, ids, look, message, nothing, publish, sorted_ids,
};

async fn publish_keyed<T: Transport>(transport: &T, subscription: &Subscription, ids: &[&str]) {
    for id in ids {
        let message = message(subscription, id).with_key(&id[..1]);
        publish(transport, &message).await;
    }
}

pub(crate) async fn of_one_key_the_earliest_comes_and_the_rest_waits<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_keyed(&one.transport, &subscription, &["a1", "a2", "b1", "a3"]).await;
    // Where the order of all is kept, b1 comes after the end of a1 only.
    let first = gather(&one.transport, &subscription, 1).await;
    assert_eq!(ids(&first), ["a1"]);
    let mut others = look(&rig, &one, &subscription).await;
    others.extend(look(&rig, &other, &subscription).await);
    assert!(
        ids(&others).iter().all(|id| *id == "b1"),
        "{:?}",
        ids(&others)
    );
    acknowledge(&one.transport, &first).await;
    let missing = 2 - others.len();
    let second = gather(&one.transport, &subscription, missing).await;
    assert!(
        sorted_ids(&second).starts_with(&["a2"]),
        "{:?}",
        ids(&second)
    );
}

pub(crate) async fn a_key_keeps_its_order_when_its_receiver_dies<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_keyed(&one.transport, &subscription, &["a1", "a2", "a3"]).await;
    assert_eq!(ids(&gather(&one.transport, &subscription, 1).await), ["a1"]);
    rig.sever(&one).await;
    drop(one);
    rig.pass(rig.visibility()).await;
    for id in ["a1", "a2", "a3"] {
        let next = gather(&other.transport, &subscription, 1).await;
        assert_eq!(ids(&next), [id]);
        acknowledge(&other.transport, &next).await;
    }
    nothing(&rig, &other, &subscription).await;
}

/// Three receivers, and every fourth delivery is given back.
pub(crate) async fn a_key_keeps_its_order_while_its_messages_come_again<R: Rig>(rig: R) {
    const LENGTH: usize = 12;
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    for number in 0..LENGTH {
        for key in ["a", "b", "c"] {
            let id = format!("{key}{number:02}");
            publish_keyed(&one.transport, &subscription, &[&id]).await;
        }
    }
    let done = Mutex::new(BTreeMap::<String, Vec<String>>::new());
    let count = Mutex::new(0_u32);
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    let receivers = [&one, &one, &other].map(async |transport| {
        while done.lock().unwrap().values().map(Vec::len).sum::<usize>() < LENGTH * 3 {
            assert!(clock.now() < end, "{:?}", done.lock().unwrap());
            let wait = Duration::from_millis(100);
            let received = transport.receive(&subscription, 4, wait).await.unwrap();
            for received in received {
                let turn = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count
                };
                if turn.is_multiple_of(4) {
                    let after = Duration::from_millis(u64::from(turn % 3) * 10);
                    transport.give_back(&received.receipt, after).await.unwrap();
                    rig.pass(after).await;
                    continue;
                }
                let message = received.delivery.message;
                // Recorded before it is acknowledged: after that, the next may be on its way.
                let key = message.key.unwrap();
                done.lock()
                    .unwrap()
                    .entry(key)
                    .or_default()
                    .push(message.id.unwrap());
                assert!(transport.acknowledge(&received.receipt).await.unwrap());
            }
        }
    });
    join_all(receivers).await;
    for (key, ids) in done.into_inner().unwrap() {
        assert!(ids.len() == LENGTH && ids.is_sorted(), "{key}: {ids:?}");
    }
}
