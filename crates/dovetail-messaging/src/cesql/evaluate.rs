//! What a filter comes to for an event. It always comes to something; what went wrong is told beside it.
//!
//! An attribute that is missing makes the operator or the function around it come to the zero of its type, without a further error: `1 / missing`
//! is 0, and divides by nothing.

use thiserror::Error;

use super::{
    Value,
    expression::{Compare, Expression, Kind, Logic, Math, Operator, Step},
    function::{Failure, Function},
    value::NoCast,
};
use crate::cloudevents::Event;

/// What an expression came to, and what went wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation<'a> {
    /// The value. After an error it is what remains to be said, often the zero of its type.
    pub value: Value<'a>,
    /// The errors, in the order in which they came up.
    pub errors: Vec<EvaluationError>,
}

impl Evaluation<'_> {
    /// Whether the event passes the filter: the value is true, and there is no error.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.value == Value::Boolean(true) && self.errors.is_empty()
    }
}

/// Something that went wrong in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind}, after {position} bytes of the filter")]
pub struct EvaluationError {
    /// How many bytes of the filter stand before the part.
    pub position: usize,
    /// What went wrong in it.
    pub kind: EvaluationErrorKind,
}

/// What can go wrong in an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvaluationErrorKind {
    /// A division by zero, or a result of more than 32 bits.
    #[error("the result is no number of 32 bits")]
    Math,
    /// A value is not what an operator or a function takes.
    #[error("the value cannot become the type that is needed")]
    Cast,
    /// The event has no such attribute.
    #[error("the event has no such attribute")]
    MissingAttribute,
    /// No function has this name and this many arguments.
    #[error("no function has this name and this many arguments")]
    MissingFunction,
    /// An argument is out of the range of its function, or a text would be too long.
    #[error("the function has no result for these arguments")]
    FunctionEvaluation,
}

/// Evaluates a filter.
pub(super) fn evaluate<'a>(expression: &'a Expression, event: &'a Event) -> Evaluation<'a> {
    let mut evaluator = Evaluator {
        event,
        errors: Vec::new(),
    };
    let value = evaluator
        .operand(expression)
        .unwrap_or(Value::Boolean(false));
    Evaluation {
        value,
        errors: evaluator.errors,
    }
}

struct Evaluator<'a> {
    event: &'a Event,
    errors: Vec<EvaluationError>,
}

impl<'a> Evaluator<'a> {
    /// The value of a part; nothing for an attribute that is missing, after the error is noted.
    fn operand(&mut self, expression: &'a Expression) -> Option<Value<'a>> {
        let position = expression.position;
        Some(match &expression.kind {
            Kind::Literal(value) => value.borrowed(),
            Kind::Attribute(name) => match self.event.attribute(name) {
                Some(attribute) => attribute.into(),
                None => {
                    self.note(position, EvaluationErrorKind::MissingAttribute);
                    return None;
                }
            },
            Kind::Exists(name) => Value::Boolean(self.event.attribute(name).is_some()),
            Kind::Not(operand) => {
                let value = self.boolean(operand, position);
                Value::Boolean(value.is_some_and(|value| !value))
            }
            Kind::Negate(operand) => self.negate(operand, position),
            Kind::Like {
                operand,
                pattern,
                is_negated,
            } => {
                let text = self.operand(operand).map(Value::into_text);
                let matches = text.map(|text| pattern.matches(&text) != *is_negated);
                Value::Boolean(matches.unwrap_or(false))
            }
            Kind::In {
                operand,
                set,
                is_negated,
            } => {
                let contains = self.contains(operand, set);
                Value::Boolean(contains.is_some_and(|contains| contains != *is_negated))
            }
            Kind::Call {
                function,
                arguments,
            } => self.call(*function, arguments, position),
            Kind::Row { first, rest } => self.row(first, rest),
        })
    }

    /// A row of operators, from left to right.
    fn row(&mut self, first: &'a Expression, rest: &'a [Step]) -> Value<'a> {
        let mut left = self.operand(first);
        for step in rest {
            left = Some(match step.operator {
                Operator::Logic(logic) => Value::Boolean(self.logic(logic, left, step)),
                Operator::Compare(compare) => Value::Boolean(self.compare(compare, left, step)),
                Operator::Math(math) => Value::Integer(self.math(math, left, step)),
            });
        }
        left.unwrap_or(Value::Boolean(false))
    }

