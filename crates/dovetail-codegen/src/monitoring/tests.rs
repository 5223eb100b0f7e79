//! Rules that Prometheus takes and that do what they say, whatever contracts hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dovetail_contract::load;

use super::*;
use crate::output::BANNER;

const SETTINGS: &str = "
dovetail: 1
channels:
  orders: { transport: kafka, address: shop.orders }
  work: { kind: queue, transport: kafka }
messaging: { dead_letter: { alert: { depth: 3 } } }
";

const ORDERS: &str = "
service: orders
owner: commerce
provides:
  events:
    order.created: { schema: events/order.yaml, key: id, channel: orders }
  commands:
    ship_order: { schema: events/order.yaml, channel: work }
";

const SHIPPING: &str = "
service: shipping
owner: logistics
consumes:
  orders/ship_order:
    handler: ship
    dead_letter: { alert: { depth: 5, oldest: 10m }, retain: 21d }
  orders/order.created: { handler: plan }
";

fn workspace(files: &[(&str, &str)]) -> (Workspace, Sources) {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = "type: object\nrequired: [id]\nproperties: { id: { type: string } }\n";
    let all = [
        ("dovetail.yaml", SETTINGS),
        ("orders/service.yaml", ORDERS),
        ("orders/events/order.yaml", schema),
        ("shipping/service.yaml", SHIPPING),
    ];
    for (path, text) in all.iter().chain(files) {
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
    (loaded.workspace, loaded.sources)
}

fn generated(workspace: &Workspace, sources: &Sources) -> BTreeMap<String, String> {
    monitoring(workspace, sources).expect("text").files
}

/// Runs a tool of Prometheus in a folder that holds the files, where it is installed, and returns whether it was content and what it said.
fn ask(files: &BTreeMap<String, String>, tool: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        fs::write(folder.path().join(path), text).expect("a file");
    }
    run(folder.path(), tool, arguments)
}

fn run(folder: &Path, tool: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(ended) = Command::new(tool)
        .args(arguments)
        .current_dir(folder)
        .output()
    else {
        assert!(
            std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
            "{tool} is not installed, and it must not be skipped"
        );
        eprintln!("skipped: {tool} is not installed");
        return None;
    };
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some((ended.status.success(), said))
}

/// Has the tools of Prometheus look at everything that was generated.
fn check(files: &BTreeMap<String, String>) {
    let of = |end: &str| -> Vec<&str> {
        let names = files.keys().map(String::as_str);
        names.filter(|name| name.ends_with(end)).collect()
    };
    let rules: Vec<&str> = ["check", "rules", "--lint-fatal"]
        .into_iter()
        .chain(of(".rules.yaml"))
        .collect();
    let tests: Vec<&str> = ["test", "rules"]
        .into_iter()
        .chain(of(".rules.test.yaml"))
        .collect();
    let runs = [
        ("promtool", rules.as_slice()),
        ("promtool", &tests),
        ("amtool", &["check-config", "alertmanager.yaml"]),
    ];
    for (tool, arguments) in runs {
        if let Some((is_content, said)) = ask(files, tool, arguments) {
            assert!(is_content, "{tool} {arguments:?}: {said}");
        }
    }
    for (path, text) in files {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.contains(BANNER), "{path}: {first}");
    }
}

#[test]
fn a_workspace_with_messages_has_rules_that_prometheus_takes_and_that_fire() {
    let (workspace, sources) = workspace(&[]);
    let files = generated(&workspace, &sources);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "alertmanager.yaml",
            "dashboard.json",
            "orders.rules.test.yaml",
            "orders.rules.yaml",
            "shipping.rules.test.yaml",
            "shipping.rules.yaml",
        ]
    );
    check(&files);
    assert_eq!(files, generated(&workspace, &sources));
}

#[test]
fn rules_hold_what_the_contract_says() {
    let (workspace, sources) = workspace(&[]);
    let files = generated(&workspace, &sources);
    insta::assert_snapshot!("orders_rules", files["orders.rules.yaml"]);
    insta::assert_snapshot!("alertmanager", files["alertmanager.yaml"]);
    let shipping = &files["shipping.rules.yaml"];
    for expected in [
        // What is said of the message, and what is said of all.
        "(dovetail_dlq_messages{consumer=\"shipping/orders/ship\"})) >= 5",
        "(dovetail_dlq_messages{consumer=\"shipping/orders/plan\"})) >= 3",
        // 10 min, half of a week, and nine tenths of three weeks.
        "{consumer=\"shipping/orders/ship\"}) > 600'",
        "{consumer=\"shipping/orders/plan\"}) > 302400'",
        "{consumer=\"shipping/orders/ship\"}) > 1632960'",
        "owner: \"logistics\"",
        "command: \"dovetail dead-letters list --consumer 'shipping/orders/ship'\"",
        "dovetail_consumer_paused{consumer=\"shipping/work\"}",
    ] {
        assert!(shipping.contains(expected), "{expected}\n{shipping}");
    }
    assert!(!shipping.contains("outbox"), "{shipping}");
}

#[test]
fn a_workspace_without_messages_has_no_rules() {
    let (mut workspace, sources) = workspace(&[]);
    for service in workspace.services.values_mut() {
        service.messaging = dovetail_contract::contract::Messaging::default();
    }
    assert!(generated(&workspace, &sources).is_empty());
}

