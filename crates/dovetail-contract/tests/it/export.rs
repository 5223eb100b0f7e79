//! What is written loads again as what it was made of.

use std::path::{Path, PathBuf};

use dovetail_contract::contract::Workspace;
use dovetail_contract::export::{self, Item};
use dovetail_contract::finding::Finding;
use dovetail_contract::load::{Loaded, LoadedAsyncApi, load, load_asyncapi};

use crate::{same, shared};

/// A document as it is read again, in both forms.
fn again(document: &Item) -> Vec<LoadedAsyncApi> {
    let forms = [
        ("a.yaml", document.to_yaml()),
        ("a.json", document.to_json()),
    ];
    let read = forms.into_iter().map(|(path, text)| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join(path), &text).expect("it can be written");
        let loaded = load_asyncapi(folder.path(), path);
        let said: Vec<&str> = loaded
            .findings
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        assert!(said.is_empty(), "{said:?}\n{text}");
        loaded
    });
    read.collect()
}

/// Every service of a workspace comes back from its document.
fn comes_back(workspace: &Workspace) -> usize {
    let mut count = 0;
    for service in workspace.services.values() {
        let Some(document) = export::asyncapi(workspace, service) else {
            continue;
        };
        for loaded in again(&document) {
            let api = loaded.api.expect("it is a document");
            let compared = same::messages(&service.messaging, &api.messaging);
            assert_eq!(
                compared,
                Ok(()),
                "{}\n{}",
                service.name.value,
                document.to_yaml()
            );
            assert_eq!(api.title, service.name.value);
            for message in service.messaging.provides.values() {
                let name = &message.channel.as_ref().expect("it has one").value;
                let channel = &workspace.settings.channels[name];
                let read = &api.channels[name];
                assert_eq!(read.address.as_ref(), Some(&channel.address));
                assert_eq!(read.kind, Some(channel.kind));
                assert_eq!(read.transport, Some(channel.transport));
            }
        }
        count += service.messaging.provides.len();
    }
    count
}

fn workspace(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    let loaded = load(folder.path());
    let errors: Vec<_> = loaded
        .findings
        .iter()
        // One document is to hold every kind of broker, which no service that runs may have.
        .filter(|finding| finding.is_error() && finding.code.id != "mixed-transports")
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    loaded
}

const SETTINGS: &str = "
dovetail: 1
channels:
  orders: { kind: topic, transport: kafka, address: shop.orders, partitions: 12, retention: 7d }
  work: { kind: queue, transport: rabbitmq }
  jobs: { kind: queue, transport: sqs, address: jobs.fifo }
  news: { kind: topic, transport: nats, address: news.all }
  own: {}
";

