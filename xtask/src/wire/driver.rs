//! Calls each of the nine operations of the orders document at the address that it is given, in the order of the document, and holds
//! what the client makes of the answers. `cargo xtask wire` compiles this against the generated crate and looks at what was sent.

use chrono::DateTime;
use dovetail_client::multipart::FilePart;
use dovetail_client::types::Patch;
use dovetail_client::Credential;
use orders_client::operations::{API_KEY_HEADER_SCHEME, O_AUTH2_PASSWORD_BEARER_SCHEME};
use orders_client::types::{
    Card, CreateOrderV1OrdersPostOptions, LineInput, LineInputUnitPrice, ListOrdersV1OrdersGetOptions,
    ListOrdersV1OrdersGetSort, OrderIn, OrderInPayment, OrderPayment, Status, UploadV1OrdersOrderIdAttachmentsPostBody,
};
use orders_client::Client;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x0f);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).expect("the address of the service");
    let http = Client::builder()
        .base_url(&address)
        .credential(&O_AUTH2_PASSWORD_BEARER_SCHEME, &Credential::bearer("token-1"))
        .credential(&API_KEY_HEADER_SCHEME, &Credential::key("key-1"))
        .build();
    let client = Client::from(http.expect("the settings are sound"));
    list(&client).await;
    change(&client).await;
    exchange_files(&client).await;
    let health = client.healthz_healthz_get().await.unwrap();
    assert_eq!(health["status"], "ok");
}

async fn list(client: &Client) {
    let options = ListOrdersV1OrdersGetOptions {
        status: Some(vec![Status::Paid, Status::Shipped]),
        created_after: DateTime::parse_from_rfc3339("2026-01-02T03:04:05+01:00").ok(),
        cursor: Some("c/1 &".to_owned()),
        limit: Some(5),
        sort: Some(ListOrdersV1OrdersGetSort::MinusCreatedAt),
        x_request_id: Some("r-1".to_owned()),
    };
    let page = client.list_orders_v1_orders_get(&options).await.unwrap();
    assert_eq!((page.total, page.items.len()), (2, 2));
    let [full, newer] = page.items.as_slice() else {
        unreachable!("there are two");
    };
    assert!(matches!(&full.payment, OrderPayment::Card(card) if card.exp_month == 12));
    assert_eq!(full.total, "12345678901234567890.10");
    assert_eq!((&full.note, &full.updated_at), (&Patch::Null, &Patch::Absent));
    assert_eq!(full.created_at.to_rfc3339(), "2026-01-02T03:04:05+05:30");
    assert!(matches!(&full.parent, Patch::Value(parent) if parent.note == Patch::Value("gift".to_owned())));
    let history = full.history.as_deref().unwrap();
    assert_eq!((history[0].1.clone(), history.len()), (Status::Pending, 1));
    assert!(matches!(&newer.status, Status::Unknown(value) if value.as_str() == "refunded"));
    assert!(matches!(&newer.payment, OrderPayment::Unknown(other) if other.tag() == Some("crypto")));
}

async fn change(client: &Client) {
    let body = OrderIn {
        customer_id: ID,
        lines: vec![LineInput {
            sku: "s-1".to_owned(),
            qty: 2,
            unit_price: LineInputUnitPrice::Text("9.90".to_owned()),
            tags: None,
            attrs: None,
        }],
        payment: OrderInPayment::Card(Card {
            number: "4242424242424242".to_owned(),
            exp_month: 12,
            exp_year: 2030,
        }),
        note: Patch::Absent,
        requested_delivery: Patch::Null,
        meta: None,
    };
    let options = CreateOrderV1OrdersPostOptions { idempotency_key: Some("key-of-mine".to_owned()) };
    let created = client.create_order_v1_orders_post(&body, &options).await.unwrap();
    assert_eq!(created.id, ID);
    let fetched = client.get_order_v1_orders_order_id_get(ID).await.unwrap();
    assert_eq!(fetched, created);
    let patch = [("note".to_owned(), serde_json::Value::Null)].into();
    let error = client.patch_order_v1_orders_order_id_patch(ID, "\"v1\"", &patch).await.unwrap_err();
    assert!(format!("{:?}", error.refusal()).starts_with("Some(PreconditionFailed(Problem"), "{error:?}");
    client.delete_order_v1_orders_order_id_delete(ID).await.unwrap();
}

async fn exchange_files(client: &Client) {
    let body = UploadV1OrdersOrderIdAttachmentsPostBody {
        file: FilePart::new(vec![0, 255, 13, 10]).named("r.bin"),
        kind: "receipt".to_owned(),
        note: None,
    };
    let kept = client.upload_v1_orders_order_id_attachments_post(ID, &body).await.unwrap();
    assert_eq!(kept["id"], "a-1");
    let invoice = client.invoice_v1_orders_order_id_invoice_get(ID).await.unwrap();
    assert_eq!(invoice.content_type().as_deref(), Some("application/pdf"));
    assert_eq!(invoice.collect_bytes(100).await.unwrap().as_ref(), b"%PDF-\0\xff");
    let mut events = client.events_v1_orders_order_id_events_get(ID).await.unwrap();
    let event = events.next().await.unwrap().unwrap();
    assert_eq!((event.id.as_deref(), event.data.id), (Some("7"), ID));
}
