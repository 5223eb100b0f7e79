//! Where the parts of a `.proto` file stand, and what is said of them in comments.

use std::collections::HashMap;

use prost_reflect::prost_types::FileDescriptorProto;

use crate::source::{FileId, Span};

/// The places of one file, by the paths that descriptors have.
#[derive(Debug)]
pub(crate) struct Places {
    file: FileId,
    known: HashMap<Vec<i32>, Place>,
}

#[derive(Debug)]
struct Place {
    span: Span,
    comment: Option<String>,
}

/// Number of `name` in every descriptor.
const NAME: i32 = 1;

impl Places {
    /// The places of a file that was just parsed.
    pub(super) fn new(file: FileId, text: &str, descriptor: &FileDescriptorProto) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let at = |line: &i32, column: &i32| {
            let line = usize::try_from(*line).unwrap_or(0);
            let start = starts.get(line).copied().unwrap_or(text.len());
            let column = usize::try_from(*column).unwrap_or(0);
            start.saturating_add(column).min(text.len())
        };
        let mut known = HashMap::new();
        let locations = descriptor.source_code_info.iter();
        for location in locations.flat_map(|info| &info.location) {
            let (start, end) = match location.span.as_slice() {
                [line, from, to] => (at(line, from), at(line, to)),
                [line, from, last, to] => (at(line, from), at(last, to)),
                _ => continue,
            };
            let comment = location.leading_comments.as_deref();
            let comment = comment.or(location.trailing_comments.as_deref());
            let place = Place {
                span: Span::new(file, start, end.max(start)),
                comment: comment.and_then(tidy),
            };
            known.entry(location.path.clone()).or_insert(place);
        }
        Self { file, known }
    }

    /// Where something stands: its name, or all of it, or the file where neither is known.
    pub(crate) fn of(&self, path: &[i32]) -> Span {
        let name: Vec<i32> = path.iter().copied().chain([NAME]).collect();
        let place = self.known.get(&name).or_else(|| self.known.get(path));
        place.map_or(Span::start_of(self.file), |place| place.span)
    }

    /// What is said of something.
    pub(super) fn comment(&self, path: &[i32]) -> Option<&str> {
        self.known.get(path)?.comment.as_deref()
    }
}

/// A comment without the space that stands before each line.
fn tidy(comment: &str) -> Option<String> {
    let lines = comment.lines();
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
