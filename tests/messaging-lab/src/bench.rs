//! What keeping the promise costs, beside what others do: both sides in one run, in turns, and the median of their ratios.

mod course;
mod generated;
mod postgres;
mod sqlite;

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use self::course::{Course, Load, Rate};
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
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    messages: u32,
    /// How many deliveries, or batches of them, are under way at once
    #[arg(long, value_delimiter = ',', default_value = "1,16", value_parser = clap::value_parser!(u8).range(1..=64))]
    in_flight: Vec<u8>,
    /// Measures only the pairs on this store
    #[arg(long)]
    store: Option<String>,
    /// Measures only the pairs whose names hold this text
    #[arg(long)]
    pair: Option<String>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    fn asks_for(&self, store: &str, pair: &str) -> bool {
        let is_it = |asked: &Option<String>, name: &str| {
            asked
                .as_ref()
                .is_none_or(|asked| name.contains(asked.as_str()))
        };
        is_it(&self.store, store) && is_it(&self.pair, pair)
    }
}

/// One pair: what is measured, beside what, and how much better it has to be.
struct Pair<G> {
    name: &'static str,
    beside: &'static str,
    target: f64,
    /// Whether it matters how many deliveries are under way.
    is_wide: bool,
    own: Side<G>,
    other: Side<G>,
}

type Side<G> = fn(&G, Load) -> Result<Rate>;

/// What came of a pair.
#[derive(Debug, Serialize)]
struct Figure {
    store: &'static str,
    name: &'static str,
    beside: &'static str,
    in_flight: u8,
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
    ensure!(!figures.is_empty(), "no pair is called so");
    let mut missed: Vec<&str> = figures
        .iter()
        .filter(|figure| !figure.is_met())
        .map(|figure| figure.name)
        .collect();
    missed.dedup();
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
            is_wide: true,
            own: course::consume,
            other: course::naive,
        },
        Pair {
            name: "one at a time: inbox, effect, outbox and relay",
            beside: "four transactions",
            target: 3.0,
            is_wide: true,
            own: course::consume_and_relay,
            other: course::four_transactions,
        },
        Pair {
            name: "generated consumer: inbox and effect",
            beside: "the same rows by hand",
            target: 0.95,
            is_wide: true,
            own: generated::consume,
            other: generated::by_hand,
        },
        Pair {
            name: "batches of 50: inbox, effect and outbox",
            beside: "one at a time",
            target: 10.0,
            is_wide: true,
            own: course::consume_in_batches,
            other: course::consume_and_publish,
        },
        Pair {
            name: "relay in batches of 100",
            beside: "row by row",
            target: 8.0,
            is_wide: false,
            own: course::relay,
            other: course::relay_by_row,
        },
    ]
}

fn measure<G: Course>(asked: &Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let pairs = pairs::<G>().into_iter();
    for pair in pairs.filter(|pair| asked.asks_for(G::NAME, pair.name)) {
        let widths = asked
            .in_flight
            .iter()
            .take(if pair.is_wide { 64 } else { 1 });
        for in_flight in widths {
            let figure = race(asked, &pair, *in_flight)?;
            if !asked.json {
                print(&line(&figure))?;
            }
            figures.push(figure);
        }
    }
    Ok(figures)
}

/// Has both sides of a pair run in turns.
fn race<G: Course>(asked: &Bench, pair: &Pair<G>, in_flight: u8) -> Result<Figure> {
    let load = Load {
        messages: usize::try_from(asked.messages)?,
        in_flight: usize::from(in_flight),
    };
    let mut rounds = Vec::new();
    for round in 0..asked.rounds {
        let own = || on_fresh::<G>(pair.own, load);
        let other = || on_fresh::<G>(pair.other, load);
        // Who goes first alternates: the second one finds the machine warm.
        rounds.push(if round % 2 == 0 {
            let own = own()?;
            (own, other()?)
        } else {
            let other = other()?;
            (own()?, other)
        });
    }
    Ok(Figure {
        store: G::NAME,
        name: pair.name,
        beside: pair.beside,
        in_flight,
        own_per_s: median(rounds.iter().map(|(own, _)| own.0)),
        other_per_s: median(rounds.iter().map(|(_, other)| other.0)),
        ratio: median(rounds.iter().map(|(own, other)| own.0 / other.0)),
        target: pair.target,
    })
}

fn on_fresh<G: Course>(side: Side<G>, load: Load) -> Result<Rate> {
    let folder = Home::<G>::new()?;
    let ground = block_on(G::open_durable(folder.path()))?;
    side(&ground, load)
}

fn line(figure: &Figure) -> String {
    let Figure {
        store,
        name,
        beside,
        in_flight,
        own_per_s,
        other_per_s,
        ratio,
        target,
    } = figure;
    let verdict = if figure.is_met() { "ok    " } else { "MISSED" };
    format!(
        "{verdict} {store:8} {name:48} {in_flight:2} under way {own_per_s:8.0}/s  {beside:24} {other_per_s:8.0}/s  {ratio:6.2}×, at least {target}×"
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
