//! Draws samples, sends them through the types, and says what came of them.

use anyhow::{Context, Result};
use jsonschema::Validator;
use serde_json::Value;

use super::Roundtrip;
use super::chance::Chance;
use super::drift::{Drift, Kind, drifts, path, probe, without};
use super::exact::{canonical, difference};
use super::harness::{Answer, Harness};
use super::sample::{Drawn, Fill, draw};
use super::schema::closure;
use super::signature::{Lane, Types};
use super::subject::{Prepared, Subject};
use super::tally::{Failure, Tally};

/// Times that a sample is drawn again where the validator refuses it.
const TRIES: u32 = 24;

/// Everything that a document is judged with.
pub(super) struct Judge<'a> {
    pub(super) asked: &'a Roundtrip,
    pub(super) document: &'a str,
    pub(super) prepared: &'a Prepared,
    pub(super) harness: &'a Harness,
    pub(super) types: &'a Types,
}

/// A sample of one schema.
struct Sample {
    /// The number of the type, and of the sample.
    lane: usize,
    number: u32,
    drawn: Drawn,
    text: String,
}

/// A sample that drifted.
struct Drifted<'s> {
    sample: &'s Sample,
    drift: Drift,
    text: String,
}

impl Judge<'_> {
    /// Tries every schema.
    pub(super) fn judge(&self, tally: &mut Tally) -> Result<()> {
        let (samples, validators) = self.samples(tally);
        tally.samples = samples.len();
        let first = self.ask(
            samples
                .iter()
                .map(|sample| (sample.lane, sample.text.clone())),
        )?;
        let encoded = |answer: &Answer| match answer {
            Answer::Encoded(text) => text.clone(),
            _ => "null".to_owned(),
        };
        let texts = samples.iter().zip(&first);
        let second = self.ask(texts.map(|(sample, answer)| (sample.lane, encoded(answer))))?;
        let mut stable = Vec::new();
        for ((sample, first), second) in samples.iter().zip(&first).zip(&second) {
            let validator = validators.get(sample.lane).and_then(Option::as_ref);
            let validator = validator.context("a sample has no validator")?;
            match wrong(sample, first, second, validator)? {
                None => stable.push(sample),
                Some(said) => tally
                    .failures
                    .push(self.failure(sample, "", said, &sample.text)),
            }
        }
        tally.stable = stable.len();
        self.judge_drift(&stable, tally)
    }

    /// Samples of every schema that has any, and what judges them.
    fn samples(&self, tally: &mut Tally) -> (Vec<Sample>, Vec<Option<Validator>>) {
        let mut samples = Vec::new();
        let mut validators = Vec::new();
        for (index, reason) in &self.types.refused {
            tally.skip(reason, &self.place(self.subject_at(*index)));
        }
        for (index, lane) in self.types.lanes.iter().enumerate() {
            let mut validator = None;
            if lane.ty == "Value" {
                tally.raw += 1;
            } else {
                match self.samples_of(index, lane, &mut samples, tally) {
                    Ok(built) => validator = Some(built),
                    Err(reason) => {
                        tally.skip(&reason, &self.place(self.subject_at(lane.subject)));
                    }
                }
            }
            validators.push(validator);
        }
        (samples, validators)
    }

    fn samples_of(
        &self,
        index: usize,
        lane: &Lane,
        samples: &mut Vec<Sample>,
        tally: &mut Tally,
    ) -> Result<Validator, String> {
        let subject = self.subject_at(lane.subject);
        let closure = closure(&self.prepared.document, &subject.pointer, lane.way)?;
        let validator = validator(&closure)?;
        for number in 0..self.asked.samples {
            match self.sample(subject, &closure, &validator, number) {
                Ok(drawn) => samples.push(Sample {
                    lane: index,
                    number,
                    text: drawn.value.to_string(),
                    drawn,
                }),
                Err(reason) => tally.skip(&reason, &self.place(subject)),
            }
        }
        Ok(validator)
    }

    fn sample(
        &self,
        subject: &Subject,
        root: &Value,
        validator: &Validator,
        number: u32,
    ) -> Result<Drawn, String> {
        let fill = match number {
            0 => Fill::Least,
            1 => Fill::Most,
            _ => Fill::Some,
        };
        let mut said = "no valid sample was drawn".to_owned();
        for attempt in 0..TRIES {
            let purpose = [
                self.document,
                &subject.shown,
                &number.to_string(),
                &attempt.to_string(),
            ];
            // Where all or nothing of what is optional cannot be valid, some of it may be.
            let fill = if attempt > TRIES / 2 {
                Fill::Some
            } else {
                fill
            };
            match draw(root, fill, Chance::new(self.asked.seed, &purpose)) {
                Ok(drawn) if validator.is_valid(&drawn.value) => return Ok(drawn),
                Ok(_) => {}
                Err(reason) => said = reason,
            }
        }
        Err(said)
    }

    /// Lets samples that came back as they were drift, and judges what comes of it.
    fn judge_drift(&self, stable: &[&Sample], tally: &mut Tally) -> Result<()> {
        let mut drifted = Vec::new();
        for sample in stable {
            let purpose = [
                self.document,
                &self.subject(sample).shown,
                "drift",
                &sample.number.to_string(),
            ];
            let mut chance = Chance::new(self.asked.seed, &purpose);
            for drift in drifts(&sample.drawn.value, &sample.drawn.sites, &mut chance) {
                let text = drift.value.to_string();
                drifted.push(Drifted {
                    sample,
                    drift,
                    text,
                });
            }
        }
        let answers = self.ask(
            drifted
                .iter()
                .map(|drifted| (drifted.sample.lane, drifted.text.clone())),
        )?;
        let probes = drifted.iter().map(|drifted| {
            let probe = probe(&drifted.sample.drawn.value, &drifted.drift.pointer);
            (drifted.sample.lane, probe.unwrap_or_default().to_string())
        });
        let probes = self.ask(probes)?;
        for ((drifted, answer), probe) in drifted.iter().zip(&answers).zip(&probes) {
            let is_raw = matches!(probe, Answer::Encoded(_));
            match wrong_drift(drifted, answer)? {
                None => *tally.drifted.entry(drifted.drift.kind).or_default() += 1,
                Some(_) if is_raw && drifted.drift.kind == Kind::Missing => {
                    let place = self.place(self.subject(drifted.sample));
                    tally.skip("drift: the place is raw JSON", &place);
                }
                Some(said) => {
                    let how = drifted.drift.kind.as_str();
                    tally
                        .failures
                        .push(self.failure(drifted.sample, how, said, &drifted.text));
                }
            }
        }
        Ok(())
    }

    fn ask(&self, texts: impl Iterator<Item = (usize, String)>) -> Result<Vec<Answer>> {
        self.harness.ask(&texts.collect::<Vec<_>>())
    }

    fn place(&self, subject: &Subject) -> String {
        format!("{} {}", self.document, subject.shown)
    }

    fn subject(&self, sample: &Sample) -> &Subject {
        self.subject_at(self.types.lanes[sample.lane].subject)
    }

    fn subject_at(&self, index: usize) -> &Subject {
        &self.prepared.subjects[index]
    }

    fn failure(&self, sample: &Sample, how: &str, wrong: String, value: &str) -> Failure {
        let subject = self.subject(sample);
        let how = if how.is_empty() {
            String::new()
        } else {
            format!(", {how}")
        };
        Failure {
            schema: subject.shown.clone(),
            sample: format!("(seed {}, sample {}{how})", self.asked.seed, sample.number),
            wrong,
            value: value.to_owned(),
        }
    }
}

