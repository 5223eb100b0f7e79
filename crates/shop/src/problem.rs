//! Refusals as problem documents (RFC 9457).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dovetail_messaging::producer::ProducerError;
use dovetail_messaging::store::StoreError;

/// A refusal: its status and the body that the contract declares for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    body: serde_json::Value,
}

impl Problem {
    /// A refusal with a title that says it in a few words.
    #[must_use]
    pub fn new(status: StatusCode, title: &str) -> Self {
        Self {
            status,
            body: serde_json::json!({ "title": title }),
        }
    }

    /// A refusal with another field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.body[name] = value.into();
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the database is not available",
        )
        .with("detail", error.to_string())
    }
}

impl From<ProducerError> for Problem {
    fn from(error: ProducerError) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "nobody can be told of this",
        )
        .with("detail", error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, content_type, self.body.to_string()).into_response()
    }
}
