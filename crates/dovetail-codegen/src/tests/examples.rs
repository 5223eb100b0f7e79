//! Examples of calls: values from the contract where they are plain, and nothing of it that is more than a value.

use super::*;

#[test]
fn an_example_takes_what_the_contract_shows_and_only_what_is_plain() {
    let long = "x".repeat(41);
    for (schema, example, expected) in [
        ("{type: string}", "o-1", "\"o-1\""),
        ("{type: string}", "two words", "\"two words\""),
        ("{type: string}", "```\n\");evil(\"", "\"at\""),
        ("{type: string}", "\u{202e}evil", "\"at\""),
        ("{type: string}", long.as_str(), "\"at\""),
        ("{type: string, examples: [s-2]}", "", "\"s-2\""),
        ("{type: boolean}", "", "true"),
        (
            "{type: integer, format: int32, examples: [5000000000, 7]}",
            "",
            "1",
        ),
        (
            "{type: integer, format: int64, examples: [12345]}",
            "",
            "12_345",
        ),
        ("{type: number}", "", "1.5"),
        ("{type: string, format: uuid}", "", "at"),
        ("{type: array, items: {type: string}}", "", "&at"),
    ] {
        let example = serde_json::to_string(example).expect("a text");
        let document = format!(
            "openapi: 3.1.0\ninfo: {{title: t, version: v}}\npaths:\n  /a/{{at}}:\n    get:\n      operationId: a\n      parameters: [{{name: at, in: path, required: true, example: {example}, schema: {schema}}}]\n      responses: {{'204': {{description: d}}}}\n"
        );
        let (files, _) = generated(&document);
        let call = format!("client.a({expected})");
        let shown = format!("    /// ```ignore\n    /// {call}.await?;\n    /// ```\n");
        assert!(
            files["src/client.rs"].contains(&shown),
            "{shown}{}",
            files["src/client.rs"]
        );
        let compiled = &files["examples/operations.rs"];
        assert!(compiled.contains(&format!("{call}.await")), "{compiled}");
    }
}
