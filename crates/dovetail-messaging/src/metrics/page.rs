//! A recorder whose text Prometheus reads.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// More series than this are not kept; they are counted, so that somebody notices.
const SERIES_MAX: usize = 10_000;

/// Upper bounds of the buckets of all histograms, in seconds: those that OpenTelemetry recommends for messaging.
const BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// All that a program counts, as a page for Prometheus: in the text format of version 0.0.4, names as generated alert rules have them, always
/// in the same order, and of bounded size. Clones are the same page. A service answers `GET /metrics` with [`Page::render`], as
/// [`Page::CONTENT_TYPE`].
///
/// ```
/// use dovetail_messaging::metrics::Page;
///
/// let page = Page::default();
/// // In a program: `metrics::set_global_recorder(page.clone())`, before consumers and relays are made.
/// assert_eq!(page.render(), "");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Page(Arc<Mutex<Families>>);

#[derive(Debug, Default)]
struct Families {
    by_name: BTreeMap<String, Family>,
    /// Units and words for names, which may come before and after their first series.
    described: BTreeMap<String, (Option<Unit>, SharedString)>,
    series: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Family {
    form: Form,
    /// By what stands between the braces.
    series: BTreeMap<String, Series>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone)]
enum Series {
    /// A whole number, or the bits of a double.
    Number(Arc<AtomicU64>),
    Buckets(Arc<Buckets>),
}

/// How many values were no larger than each bound, how many there were, and their sum as the bits of a double.
#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum: AtomicU64,
}

impl Page {
    /// The media type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// The text.
    #[must_use]
    pub fn render(&self) -> String {
        let families = self.lock();
        let mut text = String::new();
        for (name, family) in &families.by_name {
            let (unit, help) = match families.described.get(name) {
                Some((unit, help)) => (*unit, help.as_ref()),
                None => (None, "Without a description."),
            };
            family.render(&full_name(name, family.form, unit), help, &mut text);
        }
        if families.dropped > 0 {
            let name = "dovetail_series_dropped_total";
            header(name, Form::Counter, "Series that had no place.", &mut text);
            line(&mut text, name, "", families.dropped);
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Families> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, help: SharedString) {
        let mut families = self.lock();
        if families.described.len() < SERIES_MAX {
            families
                .described
                .insert(sanitized(name.as_str()), (unit, help));
        }
    }

    /// The series of a key; none where there are too many, or its name belongs to something else.
    fn series(&self, key: &Key, form: Form) -> Option<Series> {
        let (name, labels) = (sanitized(key.name()), labels(key));
        let mut families = self.lock();
        let is_full = families.series >= SERIES_MAX;
        let known = families.by_name.get(&name);
        let is_other = known.is_some_and(|family| family.form != form);
        if let Some(series) = known.and_then(|family| family.series.get(&labels))
            && !is_other
        {
            return Some(series.clone());
        }
        if is_full || is_other {
            families.dropped += 1;
            return None;
        }
        let series = match form {
            Form::Counter | Form::Gauge => Series::Number(Arc::default()),
            Form::Histogram => Series::Buckets(Arc::default()),
        };
        families.series += 1;
        let family = families.by_name.entry(name).or_insert_with(|| Family {
            form,
            series: BTreeMap::new(),
        });
        family.series.insert(labels, series.clone());
        Some(series)
    }
}

impl Recorder for Page {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key, Form::Counter) {
            Some(Series::Number(number)) => Counter::from_arc(number),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key, Form::Gauge) {
            Some(Series::Number(number)) => Gauge::from_arc(number),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key, Form::Histogram) {
            Some(Series::Buckets(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let buckets = self.counts.iter().zip(BOUNDS);
        if let Some((count, _)) = buckets.into_iter().find(|(_, bound)| value <= *bound) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let _ = self
            .sum
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                Some((f64::from_bits(bits) + value).to_bits())
            });
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Family {
    fn render(&self, name: &str, help: &str, text: &mut String) {
        let is_silent = |series: &Series| match series {
            Series::Number(_) => false,
            Series::Buckets(buckets) => buckets.count.load(Ordering::Relaxed) == 0,
        };
        if self.series.values().all(is_silent) {
            return;
        }
        header(name, self.form, help, text);
        for (labels, series) in &self.series {
            match series {
                Series::Number(number) if self.form == Form::Counter => {
                    line(text, name, labels, number.load(Ordering::Relaxed));
                }
                Series::Number(number) => {
                    let value = f64::from_bits(number.load(Ordering::Relaxed));
                    line(text, name, labels, value);
                }
                Series::Buckets(_) if is_silent(series) => {}
                Series::Buckets(buckets) => buckets.render(name, labels, text),
            }
        }
    }
}

impl Buckets {
    fn render(&self, name: &str, labels: &str, text: &mut String) {
        let separator = if labels.is_empty() { "" } else { "," };
        let bucket = format!("{name}_bucket");
        let mut total = 0;
        for (count, bound) in self.counts.iter().zip(BOUNDS) {
            total += count.load(Ordering::Relaxed);
            let labels = format!("{labels}{separator}le=\"{bound}\"");
            line(text, &bucket, &labels, total);
        }
        // Read last, and never less than what the buckets hold: others count meanwhile.
        let count = self.count.load(Ordering::Relaxed).max(total);
        let labels_all = format!("{labels}{separator}le=\"+Inf\"");
        line(text, &bucket, &labels_all, count);
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        line(text, &format!("{name}_sum"), labels, sum);
        line(text, &format!("{name}_count"), labels, count);
    }
}

fn header(name: &str, form: Form, help: &str, text: &mut String) {
    let form = match form {
        Form::Counter => "counter",
        Form::Gauge => "gauge",
        Form::Histogram => "histogram",
    };
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    // Writing to a string cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {form}\n");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(text, "{name} {value}"),
        _ => writeln!(text, "{name}{{{labels}}} {value}"),
    };
}

/// The name with its unit and, for counters, with `_total`.
fn full_name(name: &str, form: Form, unit: Option<Unit>) -> String {
    let mut name = name.to_owned();
    let mut suffixes = Vec::new();
    if unit == Some(Unit::Seconds) {
        suffixes.push("_seconds");
    }
    if form == Form::Counter {
        suffixes.push("_total");
    }
    for suffix in suffixes {
        if !name.ends_with(suffix) {
            name.push_str(suffix);
        }
    }
    name
}

/// What stands between the braces, by the names of labels.
fn labels(key: &Key) -> String {
    let labels = key.labels();
    let labels: BTreeMap<String, &str> = labels
        .map(|label| (sanitized(label.key()), label.value()))
        .collect();
    let labels = labels.iter().map(|(key, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{key}=\"{}\"", value.replace('\n', "\\n"))
    });
    labels.collect::<Vec<_>>().join(",")
}

