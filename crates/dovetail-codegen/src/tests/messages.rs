//! Crates of messages and of consumers from whole workspaces: what is made, what collides, and that hostile text stays text.

use dovetail_contract::load;

use super::*;

const SETTINGS: &str = "dovetail: 1\nchannels: { shop: {} }\n";
const ORDER: &str = "type: object\nrequired: [id]\nproperties: { id: { type: string } }\n";

/// Generates from these files, after a check that they have no errors.
fn of_workspace(files: &[(&str, &str)]) -> Generated {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let loaded = load::load(folder.path());
    let errors: Vec<_> = loaded
        .findings
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| &finding.message)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    generate(&loaded.workspace, &loaded.sources)
}

fn names(generated: &Generated) -> Vec<&str> {
    let packages = generated.packages.iter();
    packages.map(|package| package.name.as_str()).collect()
}

/// Every file that is Rust parses, and is what a second run makes.
fn check(files: &[(&str, &str)]) -> Generated {
    let generated = of_workspace(files);
    assert!(generated.findings.iter().all(|finding| !finding.is_error()));
    for package in &generated.packages {
        for (path, text) in &package.files {
            if path.ends_with(".rs") {
                syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
            }
        }
    }
    assert_eq!(generated.packages, of_workspace(files).packages);
    generated
}

#[test]
fn there_is_a_crate_for_what_is_provided_and_one_for_what_is_consumed() {
    let generated = check(&[
        ("dovetail.yaml", SETTINGS),
        ("orders/order.yaml", ORDER),
        (
            "orders/service.yaml",
            "service: orders\nprovides:\n  events:\n    order.created: { schema: order.yaml, channel: shop }\n",
        ),
        (
            "mail/service.yaml",
            "service: mail\nconsumes:\n  orders/order.created: { handler: confirm }\n",
        ),
        ("idle/service.yaml", "service: idle\n"),
    ]);
    let mut names = names(&generated);
    names.sort_unstable();
    assert_eq!(names, ["mail-consumers", "orders-messages"]);
}

