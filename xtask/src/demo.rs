//! `cargo xtask demo`: the whole path once, on real services. Contracts become clients, the sample system starts on free loopback ports, every consumer
//! contract is replayed at it, one order goes through the generated clients, and everything is stopped again. Messages go through the embedded
//! broker, or through a real one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use dovetail_cli::Exit;
use serde_json::Value;

use crate::process::{self, Profile, capture, print, root};
use crate::server::Name;
#[cfg(unix)]
use crate::services::around;

/// How long a service may take to say where it listens: before that it sees to its channels, and a broker may have just begun.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// The token that the sample payments service accepts. It protects nothing: the service holds no money.
const TOKEN: &str = "Authorization: Bearer demo-token";

/// What tells the services where the broker is.
const BROKER: &str = "SHOP_BROKER";

/// Which broker is shown.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// What carries the messages, one after the other. A real broker is started from what is installed, unless the variable of `cargo xtask services`
    /// says where one is
    #[arg(long, value_enum, value_delimiter = ',', default_value = "embedded")]
    transport: Vec<Transport>,
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    Embedded,
    Rabbitmq,
    Kafka,
    Nats,
    Sqs,
}

impl Transport {
    /// The server that it needs, and the feature of the sample system.
    const fn needs(self) -> Option<(Name, &'static str)> {
        match self {
            Self::Embedded => None,
            Self::Rabbitmq => Some((Name::Rabbitmq, "rabbitmq")),
            Self::Kafka => Some((Name::Kafka, "kafka")),
            Self::Nats => Some((Name::Nats, "nats")),
            Self::Sqs => Some((Name::Aws, "aws")),
        }
    }

    /// What an endpoint that checks nothing is logged in to with, unless the environment says something else.
    fn credentials(self) -> Vec<(&'static str, &'static str)> {
        let is_missing = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "test"));
        let all = names.into_iter().chain([("AWS_REGION", "us-east-1")]);
        all.filter(|one| self == Self::Sqs && is_missing(one))
            .collect()
    }

    /// The word that asks for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Rabbitmq => "rabbitmq",
            Self::Kafka => "kafka",
            Self::Nats => "nats",
            Self::Sqs => "sqs",
        }
    }

    /// The broker at a place, as the services read it.
    fn address(self, place: &str) -> String {
        match self {
            Self::Embedded | Self::Rabbitmq | Self::Nats => place.to_owned(),
            Self::Kafka => format!("kafka:{place}"),
            Self::Sqs => format!("sqs:{place}"),
        }
    }
}

/// A running service, stopped when it goes out of scope.
struct Service {
    name: &'static str,
    url: String,
    child: Child,
}

/// The program of the services, and where their broker is.
struct Shop {
    program: PathBuf,
    broker: String,
    credentials: Vec<(&'static str, &'static str)>,
}

/// Where the services keep what they know. Every run begins with nothing.
struct Folder(PathBuf);

