//! What the orders document says of each request, and how the stand-in answers it.

use anyhow::{Result, ensure};
use dovetail_tests::{Recorded, answer as said, empty};

/// One request as the document says it.
struct Request {
    method: &'static str,
    target: &'static str,
    /// Headers with the value that they must have; `None` where there must be none.
    headers: &'static [(&'static str, Option<&'static str>)],
    body: &'static str,
}

/// The credential of all operations but one.
const BEARER: (&str, Option<&str>) = ("authorization", Some("Bearer token-1"));
const NO_KEY: (&str, Option<&str>) = ("x-api-key", None);
const NO_COOKIE: (&str, Option<&str>) = ("cookie", None);
const NO_TYPE: (&str, Option<&str>) = ("content-type", None);
const JSON: (&str, Option<&str>) = ("content-type", Some("application/json"));

const REQUESTS: &[Request] = &[
    Request {
        method: "GET",
        target: "/v1/orders?status=paid&status=shipped&created_after=2026-01-02T03%3A04%3A05%2B01%3A00\
                 &cursor=c%2F1%20%26&limit=5&sort=-created_at",
        headers: &[
            BEARER,
            NO_KEY,
            NO_COOKIE,
            NO_TYPE,
            ("x-request-id", Some("r-1")),
        ],
        body: "",
    },
    Request {
        method: "POST",
        target: "/v1/orders",
        headers: &[
            BEARER,
            NO_KEY,
            JSON,
            ("idempotency-key", Some("key-of-mine")),
        ],
        body: r#"{"customer_id":"00000000-0000-0000-0000-00000000000f","lines":[{"sku":"s-1","qty":2,"unit_price":"9.90"}],"payment":{"kind":"card","number":"4242424242424242","exp_month":12,"exp_year":2030},"requested_delivery":null}"#,
    },
    Request {
        method: "GET",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f",
        headers: &[
            BEARER,
            NO_KEY,
            NO_TYPE,
            ("accept", Some("application/json")),
        ],
        body: "",
    },
    Request {
        method: "PATCH",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f",
        headers: &[
            BEARER,
            NO_KEY,
            ("content-type", Some("application/merge-patch+json")),
            ("if-match", Some("\"v1\"")),
        ],
        body: r#"{"note":null}"#,
    },
    Request {
        method: "DELETE",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f",
        headers: &[BEARER, NO_KEY, NO_TYPE],
        body: "",
    },
    Request {
        method: "POST",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f/attachments",
        headers: &[
            BEARER,
            NO_KEY,
            (
                "content-type",
                Some("multipart/form-data; boundary=BOUNDARY"),
            ),
        ],
        body: "--BOUNDARY\r\n\
               Content-Disposition: form-data; name=\"kind\"\r\n\r\n\
               receipt\r\n\
               --BOUNDARY\r\n\
               Content-Disposition: form-data; name=\"file\"; filename=\"r.bin\"\r\n\
               Content-Type: application/octet-stream\r\n\r\n\
               \0\u{fffd}\r\n\r\n\
               --BOUNDARY--\r\n",
    },
    Request {
        method: "GET",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f/invoice",
        headers: &[BEARER, NO_KEY, ("accept", Some("*/*"))],
        body: "",
    },
    Request {
        method: "GET",
        target: "/v1/orders/00000000-0000-0000-0000-00000000000f/events",
        headers: &[BEARER, NO_KEY, ("accept", Some("text/event-stream"))],
        body: "",
    },
    Request {
        method: "GET",
        target: "/healthz",
        headers: &[("x-api-key", Some("key-1")), ("authorization", None)],
        body: "",
    },
];

const ORDER: &str = r#"{"customer_id":"00000000-0000-0000-0000-00000000000f","lines":[{"sku":"s-1","qty":2,"unit_price":"9.90"}],"payment":{"kind":"iban","iban":"DE1"},"note":"gift","id":"00000000-0000-0000-0000-00000000000f","status":"pending","created_at":"2026-01-02T03:04:05Z","total":"19.80"}"#;

/// A page of two orders: one with all that the document knows, and one of a newer service.
fn page() -> String {
    let full = r#"{"customer_id":"00000000-0000-0000-0000-00000000000f","lines":[{"sku":"s-1","qty":2,"unit_price":"9.90","tags":["a"],"attrs":{"a":"b","c":1,"d":1.5,"e":true,"f":null}}],"payment":{"exp_month":12,"exp_year":2030,"number":"4242424242424242","kind":"card"},"note":null,"requested_delivery":"2026-02-03","meta":{"any":[{}]},"id":"00000000-0000-0000-0000-00000000000f","status":"paid","created_at":"2026-01-02T03:04:05+05:30","total":"12345678901234567890.10","history":[["2026-01-02T03:04:05Z","pending"]],"parent":"#;
    let newer = ORDER
        .replace("pending", "refunded")
        .replace(
            r#""kind":"iban","iban":"DE1""#,
            r#""kind":"crypto","coin":"x""#,
        )
        .replace(r#""note":"gift""#, r#""loyalty":{"points":3}"#);
    format!(r#"{{"items":[{full}{ORDER}}},{newer}],"next_cursor":null,"total":2}}"#)
}

/// Answers as the document allows, by what is asked for.
pub(super) fn answer(recorded: &Recorded) -> Vec<u8> {
    let path = recorded.target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let json = |status, body: &str| said(status, "application/json", body.as_bytes());
    match (recorded.method.as_str(), last) {
        ("GET", "orders") => json(200, &page()),
        ("POST", "orders") => json(201, ORDER),
        ("POST", "attachments") => json(201, r#"{"id":"a-1"}"#),
        ("GET", "invoice") => said(200, "application/pdf", b"%PDF-\0\xff"),
        ("GET", "events") => {
            let events = format!(": hello\n\nid: 7\ndata: {ORDER}\n\n");
            said(200, "text/event-stream", events.as_bytes())
        }
        ("GET", "healthz") => json(200, r#"{"status":"ok"}"#),
        ("GET", _) => json(200, ORDER),
        ("PATCH", _) => json(412, r#"{"title":"changed since","status":412}"#),
        ("DELETE", _) => empty(204),
        _ => empty(405),
    }
}

/// Holds what came against what the document says.
pub(super) fn check(requests: &[Recorded]) -> Result<()> {
    ensure!(
        requests.len() == REQUESTS.len(),
        "{} requests came instead of {}",
        requests.len(),
        REQUESTS.len()
    );
    for (recorded, request) in requests.iter().zip(REQUESTS) {
        let place = format!("{} {}", request.method, request.target);
        let came = format!("{} {}", recorded.method, recorded.target);
        ensure!(came == place, "expected {place}\n     got {came}");
        let boundary = recorded
            .header("content-type")
            .and_then(|value| value.split_once("; boundary="))
            .map(|(_, boundary)| boundary);
        // The boundary is another one each time.
        let fixed = |text: &str| match boundary {
            Some(boundary) => text.replace(boundary, "BOUNDARY"),
            None => text.to_owned(),
        };
        for (name, expected) in request.headers {
            let times = recorded
                .headers
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                .count();
            ensure!(
                times == usize::from(expected.is_some()),
                "{place}: the header {name} came {times} times"
            );
            let value = recorded.header(name).map(fixed);
            ensure!(
                value.as_deref() == *expected,
                "{place}: the header {name} is {value:?} instead of {expected:?}"
            );
        }
        let body = fixed(&recorded.text());
        ensure!(
            body == request.body,
            "{place}: the body\n     is {body:?}\ninstead {:?}",
            request.body
        );
    }
    Ok(())
}
