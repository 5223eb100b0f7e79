//! The ways to send a call, by what its success holds.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::Call;
use crate::{
    error::{DecodeError, Error, Failure},
    response::{DecodeResult, Refusal, Response, Success},
    stream::{ByteStream, EventStream, LineStream, Origin},
};

/// Each asks for its usual media type, unless [`Call::accept`] named another.
impl Call<'_> {
    /// Sends the call, for a success that is JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the contract declares the refusal, [`Error::Failed`] for all else.
    pub async fn send_json<T: DeserializeOwned, E: Refusal>(self) -> Result<T, Error<E>> {
        let exchange = self.accept_by_default(JSON).exchange().await?;
        exchange.finish(|response| on_success(response, Response::json))
    }

    /// Sends the call, for a success that is text.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_text<E: Refusal>(self) -> Result<String, Error<E>> {
        let exchange = self.accept_by_default(TEXT).exchange().await?;
        exchange.finish(|response| on_success(response, Response::text))
    }

    /// Sends the call, for a success that is bytes.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_bytes<E: Refusal>(self) -> Result<Bytes, Error<E>> {
        let exchange = self.accept_by_default(ANY).exchange().await?;
        exchange.finish(|response| on_success(response, |response| Ok(response.body().clone())))
    }

    /// Sends the call, for a success that says nothing more.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_empty<E: Refusal>(self) -> Result<(), Error<E>> {
        let exchange = self.accept_by_default(ANY).exchange().await?;
        exchange.finish(|response| on_success(response, |_| Ok(())))
    }

    /// Sends the call, for one of several successes, chosen by status.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send<T: Success, E: Refusal>(self) -> Result<T, Error<E>> {
        let exchange = self.accept_by_default(JSON_OR_ANY).exchange().await?;
        exchange.finish(T::decode)
    }

    /// Sends the call and hands out the answer as it is, whatever its status.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where there is no answer.
    pub async fn send_raw(self) -> Result<Response, Failure> {
        Ok(self
            .accept_by_default(ANY)
            .exchange()
            .await?
            .into_response())
    }

    /// Sends the call, for a success that is handed out from its head on, while its body is still coming.
    ///
    /// Retries, breaker and deadline apply until the head is there, and then no more: what follows may last for as long
    /// as it does not pause for longer than the client allows. The next service is told no deadline.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_stream<E: Refusal>(self) -> Result<ByteStream, Error<E>> {
        let http = self.http;
        let exchange = self.accept_by_default(ANY).open().await?;
        exchange.finish_stream(http)
    }

    /// Sends the call, for a success that is a stream of server-sent events with JSON as their data.
    ///
    /// Data of exactly `[DONE]` ends the stream, as is the custom of services that stream JSON.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_events<T: DeserializeOwned, E: Refusal>(
        self,
    ) -> Result<EventStream<T>, Error<E>> {
        let (stream, event_max, origin) = self.open_events().await?;
        Ok(EventStream::json(stream, event_max, origin)?)
    }

    /// Sends the call, for a success that is a stream of server-sent events with text as their data.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_text_events<E: Refusal>(self) -> Result<EventStream<String>, Error<E>> {
        let (stream, event_max, origin) = self.open_events().await?;
        Ok(EventStream::text(stream, event_max, origin)?)
    }

    async fn open_events<E: Refusal>(
        self,
    ) -> Result<(ByteStream, usize, Option<Origin>), Error<E>> {
        let http = self.http;
        let call = self.accept_by_default(EVENTS);
        let origin = Origin::of(http, &call.draft);
        let stream = call.open().await?.finish_stream(http)?;
        Ok((stream, http.inner().body_max, origin))
    }

    /// Sends the call, for a success that is one JSON document per line, or a JSON text sequence.
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`].
    pub async fn send_lines<T: DeserializeOwned, E: Refusal>(
        self,
    ) -> Result<LineStream<T>, Error<E>> {
        let http = self.http;
        let exchange = self.accept_by_default(LINES).open().await?;
        let stream = exchange.finish_stream(http)?;
        Ok(LineStream::new(stream, http.inner().body_max))
    }
}

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain, */*;q=0.5";
pub(super) const ANY: &str = "*/*";
pub(super) const JSON_OR_ANY: &str = "application/json, */*;q=0.5";
const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson, application/jsonl, application/json-seq, */*;q=0.5";

pub(super) fn on_success<T>(
    response: &Response,
    read: impl FnOnce(&Response) -> Result<T, DecodeError>,
) -> DecodeResult<T> {
    if response.is_success() {
        read(response).map(Some)
    } else {
        Ok(None)
    }
}