/// Runs the demonstration on each broker, and where one is missing, the same once more with it.
pub(crate) fn run(asked: &Demo) -> ExitCode {
    let needs = asked.transport.iter().filter_map(|one| one.needs());
    let (names, features): (Vec<Name>, Vec<&str>) = needs.unzip();
    if names
        .iter()
        .any(|name| std::env::var_os(name.variable()).is_none())
    {
        let words: Vec<&str> = asked.transport.iter().map(|one| one.word()).collect();
        return around(&names, &["demo", "--transport", &words.join(",")]);
    }
    // One program for all of them.
    let shown = asked.transport.iter().try_for_each(|one| {
        if asked.transport.len() > 1 {
            print(&format!("== {}", one.word()))?;
        }
        show(*one, &features)
    });
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Servers are started where there are signals to stop them by.
#[cfg(not(unix))]
fn around(names: &[Name], _: &[&str]) -> ExitCode {
    for name in names {
        process::say(&format!("error: {} is not set", name.variable()));
    }
    ExitCode::FAILURE
}

fn show(transport: Transport, features: &[&str]) -> Result<()> {
    let root = root();
    print(
        "Dovetail: contracts in; clients, producers and consumers out; running services verified.\n",
    )?;
    print("1. Contracts become crates")?;
    dovetail(&root, &["codegen", "--quiet"])?;
    print(&format!(
        "   {} in crates/generated",
        crate::layers::generated_packages(&["generated"])?.join(", ")
    ))?;

    let shop = process::build("shop", "shop", features, Profile::Dev)?;
    print("\n2. The sample system starts, on this machine only")?;
    let folder = Folder::new(&root.join("target/dovetail/demo"))?;
    let shop = Shop {
        program: shop,
        broker: match transport.needs() {
            None => folder.file("broker")?,
            Some((name, _)) => transport.address(&std::env::var(name.variable())?),
        },
        credentials: transport.credentials(),
    };
    let users = shop.start("users", &[])?;
    let payments = shop.start("payments", &folder.kept("payments")?)?;
    let invoicing = shop.start("invoicing", &folder.kept("invoicing")?)?;
    let mut kept = folder.kept("orders")?;
    kept.extend(["--users", &users.url, "--payments", &payments.url].map(str::to_owned));
    let orders = shop.start("orders", &kept)?;
    for service in [&users, &payments, &orders, &invoicing] {
        print(&format!("   {:9} {}", service.name, service.url))?;
    }

    print("\n3. What orders relies on is replayed at users and payments")?;
    let reports = root.join("target/dovetail");
    verify(&root, &reports, &[&users, &payments])?;

    print("\n4. One order goes through the generated clients, producers and consumers")?;
    let placed = capture(Command::new(&shop.program).args([
        "try",
        "--orders",
        &orders.url,
        "--users",
        &users.url,
    ]))?;
    for line in placed.lines() {
        print(&format!("   {line}"))?;
    }
    print("\n5. The first acknowledgement of every message was lost, and it had its effect once")?;
    for (service, consumer) in [
        (&invoicing, "invoicing/orders/create_invoice"),
        (&orders, "orders/payments/mark_paid"),
    ] {
        told_twice(service, consumer)?;
    }
    let invoices = folder.file("invoicing")?;
    let counted = capture(Command::new(&shop.program).args(["invoices", "--database", &invoices]))?;
    if counted.trim() != "1 invoices for 1 orders" {
        bail!("invoicing has {}", counted.trim());
    }
    print("   and so there is one invoice for the one order")?;

    print("\nEverything dovetails. Reports: target/dovetail/report.json, target/dovetail/junit.xml")
}

/// Waits until the consumer took as many messages for duplicates as it handled, and says so.
fn told_twice(service: &Service, consumer: &str) -> Result<()> {
    const LOOKS_MAX: u32 = 600;
    let consumer_is = format!("consumer=\"{consumer}\"");
    let outcomes = |page: &str, outcome: &str| {
        let outcome_is = format!("outcome=\"{outcome}\"");
        counter(
            page,
            "dovetail_inbox_outcomes_total",
            &[&consumer_is, &outcome_is],
        )
    };
    let (mut handled, mut duplicates) = (0, 0);
    for _ in 0..LOOKS_MAX {
        let page = get(&service.url, "/metrics")?;
        handled = outcomes(&page, "processed");
        duplicates = outcomes(&page, "duplicate");
        if handled > 0 && handled <= duplicates {
            return print(&format!(
                "   {consumer:31} {} deliveries, {handled} handled, {duplicates} taken for duplicates",
                handled + duplicates
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{consumer} handled {handled} messages and saw {duplicates} duplicates")
}

/// A page of a service, over HTTP/1.0: the whole answer is there when the connection ends.
fn get(url: &str, path: &str) -> Result<String> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let mut stream = TcpStream::connect(address).with_context(|| format!("cannot reach {url}"))?;
    stream.set_read_timeout(Some(START_TIME_MAX))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .with_context(|| format!("{url}{path} did not answer"))?;
    Ok(answer)
}

/// The value of a counter that has these labels, however many others it has.
fn counter(page: &str, name: &str, labels: &[&str]) -> u64 {
    page.lines()
        .filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Replays every consumer contract, and says for each pair of services what came of it.
fn verify(root: &Path, reports: &Path, services: &[&Service]) -> Result<()> {
    let json = format!("json={}", reports.join("report.json").display());
    let junit = format!("junit={}", reports.join("junit.xml").display());
    let targets: Vec<String> = services
        .iter()
        .map(|service| format!("{}={}", service.name, service.url))
        .collect();
    let mut args = vec![
        "verify", "--quiet", "--header", TOKEN, "--output", &json, "--output", &junit,
    ];
    for target in &targets {
        args.extend(["--target", target]);
    }
    dovetail(root, &args)?;
    let path = reports.join("report.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let report: Value = serde_json::from_str(&text).context("the report is not JSON")?;
    if report["verdict"] != "passed" {
        bail!("the report says `{}`", report["verdict"]);
    }
    Ok(())
}

/// Runs a command of dovetail in the repository.
fn dovetail(root: &Path, args: &[&str]) -> Result<()> {
    let root = root
        .to_str()
        .context("the path of the repository is not UTF-8")?;
    let exit = dovetail_cli::run(["dovetail", "-C", root].iter().chain(args));
    match exit {
        Exit::Ok => Ok(()),
        exit => bail!(
            "`dovetail {}` exits {}: {}",
            args[0],
            exit.code(),
            exit.meaning()
        ),
    }
}

impl Folder {
    fn new(path: &Path) -> Result<Self> {
        if path.exists() {
            std::fs::remove_dir_all(path)
                .with_context(|| format!("cannot empty {}", path.display()))?;
        }
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    fn file(&self, name: &str) -> Result<String> {
        let path = self.0.join(format!("{name}.db"));
        let path = path.to_str().map(str::to_owned);
        path.context("the path of the repository is not UTF-8")
    }

    /// The arguments of a service that keeps something, and that tells others of it: everything twice.
    fn kept(&self, name: &str) -> Result<Vec<String>> {
        let (database, broker) = (self.file(name)?, format!("env:{BROKER}"));
        let args = ["--twice", "--database", &database, "--broker", &broker];
        Ok(args.map(str::to_owned).to_vec())
    }
}

impl Shop {
    fn start(&self, name: &'static str, args: &[String]) -> Result<Service> {
        let mut command = Command::new(&self.program);
        command
            .args([name, "--listen", "127.0.0.1:0", "--states"])
            .args(args)
            .env(BROKER, &self.broker)
            .envs(self.credentials.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let output = child.stdout.take();
        // From here on, dropping the service stops it.
        let mut service = Service {
            name,
            url: String::new(),
            child,
        };
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = output.map(|output| BufReader::new(output).read_line(&mut line));
            let _ = send.send(read.is_some_and(|read| read.is_ok()).then_some(line));
        });
        let line = receive
            .recv_timeout(START_TIME_MAX)
            .ok()
            .flatten()
            .unwrap_or_default();
        match line.trim().strip_prefix("listening on ") {
            Some(url) => service.url = url.to_owned(),
            None => bail!("{name} did not say where it listens"),
        }
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
