//! A call that hands out headers beside the body, whichever way it is sent.

use std::{fmt, marker::PhantomData};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{
    Call,
    send::{ANY, JSON, JSON_OR_ANY, TEXT, on_success},
};
use crate::{
    answered::{Answered, FromHeaders, Headers},
    error::Error,
    response::{Refusal, Response, Success},
    stream::{ByteStream, EventStream, LineStream},
};

/// A call whose success comes with its headers; see [`Call::with_headers`].
#[must_use = "a call is made once it is sent"]
pub struct WithHeaders<'a, H> {
    call: Call<'a>,
    headers: PhantomData<fn() -> H>,
}

impl<'a> Call<'a> {
    /// Hands out the headers of a success beside its body. Whatever way it is sent from here on, the result is
    /// [`Answered`].
    pub fn with_headers<H: FromHeaders>(self) -> WithHeaders<'a, H> {
        WithHeaders {
            call: self,
            headers: PhantomData,
        }
    }
}

impl<H: FromHeaders> WithHeaders<'_, H> {
    /// As [`Call::send_json`].
    ///
    /// # Errors
    ///
    /// As [`Call::send_json`]; a header that is not what the contract says is as a body that is not.
    pub async fn send_json<T: DeserializeOwned, E: Refusal>(
        self,
    ) -> Result<Answered<T, H>, Error<E>> {
        let exchange = self.call.accept_by_default(JSON).exchange().await?;
        exchange.finish(|response| {
            Answered::read(response, |response| on_success(response, Response::json))
        })
    }

    /// As [`Call::send_text`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_text<E: Refusal>(self) -> Result<Answered<String, H>, Error<E>> {
        let exchange = self.call.accept_by_default(TEXT).exchange().await?;
        exchange.finish(|response| {
            Answered::read(response, |response| on_success(response, Response::text))
        })
    }

    /// As [`Call::send_bytes`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_bytes<E: Refusal>(self) -> Result<Answered<Bytes, H>, Error<E>> {
        let exchange = self.call.accept_by_default(ANY).exchange().await?;
        exchange.finish(|response| {
            let bytes = |response: &Response| Ok(response.body().clone());
            Answered::read(response, |response| on_success(response, bytes))
        })
    }

    /// As [`Call::send_empty`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_empty<E: Refusal>(self) -> Result<Answered<(), H>, Error<E>> {
        let exchange = self.call.accept_by_default(ANY).exchange().await?;
        exchange.finish(|response| {
            Answered::read(response, |response| on_success(response, |_| Ok(())))
        })
    }

    /// As [`Call::send`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send<T: Success, E: Refusal>(self) -> Result<Answered<T, H>, Error<E>> {
        let exchange = self.call.accept_by_default(JSON_OR_ANY).exchange().await?;
        exchange.finish(|response| Answered::read(response, T::decode))
    }

    /// As [`Call::send_stream`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_stream<E: Refusal>(self) -> Result<Answered<ByteStream, H>, Error<E>> {
        let stream = self.call.send_stream().await?;
        answered(stream, |stream| stream)
    }

    /// As [`Call::send_events`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_events<T: DeserializeOwned, E: Refusal>(
        self,
    ) -> Result<Answered<EventStream<T>, H>, Error<E>> {
        let stream = self.call.send_events().await?;
        answered(stream, EventStream::bytes)
    }

    /// As [`Call::send_text_events`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_text_events<E: Refusal>(
        self,
    ) -> Result<Answered<EventStream<String>, H>, Error<E>> {
        let stream = self.call.send_text_events().await?;
        answered(stream, EventStream::bytes)
    }

    /// As [`Call::send_lines`].
    ///
    /// # Errors
    ///
    /// As [`WithHeaders::send_json`].
    pub async fn send_lines<T: DeserializeOwned, E: Refusal>(
        self,
    ) -> Result<Answered<LineStream<T>, H>, Error<E>> {
        let stream = self.call.send_lines().await?;
        answered(stream, LineStream::bytes)
    }
}

/// Reads the headers of a stream before anybody reads on.
fn answered<T, H: FromHeaders, E>(
    stream: T,
    bytes: fn(&T) -> &ByteStream,
) -> Result<Answered<T, H>, Error<E>> {
    let bytes = bytes(&stream);
    match H::from_headers(&Headers::new(bytes.headers())) {
        Ok(headers) => Ok(Answered::new(stream, headers)),
        Err(error) => Err(Error::Failed(bytes.undecodable(error))),
    }
}

impl<H> fmt::Debug for WithHeaders<'_, H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(formatter)
    }
}
