//! The endpoint that puts a service into a state before an interaction is replayed: `POST {state, params, action}`, as Pact has it.
//!
//! Only ever mounted where it was asked for: it changes data without asking who calls.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Where the endpoint is mounted.
pub const PATH: &str = "/_dovetail/states";

/// A state to be set up or torn down.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    /// Name of the state.
    pub state: String,
    /// Parameters of it.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Which way.
    pub action: Action,
}

/// Whether a state begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It begins.
    Setup,
    /// It ends.
    Teardown,
}

impl Change {
    /// A parameter that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str)
    }
}

/// Mounts the endpoint. `apply` returns the values of the state, or `None` where it does not know it.
pub fn mount<F: Future<Output = Option<Value>> + Send>(
    router: Router,
    apply: impl Fn(Change) -> F + Clone + Send + Sync + 'static,
) -> Router {
    let handler = move |Json(change): Json<Change>| async move {
        let state = change.state.clone();
        respond(state, apply(change).await)
    };
    router.route(PATH, routing::post(handler))
}

fn respond(state: String, values: Option<Value>) -> Response {
    match values {
        Some(values) => Json(values).into_response(),
        None => Problem::new(StatusCode::BAD_REQUEST, "no such state")
            .with("state", state)
            .into_response(),
    }
}
