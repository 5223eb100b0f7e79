//! What comes, to whom, and how often.

use std::time::Duration;

use dovetail_messaging::transport::{Channel, Kind, Transport};

use crate::transport::rig::{
    PATIENCE, Rig, acknowledge, channel, finish, fresh, gather, ids, look, nothing, publish_ids,
    sorted_ids, to,
};

pub(crate) async fn what_a_dead_receiver_held_comes_again<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1", "2"]).await;
    let mut held = gather(&one.transport, &subscription, rig.at_once().min(2)).await;
    acknowledge(&one.transport, &held[..1]).await;
    let missing = 2 - held.len();
    held.extend(gather(&one.transport, &subscription, missing).await);
    // So that the acknowledgement is on its way before the line is cut.
    nothing(&rig, &one, &subscription).await;
    rig.sever(&one).await;
    rig.pass(rig.visibility()).await;
    let again = gather(&other.transport, &subscription, 1).await;
    assert_eq!(ids(&again), ids(&held[1..]));
    acknowledge(&other.transport, &again).await;
    nothing(&rig, &other, &subscription).await;
}

pub(crate) async fn what_is_acknowledged_does_not_come_again<R: Rig>(rig: R) {
    for kind in [Kind::Topic, Kind::Queue] {
        let (one, other) = (rig.open().await, rig.open().await);
        let subscription = channel(&one.transport, kind).await;
        publish_ids(&one.transport, &subscription, &["1", "2", "3"]).await;
        let received = finish(&rig, &one, &subscription, 3).await;
        assert_eq!(sorted_ids(&received), ["1", "2", "3"]);
        rig.pass(rig.visibility()).await;
        nothing(&rig, &one, &subscription).await;
        rig.sever(&one).await;
        nothing(&rig, &other, &subscription).await;
    }
}

pub(crate) async fn two_receivers_share_what_there_is<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1", "2", "3", "4", "5"]).await;
    let mut received = one.receive(&subscription, 2, PATIENCE).await.unwrap();
    assert!(received.len() <= 2, "no more than were asked for");
    received.extend(look(&rig, &other, &subscription).await);
    received.extend(look(&rig, &one, &subscription).await);
    assert_eq!(received.len(), rig.at_once().min(5));
    acknowledge(&one.transport, &received[..1]).await;
    acknowledge(&other.transport, &received[1..]).await;
    let missing = 5 - received.len();
    received.extend(finish(&rig, &other, &subscription, missing).await);
    assert_eq!(sorted_ids(&received), ["1", "2", "3", "4", "5"]);
}

pub(crate) async fn what_is_not_settled_in_its_time_comes_again<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    nothing(&rig, &one, &subscription).await;
    rig.pass(rig.visibility()).await;
    let second = gather(&one.transport, &subscription, 1).await;
    assert_eq!(ids(&second), ids(&first));
}

pub(crate) async fn a_receipt_changes_nothing_after_its_time<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    rig.pass(rig.visibility()).await;
    let second = gather(&one.transport, &subscription, 1).await;
    let late = &first[0].receipt;
    assert!(!one.acknowledge(late).await.unwrap());
    assert!(!one.give_back(late, Duration::ZERO).await.unwrap());
    nothing(&rig, &one, &subscription).await;
    acknowledge(&one.transport, &second).await;
    let used = &second[0].receipt;
    assert!(!one.acknowledge(used).await.unwrap(), "once");
    assert!(!one.give_back(used, Duration::ZERO).await.unwrap());
    rig.pass(rig.visibility()).await;
    nothing(&rig, &one, &subscription).await;
}

/// Also while nobody else has the message: a slow answer to its time being over is no answer.
pub(crate) async fn a_receipt_is_void_once_its_time_is_over<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    rig.pass(rig.visibility()).await;
    assert!(!one.acknowledge(&first[0].receipt).await.unwrap());
    let again = Duration::ZERO;
    assert!(!one.give_back(&first[0].receipt, again).await.unwrap());
    let second = gather(&one.transport, &subscription, 1).await;
    assert_eq!(ids(&second), ids(&first));
    acknowledge(&one.transport, &second).await;
}

