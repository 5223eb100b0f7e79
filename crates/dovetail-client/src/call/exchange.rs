//! From a call to its answer: the one way through policies and transport that every operation shares.
//!
//! Nothing here is generic over the operation, so that a generated crate does not compile it again for each.

use std::{pin::Pin, time::Duration};

use dovetail_resilience::{
    retry::Reason,
    stack::{Attempt, Called, Failure as StackFailure},
};
use http::{HeaderValue, header};
use tracing::Instrument;

use super::{Call, header_name};
use crate::{
    classify::{Classifier, retry_after},
    credentials::Proven,
    error::{
        Answer, AnswerParts, Error, Failure, FailureKind, InvalidRequest, Unexpected, is_passing,
    },
    headers::{CallHeaders, idempotency_key, telling},
    http::Resolved,
    operation::Operation,
    response::{DecodeResult, Refusal, Response},
    transport::{Request, TransportError, TransportErrorKind},
};

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Exchange {
    operation: &'static Operation,
    response: Response,
    retry_after: Option<Duration>,
    attempts: u32,
    retry_budget_exhausted: bool,
}

type Exchanging<'a> = Pin<Box<dyn Future<Output = Result<Exchange, Failure>> + Send + 'a>>;

impl<'a> Call<'a> {
    /// Sends the call under its policies. Boxed, so that the futures of generated methods stay small.
    pub(super) fn exchange(self) -> Exchanging<'a> {
        let operation = self.operation;
        let span = tracing::info_span!(
            "call",
            service = operation.service.name,
            operation = operation.id
        );
        Box::pin(self.run().instrument(span))
    }

    async fn run(mut self) -> Result<Exchange, Failure> {
        let (http, operation) = (self.http, self.operation);
        let fail = |kind| Failure::new(operation, kind);
        let resolved = http
            .policies(operation)
            .map_err(|error| fail(FailureKind::Policy(error)))?;
        let request = self.request().map_err(fail)?;
        let inner = http.inner();
        let headers = CallHeaders::new(
            resolved.policy.deadline,
            inner.deadline_header.clone(),
            &inner.chance,
        );
        let attempt = |attempt: Attempt| {
            let mut request = request.clone();
            headers.add(&attempt, &inner.chance, &mut request.headers);
            let span = span(operation, &attempt);
            inner
                .transport
                .send(request, inner.body_max)
                .instrument(span)
        };
        let classifier = Classifier {
            on: resolved.policy.retry.on,
            idempotency: operation.idempotency,
        };
        let wall = || inner.clock.wall();
        let may_repeat = operation.idempotency.may_repeat();
        let Resolved { stack, .. } = &*resolved;
        let called = stack
            .call(may_repeat, attempt, |number, ended| {
                classifier.judge(number, ended, wall)
            })
            .await;
        self.conclude(called)
    }

    /// Builds the request that every attempt repeats.
    fn request(&mut self) -> Result<Request, FailureKind> {
        if let Some(problem) = self.problem.take() {
            return Err(problem.into());
        }
        let (http, operation) = (self.http.inner(), self.operation);
        let mut proven = Proven {
            headers: &mut self.headers,
            query: &mut self.query,
            cookies: &mut self.cookies,
        };
        http.credentials.apply(operation, &mut proven)?;
        if !self.cookies.is_empty() {
            let mut value = HeaderValue::try_from(&self.cookies)
                .map_err(|_| InvalidRequest::Header("cookie".to_owned()))?;
            value.set_sensitive(true);
            self.headers.insert(header::COOKIE, value);
        }
        if let Some(name) = operation.idempotency.header() {
            let name = header_name(name)?;
            match self.headers.get(&name) {
                // Without a key the service would do the work of each attempt.
                Some(key) if key.as_bytes().trim_ascii().is_empty() => {
                    return Err(InvalidRequest::EmptyKey(name.as_str().to_owned()).into());
                }
                Some(_) => {}
                None => {
                    // A UUID is always a valid value.
                    let key = HeaderValue::try_from(idempotency_key(&http.clock, &http.chance));
                    self.headers.extend(key.ok().map(|key| (name, key)));
                }
            }
        }
        let url = http.base_url.join(&self.filled_path()?, &self.query)?;
        let (headers, body) = (
            std::mem::take(&mut self.headers),
            std::mem::take(&mut self.body),
        );
        Ok(Request {
            method: operation.method,
            url,
            headers,
            body,
        })
    }

    fn conclude(&self, called: Called<Response, TransportError>) -> Result<Exchange, Failure> {
        let operation = self.operation;
        let attempts = called.attempts;
        let retry_budget_exhausted = called.gave_up == Some(Reason::BudgetSpent);
        match called.result {
            Ok(response) => {
                let wall = || self.http.inner().clock.wall();
                let retry_after = retry_after(&response, wall);
                Ok(Exchange {
                    operation,
                    response,
                    retry_after,
                    attempts,
                    retry_budget_exhausted,
                })
            }
            Err(failure) => {
                Err(Failure::new(operation, kind_of(failure))
                    .after(attempts, retry_budget_exhausted))
            }
        }
    }
}