    fn logic(&mut self, logic: Logic, left: Option<Value<'a>>, step: &'a Step) -> bool {
        let Some(left) = left.and_then(|left| self.cast(left.to_boolean(), step.position)) else {
            return false;
        };
        match (logic, left) {
            (Logic::And, false) => return false,
            (Logic::Or, true) => return true,
            _ => {}
        }
        match self.boolean(&step.operand, step.position) {
            Some(right) if logic == Logic::Xor => left != right,
            // The left one did not decide.
            Some(right) => right,
            None => false,
        }
    }

    fn compare(&mut self, compare: Compare, left: Option<Value<'a>>, step: &'a Step) -> bool {
        let right = self.operand(&step.operand);
        let (Some(left), Some(right)) = (left, right) else {
            return false;
        };
        if matches!(compare, Compare::Equal | Compare::NotEqual) {
            let equal = self.cast(right.equals(&left), step.position);
            return equal.is_some_and(|equal| equal == (compare == Compare::Equal));
        }
        let Some((left, right)) = self.integers(&left, &right, step.position) else {
            return false;
        };
        match compare {
            Compare::Less => left < right,
            Compare::LessOrEqual => left <= right,
            Compare::Greater => left > right,
            Compare::GreaterOrEqual => left >= right,
            Compare::Equal => left == right,
            Compare::NotEqual => left != right,
        }
    }

    /// A result of more than 32 bits becomes the nearest that fits, as the specification has it for `ABS`.
    fn math(&mut self, math: Math, left: Option<Value<'a>>, step: &'a Step) -> i32 {
        let right = self.operand(&step.operand);
        let (Some(left), Some(right)) = (left, right) else {
            return 0;
        };
        let Some((left, right)) = self.integers(&left, &right, step.position) else {
            return 0;
        };
        let (exact, nearest) = match math {
            Math::Add => (left.checked_add(right), left.saturating_add(right)),
            Math::Subtract => (left.checked_sub(right), left.saturating_sub(right)),
            Math::Multiply => (left.checked_mul(right), left.saturating_mul(right)),
            Math::Divide | Math::Remainder if right == 0 => (None, 0),
            Math::Divide => (left.checked_div(right), left.saturating_div(right)),
            Math::Remainder => (Some(left.wrapping_rem(right)), 0),
        };
        exact.unwrap_or_else(|| {
            self.note(step.position, EvaluationErrorKind::Math);
            nearest
        })
    }

    fn negate(&mut self, operand: &'a Expression, position: usize) -> Value<'a> {
        let value = self.operand(operand);
        let integer = value.and_then(|value| self.cast(value.to_integer(), position));
        let negated = integer.map_or(Some(0), i32::checked_neg);
        Value::Integer(negated.unwrap_or_else(|| {
            self.note(position, EvaluationErrorKind::Math);
            i32::MAX
        }))
    }

    /// Whether a value is one of the set, up to the first that it equals; nothing if an attribute before that is missing.
    fn contains(&mut self, operand: &'a Expression, set: &'a [Expression]) -> Option<bool> {
        let value = self.operand(operand)?;
        for item in set {
            let item_value = self.operand(item)?;
            if self.cast(value.equals(&item_value), item.position) == Some(true) {
                return Some(true);
            }
        }
        Some(false)
    }

    fn call(
        &mut self,
        function: Option<Function>,
        arguments: &'a [Expression],
        position: usize,
    ) -> Value<'a> {
        let Some(function) = function else {
            self.note(position, EvaluationErrorKind::MissingFunction);
            return Value::Boolean(false);
        };
        // All of them, so that all errors are told.
        let values: Vec<_> = arguments
            .iter()
            .map(|argument| self.operand(argument))
            .collect();
        let Some(values) = values.into_iter().collect() else {
            return function.zero();
        };
        function
            .call(values)
            .unwrap_or_else(|Failure { kind, value }| {
                self.note(position, kind);
                value
            })
    }

    fn boolean(&mut self, operand: &'a Expression, position: usize) -> Option<bool> {
        let value = self.operand(operand)?;
        self.cast(value.to_boolean(), position)
    }

    fn integers(
        &mut self,
        left: &Value<'_>,
        right: &Value<'_>,
        position: usize,
    ) -> Option<(i32, i32)> {
        let left = self.cast(left.to_integer(), position);
        let right = self.cast(right.to_integer(), position);
        left.zip(right)
    }

    /// What was cast; nothing, after the error is noted, if it cannot be.
    fn cast<T>(&mut self, cast: Result<T, NoCast>, position: usize) -> Option<T> {
        match cast {
            Ok(value) => Some(value),
            Err(NoCast) => {
                self.note(position, EvaluationErrorKind::Cast);
                None
            }
        }
    }

    fn note(&mut self, position: usize, kind: EvaluationErrorKind) {
        self.errors.push(EvaluationError { position, kind });
    }
}

#[cfg(test)]
mod tests;
