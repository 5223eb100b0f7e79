//! What one attempt came to, in the only words that policies understand.
//!
//! The caller translates its protocol into these words once, so that the policies need to know no protocol.

use std::time::Duration;

/// What one attempt says about its target, and whether another may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What the breaker records.
    pub sample: Sample,
    /// When the call may be sent again.
    pub repeat: Repeat,
    /// The target asked for less traffic, so the backoff starts from the longer base.
    pub throttled: bool,
    /// How long the target asked us to wait.
    pub retry_after: Option<Duration>,
}

/// What an attempt says about the health of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// The target did its work, even where its answer was a refusal.
    Success,
    /// The target, or the way to it, is broken.
    Failure,
    /// It says nothing about the target: we gave up, or were told to slow down.
    Ignored,
}

/// When a call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Never: the answer would be the same.
    Never,
    /// Only if doing the work twice is as good as doing it once.
    IfIdempotent,
    /// Whatever the operation, because the target has seen nothing of it.
    Always,
    /// As [`Repeat::Always`]; the first time it is even free of the budget and of backoff, because the target itself
    /// said that it did not begin.
    Free,
}

impl Outcome {
    /// The target answered.
    pub const SUCCESS: Self = Self::new(Sample::Success, Repeat::Never);
    /// Nothing is learnt, and nothing is to be repeated.
    pub const IGNORED: Self = Self::new(Sample::Ignored, Repeat::Never);

    /// An outcome without throttling.
    #[must_use]
    pub const fn new(sample: Sample, repeat: Repeat) -> Self {
        Self {
            sample,
            repeat,
            throttled: false,
            retry_after: None,
        }
    }

    /// The same, from a target that asks for less traffic.
    #[must_use]
    pub const fn throttled(self, retry_after: Option<Duration>) -> Self {
        Self {
            throttled: true,
            retry_after,
            ..self
        }
    }
}
