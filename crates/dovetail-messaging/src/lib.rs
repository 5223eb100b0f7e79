//! What producers and consumers of events stand on: the envelope that events travel in, and the language to select them by.
//!
//! - [`cloudevents`] is the CloudEvents 1.0 envelope: reading, checking and writing it in every mode, over any carrier of headers.
//! - [`cesql`] is CloudEvents SQL 1.0: a filter is parsed once, and then answers for any number of events.
//!
//! The crate knows nothing of contracts, brokers or HTTP. All that it reads is taken to be hostile: every size has a limit, no
//! input makes it recurse without one, and the work is linear in what is read.

pub mod cesql;
pub mod cloudevents;
