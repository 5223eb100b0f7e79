//! A finding as people read it: the message, the line with the place underlined, what was expected and what to do.
//!
//! Both the command and the report of a verification show places this way, so the frame stands beside the findings.
//! Everything that is shown is escaped: neither a contract nor a provider can move the cursor or hide text.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar as _;

use crate::escape::{escape, is_hidden, push_visible};
use crate::finding::{Finding, Label, Severity};
use crate::source::Sources;

/// What the output may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; longer source lines are cut around the place.
    pub width: usize,
    /// Whether colours are used.
    pub color: bool,
}

/// The finding as text, ending with a line break.
#[must_use]
pub fn render(finding: &Finding, sources: &Sources, look: &Look) -> String {
    let strong = severity_style(finding.severity);
    let severity = finding.severity.as_str();
    let head = look.paint(strong, &format!("{severity}[{}]", finding.code.id));
    let message = look.paint(
        Style::new().bold(),
        &format!(": {}", escape(&finding.message)),
    );
    let mut out = format!("{head}{message}\n");

    let labels = || std::iter::once(&finding.place).chain(&finding.related);
    let gutter = labels()
        .map(|label| gutter_of(label, sources))
        .max()
        .unwrap_or(1);
    for (index, label) in labels().enumerate() {
        let (mark, style) = if index == 0 {
            ('^', strong)
        } else {
            (
                '-',
                Style::new().bold().fg_color(Some(AnsiColor::Blue.into())),
            )
        };
        push_place(
            &mut out,
            label,
            sources,
            look,
            &Mark {
                mark,
                style,
                gutter,
            },
        );
    }
    for (name, text) in [("expected", &finding.expected), ("help", &finding.help)] {
        if let Some(text) = text {
            push_note(&mut out, name, text, look, gutter);
        }
    }
    out
}

/// A place alone: where it is, its line, and the words under what is underlined.
#[must_use]
pub fn render_place(label: &Label, sources: &Sources, look: &Look) -> String {
    let mut out = String::new();
    let mark = Mark {
        mark: '^',
        style: severity_style(Severity::Error),
        gutter: gutter_of(label, sources),
    };
    push_place(&mut out, label, sources, look, &mark);
    out
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 100,
            color: false,
        }
    }
}

impl Look {
    /// The text in a style, where colours are used.
    #[must_use]
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

fn severity_style(severity: Severity) -> Style {
    let color = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Note => AnsiColor::Cyan,
    };
    Style::new().bold().fg_color(Some(color.into()))
}

fn quiet() -> Style {
    Style::new().fg_color(Some(AnsiColor::Blue.into()))
}

/// How a place is underlined, and how wide the column of line numbers is.
struct Mark {
    mark: char,
    style: Style,
    gutter: usize,
}

fn gutter_of(label: &Label, sources: &Sources) -> usize {
    let line = sources
        .file(label.span.file)
        .line_column(label.span.start)
        .line;
    line.to_string().len()
}

fn push_place(out: &mut String, label: &Label, sources: &Sources, look: &Look, mark: &Mark) {
    let gutter = mark.gutter;
    let pad = " ".repeat(gutter);
    let file = sources.file(label.span.file);
    let arrow = look.paint(quiet(), &format!("{pad}--> "));
    if file.text.is_empty() {
        let text = if label.text.is_empty() {
            String::new()
        } else {
            format!(": {}", escape(&label.text))
        };
        let _ = writeln!(out, "{arrow}{}{text}", escape(&file.path));
        return;
    }
    let line = file.line_column(label.span.start).line;
    let _ = writeln!(out, "{arrow}{}", escape(&sources.place(label.span)));

    let width = look.width.saturating_sub(gutter + 3).max(24);
    let cut = cut_line(label, sources, width);
    let bar = look.paint(quiet(), &format!("{pad} |"));
    let number = look.paint(quiet(), &format!("{line:>gutter$} |"));
    let _ = writeln!(out, "{bar}");
    let _ = writeln!(out, "{number} {}", cut.text);
    let marks = mark.mark.to_string().repeat(cut.marked);
    let words = match escape(&label.text) {
        text if text.is_empty() => marks,
        text => format!("{marks} {text}"),
    };
    let indent = " ".repeat(cut.before);
    let _ = writeln!(out, "{bar} {indent}{}", look.paint(mark.style, &words));
}

