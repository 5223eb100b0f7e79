//! The functions that every evaluator has.

use std::borrow::Cow;

use super::{EvaluationErrorKind, TEXT_MAX, Value, value::NoCast};

/// A function, told apart by its name and by how many arguments it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Length,
    Concat,
    ConcatWs,
    Lower,
    Upper,
    Trim,
    Left,
    Right,
    Substring,
    Int,
    Bool,
    String,
    IsInt,
    IsBool,
}

/// Why a function has no result, and the value that stands for it.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    pub(super) kind: EvaluationErrorKind,
    pub(super) value: Value<'a>,
}

/// Each function with its name, and the fewest and the most arguments that it takes.
const FUNCTIONS: [(&str, usize, usize, Function); 15] = [
    ("ABS", 1, 1, Function::Abs),
    ("LENGTH", 1, 1, Function::Length),
    ("CONCAT", 0, usize::MAX, Function::Concat),
    ("CONCAT_WS", 1, usize::MAX, Function::ConcatWs),
    ("LOWER", 1, 1, Function::Lower),
    ("UPPER", 1, 1, Function::Upper),
    ("TRIM", 1, 1, Function::Trim),
    ("LEFT", 2, 2, Function::Left),
    ("RIGHT", 2, 2, Function::Right),
    ("SUBSTRING", 2, 3, Function::Substring),
    ("INT", 1, 1, Function::Int),
    ("BOOL", 1, 1, Function::Bool),
    ("STRING", 1, 1, Function::String),
    ("IS_INT", 1, 1, Function::IsInt),
    ("IS_BOOL", 1, 1, Function::IsBool),
];

impl Function {
    /// The function of a name, in whatever case, that takes so many arguments.
    pub(super) fn find(name: &str, arguments: usize) -> Option<Self> {
        FUNCTIONS
            .iter()
            .find(|(known, min, max, _)| {
                known.eq_ignore_ascii_case(name) && (*min..=*max).contains(&arguments)
            })
            .map(|&(.., function)| function)
    }

    /// The zero of what it returns.
    pub(super) fn zero<'a>(self) -> Value<'a> {
        match self {
            Self::Abs | Self::Length | Self::Int => Value::Integer(0),
            Self::Bool | Self::IsInt | Self::IsBool => Value::Boolean(false),
            Self::Concat
            | Self::ConcatWs
            | Self::Lower
            | Self::Upper
            | Self::Trim
            | Self::Left
            | Self::Right
            | Self::Substring
            | Self::String => Value::text(""),
        }
    }

    /// Calls the function with as many arguments as it takes.
    pub(super) fn call<'a>(self, arguments: Vec<Value<'a>>) -> Result<Value<'a>, Failure<'a>> {
        let cast = |NoCast| Failure {
            kind: EvaluationErrorKind::Cast,
            value: self.zero(),
        };
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next().unwrap_or(Value::Boolean(false));
        match self {
            Self::Abs => abs(next().to_integer().map_err(cast)?),
            Self::Length => {
                let length = next().into_text().chars().count();
                Ok(Value::Integer(i32::try_from(length).unwrap_or(i32::MAX)))
            }
            Self::Concat => concat("", arguments),
            Self::ConcatWs => concat(&next().into_text(), arguments),
            Self::Lower => bounded(next().into_text().to_lowercase()),
            Self::Upper => bounded(next().into_text().to_uppercase()),
            Self::Trim => Ok(Value::String(slice(next().into_text(), |text| {
                Some(text.trim())
            }))),
            Self::Left | Self::Right => {
                let text = next().into_text();
                let count = next().to_integer().map_err(cast)?;
                end(text, count, self == Self::Left)
            }
            Self::Substring => {
                let text = next().into_text();
                let from = next().to_integer().map_err(cast)?;
                let count = arguments.next().map(|value| value.to_integer());
                let count = count.transpose().map_err(cast)?;
                substring(text, from, count)
            }
            Self::Int => Ok(Value::Integer(next().to_integer().map_err(cast)?)),
            Self::Bool => Ok(Value::Boolean(next().to_boolean().map_err(cast)?)),
            Self::String => Ok(Value::String(next().into_text())),
            Self::IsInt => Ok(Value::Boolean(is_integer(&next()))),
            Self::IsBool => Ok(Value::Boolean(is_boolean(&next()))),
        }
    }
}

