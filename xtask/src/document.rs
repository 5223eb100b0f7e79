//! Documents of the corpus, as every generator reads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dovetail_contract::load::parse_text;

/// A document of the corpus.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its name, as tables show it.
    pub(crate) name: String,
    /// The file to read.
    pub(crate) path: PathBuf,
    /// How many keys were dropped because they stand twice.
    pub(crate) dropped: usize,
}

impl Document {
    /// Takes a document of the corpus. One in which keys stand twice, which no reader need accept, is mended in `folder`, for all sides alike.
    pub(crate) fn new(path: &Path, folder: &Path) -> Result<Self> {
        let file = path.file_name().context("a document has no name")?;
        let name = file.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let (text, dropped) = without_repeated_keys(&name, &text)?;
        let mut document = Self {
            name,
            path: path.to_owned(),
            dropped,
        };
        if dropped > 0 {
            document.path = folder.join(&document.name);
            std::fs::write(&document.path, text)?;
        }
        Ok(document)
    }

    /// The name, and what was done to it.
    pub(crate) fn shown(&self) -> String {
        match self.dropped {
            0 => self.name.clone(),
            _ => format!("{} (mended)", self.name),
        }
    }
}

/// Keys that may stand twice before a document is given up.
const REPEATED_MAX: usize = 100;

/// The text without the earlier of any two equal keys of one mapping, and how many there were.
///
/// Only block mappings of YAML are mended: there a key has lines of its own, up to the next line that is not indented deeper.
fn without_repeated_keys(name: &str, text: &str) -> Result<(String, usize)> {
    let mut text = text.to_owned();
    for dropped in 0..REPEATED_MAX {
        match repeated_key(name, &text) {
            None => return Ok((text, dropped)),
            Some(line) if name.ends_with(".json") => {
                bail!("{name}:{line}: a key stands twice, and JSON is not mended here")
            }
            Some(line) => text = without_block(&text, line),
        }
    }
    bail!("{name}: more than {REPEATED_MAX} keys stand twice")
}

/// The line of the first key that stands again in the same mapping, counted from one.
fn repeated_key(name: &str, text: &str) -> Option<usize> {
    let parsed = parse_text(name, text);
    let finding = parsed
        .findings
        .iter()
        .find(|finding| finding.code.id == dovetail_contract::codes::DUPLICATE_KEY.id)?;
    let earlier = finding.related.first()?.span;
    let place = parsed.sources.file(earlier.file).line_column(earlier.start);
    usize::try_from(place.line).ok()
}

/// The text without this line and those below it that are indented deeper.
fn without_block(text: &str, line: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut depth = None;
    let kept = text
        .split_inclusive('\n')
        .zip(1..)
        .filter(|(words, number)| {
            if *number == line {
                depth = Some(indent(words));
                return false;
            }
            let belongs =
                depth.is_some_and(|depth| words.trim().is_empty() || indent(words) > depth);
            if !belongs && *number > line {
                depth = None;
            }
            !belongs
        });
    kept.map(|(words, _)| words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_equal_keys_the_later_stays() {
        let text = "a:\n  b: 1\n  c:\n    - x\n\n    - y\n  d: 2\n  c: 3\ne: 4\n";
        let mended = "a:\n  b: 1\n  d: 2\n  c: 3\ne: 4\n";
        let (text, dropped) = without_repeated_keys("a.yaml", text).unwrap();
        assert_eq!((text.as_str(), dropped), (mended, 1));
    }

    #[test]
    fn what_has_no_equal_keys_stays_as_it_is() {
        let text = "a: 1\nb: {a: 2}\n";
        let mended = without_repeated_keys("a.yaml", text).unwrap();
        assert_eq!(mended, (text.to_owned(), 0));
    }

    #[test]
    fn json_with_equal_keys_is_refused() {
        let error = without_repeated_keys("a.json", "{\"a\": 1,\n\"a\": 2}").unwrap_err();
        assert!(error.to_string().starts_with("a.json:1: "), "{error}");
    }
}
