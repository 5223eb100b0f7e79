//! Runs one service of the sample system, or tries one out.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use axum::http::header;
use axum::{Router, routing};
use clap::{Args, Parser, Subcommand};
use dovetail_messaging::metrics::Page;
use shop::broker::{Broker, Messages};
use shop::invoicing::Invoicing;
use shop::orders::Orders;
use shop::payments::{self, Payments};
use shop::users::Users;
use tokio::sync::watch;

/// The sample system of dovetail.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the users service
    Users(Listen),
    /// Runs the payments service
    Payments {
        #[command(flatten)]
        listen: Listen,
        #[command(flatten)]
        kept: Kept,
    },
    /// Runs the orders service
    Orders {
        #[command(flatten)]
        listen: Listen,
        #[command(flatten)]
        kept: Kept,
        /// Where users runs
        #[arg(long, value_name = "URL")]
        users: String,
        /// Where payments runs
        #[arg(long, value_name = "URL")]
        payments: String,
    },
    /// Runs the invoicing service
    Invoicing {
        #[command(flatten)]
        listen: Listen,
        #[command(flatten)]
        kept: Kept,
    },
    /// Counts the invoices of a database
    Invoices {
        /// The database of invoicing
        #[arg(long, value_name = "FILE")]
        database: PathBuf,
    },
    /// Registers a user and places an order, through the generated clients
    Try {
        /// Where orders runs
        #[arg(long, value_name = "URL")]
        orders: String,
        /// Where users runs
        #[arg(long, value_name = "URL")]
        users: String,
    },
}

#[derive(Debug, Args)]
struct Listen {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Mounts the endpoint that sets up states for verification. Never in production: it changes data without asking who calls
    #[arg(long)]
    states: bool,
}

/// What a service keeps, and what carries its messages.
#[derive(Debug, Args)]
struct Kept {
    /// The database; in memory where none is named
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// The broker: `amqp://…`, `nats://…`, `kafka:HOST:PORT`, `sqs:URL`, `env:NAME` for what a variable says, or the file of the embedded one, which
    /// all services share; without it messages stay in the outbox
    #[arg(long, value_name = "ADDRESS")]
    broker: Option<String>,
    /// Loses the first acknowledgement of every message, so that it is delivered twice
    #[arg(long)]
    twice: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let page = Page::default();
    // Before anything is counted: consumers look their counters up when they begin.
    metrics::set_global_recorder(page.clone()).context("metrics are taken")?;
    match Cli::parse().command {
        Command::Users(listen) => {
            let router = Users::new(shop::system_time).router(listen.states);
            serve(&listen, router).await
        }
        Command::Payments { listen, kept } => {
            let payments = Payments::open(kept.database.as_deref()).await?;
            let runner = kept.broker(|broker| payments.runner(broker)).await?;
            let router = payments.router(listen.states);
            run(&listen, with(&page, router), runner).await
        }
        Command::Orders {
            listen,
            kept,
            users,
            payments,
        } => {
            let (users, payments) = shop::orders::clients(&users, &payments, payments::TOKEN)?;
            let file = kept.database.as_deref();
            let orders = Orders::open(file, users, payments, shop::system_time).await?;
            let runner = kept.broker(|broker| orders.runner(broker)).await?;
            run(&listen, with(&page, orders.router()), runner).await
        }
        Command::Invoicing { listen, kept } => {
            let invoicing = Invoicing::open(kept.database.as_deref()).await?;
            let runner = kept.broker(|broker| invoicing.runner(broker)).await?;
            run(&listen, with(&page, Router::new()), runner).await
        }
        Command::Invoices { database } => {
            let (invoices, orders) = Invoicing::open(Some(&database)).await?.count().await?;
            print(&format!("{invoices} invoices for {orders} orders"))
        }
        Command::Try { orders, users } => {
            for line in shop::customer::visit(&orders, &users).await? {
                print(&line)?;
            }
            Ok(())
        }
    }
}

impl Kept {
    /// What the service does with messages on the broker, if it has one.
    async fn broker<M>(&self, messages: impl FnOnce(Broker) -> M) -> Result<Option<M>> {
        let Some(address) = &self.broker else {
            return Ok(None);
        };
        let broker = Broker::at(address).await?;
        Ok(Some(messages(broker.with_doubles(self.twice))))
    }
}

/// The router, and what Prometheus reads.
fn with(page: &Page, router: Router) -> Router {
    let page = page.clone();
    let render = async move || ([(header::CONTENT_TYPE, Page::CONTENT_TYPE)], page.render());
    router.route("/metrics", routing::get(render))
}

/// Serves, and works on messages, until the process is asked to stop.
async fn run<M: Messages>(listen: &Listen, router: Router, messages: Option<M>) -> Result<()> {
    let Some(messages) = messages else {
        return serve(listen, router).await;
    };
    // Before anybody can ask for anything: nothing that is published then is missed.
    messages.prepare().await?;
    let (running, mut stopped) = watch::channel(());
    let mut working = tokio::spawn(messages.run(async move {
        let _ = stopped.changed().await;
    }));
    tokio::select! {
        served = serve(listen, router) => {
            drop(running);
            served?;
            working.await.context("the messages stopped")?
        }
        worked = &mut working => worked.context("the messages stopped")?,
    }
}

/// Serves until the process is asked to stop, and says first where.
async fn serve(listen: &Listen, router: Router) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(listen.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", listen.listen))?;
    print(&format!("listening on http://{}", listener.local_addr()?))?;
    let stop = async {
        // Without the signal there is nothing to wait for: the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
        .context("the server stopped")
}

/// Prints a line at once, since another program waits for it.
fn print(line: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush().context("cannot print")
}
