//! Runs one service of the sample system, or tries one out.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use clap::{Args, Parser, Subcommand};
use shop::orders::Orders;
use shop::payments::{self, Payments};
use shop::users::Users;

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
    Payments(Listen),
    /// Runs the orders service
    Orders {
        #[command(flatten)]
        listen: Listen,
        /// Where users runs
        #[arg(long, value_name = "URL")]
        users: String,
        /// Where payments runs
        #[arg(long, value_name = "URL")]
        payments: String,
        /// The database; in memory where none is named
        #[arg(long, value_name = "FILE")]
        database: Option<std::path::PathBuf>,
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

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Users(listen) => {
            serve(&listen, Users::new(shop::system_time).router(listen.states)).await
        }
        Command::Payments(listen) => {
            serve(&listen, Payments::open(None).await?.router(listen.states)).await
        }
        Command::Orders {
            listen,
            users,
            payments,
            database,
        } => {
            let (users, payments) = shop::orders::clients(&users, &payments, payments::TOKEN)?;
            let orders = Orders::open(database.as_deref(), users, payments, shop::system_time);
            let orders = orders.await?;
            serve(&listen, orders.router()).await
        }
        Command::Try { orders, users } => {
            for line in shop::customer::visit(&orders, &users).await? {
                print(&line)?;
            }
            Ok(())
        }
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
