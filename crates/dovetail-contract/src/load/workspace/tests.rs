//! What is said of broken workspaces: one small folder a row, and its findings as people read them.

mod laws;
mod messages;
mod pages_and_names;

use std::fmt::Write;

use crate::frame::{self, Look};
use crate::load::{Loaded, load};

const API: &str = "openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: {}\n";

/// Loads a folder of these files.
fn loaded(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    load(folder.path())
}

/// The findings, without frames: code, place, message, what was expected, help.
fn findings(files: &[(&str, &str)]) -> String {
    let loaded = loaded(files);
    let mut text = String::new();
    for finding in &loaded.findings {
        let place = loaded.sources.place(finding.place.span);
        let underlined = loaded
            .sources
            .text(finding.place.span)
            .lines()
            .next()
            .unwrap_or_default();
        writeln!(
            text,
            "{place} {} {}: {} [{underlined}]",
            finding.severity, finding.code.id, finding.message
        )
        .unwrap();
        for (name, note) in [("expected", &finding.expected), ("help", &finding.help)] {
            if let Some(note) = note {
                writeln!(text, "    {name}: {note}").unwrap();
            }
        }
    }
    text
}

/// The findings of one service file in an otherwise sound workspace.
fn of_service(text: &str) -> String {
    findings(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", text),
        ("a/openapi.yaml", API),
    ])
}

/// The findings of one file of expectations in an otherwise sound workspace.
fn of_expectation(text: &str) -> String {
    findings(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", "service: a\n"),
        ("a/expects/b.yaml", text),
    ])
}

#[test]
fn a_sound_workspace_has_no_findings() {
    let service = "service: a\nversion: 1.0.0\nprovides: { http: { openapi: openapi.yaml } }\n";
    assert_eq!(of_service(service), "");
}

