//! Figures for people and for programs: columns, medians, ratios.

use std::fmt::Write as _;

use super::measure::Usage;

/// A table with a heading. The first column is text, the others stand to the right.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(super) fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![heading.iter().map(|&cell| cell.to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text, with a line break after each row.
    pub(super) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // Writing to a string cannot fail.
                let _ = match column {
                    0 => write!(line, "{cell:<width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The middle of some figures, or the mean of the two in the middle. None where there are no figures.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        let lower = sorted.get(sorted.len() / 2 - 1)?;
        return Some(f64::midpoint(*lower, upper));
    }
    Some(upper)
}

/// The medians of both figures, each for itself.
pub(super) fn median_usage(runs: &[Usage]) -> Option<Usage> {
    let mut peaks: Vec<u64> = runs.iter().map(|usage| usage.peak_bytes).collect();
    peaks.sort_unstable();
    Some(Usage {
        cpu_s: median(runs.iter().map(|usage| usage.cpu_s))?,
        peak_bytes: *peaks.get(peaks.len() / 2)?,
    })
}

/// How often one figure holds the other: above one where `theirs` is the larger. None where there is nothing to divide by.
pub(super) fn ratio(theirs: f64, ours: f64) -> Option<f64> {
    (ours > 0.0).then(|| theirs / ours)
}

/// Processor time and memory, as `1.23 s  45 MB`.
pub(super) fn cells(usage: Option<Usage>) -> [String; 2] {
    match usage {
        Some(usage) => [
            format!("{:.3}", usage.cpu_s),
            format!("{:.0}", usage.megabytes()),
        ],
        None => ["-".to_owned(), "-".to_owned()],
    }
}

/// A ratio, as `3.4x`.
pub(super) fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"))
}

impl Usage {
    /// The most memory in MB, a million bytes each.
    #[expect(
        clippy::cast_precision_loss,
        reason = "no process holds so much that a double would round it"
    )]
    pub(super) fn megabytes(self) -> f64 {
        self.peak_bytes as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_what_there_is() {
        let rows: [(&[f64], Option<f64>); 4] = [
            (&[], None),
            (&[2.0], Some(2.0)),
            (&[9.0, 1.0, 4.0], Some(4.0)),
            (&[1.0, 9.0, 5.0, 3.0], Some(4.0)),
        ];
        for (figures, expected) in rows {
            assert_eq!(median(figures.iter().copied()), expected, "{figures:?}");
        }
    }

    #[test]
    fn a_ratio_needs_something_to_divide_by() {
        assert_eq!(ratio(3.0, 1.5), Some(2.0));
        assert_eq!(ratio(3.0, 0.0), None);
        assert_eq!(times(ratio(3.0, 1.5)), "2.00x");
        assert_eq!(times(None), "-");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["document", "ours"]);
        table.row(vec!["ent".to_owned(), "0.010".to_owned()]);
        assert_eq!(table.render(), "document   ours\nent       0.010\n");
    }
}
