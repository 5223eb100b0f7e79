//! What came of samples, counted.

use std::collections::BTreeMap;

use super::drift::Kind;

/// Counts of one document, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Schemas that samples are drawn of.
    pub(super) components: usize,
    /// Schemas that become raw JSON, which is stable whatever it is; counted apart, and never sent through.
    pub(super) raw: usize,
    /// Samples that were sent through.
    pub(super) samples: usize,
    /// Samples that came back as they were, twice.
    pub(super) stable: usize,
    /// Samples that drifted and were read, or refused as they must be, by how they drifted.
    pub(super) drifted: BTreeMap<Kind, usize>,
    /// What was not tried, by reason: how often, and where first.
    pub(super) skipped: BTreeMap<String, (usize, String)>,
    pub(super) failures: Vec<Failure>,
}

/// A sample that did not come back as it should.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// Where the schema stands.
    pub(super) schema: String,
    /// The number of the sample, and how it drifted.
    pub(super) sample: String,
    /// What is wrong, with the place in the sample.
    pub(super) wrong: String,
    /// The sample.
    pub(super) value: String,
}

impl Tally {
    /// Counts what was not tried.
    pub(super) fn skip(&mut self, reason: &str, place: &str) {
        self.add_skipped(reason.to_owned(), 1, place);
    }

    fn add_skipped(&mut self, reason: String, count: usize, place: &str) {
        let first = || (0, place.to_owned());
        self.skipped.entry(reason).or_insert_with(first).0 += count;
    }

    /// Counts a document of which nothing could be tried.
    pub(super) fn fail_whole(&mut self, document: &str, wrong: &str) {
        self.failures.push(Failure {
            schema: document.to_owned(),
            sample: "no sample".to_owned(),
            wrong: wrong.to_owned(),
            value: String::new(),
        });
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: Self) {
        self.components += other.components;
        self.raw += other.raw;
        self.samples += other.samples;
        self.stable += other.stable;
        for (kind, count) in other.drifted {
            *self.drifted.entry(kind).or_default() += count;
        }
        for (reason, (count, place)) in other.skipped {
            self.add_skipped(reason, count, &place);
        }
        self.failures.extend(other.failures);
    }

    /// The counts on one line.
    pub(super) fn line(&self, name: &str) -> String {
        format!(
            "{name:<36} {:>5} schemas ({} raw) {:>6} samples {:>6} stable {:>6} drifted well {:>4} skipped {:>4} failures",
            self.components,
            self.raw,
            self.samples,
            self.stable,
            self.drifted.values().sum::<usize>(),
            self.skipped.values().map(|(count, _)| count).sum::<usize>(),
            self.failures.len(),
        )
    }

    /// How samples drifted, and why some were not tried: a line for each.
    pub(super) fn reasons(&self) -> Vec<String> {
        let drifted = self
            .drifted
            .iter()
            .map(|(kind, count)| format!("{count:>8} drifted well: {}", kind.as_str()));
        let mut skipped: Vec<_> = self.skipped.iter().collect();
        skipped.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let skipped = skipped.into_iter().map(|(reason, (count, place))| {
            format!("{count:>8} skipped: {reason}, first at {place}")
        });
        drifted.chain(skipped).collect()
    }
}

impl Failure {
    /// The failure on a line of its own; on a second one the sample, if it is wanted.
    pub(super) fn render(&self, with_value: bool) -> String {
        let line = format!("    FAIL {} {}: {}", self.schema, self.sample, self.wrong);
        match with_value && !self.value.is_empty() {
            true => format!("{line}\n         {}", self.value),
            false => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let one = || {
            let mut tally = Tally {
                components: 2,
                samples: 4,
                stable: 3,
                ..Tally::default()
            };
            tally.skip("no valid sample", "a.yaml #/A");
            tally.drifted.insert(Kind::Null, 2);
            tally.fail_whole("a.yaml", "it does not compile");
            tally
        };
        let mut total = one();
        total.add(one());
        assert_eq!(
            total
                .line("all")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            "all 4 schemas (0 raw) 8 samples 6 stable 4 drifted well 2 skipped 2 failures"
        );
        assert_eq!(
            total.reasons(),
            [
                "       4 drifted well: null for an optional member",
                "       2 skipped: no valid sample, first at a.yaml #/A"
            ]
        );
        assert!(
            total.failures[0]
                .render(true)
                .starts_with("    FAIL a.yaml no sample: it does not")
        );
    }
}