#[test]
fn an_unknown_key_is_underlined_with_what_was_meant() {
    let loaded = loaded(&[
        ("dovetail.yaml", "dovetail: 1\n"),
        ("a/service.yaml", "service: a\nonwer: me\n"),
    ]);
    let frame = frame::render(&loaded.findings[0], &loaded.sources, &Look::default());
    insta::assert_snapshot!(frame, @r"
    error[unknown-key]: a service has no key `onwer`
     --> a/service.yaml:2:1
      |
    2 | onwer: me
      | ^^^^^
      = expected: one of `service`, `version`, `owner`, `summary`, `slo`, `provides`, `calls`, `consumes`
      = help: did you mean `owner`?
    ");
}

#[test]
fn alert_rules_lie_beside_the_crates_and_never_among_them() {
    let of = |codegen: &str| {
        let settings = format!("dovetail: 1\ncodegen: {codegen}\n");
        findings(&[
            ("dovetail.yaml", &settings),
            ("a/service.yaml", "service: a\n"),
        ])
    };
    assert_eq!(
        of("{ output: ../crates/generated, monitoring: ../alerts }"),
        ""
    );
    assert_eq!(of("{ output: gen, monitoring: gen-alerts }"), "");
    insta::assert_snapshot!(of("{ output: gen, monitoring: ./gen/alerts }"), @r"
    dovetail.yaml:2:37 error invalid-value: alert rules lie among the crates, where Cargo would take them for one [./gen/alerts]
        expected: a folder outside of `output`
        help: write it like `../monitoring`
    ");
    insta::assert_snapshot!(of("{ monitoring: /etc/prometheus }"), @r"
    dovetail.yaml:2:24 error invalid-value: the folder of alert rules must be a relative path with `/` [/etc/prometheus]
        expected: a path relative to `dovetail.yaml`
        help: write it like `../crates/generated`
    ");
}

#[test]
fn every_problem_of_a_service_is_said_in_one_run() {
    let text = "service: Not A Slug\n";
    insta::assert_snapshot!(of_service(text), @r"
    a/service.yaml:1:10 error invalid-value: `Not A Slug` is not a service name [Not A Slug]
        expected: up to 64 lower-case letters, digits and single hyphens, beginning with a letter
        help: write it like `order-history`
    ");
    let text = "\
service: a
version: 1.4
slo: { availability: 120%, p99: fast }
provides: { http: { openapi: ../../secret.yaml, exposure: pubic } }
calls:
  b:
    timeout: { total: 0ms }
    retry: on
    operations: { c: { idempotency: kay, retry: { max_attempts: 9 } } }
";
    insta::assert_snapshot!(of_service(text), @r#"
    a/service.yaml:2:10 error wrong-type: `1.4` does not fit here [1.4]
        expected: a version such as "1.4.0"
        help: put it in quotes to make it text
    a/service.yaml:3:22 error wrong-type: `120%` does not fit here [120%]
        expected: availability, a share such as `0.5` or `50%`
    a/service.yaml:3:33 error wrong-type: `fast` does not fit here [fast]
        expected: the 99th percentile of latency, a length of time such as `300ms`, `1.5s` or `2m`
    a/service.yaml:4:30 error reference-outside: `../../secret.yaml` leads out of the folder [../../secret.yaml]
        expected: a path inside the folder, relative to this file
        help: put the file into the folder and name it by a relative path
    a/service.yaml:4:59 error invalid-value: `pubic` is not an exposure [pubic]
        expected: one of `internal`, `public`
        help: did you mean `public`?
    a/service.yaml:7:23 error wrong-type: `0ms` does not fit here [0ms]
        expected: the time for the whole call, longer than nothing
    a/service.yaml:8:12 error invalid-value: `on` is not `off` or a retry policy [on]
        expected: one of `off`
    a/service.yaml:9:37 error invalid-value: `kay` is not what a caller says of idempotency [kay]
        expected: one of `key`, `none`
        help: did you mean `key`?
    a/service.yaml:9:65 error wrong-type: `9` does not fit here [9]
        expected: the number of attempts, a whole number from 1 to 5
    "#);
}

#[test]
fn references_to_other_files_stay_inside_and_off_the_network() {
    for (path, code) in [
        ("missing.yaml", "missing-file"),
        ("../../a.yaml", "reference-outside"),
        ("/etc/hostname", "reference-outside"),
        ("http://127.0.0.1/a.yaml", "reference-remote"),
        ("file:///etc/hostname", "reference-outside"),
    ] {
        let said = of_service(&format!(
            "service: a\nprovides: {{ http: {{ openapi: '{path}' }} }}\n"
        ));
        assert!(said.contains(code), "{path}: {said}");
    }
}

#[test]
fn settings_are_strict() {
    let text = "\
dovetail: 2
policy: { timeout: { totl: 1s } }
codegen:
  output: /tmp/out
  runtime: { version: '0.1', path: ../crates, revision: x }
";
    let said = findings(&[("dovetail.yaml", text), ("a/service.yaml", "service: a\n")]);
    insta::assert_snapshot!(said, @r"
    dovetail.yaml:1:11 error wrong-type: `2` does not fit here [2]
        expected: the version of the file format, a whole number from 1 to 1
    dovetail.yaml:2:22 error unknown-key: a timeout has no key `totl` [totl]
        expected: one of `total`, `attempt`, `connect`
        help: did you mean `total`?
    dovetail.yaml:4:11 error invalid-value: the output folder must be a relative path with `/` [/tmp/out]
        expected: a path relative to `dovetail.yaml`
        help: write it like `../crates/generated`
    dovetail.yaml:5:12 error invalid-value: the runtime crates come from exactly one source [{]
        expected: one of `version`, `git`, `path`, `workspace`
        help: keep one of them
    ");
}

#[test]
fn an_expectation_that_proves_nothing_is_a_finding() {
    let text = "\
consumer: a
provider: b
interactions:
  - name: twice
    call: c
    response: { status: 200, reads: {} }
  - name: twice
    call: c
    response: { status: 99, body: {} }
  - name: list
    call: c
    response: { status: 200, body: [1], reads: { x: {} } }
";
    insta::assert_snapshot!(of_expectation(text), @r"
    a/expects/b.yaml:6:30 error invalid-value: `reads` names no field, so it proves nothing [reads]
        expected: the fields that the consumer reads
        help: name a field, or leave `reads` out if the body is not read
    a/expects/b.yaml:9:25 error wrong-type: `99` does not fit here [99]
        expected: an HTTP status, a whole number from 200 to 599
    a/expects/b.yaml:9:29 error invalid-value: an empty matcher proves nothing [body]
        expected: a type, an example or another property of the value
        help: write `{ type: string }`, for example
    a/expects/b.yaml:12:30 error invalid-value: `reads` and `body` both say what is read of the body [body]
        help: use `reads` for the fields of an object and `body` for anything else
    a/expects/b.yaml:12:50 error invalid-value: an empty matcher proves nothing [x]
        expected: a type, an example or another property of the value
        help: write `{ type: string }`, for example
    ");
    let said = of_expectation("consumer: a\nprovider: b\ninteractions: []\n");
    assert!(said.contains("proves nothing"), "{said}");
}

#[test]
fn a_matcher_that_cannot_fail_is_a_finding() {
    let text = "\
consumer: a
provider: b
interactions:
  - name: n
    call: c
    response:
      status: 200
      reads:
        anything: { optional: true, nullable: true }
        object: { fields: {} }
        there: { nullable: true }
        typed: { optional: true, type: string }
";
    insta::assert_snapshot!(of_expectation(text), @r"
    a/expects/b.yaml:9:9 error invalid-value: what may be left out and may be anything proves nothing [anything]
        expected: what the value is where it is there
        help: write `{ optional: true, type: string }`, for example
    a/expects/b.yaml:10:19 error invalid-value: `fields` names no field, so it proves nothing [fields]
        expected: the fields that the consumer reads
        help: name a field, or write `type: object` if only that is relied on
    ");
}

#[test]
fn a_matcher_that_contradicts_itself_is_a_finding() {
    let text = "\
consumer: a
provider: b
interactions:
  - name: n
    call: c
    response:
      status: 200
      reads:
        absent: { absent: true, type: string }
        example: { type: integer, example: x }
        pattern: { regex: '(', format: uid }
        unlike: { regex: '^a', example: b }
        mixed: { fields: { x: 1 }, each: { type: string } }
        bounds: { each: { type: string }, min: 3, max: 2 }
        kind: { type: strng }
        none: { one_of: [] }
";
    insta::assert_snapshot!(of_expectation(text), @r"
    a/expects/b.yaml:9:19 error invalid-value: what must be absent cannot be anything else as well [absent]
        help: keep `absent: true` alone
    a/expects/b.yaml:10:44 error invalid-value: the example is of type string [x]
        expected: an example of type integer
    a/expects/b.yaml:11:27 error invalid-value: the regular expression cannot be read ['(']
        expected: a regular expression in Perl's syntax
    a/expects/b.yaml:11:40 error invalid-value: `uid` is not a format [uid]
        expected: one of `date`, `date-time`, `decimal`, `duration`, `email`, `hostname`, `ipv4`, `ipv6`, `time`, `uri`, `uuid`
        help: did you mean `uuid`?
    a/expects/b.yaml:12:41 error invalid-value: the example does not match the regular expression [b]
    a/expects/b.yaml:13:36 error invalid-value: `each` is about a value of type array, but this one is of type object [each]
        help: remove `each`, or say what the value is
    a/expects/b.yaml:14:56 error invalid-value: `max` is less than `min`, so nothing ever matches [2]
    a/expects/b.yaml:15:23 error invalid-value: `strng` is not a type [strng]
        expected: one of `null`, `boolean`, `integer`, `number`, `string`, `array`, `object`
        help: did you mean `string`?
    a/expects/b.yaml:16:25 error wrong-type: a list does not fit here [[]
        expected: at least one value
    ");
}

#[test]
fn what_is_missing_is_named() {
    let rows: &[(&[(&str, &str)], &str)] = &[
        (&[("a/service.yaml", "service: a\n")], "dovetail.yaml"),
        (&[("dovetail.yaml", "dovetail: 1\n")], "holds no service"),
        (
            &[("dovetail.yaml", "dovetail: 1\n"), ("a/openapi.yaml", API)],
            "a/service.yaml",
        ),
        (
            &[("dovetail.yaml", ""), ("a/service.yaml", "service: a\n")],
            "empty-file",
        ),
        (
            &[
                ("dovetail.yaml", "dovetail: 1\n"),
                ("a/service.yaml", "service: a\n"),
                ("b/service.yaml", "service: a\n"),
            ],
            "two services",
        ),
        (
            &[
                ("dovetail.yaml", "dovetail: 1\n"),
                ("a/service.yaml", "service: a\n"),
                ("a/expects/b.yaml.bak", ""),
            ],
            "is not an expectation",
        ),
    ];
    for (files, needle) in rows {
        let said = findings(files);
        assert!(said.contains(needle), "{needle}: {said}");
    }
}