#[test]
fn a_command_that_nobody_consumes_is_handled_by_who_takes_it() {
    let provider = "service: desk\nprovides:\n  commands:\n    hold.it: { schema: order.yaml, channel: shop }\n";
    let consumer = "service: robot\nconsumes:\n  desk/hold.it: { handler: hold }\n";
    let alone = check(&[
        ("dovetail.yaml", SETTINGS),
        ("desk/order.yaml", ORDER),
        ("desk/service.yaml", provider),
    ]);
    assert_eq!(names(&alone), ["desk-messages", "desk-consumers"]);
    let routes = &alone.packages[1].files["src/routes.rs"];
    assert!(routes.contains(r#"name: "desk/desk/hold.it""#), "{routes}");
    let taken = check(&[
        ("dovetail.yaml", SETTINGS),
        ("desk/order.yaml", ORDER),
        ("desk/service.yaml", provider),
        ("robot/service.yaml", consumer),
    ]);
    let mut names = names(&taken);
    names.sort_unstable();
    assert_eq!(names, ["desk-messages", "robot-consumers"]);
}

#[test]
fn text_of_contracts_stays_text_in_crates_of_messages() {
    let evil = r#"\"]; */ } pub fn evil() {} //! {{ x }} ``` <script> \u202e"#;
    let settings = "dovetail: 1\nchannels: { shop: { address: \"a\\\"]b*/{}\" } }\n";
    let schema = format!(
        "description: \"{evil}\"\ntype: object\nrequired: ['k\"]']\nproperties: {{ 'k\"]': {{ type: string, description: \"{evil}\" }} }}\n"
    );
    let provider = format!(
        "service: orders\nsummary: \"{evil}\"\nprovides:\n  events:\n    order.created: {{ schema: order.yaml, channel: shop, key: 'k\"]', description: \"{evil}\" }}\n"
    );
    let consumer = "service: mail\nconsumes:\n  orders/order.created: { handler: confirm, idempotency: { key: '/k\"]' } }\n";
    let generated = check(&[
        ("dovetail.yaml", settings),
        ("orders/order.yaml", &schema),
        ("orders/service.yaml", &provider),
        ("mail/service.yaml", consumer),
    ]);
    for package in &generated.packages {
        for (path, text) in package
            .files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
        {
            let file = syn::parse_file(text).expect("Rust");
            let evil = file.items.iter().any(
                |item| matches!(item, syn::Item::Fn(function) if function.sig.ident == "evil"),
            );
            assert!(!evil, "{path}");
        }
    }
}

#[test]
fn names_that_collide_are_kept_apart() {
    let events: String = [
        "order.created",
        "order_created",
        "order-created",
        "OrderCreated",
        "new",
        "self",
        "crate",
        "super",
        "type",
        "match",
        "async",
        "a..b",
        "a__b",
        "publish",
        "Order9",
        "order_created_with_id",
    ]
    .map(|name| format!("    {name}: {{ schema: order.yaml, channel: shop }}\n"))
    .concat();
    let handlers = [
        "match", "self", "crate", "super", "r9", "async", "union", "box", "try", "gen",
    ];
    let names = [
        "order.created",
        "order_created",
        "order-created",
        "OrderCreated",
        "new",
        "self",
        "crate",
        "super",
        "type",
        "match",
    ];
    let consumes: String = names
        .iter()
        .zip(handlers)
        .map(|(name, handler)| format!("  orders/{name}: {{ handler: {handler} }}\n"))
        .collect();
    let generated = check(&[
        ("dovetail.yaml", SETTINGS),
        ("orders/order.yaml", ORDER),
        (
            "orders/service.yaml",
            &format!("service: orders\nprovides:\n  events:\n{events}"),
        ),
        (
            "mail/service.yaml",
            &format!("service: mail\nconsumes:\n{consumes}"),
        ),
    ]);
    let file = |package: &str, path: &str| {
        let mut packages = generated.packages.iter();
        let package = packages.find(|one| one.name == package).expect("a package");
        syn::parse_file(&package.files[path]).expect("Rust")
    };
    let methods = |items: &[syn::Item]| -> Vec<String> {
        let of = |item: &syn::Item| -> Vec<String> {
            match item {
                syn::Item::Impl(item) => item
                    .items
                    .iter()
                    .filter_map(|item| match item {
                        syn::ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
                        _ => None,
                    })
                    .collect(),
                syn::Item::Trait(item) => item
                    .items
                    .iter()
                    .filter_map(|item| match item {
                        syn::TraitItem::Fn(function) => Some(function.sig.ident.to_string()),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            }
        };
        items.iter().flat_map(of).collect()
    };
    let producer = methods(&file("orders-messages", "src/producer.rs").items);
    let handler = methods(&file("mail-consumers", "src/orders.rs").items);
    for (names, count) in [(producer, 2 * 16 + 1), (handler, 10)] {
        let all: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!((names.len(), all.len()), (count, count), "{names:?}");
    }
}

#[test]
fn two_services_whose_crates_would_have_one_name_are_a_finding() {
    let service = |name: &str| {
        format!(
            "service: {name}\nprovides:\n  events:\n    {name}.made: {{ schema: order.yaml, channel: shop }}\n"
        )
    };
    // Names of crates are cut.
    let [one, other] = ["a", "b"].map(|end| service(&format!("{}{end}", "x".repeat(60))));
    let generated = of_workspace(&[
        ("dovetail.yaml", SETTINGS),
        ("a/order.yaml", ORDER),
        ("a/service.yaml", &one),
        ("b/order.yaml", ORDER),
        ("b/service.yaml", &other),
    ]);
    let codes: Vec<&str> = generated
        .findings
        .iter()
        .map(|finding| finding.code.id)
        .collect();
    assert_eq!(codes, ["package-collision"]);
}

#[test]
fn messages_of_a_document_have_names_of_their_own_whatever_it_calls_them() {
    let names = ["größe", "日本", "a/b c", "\"]; evil", "1st", "fn main"];
    let payload = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } });
    let messages: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "payload": payload })))
        .collect();
    let document = json!({
        "asyncapi": "3.0.0",
        "info": { "title": "Shop", "version": "1.0.0" },
        "channels": { "shop": { "address": "shop", "messages": messages } },
        "operations": { "send": { "action": "send", "channel": { "$ref": "#/channels/shop" } } },
    });
    let generated = check(&[
        ("dovetail.yaml", SETTINGS),
        ("shop/asyncapi.yaml", &document.to_string()),
        (
            "shop/service.yaml",
            "service: shop\nprovides: { asyncapi: asyncapi.yaml }\n",
        ),
    ]);
    let messages = &generated.packages[0].files["src/messages.rs"];
    let count = messages.matches(": MessageType = ").count();
    assert_eq!(count, names.len(), "{messages}");
}

/// Documentation and README of a handler of an event with a key, and of what publishes it, where the channel says this.
fn said_of(channel: &str, consumption: &str) -> [String; 4] {
    let settings = format!("dovetail: 1\nchannels: {{ shop: {{ {channel} }} }}\n");
    let consumer = format!(
        "service: mail\nconsumes: {{ orders/placed: {{ handler: confirm, {consumption} }} }}\n"
    );
    let generated = check(&[
        ("dovetail.yaml", &settings),
        ("orders/order.yaml", ORDER),
        (
            "orders/service.yaml",
            "service: orders\nprovides: { events: { placed: { schema: order.yaml, channel: shop, key: id } } }\n",
        ),
        ("mail/service.yaml", &consumer),
    ]);
    let file = |package: &str, path: &str| {
        let mut packages = generated.packages.iter();
        let package = packages.find(|one| one.name == package).expect("a package");
        // Without the marks and breaks of lines of docs.
        let lines = package.files[path].lines();
        let lines = lines.map(|line| line.trim().trim_start_matches("///").trim());
        lines.collect::<Vec<&str>>().join(" ")
    };
    [
        file("mail-consumers", "src/orders.rs"),
        file("orders-messages", "src/producer.rs"),
        file("mail-consumers", "README.md"),
        file("orders-messages", "src/channels.rs"),
    ]
}

