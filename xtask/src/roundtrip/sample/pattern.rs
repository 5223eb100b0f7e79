//! Texts that match a pattern.
//!
//! Patterns are those of ECMA 262, which most real ones share with the syntax that is parsed here; where not, the schema is skipped with that reason.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::roundtrip::chance::Chance;

/// How often what may repeat without end repeats beyond what it must.
const REPEATED_MAX: u32 = 4;
/// Characters of one text.
const LENGTH_MAX: usize = 20_000;

/// A text that a pattern matches.
pub(super) fn matching(pattern: &str, chance: &mut Chance) -> Result<String, String> {
    matching_of_length(pattern, 0, chance)
}

/// A text that a pattern matches, as far as possible of at least so many characters.
pub(super) fn matching_of_length(
    pattern: &str,
    least: usize,
    chance: &mut Chance,
) -> Result<String, String> {
    let hir = regex_syntax::Parser::new()
        .parse(pattern)
        .map_err(|_| "its pattern is not understood here".to_owned())?;
    let mut writer = Writer {
        chance,
        least,
        text: String::new(),
    };
    writer.write(&hir)?;
    Ok(writer.text)
}

struct Writer<'c> {
    chance: &'c mut Chance,
    least: usize,
    text: String,
}

impl Writer<'_> {
    fn write(&mut self, hir: &Hir) -> Result<(), String> {
        if self.text.len() > LENGTH_MAX {
            return Err("texts of its pattern are too long to draw".to_owned());
        }
        match hir.kind() {
            // Whether a text holds what stands around a place shows when it is validated.
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.text.push_str(&String::from_utf8_lossy(&literal.0)),
            HirKind::Class(Class::Unicode(class)) => {
                let ranges: Vec<(char, char)> = class
                    .iter()
                    .map(|range| (range.start(), range.end()))
                    .collect();
                let drawn = self.one_of(&ranges)?;
                self.text.push(drawn);
            }
            HirKind::Class(Class::Bytes(class)) => {
                let ranges: Vec<(char, char)> = class
                    .iter()
                    .map(|range| (range.start().into(), range.end().into()))
                    .collect();
                let drawn = self.one_of(&ranges)?;
                self.text.push(drawn);
            }
            HirKind::Repetition(repetition) => {
                let low = repetition.min;
                let missing =
                    u32::try_from(self.least.saturating_sub(self.text.len())).unwrap_or(u32::MAX);
                let wanted = low.saturating_add(REPEATED_MAX).max(missing);
                let high = repetition.max.unwrap_or(u32::MAX).min(wanted);
                let low = low.max(high.min(missing));
                let extra = self
                    .chance
                    .below(usize::try_from(high - low).unwrap_or(0) + 1);
                for _ in 0..u64::from(low) + u64::try_from(extra).unwrap_or(0) {
                    self.write(&repetition.sub)?;
                }
            }
            HirKind::Capture(capture) => self.write(&capture.sub)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    self.write(part)?;
                }
            }
            HirKind::Alternation(parts) => {
                let at = self.chance.below(parts.len());
                if let Some(part) = parts.get(at) {
                    self.write(part)?;
                }
            }
        }
        Ok(())
    }

    /// A character of a class: one that can be read, if there is any.
    fn one_of(&mut self, ranges: &[(char, char)]) -> Result<char, String> {
        let readable: Vec<(char, char)> = ranges
            .iter()
            .map(|(start, end)| ((*start).max('!'), (*end).min('~')))
            .filter(|(start, end)| start <= end)
            .collect();
        let ranges = if readable.is_empty() {
            ranges
        } else {
            &readable
        };
        let (start, end) = *self
            .chance
            .pick(ranges)
            .ok_or("its pattern matches nothing")?;
        let span = u32::from(end) - u32::from(start);
        let offset = self.chance.below(usize::try_from(span).unwrap_or(0) + 1);
        let code = u32::from(start) + u32::try_from(offset).unwrap_or(0);
        // A range may span the surrogates, which are no characters.
        Ok(char::from_u32(code).unwrap_or(start))
    }
}
