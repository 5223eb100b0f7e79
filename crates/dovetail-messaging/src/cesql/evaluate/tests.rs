//! Filters that the suites of the specification do not have.

use proptest::prelude::*;

use crate::{
    cesql::{
        DEPTH_MAX, EvaluationErrorKind, Filter, FilterErrorKind, LENGTH_MAX, PARTS_MAX, TEXT_MAX,
        Value,
    },
    cloudevents::Event,
};
use EvaluationErrorKind::{Cast, FunctionEvaluation, Math, MissingAttribute, MissingFunction};

fn event() -> Event {
    Event::builder("1", "/a", "t")
        .extension("attempt", 3)
        .extension("flag", true)
        .extension("text", "Grüße 😀")
        .extension("1a", "x")
        .build()
        .expect("the event is valid")
}

/// The value as a text, and the errors.
fn evaluate(text: &str) -> (String, Vec<EvaluationErrorKind>) {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let event = event();
    let evaluation = filter.evaluate(&event);
    let value = match &evaluation.value {
        Value::String(text) => format!("'{text}'"),
        other => other.clone().into_text().into_owned(),
    };
    let kinds = evaluation.errors.iter().map(|error| error.kind);
    (value, kinds.collect())
}

fn check(rows: &[(&str, &str, &[EvaluationErrorKind])]) {
    for (text, value, errors) in rows {
        assert_eq!(
            evaluate(text),
            ((*value).to_owned(), errors.to_vec()),
            "{text}"
        );
    }
}

#[test]
fn operators_bind_in_their_order_and_from_left_to_right() {
    check(&[
        ("10 - 3 - 2", "5", &[]),
        ("2 * 3 % 4", "2", &[]),
        ("1 + 2 * 3 = 7 AND 1 < 2", "true", &[]),
        ("TRUE OR TRUE AND FALSE", "false", &[]),
        ("FALSE AND TRUE OR TRUE", "true", &[]),
        ("TRUE XOR TRUE XOR TRUE", "true", &[]),
        ("3 > 2 = TRUE", "true", &[]),
        ("NOT FALSE LIKE 'tr%'", "true", &[]),
        ("NOT flag IN (FALSE)", "true", &[]),
        ("-attempt + 5", "2", &[]),
        ("- -attempt", "3", &[]),
        ("4 -1", "3", &[]),
        ("+5 + +5", "10", &[]),
        ("'ab' LIKE 'a_' IN (TRUE) LIKE '%e'", "true", &[]),
        ("1a = 'x' AND TEXT LIKE 'Gr%'", "true", &[]),
        ("exists 1A and not exists b", "true", &[]),
    ]);
}

#[test]
fn errors_stand_beside_the_value() {
    check(&[
        ("missing", "false", &[MissingAttribute]),
        ("(missing)", "false", &[MissingAttribute]),
        ("(missing * 5) + 1", "1", &[MissingAttribute]),
        ("missing NOT LIKE 'a'", "false", &[MissingAttribute]),
        ("missing NOT IN (1)", "false", &[MissingAttribute]),
        ("1 IN (1, missing)", "true", &[]),
        ("1 NOT IN (missing, 1)", "false", &[MissingAttribute]),
        ("missing OR TRUE", "false", &[MissingAttribute]),
        ("FALSE OR missing", "false", &[MissingAttribute]),
        (
            "missing = other",
            "false",
            &[MissingAttribute, MissingAttribute],
        ),
        ("CONCAT('a', missing)", "''", &[MissingAttribute]),
        ("LENGTH(missing)", "0", &[MissingAttribute]),
        ("IS_INT(missing)", "false", &[MissingAttribute]),
        ("NOPE(missing)", "false", &[MissingFunction]),
        ("ABS()", "false", &[MissingFunction]),
        ("ABS(1, 2)", "false", &[MissingFunction]),
        ("'a' != 1", "false", &[Cast]),
        ("'a' < 'b'", "false", &[Cast, Cast]),
        ("'a' + 1", "0", &[Cast]),
        ("-'a'", "0", &[Cast]),
        ("NOT 'a'", "false", &[Cast]),
        ("'a' AND 1 / 0", "false", &[Cast]),
        ("1 IN ('a', '1')", "true", &[Cast]),
        ("LEFT('abc', 'a')", "''", &[Cast]),
        ("2147483647 + 1", "2147483647", &[Math]),
        ("-2147483648 - 1", "-2147483648", &[Math]),
        ("-(-2147483648)", "2147483647", &[Math]),
        ("-2147483648 / -1", "2147483647", &[Math]),
        ("-2147483648 % -1", "0", &[]),
        ("-5 % 3", "-2", &[]),
        ("-5 / 3", "-1", &[]),
    ]);
}