/// A name as Prometheus allows it.
fn sanitized(name: &str) -> String {
    let mut sane: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if sane.is_empty() || sane.starts_with(|c: char| c.is_ascii_digit()) {
        sane.insert(0, '_');
    }
    sane
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn a_page_is_sorted_complete_and_escaped() {
        let page = Page::default();
        with_local_recorder(&page, || {
            metrics::describe_histogram!("a.time", Unit::Seconds, "How long.\nReally.");
            histogram!("a.time", "b" => "x").record(0.03);
            histogram!("a.time", "b" => "x").record(20.0);
            let _silent = histogram!("a.time", "b" => "silent");
            gauge!("z").set(-1.5);
            counter!("b.things", "the.kind" => "a\"b\\c\nd").increment(3);
            gauge!("b.things").set(7.0);
        });
        let text = page.render();
        for expected in [
            "# HELP a_time_seconds How long.\\nReally.\n# TYPE a_time_seconds histogram\n",
            "a_time_seconds_bucket{b=\"x\",le=\"0.025\"} 0\na_time_seconds_bucket{b=\"x\",le=\"0.05\"} 1\n",
            "a_time_seconds_bucket{b=\"x\",le=\"10\"} 1\na_time_seconds_bucket{b=\"x\",le=\"+Inf\"} 2\n",
            "a_time_seconds_sum{b=\"x\"} 20.03\na_time_seconds_count{b=\"x\"} 2\n",
            "b_things_total{the_kind=\"a\\\"b\\\\c\\nd\"} 3\n",
            "\nz -1.5\n",
            "dovetail_series_dropped_total 1\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("silent"));
        assert_eq!(text, page.render());
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let page = Page::default();
        with_local_recorder(&page, || {
            for number in 0..=SERIES_MAX {
                counter!("many", "number" => number.to_string()).increment(1);
            }
        });
        let text = page.render();
        assert!(text.contains("dovetail_series_dropped_total 1\n"));
        assert_eq!(text.lines().count(), SERIES_MAX + 5);
    }
}
