//! `codegen --report-untyped`: what callers of the generated code must take apart themselves, and why.

use std::collections::BTreeMap;
use std::fmt::Write;

use dovetail_codegen::Untyped;
use dovetail_contract::source::Sources;
use serde::Serialize;

use crate::args::Format;
use crate::commands::check::Checked;
use crate::exit::{Exit, Stop};
use crate::outputs::Outputs;
use crate::ui::Ui;

/// The report, as JSON.
#[derive(Debug, Serialize)]
struct Document<'a> {
    /// Version of this shape.
    schema: u32,
    untyped: usize,
    reasons: BTreeMap<&'a str, usize>,
    services: Vec<Service<'a>>,
}

/// One service, as JSON.
#[derive(Debug, Serialize)]
struct Service<'a> {
    service: &'a str,
    untyped: usize,
    reasons: BTreeMap<&'a str, usize>,
    places: Vec<Place<'a>>,
}

/// Something without a type, as JSON: lines and columns count from 1.
#[derive(Debug, Serialize)]
struct Place<'a> {
    code: &'a str,
    reason: &'a str,
    path: &'a str,
    line: u32,
    column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

/// Prints the report.
pub(super) fn report(
    ui: Ui,
    outputs: &Outputs,
    checked: &Checked,
    untyped: &[Untyped],
) -> Result<Exit, Stop> {
    let providers = checked.workspace.services.values();
    let providers = providers
        .filter(|service| service.http.is_some() || !service.messaging.provides.is_empty());
    let names: Vec<&str> = providers
        .map(|service| service.name.value.as_str())
        .collect();
    let document = document(&names, untyped, &checked.sources);
    outputs.write(ui, |format, _| match format {
        Format::Json => json(&document),
        Format::Human | Format::Junit => human(&document),
    })?;
    Ok(Exit::Ok)
}

fn document<'a>(names: &[&'a str], untyped: &'a [Untyped], sources: &'a Sources) -> Document<'a> {
    let services = names.iter().map(|name| {
        let own: Vec<&Untyped> = untyped.iter().filter(|one| one.service == *name).collect();
        Service {
            service: name,
            untyped: own.len(),
            reasons: reasons(own.iter().copied()),
            places: own.iter().map(|one| place(one, sources)).collect(),
        }
    });
    Document {
        schema: 1,
        untyped: untyped.len(),
        reasons: reasons(untyped),
        services: services.collect(),
    }
}

fn reasons<'a>(untyped: impl IntoIterator<Item = &'a Untyped>) -> BTreeMap<&'a str, usize> {
    let mut reasons = BTreeMap::new();
    for one in untyped {
        *reasons.entry(one.code.id).or_default() += 1;
    }
    reasons
}

fn place<'a>(untyped: &'a Untyped, sources: &'a Sources) -> Place<'a> {
    let file = sources.file(untyped.span.file);
    let start = file.line_column(untyped.span.start);
    Place {
        code: untyped.code.id,
        reason: &untyped.reason,
        path: &file.path,
        line: start.line,
        column: start.column,
        pointer: untyped.pointer.as_deref(),
    }
}

fn json(document: &Document<'_>) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

fn human(document: &Document<'_>) -> String {
    let mut text = String::new();
    for service in &document.services {
        line(
            &mut text,
            service.service,
            service.untyped,
            &service.reasons,
        );
        for place in &service.places {
            // Writing to a string cannot fail. What contracts say is made safe to show.
            let _ = writeln!(
                text,
                "  {}:{}:{}  {}: {}",
                dovetail_contract::escape::escape_line(place.path),
                place.line,
                place.column,
                place.code,
                dovetail_contract::escape::escape_line(place.reason),
            );
        }
    }
    if document.services.len() != 1 {
        line(&mut text, "in total", document.untyped, &document.reasons);
    }
    text
}

/// How much has no type, and how much of it for which reason.
fn line(text: &mut String, of: &str, count: usize, reasons: &BTreeMap<&str, usize>) {
    let reasons: Vec<String> = reasons
        .iter()
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    let reasons = if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    };
    let of = dovetail_contract::escape::escape_line(of);
    let _ = writeln!(text, "{of}: {count} untyped{reasons}");
}

#[cfg(test)]
mod tests {
    use dovetail_codegen::codes;
    use dovetail_contract::source::Span;

    use super::*;

    #[test]
    fn what_has_no_type_is_counted_by_service_and_reason() {
        let mut sources = Sources::default();
        let file = sources.add("orders/openapi.yaml", "a: 1\nb: 2\n");
        let untyped = |code, start, pointer: Option<&str>| Untyped {
            service: "orders".to_owned(),
            code,
            reason: "nothing says more".to_owned(),
            span: Span::new(file, start, start + 1),
            pointer: pointer.map(str::to_owned),
        };
        let all = [
            untyped(&codes::UNTYPED_SCHEMA, 0, Some("/a")),
            untyped(&codes::RAW_BODY, 5, None),
            untyped(&codes::UNTYPED_SCHEMA, 8, None),
        ];
        let document = document(&["orders", "users"], &all, &sources);
        assert_eq!(
            human(&document),
            "orders: 3 untyped (1 raw-body, 2 untyped-schema)\n\
             \x20 orders/openapi.yaml:1:1  untyped-schema: nothing says more\n\
             \x20 orders/openapi.yaml:2:1  raw-body: nothing says more\n\
             \x20 orders/openapi.yaml:2:4  untyped-schema: nothing says more\n\
             users: 0 untyped\n\
             in total: 3 untyped (1 raw-body, 2 untyped-schema)\n"
        );
        let read: serde_json::Value = serde_json::from_str(&json(&document)).expect("JSON");
        assert_eq!(read["untyped"], 3);
        assert_eq!(read["services"][0]["reasons"]["untyped-schema"], 2);
        assert_eq!(read["services"][0]["places"][0]["pointer"], "/a");
        assert_eq!(read["services"][1]["places"], serde_json::json!([]));
    }
}
