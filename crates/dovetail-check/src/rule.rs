//! What a rule is.

use dovetail_contract::finding::{Code, Finding};

use crate::context::Context;

/// One thing that contracts must keep.
#[derive(Debug)]
pub struct Rule {
    /// Its name, how much it matters, and its page.
    pub code: &'static Code,
    /// What it is about.
    pub category: Category,
    /// Adds a finding for each place that breaks it.
    pub(crate) check: fn(&Context<'_>, &mut Vec<Finding>),
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// What a consumer relies on is what the provider promises.
    Agreement,
    /// What is declared is proved, and what is proved is declared.
    Coverage,
    /// Calls behave well under failure.
    Policy,
}
