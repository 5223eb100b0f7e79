//! `cargo xtask demo`: the whole path once, on real services. Contracts become clients, the sample system starts on free loopback ports, every consumer
//! contract is replayed at it, one order goes through the generated clients, and everything is stopped again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use dovetail_cli::Exit;
use serde_json::Value;

use crate::process::{self, Profile, capture, print, root};

/// How long a service may take to say where it listens.
const START_TIME_MAX: Duration = Duration::from_secs(10);

/// The token that the sample payments service accepts. It protects nothing: the service holds no money.
const TOKEN: &str = "Authorization: Bearer demo-token";

/// A running service, stopped when it goes out of scope.
struct Service {
    name: &'static str,
    url: String,
    child: Child,
}

/// Where the services keep what they know. Every run begins with nothing.
struct Folder(PathBuf);

/// Runs the demonstration.
pub(crate) fn run() -> Result<()> {
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

    let shop = process::build("shop", "shop", Profile::Dev)?;
    print("\n2. The sample system starts, on this machine only")?;
    let folder = Folder::new(&root.join("target/dovetail/demo"))?;
    let users = Service::start(&shop, "users", &[])?;
    let payments = Service::start(&shop, "payments", &folder.kept("payments")?)?;
    let invoicing = Service::start(&shop, "invoicing", &folder.kept("invoicing")?)?;
    let mut kept = folder.kept("orders")?;
    kept.extend(["--users", &users.url, "--payments", &payments.url].map(str::to_owned));
    let orders = Service::start(&shop, "orders", &kept)?;
    for service in [&users, &payments, &orders, &invoicing] {
        print(&format!("   {:9} {}", service.name, service.url))?;
    }

    print("\n3. What orders relies on is replayed at users and payments")?;
    let reports = root.join("target/dovetail");
    verify(&root, &reports, &[&users, &payments])?;

    print("\n4. One order goes through the generated clients, producers and consumers")?;
    let placed =
        capture(Command::new(&shop).args(["try", "--orders", &orders.url, "--users", &users.url]))?;
    for line in placed.lines() {
        print(&format!("   {line}"))?;
    }
    print("\n5. Every message was delivered twice, and had its effect once")?;
    for (service, consumer) in [
        (&invoicing, "invoicing/orders/create_invoice"),
        (&orders, "orders/payments/mark_paid"),
    ] {
        told_twice(service, consumer)?;
    }
    let invoices = folder.file("invoicing")?;
    let counted = capture(Command::new(&shop).args(["invoices", "--database", &invoices]))?;
    if counted.trim() != "1 invoices for 1 orders" {
        bail!("invoicing has {}", counted.trim());
    }
    print("   and so there is one invoice for the one order")?;

    print("\nEverything dovetails. Reports: target/dovetail/report.json, target/dovetail/junit.xml")
}

/// Waits until the consumer took as many messages for duplicates as it handled, and says so.
fn told_twice(service: &Service, consumer: &str) -> Result<()> {
    const LOOKS_MAX: u32 = 100;
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
        let (database, broker) = (self.file(name)?, self.file("broker")?);
        let args = ["--twice", "--database", &database, "--broker", &broker];
        Ok(args.map(str::to_owned).to_vec())
    }
}

impl Service {
    fn start(shop: &Path, name: &'static str, args: &[String]) -> Result<Self> {
        let mut command = Command::new(shop);
        command
            .args([name, "--listen", "127.0.0.1:0", "--states"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let output = child.stdout.take();
        // From here on, dropping the service stops it.
        let mut service = Self {
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
