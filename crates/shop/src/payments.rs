//! The payments service: charges that happen once for each key, kept in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, Router, routing};
use payments_client::types::{ChargeRequest, Payment, PaymentStatus};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::states::{self, Action, Change};

/// The token that callers show. It protects nothing: no money moves here.
pub const TOKEN: &str = "demo-token";

/// All payments and the keys that they were made with.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
struct Ledger {
    payments: BTreeMap<String, Payment>,
    /// What each idempotency key was used for, and which payment came of it.
    keys: BTreeMap<String, (ChargeRequest, String)>,
    /// Why cards are declined at the moment, if they are.
    declining: Option<String>,
}

impl Payments {
    /// The service. `with_states` mounts the endpoint for verification.
    pub fn router(self, with_states: bool) -> Router {
        let payments = self.clone();
        let router = Router::new()
            .route("/payments", routing::post(charge))
            .route("/payments/{payment_id}", routing::get(fetch))
            .route("/payments/{payment_id}/refund", routing::put(refund))
            .with_state(self);
        if with_states {
            states::mount(router, move |change| payments.apply(change))
        } else {
            router
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        // A panic elsewhere leaves the ledger whole: a charge is written in one go at the end.
        work(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the service into a state, or out of it.
    fn apply(&self, change: &Change) -> Option<Value> {
        self.with(|ledger| match (change.state.as_str(), change.action) {
            ("card declines", Action::Setup) => {
                ledger.declining = Some(
                    change
                        .text("reason")
                        .unwrap_or("insufficient_funds")
                        .to_owned(),
                );
                Some(json!({}))
            }
            ("card accepts", Action::Setup) | ("card declines", Action::Teardown) => {
                ledger.declining = None;
                Some(json!({}))
            }
            ("a payment is settled", Action::Setup) => {
                let request = json!({
                    "order_id": "o-settled", "amount": 1000, "currency": "EUR",
                    "method": { "kind": "card", "token": "tok-1" },
                });
                let request: ChargeRequest = serde_json::from_value(request).ok()?;
                let payment = ledger.settle(request);
                Some(json!({ "payment_id": payment.id }))
            }
            ("card accepts" | "a payment is settled", Action::Teardown) => Some(json!({})),
            _ => None,
        })
    }
}

impl Ledger {
    fn settle(&mut self, request: ChargeRequest) -> Payment {
        let id = format!("p-{}", self.payments.len() + 1);
        let payment = Payment {
            receipt_url: Some(format!("https://receipts.example.org/{id}")),
            id,
            order_id: request.order_id,
            amount: request.amount,
            currency: request.currency,
            status: PaymentStatus::Settled,
        };
        self.payments.insert(payment.id.clone(), payment.clone());
        payment
    }

    fn charge(&mut self, key: &str, request: ChargeRequest) -> Result<Payment, Problem> {
        if let Some((before, payment_id)) = self.keys.get(key) {
            if *before != request {
                return Err(Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "the key was used for another charge",
                ));
            }
            if let Some(payment) = self.payments.get(payment_id) {
                return Ok(payment.clone());
            }
        }
        if let Some(reason) = &self.declining {
            return Err(
                Problem::new(StatusCode::PAYMENT_REQUIRED, "the card was declined")
                    .with("reason", reason.as_str()),
            );
        }
        let payment = self.settle(request.clone());
        self.keys
            .insert(key.to_owned(), (request, payment.id.clone()));
        Ok(payment)
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
    payments
        .with(|ledger| ledger.charge(key, request))
        .map(|payment| (StatusCode::CREATED, Json(payment)))
}

async fn fetch(
    State(payments): State<Payments>,
    headers: HeaderMap,
    Path(payment_id): Path<String>,
) -> Result<Json<Payment>, Problem> {
    authorize(&headers)?;
    payments
        .with(|ledger| ledger.payments.get(&payment_id).cloned())
        .map(Json)
        .ok_or_else(no_such_payment)
}

async fn refund(
    State(payments): State<Payments>,
    headers: HeaderMap,
    Path(payment_id): Path<String>,
) -> Result<StatusCode, Problem> {
    authorize(&headers)?;
    payments.with(|ledger| {
        let payment = ledger
            .payments
            .get_mut(&payment_id)
            .ok_or_else(no_such_payment)?;
        payment.status = PaymentStatus::Refunded;
        Ok(StatusCode::NO_CONTENT)
    })
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
