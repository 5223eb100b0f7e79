//! Numbers within bounds, at their edges, and at those of machine numbers.

use serde_json::Value;

use super::view::View;
use crate::roundtrip::chance::Chance;

/// The integers that a format holds; without one, all that a 64-bit integer does.
fn format_range(format: Option<&str>) -> (i64, i64) {
    match format {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64" | "uint" | "unsigned") => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    }
}

/// An integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "bounds beyond 64 bits become those of 64 bits"
)]
pub(super) fn integer(view: &View<'_>, chance: &mut Chance) -> Result<Value, String> {
    let (mut low, mut high) = format_range(view.format);
    if let Some((bound, excluded)) = view.low {
        let ceiling = bound.ceil() as i64;
        let on_bound = excluded && bound.fract() == 0.0;
        low = low.max(ceiling.saturating_add(i64::from(on_bound)));
    }
    if let Some((bound, excluded)) = view.high {
        let floor = bound.floor() as i64;
        let on_bound = excluded && bound.fract() == 0.0;
        high = high.min(floor.saturating_sub(i64::from(on_bound)));
    }
    if low > high {
        return Err("no integer lies within its bounds".to_owned());
    }
    let small = i64::try_from(chance.below(1000)).unwrap_or(0);
    let candidates = [
        small,
        -small,
        low,
        high,
        low.saturating_add(small),
        high.saturating_sub(small),
        // The first integer that a double rounds.
        9_007_199_254_740_993,
    ];
    let fitting: Vec<i64> = candidates
        .into_iter()
        .filter(|value| (low..=high).contains(value))
        .collect();
    let mut drawn = chance.pick(&fitting).copied().unwrap_or(low);
    let steps = view.steps.iter().map(|step| *step as i64);
    if let Some(step) = steps.filter(|step| *step > 0).reduce(i64::saturating_mul) {
        // Euclid's remainder is never negative, so this goes down; where that leaves the range, one step up is in it if any is.
        drawn = drawn.saturating_sub(drawn.rem_euclid(step));
        if drawn < low {
            drawn = drawn.saturating_add(step);
        }
    }
    Ok(drawn.into())
}

/// A number, with a fraction more often than not.
#[expect(
    clippy::cast_precision_loss,
    reason = "what is drawn is far below what a double counts exactly"
)]
pub(super) fn number(view: &View<'_>, chance: &mut Chance) -> Result<Value, String> {
    let cents = chance.below(1_000_000) as f64 / 100.0;
    let drawn = match (view.low, view.high) {
        (None, None) if chance.once_in(8) => {
            [0.1, 1e21, -1.5e-7, 0.0, 123_456_789.012_345_67][chance.below(5)]
        }
        (None, None) => cents,
        (Some((low, _)), None) => low + cents + 0.5,
        (None, Some((high, _))) => high - cents - 0.5,
        (Some((low, _)), Some((high, _))) => {
            low + (high - low) * (chance.between(1, 7) as f64 / 8.0)
        }
    };
    let step = view
        .steps
        .iter()
        .copied()
        .filter(|step| *step > 0.0)
        .reduce(f64::max);
    let drawn = match step {
        Some(step) => stepped(drawn, step, view.low),
        None => drawn,
    };
    let value = serde_json::Number::from_f64(drawn).map(Value::Number);
    value.ok_or_else(|| "no number lies within its bounds".to_owned())
}

/// The nearest multiple of a step at or below a number; the one above where that is too low. Steps are written as decimals, so their multiples are too.
fn stepped(number: f64, step: f64, low: Option<(f64, bool)>) -> f64 {
    let mut count = (number / step).floor();
    if low.is_some_and(|(low, _)| count * step < low) {
        count += 1.0;
    }
    let decimals = (0..12).find(|places| (step * 10_f64.powi(*places)).fract() == 0.0);
    match decimals {
        Some(places) => {
            let scale = 10_f64.powi(places);
            (count * step * scale).round() / scale
        }
        None => count * step,
    }
}