#[test]
fn docs_say_what_the_broker_does_not_keep() {
    const KEPT: &str = "in the order in which they were sent";
    const UNKEPT: &str =
        "**Keys keep their order** and **Keys keep their order across redelivery**";
    let rows = [
        ("", true, None, "It keeps every law"),
        ("transport: rabbitmq", true, None, "the others stand by"),
        (
            "transport: rabbitmq, keeps_keys: false",
            false,
            Some(UNKEPT),
            "active consumer",
        ),
        (
            "transport: kafka",
            true,
            Some("**Acknowledged is done** and **Deliveries are counted**"),
            "come and go",
        ),
        (
            "transport: nats",
            false,
            Some(UNKEPT),
            "two minutes is dropped",
        ),
        (
            "transport: nats, keeps_keys: true",
            true,
            None,
            "one message of the channel",
        ),
        (
            "transport: sqs",
            false,
            Some("**Acknowledged is done**, **One at a time**, **Keys keep their order** and"),
            "only up to twelve hours",
        ),
        (
            "transport: sqs, address: shop.fifo",
            true,
            None,
            "256 KiB through a topic",
        ),
    ];
    for (channel, is_ordered, unkept, more) in rows {
        let [handler, producer, readme, channels] = said_of(channel, "");
        assert_eq!(handler.contains(KEPT), is_ordered, "{channel}: {handler}");
        assert!(
            handler.contains("- Broker: ") && handler.contains(more),
            "{channel}: {handler}"
        );
        let order = "where messages of one `id` keep their order";
        assert_eq!(
            producer.contains(order),
            is_ordered,
            "{channel}: {producer}"
        );
        let keeps = format!("keeps_keys: {is_ordered}");
        assert!(channels.contains(&keeps), "{channel}: {channels}");
        let heading = "## What the broker does not keep";
        assert_eq!(
            readme.contains(heading),
            unkept.is_some(),
            "{channel}: {readme}"
        );
        for text in [&handler, &readme, &channels] {
            assert!(
                text.contains(unkept.unwrap_or_default()),
                "{channel}: {text}"
            );
        }
    }
}

#[test]
fn places_of_kafka_tell_duplicates_where_the_contract_says_so() {
    for (mode, effect) in [
        ("offset", "once for each place of the channel"),
        (
            "both",
            "what goes through the transaction happens once; the source",
        ),
    ] {
        let said = format!("idempotency: {{ mode: {mode} }}");
        let [handler, ..] = said_of("transport: kafka", &said);
        assert!(handler.contains(effect), "{handler}");
        let of_trait = "or once for each place of the channel where";
        assert_eq!(handler.contains(of_trait), mode == "offset", "{handler}");
    }
}

#[test]
fn no_file_of_a_crate_takes_the_place_of_another() {
    for name in ["lib", "main", "com1", "lpt9", "routes", "consumers"] {
        let provider = format!(
            "service: {name}\nprovides: {{ events: {{ made: {{ schema: order.yaml, channel: shop }} }} }}\n"
        );
        let consumer = format!("service: mail\nconsumes: {{ {name}/made: {{ handler: tell }} }}\n");
        let generated = check(&[
            ("dovetail.yaml", SETTINGS),
            ("p/order.yaml", ORDER),
            ("p/service.yaml", &provider),
            ("mail/service.yaml", &consumer),
        ]);
        let mut packages = generated.packages.iter();
        let package = packages.find(|one| one.name == "mail-consumers");
        let files = &package.expect("a package").files;
        assert!(files["src/lib.rs"].contains("pub use"), "{name}");
        assert_eq!(
            files.contains_key(&format!("src/{name}.rs")),
            ["lib", "routes", "consumers"].contains(&name)
        );
    }
}

#[test]
fn a_bar_ends_no_cell() {
    let schema = "type: object\nrequired: ['a|b']\nproperties: { 'a|b': { type: string } }\n";
    let generated = check(&[
        ("dovetail.yaml", SETTINGS),
        ("orders/order.yaml", schema),
        (
            "orders/service.yaml",
            "service: orders\nprovides: { commands: { hold: { schema: order.yaml, channel: shop, key: 'a|b' } } }\n",
        ),
    ]);
    for package in &generated.packages {
        let readme = &package.files["README.md"];
        assert!(
            readme.contains("`a\\|b`") && !readme.contains("`a|b`"),
            "{readme}"
        );
    }
}
