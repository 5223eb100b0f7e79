//! From a contract to an alert: the rules that it generates find the metrics of a consumer that really ran.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use dovetail_messaging::Message;
use dovetail_messaging::consumer::{
    Config, Consumer, Done, Handler, HandlerError, Rejection, Route, Settlement,
};
use dovetail_messaging::metrics::{ALL, Observer, Page};
use dovetail_messaging::store::sqlite::{Options, Sqlite, SqliteTransaction};
use dovetail_messaging::{dead_letter::Reason, metrics::Form};
use dovetail_resilience::{Chance, Clock};

use crate::command::{dovetail, folder};

const FILES: [(&str, &str); 4] = [
    (
        "contracts/dovetail.yaml",
        "dovetail: 1\ncodegen: { output: ../generated, monitoring: ../monitoring }\nchannels: { orders: {} }\n",
    ),
    (
        "contracts/orders/service.yaml",
        "service: orders\nowner: commerce\nprovides: { events: { order.created: { schema: order.yaml, channel: orders } } }\n",
    ),
    (
        "contracts/orders/order.yaml",
        "type: object\nrequired: [id]\nproperties: { id: { type: string } }\n",
    ),
    (
        "contracts/billing/service.yaml",
        "service: billing\nowner: \"money {{ $value }}\"\nconsumes:\n  orders/order.created:\n    handler: invoice\n    dead_letter: { alert: { depth: 2, oldest: 10m } }\n",
    ),
];

/// Runs a tool of Prometheus, where it is installed, and returns whether it was content and what it said.
fn promtool(folder: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    let ended = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .output();
    let Ok(ended) = ended else {
        assert!(
            std::env::var_os("DOVETAIL_REQUIRE_SERVICES").is_none(),
            "promtool is not installed, and it must not be skipped"
        );
        #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
        {
            eprintln!("skipped: promtool is not installed");
        }
        return None;
    };
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some((ended.status.success(), said))
}

/// Invoices are for those who can pay.
struct Invoice;

impl Handler<SqliteTransaction> for Invoice {
    type Event = ();

    fn decode(&self, message: &Message) -> Result<(), Rejection> {
        if message.body.is_empty() {
            return Err(Rejection::contract("it says nothing"));
        }
        Ok(())
    }

    async fn handle(
        &self,
        _: &mut SqliteTransaction,
        (): (),
        _: &Message,
    ) -> Result<(), HandlerError> {
        Err(HandlerError::Fatal("there is no such customer".to_owned()))
    }
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Consumes two messages that cannot be handled, and returns what Prometheus reads before and after.
async fn pages(folder: &Path) -> [String; 2] {
    let page = Page::default();
    let _recorder = metrics::set_default_local_recorder(&page);
    let store = Sqlite::open(folder.join("billing.db"), Options::default(), start()).unwrap();
    let route = Route::of_kind("order.created", "billing/orders/invoice", Config::default());
    let observer = Observer::new("billing", store.clone(), Clock::pinned_at(start()))
        .watching("billing/orders", std::slice::from_ref(&route));
    let consumer = Consumer::of_routes(
        "billing/orders",
        store,
        Invoice,
        vec![route],
        Clock::pinned_at(start()),
        Chance::seeded(1),
    );
    observer.observe().await.unwrap();
    let before = page.render();
    for (id, body, reason) in [("1", "", Reason::Contract), ("2", "{}", Reason::Handler)] {
        let message = Message::new("orders", "shop", id, body).with_kind("order.created");
        let settlement = consumer.process(message).await;
        assert_eq!(settlement, Settlement::Ack(Done::Dead(reason)));
    }
    observer.observe().await.unwrap();
    [before, page.render()]
}

/// The series of a page as those of a test: what it said before for ten minutes, and then what it said after.
fn series([before, after]: &[String; 2]) -> String {
    let value = |text: &str, name: &str| -> Option<String> {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(' '))
            .map(str::to_owned)
    };
    let lines = after.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| {
        let (name, later) = line.rsplit_once(' ')?;
        let earlier = value(before, name).unwrap_or_else(|| "_".to_owned());
        let name = name.replace('\'', "''");
        Some(format!(
            "      - series: '{name}'\n        values: '{earlier}x10 {later}x20'\n"
        ))
    });
    series.collect()
}

