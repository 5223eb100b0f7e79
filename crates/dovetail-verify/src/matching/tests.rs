//! Answers held against what is read: a row for each kind of mismatch.

use super::*;
use dovetail_contract::expect::Pattern;
use dovetail_contract::source::{Sources, Spanned};
use serde_json::json;

fn span() -> Span {
    Span::start_of(Sources::default().add("expects.yaml", "x"))
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned::new(value, span())
}

fn matcher(change: impl FnOnce(&mut Matcher)) -> Matcher {
    let mut matcher = Matcher::anything(span(), span());
    change(&mut matcher);
    matcher
}

fn example(value: Value) -> Matcher {
    matcher(|m| m.example = Some(spanned(value)))
}

fn fields<const N: usize>(fields: [(&str, Matcher); N]) -> Matcher {
    matcher(|m| {
        m.fields = fields
            .into_iter()
            .map(|(name, matcher)| (name.to_owned(), matcher))
            .collect();
    })
}

fn compare(matcher: &Matcher, value: Option<&Value>, values: &Values) -> Vec<String> {
    let redactor = Redactor::default();
    let matching = Matching {
        values,
        redactor: &redactor,
    };
    matching
        .compare(matcher, value)
        .into_iter()
        .map(|m| format!("{} {}: {} / {}", m.path, m.code.id, m.expected, m.actual))
        .collect()
}

#[track_caller]
fn check(matcher: &Matcher, value: impl Into<Option<Value>>, mismatches: &[&str]) {
    let value = value.into();
    let found = compare(matcher, value.as_ref(), &Values::new());
    assert_eq!(found, mismatches, "{value:?}");
}

#[test]
fn an_example_asks_for_its_type() {
    check(&example(json!(1)), json!(2), &[]);
    check(&example(json!(1)), json!(2.0), &[]);
    check(
        &example(json!(1)),
        json!(1.5),
        &["$ wrong-type: integer / number 1.5"],
    );
    check(&example(json!(1.5)), json!(2), &[]);
    check(
        &example(json!("a")),
        json!(1),
        &["$ wrong-type: string / integer 1"],
    );
    check(
        &example(json!(true)),
        json!("true"),
        &["$ wrong-type: boolean / string \"true\""],
    );
    check(&example(json!(null)), json!(null), &[]);
    check(
        &example(json!({})),
        json!([]),
        &["$ wrong-type: object / an array of 0"],
    );
}

#[test]
fn an_example_that_is_written_with_a_fraction_is_a_number() {
    check(&example(json!(10.0)), json!(12.5), &[]);
    check(&example(json!(10.0)), json!(12), &[]);
    check(
        &example(json!(10.0)),
        json!("12"),
        &["$ wrong-type: number / string \"12\""],
    );
}

#[test]
fn null_is_read_where_a_state_returns_it() {
    let values = Values::from_iter([("id".to_owned(), Value::Null)]);
    let equals = matcher(|m| m.equals = Some(spanned(json!("${id}"))));
    assert_eq!(compare(&equals, Some(&Value::Null), &values), [""; 0]);
}

#[test]
fn optional_nullable_and_absent_are_three_things() {
    let plain = || example(json!("a"));
    let optional = matcher(|m| {
        m.optional = true;
        m.kind = Some(spanned(Type::String));
    });
    let nullable = matcher(|m| {
        m.nullable = true;
        m.kind = Some(spanned(Type::String));
    });
    let absent = matcher(|m| m.absent = true);
    check(&plain(), None, &["$ missing: string / nothing"]);
    check(&plain(), json!(null), &["$ null: string / null"]);
    check(&optional, None, &[]);
    check(&optional, json!(null), &["$ null: string / null"]);
    check(&optional, json!(1), &["$ wrong-type: string / integer 1"]);
    check(&nullable, json!(null), &[]);
    check(&nullable, None, &["$ missing: string / nothing"]);
    check(&absent, None, &[]);
    check(&absent, json!(null), &["$ unexpected: nothing here / null"]);
    check(&matcher(|_| {}), json!(null), &["$ null: a value / null"]);
    check(&matcher(|_| {}), json!({}), &[]);
}

