//! Generated code on the wire: what the obstacle course's client sends, and what its types make of answers.

use dovetail_client::testing::{Script, Step};
use obstacle_course_client::Client;
use obstacle_course_client::types::{
    Everything, Folded, HttpOptions, HttpRequest, Keywords, Long, Many, NumberWord, Operator,
    Point, Reserved, StylesOptions, Tongue,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A client whose provider answers each call with this status and body, and the script to read the calls from.
fn client(status: u16, body: &'static str) -> (Client, Script) {
    let script = Script::new([Step::json(status, body)]);
    let http = Client::builder()
        .base_url("http://provider.test/base")
        .transport(script.clone())
        .build();
    (Client::from(http.unwrap()), script)
}

/// The address and headers of the only call.
fn sent<T>(script: &Script, call: impl Future<Output = T>) -> (String, Vec<(String, String)>, T) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let result = runtime.unwrap().block_on(call);
    let hits = script.hits();
    assert_eq!(hits.len(), 1);
    let headers = hits[0].request.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (hits[0].request.url.to_string(), headers.collect(), result)
}

#[test]
fn every_style_of_parameters_is_on_the_wire_as_openapi_says() {
    let (client, script) = client(204, "");
    let list = || Some(vec!["a b".to_owned(), "c/d".to_owned()]);
    let options = StylesOptions {
        form: list(),
        joined: list(),
        spaced: list(),
        piped: list(),
        deep: Some(Point { x: 1, y: 2 }),
        as_json: Some(Point { x: 3, y: 4 }),
        filter_name: Some("n&m=1".to_owned()),
        x_trace_ids: Some(vec!["t1".to_owned(), "t2".to_owned()]),
        session: Some("s 1".to_owned()),
    };
    let simple = ["../up".to_owned(), "x".to_owned()];
    let point = Point { x: 5, y: 6 };
    let (url, headers, result) = sent(&script, client.styles(&simple, &[7, 8], &point, &options));
    result.unwrap();
    let (path, query) = url.split_once('?').unwrap();
    assert_eq!(
        path,
        "http://provider.test/base/styles/..%2Fup,x/.7.8/;matrix=x,5,y,6"
    );
    let pairs: Vec<&str> = query.split('&').collect();
    let expected = [
        "form=a%20b",
        "form=c%2Fd",
        "joined=a%20b,c%2Fd",
        "spaced=a%20b%20c%2Fd",
        "piped=a%20b%7Cc%2Fd",
        "deep%5Bx%5D=1",
        "deep%5By%5D=2",
        "as_json=%7B%22x%22%3A3%2C%22y%22%3A4%7D",
        "filter%5Bname%5D=n%26m%3D1",
    ];
    assert_eq!(pairs, expected);
    let header = |name: &str| {
        headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(header("x-trace-ids"), Some("t1,t2"));
    assert_eq!(header("cookie"), Some("session=s%201"));
}

#[test]
fn answers_decode_and_encode_without_loss() {
    let rows = [
        json!({ "untagged_value": "text" }),
        json!({ "untagged_value": 7 }),
        json!({ "untagged_value": ["a"] }),
        json!({ "untagged_value": { "name": "n" } }),
        json!({ "untagged_value": { "number": 1 } }),
        json!({ "untagged_value": { "newer": [1, { "a": null }] } }),
        json!({ "shape_value": { "kind": "Circle", "radius": 1.5 } }),
        json!({ "shape_value": { "kind": "Hexagon", "sides": 6 } }),
        json!({ "sort_value": "ASC" }),
        json!({ "sort_value": "newer" }),
        json!({ "level_value": -1 }),
        json!({ "level_value": 99 }),
        json!({ "openenum_value": "three" }),
        json!({ "pair_value": ["a", 1] }),
        json!({ "box_value": { "a": {}, "b": { "c": {} } } }),
        json!({ "tree_value": { "value": "a", "right": null, "children": [{ "value": "b" }] } }),
        json!({ "tree_value": { "value": "a", "left": { "value": "b" }, "parent": { "tree": { "value": "c" } } } }),
        json!({ "ticket_value": { "id": "1", "label": "l", "at": "2026-01-02T03:04:05+01:00" } }),
        json!({ "numbers_value": { "u64": u64::MAX, "i64": i64::MIN, "plain": 9_007_199_254_740_993_i64 } }),
        json!({ "constant_value": { "version": "2" } }),
    ];
    for row in rows {
        let decoded: Everything = serde_json::from_str(&row.to_string()).unwrap();
        assert_eq!(serde_json::to_value(&decoded).unwrap(), row);
    }
    // Decimals keep every digit, which a JSON value in memory would not.
    let exact = r#"{"numbers_value":{"money":"0.10","exact":12345678901234567890.10}}"#;
    let decoded: Everything = serde_json::from_str(exact).unwrap();
    assert_eq!(serde_json::to_string(&decoded).unwrap(), exact);
}

#[test]
fn absent_and_null_are_told_apart() {
    let complete = json!({ "type": "t", "fn": "f", "Self": "s", "null-able": null, "a-b": "1", "a_b": "2", "aB": "3", "": "e" });
    for both in [None, Some(Value::Null), Some(json!("b"))] {
        let mut row = complete.clone();
        if let Some(both) = both {
            row["both"] = both;
        }
        let decoded: Keywords = serde_json::from_str(&row.to_string()).unwrap();
        assert_eq!(serde_json::to_value(&decoded).unwrap(), row);
    }
    let mut without = complete;
    without.as_object_mut().unwrap().remove("null-able");
    let error = serde_json::from_str::<Keywords>(&without.to_string()).unwrap_err();
    assert!(error.to_string().contains("null-able"), "{error}");
}

#[test]
fn a_refusal_is_chosen_by_status_and_a_wrong_body_says_where() {
    let (refusing, script) = client(418, r#"{"code":7}"#);
    let (_, _, result) = sent(&script, refusing.r#match("t", 1, &Default::default()));
    let error = result.unwrap_err();
    assert_eq!(error.status(), Some(418));
    assert!(
        format!("{:?}", error.refusal()).contains("ClientError"),
        "{error:?}"
    );

    let (wrong, script) = client(200, r#"{"type":"t","fn":[],"Self":"s","null-able":null}"#);
    let (_, _, result) = sent(&script, wrong.r#match("t", 1, &Default::default()));
    let error = result.unwrap_err();
    assert!(!error.is_retryable());
    let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
        error.source()
    });
    let said: Vec<String> = chain.map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("at fn: ")), "{said:?}");
}

/// The values of an enum in the document must each be a variant of their own, and be written as they came.
fn check_values<T: DeserializeOwned + Serialize + std::fmt::Debug>(schema: &str, values: &[Value]) {
    assert!(values.len() > 3, "{schema}: {values:?}");
    let mut variants = std::collections::BTreeSet::new();
    for value in values {
        let variant: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(&serde_json::to_value(&variant).unwrap(), value, "{schema}");
        let shown = format!("{variant:?}");
        assert!(
            !shown.starts_with("Unknown("),
            "{schema}: {value} is {shown}"
        );
        assert!(
            variants.insert(shown),
            "{schema}: {value} is a variant of another value"
        );
    }
}

#[test]
fn values_that_differ_by_case_sign_or_tongue_are_variants_of_their_own() {
    let words = |words: &[&str]| words.iter().map(|word| json!(word)).collect::<Vec<_>>();
    check_values::<Operator>(
        "Operator",
        &words(&[
            "+", "-", "*", "/", "%", "&", "|", "&&", "||", "!", "?", "??", "<=>", "=>", "->", "==",
            "===", "!==", "<<", ">>", "~", "^", "@", "#", "$", "()", "[]", "{}", ".", "..", "...",
            ",", ";", ":", "::", "\\", "`", "\"", "'", " ", "  ", "\t", "\n",
        ]),
    );
    check_values::<Folded>(
        "Folded",
        &words(&[
            "value", "Value", "VALUE", "vALUE", "a-b", "a_b", "aB", "AB", "a b", "A.B", "ab", "é",
            "É", "ß", "SS", "ﬁ", "fi", "x1", "X1", "x-1", "x_1", "+1", "-1", "1", "01",
        ]),
    );
    check_values::<Tongue>(
        "Tongue",
        &words(&[
            "日本語",
            "Ελληνικά",
            "кириллица",
            "العربية",
            "עברית",
            "हिन्दी",
            "🦀",
            "👩‍👩‍👧",
            "é",
            "e\u{301}",
            "\u{200b}",
            "\u{202e}",
            "\0",
            "naïve",
            "Straße",
            "İ",
            "ı",
        ]),
    );
    check_values::<Reserved>(
        "Reserved",
        &words(&[
            "as",
            "crate",
            "self",
            "Self",
            "super",
            "true",
            "yield",
            "union",
            "gen",
            "try",
            "macro_rules",
        ]),
    );
    let many: Vec<Value> = (1..=1000)
        .map(|number| json!(format!("value-{number}")))
        .collect();
    check_values::<Many>("Many", &many);
    let numbers = [0, -1, 1, i64::MIN, i64::MAX, 1_000_000].map(|number| json!(number));
    check_values::<NumberWord>("NumberWord", &numbers);
}

#[test]
fn fields_that_are_one_word_in_rust_keep_their_names_on_the_wire() {
    let long = |end: &str| format!("{}{end}", "a".repeat(9_999));
    let rows = [
        json!({ "collide_value": { "userId": "1", "user_id": "2", "user-id": "3", "UserID": "4", "user_id_2": "5", "user id": "6",
            "extra": "7", "new": "8", "clone": "9", "default": "10", "from": "11", "more": 12 } }),
        json!({ "type_value": { "type": { "as": "1", "self": "2", "Self": "3", "r#as": 1 } } }),
        json!({ "self_value": { "self": { "self": {} } } }),
        json!({ "dotted_value": { "a.b": "1", "a/b": "2", "a~b": "3" } }),
        json!({ "schema_twin_value": { "a": "1" }, "schema_twin_2_value": { "b": "2" }, "schema_twin_3_value": { "c": "3" } }),
        json!({ "long_value": { long("a"): "1", long("b"): 2, "kind": long("b") } }),
    ];
    for mut row in rows {
        let decoded: Everything = serde_json::from_str(&row.to_string()).unwrap();
        if let Some(fields) = row.pointer_mut("/type_value/type") {
            // A name that only Rust has is none of the contract's.
            fields.as_object_mut().unwrap().remove("r#as");
        }
        assert_eq!(serde_json::to_value(&decoded).unwrap(), row);
    }
    let kind: Long = serde_json::from_value(json!({ "kind": long("a") })).unwrap();
    assert!(!format!("{kind:?}").contains("Unknown"));
}

#[test]
fn parameters_of_one_name_go_each_to_its_place() {
    let (client, script) = client(204, "");
    let text = |text: &str| text.to_owned();
    let request = HttpRequest {
        id: text("path"),
        id_upper: text("PATH"),
        id_query: text("query"),
        body: text("b"),
        options_x4910: text("o"),
        self_: true,
    };
    let options = HttpOptions {
        i_d: Some(text("dashed")),
        id_header: Some(text("header")),
        id_cookie: Some(text("cookie")),
    };
    let (url, headers, result) = sent(&script, client.call_http(&request, &options));
    result.unwrap();
    assert_eq!(
        url,
        "http://provider.test/base/collisions/path/PATH?id=query&i-d=dashed&body=b&options=o&self=true"
    );
    for expected in [("id", "header"), ("cookie", "id=cookie")] {
        let times = headers
            .iter()
            .filter(|(name, value)| (name.as_str(), value.as_str()) == expected)
            .count();
        assert_eq!(times, 1, "{expected:?} in {headers:?}");
    }
}
