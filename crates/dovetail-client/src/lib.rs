//! What generated clients stand on: send an operation under its policy, decode its answer by status.
//!
//! A generated crate holds what differs between operations as constants, and one short method for each. All else is here:
//! parameters and bodies on the wire, credentials, deadlines, retries, breakers, and errors.
//!
//! # A generated client
//!
//! ```
//! use std::{fmt, time::Duration};
//!
//! use dovetail_client::{
//!     ConfigError, DecodeResult, Error, Http, Idempotency, Method, Operation, Refusal, Response, SecurityScheme,
//!     Service, Undeclared, parameter::{Parameter, Style}, policy::{Policy, Retry},
//! };
//! use serde::{Deserialize, Serialize};
//!
//! // operations.rs: what the contract says, as constants.
//! pub const SERVICE: Service = Service::new("orders", &["getOrder", "listOrders", "createOrder"]);
//! pub const API_KEY: SecurityScheme = SecurityScheme::header_key("apiKey", "x-api-key");
//! pub const GET_ORDER: Operation = Operation::new(
//!     &SERVICE,
//!     "getOrder",
//!     Method::Get,
//!     "/orders/{order_id}",
//!     Policy::new(Duration::from_millis(1_000)).attempt(Duration::from_millis(300)),
//! )
//! .security(&[&[API_KEY]]);
//! pub const LIST_ORDERS: Operation = Operation::new(
//!     &SERVICE,
//!     "listOrders",
//!     Method::Get,
//!     "/orders",
//!     Policy::new(Duration::from_millis(2_000)).retry(Retry { max_attempts: 2, ..Retry::new() }),
//! );
//! pub const CREATE_ORDER: Operation = Operation::new(
//!     &SERVICE,
//!     "createOrder",
//!     Method::Post,
//!     "/orders",
//!     Policy::new(Duration::from_millis(2_000)),
//! )
//! .idempotency(Idempotency::Key { header: "Idempotency-Key" });
//! pub const LIST_ORDERS_FILTER: Parameter = Parameter::query("filter").style(Style::DeepObject);
//!
//! // types.rs
//! #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
//! pub struct Order { pub id: String }
//! #[derive(Debug, Clone, Default, Serialize)]
//! pub struct Filter { pub status: Option<String> }
//! #[derive(Debug, Clone, Default)]
//! pub struct ListOrdersOptions { pub limit: Option<u32>, pub filter: Option<Filter> }
//!
//! // errors.rs: one enum per operation that can refuse, chosen by status.
//! #[derive(Debug, Deserialize)]
//! pub struct Problem { pub title: String }
//! #[derive(Debug)]
//! #[non_exhaustive]
//! pub enum GetOrderError { NotFound(Problem) }
//!
//! impl Refusal for GetOrderError {
//!     fn decode(response: &Response) -> DecodeResult<Self> {
//!         match response.status() {
//!             404 => response.json().map(Self::NotFound).map(Some),
//!             _ => Ok(None),
//!         }
//!     }
//! }
//!
//! impl fmt::Display for GetOrderError {
//!     fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self { Self::NotFound(_) => formatter.write_str("no order has this identifier") }
//!     }
//! }
//!
//! impl std::error::Error for GetOrderError {}
//!
//! // client.rs: one short method per operation.
//! #[derive(Debug, Clone)]
//! pub struct Client { http: Http }
//!
//! impl Client {
//!     pub fn new(base_url: &str) -> Result<Self, ConfigError> {
//!         Http::builder(&SERVICE).base_url(base_url).build().map(Self::from)
//!     }
//!
//!     pub async fn get_order(&self, order_id: &str) -> Result<Order, Error<GetOrderError>> {
//!         self.http.call(&GET_ORDER).path("order_id", order_id).send_json().await
//!     }
//!
//!     pub async fn list_orders(&self, options: &ListOrdersOptions) -> Result<Vec<Order>, Error<Undeclared>> {
//!         self.http
//!             .call(&LIST_ORDERS)
//!             .query("limit", &options.limit)
//!             .parameter(&LIST_ORDERS_FILTER, &options.filter)
//!             .send_json()
//!             .await
//!     }
//!
//!     pub async fn create_order(&self, order: &Order) -> Result<Order, Error<Undeclared>> {
//!         self.http.call(&CREATE_ORDER).json(order).send_json().await
//!     }
//! }
//!
//! impl From<Http> for Client {
//!     fn from(http: Http) -> Self { Self { http } }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use dovetail_client::{Credential, testing::{Script, Step}};
//! // A test, with a provider that follows a script.
//! let script = Script::new([Step::json(404, r#"{"title":"no such order"}"#)]);
//! let client = Client::from(
//!     Http::builder(&SERVICE)
//!         .base_url("http://orders.internal")
//!         .credential(&API_KEY, &Credential::key("k-1"))
//!         .transport(script.clone())
//!         .build()?,
//! );
//! let error = client.get_order("o-1").await.unwrap_err();
//! assert!(matches!(error.refusal(), Some(GetOrderError::NotFound(problem)) if problem.title == "no such order"));
//! assert_eq!(script.hits()[0].request.url.as_str(), "http://orders.internal/orders/o-1");
//! # Ok(())
//! # }
//! ```
//!
//! Other ways to send: [`Call::send_text`], [`Call::send_bytes`], [`Call::send_empty`], and [`Call::send`] for an
//! operation with several successes, whose generated enum implements [`Success`]. Answers that are still coming:
//! [`Call::send_stream`] for bytes, [`Call::send_events`] for server-sent events, [`Call::send_lines`] for JSON lines.
//! Other bodies: [`Call::form`], [`Call::multipart`], [`Call::json_lines`], [`Call::text`], and [`Call::bytes`], which
//! takes streams, too.
//!
//! What a service sends on its own account, webhooks and callbacks, is taken apart by [`incoming`].
//!
//! [`Call::with_headers`] hands out the headers of an answer beside its body, [`pagination`] makes one stream of a list
//! that comes page by page, and a [`ServerTemplate`] is the address of a service with variables in it.
//!
//! # What a client promises
//!
//! - An operation that may not be sent twice is only sent again where the service has seen nothing of it.
//! - A call ends at its deadline, and tells the next service how much time is left. An answer that streams has the
//!   deadline for its head; from then on it may last, but not pause.
//! - A body that is a stream is sent once at most, whatever the policy.
//! - No value can change the host or the path of a request, and no credential appears in an error or a log.
//! - Links to further pages are followed within the service and nowhere else, and redirects not at all.
//! - Proxies are not used unless asked, and no answer, event or line is longer than the limit.

