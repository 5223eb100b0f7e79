//! What waits to be published, and publishing it once more.

use dovetail_messaging::dead_letter::Action;
use dovetail_messaging::store::{Outbox, Triage};
use serde_json::json;

use super::{Desk, failed, find, nothing, shown};
use crate::exit::{Exit, Stop};

pub(super) async fn status<S: Outbox>(desk: &Desk, store: &S) -> Result<Exit, Stop> {
    let pending = store.pending().await.map_err(failed)?;
    let age = pending.oldest_at.map_or(String::new(), |at| {
        format!(", the oldest for {}", shown::age(at, desk.now()))
    });
    let mut human = format!("{} to be published{age}\n", messages(pending.count));
    if pending.blocked > 0 {
        human.push_str(&format!(
            "{} rejected by the broker, with all that follows of the same keys held back: see `dovetail dead-letters list --reason publish_rejected`\n",
            messages(pending.blocked)
        ));
    }
    let document = json!({
        "schema": 1,
        "pending": pending.count,
        "oldest_at": pending.oldest_at.map(shown::instant),
        "blocked": pending.blocked,
    });
    desk.write(&human, &document)?;
    Ok(Exit::Ok)
}

pub(super) async fn replay<S: Outbox + Triage>(
    desk: &Desk,
    store: &S,
    since: &str,
    yes: bool,
) -> Result<Exit, Stop> {
    let since = find::instant(desk, "--since", since)?;
    if !yes {
        let what = format!(
            "this publishes once more what was published since {}",
            shown::instant(since)
        );
        return Err(desk.unconfirmed(&what));
    }
    // First, so that nothing is done without a trace.
    let detail = format!("what was published since {}", shown::instant(since));
    let logged = store.log(desk.act(), Action::Republish, detail).await;
    logged.map_err(failed)?;
    let count = store.republish(since).await.map_err(failed)?;
    if count == 0 {
        return Err(nothing("nothing that was published since then is kept"));
    }
    let human = format!("{} to be published once more\n", messages(count.into()));
    desk.write(&human, &json!({ "schema": 1, "republished": count }))?;
    Ok(Exit::Ok)
}

fn messages(count: u64) -> String {
    match count {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
}
