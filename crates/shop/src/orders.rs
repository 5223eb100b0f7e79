//! The orders service: takes orders, asks users who may order, has payments charge for it, and keeps orders in SQLite.

use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use dovetail_client::Credential;
use orders_client::types::{NewOrder, Order, OrderStatus};
use payments_client::errors::ChargeError;
use payments_client::types::{Card, ChargeOptions, ChargeRequest, Currency, MethodType, Payment};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use users_client::errors::GetUserError;
use users_client::types::UserStatus;

use crate::Now;
use crate::problem::Problem;

/// Orders are kept as documents, with the two columns that lists are made by.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS orders (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        status TEXT NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id);
";

/// The service and what it stands on.
#[derive(Debug, Clone)]
pub struct Orders {
    database: Arc<Mutex<Connection>>,
    users: users_client::Client,
    payments: payments_client::Client,
    now: Now,
}

/// Whose orders are listed.
#[derive(Debug, Deserialize)]
struct Wanted {
    user_id: String,
    status: Option<String>,
}

impl Orders {
    /// The service on a database file, or in memory.
    ///
    /// # Errors
    ///
    /// Where the database cannot be opened.
    pub fn open(
        file: Option<&FilePath>,
        users: users_client::Client,
        payments: payments_client::Client,
        now: Now,
    ) -> Result<Self> {
        let database = match file {
            Some(file) => Connection::open(file),
            None => Connection::open_in_memory(),
        };
        let database = database.context("cannot open the database")?;
        database
            .execute_batch(SCHEMA)
            .context("cannot prepare the database")?;
        Ok(Self {
            database: Arc::new(Mutex::new(database)),
            users,
            payments,
            now,
        })
    }

    /// The service.
    pub fn router(self) -> Router {
        Router::new()
            .route("/orders", routing::get(list).post(place))
            .route("/orders/{order_id}", routing::get(fetch).delete(cancel))
            .with_state(self)
    }

    /// Works on the database, away from the threads that serve.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let database = Arc::clone(&self.database);
        let done = tokio::task::spawn_blocking(move || {
            work(&database.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let unavailable = || {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the order book is not available",
            )
        };
        done.await
            .map_err(|_| unavailable())?
            .map_err(|_| unavailable())
    }

    /// Whether the user may order.
    async fn admit(&self, user_id: &str) -> Result<(), Problem> {
        let refuse = |title| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, title);
        match self.users.get_user(user_id).await {
            Ok(user) if user.status == UserStatus::Active => Ok(()),
            Ok(_) => Err(refuse("the user may not order")),
            Err(error) => Err(match error.refusal() {
                Some(GetUserError::NotFound(_)) => refuse("no such user"),
                _ => unavailable("users", &error.to_string()),
            }),
        }
    }

    /// Charges for an order. The order's id is the key, so that an order is charged for once however often it is tried.
    async fn charge(
        &self,
        order_id: uuid::Uuid,
        amount: i64,
        token: &str,
    ) -> Result<Payment, Problem> {
        let options = ChargeOptions {
            idempotency_key: Some(order_id.to_string()),
        };
        let request = ChargeRequest {
            order_id: order_id.to_string(),
            amount,
            currency: Currency::Eur,
            method: MethodType::Card(Card {
                token: token.to_owned(),
            }),
        };
        self.payments
            .charge(&request, &options)
            .await
            .map_err(|error| match error.refusal() {
                Some(ChargeError::PaymentRequired(declined)) => {
                    let problem =
                        Problem::new(StatusCode::PAYMENT_REQUIRED, "the charge was declined");
                    problem.with("detail", declined.title.as_str())
                }
                _ => unavailable("payments", &error.to_string()),
            })
    }
}

/// Clients of the services that orders calls, under the policies that its contract declares.
///
/// # Errors
///
/// Where an address is not one.
pub fn clients(
    users: &str,
    payments: &str,
    token: &str,
) -> Result<(users_client::Client, payments_client::Client)> {
    let users = users_client::Client::for_orders().base_url(users).build();
    let token = Credential::bearer(token);
    let payments = payments_client::Client::for_orders()
        .base_url(payments)
        .credential(&payments_client::operations::SERVICE_TOKEN_SCHEME, &token)
        .build();
    Ok((
        users.context("where users runs")?.into(),
        payments.context("where payments runs")?.into(),
    ))
}

async fn place(
    State(orders): State<Orders>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<Order>), Problem> {
    let invalid = |title| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, title);
    let cost = |line: &orders_client::types::Line| line.price.checked_mul(i64::from(line.quantity));
    let costs: Option<Vec<i64>> = new.lines.iter().map(cost).collect();
    let total = costs.and_then(|costs| costs.into_iter().try_fold(0i64, i64::checked_add));
    let total = total
        .filter(|total| *total > 0)
        .ok_or_else(|| invalid("the lines of the order add up to nothing"))?;
    orders.admit(&new.user_id).await?;
    let id = uuid::Uuid::new_v4();
    let payment = orders.charge(id, total, &new.card_token).await?;
    let order = Order {
        id,
        user_id: new.user_id,
        status: OrderStatus::Paid,
        lines: new.lines,
        total,
        payment_id: payment.id,
        note: new.note,
        placed_at: (orders.now)(),
    };
    let stored = order.clone();
    orders
        .with(move |database| store(database, &stored))
        .await?;
    Ok((StatusCode::CREATED, Json(order)))
}

async fn list(
    State(orders): State<Orders>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Order>>, Problem> {
    let found = orders.with(move |database| {
        let sql = "SELECT document FROM orders WHERE user_id = ?1 AND (?2 IS NULL OR status = ?2) ORDER BY rowid DESC";
        let mut statement = database.prepare(sql)?;
        let documents = statement.query_map(params![wanted.user_id, wanted.status], |row| row.get::<_, String>(0))?;
        documents.map(|document| Ok(serde_json::from_str(&document?)?)).collect()
    });
    found.await.map(Json)
}

async fn fetch(
    State(orders): State<Orders>,
    Path(order_id): Path<String>,
) -> Result<Json<Order>, Problem> {
    orders
        .with(move |database| find(database, &order_id))
        .await?
        .map(Json)
        .ok_or_else(no_such_order)
}

async fn cancel(
    State(orders): State<Orders>,
    Path(order_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let order = orders
        .with(move |database| find(database, &order_id))
        .await?;
    let mut order = order.ok_or_else(no_such_order)?;
    // Refunding twice has the effect of refunding once, so an order whose storing failed may be cancelled again.
    if let Err(error) = orders.payments.refund(&order.payment_id).await {
        return Err(unavailable("payments", &error.to_string()));
    }
    order.status = OrderStatus::Cancelled;
    orders.with(move |database| store(database, &order)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn store(database: &Connection, order: &Order) -> Result<()> {
    let sql = "INSERT INTO orders (id, user_id, status, document) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (id) DO UPDATE SET status = excluded.status, document = excluded.document";
    let document = serde_json::to_string(order)?;
    database.execute(
        sql,
        params![
            order.id.to_string(),
            order.user_id,
            order.status.as_str(),
            document
        ],
    )?;
    Ok(())
}

fn find(database: &Connection, order_id: &str) -> Result<Option<Order>> {
    let sql = "SELECT document FROM orders WHERE id = ?1";
    let document: Option<String> = database
        .query_row(sql, [order_id], |row| row.get(0))
        .optional()?;
    document
        .map(|document| Ok(serde_json::from_str(&document)?))
        .transpose()
}

fn unavailable(service: &str, detail: &str) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        &format!("{service} did not answer in time"),
    )
    .with("detail", detail)
}

fn no_such_order() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such order")
}