/// What judges samples of a schema, or why it cannot.
fn validator(root: &Value) -> Result<Validator, String> {
    /// Steps after which matching a pattern is given up.
    const BACKTRACK_LIMIT: usize = 100_000;
    let patterns = jsonschema::PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT);
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .with_pattern_options(patterns)
        .with_format("byte", is_base64)
        .build(root)
        .map_err(|_| "the validator does not take the schema".to_owned())
}

/// Whether a text is base64 with padding (RFC 4648, section 4), which is what OpenAPI means by `byte`.
fn is_base64(text: &str) -> bool {
    let letters = text.trim_end_matches('=');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4)
        && text.len() - letters.len() <= 2
        && letters.bytes().all(is_letter)
}

/// What is wrong with how a valid sample came back, if anything is.
fn wrong(
    sample: &Sample,
    first: &Answer,
    second: &Answer,
    validator: &Validator,
) -> Result<Option<String>> {
    let encoded = match first {
        Answer::Encoded(encoded) => encoded,
        other => return Ok(Some(said(other))),
    };
    let value: Value = serde_json::from_str(encoded).context("what was encoded is not JSON")?;
    if let Some(error) = validator.iter_errors(&value).next() {
        let place = error.instance_path();
        return Ok(Some(format!(
            "what was encoded is not valid at `{place}`: {}",
            difference(&sample.text, encoded)
        )));
    }
    if canonical(encoded)? != canonical(&sample.text)? {
        return Ok(Some(format!(
            "what was encoded says something else: {}",
            difference(&sample.text, encoded)
        )));
    }
    match second {
        Answer::Encoded(again) if canonical(again)? == canonical(encoded)? => Ok(None),
        Answer::Encoded(again) => Ok(Some(format!(
            "it changes every time: {}",
            difference(encoded, again)
        ))),
        other => Ok(Some(format!(
            "what was encoded is not read again: {}",
            said(other)
        ))),
    }
}

