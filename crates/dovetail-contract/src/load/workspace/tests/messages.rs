//! What is read of events, commands and channels, and what is said where they do not go together.

use super::{findings, loaded};
use crate::contract::{ChannelKind, InboxMode, MessageId, MessageKind, OrderBy, Transport};

const SETTINGS: &str = "
dovetail: 1
channels:
  orders: { transport: kafka, address: shop.orders, partitions: 12, retention: 3d }
  work: { kind: queue }
messaging:
  transport: nats
  idempotency: { retain: 14d }
  retry: { attempts: 3, backoff: { base: 2s, max: 5m } }
";

const ORDERS: &str = "
service: orders
provides:
  events:
    order.created:
      schema: events/order_created.yaml
      key: order_id
      channel: orders
      description: An order was taken.
    order.paid: { schema: 'events/all.json#/$defs/Paid', channel: orders, deprecated: true }
  commands:
    ship_order: { schema: events/order_created.yaml, channel: work, content_type: application/cloudevents+json }
";

const ORDER_CREATED: &str = "
type: object
required: [order_id, lines]
properties:
  order_id: { type: string }
  total: { type: number }
  note: { type: string }
  meta: { type: object, required: [id], properties: { id: { type: string } } }
  lines: { type: array, items: { $ref: 'parts.yaml#/Line' } }
";

const PAID: &str = r#"{ "$defs": { "Paid": { "type": "object", "required": ["id"], "properties": {
    "id": { "$ref": "order_created.yaml#/properties/order_id" } } } } }"#;

const SHIPPING: &str = "
service: shipping
consumes:
  orders/ship_order:
    handler: ship
    idempotency: { key: /order_id, retain: 30d, mode: lease }
    retry: { attempts: 9, backoff: 1s..10m }
    dead_letter: { alert: { depth: 5, oldest: 10m }, retain: 21d }
    deadline: 2s
  orders/order.created: { handler: plan, order_by: none }
";

/// A sound workspace of two services, with some of its files replaced.
fn files<'a>(other: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![
        ("dovetail.yaml", SETTINGS),
        ("orders/service.yaml", ORDERS),
        ("orders/events/order_created.yaml", ORDER_CREATED),
        ("orders/events/all.json", PAID),
        (
            "orders/events/parts.yaml",
            "Line: { type: object, properties: { sku: { type: string } } }",
        ),
        ("shipping/service.yaml", SHIPPING),
    ];
    files.retain(|(path, _)| !other.iter().any(|(replaced, _)| replaced == path));
    files.extend(other);
    files
}

/// The findings where `orders` publishes one event that says this of itself.
fn of_event(said: &str) -> String {
    let service = format!(
        "service: orders\nprovides:\n  events:\n    e: {{ schema: events/order_created.yaml, channel: orders, {said} }}\n"
    );
    findings(&files(&[
        ("dovetail.yaml", "dovetail: 1\nchannels: { orders: {} }\n"),
        ("orders/service.yaml", &service),
        ("shipping/service.yaml", "service: shipping\n"),
    ]))
}

/// The findings where `shipping` consumes an event of `orders` like this.
fn of_consumption(said: &str) -> String {
    let service = format!("service: shipping\nconsumes:\n  {said}\n");
    findings(&files(&[("shipping/service.yaml", &service)]))
}

