//! How messages fare, as numbers: counters, gauges and histograms that a service shows to Prometheus or hands to any other collector.
//!
//! They go through the facade of the crate `metrics`, so they reach whatever recorder the program has installed, and cost next to nothing
//! where there is none. [`Page`] is such a recorder, whose text Prometheus reads; another one has to call counters `…_total` and times
//! `…_seconds` itself where generated alert rules are to find them. [`ALL`] lists all of them.
//!
//! Names are those of OpenTelemetry's conventions for messaging where it has some, and begin with `dovetail.` otherwise. Labels are few: the
//! consumer, the kind of message, a reason; never an identity, a key or the text of an error. `kind` and `consumer` are those of the routes,
//! not what a stranger sends.
//!
//! A consumer and a relay look up their series once, when they begin, so the recorder has to be installed by then. What only the database
//! knows, such as how many dead letters there are, an [`Observer`] reads from time to time.

mod consumer;
mod handle;
mod observer;
#[cfg(feature = "metrics")]
mod page;
mod relay;
mod replay;
mod run;
mod table;

#[cfg(feature = "metrics")]
pub use self::page::Page;
pub(crate) use self::{
    consumer::{ConsumerMetrics, Origin, Watch},
    relay::RelayMetrics,
    run::RunMetrics,
};
pub use self::{
    observer::{LagObserver, Observer},
    table::{ALL, Form, Metric},
};
