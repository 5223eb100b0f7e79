//! What the obstacle course sends itself, from requests to handlers and back.

use std::sync::Mutex;

use dovetail_client::incoming::{Incoming, Reply, Route};
use obstacle_course_client::callbacks::{self, CallbackHandler, SubscribeOnTicketAnswer};
use obstacle_course_client::types::{GoneTypeDeleteBody, ReceiveOk, Shape, Ticket};
use obstacle_course_client::webhooks::{
    self, GoneTypeDeleteAnswer, GoneTypePutAnswer, ReceiveAnswer, ReceiveParameters, WebhookHandler,
};
use serde_json::{Value, json};

/// Keeps what it was told.
#[derive(Default)]
struct Handler(Mutex<Vec<String>>);

impl Handler {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl WebhookHandler for Handler {
    async fn receive_x9be4(&self, body: Shape, parameters: ReceiveParameters) -> ReceiveAnswer {
        self.note(format!("{} {:?}", parameters.x_try, parameters.dry_run));
        match body {
            Shape::Square(square) => ReceiveAnswer::Ok(ReceiveOk {
                area: square.side * square.side,
            }),
            Shape::Circle(_) => ReceiveAnswer::Conflict("known".to_owned()),
            _ => ReceiveAnswer::Other { status: 503 },
        }
    }

    async fn gone_type_delete(&self, body: Option<GoneTypeDeleteBody>) -> GoneTypeDeleteAnswer {
        self.note(body.map_or_else(String::new, |body| body.id));
        GoneTypeDeleteAnswer::NoContent
    }

    async fn gone_type_put(&self, body: bytes::Bytes) -> GoneTypePutAnswer {
        GoneTypePutAnswer::Success {
            status: 201,
            body: format!("{} bytes", body.len()),
        }
    }
}

impl CallbackHandler for Handler {
    async fn subscribe_on_ticket(&self, body: Ticket) -> SubscribeOnTicketAnswer {
        self.note(body.id);
        SubscribeOnTicketAnswer::Accepted
    }

    async fn subscribe_on_ticket_post(&self, body: Vec<(String, String)>) -> Reply {
        Reply::json(200, &body)
    }
}

async fn told(request: Incoming) -> (Reply, Vec<String>) {
    let handler = Handler::default();
    let reply = webhooks::receive(&handler, &request.body_max(64)).await;
    (reply, handler.0.into_inner().unwrap())
}

fn tried(times: &'static str) -> http::HeaderMap {
    let value = http::HeaderValue::from_static(times);
    http::HeaderMap::from_iter([(http::HeaderName::from_static("x-try"), value)])
}

#[tokio::test]
async fn a_webhook_is_read_by_type_and_answered_by_type() {
    let shape = |json: &'static str| {
        Incoming::new("POST", "receive")
            .headers(tried("2"))
            .query("dry-run=true")
            .body(json)
    };
    for (body, status, answer) in [
        (r#"{"kind":"Square","side":3}"#, 200, r#"{"area":9.0}"#),
        (r#"{"kind":"Circle","radius":3}"#, 409, "known"),
        (r#"{"kind":"Line"}"#, 503, ""),
    ] {
        let (reply, noted) = told(shape(body)).await;
        assert_eq!(reply.status(), status, "{body}");
        assert_eq!(reply.body(), answer, "{body}");
        assert_eq!(noted, ["2 Some(true)"]);
    }
}

#[tokio::test]
async fn what_is_not_as_the_contract_says_never_reaches_a_handler() {
    let square = r#"{"kind":"Square","side":3}"#;
    let receive = || Incoming::new("POST", "receive").headers(tried("2"));
    for (request, status, path) in [
        (
            receive().body(r#"{"kind":"Square","side":"3"}"#),
            400,
            Some("side"),
        ),
        (
            receive().body(square).headers(tried("x")),
            400,
            Some("header X-Try"),
        ),
        (
            Incoming::new("POST", "receive").body(square),
            400,
            Some("header X-Try"),
        ),
        (
            receive().body(square).query("dry-run=7"),
            400,
            Some("query parameter dry-run"),
        ),
        (receive().body("x".repeat(65)), 413, None),
        (Incoming::new("GET", "receive"), 405, None),
        (Incoming::new("POST", "sent"), 404, None),
        (
            Incoming::new("DELETE", "gone.type").body("{}"),
            400,
            Some("."),
        ),
        (
            Incoming::new("DELETE", "gone.type").body(r#"{"id":1}"#),
            400,
            Some("id"),
        ),
    ] {
        let (reply, noted) = told(request).await;
        assert_eq!(reply.status(), status);
        let problem: Value = serde_json::from_slice(reply.body()).unwrap();
        assert_eq!(
            problem.get("path").and_then(Value::as_str),
            path,
            "{problem}"
        );
        assert_eq!(problem["status"], status);
        assert!(noted.is_empty());
    }
}

#[tokio::test]
async fn a_body_may_be_left_out_or_be_bytes() {
    for (request, status, body, noted) in [
        (Incoming::new("DELETE", "gone.type"), 204, "", vec![""]),
        (
            Incoming::new("DELETE", "gone.type").body(r#"{"id":"g"}"#),
            204,
            "",
            vec!["g"],
        ),
        (
            Incoming::new("PUT", "gone.type").body(&b"\xff\x00"[..]),
            201,
            "\"2 bytes\"",
            vec![],
        ),
    ] {
        let (reply, told) = told(request).await;
        assert_eq!(
            (reply.status(), told),
            (status, noted.into_iter().map(str::to_owned).collect())
        );
        assert_eq!(reply.body(), body);
    }
}

#[tokio::test]
async fn a_callback_is_known_by_its_operation_and_its_name() {
    let handler = Handler::default();
    let ticket = json!({"id": "t", "label": "l", "at": "2026-01-01T00:00:00Z"}).to_string();
    let request = Incoming::new("POST", "subscribe/onTicket").body(ticket);
    let reply = callbacks::receive(&handler, &request).await;
    assert_eq!(reply.status(), 202);
    assert_eq!(handler.0.lock().unwrap().as_slice(), ["t"]);
    let late = callbacks::ROUTES[1];
    assert_eq!(
        late,
        Route::new("subscribe/onTicket/{$request.body#/url}/late", "POST")
    );
    let request = Incoming::new(late.method, late.name).body("a=1");
    let reply = callbacks::receive(&handler, &request).await;
    assert_eq!(reply.body(), r#"[["a","1"]]"#);
}
