//! Strings and numbers: which Rust type a format and its bounds ask for.

use dovetail_contract::schema::{Number, Schema, Schemas, Type};

use super::ty::Ty;
use super::view::View;

/// The type of a string.
pub(super) fn text(view: &View, schemas: &Schemas) -> Ty {
    let is_base64 = view.parts.iter().any(|id| {
        let encoding = schemas.schema(*id).string.content_encoding.as_deref();
        encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"))
    });
    // A limit below the length that a value is written with says that it is written otherwise.
    let lengths = view
        .parts
        .iter()
        .map(|id| schemas.schema(*id).string.max_length);
    let length_max = lengths.flatten().min().unwrap_or(u64::MAX);
    match view.format() {
        Some("date-time") if length_max >= 20 => Ty::DateTime,
        Some("date") if length_max >= 10 => Ty::Date,
        Some("uuid") if length_max >= 36 => Ty::Uuid,
        Some("byte") => Ty::Base64,
        Some("decimal") => Ty::Decimal,
        _ if is_base64 => Ty::Base64,
        _ => Ty::Text,
    }
}

/// Whether a format is said of strings, so that it names the type where nothing else does.
pub(super) fn is_text_format(format: &str) -> bool {
    matches!(
        format,
        "date-time"
            | "date"
            | "time"
            | "duration"
            | "uuid"
            | "byte"
            | "binary"
            | "uri"
            | "uri-reference"
            | "email"
            | "hostname"
            | "ipv4"
            | "ipv6"
            | "password"
            | "uri-template"
    )
}

/// The type of a number.
pub(super) fn number(view: &View) -> Ty {
    match view.format() {
        Some("decimal") => Ty::DecimalNumber,
        // Who names integers apart means them exactly, and a double does not hold every one.
        _ if view.kinds().names(Type::Integer) => Ty::Number,
        _ => Ty::Float,
    }
}

/// The type that holds the numbers of several schemas.
pub(super) fn numbers(views: &[View], schemas: &Schemas) -> Ty {
    let is_number = |view: &View| view.kinds().names(Type::Number);
    let is_integer = |view: &View| view.kinds().names(Type::Integer);
    if views.iter().all(is_number) && !views.iter().any(is_integer) {
        return Ty::Float;
    }
    // A double does not hold every integer.
    if views.iter().any(is_number) {
        return Ty::Number;
    }
    let types: Vec<Ty> = views.iter().map(|view| integer(view, schemas)).collect();
    match types.as_slice() {
        [first, rest @ ..] if rest.iter().all(|ty| ty == first) => first.clone(),
        all if all.iter().any(|ty| matches!(ty, Ty::Int("u64" | "i128"))) => Ty::Int("i128"),
        _ => Ty::Int("i64"),
    }
}

/// How far a bound may lie beyond a type and still mean it: documents written by JavaScript round 2^63 to 9223372036854776000.
const ROUNDING: i128 = 1024;

/// The smallest of the usual types that holds every integer the schema allows.
pub(super) fn integer(view: &View, schemas: &Schemas) -> Ty {
    let declared = match view.format() {
        Some("int32") => Some(("i32", i128::from(i32::MIN), i128::from(i32::MAX))),
        Some("int64") => Some(("i64", i128::from(i64::MIN), i128::from(i64::MAX))),
        Some("int8") => Some(("i8", i128::from(i8::MIN), i128::from(i8::MAX))),
        Some("int16") => Some(("i16", i128::from(i16::MIN), i128::from(i16::MAX))),
        Some("uint8") => Some(("u8", 0, i128::from(u8::MAX))),
        Some("uint16") => Some(("u16", 0, i128::from(u16::MAX))),
        Some("uint32") => Some(("u32", 0, i128::from(u32::MAX))),
        Some("uint64" | "uint") => Some(("u64", 0, i128::from(u64::MAX))),
        _ => None,
    };
    let (low, high) = bounds(view, schemas);
    let fits = |least: i128, most: i128| {
        low.is_none_or(|low| low >= least - ROUNDING)
            && high.is_none_or(|high| high <= most + ROUNDING)
    };
    // Bounds that the format cannot hold are real documents' way of saying that the format was a guess.
    if let Some((name, least, most)) = declared
        && fits(least, most)
    {
        return Ty::Int(name);
    }
    if fits(i128::from(i64::MIN), i128::from(i64::MAX)) {
        return Ty::Int("i64");
    }
    if low.is_some_and(|low| low >= 0) && fits(0, i128::from(u64::MAX)) {
        return Ty::Int("u64");
    }
    Ty::Int("i128")
}

fn bounds(view: &View, schemas: &Schemas) -> (Option<i128>, Option<i128>) {
    let rules = || view.parts.iter().map(|id| &schemas.schema(*id).number);
    let low = rules()
        .flat_map(|rules| [&rules.minimum, &rules.exclusive_minimum])
        .filter_map(|bound| bound.as_ref().map(whole))
        .max();
    let high = rules()
        .flat_map(|rules| [&rules.maximum, &rules.exclusive_maximum])
        .filter_map(|bound| bound.as_ref().map(whole))
        .min();
    (low, high)
}

/// A bound as an integer; one beyond all integers becomes the outermost.
fn whole(bound: &Number) -> i128 {
    let float = bound.as_f64();
    bound.as_i128().unwrap_or(match float {
        _ if float >= OUTERMOST => i128::MAX / 2,
        _ if float <= -OUTERMOST => i128::MIN / 2,
        // A fraction: the integers next to it are far from any limit that matters.
        _ => 0,
    })
}

/// Where doubles are no longer exact integers.
const OUTERMOST: f64 = 9_007_199_254_740_992.0;

/// What a schema allows, in a sentence, where it is worth saying.
pub(super) fn limits(schema: &Schema) -> Option<String> {
    let number = &schema.number;
    let low = number
        .minimum
        .as_ref()
        .map(|bound| format!("at least {}", bound.as_str()));
    let above = number
        .exclusive_minimum
        .as_ref()
        .map(|bound| format!("above {}", bound.as_str()));
    let high = number
        .maximum
        .as_ref()
        .map(|bound| format!("at most {}", bound.as_str()));
    let below = number
        .exclusive_maximum
        .as_ref()
        .map(|bound| format!("below {}", bound.as_str()));
    let least = schema.string.min_length.filter(|least| *least > 0);
    let shortest = least.map(|least| format!("at least {least} character{}", plural(least)));
    let longest = schema
        .string
        .max_length
        .map(|most| format!("at most {most} character{}", plural(most)));
    let fewest = schema.array.min_items.filter(|least| *least > 0);
    let fewest = fewest.map(|least| format!("at least {least} item{}", plural(least)));
    let most = schema
        .array
        .max_items
        .map(|most| format!("at most {most} item{}", plural(most)));
    let facts: Vec<String> = [low, above, high, below, shortest, longest, fewest, most]
        .into_iter()
        .flatten()
        .collect();
    if facts.is_empty() {
        return None;
    }
    let mut sentence = facts.join(", ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    Some(sentence)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
