//! Items and their members, each where people put it: one blank line between items, imports together, a list on one line or one line for
//! each of its elements.
//!
//! Blanks within a line are those of the templates; only line breaks are decided here.

use super::token::{Kind, Tokens};

/// Columns of a line, indentation included.
pub(super) const WIDTH: usize = 89;
/// Columns of one level of indentation.
pub(super) const STEP: usize = 4;

/// Lays out a file.
pub(super) fn file(tokens: &Tokens<'_>, length: usize) -> String {
    let mut layout = Layout {
        tokens,
        out: String::with_capacity(length + length / 4),
        line: 0,
    };
    let start = layout.head(tokens.list.len());
    layout.items(start, tokens.list.len(), 0, start > 0);
    layout.out.push('\n');
    layout.out
}

/// A file while it is laid out.
pub(super) struct Layout<'t> {
    pub(super) tokens: &'t Tokens<'t>,
    pub(super) out: String,
    /// Where the current line begins.
    line: usize,
}

/// What may stand next to its like without a blank line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    /// An import: of the standard library, of other crates, or of this crate.
    Use(u8),
    Module,
    Other,
}

impl Layout<'_> {
    /// Documentation and attributes of the file itself. Returns where its items begin.
    fn head(&mut self, end: usize) -> usize {
        let mut at = 0;
        while at < end {
            let is_doc = self.tokens.text(at).starts_with("//!");
            let is_attribute = self.tokens.text(at) == "#" && self.tokens.text(at + 1) == "!";
            let next = match (is_doc, is_attribute) {
                (true, _) => at + 1,
                (_, true) => self.tokens.next(at + 2),
                _ => break,
            };
            if at > 0 {
                self.break_line(0);
            }
            self.flat(at, next);
            at = next;
        }
        at
    }

    /// Items of a file or members of an `impl`.
    fn items(&mut self, from: usize, to: usize, indent: usize, mut follows: bool) {
        let mut before = Neighbour::Other;
        let mut at = from;
        while at < to {
            let start = self.after_attributes(at, to);
            let (keyword, end) = self.item_end(start, to);
            let neighbour = self.neighbour(keyword, start);
            if follows {
                if neighbour == Neighbour::Other || neighbour != before {
                    self.blank_line();
                }
                self.break_line(indent);
            } else if indent > 0 {
                self.break_line(indent);
            }
            self.attributes(at, start, indent);
            self.item(keyword, start, end, indent);
            (before, follows, at) = (neighbour, true, end);
        }
    }

    /// The first token that is neither documentation nor an attribute.
    fn after_attributes(&self, from: usize, to: usize) -> usize {
        let mut at = from;
        while at < to {
            match self.tokens.text(at) {
                "#" => at = self.tokens.next(at + 1),
                _ if self.tokens.kind(at) == Kind::Comment => at += 1,
                _ => break,
            }
        }
        at
    }

    /// Writes documentation and attributes, a line each, and begins another line.
    fn attributes(&mut self, from: usize, to: usize, indent: usize) {
        let mut at = from;
        while at < to {
            let next = match self.tokens.text(at) {
                "#" => self.tokens.next(at + 1),
                _ => at + 1,
            };
            self.flat(at, next);
            self.break_line(indent);
            at = next;
        }
    }

    /// The word that says what an item is, and where the item ends.
    fn item_end(&self, start: usize, to: usize) -> (&'static str, usize) {
        const KEYWORDS: [&str; 9] = [
            "use", "mod", "type", "static", "struct", "enum", "impl", "fn", "trait",
        ];
        let mut keyword = "";
        let mut at = start;
        while at < to {
            let text = self.tokens.text(at);
            if keyword.is_empty() {
                let known = KEYWORDS.iter().find(|known| **known == text);
                keyword = known.copied().unwrap_or_default();
                if text == "const" && self.tokens.text(at + 1) != "fn" {
                    keyword = "const";
                }
            }
            let is_value = matches!(keyword, "use" | "const" | "static" | "type");
            match text {
                ";" => return (keyword, at + 1),
                "{" if !is_value => return (keyword, self.tokens.next(at)),
                _ => at = self.tokens.next(at),
            }
        }
        (keyword, to)
    }

    fn neighbour(&self, keyword: &str, start: usize) -> Neighbour {
        match keyword {
            "use" => {
                let mut at = start;
                while self.tokens.text(at) != "use" {
                    at += 1;
                }
                Neighbour::Use(match self.tokens.text(at + 1) {
                    "std" => 0,
                    "crate" => 2,
                    _ => 1,
                })
            }
            "mod" => Neighbour::Module,
            _ => Neighbour::Other,
        }
    }

    fn item(&mut self, keyword: &str, start: usize, end: usize, indent: usize) {
        let brace = self.find(start, end, "{");
        match (keyword, brace) {
            ("use", Some(brace)) if !self.fits(start, end, 0) => self.imports(start, brace, indent),
            ("struct" | "enum", Some(brace)) => {
                self.flat(start, brace + 1);
                self.members(brace + 1, end - 1, indent);
                self.close(end - 1, brace + 1, indent);
            }
            ("impl" | "trait" | "mod", Some(brace)) => {
                self.flat(start, brace + 1);
                self.items(brace + 1, end - 1, indent + STEP, false);
                self.close(end - 1, brace + 1, indent);
            }
            ("fn", Some(brace)) => {
                self.signature(start, brace, indent);
                self.statements(brace + 1, end - 1, indent + STEP);
                self.close(end - 1, brace + 1, indent);
            }
            ("const" | "static", _) => self.binding(start, end, indent),
            ("type" | "struct", None) => {
                self.declared(start, end - 1, indent, 1);
                self.flat(end - 1, end);
            }
            _ => self.flat(start, end),
        }
    }

    /// The closing brace, on a line of its own unless nothing stands before it.
    pub(super) fn close(&mut self, at: usize, inner: usize, indent: usize) {
        if at > inner {
            self.break_line(indent);
        }
        self.flat(at, at + 1);
    }

    /// An import whose names take several lines.
    fn imports(&mut self, start: usize, brace: usize, indent: usize) {
        self.flat(start, brace + 1);
        self.break_line(indent + STEP);
        let names = self.split(brace + 1, self.tokens.next(brace) - 1);
        let last = names.len().saturating_sub(1);
        for (index, (from, to)) in names.into_iter().enumerate() {
            let comma = usize::from(index < last);
            if index > 0 {
                if self.column() + 1 + self.tokens.width(from, to) + comma > WIDTH {
                    self.break_line(indent + STEP);
                } else {
                    self.out.push(' ');
                }
            }
            self.flat(from, to);
            self.out.push(',');
        }
        self.break_line(indent);
        self.out.push_str("};");
    }

    /// Fields of a struct, or variants of an enum.
    fn members(&mut self, from: usize, to: usize, indent: usize) {
        let inside = indent + STEP;
        for (from, to) in self.split(from, to) {
            self.break_line(inside);
            let start = self.after_attributes(from, to);
            self.attributes(from, start, inside);
            match self.find(start, to, "{") {
                Some(brace) if !self.fits(start, to, 1) => {
                    self.flat(start, brace + 1);
                    self.members(brace + 1, to - 1, inside);
                    self.close(to - 1, brace + 1, inside);
                }
                _ => self.declared(start, to, inside, 1),
            }
            self.out.push(',');
        }
    }

    /// What a function is called, takes and returns, up to the brace.
    fn signature(&mut self, start: usize, brace: usize, indent: usize) {
        let closing = usize::from(self.tokens.next(brace) == brace + 2);
        let list = self.find(start, brace, "(");
        match list {
            Some(list) if !self.fits(start, brace + 1, closing) => {
                self.flat(start, list + 1);
                let end = self.tokens.next(list) - 1;
                let arguments = self.split(list + 1, end);
                self.declared_all(&arguments, indent + STEP);
                self.close(end, list + 1, indent);
                self.out.push(' ');
                self.declared(end + 1, brace + 1, indent, closing);
            }
            _ => self.flat(start, brace + 1),
        }
    }

    /// Something with a type. A type that is too long is broken at its arguments, from the outside in.
    fn declared(&mut self, from: usize, to: usize, indent: usize, trail: usize) {
        let open = (from..to).find(|at| matches!(self.tokens.text(*at), "<" | "("));
        let Some(open) = open.filter(|_| !self.fits(from, to, trail)) else {
            self.flat(from, to);
            return;
        };
        let close = match self.tokens.text(open) {
            "<" => self.closing_angle(open, to),
            _ => self.tokens.next(open) - 1,
        };
        let arguments = self.split(open + 1, close);
        if arguments.is_empty() {
            self.flat(from, to);
            return;
        }
        self.flat(from, open + 1);
        self.declared_all(&arguments, indent + STEP);
        self.break_line(indent);
        self.flat(close, to);
    }

    /// Arguments or parameters with their types, a line each.
    fn declared_all(&mut self, parts: &[(usize, usize)], indent: usize) {
        for (index, (from, to)) in parts.iter().copied().enumerate() {
            self.break_line(indent);
            // The comma after the last one would not be there if it stood on a line with the others, and may stick out.
            let comma = usize::from(index + 1 < parts.len());
            self.declared(from, to, indent, comma);
            self.out.push(',');
        }
    }

    fn closing_angle(&self, open: usize, to: usize) -> usize {
        let mut depth = 0_usize;
        let mut at = open;
        while at < to {
            match self.tokens.text(at) {
                "<" => depth += 1,
                ">" if depth == 1 => return at,
                ">" => depth -= 1,
                _ => {}
            }
            at = self.tokens.next(at);
        }
        to
    }

    /// A name and the expression that it stands for, up to the semicolon.
    pub(super) fn binding(&mut self, from: usize, to: usize, indent: usize) {
        let end = to - usize::from(self.tokens.text(to - 1) == ";");
        match self.find(from, end, "=") {
            Some(equals) => {
                self.flat(from, equals + 1);
                self.out.push(' ');
                self.expression(equals + 1, end, indent, to - end);
            }
            None => self.flat(from, end),
        }
        self.flat(end, to);
    }

    /// The parts of a list, without their commas.
    pub(super) fn split(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut start, mut at, mut angles) = (from, from, 0_usize);
        let mut takes = false;
        while at < to {
            match self.tokens.text(at) {
                "<" => angles += 1,
                ">" => angles = angles.saturating_sub(1),
                // What a closure takes.
                "|" => takes = !takes,
                "," if angles == 0 && !takes => {
                    parts.push((start, at));
                    start = at + 1;
                }
                _ => {}
            }
            at = self.tokens.next(at);
        }
        if start < to {
            parts.push((start, to));
        }
        parts
    }

    /// The first token of this text outside of brackets, or that opens one.
    pub(super) fn find(&self, from: usize, to: usize, text: &str) -> Option<usize> {
        let mut at = from;
        while at < to {
            if self.tokens.text(at) == text {
                return Some(at);
            }
            at = self.tokens.next(at);
        }
        None
    }

    /// Whether tokens and what follows them have room on the current line.
    pub(super) fn fits(&self, from: usize, to: usize, trail: usize) -> bool {
        self.column() + self.tokens.width(from, to) + trail <= WIDTH
    }

    /// Writes tokens on the current line.
    pub(super) fn flat(&mut self, from: usize, to: usize) {
        let tokens = self.tokens;
        for (index, token) in tokens
            .list
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            if token.dropped && index + 1 < to - from {
                continue;
            }
            if token.spaced && index > 0 {
                self.out.push(' ');
            }
            self.out.push_str(token.text);
            // Whatever comes after a comment on its line would be part of it.
            if token.kind == Kind::Comment && index + 1 < to - from {
                self.break_line(0);
            }
        }
    }

    pub(super) fn break_line(&mut self, indent: usize) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line = self.out.len();
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn blank_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn column(&self) -> usize {
        let line = self.out.get(self.line..).unwrap_or_default();
        line.chars().count()
    }
}
