//! Policies: the same keys in `dovetail.yaml`, under a call, and under one operation of a call.

use super::super::files::Files;
use super::super::lower::{self, Keys};
use super::super::tree::Node;
use crate::policy::{
    BreakerScope, BreakerSettings, BulkheadSettings, Duration, PolicySettings, RetrySettings,
    TimeoutSettings, Toggle,
};
use crate::source::Spanned;

/// Keys that say how a call behaves, wherever a policy may stand.
pub(crate) const POLICY: Keys = Keys {
    what: "a policy",
    known: &["timeout", "retry", "breaker", "bulkhead"],
    required: &[],
};
pub(crate) const TIMEOUT: Keys = Keys {
    what: "a timeout",
    known: &["total", "attempt", "connect"],
    required: &[],
};
pub(crate) const RETRY: Keys = Keys {
    what: "a retry policy",
    known: &["max_attempts", "on", "backoff", "budget"],
    required: &[],
};
pub(crate) const BACKOFF: Keys = Keys {
    what: "a backoff",
    known: &["base", "throttled_base", "max"],
    required: &[],
};
pub(crate) const BUDGET: Keys = Keys {
    what: "a retry budget",
    known: &["ratio"],
    required: &[],
};
pub(crate) const BREAKER: Keys = Keys {
    what: "a breaker",
    known: &[
        "window",
        "min_calls",
        "failure_rate",
        "slow",
        "open",
        "half_open",
        "scope",
    ],
    required: &[],
};
pub(crate) const SLOW: Keys = Keys {
    what: "what counts as slow",
    known: &["duration", "rate"],
    required: &["duration"],
};
pub(crate) const OPEN: Keys = Keys {
    what: "the time a breaker stays open",
    known: &["initial", "max"],
    required: &[],
};
pub(crate) const HALF_OPEN: Keys = Keys {
    what: "the half-open state",
    known: &["probes", "successes"],
    required: &[],
};
pub(crate) const BULKHEAD: Keys = Keys {
    what: "a bulkhead",
    known: &["max_concurrent", "max_wait"],
    required: &[],
};

/// The policy keys of a mapping, which may have others beside them.
pub(super) fn read(files: &mut Files, node: &Node) -> PolicySettings {
    PolicySettings {
        timeout: node
            .get("timeout")
            .map(|node| timeout(files, node))
            .unwrap_or_default(),
        retry: toggle(files, node.get("retry"), "`off` or a retry policy", retry),
        breaker: toggle(files, node.get("breaker"), "`off` or a breaker", breaker),
        bulkhead: toggle(files, node.get("bulkhead"), "`off` or a bulkhead", bulkhead),
    }
}

fn toggle<T>(
    files: &mut Files,
    node: Option<&Node>,
    what: &str,
    read: fn(&mut Files, &Node) -> T,
) -> Option<Toggle<T>> {
    let node = node?;
    match node.as_str() {
        Some("off") => Some(Toggle::Off),
        Some(_) => {
            lower::word(files, node, what, &[("off", ())])?;
            None
        }
        None => Some(Toggle::On(read(files, node))),
    }
}

fn timeout(files: &mut Files, node: &Node) -> TimeoutSettings {
    let Some(node) = lower::mapping(files, node, &TIMEOUT) else {
        return TimeoutSettings::default();
    };
    let mut read = |key, what| positive(files, node.get(key), what);
    TimeoutSettings {
        total: read("total", "the time for the whole call"),
        attempt: read("attempt", "the time for one attempt"),
        connect: read("connect", "the time to connect"),
    }
}

fn retry(files: &mut Files, node: &Node) -> RetrySettings {
    let Some(node) = lower::mapping(files, node, &RETRY) else {
        return RetrySettings::default();
    };
    let backoff = node
        .get("backoff")
        .and_then(|node| lower::mapping(files, node, &BACKOFF));
    let budget = node
        .get("budget")
        .and_then(|node| lower::mapping(files, node, &BUDGET));
    let mut wait = |key, what| positive(files, backoff?.get(key), what);
    let (base, throttled_base, max) = (
        wait("base", "the first wait"),
        wait("throttled_base", "the first wait after an overload"),
        wait("max", "the longest wait"),
    );
    RetrySettings {
        // Five attempts is gRPC's hard limit as well (gRFC A6): beyond it, retries only add load.
        max_attempts: count(
            files,
            node.get("max_attempts"),
            "the number of attempts",
            (1, 5),
        ),
        base,
        throttled_base,
        max,
        on_500: node.get("on").map(|node| statuses(files, node)),
        budget_ratio: budget
            .and_then(|budget| budget.get("ratio"))
            .and_then(|node| {
                lower::share(files, node, "the share of calls that may be tried again")
            }),
    }
}

