//! Replaying at scripted providers on loopback.

pub(crate) mod build;
