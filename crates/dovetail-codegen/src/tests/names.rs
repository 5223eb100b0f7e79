//! Names that are given, and names that stay when something else is added.

use dovetail_contract::contract::HttpApi;
use dovetail_contract::source::Spanned;

use super::*;

fn with(document: &str, change: impl FnOnce(&mut HttpApi)) -> BTreeMap<String, String> {
    let (mut api, sources) = loaded(document);
    change(&mut api);
    package(&api, &sources).0.files
}

fn given(name: &str) -> Spanned<String> {
    Spanned::new(name.to_owned(), Span::start_of(loaded(SMALL).0.file))
}

const SMALL: &str = "openapi: 3.1.0\ninfo: {title: t, version: v}\npaths: {}\n";

const ORDERS: &str = r"openapi: 3.1.0
info: {title: Orders, version: '1'}
paths:
  /orders:
    get:
      operationId: listOrders
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/v1.Order'}}}}
        '404': {description: d}
  /orders-again:
    get:
      operationId: list_orders
      parameters:
      - {name: id, in: query, schema: {type: string}}
      - {name: id, in: header, schema: {type: string}}
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
        '404': {description: d}
components:
  schemas:
    v1.Order:
      allOf:
      - $ref: '#/components/schemas/Base'
      - type: object
        properties: {a-b: {type: string}, a_b: {type: string}}
    Base: {type: object, properties: {next: {type: string}}}
    Order: {type: object, properties: {item: {type: object, properties: {x: {enum: [asc, ASC]}}}}}
    order: {type: object, properties: {order: {$ref: '#/components/schemas/Order'}}}
    OrderItem: {type: object, properties: {order: {$ref: '#/components/schemas/order'}}}
";

#[test]
fn new_names_reach_types_methods_and_fields_and_leave_the_wire_alone() {
    let files = with(ORDERS, |api| {
        let renames = &mut api.renames;
        renames
            .schemas
            .insert("v1.Order".to_owned(), given("OldOrder"));
        renames
            .operations
            .insert("listOrders".to_owned(), given("orders"));
        let of_base = renames.properties.entry("Base".to_owned()).or_default();
        of_base.insert("next".to_owned(), given("after"));
    });
    let types = &files["src/types.rs"];
    for expected in ["pub struct OldOrder {", "pub after: Option<String>"] {
        assert!(types.contains(expected), "{expected}: {types}");
    }
    assert!(files["src/wire.rs"].contains("after: \"next\""));
    let client = &files["src/client.rs"];
    assert!(client.contains("pub async fn orders(&self) -> Result<OldOrder, Error<OrdersError>>"));
    assert!(client.contains("pub async fn list_orders("));
    assert!(files["src/operations.rs"].contains("pub const ORDERS: Operation"));
    assert!(files["src/operations.rs"].contains("\"listOrders\""));
    assert!(files["src/errors.rs"].contains("pub enum OrdersError"));
}

/// The lines that give something a name.
fn names(files: &BTreeMap<String, String>) -> Vec<String> {
    let lines = files
        .iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .flat_map(|(_, text)| text.lines());
    let is_variant = |line: &str| {
        let name = line.trim_end_matches(',');
        name.len() < line.len() && name.chars().all(char::is_alphanumeric)
    };
    lines
        .map(str::trim)
        .filter(|line| line.starts_with("pub ") || is_variant(line))
        .map(|line| line.split('(').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn what_is_added_before_others_changes_no_other_name() {
    let before = names(&with(ORDERS, |_| {}));
    for (place, added) in [
        (
            "paths:\n",
            "  /first:\n    get:\n      operationId: firstOfAll\n      responses:\n        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/OrderItem'}}}}\n",
        ),
        (
            "  schemas:\n",
            "    First: {type: object, properties: {item: {type: object, properties: {y: {type: string}}}}}\n",
        ),
        (
            "properties: {a-b",
            "properties: {first: {type: string}, a-b",
        ),
        ("enum: [asc", "enum: [first, asc"),
        (
            "      - {name: id, in: query",
            "      - {name: first, in: query, schema: {type: string}}\n      - {name: id, in: query",
        ),
    ] {
        let text = if place.ends_with('\n') {
            format!("{place}{added}")
        } else {
            added.to_owned()
        };
        let after = names(&with(&ORDERS.replacen(place, &text, 1), |_| {}));
        for name in &before {
            assert!(after.contains(name), "{added}: {name}\n{after:#?}");
        }
    }
}

#[test]
fn a_collision_is_settled_by_what_is_called_exactly_so() {
    let files = with(ORDERS, |_| {});
    let client = &files["src/client.rs"];
    assert!(
        client.contains("pub async fn list_orders(\n")
            || client.contains("pub async fn list_orders(&self")
    );
    assert!(client.contains("pub async fn list_orders_x"), "{client}");
    let types = &files["src/types.rs"];
    for expected in [
        "pub a_b: Option<String>",
        "pub a_minus_b: Option<String>",
        "pub struct Order {",
        "pub struct OrderItemX",
        "pub id: Option<String>",
        "pub id_header: Option<String>",
    ] {
        assert!(types.contains(expected), "{expected}: {types}");
    }
}
