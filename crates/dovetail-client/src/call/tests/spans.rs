//! What a call leaves in the log.

use std::sync::{Arc, Mutex};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber,
};

use super::*;

/// Keeps the spans of attempts: all their fields as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Vec<String>>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(Vec::new());
        span.record(&mut fields);
        if span.metadata().name() == "attempt" {
            self.0.lock().unwrap().push(fields.0);
        }
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push(format!("{}={value:?}", field.name()));
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_a_span_that_counts_resends_and_shows_no_value() {
    let log = Log::default();
    let script = Script::new([Step::status(503), Step::status(503), ok()]);
    let http = client(&script);
    // With one subscriber alone, tracing asks only the thread that meets a place first whether it is of interest, and where
    // tests share a process that may be another test's thread. A second one makes it ask all.
    let _second = tracing::Dispatch::new(Log::default());
    let _default = subscriber::set_default(log.clone());
    let call = http.call(&GET).path("id", "s3cr3t").query("q", "s3cr3t");
    let _: Value = call.send_json::<_, Undeclared>().await.unwrap();
    let spans = log.0.lock().unwrap().clone();
    let first = [
        "http.request.method=\"GET\"",
        "url.template=\"/orders/{id}\"",
    ];
    assert_eq!(spans.len(), 3);
    assert_eq!(spans[0], first);
    assert_eq!(spans[1][..2], first);
    assert_eq!(spans[1][2], "http.request.resend_count=1");
    assert_eq!(spans[2][2], "http.request.resend_count=2");
}
