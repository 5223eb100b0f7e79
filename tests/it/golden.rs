//! The golden crates at work: what their clients send, and what they make of answers.

mod answers;
mod credentials;
mod media;
mod modern;
mod parameters;
mod trees;
mod unions;

use dovetail_client::testing::{Script, Step};
use dovetail_client::{Http, HttpBuilder};
use dovetail_tests::{Recorded, Recorder};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A client whose provider follows a script, and the script to read the calls from.
fn scripted<C: From<Http>>(
    builder: HttpBuilder,
    steps: impl IntoIterator<Item = Step>,
) -> (C, Script) {
    let script = Script::new(steps);
    let http = builder
        .base_url("http://provider.test/base")
        .transport(script.clone())
        .build();
    (C::from(http.unwrap()), script)
}

/// Runs calls to a script, in time that passes at once.
fn run<T>(calls: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(calls)
}

/// Makes one call over a connection, and returns what came of it with the request as it stood on the wire.
fn on_the_wire<C: From<Http>, T>(
    builder: HttpBuilder,
    answer: Vec<u8>,
    call: impl AsyncFnOnce(C) -> T,
) -> (T, Recorded) {
    let recorder = Recorder::new(move |_| answer.clone()).unwrap();
    let http = builder.base_url(recorder.url()).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.unwrap().block_on(call(C::from(http)));
    let mut requests = recorder.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    (result, requests.remove(0))
}

/// Reads a document as a type and writes it again.
fn round_trip<T: DeserializeOwned + Serialize>(json: &str) -> Result<String, serde_json::Error> {
    let value: T = serde_json::from_str(json)?;
    serde_json::to_string(&value)
}

/// What an error and its causes say.
fn said(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let lines: Vec<String> = chain.map(ToString::to_string).collect();
    lines.join(": ")
}
