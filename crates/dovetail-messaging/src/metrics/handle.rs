//! Series of the installed recorder. Without the feature `metrics` they are nothing, so that whoever counts need not ask.

use super::table::Metric;

/// Something that only ever grows.
#[derive(Debug, Clone)]
pub(crate) struct Counter(#[cfg(feature = "metrics")] metrics::Counter);

/// Something that goes up and down.
#[derive(Debug, Clone)]
pub(crate) struct Gauge(#[cfg(feature = "metrics")] metrics::Gauge);

/// How times are distributed.
#[derive(Debug, Clone)]
pub(crate) struct Histogram(#[cfg(feature = "metrics")] metrics::Histogram);

/// Keys and values; a value that is empty is no label.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

#[cfg(feature = "metrics")]
mod live {
    use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};

    use super::{Counter, Gauge, Histogram, Labels, Metric};

    static METADATA: Metadata<'static> = Metadata::new("dovetail", Level::INFO, None);

    fn key(metric: &Metric, labels: Labels<'_>) -> Key {
        let labels = labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(key, value)| Label::new(*key, (*value).to_owned()));
        Key::from_parts(metric.name, labels.collect::<Vec<_>>())
    }

    fn unit(metric: &Metric) -> Option<Unit> {
        metric.is_time.then_some(Unit::Seconds)
    }

    fn with<T>(metric: &Metric, register: impl FnOnce(&dyn Recorder, KeyName) -> T) -> T {
        metrics::with_recorder(|recorder| register(recorder, KeyName::from(metric.name)))
    }

    impl Counter {
        pub(in super::super) fn new(metric: &Metric, labels: Labels<'_>) -> Self {
            with(metric, |recorder, name| {
                recorder.describe_counter(name, unit(metric), metric.help.into());
                Self(recorder.register_counter(&key(metric, labels), &METADATA))
            })
        }

        pub(crate) fn add(&self, count: u64) {
            self.0.increment(count);
        }
    }

    impl Gauge {
        pub(in super::super) fn new(metric: &Metric, labels: Labels<'_>) -> Self {
            with(metric, |recorder, name| {
                recorder.describe_gauge(name, unit(metric), metric.help.into());
                Self(recorder.register_gauge(&key(metric, labels), &METADATA))
            })
        }

        pub(crate) fn set(&self, value: f64) {
            self.0.set(value);
        }
    }

    impl Histogram {
        pub(in super::super) fn new(metric: &Metric, labels: Labels<'_>) -> Self {
            with(metric, |recorder, name| {
                recorder.describe_histogram(name, unit(metric), metric.help.into());
                Self(recorder.register_histogram(&key(metric, labels), &METADATA))
            })
        }

        pub(crate) fn record(&self, time: std::time::Duration) {
            self.0.record(time.as_secs_f64());
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod mute {
    use super::{Counter, Gauge, Histogram, Labels, Metric};

    impl Counter {
        pub(in super::super) const fn new(_: &Metric, _: Labels<'_>) -> Self {
            Self()
        }

        pub(crate) const fn add(&self, _: u64) {}
    }

    impl Gauge {
        pub(in super::super) const fn new(_: &Metric, _: Labels<'_>) -> Self {
            Self()
        }

        pub(crate) const fn set(&self, _: f64) {}
    }

    impl Histogram {
        pub(in super::super) const fn new(_: &Metric, _: Labels<'_>) -> Self {
            Self()
        }

        pub(crate) const fn record(&self, _: std::time::Duration) {}
    }
}

/// One series for each of a few values of a label.
#[derive(Debug)]
pub(super) struct Each<K, H>(Vec<(K, H)>);

impl<K: Copy + PartialEq, H> Each<K, H> {
    pub(super) fn new(all: &[K], make: impl Fn(K) -> H) -> Self {
        Self(all.iter().map(|one| (*one, make(*one))).collect())
    }

    /// The series of a value. There are so few that looking through them is quicker than any map.
    pub(super) fn of(&self, key: K) -> Option<&H> {
        let found = self.0.iter().find(|(one, _)| *one == key);
        found.map(|(_, handle)| handle)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, H)> {
        self.0.iter()
    }
}
