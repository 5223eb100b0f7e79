//! Findings as they look in a terminal.

use super::*;
use crate::finding::Code;
use crate::source::Span;

static CODE: Code = Code {
    id: "unknown-operation",
    severity: Severity::Error,
    page: "",
};

fn place(text: &str, marked: &str, width: usize) -> String {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    let start = text.find(marked).expect("the marked text is there");
    let label = Label {
        span: Span::new(file, start, start + marked.len()),
        text: "here".to_owned(),
    };
    let look = Look {
        width,
        color: false,
    };
    render_place(&label, &sources, &look)
}

#[test]
fn a_finding_shows_both_places_and_what_to_do() {
    let mut sources = Sources::default();
    let expects = "interactions:\n  - name: pays\n    call: Chrage\n";
    let openapi = "paths:\n  /charges:\n    post: { operationId: Charge }\n";
    let one = sources.add("orders/expects/payments.yaml", expects);
    let other = sources.add("payments/openapi.yaml", openapi);
    let at = |file, text: &str, word: &str| {
        let start = text.find(word).expect("the word is there");
        Span::new(file, start, start + word.len())
    };
    let finding = Finding::new(
        &CODE,
        at(one, expects, "Chrage"),
        "`payments` has no `Chrage`",
    )
    .label("no such operation")
    .related(at(other, openapi, "Charge"), "the closest one")
    .expected("an operation of `payments`")
    .help("did you mean `Charge`?\nsecond line");
    insta::assert_snapshot!(render(&finding, &sources, &Look::default()), @r"
    error[unknown-operation]: `payments` has no `Chrage`
     --> orders/expects/payments.yaml:3:11
      |
    3 |     call: Chrage
      |           ^^^^^^ no such operation
     --> payments/openapi.yaml:3:26
      |
    3 |     post: { operationId: Charge }
      |                          ------ the closest one
      = expected: an operation of `payments`
      = help: did you mean `Charge`?
              second line
    ");
    let color = Look {
        color: true,
        ..Look::default()
    };
    let painted = render(&finding, &sources, &color);
    assert!(painted.starts_with("\u{1b}["), "{painted}");
    let plain = anstream_free(&painted);
    assert_eq!(plain, render(&finding, &sources, &Look::default()));
}

/// The text without the sequences that set colours.
fn anstream_free(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[test]
fn a_tab_takes_as_many_columns_as_it_shows() {
    insta::assert_snapshot!(place("{\n\t\"a\":\t1,\n}", "1", 80), @r#"
     --> a.yaml:2:7
      |
    2 |     "a":    1,
      |             ^ here
    "#);
}

#[test]
fn wide_characters_take_two_columns() {
    insta::assert_snapshot!(place("日本: 値\n", "値", 80), @r"
     --> a.yaml:1:5
      |
    1 | 日本: 値
      |       ^^ here
    ");
}

#[test]
fn what_is_hidden_is_written_out() {
    insta::assert_snapshot!(place("a: \u{1b}]52;c\u{7}\u{202e}x\n", "x", 80), @r"
     --> a.yaml:1:12
      |
    1 | a: ␛]52;c␇\u{202e}x
      |                   ^ here
    ");
}

#[test]
fn a_place_over_many_lines_shows_its_first() {
    insta::assert_snapshot!(place("a:\n  b: 1\n  c: 2\nd: 3\n", "b: 1\n  c: 2\n", 80), @r"
     --> a.yaml:2:3
      |
    2 |   b: 1
      |   ^^^^ here
    ");
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let line = format!("{}MARK{}", "a".repeat(500_000), "b".repeat(500_000));
    let shown = place(&line, "MARK", 60);
    for line in shown.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
    let lines: Vec<&str> = shown.lines().collect();
    let at = lines[2].find("MARK").expect("the place can be seen");
    assert_eq!(lines[3].find("^^^^"), lines[3].find('^'));
    // The cut is one column and three bytes.
    assert_eq!(lines[3].find('^'), Some(at - 2));
    assert!(
        lines[2].contains("…a") && lines[2].ends_with("b…"),
        "{shown}"
    );
}

#[test]
fn a_place_longer_than_the_width_begins_in_sight() {
    let line = format!("key: {}", "x".repeat(300));
    let shown = place(&line, &"x".repeat(300), 60);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[2].contains("key: xxx"), "{shown}");
    assert!(lines[3].contains("^^^"), "{shown}");
}

#[test]
fn any_span_is_shown_without_harm() {
    let mut sources = Sources::default();
    let file = sources.add("é.yaml", "é: ü\r\n\r\nlast");
    let empty = sources.add("empty.yaml", "");
    for start in 0..16 {
        for end in 0..16 {
            for file in [file, empty] {
                let label = Label {
                    span: Span::new(file, start, end),
                    text: String::new(),
                };
                let shown = render_place(&label, &sources, &Look::default());
                assert!(shown.contains(".yaml"), "{shown}");
            }
        }
    }
    let nowhere = Label {
        span: Span::start_of(empty),
        text: "cannot be read".to_owned(),
    };
    assert_eq!(
        render_place(&nowhere, &sources, &Look::default()),
        " --> empty.yaml: cannot be read\n"
    );
}
