//! What generated crates say beside code: the front page, links, values and grants.

use super::*;

const DOCUMENT: &str = r"openapi: 3.1.0
info: {title: Orders, version: '1'}
externalDocs: {url: 'https://orders.example/docs', description: The handbook}
servers: [{url: 'https://{region}.orders.example', description: production, variables: {region: {default: eu}}}]
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      externalDocs: {url: 'https://orders.example/docs/get'}
      security: [{machine: []}, {user: []}]
      parameters: [{name: id, in: path, required: true, schema: {type: string, examples: [o-1]}}]
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Status'}}}}
components:
  securitySchemes:
    machine: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://orders.example/token', scopes: {}}}}
    user: {type: http, scheme: basic}
    issuer: {type: openIdConnect, openIdConnectUrl: 'https://orders.example/.well-known'}
  schemas:
    Status: {enum: [new, done], x-enum-descriptions: [Nobody has seen it., '']}
";

#[test]
fn what_a_contract_says_beside_types_is_said() {
    let (files, _) = generated(DOCUMENT);
    for (path, expected) in [
        (
            "src/lib.rs",
            "//! The handbook: <https://orders.example/docs>.",
        ),
        (
            "src/client.rs",
            "/// More is written at <https://orders.example/docs/get>.",
        ),
        (
            "src/types.rs",
            "    /// `new`.\n    ///\n    /// Nobody has seen it.\n    New,",
        ),
        ("src/types.rs", "    /// `done`.\n    Done,"),
        (
            "src/operations.rs",
            "/// - Client credentials: tokens from `https://orders.example/token`.",
        ),
        (
            "src/operations.rs",
            "/// OpenID Connect, discovered at `https://orders.example/.well-known`.",
        ),
        ("README.md", "The handbook: <https://orders.example/docs>."),
        (
            "README.md",
            ".base_url(&operations::PRODUCTION_SERVER.url(&[])?)",
        ),
        (
            "README.md",
            "ClientCredentials::new(\"https://orders.example/token\", \"client\", \"secret\")",
        ),
        (
            "README.md",
            ".credential(&operations::USER_SCHEME, &Credential::basic(\"user\", \"password\"))",
        ),
        ("README.md", "match client.get_order(\"o-1\").await {"),
        ("README.md", "| `get_order` | `GET /orders/{id}` |"),
    ] {
        assert!(
            files[path].contains(expected),
            "{path}: {expected}\n{}",
            files[path]
        );
    }
    // The front page shows what the example compiles.
    let setup = files["README.md"]
        .split("let client = ")
        .nth(1)
        .and_then(|rest| rest.split('?').next());
    assert!(setup.is_some_and(|setup| setup.starts_with("Client::builder()")));
}
