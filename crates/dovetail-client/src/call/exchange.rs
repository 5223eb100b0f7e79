//! From a call to its answer: the one way through policies and transport that every operation shares.
//!
//! Nothing here is generic over the operation, so that a generated crate does not compile it again for each.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dovetail_resilience::{
    CallContext, Elapsed, Outcome, Repeat,
    retry::Reason,
    stack::{Attempt, Called, Ended, Failure as StackFailure},
};
use futures_core::Stream;
use tracing::Instrument;

use super::{Call, Draft};
use crate::{
    classify::{Classifier, retry_after},
    credentials::Tokens,
    error::{Answer, AnswerParts, Error, Failure, FailureKind, Unexpected, is_passing},
    headers::{CallHeaders, telling},
    http::{Http, Inner, Resolved},
    operation::Operation,
    response::{DecodeResult, Refusal, Response, Undeclared},
    stream::ByteStream,
    transport::{Opened, Request, Transport, TransportError},
};

/// An answer, whatever its status: read whole, or [`Opened`].
#[derive(Debug)]
pub(super) struct Exchange<A = Response> {
    operation: &'static Operation,
    answer: A,
    retry_after: Option<Duration>,
    attempts: u32,
    retry_budget_exhausted: bool,
}

type Exchanging<'a, A> = Pin<Box<dyn Future<Output = Result<Exchange<A>, Failure>> + Send + 'a>>;

impl<'a> Call<'a> {
    /// Sends the call under its policies and reads the answer.
    pub(super) fn exchange(self) -> Exchanging<'a, Response> {
        run(self.http, self.draft)
    }

    /// Sends the call under its policies, up to the head of a success; what refuses is read whole.
    pub(super) fn open(self) -> Exchanging<'a, Opened> {
        run(self.http, self.draft)
    }
}

/// Sends a safe request once more and hands out the success, where nobody knows its refusals any more.
pub(crate) async fn reopen(http: &Http, draft: Draft) -> Result<ByteStream, Failure> {
    let exchange: Exchange<Opened> = run(http, draft).await?;
    exchange
        .finish_stream::<Undeclared>(http)
        .map_err(|error| match error {
            Error::Refused { refusal, .. } => match refusal {},
            Error::Failed(failure) => failure,
        })
}

/// Boxed, so that the futures of generated methods stay small.
fn run<A: Answers>(http: &Http, draft: Draft) -> Exchanging<'_, A> {
    let operation = draft.operation;
    let span = tracing::info_span!(
        "call",
        service = operation.service.name,
        operation = operation.id
    );
    Box::pin(call(http, draft).instrument(span))
}

async fn call<A: Answers>(http: &Http, mut draft: Draft) -> Result<Exchange<A>, Failure> {
    let (operation, inner) = (draft.operation, http.inner());
    let fail = |kind| Failure::new(operation, kind);
    let resolved = http
        .policies(operation)
        .map_err(|error| fail(FailureKind::Policy(error)))?;
    draft.complete(inner).map_err(fail)?;
    if inner.credentials.need_tokens(operation) {
        // Boxed, because few calls take this way, and all would be as large.
        return Box::pin(call_with_tokens(inner, &resolved, draft)).await;
    }
    let request = draft.sign(inner, &Tokens::default()).map_err(fail)?;
    let called = attempt(inner, operation, &resolved, &request).await;
    conclude(inner, operation, called)
}

/// Makes a call that needs tokens, and once more with new ones where those from before were refused. All of it together
/// has the time of one call.
async fn call_with_tokens<A: Answers>(
    http: &Inner,
    resolved: &Resolved,
    draft: Draft,
) -> Result<Exchange<A>, Failure> {
    let operation = draft.operation;
    let deadline = resolved.stack.deadline();
    let context = CallContext {
        deadline: Some(deadline),
        ..CallContext::current()
    };
    let tokens = async || {
        let transport = &*http.transport;
        let tokens = http.credentials.tokens(operation, transport, http.clock);
        match http.clock.until(deadline.instant(), tokens).await {
            Ok(tokens) => tokens.map_err(FailureKind::Token),
            Err(Elapsed) => Err(FailureKind::DeadlineExceeded),
        }
    };
    let calling = async {
        let fail = |kind| Failure::new(operation, kind);
        let known = tokens().await.map_err(fail)?;
        let request = draft.clone().sign(http, &known).map_err(fail)?;
        let called: Called<A, _> = attempt(http, operation, resolved, &request).await;
        let is_unauthorised =
            matches!(&called.result, Ok(answer) if answer.head().status() == UNAUTHORISED);
        if !is_unauthorised || known.are_new() || draft.body.is_spent() {
            return conclude(http, operation, called);
        }
        http.credentials.forget(&known);
        let fail = |kind| Failure::new(operation, kind).after(called.attempts, false);
        let request = draft
            .sign(http, &tokens().await.map_err(fail)?)
            .map_err(fail)?;
        let mut again = attempt(http, operation, resolved, &request).await;
        again.attempts += called.attempts;
        conclude(http, operation, again)
    };
    context.scope(calling).await
}

/// The status of a call that was not worked on, because who made it is not known.
const UNAUTHORISED: u16 = 401;