pub(crate) async fn a_receipt_of_a_lost_connection_acknowledges_nothing<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    rig.sever(&one).await;
    rig.pass(rig.visibility()).await;
    let second = gather(&one.transport, &subscription, 1).await;
    assert!(!one.acknowledge(&first[0].receipt).await.unwrap());
    acknowledge(&one.transport, &second).await;
}

pub(crate) async fn a_group_has_what_is_published_after_it_subscribed<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let late = to(&subscription.channel, "mail/orders");
    one.subscribe(&late).await.unwrap();
    publish_ids(&one.transport, &subscription, &["2"]).await;
    // Subscribing again begins nothing anew.
    one.subscribe(&late).await.unwrap();
    let other = rig.open().await;
    other.subscribe(&late).await.unwrap();
    assert_eq!(ids(&gather(&other.transport, &late, 1).await), ["2"]);
    nothing(&rig, &other, &late).await;
}

pub(crate) async fn each_group_has_each_message<R: Rig>(rig: R) {
    let one = rig.open().await;
    let first = channel(&one.transport, Kind::Topic).await;
    let second = to(&first.channel, "mail/orders");
    one.subscribe(&second).await.unwrap();
    publish_ids(&one.transport, &first, &["1", "2"]).await;
    finish(&rig, &one, &first, 2).await;
    let others = gather(&one.transport, &second, rig.at_once().min(2)).await;
    for one_of in &others {
        let again = Duration::ZERO;
        assert!(one.give_back(&one_of.receipt, again).await.unwrap());
    }
    nothing(&rig, &one, &first).await;
    let others = finish(&rig, &one, &second, 2).await;
    assert_eq!(sorted_ids(&others), ["1", "2"]);
}

pub(crate) async fn a_queue_keeps_messages_until_they_are_taken<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    let channel = Channel::new(fresh("queue"), Kind::Queue);
    one.declare(&channel).await.unwrap();
    let subscription = to(&channel.name, "billing/orders");
    publish_ids(&one.transport, &subscription, &["1", "2"]).await;
    other.subscribe(&subscription).await.unwrap();
    let mut received = gather(&other.transport, &subscription, rig.at_once().min(2)).await;
    let stranger = to(&channel.name, "mail/orders");
    one.subscribe(&stranger).await.unwrap();
    nothing(&rig, &one, &stranger).await;
    acknowledge(&other.transport, &received).await;
    let missing = 2 - received.len();
    received.extend(finish(&rig, &other, &subscription, missing).await);
    assert_eq!(sorted_ids(&received), ["1", "2"]);
}

pub(crate) async fn what_is_given_back_comes_after_its_time_and_not_before<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    // Longer than the visibility: the two have nothing to do with each other.
    let after = rig.visibility() * 2;
    assert!(one.give_back(&first[0].receipt, after).await.unwrap());
    assert!(!one.acknowledge(&first[0].receipt).await.unwrap());
    let early = rig.visibility() + rig.visibility() / 4;
    rig.pass(early.saturating_sub(rig.quiet())).await;
    nothing(&rig, &one, &subscription).await;
    rig.pass(after.saturating_sub(early)).await;
    assert_eq!(
        ids(&gather(&one.transport, &subscription, 1).await),
        ids(&first)
    );
}

pub(crate) async fn what_is_given_back_for_no_time_comes_at_once<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Queue).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let first = gather(&one.transport, &subscription, 1).await;
    assert!(
        one.give_back(&first[0].receipt, Duration::ZERO)
            .await
            .unwrap()
    );
    let second = look(&rig, &one, &subscription).await;
    assert_eq!(ids(&second), ids(&first));
    assert!(!one.acknowledge(&first[0].receipt).await.unwrap());
    acknowledge(&one.transport, &second).await;
}

pub(crate) async fn each_delivery_is_counted<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1"]).await;
    for count in 1..=3 {
        let received = gather(&one.transport, &subscription, 1).await;
        assert_eq!(received[0].deliveries, count);
        if count == 1 {
            rig.pass(rig.visibility()).await;
        } else {
            let again = Duration::ZERO;
            one.give_back(&received[0].receipt, again).await.unwrap();
        }
    }
}