#[test]
fn the_queries_of_the_dashboard_are_ones() {
    let (workspace, sources) = workspace(&[]);
    let files = generated(&workspace, &sources);
    let dashboard: serde_json::Value =
        serde_json::from_str(&files["dashboard.json"]).expect("JSON");
    assert_eq!(
        dashboard["templating"]["list"][1]["query"],
        "orders,shipping"
    );
    let panels = dashboard["panels"].as_array().expect("panels");
    assert_eq!(panels.len(), 8);
    let mut rules = "groups:\n  - name: panels\n    rules:\n".to_owned();
    for (place, target) in panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .enumerate()
    {
        let query = target["expr"].as_str().expect("a query");
        let query = query
            .replace("$__rate_interval", "5m")
            .replace("$service", "orders|shipping");
        let query = text::yaml(&query);
        rules.push_str(&format!(
            "      - record: panel_{place}\n        expr: {query}\n"
        ));
    }
    let files = BTreeMap::from([("panels.yaml".to_owned(), rules)]);
    if let Some((is_content, said)) = ask(&files, "promtool", &["check", "rules", "panels.yaml"]) {
        assert!(is_content, "{said}");
    }
}

/// Every consumer is proved once, however many there are.
#[test]
fn the_tests_of_rules_grow_with_the_contract() {
    let size = |count: usize| {
        let consumed = |number| format!("  orders/e{number}: {{ handler: h{number} }}\n");
        let provided =
            |number| format!("    e{number}: {{ schema: events/order.yaml, channel: orders }}\n");
        let consumes: String = (0..count).map(consumed).collect();
        let provides: String = (0..count).map(provided).collect();
        let shipping = format!("service: shipping\nconsumes:\n{consumes}");
        let orders = format!("service: orders\nprovides:\n  events:\n{provides}");
        let (workspace, sources) = workspace(&[
            ("dovetail.yaml", "dovetail: 1\nchannels: { orders: {} }\n"),
            ("orders/service.yaml", &orders),
            ("shipping/service.yaml", &shipping),
        ]);
        let files = generated(&workspace, &sources);
        if count < 20 {
            check(&files);
        }
        files["shipping.rules.test.yaml"].len()
    };
    let (few, many) = (size(10), size(80));
    assert!(
        many < few * 9,
        "{few} bytes, and {many} for eight times that"
    );
}

/// Who takes a command that nobody names handles it, and is watched like others.
#[test]
fn commands_of_a_service_itself_have_alerts() {
    let (workspace, sources) = workspace(&[(
        "shipping/service.yaml",
        "service: shipping\nconsumes: { orders/order.created: { handler: plan } }\n",
    )]);
    let files = generated(&workspace, &sources);
    let rules = &files["orders.rules.yaml"];
    for expected in [
        "dovetail_dlq_messages{consumer=\"orders/orders/ship_order\"})) >= 3",
        "dovetail_consumer_paused{consumer=\"orders/work\"}",
    ] {
        assert!(rules.contains(expected), "{expected}\n{rules}");
    }
    check(&files);
}

/// Names and owners that would end strings, begin templates, or add receivers.
#[test]
fn hostile_words_are_inert() {
    let owners = [
        "{{ $labels.consumer }}",
        "{{ query \"up\" }} {{ define \"x\" }}",
        "{",
        "a\"b\\c'd",
        "team\nreceivers: []",
        "# no\u{7f}t \u{85}a \u{2028}comment\u{feff}",
        "*anchor &anchor !tag %TAG",
        "page",
        "  ",
        "anyone",
        "日本 🦀",
        "$(reboot) `reboot` '; reboot; '",
    ];
    for pair in owners.chunks(2) {
        let (mut workspace, sources) = workspace(&[]);
        for (service, owner) in workspace.services.values_mut().zip(pair) {
            service.owner = Some((*owner).to_owned());
        }
        check(&generated(&workspace, &sources));
    }
}

/// Loading refuses such names; whoever builds a workspace by hand may still have them.
#[test]
fn hostile_names_are_inert() {
    for name in [
        "{{ end }}\"}) or vector(1) #",
        "a'b; reboot",
        "x\ny: \\",
        "{{{",
    ] {
        let (mut workspace, sources) = workspace(&[]);
        if let Some(service) = workspace.services.get_mut("shipping") {
            for consumption in service.messaging.consumes.values_mut() {
                consumption.handler.value = format!("{name}{}", consumption.message);
                consumption.settings.dead_letter.alert_depth = None;
            }
        }
        let service = workspace.services.get_mut("orders").expect("a service");
        service.name.value = name.to_owned();
        let files = generated(&workspace, &sources);
        let renamed: BTreeMap<String, String> = files
            .into_iter()
            .map(|(path, text)| (path.replace(name, "hostile"), text))
            .collect();
        let mut renamed = renamed;
        if let Some(test) = renamed.get_mut("hostile.rules.test.yaml") {
            *test = test.replace(
                &text::yaml(&format!("{name}.rules.yaml")),
                "hostile.rules.yaml",
            );
        }
        check(&renamed);
    }
}
