//! One interaction: states up, request, comparison, states down.

use std::sync::atomic::Ordering;

use dovetail_contract::expect::Given;
use dovetail_contract::finding::Code;
use dovetail_contract::placeholder::Values;
use dovetail_contract::source::Span;
use tokio::time::Instant;

use super::Run;
use crate::answer::{Deviation, Examined};
use crate::codes;
use crate::exchange::{Answer, SendError};
use crate::matching::Matching;
use crate::plan::Planned;
use crate::redact::Redactor;
use crate::report::{Exchange, Outcome, Place, Problem, ProblemKind, Verdict};
use crate::request::{self, Prepared};
use crate::states::{Action, StateError, States};

/// Connections that may fail in a row before the rest is not tried.
const UNREACHABLE_MAX: usize = 3;

/// Replays one interaction. Every way leads to an outcome.
pub(super) async fn replay(run: &Run<'_>, planned: &Planned<'_>) -> Outcome {
    let began = Instant::now();
    let mut record = Record {
        run,
        redactor: run.redactor.clone(),
        problems: Vec::new(),
        exchange: None,
    };
    if let Some(reason) = not_tried(run) {
        let span = planned.interaction.name.span;
        record.infrastructure(&codes::UNREACHABLE, "request", "an answer", &reason, span);
    } else {
        record.replay(planned).await;
    }
    record.into_outcome(planned, began)
}

/// Why an interaction is not even tried, if so.
fn not_tried(run: &Run<'_>) -> Option<String> {
    if let Some(reason) = &run.unresolved {
        return Some(format!("the target has no address: {reason}"));
    }
    if Instant::now() >= run.ends {
        return Some("not tried: the time for the whole run was up".to_owned());
    }
    (run.unreachable.load(Ordering::Relaxed) >= UNREACHABLE_MAX)
        .then(|| "not tried: the provider accepted no connection before".to_owned())
}

/// What is found out about one interaction.
struct Record<'a> {
    run: &'a Run<'a>,
    /// Knows the secrets of this interaction besides those of the run.
    redactor: Redactor,
    problems: Vec<Problem>,
    exchange: Option<Exchange>,
}

