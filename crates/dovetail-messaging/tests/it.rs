//! The envelope and the filters against the suites of the CloudEvents project: one binary, a module for each suite.

#[path = "it/cesql.rs"]
mod cesql;
#[path = "it/features.rs"]
mod features;
#[path = "it/json_format.rs"]
mod json_format;
#[path = "it/sample_events.rs"]
mod sample_events;
#[path = "it/shared.rs"]
mod shared;
