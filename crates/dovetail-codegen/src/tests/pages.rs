//! Methods that read lists page by page, and lists that none can read.

use dovetail_contract::contract::{Pagination, PaginationStyle};

use super::*;

/// A document with one list, whose parameters and response are given.
fn list(parameters: &str, response: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: v}}\npaths:\n  /list:\n    get:\n      operationId: list\n      parameters: {parameters}\n      responses:\n        '200': {{description: d, content: {{application/json: {{schema: {response}}}}}}}\n"
    )
}

fn read(document: &str, style: PaginationStyle, response: Option<&str>) -> (String, Vec<String>) {
    let (mut api, sources) = loaded(document);
    let request = (style != PaginationStyle::Link).then(|| "at".to_owned());
    api.operations[0].pagination = Some(Pagination {
        style,
        request,
        response: response.map(str::to_owned),
        items: "/items".to_owned(),
        limit: None,
    });
    let (package, findings) = package(&api, &sources);
    let said = findings
        .iter()
        .filter(|finding| finding.code.id == "unread-pages")
        .map(|finding| finding.message.clone());
    (package.files["src/client.rs"].clone(), said.collect())
}

#[test]
fn a_list_that_types_do_not_lead_through_is_a_finding_and_the_operation_stays() {
    use PaginationStyle::{Cursor, Link, Offset, Page};
    let items = "items: {type: array, items: {type: string}}";
    for (at, members, style, response, expected) in [
        (
            "integer",
            "next: {type: string}",
            Cursor,
            Some("/next"),
            "another type",
        ),
        ("string", "next: {}", Cursor, Some("/next"), "another type"),
        (
            "string",
            "next: {}",
            Cursor,
            Some("/next/deep"),
            "cannot be reached",
        ),
        ("number", "", Page, None, "no integer"),
        ("boolean", "", Offset, None, "no integer"),
        (
            "string",
            "next: {type: integer}",
            Link,
            Some("/next"),
            "no string",
        ),
    ] {
        let document = list(
            &format!("[{{name: at, in: query, schema: {{type: {at}}}}}]"),
            &format!("{{type: object, properties: {{{items}, {members}}}}}"),
        );
        let (client, said) = read(&document, style, response);
        assert_eq!(said.len(), 1, "{members}");
        assert!(said[0].contains(expected), "{}", said[0]);
        assert!(client.contains("pub async fn list("));
        assert!(!client.contains("list_pages"));
    }
}

#[test]
fn arguments_keep_their_names_beside_those_of_the_method() {
    let named = |name: &str| {
        format!("{{name: {name}, in: query, required: true, schema: {{type: string}}}}")
    };
    let parameters: Vec<String> = ["client", "first", "fetch", "cursor", "at"]
        .map(named)
        .into();
    let document = list(
        &format!("[{}]", parameters.join(", ")),
        "{type: object, properties: {items: {type: array, items: {type: string}}, next: {type: string}}}",
    );
    let (client, said) = read(&document, PaginationStyle::Cursor, Some("/next"));
    assert!(said.is_empty(), "{said:?}");
    for expected in [
        "let the_client = self.clone();",
        "let client = client.to_owned();",
        "let the_first = Some(at.clone());",
        "let the_fetch = move |the_cursor: Option<_>| {",
        "let at = the_cursor.unwrap_or_default();",
        "the_client.list(&client, &first, &fetch, &cursor, &at).await",
    ] {
        assert!(client.contains(expected), "{expected}\n{client}");
    }
}

#[test]
fn a_list_begins_where_the_contract_says_that_it_does() {
    for (schema, expected) in [
        ("{type: integer, format: int64}", "unwrap_or(1)"),
        ("{type: integer, default: 0}", "unwrap_or(0)"),
        ("{type: string, default: '3'}", "unwrap_or(3)"),
    ] {
        let document = list(
            &format!("[{{name: at, in: query, schema: {schema}}}]"),
            "{type: object, properties: {items: {type: array, items: {type: string}}}}",
        );
        let (client, _) = read(&document, PaginationStyle::Page, None);
        assert!(client.contains(expected), "{schema}\n{client}");
    }
}