impl Record<'_> {
    async fn replay(&mut self, planned: &Planned<'_>) {
        let run = self.run;
        let states = States {
            client: &run.client,
            url: run.states_url.as_ref(),
        };
        let mut values = Values::new();
        let mut begun: Vec<&Given> = Vec::new();
        let mut ready = true;
        self.hide_secrets(planned);
        for given in &planned.interaction.given {
            match states.set_up(given, self.limit()).await {
                Ok(returned) => {
                    self.note_reached();
                    begun.push(given);
                    for (name, value) in &returned {
                        self.redactor.hide_secrets(name, value);
                    }
                    values.extend(returned);
                }
                Err(error) => {
                    self.state_problem(given, Action::Setup, &error);
                    // It may be half there, unless the provider never heard of it.
                    if error.may_have_begun() {
                        begun.push(given);
                    }
                    ready = false;
                    break;
                }
            }
        }
        if ready {
            self.exchange(planned, &values).await;
        }
        // Whatever happened in between; the time for this is its own.
        for given in begun.into_iter().rev() {
            let deadline = Instant::now() + run.options.timeout;
            if let Err(error) = states.tear_down(given, deadline).await {
                self.state_problem(given, Action::Teardown, &error);
            }
        }
    }

    /// What is sent under the name of a secret is not shown wherever it comes back.
    fn hide_secrets(&mut self, planned: &Planned<'_>) {
        let request = &planned.interaction.request;
        let groups = [
            &request.path,
            &request.query,
            &request.headers,
            &request.cookies,
        ];
        for (name, argument) in groups.into_iter().flatten() {
            self.redactor.hide_secrets(name, &argument.value.value);
        }
        if let Some(body) = &request.body {
            self.redactor.hide_secrets("", &body.value);
        }
        for (name, value) in planned
            .interaction
            .given
            .iter()
            .flat_map(|given| &given.with)
        {
            self.redactor.hide_secrets(name, value);
        }
    }

    async fn exchange(&mut self, planned: &Planned<'_>, values: &Values) {
        let run = self.run;
        let interaction = planned.interaction;
        let Some(operation) = planned.operation else {
            let actual = format!("no operation `{}`", interaction.operation.value);
            let expected = "an operation of the provider";
            let span = interaction.operation.span;
            return self.contract(&codes::UNSENDABLE_REQUEST, "call", expected, &actual, span);
        };
        let request = match request::prepare(run.target, operation, interaction, values) {
            Ok(request) => request,
            Err(refused) => {
                let expected = "a request that can be sent";
                return self.contract(
                    &codes::UNSENDABLE_REQUEST,
                    "request",
                    expected,
                    &refused.reason,
                    refused.span,
                );
            }
        };
        let sent = run.client.send(&request, self.limit()).await;
        self.exchange = Some(Exchange::new(
            &self.redactor,
            &request,
            &run.options.headers,
            sent.as_ref().ok(),
        ));
        match sent {
            Ok(answer) => {
                self.note_reached();
                self.compare(planned, operation, &answer, values);
            }
            Err(error) => self.unanswered(&error, &request, interaction.name.span),
        }
    }

    fn compare(
        &mut self,
        planned: &Planned<'_>,
        operation: &dovetail_contract::contract::Operation,
        answer: &Answer,
        values: &Values,
    ) {
        let run = self.run;
        let matching = Matching {
            values,
            redactor: &self.redactor,
        };
        let examined = Examined::new(answer, matching);
        let mut deviations = examined.against_expectation(&planned.interaction.response);
        if let Some(conformances) = run.plan.conformances.get(planned.provider()) {
            deviations.extend(examined.against_promise(operation, conformances));
        }
        for deviation in deviations {
            self.deviation(deviation);
        }
    }

    fn deviation(&mut self, deviation: Deviation) {
        let kind = if deviation.of_promise {
            ProblemKind::Promise
        } else {
            ProblemKind::Expectation
        };
        self.problems.push(Problem {
            kind,
            code: deviation.code.id.to_owned(),
            at: deviation.at,
            expected: deviation.expected,
            actual: deviation.actual,
            place: self.place(deviation.span),
        });
    }

    fn unanswered(&mut self, error: &SendError, request: &Prepared, span: Span) {
        let (code, actual) = self.describe(error);
        if matches!(error, SendError::TooLarge(_)) {
            // The provider is there and answers; what it answers is wrong.
            let expected = format!("a body of at most {} bytes", self.run.options.body_max);
            let problem =
                self.problem(ProblemKind::Promise, code, "body", &expected, &actual, span);
            self.problems.push(problem);
        } else {
            let at = format!("{} request", request.method);
            self.infrastructure(code, &at, "an answer", &actual, span);
        }
    }

    fn state_problem(&mut self, given: &Given, action: Action, error: &StateError) {
        let state = &given.state.value;
        let (expected, actual) = match error {
            StateError::NoEndpoint => (
                "an endpoint that takes states".to_owned(),
                "the provider declares no path for states, and no address for them was given"
                    .to_owned(),
            ),
            StateError::Unanswered(error) => ("an answer".to_owned(), self.describe(error).1),
            StateError::Status(status) => (
                "a status of 200 to 299".to_owned(),
                format!("status {status}"),
            ),
            StateError::NotAnObject(reason) => {
                ("a JSON object of values".to_owned(), reason.clone())
            }
            StateError::Lacks(name) => (
                format!("the value `{name}`"),
                "an answer without it".to_owned(),
            ),
        };
        let code = match action {
            Action::Setup => &codes::STATE_SET_UP,
            Action::Teardown => &codes::STATE_TEARDOWN,
        };
        let at = format!("{} of state `{state}`", action.as_str());
        self.infrastructure(code, &at, &expected, &actual, given.state.span);
    }

    /// Name and description of a failure to get an answer; counts connections that were not made.
    fn describe(&self, error: &SendError) -> (&'static Code, String) {
        match error {
            SendError::Unreachable(reason) => {
                self.run.unreachable.fetch_add(1, Ordering::Relaxed);
                (
                    &codes::UNREACHABLE,
                    format!("no connection to {}: {reason}", self.run.target),
                )
            }
            SendError::Timeout => {
                let millis = self.run.options.timeout.as_millis();
                (&codes::TIMEOUT, format!("nothing within {millis} ms"))
            }
            SendError::Broken(reason) => (&codes::BROKEN_CONNECTION, reason.clone()),
            SendError::TooLarge(limit) => (&codes::TOO_LARGE, format!("more than {limit} bytes")),
        }
    }

    fn note_reached(&self) {
        self.run.unreachable.store(0, Ordering::Relaxed);
    }

    /// Until when one request may take.
    fn limit(&self) -> Instant {
        (Instant::now() + self.run.options.timeout).min(self.run.ends)
    }

    fn infrastructure(
        &mut self,
        code: &'static Code,
        at: &str,
        expected: &str,
        actual: &str,
        span: Span,
    ) {
        let problem = self.problem(
            ProblemKind::Infrastructure,
            code,
            at,
            expected,
            actual,
            span,
        );
        self.problems.push(problem);
    }

    fn contract(
        &mut self,
        code: &'static Code,
        at: &str,
        expected: &str,
        actual: &str,
        span: Span,
    ) {
        let problem = self.problem(ProblemKind::Contract, code, at, expected, actual, span);
        self.problems.push(problem);
    }

    fn problem(
        &self,
        kind: ProblemKind,
        code: &'static Code,
        at: &str,
        expected: &str,
        actual: &str,
        span: Span,
    ) -> Problem {
        Problem {
            kind,
            code: code.id.to_owned(),
            at: at.to_owned(),
            expected: expected.to_owned(),
            actual: self.redactor.text(actual),
            place: self.place(span),
        }
    }

    fn place(&self, span: Span) -> Place {
        Place::new(self.run.plan.sources, span)
    }

    fn into_outcome(self, planned: &Planned<'_>, began: Instant) -> Outcome {
        let interaction = planned.interaction;
        let place = self.place(interaction.name.span);
        Outcome {
            consumer: planned.expectation.consumer.value.clone(),
            provider: planned.provider().to_owned(),
            name: interaction.name.value.clone(),
            operation: interaction.operation.value.clone(),
            place,
            verdict: Verdict::of(&self.problems),
            problems: self.problems,
            exchange: self.exchange,
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
