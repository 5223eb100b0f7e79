//! What the documents of each version become.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;

/// What is read of a document: its messages with what is known of each, and its findings.
fn read(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("asyncapi.yaml"), text).expect("it can be written");
    let mut files = Files::new(PathBuf::from(folder.path()));
    let document = files.read("asyncapi.yaml", None);
    let document = document.expect("the document is well-formed");
    let api = read_async_api(&mut files, &document);
    let (sources, mut findings) = files.into_parts();
    crate::finding::sort(&mut findings, &sources);
    let mut said = String::new();
    for (name, message) in &api.messaging.provides {
        let channel = message.channel.as_ref().expect("it is in one");
        let schema = message.schema.map(|id| {
            let id = api.messaging.schemas.resolve(id);
            let schema = api.messaging.schemas.schema(id);
            let names: Vec<&String> = schema.object.properties.keys().collect();
            format!("{names:?}")
        });
        writeln!(
            said,
            "{:?} {name} on {} as {}: {}",
            message.kind,
            channel.value,
            message.content_type,
            schema.unwrap_or_default()
        )
        .expect("memory takes it");
    }
    for finding in findings {
        let place = sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        writeln!(said, "{place} {severity} {code}: {}", finding.message).expect("memory takes it");
    }
    said
}

#[test]
fn channels_of_version_three_hold_messages_that_operations_send_or_receive() {
    let text = "
asyncapi: 3.0.0
info: { title: Shop, version: 1.0.0 }
defaultContentType: application/cloudevents+json
channels:
  orders:
    address: shop/orders
    messages:
      created: { $ref: '#/components/messages/Created' }
      placed: { payload: { properties: { p: {} } }, contentType: application/json }
      image: { contentType: image/png, payload: { type: string } }
      seen: { traits: [ { contentType: application/vnd.x+json } ] }
  work:
    address: null
    messages:
      created: { $ref: '#/components/messages/Created' }
      do: { payload: { schemaFormat: application/schema+json;version=draft-07, schema: { properties: { d: {} } } } }
      did: { payload: { schemaFormat: application/vnd.apache.avro;version=1.9.0, schema: { type: record, name: A, fields: [] } } }
operations:
  tell: { action: send, channel: { $ref: '#/channels/orders' }, messages: [ { $ref: '#/channels/orders/messages/created' } ] }
  take: { action: receive, channel: { $ref: '#/channels/orders' }, messages: [ { $ref: '#/channels/orders/messages/placed' } ] }
  work:
    action: receive
    channel: { $ref: '#/channels/work' }
    reply: { channel: { $ref: '#/channels/work' }, messages: [ { $ref: '#/channels/work/messages/did' } ] }
components:
  messages:
    Created: { payload: { $ref: '#/components/schemas/Order' } }
  schemas:
    Order: { type: object, properties: { id: { type: string } } }
";
    insta::assert_snapshot!(read(text), @r#"
    Event created on orders as application/cloudevents+json: ["id"]
    Event image on orders as application/json: 
    Event seen on orders as application/vnd.x+json: []
    Event did on work as application/cloudevents+json: []
    Command placed on orders as application/json: ["p"]
    Command work.created on work as application/cloudevents+json: ["id"]
    Command do on work as application/cloudevents+json: ["d"]
    asyncapi.yaml:11:7 error unsupported-version: a payload of `image/png` is not read
    asyncapi.yaml:18:39 note written-as-json: the payload is described by an Avro schema, and is written as JSON
    "#);
}

#[test]
fn channels_of_version_two_are_addresses_with_operations() {
    let text = "
asyncapi: 2.6.0
info: { title: Shop, version: 1.0.0 }
channels:
  shop/{region}/orders:
    subscribe:
      message:
        oneOf:
          - $ref: '#/components/messages/created'
          - { name: order.paid, payload: { properties: { paid: {} } } }
          - { payload: { properties: { other: {} } } }
    publish: { operationId: place, message: { payload: { properties: { p: {} } } } }
  audit:
    subscribe: { message: { $ref: '#/components/messages/created' } }
    publish: { message: { $ref: '#/components/messages/created' } }
  avro: { publish: { message: { schemaFormat: application/vnd.google.protobuf, payload: { type: record } } } }
components:
  messages:
    created: { payload: { properties: { id: {} } } }
";
    insta::assert_snapshot!(read(text), @r#"
    Event created on shop/{region}/orders as application/json: ["id"]
    Event order.paid on shop/{region}/orders as application/json: ["paid"]
    Event shop__region__orders.3 on shop/{region}/orders as application/json: ["other"]
    Event audit.created on audit as application/json: ["id"]
    Command place on shop/{region}/orders as application/json: ["p"]
    Command avro on avro as application/json: 
    asyncapi.yaml:16:47 error unsupported-version: a payload in the format `application/vnd.google.protobuf` is not read
    "#);
}

#[test]
fn what_is_no_document_of_a_version_that_is_read_is_refused() {
    for text in [
        "[]",
        "a: 1",
        "asyncapi: 1.2.0",
        "asyncapi: 2.7.0",
        "asyncapi: 4.0.0",
        "asyncapi: {}",
    ] {
        let said = read(text);
        let is_refused = said.contains("missing-key") || said.contains("unsupported-version");
        assert!(is_refused, "{text}: {said}");
    }
}

#[test]
fn what_is_misshapen_is_said_and_left_out() {
    let text = "
asyncapi: 3.1.0
channels:
  a: []
  b: { messages: [] }
  c: { messages: { x: 1, y: { $ref: '#/nowhere' }, z: { $ref: '#/channels/c/messages/z' } } }
operations:
  o: { action: send, channel: { $ref: '#/components/schemas/S' } }
components: { schemas: { S: {} } }
";
    insta::assert_snapshot!(read(text), @r"
    asyncapi.yaml:4:3 warning wrong-type: `a` is a list
    asyncapi.yaml:5:8 warning wrong-type: `messages` is a list
    asyncapi.yaml:6:23 error wrong-type: `x` is a number
    asyncapi.yaml:6:37 error dangling-reference: `#/nowhere` leads nowhere
    asyncapi.yaml:6:63 error reference-cycle: `#/channels/c/messages/z` leads back to itself
    asyncapi.yaml:8:39 error reference-kind: `#/components/schemas/S` leads to a schema
    ");
}

#[test]
fn what_is_referred_to_from_everywhere_is_not_read_for_ever() {
    let messages: String = (0..500).map(|n| format!("    m{n}: {{}}\n")).collect();
    let channels: String = (0..500)
        .map(|n| format!("  c{n}: {{$ref: '#/components/channels/c'}}\n"))
        .collect();
    let text = format!(
        "asyncapi: 3.0.0\ninfo: {{title: t, version: v}}\nchannels:\n{channels}components:\n  channels:\n   c:\n    messages:\n{}",
        messages.replace("    m", "     m")
    );
    assert!(read(&text).contains("too-large"));
}

/// What is read of the channels of a document, the keys of its messages, and its findings.
fn hints(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("asyncapi.yaml"), text).expect("it can be written");
    let loaded = crate::load::load_asyncapi(folder.path(), "asyncapi.yaml");
    let api = loaded.api.expect("it is a document");
    let mut said = String::new();
    for (name, channel) in &api.channels {
        writeln!(said, "{name}: {:?} {:?}", channel.kind, channel.transport)
            .expect("memory takes it");
    }
    for (name, message) in &api.messaging.provides {
        let key = message.key.as_ref().map(|key| key.value.as_str());
        writeln!(said, "{name}: {key:?} {}", message.deprecated).expect("memory takes it");
    }
    for finding in &loaded.findings {
        let place = loaded.sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        writeln!(said, "{place} {severity} {code}: {}", finding.message).expect("memory takes it");
    }
    said
}

#[test]
fn what_tells_of_brokers_is_taken_where_it_can_mean_but_one_thing() {
    let three = "
asyncapi: 3.0.0
info: { title: Shop, version: 1.0.0 }
servers:
  stream: { host: a, protocol: kafka-secure }
  queue: { host: b, protocol: AMQP }
  other: { host: c, protocol: mqtt }
channels:
  several: { messages: { a: { payload: {} } } }
  stream: { servers: [ { $ref: '#/servers/stream' } ], messages: { b: { $ref: '#/components/messages/keyed' } } }
  queue: { servers: [ { $ref: '#/servers/queue' } ], bindings: { amqp: { is: queue } } }
  topic: { bindings: { amqp: { is: routingKey } } }
  bound: { bindings: { sqs: {} } }
  unknown: { servers: [ { $ref: '#/servers/other' } ] }
  said: { bindings: { kafka: {} }, x-dovetail-kind: queue, x-dovetail-transport: nats }
  wrong: { x-dovetail-kind: none, x-dovetail-transport: 1 }
components:
  messages:
    keyed:
      payload: { $ref: '#/components/schemas/order' }
      bindings: { kafka: { key: { $ref: '#/components/schemas/order/properties/order~1id' } } }
      x-dovetail-deprecated: true
    typed: { payload: {}, bindings: { kafka: { key: { type: string } } } }
    named: { payload: {}, bindings: { kafka: { key: { type: string } } }, x-dovetail-key: id }
    foreign: { payload: {}, x-dovetail-provider: b }
  schemas:
    order: { required: [order/id], properties: { order/id: { type: string } } }
  channels:
    more: {}
";
    let more = "  more: { messages: { c: { $ref: '#/components/messages/typed' }, d: { $ref: '#/components/messages/named' }, e: { $ref: '#/components/messages/foreign' } }, bindings: { nats: {} } }
components:";
    let three = three.replacen("components:", more, 1);
    let two = "
asyncapi: 2.6.0
info: { title: Shop, version: 1.0.0 }
servers: { one: { url: a, protocol: nats }, two: { url: b, protocol: ibmmq } }
channels: { a: { servers: [one] }, b: { servers: [two] }, c: { servers: [none] } }
";
    insta::assert_snapshot!(hints(&three) + &hints(two));
}