/// `on: [500]` is the only addition: all other statuses are classified by the runtime.
fn statuses(files: &mut Files, node: &Node) -> bool {
    let mut on_500 = false;
    for status in lower::list_of(files, node, "statuses") {
        on_500 |= lower::integer(
            files,
            status,
            "a status that may be tried again as well",
            (500, 500),
        )
        .is_some();
    }
    on_500
}

fn breaker(files: &mut Files, node: &Node) -> BreakerSettings {
    let Some(node) = lower::mapping(files, node, &BREAKER) else {
        return BreakerSettings::default();
    };
    let slow = node
        .get("slow")
        .and_then(|node| lower::mapping(files, node, &SLOW));
    let open = node
        .get("open")
        .and_then(|node| lower::mapping(files, node, &OPEN));
    let half_open = node
        .get("half_open")
        .and_then(|node| lower::mapping(files, node, &HALF_OPEN));
    BreakerSettings {
        window: positive(files, node.get("window"), "how far back outcomes count"),
        min_calls: count(
            files,
            node.get("min_calls"),
            "the fewest outcomes that count",
            (1, 1_000_000),
        ),
        failure_rate: rate(files, node.get("failure_rate"), "the share of failures"),
        slow_duration: positive(
            files,
            slow.and_then(|slow| slow.get("duration")),
            "the time that is slow",
        ),
        slow_rate: rate(
            files,
            slow.and_then(|slow| slow.get("rate")),
            "the share of slow calls",
        ),
        open_initial: positive(
            files,
            open.and_then(|open| open.get("initial")),
            "the first open time",
        ),
        open_max: positive(
            files,
            open.and_then(|open| open.get("max")),
            "the longest open time",
        ),
        probes: count(
            files,
            half_open.and_then(|half| half.get("probes")),
            "the number of probes",
            (1, 1_000),
        ),
        successes: count(
            files,
            half_open.and_then(|half| half.get("successes")),
            "the successes needed",
            (1, 1_000),
        ),
        scope: node.get("scope").and_then(|node| {
            let words = [
                ("service", BreakerScope::Service),
                ("operation", BreakerScope::Operation),
            ];
            lower::word(files, node, "what shares a breaker", &words)
        }),
    }
}

fn bulkhead(files: &mut Files, node: &Node) -> BulkheadSettings {
    let Some(node) = lower::mapping(files, node, &BULKHEAD) else {
        return BulkheadSettings::default();
    };
    BulkheadSettings {
        max_concurrent: count(
            files,
            node.get("max_concurrent"),
            "calls at the same time",
            (1, 1_000_000),
        ),
        max_wait: node
            .get("max_wait")
            .and_then(|node| lower::duration(files, node, "the wait for a place")),
    }
}

pub(super) fn positive(
    files: &mut Files,
    node: Option<&Node>,
    what: &str,
) -> Option<Spanned<Duration>> {
    let node = node?;
    let value = lower::duration(files, node, what)?;
    if value.value.millis == 0 {
        files.push(lower::wrong_type(
            node,
            &format!("{what}, longer than nothing"),
        ));
        return None;
    }
    Some(value)
}

fn rate(files: &mut Files, node: Option<&Node>, what: &str) -> Option<Spanned<f64>> {
    lower::share(files, node?, what)
}

pub(super) fn count(
    files: &mut Files,
    node: Option<&Node>,
    what: &str,
    bounds: (u64, u64),
) -> Option<Spanned<u32>> {
    let value = lower::integer(files, node?, what, bounds)?;
    u32::try_from(value.value)
        .ok()
        .map(|count| Spanned::new(count, value.span))
}
