//! Statements and expressions: on one line where there is room, else broken from the outside in: chains before each dot, lists after each
//! comma.

use super::layout::{Layout, STEP};
use super::token::Kind;

impl Layout<'_> {
    /// Statements of a block, each on a line of its own.
    pub(super) fn statements(&mut self, from: usize, to: usize, indent: usize) {
        let mut at = from;
        while at < to {
            let end = self.statement_end(at, to);
            self.break_line(indent);
            let has_mark = self.tokens.text(end - 1) == ";";
            if self.tokens.text(at) == "let" {
                self.binding(at, end, indent);
            } else {
                let mark = usize::from(has_mark);
                self.expression(at, end - mark, indent, mark);
                self.flat(end - mark, end);
            }
            at = end;
        }
    }

    fn statement_end(&self, from: usize, to: usize) -> usize {
        let is_block = matches!(
            self.tokens.text(from),
            "match" | "if" | "for" | "while" | "loop"
        );
        let mut at = from;
        while at < to {
            let text = self.tokens.text(at);
            at = self.tokens.next(at);
            match text {
                ";" => return at,
                "{" if is_block && !matches!(self.tokens.text(at), "else" | "." | "?") => {
                    return at + usize::from(self.tokens.text(at) == ";" && at < to);
                }
                _ => {}
            }
        }
        to
    }

    /// An expression. `trail` are the columns of what follows it on its last line.
    pub(super) fn expression(&mut self, from: usize, to: usize, indent: usize, trail: usize) {
        if from >= to || self.fits(from, to, trail) {
            self.flat(from, to);
            return;
        }
        match self.tokens.text(from) {
            "&" => {
                let inner = from + 1 + usize::from(self.tokens.text(from + 1) == "mut");
                self.flat(from, inner);
                if inner > from + 1 {
                    self.out.push(' ');
                }
                self.expression(inner, to, indent, trail);
            }
            "match" => self.match_arms(from, to, indent),
            "|" => self.closure(from, to, indent, trail),
            "move" if self.tokens.text(from + 1) == "|" => self.closure(from, to, indent, trail),
            "{" | "async" | "if" | "for" | "while" | "loop" | "unsafe" => {
                self.blocks(from, to, indent);
            }
            _ => self.chain(from, to, indent, trail),
        }
    }

    /// A value, and what is called on it. A chain without room is broken before each dot.
    fn chain(&mut self, from: usize, to: usize, indent: usize, trail: usize) {
        let mut dots = Vec::new();
        let mut at = from;
        while at < to {
            // A dot after a name that is shorter than the indentation would begin a line for nothing.
            let is_short = at == from + 1 && self.tokens.text(from).len() <= STEP;
            if self.tokens.text(at) == "." && !is_short {
                dots.push(at);
            }
            at = self.tokens.next(at);
        }
        let Some(first) = dots.first().copied() else {
            self.call(from, to, indent, trail);
            return;
        };
        let begun = self.out.len();
        self.expression(from, first, indent, 0);
        let is_broken = self
            .out
            .get(begun..)
            .is_some_and(|head| head.contains('\n'));
        // Under a closing bracket the chain goes on; under a name it is indented.
        let inside = if is_broken { indent } else { indent + STEP };
        let ends = dots.iter().skip(1).copied().chain([to]);
        for (dot, end) in dots.iter().copied().zip(ends) {
            self.break_line(inside);
            self.call(dot, end, inside, if end == to { trail } else { 0 });
        }
    }

    /// A call, a macro, a struct or a list: broken at its last bracket.
    fn call(&mut self, from: usize, to: usize, indent: usize, trail: usize) {
        let mut open = None;
        let mut at = from;
        while at < to {
            if self.tokens.kind(at) == Kind::Open {
                open = Some(at);
            }
            at = self.tokens.next(at);
        }
        let Some(open) = open.filter(|_| !self.fits(from, to, trail)) else {
            self.flat(from, to);
            return;
        };
        let close = self.tokens.next(open) - 1;
        if self.tokens.text(open) == "{" && !self.tokens.is_struct(open) {
            self.blocks(from, to, indent);
            return;
        }
        self.flat(from, open + 1);
        let parts = self.split(open + 1, close);
        match parts.as_slice() {
            [(from, to)] if self.tokens.text(open) == "(" && self.is_block(*from, *to) => {
                self.expression(*from, *to, indent, 1 + trail);
            }
            _ => self.list(&parts, open, close, indent),
        }
        self.flat(close, to);
    }

    /// Elements on a line each.
    fn list(&mut self, parts: &[(usize, usize)], open: usize, close: usize, indent: usize) {
        let is_struct = self.tokens.text(open) == "{";
        for (index, (from, to)) in parts.iter().copied().enumerate() {
            self.break_line(indent + STEP);
            let comma = usize::from(index + 1 < parts.len());
            let value = match self.find(from, to, ":") {
                Some(colon) if is_struct => colon + 1,
                _ if self.tokens.text(from) == ".." => from + 1,
                _ => from,
            };
            self.flat(from, value);
            if value > from + 1 {
                self.out.push(' ');
            }
            self.expression(value, to, indent + STEP, comma);
            if self.tokens.text(from) != ".." {
                self.out.push(',');
            }
        }
        if close > open + 1 {
            self.break_line(indent);
        }
    }

    /// Whether an expression brings its own brackets, so that those of a call around it need no lines.
    fn is_block(&self, from: usize, to: usize) -> bool {
        match self.tokens.text(from) {
            "|" | "move" => true,
            "[" | "(" => self.tokens.next(from) == to,
            _ => {
                self.tokens.text(to - 1) == "}"
                    && self.tokens.text(from) != "match"
                    && self.find(from, to, ".").is_none()
            }
        }
    }

    fn closure(&mut self, from: usize, to: usize, indent: usize, trail: usize) {
        let bar = from + usize::from(self.tokens.text(from) == "move");
        let body = self.find(bar + 1, to, "|").map_or(to, |bar| bar + 1);
        self.flat(from, body);
        self.out.push(' ');
        let is_call = self.tokens.text(to - 1) == ")" && self.find(body, to, ".").is_none();
        let stands_alone = is_call || self.tokens.text(body) == "match" || self.is_block(body, to);
        if stands_alone || self.fits(body, to, trail) {
            self.expression(body, to, indent, trail);
        } else {
            self.braced(body, to, indent);
        }
    }

    /// Blocks with their keywords, one after another, as those of `if` and `else`.
    fn blocks(&mut self, from: usize, to: usize, indent: usize) {
        let mut at = from;
        while let Some(brace) = self.find(at, to, "{") {
            let close = self.tokens.next(brace) - 1;
            if at > from {
                self.out.push(' ');
            }
            self.flat(at, brace);
            if brace > at {
                self.out.push(' ');
            }
            self.block(brace, close + 1, indent);
            at = close + 1;
        }
        self.flat(at, to);
    }

    /// A block of statements, with its braces.
    fn block(&mut self, from: usize, to: usize, indent: usize) {
        self.flat(from, from + 1);
        self.statements(from + 1, to - 1, indent + STEP);
        self.close(to - 1, from + 1, indent);
    }

    /// An expression in a block of its own.
    fn braced(&mut self, from: usize, to: usize, indent: usize) {
        self.out.push('{');
        self.break_line(indent + STEP);
        self.expression(from, to, indent + STEP, 0);
        self.break_line(indent);
        self.out.push('}');
    }

    fn match_arms(&mut self, from: usize, to: usize, indent: usize) {
        let Some(brace) = self.find(from, to, "{") else {
            self.flat(from, to);
            return;
        };
        let close = self.tokens.next(brace) - 1;
        self.flat(from, brace + 1);
        let inside = indent + STEP;
        let mut at = brace + 1;
        while at < close {
            self.break_line(inside);
            let body = self.find(at, close, "=>").map_or(close, |arrow| arrow + 1);
            self.flat(at, body);
            self.out.push(' ');
            at = self.arm(body, close, inside);
        }
        self.close(close, brace + 1, indent);
        self.flat(close + 1, to);
    }

    /// What an arm does. Returns where the next one begins.
    fn arm(&mut self, body: usize, close: usize, indent: usize) -> usize {
        if self.tokens.text(body) == "{" {
            let end = self.tokens.next(body);
            self.flat(body, body + 1);
            self.statements(body + 1, end - 1, indent + STEP);
            self.close(end - 1, body + 1, indent);
            return end + usize::from(self.tokens.text(end) == "," && end < close);
        }
        let end = self.find(body, close, ",").unwrap_or(close);
        if self.fits(body, end, 0) {
            self.flat(body, end);
            self.out.push(',');
        } else {
            self.braced(body, end, indent);
        }
        (end + 1).min(close)
    }
}
