//! `dovetail verify`: what consumers expect, replayed at running providers.

use std::time::Duration;

use dovetail_contract::escape::escape_line;
use dovetail_contract::frame::Look;
use dovetail_contract::policy;
use dovetail_verify::report::{self, ProblemKind};
use dovetail_verify::{Filter, Options, Plan, ReplayError, Report, Target, Verdict, plan, replay};

use crate::args::{self, Format, Global};
use crate::commands::check::{Checked, check};
use crate::exit::{Exit, Stop};
use crate::findings;
use crate::outputs::Outputs;
use crate::ui::Ui;
use crate::workspace;

/// Bytes of one answer.
const BODY_MAX: usize = 8 * 1024 * 1024;

/// Replays interactions and prints what came of it.
pub(crate) fn run(global: &Global, ui: Ui, asked: &args::Verify) -> Result<Exit, Stop> {
    let outputs = Outputs::new(global, &[Format::Human, Format::Json, Format::Junit])?;
    let options = options(asked)?;
    let (_, loaded) = workspace::load(global, ui)?;
    let checked = check(loaded);
    if checked.exit != Exit::Ok {
        return refuse(ui, &outputs, &checked);
    }
    let targets = targets(asked, &checked)?;
    let everything = plan(&checked.workspace, &checked.sources, &filter(asked, None));
    if everything.is_empty() {
        return Err(Stop::new(
            Exit::NothingMatched,
            anyhow::anyhow!("no interaction matches, so nothing would be proved"),
        ));
    }
    if asked.dry_run {
        list(ui, &everything)?;
        return Ok(Exit::Ok);
    }
    let jobs = jobs(asked, &everything, &targets)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Stop::new(Exit::Infrastructure, error))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            reports = replay_all(&checked, asked, &jobs, &options) => reports,
            _ = tokio::signal::ctrl_c() => Err(Stop::new(Exit::Interrupted, anyhow::anyhow!("interrupted; states may still be set up at the provider"))),
        }
    });
    // A provider that never stops sending keeps its connection busy; the command does not wait for that.
    runtime.shutdown_background();
    let report = Report::merge(outcome?);
    outputs.write(ui, |format, look| match format {
        Format::Json => report::json(&report),
        Format::Junit => report::junit(&report).unwrap_or_default(),
        Format::Human => report::human(&report, &checked.sources, &look),
    })?;
    Ok(exit(&report))
}

/// Contracts that disagree before anything runs are shown; nothing is sent, and no report is written that could pass for one of a run.
fn refuse(ui: Ui, outputs: &Outputs, checked: &Checked) -> Result<Exit, Stop> {
    let Checked {
        findings: found,
        sources,
        ..
    } = checked;
    if outputs.is_human() {
        let look = Look {
            width: ui.width(),
            color: ui.color_results(),
        };
        ui.result(&findings::human(found, sources, look, ui.least()))?;
    } else {
        ui.result(&findings::json(found, sources))?;
    }
    ui.always(&format!("nothing was sent: {}", findings::summary(found)));
    Ok(checked.exit)
}

/// Which provider runs where, as the command line says: `URL`, or `SERVICE=URL`.
fn targets<'a>(
    asked: &'a args::Verify,
    checked: &Checked,
) -> Result<Vec<(Option<&'a str>, Target)>, Stop> {
    let mut targets: Vec<(Option<&str>, Target)> = Vec::new();
    for text in &asked.target {
        let (provider, url) = match text.split_once('=') {
            Some((provider, url)) if !provider.contains([':', '/']) => (Some(provider), url),
            _ => (None, text.as_str()),
        };
        if let Some(name) = provider.filter(|name| !checked.workspace.services.contains_key(*name))
        {
            return Err(Stop::usage(format!(
                "the workspace has no service `{name}`"
            )));
        }
        if targets.iter().any(|(other, _)| *other == provider) {
            return Err(Stop::usage(
                "each provider has one `--target`; write `--target SERVICE=URL` for several providers",
            ));
        }
        let target = Target::parse(url).map_err(|error| Stop::new(Exit::Usage, error))?;
        targets.push((provider, target));
    }
    Ok(targets)
}

/// The providers that are concerned, each with where it runs.
fn jobs(
    asked: &args::Verify,
    plan: &Plan<'_>,
    targets: &[(Option<&str>, Target)],
) -> Result<Vec<(String, Target)>, Stop> {
    let providers = plan.providers();
    let mut jobs = Vec::new();
    for provider in &providers {
        let named = targets.iter().find(|(name, _)| *name == Some(*provider));
        let only = || {
            targets
                .iter()
                .find(|(name, _)| name.is_none() && providers.len() == 1)
        };
        match named.or_else(only) {
            Some((_, target)) => jobs.push(((*provider).to_owned(), target.clone())),
            None => return Err(no_target(asked, provider, providers.len())),
        }
    }
    Ok(jobs)
}

