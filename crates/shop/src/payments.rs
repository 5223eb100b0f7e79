//! The payments service: charges that happen once for each key, kept in SQLite.

mod ledger;

use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, Router, routing};
use dovetail_messaging::service::Runner;
use dovetail_messaging::store::sqlite::Sqlite;
use dovetail_messaging::store::{Store, Transaction};
use payments_client::types::{ChargeRequest, Payment};
use payments_messages::PaymentsEvents;
use payments_messages::types::PaymentSettled;
use serde_json::{Value, json};

use self::ledger::Charged;
use crate::broker::{self, Broker};
use crate::problem::Problem;
use crate::states::{self, Action, Change};

/// The token that callers show. It protects nothing: no money moves here.
pub const TOKEN: &str = "demo-token";

/// All payments and the keys that they were made with.
#[derive(Debug, Clone)]
pub struct Payments {
    store: Sqlite,
    events: PaymentsEvents,
    /// Why cards are declined at the moment, if they are.
    declining: Arc<Mutex<Option<String>>>,
}

impl Payments {
    /// The service on a database file, or in memory.
    ///
    /// # Errors
    ///
    /// Where the database cannot be opened.
    pub async fn open(file: Option<&FilePath>) -> Result<Self> {
        let store = crate::store(file)?;
        let prepared = store.transact(|database| database.execute_batch(ledger::SCHEMA));
        prepared.await.context("cannot prepare the database")?;
        let (clock, chance) = broker::world();
        Ok(Self {
            store,
            events: PaymentsEvents::new(clock, chance),
            declining: Arc::default(),
        })
    }

    /// What the service publishes, on a broker.
    #[must_use]
    pub fn runner(&self, broker: Broker) -> Runner<Sqlite, Broker> {
        let (store, (clock, chance)) = (self.store.clone(), broker::world());
        Runner::new("payments", store, broker, broker::options(), clock, chance)
            .declaring(payments_messages::channels::ALL)
    }

    /// The service. `with_states` mounts the endpoint for verification.
    pub fn router(self, with_states: bool) -> Router {
        let payments = self.clone();
        let router = Router::new()
            .route("/payments", routing::post(charge))
            .route("/payments/{payment_id}", routing::get(fetch))
            .route("/payments/{payment_id}/refund", routing::put(refund))
            .with_state(self);
        if with_states {
            states::mount(router, move |change| {
                let payments = payments.clone();
                async move { payments.apply(&change).await }
            })
        } else {
            router
        }
    }

    /// Puts the service into a state, or out of it.
    async fn apply(&self, change: &Change) -> Option<Value> {
        match (change.state.as_str(), change.action) {
            ("card declines", Action::Setup) => {
                let reason = change.text("reason").unwrap_or("insufficient_funds");
                *self.declining() = Some(reason.to_owned());
                Some(json!({}))
            }
            ("card accepts", Action::Setup) | ("card declines", Action::Teardown) => {
                *self.declining() = None;
                Some(json!({}))
            }
            ("a payment is settled", Action::Setup) => {
                let request = json!({
                    "order_id": "o-settled", "amount": 1000, "currency": "EUR",
                    "method": { "kind": "card", "token": "tok-1" },
                });
                let request: ChargeRequest = serde_json::from_value(request).ok()?;
                let settle = move |database: &_| ledger::settle(database, request);
                let payment = self.store.transact(settle).await.ok()?;
                Some(json!({ "payment_id": payment.id }))
            }
            ("card accepts" | "a payment is settled", Action::Teardown) => Some(json!({})),
            _ => None,
        }
    }

    fn declining(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.declining
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn charge(
    State(payments): State<Payments>,
    headers: HeaderMap,
    Json(request): Json<ChargeRequest>,
) -> Result<(StatusCode, Json<Payment>), Problem> {
    authorize(&headers)?;
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok());
    let key =
        key.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "the idempotency key is missing"))?;
    let (key, declining) = (key.to_owned(), payments.declining().clone());
    let now = crate::system_time().into();
    let mut transaction = payments.store.transaction(now).await?;
    let charge = move |database: &_| ledger::charge(database, &key, request, declining.as_deref());
    match transaction.run(charge).await? {
        Charged::Now(payment) => {
            // Orders have ids of that form; others charge under references of their own.
            if let Some(settled) = told(&payment) {
                payments
                    .events
                    .payment_settled(&mut transaction, &settled)?;
            }
            transaction.commit().await?;
            Ok((StatusCode::CREATED, Json(payment)))
        }
        Charged::Before(payment) => Ok((StatusCode::CREATED, Json(payment))),
        Charged::KeyReused => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the key was used for another charge",
        )),
        Charged::Declined(reason) => {
            let problem = Problem::new(StatusCode::PAYMENT_REQUIRED, "the card was declined");
            Err(problem.with("reason", reason))
        }
    }
}

/// What others are told of a payment, if it is that of an order.
fn told(payment: &Payment) -> Option<PaymentSettled> {
    Some(PaymentSettled {
        payment_id: payment.id.clone(),
        order_id: payment.order_id.parse().ok()?,
        amount: payment.amount,
        currency: payment.currency.as_str().to_owned(),
        method: None,
        settled_at: None,
    })
}

async fn fetch(
    State(payments): State<Payments>,
    headers: HeaderMap,
    Path(payment_id): Path<String>,
) -> Result<Json<Payment>, Problem> {
    authorize(&headers)?;
    let find = move |database: &_| ledger::find(database, &payment_id);
    let found = payments.store.transact(find).await?;
    found.map(Json).ok_or_else(no_such_payment)
}

async fn refund(
    State(payments): State<Payments>,
    headers: HeaderMap,
    Path(payment_id): Path<String>,
) -> Result<StatusCode, Problem> {
    authorize(&headers)?;
    let refund = move |database: &_| ledger::refund(database, &payment_id);
    if payments.store.transact(refund).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_such_payment())
    }
}

fn authorize(headers: &HeaderMap) -> Result<(), Problem> {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match shown.and_then(|shown| shown.strip_prefix("Bearer ")) {
        Some(TOKEN) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or unknown",
        )),
    }
}

fn no_such_payment() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no such payment")
}
