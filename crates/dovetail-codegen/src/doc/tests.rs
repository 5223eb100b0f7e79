//! Text of contracts as documentation: readable, and never code, links or markup.

use super::*;

#[test]
fn descriptions_become_lines_that_can_only_be_read() {
    let rows: &[(&str, &[&str])] = &[
        ("", &[]),
        ("An order.", &["An order."]),
        (
            "The order_id of a CreditCard.",
            &["The `order_id` of a `CreditCard`."],
        ),
        (
            "See `order_id`, (userID) and foo::bar().",
            &["See `order_id`, (`userID`) and `foo::bar`."],
        ),
        (
            "Not ::1), but fe80:: or a::b.",
            &["Not `::1`), but `fe80::` or `a::b`."],
        ),
        (
            "**Bold** and _soft_ and 2 * 3",
            &["Bold and soft and 2 \\* 3"],
        ),
        (
            "Read https://example.com/a_b.",
            &["Read <https://example.com/a_b>."],
        ),
        (
            "[docs](https://example.com) [x] [y](javascript:alert)",
            &["[docs](https://example.com) \\[x\\] y"],
        ),
        (
            "See [\"the docs\"](https://example.com).",
            &["See [the docs](https://example.com)."],
        ),
        (
            "<script>alert(1)</script>",
            &["\\<`script>alert(1)</script`\\>"],
        ),
        ("# Title\ntext", &["Title:", "", "text"]),
        ("Title\n=====\ntext", &["Title", "", "text"]),
        ("- a\n- b\n  more", &["- a", "- b more"]),
        ("text\n1. one\n2. two", &["text", "", "1. one", "2. two"]),
        ("```rust\npanic!()\n```", &["```text", "panic!()", "```"]),
        ("```\nopen", &["```text", "open", "```"]),
        (
            "text\n\n    std::process::exit(1)",
            &["text", "", "`std::process::exit(1`)"],
        ),
        (
            "| a | b |\n|---|---|\n| 1 | 2 |",
            &["```text", "| a | b |", "|---|---|", "| 1 | 2 |", "```"],
        ),
        ("a\rb\u{2028}c\u{202e}d\u{0}", &["a b cd"]),
        ("lonely ` tick", &["lonely ' tick"]),
        ("\"]\npub fn x(){}", &["\"\\] pub fn `x`{}"]),
        ("A & B &lt;", &["A \\& B \\&lt;"]),
    ];
    for (markdown, expected) in rows {
        assert_eq!(lines(markdown), *expected, "{markdown:?}");
    }
}

#[test]
fn wrapped_prose_never_begins_a_list_or_heading() {
    for word in ["-", "+", "#", ">", "1.", "=", "|", "2)"] {
        let text = format!("{} {word} tail", "x".repeat(91));
        let lines = lines(&text);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].contains('\\'), "{lines:?}");
    }
}

#[test]
fn a_description_of_a_million_lines_is_cut() {
    let lines = lines(&"```\nx\n".repeat(100_000));
    assert!(lines.len() <= LINES_MAX + 3);
    let fences = lines.iter().filter(|line| line.starts_with("```")).count();
    assert_eq!(fences % 2, 0);
}

#[test]
fn a_sentence_ends_like_one() {
    assert_eq!(sentence("no order has this id"), "no order has this id.");
    assert_eq!(sentence("Really?"), "Really?");
    assert_eq!(sentence(" \n"), "");
}
