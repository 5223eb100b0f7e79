//! The `.proto` files that contracts name and all that these import, parsed and held together.
//!
//! An import is looked for beside the file that names it and in each folder above, up to the top of the workspace, and then in the folder of the
//! contract: one of these is what protoc would be given as its path. Nothing outside of the workspace is read; the files that come with protobuf (`google/protobuf/…`) are built in.

use std::collections::{HashMap, HashSet};

use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorError, DescriptorPool};

use super::places::Places;
use crate::codes;
use crate::finding::Finding;
use crate::load::files::{Files, PathProblem};
use crate::load::lower;
use crate::source::{FileId, Span};

/// Largest file. The largest honest ones have a tenth of it.
const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most bytes of all files of one service.
const TOTAL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Deepest nesting of brackets of any kind.
const DEPTH_MAX: usize = 64;

/// Folder of the files that come with protobuf.
const BUILT_IN: &str = "google/protobuf/";

/// Most bytes of all files that are held together, each counted for every file of the contract that it belongs to.
const LINKED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The files of one service.
#[derive(Debug)]
pub(crate) struct Pool {
    parsed: HashMap<String, Parsed>,
    /// Where everything stands, by the path of each file.
    pub(super) places: HashMap<String, Places>,
    /// The files that were held together with what they import; none where something is wrong with them.
    linked: HashMap<String, Option<DescriptorPool>>,
    /// The files that something is wrong with.
    broken: HashSet<String>,
    bytes: usize,
    bytes_linked: usize,
    /// The contract that names the files.
    pub(super) contract: FileId,
}

/// A file that was parsed. Its imports have the paths of their files for names.
#[derive(Debug)]
struct Parsed {
    file: FileId,
    bytes: usize,
    descriptor: FileDescriptorProto,
}

impl Pool {
    /// Reads the files at these paths, each with the place in the contract that names it, and all that they import.
    pub(crate) fn read(files: &mut Files, contract: FileId, named: &[(String, Span)]) -> Self {
        let contract_path = files.sources().file(contract).path.clone();
        let mut pool = Self {
            parsed: HashMap::new(),
            places: HashMap::new(),
            linked: HashMap::new(),
            broken: HashSet::new(),
            bytes: 0,
            bytes_linked: 0,
            contract,
        };
        let built_in = DescriptorPool::global();
        let mut queue: Vec<(String, Span)> = named.iter().rev().cloned().collect();
        let mut met: HashSet<String> = HashSet::new();
        while let Some((path, span)) = queue.pop() {
            if !met.insert(path.clone()) {
                continue;
            }
            match pool.parse(files, &path, span) {
                Some(mut parsed) => {
                    let from = (path.as_str(), contract_path.as_str());
                    pool.imports(files, &built_in, from, &mut parsed, &mut queue);
                    pool.parsed.insert(path, parsed);
                }
                None => {
                    pool.broken.insert(path);
                }
            }
        }
        pool
    }

    /// A file with all that it imports, and nothing else: names of other files could stand before those that are meant. `None` where something is
    /// wrong with one of them, which is said once.
    pub(crate) fn link(&mut self, files: &mut Files, path: &str) -> Option<DescriptorPool> {
        if let Some(known) = self.linked.get(path) {
            return known.clone();
        }
        let linked = self.linked_anew(files, path);
        self.linked.insert(path.to_owned(), linked.clone());
        linked
    }

    fn linked_anew(&mut self, files: &mut Files, path: &str) -> Option<DescriptorPool> {
        let order = self.order(files, path)?;
        let sizes = order.iter().filter_map(|path| self.parsed.get(path));
        let bytes: usize = sizes.map(|parsed| parsed.bytes).sum();
        self.bytes_linked = self.bytes_linked.saturating_add(bytes);
        if self.bytes_linked > LINKED_BYTES_MAX {
            let text = format!("`{path}` is not read: too much is imported by too many files");
            let span = self
                .parsed
                .get(path)
                .map_or(self.contract, |parsed| parsed.file);
            files.push(Finding::new(&codes::TOO_LARGE, Span::start_of(span), text));
            return None;
        }
        let mut pool = DescriptorPool::global();
        for path in order {
            let parsed = self.parsed.get(&path)?;
            let Err(error) = pool.add_file_descriptor_proto(parsed.descriptor.clone()) else {
                continue;
            };
            let span = self.place_of(&error, parsed.file);
            files.push(Finding::new(&codes::PROTO_SYNTAX, span, error.to_string()));
            self.broken.insert(path);
            return None;
        }
        Some(pool)
    }

    /// A file and all that it imports, each after what it imports itself.
    fn order(&mut self, files: &mut Files, path: &str) -> Option<Vec<String>> {
        let mut order = Vec::new();
        let mut done: HashSet<&str> = HashSet::new();
        let mut open: Vec<(&str, usize)> = vec![(path, 0)];
        while let Some((path, next)) = open.pop() {
            if self.broken.contains(path) {
                return None;
            }
            let Some(parsed) = self.parsed.get(path) else {
                // It is built in.
                done.insert(path);
                continue;
            };
            let Some(import) = parsed.descriptor.dependency.get(next) else {
                done.insert(path);
                order.push(path.to_owned());
                continue;
            };
            open.push((path, next + 1));
            if open.iter().any(|(known, _)| known == import) {
                let text = format!("`{import}` imports itself, or a file that imports it");
                let finding =
                    Finding::new(&codes::REFERENCE_CYCLE, Span::start_of(parsed.file), text);
                files.push(finding.expected("files that do not import each other"));
                let path = path.to_owned();
                self.broken.insert(path);
                return None;
            }
            if !done.contains(import.as_str()) {
                open.push((import, 0));
            }
        }
        Some(order)
    }