fn no_target(asked: &args::Verify, provider: &str, providers: usize) -> Stop {
    Stop::usage(if providers == 1 && asked.target.is_empty() {
        format!(
            "say where `{provider}` runs: `--target http://127.0.0.1:8080`; an OpenAPI document's `servers` are never used"
        )
    } else {
        format!(
            "say where `{provider}` runs: `--target {provider}=http://127.0.0.1:8080`, or choose one provider with `--provider`"
        )
    })
}

async fn replay_all(
    checked: &Checked,
    asked: &args::Verify,
    jobs: &[(String, Target)],
    options: &Options,
) -> Result<Vec<Report>, Stop> {
    let mut reports = Vec::new();
    for (provider, target) in jobs {
        let plan = plan(
            &checked.workspace,
            &checked.sources,
            &filter(asked, Some(provider)),
        );
        reports.push(replay(&plan, target, options).await.map_err(|error| {
            let exit = match error {
                ReplayError::Refused(_) => Exit::Refused,
                ReplayError::Client(_) => Exit::Infrastructure,
                ReplayError::SeveralProviders(_)
                | ReplayError::StatesUrl(_)
                | ReplayError::Header(_) => Exit::Usage,
            };
            Stop::new(exit, error)
        })?);
    }
    Ok(reports)
}

fn filter(asked: &args::Verify, provider: Option<&str>) -> Filter {
    Filter {
        provider: provider.or(asked.provider.as_deref()).map(str::to_owned),
        consumer: asked.consumer.clone(),
        operation: None,
        name: asked.filter.clone(),
    }
}

fn options(asked: &args::Verify) -> Result<Options, Stop> {
    let time = |flag: &str, text: &str| {
        let duration = policy::Duration::parse(text).filter(|duration| duration.millis > 0);
        let duration = duration.ok_or_else(|| {
            Stop::usage(format!(
                "`{flag} {text}` is no length of time; write it like `5s`"
            ))
        })?;
        Ok::<_, Stop>(Duration::from_millis(duration.millis))
    };
    Ok(Options {
        states_url: asked.states_url.clone(),
        headers: asked
            .header
            .iter()
            .map(|text| header(text))
            .collect::<Result<_, _>>()?,
        allow_hosts: asked.allow_host.clone(),
        concurrency: usize::from(asked.jobs),
        timeout: time("--interaction-timeout", &asked.interaction_timeout)?,
        deadline: time("--timeout", &asked.timeout)?,
        body_max: BODY_MAX,
    })
}

/// `Name: value`, or `Name: env:VARIABLE` for a value that should not stand on a command line.
fn header(text: &str) -> Result<(String, String), Stop> {
    // The text may hold a secret, so it is not repeated.
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| Stop::usage("`--header` takes `Name: value`"))?;
    let (name, value) = (name.trim().to_owned(), value.trim());
    match value.strip_prefix("env:") {
        Some(variable) => match std::env::var(variable) {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Stop::usage(format!(
                "`--header {name}` names the variable `{variable}`, which is not set"
            ))),
        },
        None => Ok((name, value.to_owned())),
    }
}

fn list(ui: Ui, plan: &Plan<'_>) -> Result<(), Stop> {
    for (consumer, provider, name) in plan.names() {
        ui.result(&listed(consumer, provider, name))?;
    }
    Ok(())
}

/// One interaction in one line; its name is free text.
fn listed(consumer: &str, provider: &str, name: &str) -> String {
    let line = format!("{consumer} → {provider}: {name}");
    format!("{}\n", escape_line(&line))
}

/// What a report ends the command with. A failure outweighs what could not be found out.
fn exit(report: &Report) -> Exit {
    let is_infrastructure = |kind: ProblemKind| kind == ProblemKind::Infrastructure;
    match report.verdict {
        Verdict::Passed => Exit::Ok,
        Verdict::Failed => Exit::Findings,
        Verdict::Unknown => {
            let mut problems = report
                .interactions
                .iter()
                .flat_map(|outcome| &outcome.problems);
            if problems.any(|problem| is_infrastructure(problem.kind)) {
                Exit::Infrastructure
            } else {
                Exit::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_name_cannot_steer_a_terminal_or_a_build() {
        let line = listed("::orders", "payments", "a\u{1b}[2J\n::error::b\u{202e}");
        assert_eq!(
            line,
            "\\u{3a}:orders → payments: a␛[2J␊::error::b\\u{202e}\n"
        );
    }

    #[test]
    fn a_header_is_read_and_never_repeated() {
        let read = header("X-Key: a: b").expect("a header");
        assert_eq!(read, ("X-Key".to_owned(), "a: b".to_owned()));
        for wrong in ["hunter2", "X-Key: env:DOVETAIL_hunter3_IS_NOT_SET"] {
            let stop = header(wrong).expect_err("no header");
            assert_eq!(stop.exit, Exit::Usage);
            assert!(!stop.error.to_string().contains("hunter2"));
        }
    }
}