fn push_note(out: &mut String, name: &str, text: &str, look: &Look, gutter: usize) {
    let pad = " ".repeat(gutter);
    let sign = look.paint(quiet(), &format!("{pad} ="));
    let title = look.paint(Style::new().bold(), name);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "{sign} {title}: {}", escape(first));
    let indent = " ".repeat(name.len() + 2);
    for line in lines {
        let _ = writeln!(out, "{pad}   {indent}{}", escape(line));
    }
}

/// A line as it is shown.
struct Cut {
    text: String,
    /// Columns before the place.
    before: usize,
    /// Columns of the place, at least one.
    marked: usize,
}

/// One character as it is shown.
struct Cell {
    text: String,
    width: usize,
    marked: bool,
}

/// The line of a place, cut to `width` columns around it. Only a stretch of the line that can be seen is looked at: a file may be one line.
fn cut_line(label: &Label, sources: &Sources, width: usize) -> Cut {
    let text = &*sources.file(label.span.file).text;
    let start = text.floor_char_boundary(label.span.start as usize);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
    let start = start.min(line_end);
    let end = text
        .floor_char_boundary(label.span.end as usize)
        .clamp(start, line_end);

    // A character has at most four bytes, so this holds every column that can be shown.
    let from = text.ceil_char_boundary(start.saturating_sub(4 * width).max(line_start));
    let to = text.floor_char_boundary((start + 8 * width).min(line_end));
    let mut cells = cells_of(&text[from..to], start - from..end.min(to) - from);
    // A place without text, such as the end of a line, still has a column to stand in.
    if !cells.iter().any(|cell| cell.marked) {
        let at = text[from..start].chars().count();
        match cells.get_mut(at) {
            Some(cell) => cell.marked = true,
            None => cells.push(Cell {
                text: " ".to_owned(),
                width: 1,
                marked: true,
            }),
        }
    }
    window(&cells, width, from > line_start, to < line_end)
}

fn cells_of(text: &str, marked: std::ops::Range<usize>) -> Vec<Cell> {
    const TAB: usize = 4;
    let mut column = 0;
    text.char_indices()
        .map(|(at, c)| {
            let mut shown = String::new();
            if c == '\t' {
                shown.push_str(&" ".repeat(TAB - column % TAB));
            } else {
                push_visible(&mut shown, c);
            }
            let width = if c == '\t' || is_hidden(c) {
                shown.chars().count()
            } else {
                c.width().unwrap_or(1)
            };
            column += width;
            Cell {
                text: shown,
                width,
                marked: marked.contains(&at),
            }
        })
        .collect()
}

/// The cells that fit, starting so that a third of the columns shows what stands before the place.
fn window(cells: &[Cell], width: usize, cut_before: bool, cut_after: bool) -> Cut {
    let total: usize = cells.iter().map(|cell| cell.width).sum();
    let place = cells.iter().position(|cell| cell.marked).unwrap_or(0);
    let mut first = 0;
    if total > width || cut_before {
        let mut context = 0;
        first = place;
        let marked: usize = cells[place..]
            .iter()
            .filter(|c| c.marked)
            .map(|c| c.width)
            .sum();
        let room = (width / 3).max(width.saturating_sub(marked + width / 3));
        while first > 0 && context + cells[first - 1].width < room {
            first -= 1;
            context += cells[first].width;
        }
    }
    let lead = cut_before || first > 0;
    let mut cut = Cut {
        text: if lead {
            "…".to_owned()
        } else {
            String::new()
        },
        before: usize::from(lead),
        marked: 0,
    };
    let mut used = cut.before;
    for (at, cell) in cells.iter().enumerate().skip(first) {
        let last = at + 1 == cells.len() && !cut_after;
        if used + cell.width + usize::from(!last) > width {
            cut.text.push('…');
            break;
        }
        used += cell.width;
        cut.text.push_str(&cell.text);
        if cell.marked {
            cut.marked += cell.width;
        } else if at < place {
            cut.before += cell.width;
        }
    }
    cut.marked = cut.marked.max(1);
    cut.text.truncate(cut.text.trim_end().len());
    cut
}

#[cfg(test)]
mod tests;
