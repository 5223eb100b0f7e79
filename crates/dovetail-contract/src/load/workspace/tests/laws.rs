//! What is said where a channel does not do what is asked of it.

use super::findings;

const EVENT: &str = "type: object\nrequired: [id]\nproperties: { id: { type: string } }\n";

/// The findings where `orders` has an event and a command with a key on a channel that says this, and `shipping` handles the event like that.
fn of(channel: &str, consumption: &str) -> String {
    let settings = format!("dovetail: 1\nchannels: {{ c: {{ {channel} }} }}\n");
    let orders =
        "service: orders\nprovides: { events: { e: { schema: e.yaml, channel: c, key: id } } }\n";
    let shipping =
        format!("service: shipping\nconsumes: {{ orders/e: {{ handler: h, {consumption} }} }}\n");
    findings(&[
        ("dovetail.yaml", &settings),
        ("orders/service.yaml", orders),
        ("orders/e.yaml", EVENT),
        ("shipping/service.yaml", &shipping),
    ])
}

#[test]
fn an_order_that_a_broker_does_not_keep_is_told() {
    insta::assert_snapshot!(of("transport: nats", "order_by: key"), @r"
    shipping/service.yaml:2:47 warning unkept-law: `e` is handled by its key, and NATS does not keep the order of keys: two messages under way at once may overtake each other [key]
        expected: a channel that keeps the order of keys
        help: set `keeps_keys: true` on the channel, which handles one message of a group at a time, or write `order_by: none`
    ");
    insta::assert_snapshot!(of("transport: sqs", "deadline: 1s"), @r"
    shipping/service.yaml:2:13 warning unkept-law: `e` is handled by its key, and a standard queue of Amazon brings messages in any order and may bring one twice at once [orders/e]
        expected: a channel that keeps the order of keys
        help: give the channel an `address` that ends in `.fifo` (with SNS; EventBridge keeps no order), or write `order_by: none`
    ");
    insta::assert_snapshot!(of("transport: rabbitmq, keeps_keys: false", ""), @r"
    shipping/service.yaml:2:13 warning unkept-law: `e` is handled by its key, and without one active consumer RabbitMQ does not keep the order of keys: two messages under way at once may overtake each other [orders/e]
        expected: a channel that keeps the order of keys
        help: remove `keeps_keys: false` from the channel, or write `order_by: none`
    ");
    for (channel, consumption) in [
        ("transport: nats, keeps_keys: true", ""),
        ("transport: nats", "order_by: none"),
        ("transport: nats", "idempotency: { mode: lease }"),
        ("transport: sqs, address: c.fifo", ""),
        ("transport: sqs", "order_by: none"),
        ("transport: rabbitmq", ""),
        ("transport: kafka", ""),
        ("transport: embedded", ""),
    ] {
        assert_eq!(of(channel, consumption), "", "{channel} {consumption}");
    }
}

#[test]
fn a_command_that_nobody_names_is_looked_at_as_well() {
    let of = |channel: &str| {
        findings(&[
            (
                "dovetail.yaml",
                &format!("dovetail: 1\nchannels: {{ c: {{ {channel} }} }}\n"),
            ),
            (
                "desk/service.yaml",
                "service: desk\nprovides: { commands: { hold: { schema: e.yaml, channel: c, key: id } } }\n",
            ),
            ("desk/e.yaml", EVENT),
        ])
    };
    insta::assert_snapshot!(of("transport: nats"), @r"
    desk/service.yaml:2:25 warning unkept-law: `hold` is handled by its key, and NATS does not keep the order of keys: two messages under way at once may overtake each other [hold]
        expected: a channel that keeps the order of keys
        help: set `keeps_keys: true` on the channel, which handles one message of a group at a time, or name the command under `consumes` with `order_by: none`
    ");
    insta::assert_snapshot!(of("transport: kafka, retention: 9d"), @r"
    desk/service.yaml:2:25 warning short-retention: `hold` is forgotten after 7d, and the broker may deliver it again for up to 9d [hold]
        expected: `idempotency.retain` of 9d or more
        help: write `idempotency: { retain: 9d }`
    ");
}

#[test]
fn a_wait_and_a_lease_that_sqs_does_not_have_are_told() {
    let long = "order_by: none, retry: { backoff: 1s..13h }";
    insta::assert_snapshot!(of("transport: sqs", long), @r"
    shipping/service.yaml:2:71 warning unkept-law: `e` may wait 13h for its next attempt, and Amazon SQS gives a message back after twelve hours at most [1s..13h]
        expected: waits of up to 12h
        help: write a shorter `backoff`
    ");
    assert_eq!(
        of(
            "transport: sqs, address: c.fifo",
            "retry: { backoff: 1s..13h }"
        ),
        ""
    );
    insta::assert_snapshot!(of("transport: sqs", "idempotency: { mode: lease }"), @r"
    shipping/service.yaml:2:58 note unkept-law: a standard queue of Amazon may bring `e` to two receivers at once: the second one waits for the lease of the first [lease]
        help: an `address` that ends in `.fifo` brings each message to one of them
    ");
}

#[test]
fn what_a_broker_has_no_use_for_is_told() {
    let of = |channel: &str| of(channel, "order_by: none");
    insta::assert_snapshot!(of("partitions: 3, retention: 3d, keeps_keys: false"), @r"
    dovetail.yaml:2:30 warning unused-setting: `partitions` does nothing on a channel of the embedded broker [3]
        expected: nothing: only Kafka splits channels into partitions
        help: remove `partitions`
    dovetail.yaml:2:44 warning unused-setting: `retention` does nothing on a channel of the embedded broker [3d]
        expected: nothing: it keeps messages until their consumers have them
        help: remove `retention`
    dovetail.yaml:2:60 warning unused-setting: `keeps_keys` does nothing on a channel of the embedded broker [false]
        expected: nothing: it always keeps the order of keys
        help: remove `keeps_keys`
    ");
    insta::assert_snapshot!(of("transport: rabbitmq, partitions: 3, retention: 3d"), @r"
    dovetail.yaml:2:51 warning unused-setting: `partitions` does nothing on a channel of RabbitMQ [3]
        expected: nothing: only Kafka splits channels into partitions
        help: remove `partitions`
    dovetail.yaml:2:65 warning unused-setting: `retention` does nothing on a channel of RabbitMQ [3d]
        expected: a policy of the broker, which is where RabbitMQ has it
        help: remove `retention`
    ");
    insta::assert_snapshot!(of("transport: nats, partitions: 3, retention: 3d"), @r"
    dovetail.yaml:2:47 warning unused-setting: `partitions` does nothing on a channel of NATS [3]
        expected: nothing: only Kafka splits channels into partitions
        help: remove `partitions`
    ");
    insta::assert_snapshot!(of("transport: sqs, partitions: 3, retention: 15d"), @r"
    dovetail.yaml:2:46 warning unused-setting: `partitions` does nothing on a channel of Amazon SQS [3]
        expected: nothing: only Kafka splits channels into partitions
        help: remove `partitions`
    dovetail.yaml:2:60 error invalid-value: Amazon SQS keeps no message for 15d [15d]
        expected: `1m` to `14d`
        help: write a time between them
    shipping/service.yaml:2:13 warning short-retention: `e` is forgotten after 7d, and the broker may deliver it again for up to 15d [orders/e]
        expected: `idempotency.retain` of 15d or more
        help: write `idempotency: { retain: 15d }`
    ");
    insta::assert_snapshot!(of("transport: sqs, keeps_keys: true"), @r"
    dovetail.yaml:2:46 error invalid-value: a standard queue keeps no order of keys [true]
        expected: what the address says: it ends in `.fifo` where the order of keys is kept
        help: give the channel an `address` that ends in `.fifo`
    ");
    insta::assert_snapshot!(of("transport: sqs, keeps_keys: false, address: c.fifo, retention: 59s"), @r"
    dovetail.yaml:2:46 error invalid-value: a first-in-first-out queue keeps the order of keys [false]
        expected: what the address says: it ends in `.fifo` where the order of keys is kept
        help: give the channel an `address` without `.fifo`
    dovetail.yaml:2:81 error invalid-value: Amazon SQS keeps no message for 59s [59s]
        expected: `1m` to `14d`
        help: write a time between them
    ");
    assert_eq!(of("transport: kafka, partitions: 3, retention: 3d"), "");
}

#[test]
fn one_queue_of_amazon_is_not_two_channels() {
    let settings = "dovetail: 1\nchannels: { a: { transport: sqs, address: x }, b: { transport: sqs, address: x.fifo } }\n";
    insta::assert_snapshot!(findings(&[("dovetail.yaml", settings), ("a/service.yaml", "service: a\n")]), @r"
    dovetail.yaml:2:13 warning unused-channel: no message is carried by the channel `a` [a]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    dovetail.yaml:2:48 error invalid-value: two channels have the address `x.fifo` [b]
        expected: an address of its own, since a broker would take both for one
        help: use the first channel, or give this one another `address`
    dovetail.yaml:2:48 warning unused-channel: no message is carried by the channel `b` [b]
        expected: an event or a command of a service that names it
        help: name it as the `channel` of a message, or remove it
    ");
}

#[test]
fn a_queue_has_one_service_for_all_that_it_carries() {
    let desk = |name: &str| {
        format!(
            "service: {name}\nprovides: {{ commands: {{ {name}.do: {{ schema: e.yaml, channel: work }}, {name}.undo: {{ schema: e.yaml, channel: work }} }} }}\n"
        )
    };
    let of = |kind: &str| {
        findings(&[
            (
                "dovetail.yaml",
                &format!("dovetail: 1\nchannels: {{ work: {{ kind: {kind} }} }}\n"),
            ),
            ("a/service.yaml", &desk("a")),
            ("a/e.yaml", EVENT),
            ("b/service.yaml", &desk("b")),
            ("b/e.yaml", EVENT),
        ])
    };
    insta::assert_snapshot!(of("queue"), @r"
    b/service.yaml:2:25 error competing-consumers: `a` and `b` both take messages of the queue `work` [b.do]
        expected: one service for all messages of a queue, which gives each of them to whoever asks
        help: make the channel a topic, or give this service a queue of its own
    ");
    assert_eq!(of("topic"), "");
}

#[test]
fn a_service_has_its_channels_in_one_kind_of_broker() {
    let settings =
        "dovetail: 1\nchannels: { a: { transport: kafka }, b: { transport: rabbitmq } }\n";
    let events =
        |name: &str, channel: &str| format!("{name}: {{ schema: e.yaml, channel: {channel} }}");
    let orders = format!(
        "service: orders\nprovides: {{ events: {{ {}, {} }} }}\n",
        events("x", "a"),
        events("y", "b")
    );
    let shipping = format!(
        "service: shipping\nprovides: {{ events: {{ {} }} }}\nconsumes: {{ orders/x: {{ handler: h }} }}\n",
        events("z", "b")
    );
    insta::assert_snapshot!(
        findings(&[
            ("dovetail.yaml", settings),
            ("orders/service.yaml", &orders),
            ("orders/e.yaml", EVENT),
            ("shipping/service.yaml", &shipping),
            ("shipping/e.yaml", EVENT),
        ]),
        @r"
        orders/service.yaml:2:88 error mixed-transports: `orders` has channels in Kafka and in RabbitMQ [b]
            expected: one kind of broker for all that a service publishes and consumes
            help: give its channels one `transport`
        shipping/service.yaml:3:13 error mixed-transports: `shipping` has channels in RabbitMQ and in Kafka [orders/x]
            expected: one kind of broker for all that a service publishes and consumes
            help: give its channels one `transport`
        "
    );
}

#[test]
fn a_handler_has_a_name_that_no_own_command_has() {
    let settings = "dovetail: 1\nchannels: { c: {} }\n";
    let of = |handler: &str| {
        let desk = format!(
            "service: desk\nprovides: {{ events: {{ held: {{ schema: e.yaml, channel: c }} }}, commands: {{ hold: {{ schema: e.yaml, channel: c }} }} }}\nconsumes: {{ desk/held: {{ handler: {handler} }} }}\n"
        );
        findings(&[
            ("dovetail.yaml", settings),
            ("desk/service.yaml", &desk),
            ("desk/e.yaml", EVENT),
        ])
    };
    assert_eq!(of("note"), "");
    insta::assert_snapshot!(of("hold"), @r"
    desk/service.yaml:3:35 error invalid-value: two messages have the handler `hold` [hold]
        expected: a handler for each message: duplicates are told by its name
        help: give this one another name, or name the command under `consumes`
    ");
}

#[test]
fn both_is_a_way_to_remember_messages_of_kafka() {
    let said = "idempotency: { mode: both }";
    assert_eq!(of("transport: kafka", said), "");
    insta::assert_snapshot!(of("transport: embedded", said), @r"
    shipping/service.yaml:2:58 error unfit-idempotency: messages of `embedded` have no offsets to remember [both]
        expected: `transaction` or `lease`
        help: remember each message: `mode: transaction`
    ");
}
