//! What arrives is what was sent, and what was confirmed arrives.

use std::time::{Duration, SystemTime};

use dovetail_messaging::{
    Message,
    outbox::{PublishError, Publisher},
    transport::{Channel, Kind, Subscription, Transport},
};

use crate::transport::rig::{
    Rig, acknowledge, channel, finish, fresh, gather, ids, message, nothing, publish, publish_ids,
    sorted_ids,
};

fn sent(subscription: &Subscription, length_max: usize) -> Vec<Message> {
    let bodies = [
        ("application/octet-stream", (0..=255).collect::<Vec<u8>>()),
        (
            "application/json",
            b"{ \"amount\" : 1.50,\n\"b\": [ ] }".to_vec(),
        ),
        ("text/plain", "Grüße, 世界 🚀".as_bytes().to_vec()),
        (
            "application/octet-stream",
            (0..200_000_u32)
                .map(|n| n.to_le_bytes()[0] ^ 0x5a)
                .collect(),
        ),
        ("application/octet-stream", Vec::new()),
    ];
    let mut messages: Vec<Message> = (0..)
        .zip(bodies)
        .map(|(number, (content_type, body))| {
            let headers = [
                ("datacontenttype", content_type),
                (
                    "dataschema",
                    "https://shop.example/schemas/order?v=1#/a%20b",
                ),
                ("subject", "Grüße an \"Zoë\", 100 % 🚀"),
                ("time", "2026-01-02T03:04:05.123456Z"),
                (
                    "traceparent",
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
            ];
            Message {
                body: body.into_iter().take(length_max).collect(),
                expires_at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)),
                headers: headers
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                ..message(subscription, &format!("{number}-ß"))
            }
            .with_key(format!("schlüssel {number}"))
        })
        .collect();
    messages.push(message(subscription, "bare"));
    messages
}

pub(crate) async fn envelopes_and_bodies_survive_byte_for_byte<R: Rig>(rig: R) {
    let one = rig.open().await;
    for kind in [Kind::Topic, Kind::Queue] {
        let subscription = channel(&one.transport, kind).await;
        for sent in sent(&subscription, rig.body_max()) {
            publish(&one.transport, &sent).await;
            let received = gather(&one.transport, &subscription, 1).await;
            acknowledge(&one.transport, &received).await;
            let mut message = received[0].delivery.message.clone();
            message.headers.sort();
            assert_eq!(message.headers, sent.headers, "{sent:?}");
            assert_eq!(message, sent);
        }
    }
}

/// The attributes and the body of what somebody else sends.
type Foreign<'a> = (&'a [(&'a str, &'a str)], &'a [u8]);

pub(crate) async fn what_is_no_event_arrives_and_does_not_stop_the_rest<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    let rows: [Foreign<'_>; 4] = [
        (&[], b"\xff\xfe no event at all"),
        (&[], b""),
        (
            &[
                ("specversion", "9.9"),
                ("id", "1"),
                ("source", "shop"),
                ("type", "t"),
            ],
            b"{}",
        ),
        (
            &[("specversion", "1.0"), ("source", "shop"), ("type", "t")],
            b"no id",
        ),
    ];
    for (attributes, body) in rows {
        if !rig.carries(body) {
            continue;
        }
        rig.publish_foreign(&subscription.channel, attributes, body)
            .await;
        let received = gather(&one.transport, &subscription, 1).await;
        let message = &received[0].delivery.message;
        assert_eq!(message.identity(), None, "{attributes:?}");
        assert_eq!(message.body, body, "{attributes:?}");
        assert_eq!(message.channel, subscription.channel);
        acknowledge(&one.transport, &received).await;
    }
    publish_ids(&one.transport, &subscription, &["1"]).await;
    let received = gather(&one.transport, &subscription, 1).await;
    assert_eq!(ids(&received), ["1"]);
}

pub(crate) async fn what_goes_to_an_undeclared_channel_is_rejected<R: Rig>(rig: R) {
    let one = rig.open().await;
    let declared = channel(&one.transport, Kind::Topic).await;
    // Brokers may take what has one identity for one message, so each round has its own.
    for id in ["1", "2"] {
        let misspelt = Message::new(fresh("misspelt"), "shop", id, "ok").with_kind("t");
        let told = one.publish(&misspelt).await;
        assert!(matches!(told, Err(PublishError::Rejected(_))), "{told:?}");
        // It harms nobody else.
        publish_ids(&one.transport, &declared, &[id]).await;
        let received = gather(&one.transport, &declared, 1).await;
        acknowledge(&one.transport, &received).await;
    }
    let nowhere = crate::transport::rig::to(&fresh("misspelt"), "billing/orders");
    assert!(one.subscribe(&nowhere).await.is_err());
    let other_kind = Channel::new(&declared.channel, Kind::Queue);
    assert!(one.declare(&other_kind).await.is_err());
    // A topic that nobody subscribed to is declared all the same.
    let lonely = Channel::new(fresh("lonely"), Kind::Topic);
    one.declare(&lonely).await.unwrap();
    let unheard = Message::new(&lonely.name, "shop", "1", "ok").with_kind("t");
    one.publish(&unheard).await.unwrap();
}

pub(crate) async fn what_was_confirmed_is_there_though_its_sender_died<R: Rig>(rig: R) {
    let (one, other) = (rig.open().await, rig.open().await);
    for kind in [Kind::Topic, Kind::Queue] {
        let subscription = channel(&other.transport, kind).await;
        let ids: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
        for id in &ids {
            publish(&one.transport, &message(&subscription, id)).await;
            if id.ends_with('9') {
                rig.sever(&one).await;
            }
        }
        let received = finish(&rig, &other, &subscription, ids.len()).await;
        assert_eq!(sorted_ids(&received), ids);
    }
}

pub(crate) async fn a_lost_connection_is_made_again_and_nothing_is_lost<R: Rig>(rig: R) {
    let one = rig.open().await;
    let subscription = channel(&one.transport, Kind::Topic).await;
    publish_ids(&one.transport, &subscription, &["1", "2", "3"]).await;
    let held = rig.at_once().min(2);
    assert_eq!(
        gather(&one.transport, &subscription, held).await.len(),
        held
    );
    rig.sever(&one).await;
    publish_ids(&one.transport, &subscription, &["4", "5"]).await;
    rig.sever(&one).await;
    rig.pass(rig.visibility()).await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let received = gather(&one.transport, &subscription, 1).await;
        acknowledge(&one.transport, &received).await;
        seen.extend(ids(&received).into_iter().map(str::to_owned));
    }
    seen.sort_unstable();
    assert_eq!(seen, ["1", "2", "3", "4", "5"]);
    nothing(&rig, &one, &subscription).await;
}
