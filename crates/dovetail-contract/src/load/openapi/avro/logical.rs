//! Logical types: what a number or some bytes mean, and so what they look like in JSON.
//!
//! As the specification says, a logical type that does not fit what it stands on is left aside, and so is one that nobody knows.

use super::super::Reader;
use super::super::at::At;
use super::super::warning;
use super::typed;
use crate::codes;
use crate::load::lower;
use crate::schema::{Schema, Type};

/// Every logical type: what it may stand on, and the format of its text.
const TYPES: [(&str, &[&str], Option<&str>); 13] = [
    ("date", &["int"], Some("date")),
    ("time-millis", &["int"], None),
    ("time-micros", &["long"], None),
    ("timestamp-millis", &["long"], Some("date-time")),
    ("timestamp-micros", &["long"], Some("date-time")),
    ("timestamp-nanos", &["long"], Some("date-time")),
    ("local-timestamp-millis", &["long"], None),
    ("local-timestamp-micros", &["long"], None),
    ("local-timestamp-nanos", &["long"], None),
    ("decimal", &["bytes", "fixed"], Some("decimal")),
    ("big-decimal", &["bytes"], Some("decimal")),
    ("uuid", &["string", "fixed"], Some("uuid")),
    ("duration", &["fixed"], Some("duration")),
];

/// A time of a day without a zone.
const TIME: &str = "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?$";
/// A day and a time without a zone.
const LOCAL: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?$";

impl<'d> Reader<'d, '_> {
    /// Makes of a schema what the logical type beside it says, if one does.
    pub(super) fn logical(&mut self, at: &At<'d>, under: &str, schema: &mut Schema) {
        let Some(said) = at.get("logicalType") else {
            return;
        };
        let name = said.node.as_str().unwrap_or_default();
        let Some((_, fit, format)) = TYPES.iter().find(|(known, ..)| *known == name) else {
            return;
        };
        if let Some(why) = self.unfit_logical(at, (name, under), fit) {
            let text = format!(
                "the logical type `{}` is left aside: {why}",
                lower::shorten(name)
            );
            self.files.push(
                warning(&codes::INVALID_VALUE, said.place(), text)
                    .expected(format!("`{name}` on {}", lower::list(fit))),
            );
            return;
        }
        *schema = typed(at.declared(), Type::String);
        schema.format = format.map(str::to_owned);
        schema.string.pattern = match name {
            "time-millis" | "time-micros" => Some(TIME.to_owned()),
            name if name.starts_with("local-") => Some(LOCAL.to_owned()),
            _ => None,
        };
    }

    /// Why a logical type cannot stand here.
    fn unfit_logical(
        &mut self,
        at: &At<'d>,
        (name, under): (&str, &str),
        fit: &[&str],
    ) -> Option<String> {
        if !fit.contains(&under) {
            return Some(format!("it stands on `{under}`"));
        }
        let size = match under {
            "fixed" => self.count(at, "size"),
            _ => None,
        };
        match (name, size) {
            ("uuid", Some(size)) if size != 16 => return Some("it takes 16 bytes".to_owned()),
            ("duration", Some(size)) if size != 12 => return Some("it takes 12 bytes".to_owned()),
            _ => {}
        }
        if name != "decimal" {
            return None;
        }
        let precision = self.count(at, "precision").unwrap_or(0);
        let scale = self.count(at, "scale").unwrap_or(0);
        match (precision, scale) {
            (0, _) => Some("it needs a `precision` above 0".to_owned()),
            (precision, scale) if scale > precision => {
                Some("its `scale` is larger than its `precision`".to_owned())
            }
            _ => None,
        }
    }
}