const ORDERS: &str = "
service: orders
version: 1.4.0
owner: commerce
summary: Takes orders.
provides:
  events:
    order.created: { schema: order.yaml, channel: orders, key: order_id, description: \"One.\\nTwo: *three*.\" }
    order.kept: { schema: 'odd.yaml#/$defs/a b', channel: news, deprecated: true, content_type: application/vnd.shop+json }
    order.gone: { schema: order.yaml, channel: own }
  commands:
    place_order: { schema: odd.yaml, channel: work }
consumes:
  payments/payment.settled: { handler: mark_paid }
";

const PAYMENTS: &str = "
service: payments
provides:
  events:
    payment.settled: { schema: payment.yaml, channel: jobs, key: id }
";

const ORDER: &str = "
type: object
title: An order
required: [order_id]
properties:
  order_id: { type: string, minLength: 1, pattern: '^o-' }
  lines: { type: array, items: { $ref: '#/$defs/line' }, minItems: 1 }
  money: { $ref: '#/$defs/money', description: What is to be paid. }
  big: { type: integer, maximum: 100000000000000000000000 }
  rate: { type: number, exclusiveMinimum: 0, multipleOf: 0.01 }
  state: { enum: [open, 1, null, { a: [1.5] }], x-enum-varnames: [Open, One, None, Odd] }
  parent: { $ref: '#' }
  of: { oneOf: [ { $ref: '#/$defs/cat' }, { $ref: '#/$defs/dog' } ], discriminator: { propertyName: kind, mapping: { meow: '#/$defs/cat' } } }
additionalProperties: false
$defs:
  line: { type: object, properties: { sku: { type: string, examples: [a, b] }, of: { type: array, items: { $ref: '#/$defs/line' } } } }
  money: { type: object, properties: { amount: { type: string, format: decimal, default: '0.00' } }, externalDocs: { url: 'https://example.org' } }
  cat: { type: object, required: [kind], properties: { kind: { const: cat } } }
  dog: { type: object, required: [kind], properties: { kind: { const: dog }, deep: { $ref: '#/$defs/line/properties/sku' } } }
";

const ODD: &str = "
$defs:
  a b: { type: [string, 'null'], contentEncoding: base64, contentMediaType: application/json, contentSchema: { type: object } }
  never: false
type: object
prefixItems: [ { type: string }, { $ref: '#/$defs/never' } ]
items: { type: integer }
unevaluatedProperties: false
propertyNames: { maxLength: 10 }
patternProperties: { '^x-': true }
dependentRequired: { a: [b, c], b: [a] }
dependentSchemas: { a: { minProperties: 2 }, c: { required: [d] } }
if: { required: [a] }
then: { properties: { a: { not: { type: 'null' } } } }
else: { maxProperties: 3 }
contains: { type: string }
minContains: 2
allOf: [ { $ref: '#/$defs/a b', maxLength: 3 }, { type: object, title: 'null', deprecated: true, readOnly: true } ]
";

const PAYMENT: &str = "{ type: object, required: [id], properties: { id: { type: integer } } }";

#[test]
fn every_message_comes_back_with_all_that_its_payload_says() {
    let loaded = workspace(&[
        ("dovetail.yaml", SETTINGS),
        ("orders/service.yaml", ORDERS),
        ("orders/order.yaml", ORDER),
        ("orders/odd.yaml", ODD),
        ("payments/service.yaml", PAYMENTS),
        ("payments/payment.yaml", PAYMENT),
    ]);
    assert_eq!(comes_back(&loaded.workspace), 5);
    let payments = &loaded.workspace.services["payments"];
    let document = export::asyncapi(&loaded.workspace, payments).expect("it has messages");
    insta::assert_snapshot!(document.to_yaml());
    let orders = &loaded.workspace.services["orders"];
    let document = export::asyncapi(&loaded.workspace, orders).expect("it has messages");
    insta::assert_snapshot!(document.to_yaml());
}

#[test]
fn payloads_of_other_formats_come_back() {
    let avro = r#"{ "type": "record", "name": "shop.Order", "doc": "An order.", "fields": [
      { "name": "id", "type": { "type": "string", "logicalType": "uuid" } },
      { "name": "state", "type": { "type": "enum", "name": "State", "symbols": ["OPEN", "DONE"] }, "default": "OPEN", "doc": "How it is." },
      { "name": "note", "type": ["null", "string"], "default": null },
      { "name": "hash", "type": { "type": "fixed", "name": "Md5", "size": 16 } },
      { "name": "parent", "type": ["null", "shop.Order"] },
      { "name": "paid", "type": ["string", "long", { "type": "map", "values": "State" }] }
    ] }"#;
    let proto = "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message Order { string id = 1; int64 n = 2;
      oneof of { string a = 3; bytes b = 4; } repeated Order parts = 5; map<string, State> states = 6; google.protobuf.Timestamp at = 7; }
      enum State { OPEN = 0; DONE = 1; }";
    let proto_event = "proto: { schema: 'order.proto#Order', channel: own, key: id }";
    let service = format!(
        "service: a\nprovides: {{ events: {{ avro: {{ schema: order.avsc, channel: own, key: id }}, {} }} }}\n",
        if cfg!(feature = "proto") {
            proto_event
        } else {
            ""
        }
    );
    let loaded = workspace(&[
        ("dovetail.yaml", "dovetail: 1\nchannels: { own: {} }\n"),
        ("a/service.yaml", &service),
        ("a/order.avsc", avro),
        ("a/order.proto", proto),
    ]);
    let expected = if cfg!(feature = "proto") { 2 } else { 1 };
    assert_eq!(comes_back(&loaded.workspace), expected);
}

#[test]
fn the_contracts_of_the_repository_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in ["contracts", "tests/golden/contracts"] {
        let loaded = load(&root.join(folder));
        comes_back(&loaded.workspace);
    }
}

#[test]
fn every_example_comes_back_as_a_document_of_version_three() {
    let mut count = 0;
    for name in [
        "spec-examples-v2.6.0",
        "spec-examples-v3.0.0",
        "spec-examples-v3.1.0",
        "parser-js-mocks",
    ] {
        let Some(folder) = shared::folder(&format!("conformance/asyncapi/{name}")) else {
            return;
        };
        for path in shared::documents(&folder) {
            count += usize::from(example_comes_back(&folder, &path));
        }
    }
    assert!(count >= 60, "only {count}");
}

fn example_comes_back(folder: &Path, path: &PathBuf) -> bool {
    let text = std::fs::read_to_string(path).expect("it can be read");
    if !text.contains("asyncapi:") {
        return false;
    }
    let name = path.strip_prefix(folder).expect("it lies in the folder");
    let name = name.to_string_lossy().replace('\\', "/");
    let loaded = load_asyncapi(folder, &name);
    let Some(api) = loaded.api else {
        return false;
    };
    let document = export::asyncapi_of_document(&api);
    if loaded.findings.iter().any(Finding::is_error) {
        return false;
    }
    for loaded in again(&document) {
        let read = loaded.api.expect("it is a document");
        assert_eq!(
            same::messages(&api.messaging, &read.messaging),
            Ok(()),
            "{name}\n{}",
            document.to_yaml()
        );
        let channels = |api: &dovetail_contract::contract::AsyncApi| {
            let channels = api.channels.iter();
            let said = channels.map(|(name, channel)| {
                (
                    name.clone(),
                    channel.address.clone(),
                    channel.description.clone(),
                    channel.kind,
                    channel.transport,
                )
            });
            said.collect::<Vec<_>>()
        };
        assert_eq!(channels(&api), channels(&read), "{name}");
    }
    true
}
