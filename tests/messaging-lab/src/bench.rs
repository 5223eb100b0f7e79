//! What keeping the promise costs, beside what others do: both sides in one run, in turns, and the median of their ratios.

mod course;
mod postgres;
mod sqlite;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use self::course::{Course, Rate};
use crate::{
    child::block_on,
    common::print,
    ground::{
        Home,
        postgres::{OnPostgres, is_there},
        sqlite::OnSqlite,
    },
};

/// How it is measured.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// How often each pair runs, of which the median is taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
    /// How many messages each side handles in a round
    #[arg(long, default_value_t = 400)]
    messages: usize,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// One pair: what is measured, beside what, and how much better it has to be.
struct Pair<G> {
    name: &'static str,
    beside: &'static str,
    target: f64,
    own: fn(&G, usize) -> Result<Rate>,
    other: fn(&G, usize) -> Result<Rate>,
}

/// What came of a pair.
#[derive(Debug, Serialize)]
struct Figure {
    store: &'static str,
    name: &'static str,
    beside: &'static str,
    own_per_s: f64,
    other_per_s: f64,
    ratio: f64,
    target: f64,
}

impl Figure {
    fn is_met(&self) -> bool {
        self.ratio >= self.target
    }
}

/// Measures every pair on every store. Fails where a target was missed.
pub(crate) fn run(asked: &Bench) -> Result<()> {
    let mut figures = measure::<OnSqlite>(asked)?;
    if is_there()? {
        figures.extend(measure::<OnPostgres>(asked)?);
    }
    if asked.json {
        print(&serde_json::to_string_pretty(&figures)?)?;
    }
    let missed: Vec<&str> = figures
        .iter()
        .filter(|figure| !figure.is_met())
        .map(|figure| figure.name)
        .collect();
    if !missed.is_empty() {
        bail!("missed: {}", missed.join(", "));
    }
    Ok(())
}

fn pairs<G: Course>() -> Vec<Pair<G>> {
    vec![
        Pair {
            name: "one at a time: inbox and effect",
            beside: "check, process, insert",
            target: 1.1,
            own: course::consume,
            other: course::naive,
        },
        Pair {
            name: "one at a time: inbox, effect, outbox and relay",
            beside: "four transactions",
            target: 3.0,
            own: course::consume_and_relay,
            other: course::four_transactions,
        },
        Pair {
            name: "one at a time: inbox, effect and outbox",
            beside: "the same by hand",
            target: 0.95,
            own: course::consume_and_publish,
            other: course::by_hand,
        },
        Pair {
            name: "batches of 50: inbox, effect and outbox",
            beside: "one at a time",
            target: 10.0,
            own: course::consume_in_batches,
            other: course::consume_and_publish,
        },
        Pair {
            name: "relay in batches of 100",
            beside: "row by row",
            target: 8.0,
            own: |ground, count| course::relay(ground, count, 100),
            other: |ground, count| course::relay(ground, count, 1),
        },
    ]
}

fn measure<G: Course>(asked: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for pair in pairs::<G>() {
        let mut rounds = Vec::new();
        for round in 0..asked.rounds {
            let own = || on_fresh::<G>(pair.own, asked.messages);
            let other = || on_fresh::<G>(pair.other, asked.messages);
            // Who goes first alternates: the second one finds the machine warm.
            rounds.push(if round % 2 == 0 {
                let own = own()?;
                (own, other()?)
            } else {
                let other = other()?;
                (own()?, other)
            });
        }
        let figure = Figure {
            store: G::NAME,
            name: pair.name,
            beside: pair.beside,
            own_per_s: median(rounds.iter().map(|(own, _)| own.0)),
            other_per_s: median(rounds.iter().map(|(_, other)| other.0)),
            ratio: median(rounds.iter().map(|(own, other)| own.0 / other.0)),
            target: pair.target,
        };
        if !asked.json {
            print(&line(&figure))?;
        }
        figures.push(figure);
    }
    Ok(figures)
}

fn on_fresh<G: Course>(side: fn(&G, usize) -> Result<Rate>, count: usize) -> Result<Rate> {
    let folder = Home::<G>::new()?;
    let ground = block_on(G::open_durable(folder.path()))?;
    side(&ground, count)
}

fn line(figure: &Figure) -> String {
    let Figure {
        store,
        name,
        beside,
        own_per_s,
        other_per_s,
        ratio,
        target,
    } = figure;
    let verdict = if figure.is_met() { "ok    " } else { "MISSED" };
    format!(
        "{verdict} {store:8} {name:48} {own_per_s:8.0}/s  {beside:24} {other_per_s:8.0}/s  {ratio:6.2}×, at least {target}×"
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_all() {
        assert!((median([3.0, 1.0, 9.0].into_iter()) - 3.0).abs() < f64::EPSILON);
    }
}
