//! Putting a provider into the states that an interaction needs, and out of them again.
//!
//! The protocol is Pact's, so that providers which speak it need no second handler: `POST {state, params, action}`, and the
//! object that comes back holds the values that were made up on the way, such as ids.

use dovetail_contract::expect::Given;
use dovetail_contract::placeholder::Values;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use crate::body::{self, NotJson};
use crate::exchange::{Client, SendError};
use crate::request::Prepared;

/// What to do with a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Setup,
    Teardown,
}

/// Why a state could not be set up or torn down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StateError {
    /// The provider declares no endpoint for states, and none was given.
    NoEndpoint,
    /// It was not answered.
    Unanswered(SendError),
    /// It was refused.
    Status(u16),
    /// The answer is not an object.
    NotAnObject(String),
    /// The answer lacks a value that the interaction uses.
    Lacks(String),
}

/// The endpoint that takes states.
#[derive(Debug)]
pub(crate) struct States<'a> {
    pub(crate) client: &'a Client,
    pub(crate) url: Option<&'a Url>,
}

impl States<'_> {
    /// Sets a state up and returns the values that came of it.
    pub(crate) async fn set_up(
        &self,
        given: &Given,
        deadline: Instant,
    ) -> Result<Values, StateError> {
        let answer = self.send(given, Action::Setup, deadline).await?;
        let values = match body::json(&answer) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Null) | Err(NotJson::Empty) => serde_json::Map::new(),
            Ok(_) => {
                return Err(StateError::NotAnObject(
                    "it is JSON of another kind".to_owned(),
                ));
            }
            // An endpoint that returns no values may answer with a word of its own.
            Err(_) if given.returns.is_empty() => serde_json::Map::new(),
            Err(NotJson::DuplicateKey(reason) | NotJson::Invalid(reason)) => {
                return Err(StateError::NotAnObject(reason));
            }
        };
        match given
            .returns
            .keys()
            .find(|name| !values.contains_key(*name))
        {
            Some(name) => Err(StateError::Lacks(name.clone())),
            None => Ok(values.into_iter().collect()),
        }
    }

    /// Takes a state down.
    pub(crate) async fn tear_down(
        &self,
        given: &Given,
        deadline: Instant,
    ) -> Result<(), StateError> {
        self.send(given, Action::Teardown, deadline).await.map(drop)
    }

    async fn send(
        &self,
        given: &Given,
        action: Action,
        deadline: Instant,
    ) -> Result<Vec<u8>, StateError> {
        let url = self.url.ok_or(StateError::NoEndpoint)?;
        let body = json!({
            "state": given.state.value,
            "params": given.with,
            "action": action.as_str(),
        });
        let json = HeaderValue::from_static("application/json");
        let request = Prepared {
            method: http::Method::POST,
            url: url.clone(),
            headers: vec![(CONTENT_TYPE, json.clone()), (ACCEPT, json)],
            body: Some(body.to_string().into_bytes()),
        };
        let answer = self.client.send(&request, deadline).await;
        let answer = answer.map_err(StateError::Unanswered)?;
        if (200..300).contains(&answer.status) {
            Ok(answer.body)
        } else {
            Err(StateError::Status(answer.status))
        }
    }
}

impl StateError {
    /// Whether the provider may have begun to set the state up.
    pub(crate) fn may_have_begun(&self) -> bool {
        !matches!(
            self,
            Self::NoEndpoint | Self::Unanswered(SendError::Unreachable(_))
        )
    }
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Teardown => "teardown",
        }
    }
}
