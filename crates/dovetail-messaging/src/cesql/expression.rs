//! A filter as a tree. A row of operators that bind alike is one node, so that only parentheses, signs and calls make it deep.

use super::{Value, function::Function, like::Pattern};

/// A part of a filter, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    /// How many bytes of the text stand before it, or before its operator.
    pub(super) position: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a part of a filter is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Literal(Value<'static>),
    Attribute(String),
    Exists(String),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    Like {
        operand: Box<Expression>,
        pattern: Pattern,
        is_negated: bool,
    },
    In {
        operand: Box<Expression>,
        set: Vec<Expression>,
        is_negated: bool,
    },
    /// No function where none has this name and this many arguments.
    Call {
        function: Option<Function>,
        arguments: Vec<Expression>,
    },
    /// Operators that bind alike, from left to right.
    Row {
        first: Box<Expression>,
        rest: Vec<Step>,
    },
}

/// One operator of a row, with what is to its right.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) operator: Operator,
    pub(super) position: usize,
    pub(super) operand: Expression,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Logic(Logic),
    Compare(Compare),
    Math(Math),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
