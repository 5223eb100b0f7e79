//! `dovetail explain`: the page of a finding's code.

use dovetail_contract::finding::{Code, closest};

use crate::exit::{Exit, Stop};
use crate::ui::Ui;

/// Prints the page of `code`, or a line for each code.
pub(crate) fn run(ui: Ui, code: Option<&str>) -> Result<Exit, Stop> {
    let Some(code) = code else {
        let width = codes().map(|code| code.id.len()).max().unwrap_or_default();
        let mut codes: Vec<&Code> = codes().collect();
        codes.sort_by_key(|code| code.id);
        for code in codes {
            ui.result(&format!(
                "{:width$}  {:7}  {}\n",
                code.id,
                code.severity,
                gist(code)
            ))?;
        }
        return Ok(Exit::Ok);
    };
    match codes().find(|known| known.id == code) {
        Some(known) => ui.result(known.page).map(|()| Exit::Ok),
        None => Err(Stop::usage(
            match closest(code, codes().map(|known| known.id)) {
                Some(near) => format!("no finding has the code `{code}`; did you mean `{near}`?"),
                None => format!("no finding has the code `{code}`; `dovetail explain` lists them"),
            },
        )),
    }
}

/// Every code that any part of dovetail uses.
pub(crate) fn codes() -> impl Iterator<Item = &'static Code> {
    let contract = dovetail_contract::codes::ALL.iter().copied();
    let check = dovetail_check::RULES.iter().map(|rule| rule.code);
    let codegen = dovetail_codegen::codes::ALL.iter().copied();
    let verify = dovetail_verify::codes::ALL.iter().copied();
    contract.chain(check).chain(codegen).chain(verify)
}

/// The first sentence of a page's text.
fn gist(code: &Code) -> &str {
    let text = code
        .page
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or_default();
    text.split_once(". ")
        .map_or(text, |(first, _)| first)
        .trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_unique_and_has_a_page_that_names_it() {
        let mut seen = HashSet::new();
        for code in codes() {
            assert!(seen.insert(code.id), "{} is used twice", code.id);
            assert_eq!(
                code.page.lines().next(),
                Some(format!("# {}", code.id).as_str())
            );
            assert!(!gist(code).is_empty(), "{} says nothing", code.id);
        }
    }
}
