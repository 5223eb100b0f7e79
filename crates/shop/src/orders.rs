//! The orders service: takes orders, asks users who may order, has payments charge for it, and keeps orders in SQLite.

mod book;

use std::path::Path as FilePath;

use anyhow::{Context, Result};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use dovetail_client::Credential;
use dovetail_messaging::consumer::{Context as Delivered, HandlerError};
use dovetail_messaging::store::sqlite::{Sqlite, SqliteTransaction};
use dovetail_messaging::store::{Store, Transaction};
use orders_client::types::{NewOrder, Order, OrderStatus};
use orders_consumers::PaymentsHandler;
use orders_messages::OrdersEvents;
use orders_messages::types::{Line as ToldLine, OrderCreated};
use payments_client::errors::ChargeError;
use payments_client::types::{Card, ChargeOptions, ChargeRequest, Currency, MethodType, Payment};
use payments_messages::types::PaymentSettled;
use serde::Deserialize;
use users_client::errors::GetUserError;
use users_client::types::UserStatus;

use crate::Now;
use crate::broker::{self, Broker};
use crate::problem::Problem;

/// The service and what it stands on.
#[derive(Debug, Clone)]
pub struct Orders {
    store: Sqlite,
    users: users_client::Client,
    payments: payments_client::Client,
    events: OrdersEvents,
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
    pub async fn open(
        file: Option<&FilePath>,
        users: users_client::Client,
        payments: payments_client::Client,
        now: Now,
    ) -> Result<Self> {
        let store = crate::store(file)?;
        let prepared = store.transact(|database| database.execute_batch(book::SCHEMA));
        prepared.await.context("cannot prepare the database")?;
        let (clock, chance) = broker::world();
        Ok(Self {
            store,
            users,
            payments,
            events: OrdersEvents::new(clock, chance),
            now,
        })
    }

    /// What the service consumes and publishes, on a broker.
    #[must_use]
    pub fn runner(&self, broker: Broker) -> orders_consumers::Consumers<Sqlite, Broker> {
        let (store, (clock, chance)) = (self.store.clone(), broker::world());
        let options = broker::options();
        orders_consumers::Consumers::with_options(
            store,
            broker,
            self.clone(),
            options,
            clock,
            chance,
        )
    }

    /// The service.
    pub fn router(self) -> Router {
        Router::new()
            .route("/orders", routing::get(list).post(place))
            .route("/orders/{order_id}", routing::get(fetch).delete(cancel))
            .with_state(self)
    }

    async fn find(&self, order_id: String) -> Result<Option<Order>, Problem> {
        let find = move |database: &_| book::find(database, &order_id);
        Ok(self.store.transact(find).await?)
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
        status: OrderStatus::Placed,
        lines: new.lines,
        total,
        payment_id: payment.id,
        note: new.note,
        placed_at: (orders.now)(),
    };
    let now = order.placed_at.into();
    let mut transaction = orders.store.transaction(now).await?;
    let placed = order.clone();
    transaction
        .run(move |database| book::keep(database, &placed))
        .await?;
    orders
        .events
        .order_created(&mut transaction, &told(&order))?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(order)))
}

/// What others are told of an order.
fn told(order: &Order) -> OrderCreated {
    let lines = order.lines.iter().map(|line| ToldLine {
        sku: line.sku.clone(),
        quantity: line.quantity,
        price: line.price,
    });
    OrderCreated {
        order_id: order.id,
        user_id: order.user_id.clone(),
        total: order.total,
        lines: lines.collect(),
        note: order.note.clone().value(),
        placed_at: order.placed_at,
    }
}

impl PaymentsHandler<SqliteTransaction> for Orders {
    async fn mark_paid(
        &self,
        transaction: &mut SqliteTransaction,
        event: PaymentSettled,
        _context: &Delivered<'_>,
    ) -> Result<(), HandlerError> {
        let order_id = event.order_id.to_string();
        let is_there = transaction
            .run(move |database| book::mark_paid(database, &order_id))
            .await?;
        // The money may be faster than the order: it is charged for first.
        if is_there {
            Ok(())
        } else {
            Err(HandlerError::Message("no such order yet".to_owned()))
        }
    }
}

async fn list(
    State(orders): State<Orders>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Vec<Order>>, Problem> {
    let Wanted { user_id, status } = wanted;
    let list = move |database: &_| book::list(database, &user_id, status.as_deref());
    Ok(Json(orders.store.transact(list).await?))
}

async fn fetch(
    State(orders): State<Orders>,
    Path(order_id): Path<String>,
) -> Result<Json<Order>, Problem> {
    orders
        .find(order_id)
        .await?
        .map(Json)
        .ok_or_else(no_such_order)
}

async fn cancel(
    State(orders): State<Orders>,
    Path(order_id): Path<String>,
) -> Result<StatusCode, Problem> {
    let order = orders.find(order_id).await?;
    let mut order = order.ok_or_else(no_such_order)?;
    // Refunding twice has the effect of refunding once, so an order whose storing failed may be cancelled again.
    if let Err(error) = orders.payments.refund(&order.payment_id).await {
        return Err(unavailable("payments", &error.to_string()));
    }
    order.status = OrderStatus::Cancelled;
    let keep = move |database: &_| book::keep(database, &order);
    orders.store.transact(keep).await?;
    Ok(StatusCode::NO_CONTENT)
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