#[test]
fn messages_are_read_with_their_schemas_and_their_channels() {
    let loaded = loaded(&files(&[]));
    assert_eq!(loaded.findings, []);
    let orders = &loaded.workspace.services["orders"];
    let messaging = &orders.messaging;
    let names: Vec<&String> = messaging.provides.keys().collect();
    assert_eq!(names, ["order.created", "order.paid", "ship_order"]);
    let created = &messaging.provides["order.created"];
    assert_eq!(created.kind, MessageKind::Event);
    assert_eq!(created.description.as_deref(), Some("An order was taken."));
    let schema = |name: &str| messaging.provides[name].schema.unwrap();
    let named = |name| messaging.schemas.schema(schema(name)).name.as_deref();
    assert_eq!(named("order.created"), Some("order_created"));
    assert_eq!(named("order.paid"), Some("Paid"));
    assert_eq!(schema("ship_order"), schema("order.created"), "one text");
    let shared = messaging.schemas.at_pointer(schema("order.paid"), "/id");
    let shared = messaging.schemas.resolve(shared.unwrap());
    let own = messaging
        .schemas
        .at_pointer(schema("order.created"), "/order_id");
    assert_eq!(Some(shared), own, "one arena for all");
    assert!(messaging.provides["order.paid"].deprecated);
    assert_eq!(messaging.commands().count(), 1);

    let channel = loaded.workspace.channel(created).unwrap();
    assert_eq!(channel.transport, Transport::Kafka);
    assert_eq!(channel.address, "shop.orders");
    assert_eq!(channel.partitions.as_ref().unwrap().value, 12);
    let work = &loaded.workspace.settings.channels["work"];
    assert_eq!(
        (work.transport, work.kind),
        (Transport::Nats, ChannelKind::Queue)
    );
    assert_eq!(work.address, "work");
}

#[test]
fn what_is_said_of_consuming_lies_over_what_the_workspace_says() {
    let loaded = loaded(&files(&[]));
    let consumes = &loaded.workspace.services["shipping"].messaging.consumes;
    let settings = &loaded.workspace.settings.messaging;

    let ship = &consumes["orders/ship_order"];
    assert_eq!(ship.handler.value, "ship");
    assert!(matches!(&ship.id, MessageId::Pointer(at) if at.value == "/order_id"));
    let policy = ship.settings.over(settings).resolve();
    assert_eq!(policy.mode, InboxMode::Lease);
    assert_eq!(policy.retain.to_string(), "30d");
    assert_eq!(policy.attempts, 9);
    assert_eq!((policy.base.millis, policy.max.millis), (1_000, 600_000));
    assert_eq!(
        (policy.alert_depth, policy.alert_oldest.millis),
        (5, 600_000)
    );
    assert_eq!(policy.deadline.millis, 2_000);

    let plan = &consumes["orders/order.created"];
    assert_eq!(plan.order_by.as_ref().unwrap().value, OrderBy::None);
    let (service, message) = loaded.workspace.message(plan).unwrap();
    assert_eq!(service.name.value, "orders");
    assert!(!plan.is_ordered(message));
    let policy = plan.settings.over(settings).resolve();
    assert_eq!(policy.mode, InboxMode::Transaction);
    assert_eq!(policy.retain.to_string(), "14d");
    assert_eq!((policy.attempts, policy.max.millis), (3, 300_000));
    assert_eq!(
        policy.alert_oldest.millis,
        policy.dead_letter_retain.millis / 2
    );
}

