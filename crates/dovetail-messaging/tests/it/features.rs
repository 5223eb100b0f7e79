//! The scenarios of the protocol bindings: messages in HTTP and Kafka, and the attributes and data that must be found in them.
//!
//! Only the few kinds of steps that the scenarios have are known; any other fails the test rather than being passed over.

use std::collections::BTreeMap;

use bytes::Bytes;
use dovetail_messaging::cloudevents::{Attribute, Binding, Event, Reading};

use crate::shared;

/// How many scenarios there are in both files, each row of examples counted as one.
const SCENARIOS: usize = 7;

/// A message before it is read, and the event after it.
#[derive(Default)]
struct World {
    headers: Vec<(String, String)>,
    body: String,
    event: Option<Event>,
}

/// A step with the table and the text below it.
#[derive(Clone, Default)]
struct Step {
    words: String,
    rows: Vec<(String, String)>,
    text: Vec<String>,
}

#[test]
fn every_scenario_holds() {
    let Some(folder) = shared::folder("conformance/features") else {
        return;
    };
    let mut count = 0;
    for path in shared::files(&folder, "feature") {
        for (steps, examples) in scenarios(&shared::text(&path)) {
            for example in examples {
                count += 1;
                let mut world = World::default();
                for step in &steps {
                    run(&mut world, &filled(step, &example));
                }
                assert!(world.event.is_some(), "{}", path.display());
            }
        }
    }
    assert_eq!(count, SCENARIOS);
}

fn run(world: &mut World, step: &Step) {
    match step.words.as_str() {
        "an HTTP request" => {
            let mut lines = step.text.iter().skip(1);
            for line in lines.by_ref().take_while(|line| !line.is_empty()) {
                let (name, value) = line.split_once(": ").expect("a header has a value");
                world.headers.push((name.to_owned(), value.to_owned()));
            }
            world.body = lines.cloned().collect::<Vec<_>>().join("\n");
        }
        "a Kafka message with payload:" => world.body = step.text.join("\n"),
        "Kafka headers:" => world.headers.extend(step.rows.iter().skip(1).cloned()),
        "parsed as HTTP request" => world.event = Some(read(world, Binding::HTTP)),
        "parsed as Kafka message" => world.event = Some(read(world, Binding::KAFKA)),
        "the attributes are:" => {
            let event = world.event.as_ref().expect("the message was read");
            for (name, value) in step.rows.iter().skip(1) {
                let found = event.attribute(name).map(Attribute::to_text);
                assert_eq!(found.as_deref(), Some(value.as_str()), "{name}");
            }
        }
        "the data is equal to the following JSON:" => {
            let event = world.event.as_ref().expect("the message was read");
            let data: serde_json::Value = event.data().expect("data").decode().expect("JSON");
            let expected: serde_json::Value =
                serde_json::from_str(&step.text.join("\n")).expect("it is JSON");
            assert_eq!(data, expected);
        }
        other => panic!("nobody knows the step `{other}`"),
    }
}

fn read(world: &World, binding: Binding) -> Event {
    let headers = world
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    let body = Some(Bytes::from(world.body.clone()));
    let event = binding.read(headers, body, &Reading::default());
    event.expect("the message holds an event")
}

/// The step with the values of an example in the place of their names.
fn filled(step: &Step, example: &BTreeMap<String, String>) -> Step {
    let fill = |text: &str| {
        let fold = |text: String, (name, value): (&String, &String)| {
            text.replace(&format!("<{name}>"), value)
        };
        example.iter().fold(text.to_owned(), fold)
    };
    Step {
        words: step.words.clone(),
        rows: step
            .rows
            .iter()
            .map(|(name, value)| (fill(name), fill(value)))
            .collect(),
        text: step.text.iter().map(|line| fill(line)).collect(),
    }
}

type Scenario = (Vec<Step>, Vec<BTreeMap<String, String>>);

/// The scenarios of a file, with the values of their examples; one without any if there are none.
fn scenarios(file: &str) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    let mut lines = file.lines();
    let mut titles: Option<Vec<String>> = None;
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("Scenario") {
            found.push((Vec::new(), Vec::new()));
            titles = None;
            continue;
        }
        let Some((steps, examples)) = found.last_mut() else {
            continue;
        };
        if trimmed == "Examples:" {
            titles = Some(Vec::new());
        } else if trimmed == "\"\"\"" {
            let step = steps.last_mut().expect("a text belongs to a step");
            step.text = text(&mut lines, line.len() - line.trim_start().len());
        } else if let Some(cells) = cells(trimmed) {
            match &mut titles {
                Some(titles) if titles.is_empty() => *titles = cells,
                Some(titles) => examples.push(titles.iter().cloned().zip(cells).collect()),
                None => {
                    let [name, value] = cells.try_into().expect("two columns");
                    steps
                        .last_mut()
                        .expect("a table belongs to a step")
                        .rows
                        .push((name, value));
                }
            }
        } else if let Some((_, words)) = trimmed.split_once(' ') {
            steps.push(Step {
                words: words.to_owned(),
                ..Step::default()
            });
        }
    }
    for (_, examples) in &mut found {
        if examples.is_empty() {
            examples.push(BTreeMap::new());
        }
    }
    found
}

/// The lines up to the closing quotes, without the indent of the opening ones.
fn text<'a>(lines: &mut impl Iterator<Item = &'a str>, indent: usize) -> Vec<String> {
    lines
        .take_while(|line| line.trim() != "\"\"\"")
        .map(|line| line.get(indent..).unwrap_or_default().to_owned())
        .collect()
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect(),
    )
}