    fn parse(&mut self, files: &mut Files, path: &str, named_at: Span) -> Option<Parsed> {
        let file = files.plain(path, named_at)?;
        let text = files.sources().file(file).text.clone();
        self.bytes = self.bytes.saturating_add(text.len());
        let is_large = text.len() > FILE_BYTES_MAX || self.bytes > TOTAL_BYTES_MAX;
        if is_large || depth(&text) > DEPTH_MAX {
            let what = if is_large { "large" } else { "deeply nested" };
            let message = format!("`{path}` is not read: it is too {what}");
            let span = Span::start_of(file);
            files.push(Finding::new(&codes::TOO_LARGE, span, message));
            return None;
        }
        match protox_parse::parse(path, &text) {
            Ok(mut descriptor) => {
                let places = Places::new(file, &text, &descriptor);
                self.places.insert(path.to_owned(), places);
                // Places are known by now, and looking for them among many for each of many errors would take its time.
                descriptor.source_code_info = None;
                Some(Parsed {
                    file,
                    bytes: text.len(),
                    descriptor,
                })
            }
            Err(error) => {
                let range = error.span().unwrap_or(0..0);
                let end = text.len();
                let span = Span::new(file, range.start.min(end), range.end.min(end));
                let said = text.get(range).unwrap_or_default();
                let message = error.to_string();
                // What the parser says of a path that it does not take, which tells nobody anything.
                let is_import = message == "invalid group name" && said.starts_with(['"', '\'']);
                files.push(match is_import {
                    true => unfit_import(path, said, span),
                    false => Finding::new(&codes::PROTO_SYNTAX, span, message),
                });
                None
            }
        }
    }

    /// Finds what a file imports, and gives each import the path of its file as its name.
    fn imports(
        &mut self,
        files: &mut Files,
        built_in: &DescriptorPool,
        (path, contract): (&str, &str),
        parsed: &mut Parsed,
        queue: &mut Vec<(String, Span)>,
    ) {
        let mut found = Vec::new();
        for (index, import) in parsed.descriptor.dependency.iter_mut().enumerate() {
            if import.starts_with(BUILT_IN) && built_in.get_file_by_name(import).is_some() {
                continue;
            }
            let places = self.places.get(path);
            let place = [3, i32::try_from(index).unwrap_or(i32::MAX)];
            let span = places.map_or(Span::start_of(parsed.file), |places| places.of(&place));
            match find(files, path, contract, import, span) {
                Some(path) => {
                    import.clone_from(&path);
                    found.push((path, span));
                }
                None => {
                    self.broken.insert(path.to_owned());
                }
            }
        }
        queue.extend(found.into_iter().rev());
    }

    /// Where an error is: where its path leads to, or its file.
    fn place_of(&self, error: &DescriptorError, file: FileId) -> Span {
        let places = error.file().and_then(|path| self.places.get(path));
        let place = places.zip(error.path());
        place.map_or(Span::start_of(file), |(places, path)| places.of(path))
    }
}

/// The path of the file that an import means. A finding says why where there is none.
fn find(files: &mut Files, from: &str, contract: &str, import: &str, span: Span) -> Option<String> {
    let mut problem: Option<PathProblem> = None;
    let mut above = from;
    let folders = std::iter::from_fn(|| {
        above = above.rsplit_once('/')?.0;
        Some(format!("{above}/."))
    });
    let others = [String::new(), contract.to_owned()];
    for base in folders.take(DEPTH_MAX).chain(others) {
        match Files::join(&base, import) {
            Ok(path) if files.plain_quietly(&path).is_some() => return Some(path),
            Ok(_) => {}
            Err(found) => problem = Some(found),
        }
    }
    let said = lower::shorten(import);
    files.push(match problem {
        Some(problem) => problem.finding(span, &said),
        None => Finding::new(
            &codes::MISSING_FILE,
            span,
            format!("there is no file `{said}` to import"),
        )
        .expected(
            "a file beside this one, in the folder of the service, or at the top of the workspace",
        ),
    });
    None
}

/// What is wrong with an import that the parser does not take: it wants paths without steps up.
fn unfit_import(path: &str, said: &str, span: Span) -> Finding {
    let import = said.trim_matches(['"', '\'']);
    let text = format!(
        "`{}` is not a path that can be imported",
        lower::shorten(import)
    );
    match Files::join(path, import) {
        Err(problem) => problem.finding(span, &lower::shorten(import)),
        Ok(_) => Finding::new(&codes::PROTO_SYNTAX, span, text)
            .expected("a path with forward slashes and without `.` and `..`"),
    }
}

/// How deep brackets lie in each other, without those of comments and texts.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            b'#' => while rest.next().is_some_and(|byte| byte != b'\n') {},
            b'/' if rest.peek() == Some(&b'/') => {
                while rest.next().is_some_and(|byte| byte != b'\n') {}
            }
            b'/' if rest.peek() == Some(&b'*') => {
                let mut last = 0;
                rest.next();
                for byte in rest.by_ref() {
                    if last == b'*' && byte == b'/' {
                        break;
                    }
                    last = byte;
                }
            }
            b'"' | b'\'' => {
                while let Some(inside) = rest.next() {
                    match inside {
                        b'\\' => {
                            rest.next();
                        }
                        b'\n' => break,
                        inside if inside == byte => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn brackets_count_where_they_are_read() {
        let rows = [
            ("", 0),
            ("message A { message B { } }", 2),
            ("{ // {{{{\n /* {{ */ # {{\n \"{{\\\"{\" '{' }", 1),
            ("{ \"unfinished {{\n {", 2),
            ("}}}}{", 1),
            ("/* {", 0),
        ];
        for (text, expected) in rows {
            assert_eq!(depth(text), expected, "{text}");
        }
    }
}