mod answered;
mod body;
mod call;
mod classify;
mod credentials;
mod error;
mod headers;
mod http;
mod operation;
mod response;
mod server;
mod stream;

pub mod incoming;
pub mod multipart;
pub mod pagination;
pub mod parameter;
pub mod policy;
pub mod testing;
pub mod transport;

mod wire;

/// How generated types stand on the wire.
#[doc(inline)]
pub use dovetail_wire::{
    Base64, Decimal, DecodeError, Patch, UnknownValue, UnknownVariant, alike, decode, encode,
    object, open_enum, open_numbers, types, union,
};

#[doc(hidden)]
pub use dovetail_wire::generated;

/// The policies themselves, for those who configure them or call other things than HTTP.
pub use dovetail_resilience as resilience;

pub use crate::{
    answered::{Answered, FromHeaders, Headers},
    body::{Body, BodyReader},
    call::{Call, WithHeaders},
    credentials::{ClientAuthentication, ClientCredentials, Credential, Secret},
    error::{
        Answer, ConfigError, Error, Failure, FailureKind, InvalidRequest, TokenError, TokenRefusal,
        Unexpected,
    },
    http::{BODY_MAX, CONNECT_TIMEOUT, Http, HttpBuilder, STREAM_IDLE_TIMEOUT},
    operation::{Idempotency, Method, Operation, Placement, SecurityScheme, Service},
    response::{DecodeResult, Refusal, Response, Success, Undeclared},
    server::{ServerTemplate, ServerVariable},
    stream::{ByteStream, Event, EventStream, LineStream},
};
