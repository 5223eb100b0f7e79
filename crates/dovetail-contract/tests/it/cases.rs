//! Bad documents and what is said of them, as a person reads it.

use std::fmt::Write as _;

use dovetail_contract::load::{LoadedApi, load_openapi};

#[test]
fn what_is_said_of_bad_documents() {
    insta::glob!("../cases", "*/openapi.*", |path| {
        let loaded = load_openapi(path);
        assert!(!loaded.findings.is_empty());
        insta::assert_snapshot!(render(&loaded));
    });
}

/// Each finding with its place, and everything that it says.
fn render(loaded: &LoadedApi) -> String {
    let mut text = String::new();
    for finding in &loaded.findings {
        let mut line =
            |line: String| writeln!(text, "{}", line.trim_end()).expect("text can be written");
        let place = loaded.sources.place(finding.place.span);
        let (severity, code) = (finding.severity, finding.code.id);
        line(format!("{place}: {severity}[{code}]: {}", finding.message));
        line(format!(
            "  at `{}` {}",
            loaded.sources.text(finding.place.span),
            finding.place.text
        ));
        for related in &finding.related {
            line(format!(
                "  see {}: {}",
                loaded.sources.place(related.span),
                related.text
            ));
        }
        for (word, said) in [("expected", &finding.expected), ("help", &finding.help)] {
            if let Some(said) = said {
                line(format!("  {word}: {said}"));
            }
        }
    }
    text
}