/// What is wrong with how a sample that drifted came back, if anything is.
fn wrong_drift(drifted: &Drifted<'_>, answer: &Answer) -> Result<Option<String>> {
    let Drifted {
        sample,
        drift,
        text,
    } = drifted;
    let place = path(&drift.pointer, &sample.drawn.value);
    if drift.kind == Kind::Missing {
        let member = drift.member.as_deref().unwrap_or_default();
        return Ok(match answer {
            Answer::Refused { path, message } if names(path, message, &place, member) => None,
            Answer::Refused { path, message } => Some(format!(
                "`{member}` is missing at `{place}`, and the error says `{path}`: {message}"
            )),
            Answer::Encoded(_) => Some(format!(
                "`{member}` is missing at `{place}`, and it was not refused"
            )),
            other => Some(said(other)),
        });
    }
    let encoded = match answer {
        Answer::Encoded(encoded) => encoded,
        other => return Ok(Some(format!("at `{place}`: {}", said(other)))),
    };
    let canonical_encoded = canonical(encoded)?;
    // What a newer service adds may be dropped, and null for what may be left out may be left out; all else is kept.
    let reduced = match (drift.kind, &drift.member) {
        (Kind::ExtraMember, _) => Some(sample.text.clone()),
        (Kind::Null, Some(member)) => {
            without(&sample.drawn.value, &drift.pointer, member).map(|value| value.to_string())
        }
        _ => None,
    };
    let reduced = reduced.map(|text| canonical(&text)).transpose()?;
    let is_kept = canonical_encoded == canonical(text)? || reduced == Some(canonical_encoded);
    Ok((!is_kept).then(|| {
        format!(
            "at `{place}`, something was lost: {}",
            difference(text, encoded)
        )
    }))
}