impl Exchange {
    pub(super) fn into_response(self) -> Response {
        self.response
    }

    /// Takes the answer apart by its status: a success, a declared refusal, or neither.
    pub(super) fn finish<T, E: Refusal>(
        self,
        read: impl FnOnce(&Response) -> DecodeResult<T>,
    ) -> Result<T, Error<E>> {
        let refusal = match read(&self.response) {
            Ok(Some(success)) => return Ok(success),
            Ok(None) => E::decode(&self.response),
            Err(error) => Err(error),
        };
        match refusal {
            Ok(Some(refusal)) => Err(Error::Refused {
                refusal,
                answer: self.into_answer(),
            }),
            Ok(None) => Err(Error::Failed(self.into_unexpected())),
            Err(source) => {
                let status = self.response.status();
                Err(Error::Failed(
                    self.into_failure(FailureKind::Decode { status, source }),
                ))
            }
        }
    }

    fn into_answer(self) -> Answer {
        let status = self.response.status();
        Answer(Box::new(AnswerParts {
            operation: self.operation.id,
            status,
            is_retryable: is_passing(status) && self.operation.idempotency.may_repeat(),
            headers: self.response.into_headers(),
            retry_after: self.retry_after,
            attempts: self.attempts,
            retry_budget_exhausted: self.retry_budget_exhausted,
        }))
    }

    fn into_unexpected(self) -> Failure {
        let unexpected = Unexpected {
            status: self.response.status(),
            headers: telling(self.response.headers()),
            excerpt: excerpt(self.response.body()),
            retry_after: self.retry_after,
        };
        self.into_failure(FailureKind::Unexpected(Box::new(unexpected)))
    }

    fn into_failure(self, kind: FailureKind) -> Failure {
        Failure::new(self.operation, kind).after(self.attempts, self.retry_budget_exhausted)
    }
}

fn kind_of(failure: StackFailure<TransportError>) -> FailureKind {
    match failure {
        StackFailure::DeadlineSpent => FailureKind::DeadlineSpent,
        StackFailure::DeadlineExceeded => FailureKind::DeadlineExceeded,
        StackFailure::AttemptTimeout => FailureKind::AttemptTimeout,
        StackFailure::BreakerOpen { retry_after } => FailureKind::BreakerOpen { retry_after },
        StackFailure::BulkheadFull => FailureKind::BulkheadFull,
        StackFailure::Call(TransportError { kind, source }) => match kind {
            TransportErrorKind::Connect => FailureKind::Connect(source),
            TransportErrorKind::NotProcessed => FailureKind::NotProcessed(source),
            TransportErrorKind::Interrupted => FailureKind::Interrupted(source),
            TransportErrorKind::BodyTooLarge { limit } => FailureKind::BodyTooLarge { limit },
        },
    }
}

/// The longest excerpt of a body in an error.
const EXCERPT_MAX: usize = 1_024;

fn excerpt(body: &[u8]) -> String {
    let head = body.get(..EXCERPT_MAX).unwrap_or(body);
    let mut text = String::from_utf8_lossy(head).into_owned();
    if head.len() < body.len() {
        text.push('…');
    }
    text
}

/// The span of one attempt. The first one has no count, as OpenTelemetry has it.
fn span(operation: &Operation, attempt: &Attempt) -> tracing::Span {
    let resends = attempt.number.checked_sub(1).filter(|count| *count > 0);
    let method = operation.method.as_str();
    tracing::debug_span!(
        "attempt",
        http.request.method = method,
        url.template = operation.path,
        http.request.resend_count = resends,
    )
}
