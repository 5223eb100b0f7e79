//! `provides.http.pagination` and `provides.http.rename`: what they become, and what is said where they do not fit.

use super::{findings, loaded};
use crate::contract::{HttpApi, Pagination, PaginationStyle};

const API: &str = "openapi: 3.1.0
info: { title: T, version: '1' }
paths:
  /orders:
    get:
      operationId: list_orders
      parameters: [{ name: cursor, in: query, schema: {} }, { name: limit, in: query, schema: {} }]
      responses: { 200: { description: d, content: { application/json: { schema: { $ref: '#/components/schemas/Orders' } } } } }
    post:
      operationId: search
      parameters: [{ name: cursor, in: query, schema: {} }]
      responses: { 200: { description: d, content: { application/json: { schema: { $ref: '#/components/schemas/Orders' } } } } }
  /users:
    get:
      operationId: list_users
      parameters: [{ name: cursor, in: query, schema: {} }, { name: page, in: query, schema: {} }]
      responses: { 200: { description: d, content: { application/vnd.x+json; v=1: { schema: { type: array, items: {} } } } } }
  /more:
    get:
      operationId: list_more
      parameters: [{ name: cursor, in: query, schema: {} }]
      responses: { 2XX: { description: d, content: { application/json: { schema: { allOf: [{ $ref: '#/components/schemas/Orders' }] } } } } }
  /one: { get: { operationId: one, responses: { 200: { description: d, content: { text/plain: {} } } } } }
components:
  schemas:
    Cursor: { type: object, properties: { next: { type: [string, 'null'] } } }
    Orders: { allOf: [{ $ref: '#/components/schemas/Cursor' }], type: object, properties: { 'da/ta': { oneOf: [{ type: array }, { type: 'null' }] } } }
    v1.Order: { type: object, properties: { a.b: {}, kind: {}, type: {} } }
    Order: { type: object }
";

fn service(http: &str) -> String {
    format!("service: a\nprovides:\n  http:\n    openapi: openapi.yaml\n{http}")
}

fn api(http: &str) -> HttpApi {
    let service = service(http);
    let mut loaded = loaded(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", &service),
        ("a/openapi.yaml", API),
    ]);
    assert_eq!(loaded.findings, []);
    let service = loaded.workspace.services.swap_remove("a");
    service
        .and_then(|service| service.http)
        .expect("it is there")
}

fn said(http: &str) -> String {
    findings(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", &service(http)),
        ("a/openapi.yaml", API),
    ])
}

fn page(style: PaginationStyle, parts: [Option<&str>; 4]) -> Option<Pagination> {
    let [request, response, items, limit] = parts.map(|part| part.map(str::to_owned));
    Some(Pagination {
        style,
        request,
        response,
        items: items?,
        limit,
    })
}

#[test]
fn a_convention_is_taken_by_what_it_fits_and_single_operations_say_otherwise() {
    let api = api(
        "    pagination:\n      style: cursor\n      request: cursor\n      response: /next\n      items: /da~1ta\n      limit: limit\n      operations:\n        list_users: { style: page, request: page, items: '' }\n        list_more: off\n",
    );
    let orders = page(
        PaginationStyle::Cursor,
        [
            Some("cursor"),
            Some("/next"),
            Some("/da~1ta"),
            Some("limit"),
        ],
    );
    let users = page(PaginationStyle::Page, [Some("page"), None, Some(""), None]);
    let expected = [
        ("list_orders", orders.clone()),
        // What is not safe is never taken by a convention.
        ("search", None),
        ("list_users", users),
        ("list_more", None),
        ("one", None),
    ];
    for (id, expected) in expected {
        let operation = api.operation(id).expect("it is there");
        assert_eq!(operation.pagination, expected, "{id}");
    }
}

#[test]
fn a_link_needs_no_parameter_and_what_is_not_safe_can_be_named() {
    let api = api(
        "    pagination: { operations: { list_users: { style: link, items: '' }, search: { style: offset, request: cursor, items: /da~1ta }, list_more: { style: link, response: /next, items: /da~1ta } } }\n",
    );
    let found = |id: &str| {
        let operation = api.operation(id).expect("it is there");
        operation.pagination.clone()
    };
    let link = |response, items| page(PaginationStyle::Link, [None, response, Some(items), None]);
    assert_eq!(found("list_users"), link(None, ""));
    assert_eq!(found("list_more"), link(Some("/next"), "/da~1ta"));
    let offset = [Some("cursor"), None, Some("/da~1ta"), None];
    assert_eq!(found("search"), page(PaginationStyle::Offset, offset));
    assert_eq!(found("list_orders"), None);
}