#[test]
fn functions_count_characters_and_not_bytes() {
    check(&[
        ("LENGTH(text)", "7", &[]),
        ("RIGHT(text, 1)", "'😀'", &[]),
        ("LEFT(text, 4)", "'Grüß'", &[]),
        ("LEFT(CONCAT(text, '!'), 100)", "'Grüße 😀!'", &[]),
        ("SUBSTRING(text, 3, 2)", "'üß'", &[]),
        ("SUBSTRING(text, -1, 5)", "'😀'", &[]),
        ("SUBSTRING('abc', 1, -1)", "''", &[FunctionEvaluation]),
        ("SUBSTRING('', 1)", "''", &[FunctionEvaluation]),
        ("SUBSTRING('abc', -2147483648)", "''", &[FunctionEvaluation]),
        ("UPPER('straße')", "'STRASSE'", &[]),
        ("TRIM('\u{2003}a\t')", "'a'", &[]),
        ("IS_INT('-5')", "true", &[]),
        ("IS_INT('x')", "false", &[]),
        ("IS_INT(TRUE)", "false", &[]),
        ("IS_BOOL('TRUE')", "true", &[]),
        ("IS_BOOL(1)", "false", &[]),
        ("INT('+7')", "7", &[]),
        ("INT('2147483648')", "0", &[Cast]),
        ("concat_ws('-', 1, TRUE, 'x')", "'1-true-x'", &[]),
    ]);
}

#[test]
fn a_filter_passes_only_what_is_true_without_an_error() {
    let passes = |text| Filter::parse(text).expect(text).matches(&event());
    assert!(passes("attempt < 5"));
    assert!(!passes("attempt"));
    assert!(!passes("'true'"));
    assert!(!passes("1 IN ('a', '1')"));
    assert!(!passes("missing != 1"));
}

#[test]
fn what_is_no_filter_is_refused_with_its_place() {
    let rows = [
        (
            "",
            0,
            "expected an attribute, a value or a function, found the end",
        ),
        ("a =", 3, "found the end"),
        ("a b", 2, "expected an operator or the end, found `b`"),
        ("(a", 2, "expected an operator, `,` or `)`"),
        ("a)", 1, "found `)`"),
        ("AND a", 0, "found `AND`"),
        ("a LIKE b", 7, "expected a string, found `b`"),
        ("a NOT = b", 6, "expected `LIKE` or `IN`"),
        ("a IN ()", 6, "found `)`"),
        ("a IN 1", 5, "expected `(`"),
        ("f(1,)", 4, "found `)`"),
        ("EXISTS 'a'", 7, "expected an attribute"),
        ("EXISTS in", 7, "expected an attribute"),
        ("a_b", 0, "expected an attribute, of letters and digits"),
        (
            "f1(a)",
            0,
            "expected a function, of letters and underscores",
        ),
        ("1 + 2147483648", 4, "32 bits"),
        ("+a", 1, "expected a number"),
        ("a = 'b", 4, "not closed"),
        ("a = $", 4, "`$` means nothing"),
        ("TRUE(1)", 4, "found `(`"),
        ("'a''b'", 3, "found a string"),
    ];
    for (text, position, says) in rows {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
}

#[test]
fn length_depth_and_parts_have_limits() {
    let kind = |text: &str| Filter::parse(text).err().map(|error| error.kind);
    let too_deep = Some(FilterErrorKind::TooDeep);
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("NOT ", ""),
        ("- ", ""),
        ("a IN (", ")"),
    ] {
        let nested = |depth: usize| format!("{}a{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(kind(&nested(2000)), too_deep, "{open}");
        assert_eq!(kind(&nested(DEPTH_MAX / 2 - 1)), None, "{open}");
    }
    let suffixes = |count| format!("a{}", " LIKE 'a'".repeat(count));
    assert_eq!(kind(&suffixes(1000)), too_deep);
    assert_eq!(kind(&suffixes(DEPTH_MAX - 1)), None);

    let row = |count: usize| vec!["a"; count].join("+");
    assert_eq!(kind(&row(PARTS_MAX - 1)), None);
    assert_eq!(
        kind(&row(PARTS_MAX + 1)),
        Some(FilterErrorKind::TooManyParts)
    );
    assert_eq!(
        kind(&format!("'{}'", "a".repeat(LENGTH_MAX))),
        Some(FilterErrorKind::TooLong)
    );
    assert_eq!(
        kind(&format!("a LIKE '{}'", "%".repeat(2000))),
        Some(FilterErrorKind::PatternTooLong)
    );
}

#[test]
fn texts_do_not_grow_without_a_limit() {
    // Each level multiplies what is within it.
    let mut text = "'0123456789'".to_owned();
    for _ in 0..10 {
        text = format!("CONCAT_WS({text}{})", ", ''".repeat(30));
    }
    let (value, errors) = evaluate(&text);
    assert!(value.len() <= TEXT_MAX + 2);
    assert!(errors.contains(&FunctionEvaluation));
}

proptest! {
    #[test]
    fn no_text_makes_a_filter_panic(
        text in prop_oneof![
            any::<String>(),
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "id", "1", "-2147483648", "'a%'", "\"_\"", "(", ")", ",", "+", "-", "*", "/", "%", "=", "!=",
                    "<", "NOT", "AND", "OR", "XOR", "LIKE", "IN", "EXISTS", "TRUE", "ABS(", "CONCAT(", "SUBSTRING(",
                ]),
                0..16,
            )
            .prop_map(|words| words.join(" ")),
        ],
    ) {
        if let Ok(filter) = Filter::parse(&text) {
            let _ = filter.matches(&event());
        }
    }
}