fn out_of_range(value: Value<'_>) -> Failure<'_> {
    Failure {
        kind: EvaluationErrorKind::FunctionEvaluation,
        value,
    }
}

/// Whether the value is a number or writes one, rather than whether it could become one: a boolean could.
fn is_integer(value: &Value<'_>) -> bool {
    !matches!(value, Value::Boolean(_)) && value.to_integer().is_ok()
}

/// Whether the value is a boolean or writes one, rather than whether it could become one: every number could.
fn is_boolean(value: &Value<'_>) -> bool {
    !matches!(value, Value::Integer(_)) && value.to_boolean().is_ok()
}

fn abs<'a>(value: i32) -> Result<Value<'a>, Failure<'a>> {
    value.checked_abs().map(Value::Integer).ok_or(Failure {
        kind: EvaluationErrorKind::Math,
        value: Value::Integer(i32::MAX),
    })
}

/// The texts of the values, with a delimiter between them. What would be too long is not made.
fn concat<'a>(
    delimiter: &str,
    values: impl Iterator<Item = Value<'a>>,
) -> Result<Value<'a>, Failure<'a>> {
    let mut text = String::new();
    for (index, value) in values.enumerate() {
        let delimiter = if index == 0 { "" } else { delimiter };
        let value = value.into_text();
        if text.len() + delimiter.len() + value.len() > TEXT_MAX {
            return Err(out_of_range(Value::text("")));
        }
        text.push_str(delimiter);
        text.push_str(&value);
    }
    Ok(Value::String(Cow::Owned(text)))
}

fn bounded<'a>(text: String) -> Result<Value<'a>, Failure<'a>> {
    if text.len() > TEXT_MAX {
        return Err(out_of_range(Value::text("")));
    }
    Ok(Value::String(Cow::Owned(text)))
}

/// The first or the last characters of a text.
fn end(text: Cow<'_, str>, count: i32, is_first: bool) -> Result<Value<'_>, Failure<'_>> {
    let Ok(count) = usize::try_from(count) else {
        return Err(out_of_range(Value::String(text)));
    };
    Ok(Value::String(slice(text, |text| {
        if is_first {
            text.get(..offset(text, count))
        } else {
            let length = text.chars().count();
            text.get(offset(text, length.saturating_sub(count))..)
        }
    })))
}

/// The characters of a text from a place on, which counts from 1, or from the end if it is negative.
fn substring(text: Cow<'_, str>, from: i32, count: Option<i32>) -> Result<Value<'_>, Failure<'_>> {
    let length = text.chars().count();
    let place = usize::try_from(from.unsigned_abs()).unwrap_or(usize::MAX);
    let count = count.map(usize::try_from);
    let (false, Ok(count)) = (place > length, count.transpose()) else {
        return Err(out_of_range(Value::text("")));
    };
    let skipped = match from {
        0 => return Ok(Value::text("")),
        1.. => place - 1,
        _ => length - place,
    };
    Ok(Value::String(slice(text, |text| {
        let rest = text.get(offset(text, skipped)..)?;
        count.map_or(Some(rest), |count| rest.get(..offset(rest, count)))
    })))
}

/// How many bytes so many characters have, or all of them if there are fewer.
fn offset(text: &str, characters: usize) -> usize {
    text.char_indices()
        .nth(characters)
        .map_or(text.len(), |(offset, _)| offset)
}

/// A part of a text, borrowed if the text is.
fn slice<'a>(text: Cow<'a, str>, part: impl Fn(&str) -> Option<&str>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(part(&text).unwrap_or_default().to_owned()),
    }
}