#[test]
fn a_pagination_that_does_not_fit_is_a_finding() {
    insta::assert_snapshot!(
        said("    pagination:\n      style: cursor\n      request: curser\n      response: /next\n      items: /data\n      pages: 1\n      operations:\n        list_order: off\n        list_users: { style: page, request: pge, limit: size, items: /data }\n        list_orders: { style: cursor, request: cursor, response: /nxt, items: /next }\n        list_more: { style: link, request: cursor, items: data }\n        search: { style: cursors, items: 5 }\n        one: { style: link, items: '' }\n"),
        @r#"
        a/service.yaml:6:14 warning unfit-pagination: the convention fits no operation of the document [cursor]
            expected: a safe operation with its parameters, and with a list in its response
        a/service.yaml:10:7 error unknown-key: the pagination of an interface has no key `pages` [pages]
            expected: one of `style`, `request`, `response`, `items`, `limit`, `operations`
        a/service.yaml:12:9 error unfit-pagination: there is no operation `list_order` [list_order]
            help: did you mean `list_orders`?
        a/service.yaml:13:45 error unfit-pagination: `list_users` has no query parameter `pge` [pge]
            help: did you mean `page`?
        a/service.yaml:13:57 error unfit-pagination: `list_users` has no query parameter `size` [size]
        a/service.yaml:13:70 error unfit-pagination: the response has no list at `/data` [/data]
        a/service.yaml:14:66 error unfit-pagination: the response has nothing at `/nxt` [/nxt]
        a/service.yaml:14:79 error unfit-pagination: the response has no list at `/next` [/next]
        a/service.yaml:15:44 error invalid-value: the address of a link names the next page as a whole [cursor]
            help: remove `request`
        a/service.yaml:15:59 error wrong-type: `data` does not fit here [data]
            expected: a JSON pointer such as `/data`, or `""` for the whole response
        a/service.yaml:16:26 error invalid-value: `cursors` is not a style of pages [cursors]
            expected: one of `cursor`, `page`, `offset`, `link`
            help: did you mean `cursor`?
        a/service.yaml:16:42 error wrong-type: `5` does not fit here [5]
            expected: a JSON pointer such as `/data`, or `""` for the whole response
        a/service.yaml:17:36 error unfit-pagination: no response of success is JSON with a schema ['']
        "#
    );
}

#[test]
fn what_is_missing_in_a_pagination_is_said() {
    insta::assert_snapshot!(
        said("    pagination:\n      limit: limit\n      operations:\n        list_orders: { style: cursor }\n        list_users: on\n"),
        @r#"
        a/service.yaml:6:7 error missing-key: pages cannot be read without `items` []
        a/service.yaml:6:7 error missing-key: pages cannot be read without `style` []
        a/service.yaml:8:22 error missing-key: the pagination of an operation needs the key `items` [{]
            expected: `items:` with a value
            help: add `items: …` here
        a/service.yaml:8:31 error missing-key: pages cannot be read without `request` [cursor]
        a/service.yaml:9:21 error wrong-type: `on` does not fit here [on]
            expected: the pagination of an operation, which is a mapping
        "#
    );
}

#[test]
fn new_names_are_kept_for_what_is_there() {
    let renames = api(
        "    rename:\n      schemas: { v1.Order: LegacyOrder, Order: Purchase, Cursor: Order }\n      operations: { list_orders: orders }\n      properties: { v1.Order.a.b: ab, v1.Order.kind: type, v1.Order.type: kind, Orders.next: after }\n",
    )
    .renames;
    let shown = |names: &indexmap::IndexMap<String, crate::source::Spanned<String>>| {
        let pairs = names
            .iter()
            .map(|(old, new)| format!("{old}>{}", new.value));
        pairs.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        shown(&renames.schemas),
        "v1.Order>LegacyOrder Order>Purchase Cursor>Order"
    );
    assert_eq!(shown(&renames.operations), "list_orders>orders");
    assert_eq!(
        shown(&renames.properties["v1.Order"]),
        "a.b>ab kind>type type>kind"
    );
    assert_eq!(shown(&renames.properties["Orders"]), "next>after");
}

#[test]
fn a_new_name_that_cannot_be_given_is_a_finding() {
    insta::assert_snapshot!(
        said("    rename:\n      schemas: { Ordrs: A, Cursor: Order, Order: B, v1.Order: B }\n      operations: { list_order: a, one: 1a, search: 'x y', list_more: }\n      properties: { Order: a, Ordr.a: b, v1.Order.knd: c, v1.Order.kind: type }\n      tags: {}\n"),
        @r#"
        a/service.yaml:6:18 error unfit-rename: there is no schema `Ordrs` [Ordrs]
            help: did you mean `Orders`?
        a/service.yaml:6:63 error unfit-rename: something else is called `B` [B]
            expected: a name of its own
        a/service.yaml:7:21 error unfit-rename: there is no operation `list_order` [list_order]
            help: did you mean `list_orders`?
        a/service.yaml:7:41 error unfit-rename: `1a` cannot be a name [1a]
            expected: up to 64 letters, digits and underscores, beginning with a letter
        a/service.yaml:7:53 error unfit-rename: `x y` cannot be a name ['x y']
            expected: up to 64 letters, digits and underscores, beginning with a letter
        a/service.yaml:7:69 error wrong-type: nothing does not fit here []
            expected: a name
        a/service.yaml:8:21 error unfit-rename: there is no schema `` [Order]
            expected: the name of a schema, a dot, and the name of its property
        a/service.yaml:8:31 error unfit-rename: there is no schema `Ordr` [Ordr.a]
            expected: the name of a schema, a dot, and the name of its property
            help: did you mean `Order`?
        a/service.yaml:8:42 error unfit-rename: there is no property `knd` [v1.Order.knd]
            help: did you mean `kind`?
        a/service.yaml:8:74 error unfit-rename: something else is called `type` [type]
            expected: a name of its own
        a/service.yaml:9:7 error unknown-key: new names has no key `tags` [tags]
            expected: one of `schemas`, `operations`, `properties`
        "#
    );
}
