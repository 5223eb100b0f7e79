//! What a message is that a producer made.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::*;
use crate::{declared::Channel, store::ErrorKind, transport::Kind};

static CREATED: MessageType = MessageType {
    name: "order.created",
    provider: "orders",
    version: "1.4.0",
    channel: Channel {
        name: "orders",
        transport: "embedded",
        address: "shop.orders",
        kind: Kind::Topic,
        partitions: None,
        retention: None,
        keeps_keys: true,
    },
    key: Some("order_id"),
    content_type: "application/json",
    schema: "urn:dovetail:orders:order.created:1.4.0",
};

/// Keeps what is published, or refuses it.
#[derive(Default)]
struct Outlet {
    messages: Vec<Message>,
    refuses: bool,
}

impl Outgoing for Outlet {
    fn add(&mut self, message: Message) -> Result<(), StoreError> {
        if self.refuses {
            return Err(StoreError::new("publish", ErrorKind::Refused));
        }
        self.messages.push(message);
        Ok(())
    }
}

fn producer(source: &str) -> Producer {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
    Producer::new(source, Clock::pinned_at(wall), Chance::seeded(7))
}

#[tokio::test(start_paused = true)]
async fn a_payload_becomes_an_event_with_all_that_its_contract_says() {
    let mut outlet = Outlet::default();
    let id = producer("orders")
        .publish(&mut outlet, &CREATED, &json!({"order_id": 7}))
        .unwrap();
    let [message] = &outlet.messages[..] else {
        panic!("{:?}", outlet.messages)
    };
    assert_eq!(message.channel, "shop.orders");
    assert_eq!(message.identity(), Some(("orders", id.as_str())));
    assert_eq!(message.kind.as_deref(), Some("order.created"));
    assert_eq!(message.key.as_deref(), Some("7"));
    assert_eq!(message.header("time"), Some("2026-01-01T00:00:00.500Z"));
    assert_eq!(message.header("datacontenttype"), Some("application/json"));
    assert_eq!(message.header("dataschema"), Some(CREATED.schema));
    assert_eq!(&message.body[..], br#"{"order_id":7}"#);
    let uuid: Uuid = id.as_str().parse().unwrap();
    assert_eq!(uuid.get_version_num(), 7);
    assert!(id.as_str().starts_with("019b7"), "{id}");
}

#[tokio::test(start_paused = true)]
async fn ids_are_fresh_unless_they_are_given() {
    let (producer, mut outlet) = (producer("orders"), Outlet::default());
    let payload = json!({"order_id": "o-1"});
    let ids: std::collections::BTreeSet<EventId> = (0..100)
        .map(|_| producer.publish(&mut outlet, &CREATED, &payload).unwrap())
        .collect();
    assert_eq!(ids.len(), 100);
    let own = EventId::new("o-1/created").unwrap();
    let id = producer
        .publish_with_id(&mut outlet, &CREATED, own.clone(), &payload)
        .unwrap();
    assert_eq!(id, own);
    for wrong in [String::new(), "x".repeat(IDENTITY_BYTES_MAX + 1)] {
        assert!(matches!(EventId::new(wrong), Err(ProducerError::Id)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_message_is_refused_and_nothing_of_it_remains() {
    let mut outlet = Outlet::default();
    let error = |outlet: &mut Outlet, source: &str, payload: serde_json::Value| {
        let result = producer(source).publish(outlet, &CREATED, &payload);
        result.expect_err("no message").to_string()
    };
    assert_eq!(
        error(&mut outlet, "orders", json!({"order_id": 1.5})),
        "the payload of `order.created` has no key at `order_id`"
    );
    assert_eq!(
        error(&mut outlet, "not a uri", json!({"order_id": 1})),
        "the envelope of `order.created` cannot be written"
    );
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let result = producer("orders").publish(&mut outlet, &CREATED, &unwritable);
    assert!(matches!(result, Err(ProducerError::Payload { .. })));
    outlet.refuses = true;
    assert_eq!(
        error(&mut outlet, "orders", json!({"order_id": 1})),
        "the store could not publish"
    );
    assert!(outlet.messages.is_empty());
}
