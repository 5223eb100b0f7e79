//! The compatibility kit of CloudEvents SQL: each test is an expression, an event, and what must come of them.

use dovetail_messaging::{
    cesql::{EvaluationErrorKind, Filter, Value},
    cloudevents::{Event, Reading, json},
};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::shared;

/// How many tests the kit has: fewer would mean that they are no longer found.
const TESTS: usize = 275;

#[derive(Deserialize)]
struct Suite {
    name: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Test {
    name: String,
    expression: Scalar,
    result: Option<serde_json::Value>,
    error: Option<String>,
    event: Option<Map<String, serde_json::Value>>,
    event_overrides: Option<Map<String, serde_json::Value>>,
}

/// An expression, which YAML may take for a number or a boolean.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Other(serde_json::Value),
}

#[test]
fn every_test_of_the_kit_passes() {
    let Some(folder) = shared::folder("sdk-java/cesql-tck") else {
        return;
    };
    let mut failed = Vec::new();
    let mut count = 0;
    for path in shared::files(&folder, "yaml") {
        for suite in shared::yaml::<Suite>(&path) {
            for test in suite.tests {
                count += 1;
                if let Err(problem) = run(&test) {
                    failed.push(format!("{}: {}: {problem}", suite.name, test.name));
                }
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {count}:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert_eq!(count, TESTS);
}

fn run(test: &Test) -> Result<(), String> {
    let expression = match &test.expression {
        Scalar::Text(text) => text.clone(),
        Scalar::Other(other) => other.to_string(),
    };
    let filter = match Filter::parse(&expression) {
        Ok(_) if test.error.as_deref() == Some("parse") => return Err("it is parsed".to_owned()),
        Err(_) if test.error.as_deref() == Some("parse") => return Ok(()),
        Ok(filter) => filter,
        Err(error) => return Err(error.to_string()),
    };
    let event = event(test)?;
    let evaluation = filter.evaluate(&event);
    let kinds: Vec<_> = evaluation
        .errors
        .iter()
        .map(|error| name(error.kind))
        .collect();
    let expected: Vec<_> = test.error.iter().map(String::as_str).collect();
    if kinds != expected {
        return Err(format!("errors are {kinds:?}, not {expected:?}"));
    }
    let value = match &evaluation.value {
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::String(value) => json!(value),
    };
    if test.result.as_ref().is_some_and(|result| *result != value) {
        return Err(format!("the value is {value}, not {:?}", test.result));
    }
    let passes = value == json!(true) && test.error.is_none();
    if filter.matches(&event) != passes {
        return Err("an event passes that must not, or the other way round".to_owned());
    }
    Ok(())
}

fn event(test: &Test) -> Result<Event, String> {
    let mut members = test.event.clone().unwrap_or_else(|| {
        let members = json!({ "specversion": "1.0", "id": "1", "source": "/a", "type": "t" });
        members.as_object().cloned().unwrap_or_default()
    });
    members.extend(test.event_overrides.clone().unwrap_or_default());
    let document = serde_json::to_vec(&members).map_err(|error| error.to_string())?;
    json::read(&document, &Reading::default()).map_err(|error| format!("the event: {error}"))
}

fn name(kind: EvaluationErrorKind) -> &'static str {
    match kind {
        EvaluationErrorKind::Math => "math",
        EvaluationErrorKind::Cast => "cast",
        EvaluationErrorKind::MissingAttribute => "missingAttribute",
        EvaluationErrorKind::MissingFunction => "missingFunction",
        EvaluationErrorKind::FunctionEvaluation => "functionEvaluation",
        _ => "generic",
    }
}