#[tokio::test]
async fn two_dead_letters_of_a_consumer_raise_the_alert_of_its_contract() {
    let folder = folder(&FILES);
    let ended = dovetail(folder.path(), &["-C", "contracts", "codegen"]);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    let monitoring = folder.path().join("monitoring");
    let pages = pages(folder.path()).await;
    let test = format!(
        "rule_files: [billing.rules.yaml]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{}    alert_rule_test:\n\
         \x20     - {{ eval_time: 10m, alertname: DovetailDeadLetters, exp_alerts: [] }}\n\
         \x20     - eval_time: 20m\n        alertname: DovetailDeadLetters\n        exp_alerts:\n\
         \x20         - exp_labels:\n\
         \x20             consumer: billing/orders/invoice\n\
         \x20             owner: \"money {{{{ $value }}}}\"\n\
         \x20             service: billing\n\
         \x20             severity: ticket\n\
         \x20           exp_annotations:\n\
         \x20             summary: billing/orders/invoice has dead letters of orders/order.created\n\
         \x20             description: \"2 messages wait for somebody to look at them. The contract allows fewer than 2; they are deleted 7d after they came.\"\n\
         \x20             command: \"dovetail dead-letters list --consumer 'billing/orders/invoice'\"\n\
         \x20     - {{ eval_time: 20m, alertname: DovetailConsumerUnobserved, exp_alerts: [] }}\n\
         \x20     - {{ eval_time: 20m, alertname: DovetailStrangeMessages, exp_alerts: [] }}\n",
        series(&pages)
    );
    std::fs::write(monitoring.join("run.test.yaml"), &test).unwrap();
    if let Some((is_content, said)) = promtool(&monitoring, &["test", "rules", "run.test.yaml"]) {
        assert!(is_content, "{said}\n{test}");
    }
    if let Some((is_content, said)) = promtool(
        &monitoring,
        &[
            "test",
            "rules",
            "billing.rules.test.yaml",
            "orders.rules.test.yaml",
        ],
    ) {
        assert!(is_content, "{said}");
    }
    // It is the alert that counts to two: with one dead letter fewer nothing fires.
    let one = test.replace("0x10 1x20", "0x10 0x20");
    std::fs::write(monitoring.join("run.test.yaml"), one).unwrap();
    if let Some((is_content, said)) = promtool(&monitoring, &["test", "rules", "run.test.yaml"]) {
        assert!(!is_content, "{said}");
    }
}

/// Rules and dashboard name what the runtime counts, and nothing else.
#[test]
fn every_metric_that_is_asked_for_is_one_of_the_runtime() {
    let folder = folder(&FILES);
    let ended = dovetail(folder.path(), &["-C", "contracts", "codegen"]);
    assert_eq!(ended.exit, 0, "{}{}", ended.stdout, ended.stderr);
    let known: Vec<String> = ALL
        .iter()
        .flat_map(|metric| match metric.form {
            Form::Histogram => vec![format!("{}_bucket", metric.prometheus())],
            Form::Counter | Form::Gauge => vec![metric.prometheus()],
        })
        .collect();
    for file in ["billing.rules.yaml", "orders.rules.yaml", "dashboard.json"] {
        let text = std::fs::read_to_string(folder.path().join("monitoring").join(file)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let metrics = words.filter(|word| {
            (word.starts_with("dovetail_") || word.starts_with("messaging_"))
                && *word != "dovetail_"
        });
        let mut count = 0;
        for metric in metrics {
            assert!(known.iter().any(|name| name == metric), "{file}: {metric}");
            count += 1;
        }
        assert!(count > 1, "{file}");
    }
}

#[test]
fn what_is_written_by_hand_stays_and_what_is_stale_goes() {
    let folder = folder(&FILES);
    let run = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["-C", "contracts"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        dovetail(folder.path(), &arguments)
    };
    let place = |file: &str| folder.path().join("monitoring").join(file);
    crate::command::write(
        folder.path(),
        "monitoring/receivers.yaml",
        "receivers: []\n",
    );
    let ended = run(&["codegen"]);
    assert!(
        ended.stderr.contains("6 files that watch over messages in"),
        "{}",
        ended.stderr
    );
    assert_eq!(run(&["codegen", "--check"]).exit, 0);
    // A contract that says something else, a file that was changed, and one that is gone.
    let service = FILES[3].1.replace("depth: 2", "depth: 3");
    crate::command::write(folder.path(), "contracts/billing/service.yaml", &service);
    std::fs::remove_file(place("dashboard.json")).unwrap();
    let ended = run(&["codegen", "--check"]);
    assert_eq!(ended.exit, 6);
    assert_eq!(
        ended.stdout,
        "changed  billing-consumers/src/routes.rs\nchanged  ../monitoring/billing.rules.test.yaml\nchanged  ../monitoring/billing.rules.yaml\nmissing  ../monitoring/dashboard.json\n"
    );
    assert_eq!(run(&["codegen"]).exit, 0);
    assert!(place("dashboard.json").is_file());
    // Nobody has messages any more.
    for (path, service) in [
        ("contracts/billing/service.yaml", "service: billing\n"),
        ("contracts/orders/service.yaml", "service: orders\n"),
        (
            "contracts/dovetail.yaml",
            "dovetail: 1\ncodegen: { output: ../generated, monitoring: ../monitoring }\n",
        ),
    ] {
        crate::command::write(folder.path(), path, service);
    }
    assert_eq!(run(&["codegen"]).exit, 0);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("monitoring"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["receivers.yaml"]);
    // What stands in the way and is not ours is never replaced.
    crate::command::write(folder.path(), "contracts/orders/service.yaml", FILES[1].1);
    crate::command::write(folder.path(), "contracts/dovetail.yaml", FILES[0].1);
    crate::command::write(
        folder.path(),
        "monitoring/dashboard.json",
        "{\n  \"title\": \"mine\"\n}\n",
    );
    let ended = run(&["codegen"]);
    assert_eq!(ended.exit, 5, "{}", ended.stderr);
    assert!(!place("alertmanager.yaml").exists());
}
