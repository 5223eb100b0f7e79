//! What came of a fault, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use crate::tally::Tally;

/// What came of one fault on one store.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// Its number in the list of faults.
    pub(crate) fault: &'static str,
    /// The store.
    pub(crate) store: &'static str,
    /// What happened, and how often.
    pub(crate) size: String,
    /// What became of the messages.
    pub(crate) tally: Tally,
    /// What else was promised and not kept.
    pub(crate) broken: Vec<String>,
    /// What does it wrong.
    pub(crate) control: Control,
    /// How long all of it took.
    pub(crate) seconds: f64,
}

/// What everybody writes first, under the same fault.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Control {
    /// What it is.
    pub(crate) what: &'static str,
    /// What became of its messages.
    pub(crate) tally: Tally,
    /// What it did wrong besides.
    pub(crate) broken: Vec<String>,
}

impl Control {
    pub(crate) fn new(what: &'static str, tally: Tally) -> Self {
        Self {
            what,
            tally,
            broken: Vec::new(),
        }
    }

    /// A fault that the control survives has no power.
    fn fails(&self) -> bool {
        !self.tally.is_clean() || !self.broken.is_empty()
    }
}

/// What a fault says, before it is known how long it took.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) size: String,
    pub(crate) tally: Tally,
    pub(crate) broken: Vec<String>,
    pub(crate) control: Control,
}

impl Said {
    /// What there is to say of a fault that could not be run to its end.
    pub(crate) fn failed(error: &anyhow::Error) -> Self {
        Self {
            size: "not run to its end".to_owned(),
            tally: Tally::default(),
            broken: vec![format!("{error:#}")],
            control: Control::new("not run", Tally::default()),
        }
    }

    pub(crate) fn lasting(
        self,
        fault: &'static str,
        store: &'static str,
        elapsed: Duration,
    ) -> Outcome {
        let Self {
            size,
            tally,
            broken,
            control,
        } = self;
        Outcome {
            fault,
            store,
            size,
            tally,
            broken,
            control,
            seconds: elapsed.as_secs_f64(),
        }
    }
}

impl Outcome {
    /// Whether everything was kept, under a fault that has power.
    pub(crate) fn holds(&self) -> bool {
        self.tally.is_clean() && self.broken.is_empty() && self.control.fails()
    }

    /// One line, and one more for each promise that was not kept.
    pub(crate) fn line(&self) -> String {
        let Self {
            fault,
            store,
            size,
            tally,
            control,
            seconds,
            ..
        } = self;
        let verdict = if self.holds() { "ok    " } else { "FAILED" };
        let mut line = format!(
            "{verdict} {fault:3} {store:8} {size}\n           lost / doubled / out of order = {tally}; control ({}): {}",
            control.what, control.tally
        );
        if let Some(broken) = control.broken.first() {
            line.push_str(&format!(", {broken}"));
        }
        line.push_str(&format!("; {seconds:.1} s"));
        for broken in &self.broken {
            line.push_str(&format!("\n           broken: {broken}"));
        }
        if !control.fails() {
            line.push_str("\n           broken: the control does not fail, so this proves nothing");
        }
        line
    }
}