/// Whether an error says which member is missing where: by its path and message together.
fn names(path: &str, message: &str, place: &str, member: &str) -> bool {
    let whole = match place {
        "." => member.to_owned(),
        place => format!("{place}.{member}"),
    };
    path == whole || path == place && message.contains(&format!("`{member}`"))
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Encoded(text) => format!("encoded to {text}"),
        Answer::Refused { path, message } => format!("refused at `{path}`: {message}"),
        Answer::Unencodable(message) => format!("cannot be encoded: {message}"),
        Answer::Crashed => "the program ended over it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(value: Value) -> Sample {
        Sample {
            lane: 0,
            number: 0,
            text: value.to_string(),
            drawn: Drawn {
                value,
                sites: Vec::new(),
            },
        }
    }

    fn encoded(text: &str) -> Answer {
        Answer::Encoded(text.to_owned())
    }

    fn refused(path: &str, message: &str) -> Answer {
        Answer::Refused {
            path: path.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn bytes_are_base64_with_padding() {
        let rows = [
            ("", true),
            ("AAEC", true),
            ("Zg==", true),
            ("Zg", false),
            ("A===", false),
            ("A-_A", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_base64(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sample_comes_back_as_it_was() {
        let validator = validator(&json!({ "required": ["a"] })).unwrap();
        let sample = sample(json!({ "a": 1 }));
        let rows = [
            (encoded(r#"{"a":1.0}"#), encoded(r#"{"a":1}"#), None),
            (
                refused("a", "no"),
                encoded("null"),
                Some("refused at `a`: no"),
            ),
            (encoded("{}"), encoded("{}"), Some("not valid at")),
            (
                encoded(r#"{"a":2}"#),
                encoded(r#"{"a":2}"#),
                Some("says something else"),
            ),
            (
                encoded(r#"{"a":1}"#),
                encoded(r#"{"a":2}"#),
                Some("changes every time"),
            ),
            (
                encoded(r#"{"a":1}"#),
                refused(".", "no"),
                Some("not read again"),
            ),
            (Answer::Crashed, encoded("null"), Some("ended over it")),
        ];
        for (first, second, expected) in rows {
            let said = wrong(&sample, &first, &second, &validator).unwrap();
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(
                said.unwrap_or_default()
                    .contains(expected.unwrap_or_default()),
                "{expected:?}"
            );
        }
    }

    #[test]
    fn drift_is_survived_without_loss() {
        let sample = sample(json!({ "a": { "k": "x", "n": 1 } }));
        let judged = |kind, value: Value, member: Option<&str>, answer: Answer| {
            let drift = Drift {
                kind,
                pointer: "/a".to_owned(),
                member: member.map(str::to_owned),
                value,
            };
            let text = drift.value.to_string();
            wrong_drift(
                &Drifted {
                    sample: &sample,
                    drift,
                    text,
                },
                &answer,
            )
            .unwrap()
        };
        let extra = json!({ "a": { "k": "x", "n": 1, "dovetail_extra": 1 } });
        let dropped = encoded(r#"{"a":{"k":"x","n":1}}"#);
        assert_eq!(
            judged(Kind::ExtraMember, extra.clone(), None, dropped.clone()),
            None
        );
        assert!(
            judged(
                Kind::ExtraMember,
                extra,
                None,
                encoded(r#"{"a":{"k":"x"}}"#)
            )
            .is_some()
        );
        let word = json!({ "a": { "k": "new", "n": 1 } });
        assert!(judged(Kind::NewWord, word.clone(), None, dropped).is_some());
        assert_eq!(
            judged(
                Kind::NewWord,
                word,
                None,
                encoded(r#"{"a":{"k":"new","n":1}}"#)
            ),
            None
        );
        let null = json!({ "a": { "k": "x", "n": null } });
        assert_eq!(
            judged(
                Kind::Null,
                null.clone(),
                Some("n"),
                encoded(r#"{"a":{"k":"x"}}"#)
            ),
            None
        );
        assert!(judged(Kind::Null, null, Some("n"), refused("a.n", "null")).is_some());
        let missing = json!({ "a": { "n": 1 } });
        let rows = [
            (refused("a", "missing field `k`"), true),
            (refused("a.k", "missing"), true),
            (refused(".", "missing field `k`"), false),
            (refused("a", "missing field `n`"), false),
            (encoded(r#"{"a":{"n":1}}"#), false),
        ];
        for (answer, is_right) in rows {
            let said = judged(Kind::Missing, missing.clone(), Some("k"), answer);
            assert_eq!(said.is_none(), is_right, "{said:?}");
        }
    }
}