#[test]
fn a_message_that_nobody_provides_is_told_with_what_was_meant() {
    insta::assert_snapshot!(of_consumption("order/order.created: { handler: a }"), @r"
    shipping/service.yaml:3:3 error unknown-message: there is no service `order` [order/order.created]
        expected: a service of this workspace, and a message that it provides
        help: did you mean `orders`?
    ");
    insta::assert_snapshot!(of_consumption("orders/order.craeted: { handler: a }"), @r"
    shipping/service.yaml:3:3 error unknown-message: `orders` provides no message `order.craeted` [orders/order.craeted]
        expected: one of its events or commands
        help: did you mean `order.created`?
    ");
    insta::assert_snapshot!(of_consumption("payments/order.paid: { handler: a }"), @r"
    shipping/service.yaml:3:3 error unknown-message: there is no service `payments` [payments/order.paid]
        expected: a service of this workspace, and a message that it provides
        help: did you mean `orders/order.paid`?
    ");
    insta::assert_snapshot!(of_consumption("order.paid: { handler: a }"), @r"
    shipping/service.yaml:3:3 error invalid-value: `order.paid` does not say whose message it is [order.paid]
        expected: the name of a service, `/`, and the name of its event or command
        help: write it like `payments/payment.settled`
    ");
}

#[test]
fn a_message_that_only_one_can_have_has_one_consumer() {
    let billing = "
service: billing
consumes:
  orders/ship_order: { handler: bill }
  orders/order.created: { handler: count }
";
    insta::assert_snapshot!(findings(&files(&[("zbilling/service.yaml", billing)])), @r"
    zbilling/service.yaml:4:3 error competing-consumers: `shipping` and `billing` both consume `ship_order` [orders/ship_order]
        expected: a command has exactly one consumer service
        help: let one of them publish an event that the other consumes
    ");
    let settings = "dovetail: 1\nchannels: { orders: { kind: queue }, work: {} }\n";
    let consume =
        |name| format!("service: {name}\nconsumes: {{ orders/order.paid: {{ handler: h }} }}\n");
    insta::assert_snapshot!(
        findings(&files(&[
            ("dovetail.yaml", settings),
            ("shipping/service.yaml", &consume("shipping")),
            ("billing/service.yaml", &consume("billing")),
        ])),
        @r"
        shipping/service.yaml:2:13 error competing-consumers: `billing` and `shipping` both consume `order.paid` [orders/order.paid]
            expected: a queue gives each message to one of them
            help: make the channel a topic, or consume it in one service
        "
    );
    let settings = "dovetail: 1\nchannels: { orders: { kind: queue }, work: {} }\n";
    let consume = |name, event| {
        format!("service: {name}\nconsumes: {{ orders/{event}: {{ handler: h }} }}\n")
    };
    insta::assert_snapshot!(
        findings(&files(&[
            ("dovetail.yaml", settings),
            ("shipping/service.yaml", &consume("shipping", "order.created")),
            ("billing/service.yaml", &consume("billing", "order.paid")),
        ])),
        @r"
        shipping/service.yaml:2:13 error competing-consumers: `billing` and `shipping` both consume from the queue `orders` [orders/order.created]
            expected: a queue gives each message to one of them, also a message that only the other one handles
            help: give each service a queue of its own, or make the channel a topic
        "
    );
}

#[test]
fn a_channel_is_declared_and_used() {
    let settings =
        "dovetail: 1\nchannels: { order: {}, work: {}, spare: {}, again: { address: work } }\n";
    insta::assert_snapshot!(findings(&files(&[("dovetail.yaml", settings)])), @r"
    dovetail.yaml:2:13 warning unused-channel: no message is carried by the channel `order` [order]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    dovetail.yaml:2:34 warning unused-channel: no message is carried by the channel `spare` [spare]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    dovetail.yaml:2:45 error invalid-value: two channels have the address `work` [again]
        expected: an address of its own, since a broker would take both for one
        help: use the first channel, or give this one another `address`
    dovetail.yaml:2:45 warning unused-channel: no message is carried by the channel `again` [again]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    orders/service.yaml:8:16 error unknown-channel: there is no channel `orders` to carry `order.created` [orders]
        expected: a channel that `dovetail.yaml` declares
        help: did you mean `order`?
    orders/service.yaml:10:67 error unknown-channel: there is no channel `orders` to carry `order.paid` [orders]
        expected: a channel that `dovetail.yaml` declares
        help: did you mean `order`?
    ");
}

#[test]
fn names_are_given_once() {
    let twice = "
service: orders
provides:
  events:
    order: { schema: events/order_created.yaml, channel: orders }
  commands:
    order: { schema: events/order_created.yaml, channel: work }
";
    let payments = "
service: payments
provides:
  events:
    order: { schema: order.yaml, channel: orders }
";
    let refunds = "
service: refunds
provides:
  events:
    order: { schema: order.yaml, channel: work }
";
    insta::assert_snapshot!(
        findings(&files(&[
            ("orders/service.yaml", twice),
            ("shipping/service.yaml", "service: shipping\n"),
            ("payments/service.yaml", payments),
            ("payments/order.yaml", "type: object\n"),
            ("refunds/service.yaml", refunds),
            ("refunds/order.yaml", "type: object\n"),
        ])),
        @r"
        orders/service.yaml:7:5 error duplicate-message: `order` is an event already, and cannot be a command as well [order]
            expected: one message of each name, since those who consume it go by that
            help: name an event for what happened, and a command for what is to be done
        payments/service.yaml:5:5 error duplicate-message: `orders` and `payments` both provide a message `order` [order]
            expected: a name of its own on the channel that both share
            help: name it for what is special about it, such as `refund.settled`
        refunds/service.yaml:5:5 warning duplicate-message: `orders` and `refunds` both provide a message `order` [order]
            expected: one message of each name, since people go by that
            help: name it for what is special about it, such as `refund.settled`
        "
    );
}

#[test]
fn a_key_is_a_member_that_every_payload_has() {
    assert_eq!(of_event("key: order_id"), "");
    insta::assert_snapshot!(of_event("key: ordr_id"), @r"
    orders/service.yaml:4:67 error unfit-key: the key of `e` is not there: it has no `ordr_id` [ordr_id]
        expected: a required member of the payload that is text or a whole number
        help: did you mean `order_id`?
    ");
    insta::assert_snapshot!(of_event("key: note"), @r"
    orders/service.yaml:4:67 error unfit-key: the key of `e` may be missing: `note` is not required [note]
        expected: a required member of the payload that is text or a whole number
        help: add `note` to `required` of the schema
    ");
    insta::assert_snapshot!(of_event("key: lines"), @r"
    orders/service.yaml:4:67 error unfit-key: the key of `e` may be a list [lines]
        expected: a required member of the payload that is text or a whole number
        help: choose another member, or narrow the type of this one
    ");
    insta::assert_snapshot!(of_consumption("orders/order.paid: { handler: a, order_by: key }"), @r"
    shipping/service.yaml:3:46 error unfit-key: `order.paid` has no key to be ordered by [key]
        expected: a message that says `key`
        help: give the message a `key`, or write `order_by: none`
    ");
}

#[test]
fn a_key_is_required_through_references_parts_and_every_branch() {
    let rows = [
        (
            "allOf: [ { required: [k] } ]\nproperties: { k: { type: string } }",
            true,
        ),
        (
            "$ref: '#/$defs/A'\n$defs: { A: { required: [k], properties: { k: { type: integer } } } }",
            true,
        ),
        (
            "oneOf: [ { required: [k], properties: { k: {} } }, { required: [k] } ]",
            true,
        ),
        (
            "oneOf: [ { required: [k], properties: { k: {} } }, { type: object } ]",
            false,
        ),
        (
            "required: [k]\nproperties: { k: { type: [string, 'null'] } }",
            false,
        ),
        ("required: [k]\nproperties: { k: { type: number } }", false),
        ("required: [k]\nproperties: { k: { enum: [a, b] } }", true),
        ("required: [k]", false),
        ("true", false),
        ("$ref: '#'", false),
    ];
    for (schema, fits) in rows {
        let service =
            "service: a\nprovides: { events: { e: { schema: e.yaml, channel: c, key: k } } }\n";
        let said = findings(&[
            ("dovetail.yaml", "dovetail: 1\nchannels: { c: {} }\n"),
            ("a/service.yaml", service),
            ("a/e.yaml", schema),
        ]);
        assert_eq!(!said.contains("unfit-key"), fits, "{schema}: {said}");
    }
}

#[test]
fn what_tells_duplicates_is_in_every_payload() {
    let of = |key: &str| {
        of_consumption(&format!(
            "orders/order.created: {{ handler: a, idempotency: {{ key: {key} }} }}"
        ))
    };
    assert_eq!(of("event_id"), "");
    assert_eq!(of("/order_id"), "");
    insta::assert_snapshot!(of("eventid"), @r"
    shipping/service.yaml:3:59 error invalid-value: `eventid` does not tell duplicates apart [eventid]
        expected: `event_id`, or a JSON pointer into the payload
        help: did you mean `event_id`?
    ");
    insta::assert_snapshot!(of("order_id"), @r"
    shipping/service.yaml:3:59 error invalid-value: `order_id` does not tell duplicates apart [order_id]
        expected: `event_id`, or a JSON pointer into the payload
        help: write `/order_id` if a member of the payload is meant
    ");
    insta::assert_snapshot!(of("/meta/id"), @r"
    shipping/service.yaml:3:59 error unfit-idempotency: the id of `order.created` may be missing: `meta` is not required [/meta/id]
        expected: `event_id`, or what every payload has as text or a whole number
        help: add `meta` to `required` of the schema
    ");
    insta::assert_snapshot!(of("/order_di"), @r"
    shipping/service.yaml:3:59 error unfit-idempotency: the id of `order.created` is not there: it has no `order_di` [/order_di]
        expected: `event_id`, or what every payload has as text or a whole number
        help: did you mean `order_id`?
    ");
    insta::assert_snapshot!(of("/lines/0/sku"), @r"
    shipping/service.yaml:3:59 error unfit-idempotency: the id of `order.created` may be missing: a list may have no element 0 [/lines/0/sku]
        expected: `event_id`, or what every payload has as text or a whole number
        help: choose a member that does not lie in a list
    ");
    insta::assert_snapshot!(of("/lines"), @r"
    shipping/service.yaml:3:59 error unfit-idempotency: the id of `order.created` may be a list [/lines]
        expected: `event_id`, or what every payload has as text or a whole number
        help: choose another member, or narrow the type of this one
    ");
}

#[test]
fn only_numbered_messages_are_consumed_by_offset() {
    let settings =
        "dovetail: 1\nchannels: { orders: { transport: rabbitmq }, work: { transport: sqs } }\n";
    let shipping = "service: shipping\nconsumes: { orders/order.paid: { handler: a, idempotency: { mode: offset } } }\n";
    insta::assert_snapshot!(
        findings(&files(&[("dovetail.yaml", settings), ("shipping/service.yaml", shipping)])),
        @r"
        shipping/service.yaml:2:67 error unfit-idempotency: messages of `rabbitmq` have no offsets to remember [offset]
            expected: `transaction` or `lease`
            help: remember each message: `mode: transaction`
        "
    );
    assert_eq!(
        of_consumption(
            "orders/order.paid: { handler: a, idempotency: { mode: offset, retain: 1s } }"
        ),
        ""
    );
}

#[test]
fn a_message_is_remembered_for_as_long_as_it_may_come_again() {
    let of = |said: &str| of_consumption(&format!("orders/order.paid: {{ handler: a, {said} }}"));
    assert_eq!(of("idempotency: { retain: 7d }"), "");
    insta::assert_snapshot!(of("idempotency: { retain: 2d }, dead_letter: { retain: 1d }"), @r"
    shipping/service.yaml:3:59 warning short-retention: `order.paid` is forgotten after 2d, and the broker may deliver it again for up to 3d [2d]
        expected: `idempotency.retain` of 3d or more
        help: write `idempotency: { retain: 3d }`
    ");
    insta::assert_snapshot!(of("dead_letter: { retain: 15d }"), @r"
    shipping/service.yaml:3:3 warning short-retention: `order.paid` is forgotten after 14d, and its dead letter may be replayed for up to 15d [orders/order.paid]
        expected: `idempotency.retain` of 15d or more
        help: write `idempotency: { retain: 15d }`
    ");
    insta::assert_snapshot!(of("retry: { attempts: 20, backoff: 1d..1d }"), @r"
    shipping/service.yaml:3:3 warning short-retention: `order.paid` is forgotten after 14d, and it may be tried again for up to 20d [orders/order.paid]
        expected: `idempotency.retain` of 20d or more
        help: write `idempotency: { retain: 20d }`
    ");
}

#[test]
fn what_is_not_a_message_is_told_where_it_stands() {
    let service = "
service: orders
provides:
  events:
    a/b: { schema: events/all.json, channel: orders }
    c: { schmea: x, channel: orders }
    d: { schema: order.avdl, channel: orders, content_type: application/x-protobuf, deprecated: maybe }
    e: { schema: '#/x', channel: orders }
    f: { schema: ../../x.yaml, channel: orders }
    g: { schema: openapi.yaml, channel: work }
    h: { schema: 'events/all.json#/$defs/Piad', channel: orders, key: id }
    i: { schema: events/non.yaml, channel: orders }
";
    insta::assert_snapshot!(
        findings(&files(&[
            ("orders/service.yaml", service),
            ("orders/openapi.yaml", super::API),
            ("shipping/service.yaml", "service: shipping\n"),
        ])),
        @r"
        orders/service.yaml:5:5 error invalid-value: `a/b` is not a name for an event [a/b]
            expected: up to 128 letters, digits, `.`, `_` and `-`, from a letter to a letter or digit
            help: write it like `order.created`
        orders/service.yaml:6:8 error missing-key: a message needs the key `schema` [{]
            expected: `schema:` with a value
            help: add `schema: …` here
        orders/service.yaml:6:10 error unknown-key: a message has no key `schmea` [schmea]
            expected: one of `schema`, `key`, `channel`, `description`, `content_type`, `deprecated`
            help: did you mean `schema`?
        orders/service.yaml:7:18 error unsupported-version: a payload in a `.avdl` file is not read [order.avdl]
            expected: an Avro schema as JSON, in a `.avsc` file
            help: let the tools of Avro turn it into `.avsc` files
        orders/service.yaml:7:61 error invalid-value: payloads are not written as `application/x-protobuf` [application/x-protobuf]
            expected: a media type of JSON, since payloads are written as JSON whatever describes them
            help: write `application/json`, or one that ends in `+json`
        orders/service.yaml:7:97 error wrong-type: `maybe` does not fit here [maybe]
            expected: `true` or `false` for `deprecated`
        orders/service.yaml:8:18 error invalid-value: `#/x` names no file ['#/x']
            expected: the path of a JSON Schema, relative to this file
            help: write it like `events/order_created.yaml`
        orders/service.yaml:9:18 error reference-outside: `../../x.yaml` leads out of the folder [../../x.yaml]
            expected: a path inside the folder, relative to this file
            help: put the file into the folder and name it by a relative path
        orders/service.yaml:10:18 error reference-kind: `openapi.yaml` is an OpenAPI document [openapi.yaml]
            expected: a schema
            help: name one of its schemas, as in `openapi.yaml#/components/schemas/Order`
        orders/service.yaml:11:18 error dangling-reference: `events/all.json#/$defs/Piad` leads nowhere ['events/all.json#/$defs/Piad']
            help: did you mean `Paid`?
        orders/service.yaml:12:18 error missing-file: there is no file `orders/events/non.yaml` [events/non.yaml]
        "
    );
}

#[test]
fn what_is_not_a_way_to_consume_is_told_where_it_stands() {
    let service = "
service: shipping
consumes:
  orders/order.created:
    handler: markPaid
    order_by: keys
    idempotency: { mode: leese, retain: 0s }
    retry: { attempts: 0, backoff: 1m..1s }
  orders/order.paid:
    handler: a
    retry: { backoff: 1m }
    dead_letter: { alert: { depth: none, age: 1m } }
    deadline: soon
  orders/ship_order: { handler: a, retry: { backoff: { base: 1s } } }
";
    insta::assert_snapshot!(findings(&files(&[("shipping/service.yaml", service)])), @r"
    shipping/service.yaml:5:14 error invalid-value: `markPaid` is not the name of a handler [markPaid]
        expected: up to 64 lower-case letters, digits and `_`, beginning with a letter
        help: write it like `mark_paid`
    shipping/service.yaml:6:15 error invalid-value: `keys` is not what handling is ordered by [keys]
        expected: one of `key`, `none`
        help: did you mean `key`?
    shipping/service.yaml:7:26 error invalid-value: `leese` is not a way to remember messages [leese]
        expected: one of `transaction`, `lease`, `offset`
        help: did you mean `lease`?
    shipping/service.yaml:7:41 error wrong-type: `0s` does not fit here [0s]
        expected: the time for which handled messages are remembered, longer than nothing
    shipping/service.yaml:8:24 error wrong-type: `0` does not fit here [0]
        expected: the number of attempts, a whole number from 1 to 100
    shipping/service.yaml:8:36 error invalid-value: the first wait of 1m is longer than the longest of 1s [1m..1s]
        expected: the shorter one first
        help: write `1s..1m`
    shipping/service.yaml:11:23 error wrong-type: `1m` does not fit here [1m]
        expected: the first and the longest wait, such as `1s..1m`
    shipping/service.yaml:12:36 error wrong-type: `none` does not fit here [none]
        expected: the number of dead letters that raises an alert, a whole number from 1 to 1000000
    shipping/service.yaml:12:42 error unknown-key: an alert for dead letters has no key `age` [age]
        expected: one of `depth`, `oldest`
    shipping/service.yaml:13:15 error wrong-type: `soon` does not fit here [soon]
        expected: the time for one attempt to handle a message, a length of time such as `300ms`, `1.5s` or `2m`
    shipping/service.yaml:14:33 error invalid-value: two messages have the handler `a` [a]
        expected: a handler for each message: duplicates are told by its name
        help: give this one a name of its own
    shipping/service.yaml:14:54 error missing-key: a backoff needs the key `max` [{]
        expected: `max:` with a value
        help: add `max: …` here
    ");
    let settings = "
dovetail: 1
channels:
  orders: { transport: kafk, kind: topics, partitions: 0, retention: 7 }
  work: { transport: sqs, address: a.b }
  '': {}
messaging: { transport: pigeon, idempotency: { key: event_id } }
";
    insta::assert_snapshot!(findings(&files(&[("dovetail.yaml", settings), ("shipping/service.yaml", "service: shipping\n")])), @r"
    dovetail.yaml:4:24 error invalid-value: `kafk` is not a transport [kafk]
        expected: one of `embedded`, `rabbitmq`, `kafka`, `nats`, `sqs`
        help: did you mean `kafka`?
    dovetail.yaml:4:36 error invalid-value: `topics` is not a kind of channel [topics]
        expected: one of `topic`, `queue`
        help: did you mean `topic`?
    dovetail.yaml:4:56 error wrong-type: `0` does not fit here [0]
        expected: the number of partitions, a whole number from 1 to 100000
    dovetail.yaml:4:70 error wrong-type: `7` does not fit here [7]
        expected: the time for which the broker keeps messages, a length of time such as `300ms`, `1.5s` or `2m`
    dovetail.yaml:5:36 error invalid-value: `a.b` is not an address for `sqs` [a.b]
        expected: up to 80 letters, digits, `_` and `-`, with `.fifo` at the end of an ordered one
        help: give the channel an `address` that its broker takes
    dovetail.yaml:6:3 error invalid-value: `` is not a name for a channel ['']
        expected: up to 128 letters, digits, `.`, `_` and `-`, from a letter to a letter or digit
        help: write it like `order.created`
    dovetail.yaml:7:25 error invalid-value: `pigeon` is not a transport [pigeon]
        expected: one of `embedded`, `rabbitmq`, `kafka`, `nats`, `sqs`
    dovetail.yaml:7:48 error unknown-key: how duplicates of all messages are told has no key `key` [key]
        expected: one of `retain`, `mode`
    ");
}

#[test]
fn what_is_wrong_with_a_file_that_payloads_share_is_said_once() {
    let parts = "Line: { type: object, type: string }\n";
    insta::assert_snapshot!(findings(&files(&[("orders/events/parts.yaml", parts)])), @r"
    orders/events/parts.yaml:1:23 error duplicate-key: the key `type` stands twice in one mapping [type]
        expected: each key once
        help: remove one of the two
    ");
}

#[test]
fn messages_are_taken_from_an_asyncapi_document_with_the_channels_of_the_workspace() {
    let settings = "
dovetail: 1
channels: { shop: { address: shop/orders }, work: {} }
";
    let api = "
asyncapi: 3.0.0
info: { title: Orders, version: 1.0.0 }
channels:
  orders:
    address: shop/orders
    messages:
      order.created: { payload: { $ref: events/order_created.yaml } }
  work:
    messages: { ship_order: {} }
operations: { ship: { action: receive, channel: { $ref: '#/channels/work' } } }
";
    let loaded = loaded(&files(&[
        ("dovetail.yaml", settings),
        (
            "orders/service.yaml",
            "service: orders\nprovides: { asyncapi: asyncapi.yaml }\n",
        ),
        ("orders/asyncapi.yaml", api),
        ("shipping/service.yaml", "service: shipping\n"),
    ]));
    assert_eq!(loaded.findings, []);
    let orders = &loaded.workspace.services["orders"].messaging;
    let names: Vec<&String> = orders.provides.keys().collect();
    assert_eq!(names, ["order.created", "ship_order"]);
    let created = &orders.provides["order.created"];
    assert_eq!(created.channel.as_ref().unwrap().value, "shop");
    assert_eq!(
        loaded.workspace.channel(created).unwrap().address,
        "shop/orders"
    );
}

#[test]
fn an_asyncapi_document_stands_alone_and_names_what_the_workspace_has() {
    let api = "
asyncapi: 2.6.0
info: { title: Orders, version: 1.0.0 }
channels:
  shop/{region}: { subscribe: { message: { name: order.created } } }
  orders: { subscribe: { message: { name: order.paid } } }
";
    let service = "service: orders\nprovides: { asyncapi: asyncapi.yaml }\n";
    let settings = "dovetail: 1\nchannels: { orders: {} }\n";
    let both = "service: orders\nprovides: { asyncapi: asyncapi.yaml, events: {} }\n";
    let of = |service| {
        findings(&files(&[
            ("dovetail.yaml", settings),
            ("orders/service.yaml", service),
            ("orders/asyncapi.yaml", api),
            ("shipping/service.yaml", "service: shipping\n"),
        ]))
    };
    insta::assert_snapshot!(of(service), @r"
    orders/asyncapi.yaml:5:3 error unknown-channel: there is no channel `shop/{region}` to carry `order.created` [shop/{region}]
        expected: a channel that `dovetail.yaml` declares
        help: declare a channel there that has this as its `address`
    ");
    insta::assert_snapshot!(of(both), @r"
    dovetail.yaml:2:13 warning unused-channel: no message is carried by the channel `orders` [orders]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    orders/service.yaml:2:38 error invalid-value: `asyncapi` and `events` both list messages [events]
        expected: one of both
        help: keep the document, or list all messages here
    ");
    insta::assert_snapshot!(of("service: orders\nprovides: { asyncapi: ../../x.yaml }\n"), @r"
    dovetail.yaml:2:13 warning unused-channel: no message is carried by the channel `orders` [orders]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    orders/service.yaml:2:23 error reference-outside: `../../x.yaml` leads out of the folder [../../x.yaml]
        expected: a path inside the folder, relative to this file
        help: put the file into the folder and name it by a relative path
    ");
}