#[test]
fn values_are_compared_by_value() {
    let equals = |value: Value| matcher(|m| m.equals = Some(spanned(value)));
    check(&equals(json!(1)), json!(1.0), &[]);
    check(&equals(json!({ "a": [1.0] })), json!({ "a": [1] }), &[]);
    check(&equals(json!("1")), json!(1), &["$ not-equal: \"1\" / 1"]);
    check(&equals(json!(null)), json!(null), &[]);
    check(
        &equals(json!(9_007_199_254_740_993_u64)),
        json!(9_007_199_254_740_992.0),
        &["$ not-equal: 9007199254740993 / 9007199254740992.0"],
    );
    let one_of = matcher(|m| m.one_of = vec![spanned(json!("a")), spanned(json!(2))]);
    check(&one_of, json!(2.0), &[]);
    check(
        &one_of,
        json!("b"),
        &["$ not-one-of: one of \"a\", 2 / \"b\""],
    );
}

#[test]
fn text_is_searched_by_patterns_and_checked_by_formats() {
    let regex = matcher(|m| {
        m.regex = Some(spanned(Pattern {
            text: "^o-".to_owned(),
            regex: fancy_regex::Regex::new("^o-").expect("compiles"),
        }));
    });
    check(&regex, json!("o-1"), &[]);
    check(
        &regex,
        json!("p-1"),
        &["$ no-match: text that matches `^o-` / \"p-1\""],
    );
    check(&regex, json!(1), &["$ wrong-type: string / integer 1"]);
    let format = |name: &str| matcher(|m| m.format = Some(spanned(name.to_owned())));
    check(&format("date"), json!("2024-02-29"), &[]);
    check(
        &format("date"),
        json!("2023-02-29"),
        &["$ no-match: text of format `date`, such as 2024-02-29 / \"2023-02-29\""],
    );
    check(
        &format("colour"),
        json!("red"),
        &["$ no-match: text of format `colour` / \"red\""],
    );
}

#[test]
fn elements_are_read_and_an_empty_array_proves_nothing() {
    let each = || matcher(|m| m.each = Some(Box::new(fields([("id", example(json!(1)))]))));
    check(&each(), json!([{ "id": 1 }, { "id": 2, "more": 3 }]), &[]);
    check(
        &each(),
        json!([]),
        &["$ too-few: at least 1 element / 0 elements"],
    );
    check(
        &each(),
        json!([{ "id": 1 }, { "id": "2" }, {}]),
        &[
            "$[1].id wrong-type: integer / string \"2\"",
            "$[2].id missing: integer / nothing",
        ],
    );
    check(
        &each(),
        json!({}),
        &["$ wrong-type: array / an object of 0"],
    );
    let mut some = each();
    some.min = Some(spanned(0));
    some.max = Some(spanned(1));
    check(&some, json!([]), &[]);
    check(
        &some,
        json!([{ "id": 1 }, { "id": 1 }]),
        &["$ too-many: at most 1 element / 2 elements"],
    );
}

#[test]
fn values_of_states_stand_where_their_names_do() {
    let values: Values = [("id".to_owned(), json!(7))].into_iter().collect();
    let equals = |text: &str| matcher(|m| m.equals = Some(spanned(json!(text))));
    let found = |matcher: &Matcher, value: Value| compare(matcher, Some(&value), &values);
    assert!(found(&equals("${id}"), json!(7)).is_empty());
    assert!(found(&equals("o-${id}"), json!("o-7")).is_empty());
    assert_eq!(
        found(&equals("${id}"), json!("7")),
        ["$ not-equal: 7 / \"7\""]
    );
    assert_eq!(
        found(&equals("${other}"), json!(1)),
        ["$ not-equal: \"${other}\" / 1"]
    );
    assert!(found(&example(json!("${id}")), json!(7)).is_empty());
}

#[test]
fn secrets_and_long_values_are_not_shown() {
    let token = fields([("token", matcher(|m| m.equals = Some(spanned(json!("abc")))))]);
    check(
        &token,
        json!({ "token": "xyz" }),
        &["$.token not-equal: <redacted> / <redacted>"],
    );
    let found = compare(
        &example(json!(1)),
        Some(&json!("x".repeat(100_000))),
        &Values::new(),
    );
    assert!(found[0].chars().count() < 150, "{}", found[0]);
}

#[test]
fn mismatches_are_bounded() {
    let each = matcher(|m| m.each = Some(Box::new(example(json!(1)))));
    let found = compare(
        &each,
        Some(&vec![json!("x"); 100_000].into()),
        &Values::new(),
    );
    assert_eq!(found.len(), MISMATCHES_MAX);
}