/// Sends one request as often as the policies allow.
async fn attempt<A: Answers>(
    http: &Inner,
    operation: &'static Operation,
    resolved: &Resolved,
    request: &Request,
) -> Called<A, TransportError> {
    // Whoever reads a stream waits for as long as something comes, so there is no deadline to tell.
    let deadline_header = http.deadline_header.clone().filter(|_| A::IS_WHOLE);
    let headers = CallHeaders::new(resolved.policy.deadline, deadline_header, &http.chance);
    let attempt = |attempt: Attempt| {
        let mut request = request.clone();
        headers.add(&attempt, &http.chance, &mut request.headers);
        let span = span(operation, &attempt);
        A::ask(&*http.transport, request, http.body_max).instrument(span)
    };
    let classifier = Classifier {
        on: resolved.policy.retry.on,
        idempotency: operation.idempotency,
    };
    let judge = |number, ended: Ended<'_, A, TransportError>| {
        let ended = match ended {
            Ended::Answered(answer) => Ended::Answered(answer.head()),
            Ended::Failed(error) => Ended::Failed(error),
            Ended::TimedOut => Ended::TimedOut,
        };
        let outcome = classifier.judge(number, ended, || http.clock.wall());
        if request.body.is_spent() {
            let repeat = Repeat::Never;
            return Outcome { repeat, ..outcome };
        }
        outcome
    };
    let may_repeat = operation.idempotency.may_repeat();
    resolved.stack.call(may_repeat, attempt, judge).await
}

fn conclude<A: Answers>(
    http: &Inner,
    operation: &'static Operation,
    called: Called<A, TransportError>,
) -> Result<Exchange<A>, Failure> {
    let attempts = called.attempts;
    let retry_budget_exhausted = called.gave_up == Some(Reason::BudgetSpent);
    match called.result {
        Ok(answer) => {
            let retry_after = retry_after(answer.head(), || http.clock.wall());
            Ok(Exchange {
                operation,
                answer,
                retry_after,
                attempts,
                retry_budget_exhausted,
            })
        }
        Err(failure) => {
            Err(Failure::new(operation, kind_of(failure)).after(attempts, retry_budget_exhausted))
        }
    }
}

/// What a call asks for: an answer read whole, or one that is still coming.
trait Answers: Sized + Send + 'static {
    const IS_WHOLE: bool;

    fn ask(transport: &dyn Transport, request: Request, body_max: usize) -> Asking<'_, Self>;

    fn head(&self) -> &Response;
}

type Asking<'a, A> = Pin<Box<dyn Future<Output = Result<A, TransportError>> + Send + 'a>>;

impl Answers for Response {
    const IS_WHOLE: bool = true;

    fn ask(transport: &dyn Transport, request: Request, body_max: usize) -> Asking<'_, Self> {
        transport.send(request, body_max)
    }

    fn head(&self) -> &Response {
        self
    }
}

impl Answers for Opened {
    const IS_WHOLE: bool = false;

    fn ask(transport: &dyn Transport, request: Request, body_max: usize) -> Asking<'_, Self> {
        Box::pin(async move {
            let opened = transport.open(request).await?;
            if opened.head.is_success() {
                return Ok(opened);
            }
            let head = opened.whole(body_max).await?;
            let chunks = Box::pin(Nothing);
            Ok(Self { head, chunks })
        })
    }

    fn head(&self) -> &Response {
        &self.head
    }
}

/// What follows an answer that was read whole.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

impl Exchange<Opened> {
    /// Takes the answer apart by its status: a success that streams, a declared refusal, or neither.
    pub(super) fn finish_stream<E: Refusal>(self, http: &Http) -> Result<ByteStream, Error<E>> {
        let Opened { head, chunks } = self.answer;
        if head.is_success() {
            return Ok(ByteStream::new(
                http,
                self.operation,
                self.attempts,
                head,
                chunks,
            ));
        }
        let exchange = Exchange {
            operation: self.operation,
            answer: head,
            retry_after: self.retry_after,
            attempts: self.attempts,
            retry_budget_exhausted: self.retry_budget_exhausted,
        };
        exchange.finish(|_| Ok(None))
    }
}

impl Exchange {
    pub(super) fn into_response(self) -> Response {
        self.answer
    }

    /// Takes the answer apart by its status: a success, a declared refusal, or neither.
    pub(super) fn finish<T, E: Refusal>(
        self,
        read: impl FnOnce(&Response) -> DecodeResult<T>,
    ) -> Result<T, Error<E>> {
        let refusal = match read(&self.answer) {
            Ok(Some(success)) => return Ok(success),
            Ok(None) => E::decode(&self.answer),
            Err(error) => Err(error),
        };
        match refusal {
            Ok(Some(refusal)) => Err(Error::Refused {
                refusal,
                answer: self.into_answer(),
            }),
            Ok(None) => Err(Error::Failed(self.into_unexpected())),
            Err(source) => {
                let status = self.answer.status();
                Err(Error::Failed(
                    self.into_failure(FailureKind::Decode { status, source }),
                ))
            }
        }
    }

    fn into_answer(self) -> Answer {
        let status = self.answer.status();
        Answer(Box::new(AnswerParts {
            operation: self.operation.id,
            status,
            is_retryable: is_passing(status) && self.operation.idempotency.may_repeat(),
            headers: self.answer.into_headers(),
            retry_after: self.retry_after,
            attempts: self.attempts,
            retry_budget_exhausted: self.retry_budget_exhausted,
        }))
    }

    fn into_unexpected(self) -> Failure {
        let unexpected = Unexpected {
            status: self.answer.status(),
            headers: telling(self.answer.headers()),
            excerpt: excerpt(self.answer.body()),
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
        StackFailure::Call(error) => error.into(),
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
