//! The report for machines.

use dovetail_contract::escape::escape;

use super::Report;

/// The report as JSON, indented, with keys in a fixed order and a line break at the end.
///
/// What could act on a terminal or a build log is written as an escape of JSON, so that it is read back unchanged.
#[must_use]
pub fn json(report: &Report) -> String {
    // Serialising plain data with text keys cannot fail.
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + 1);
    for line in text.lines() {
        push_inert(&mut out, line);
        out.push('\n');
    }
    out
}

/// Writes a line of JSON; whatever is hidden in it stands within a string.
fn push_inert(out: &mut String, line: &str) {
    if escape(line) == line {
        return out.push_str(line);
    }
    let mut before = ' ';
    for c in line.chars() {
        let mut buffer = [0; 4];
        let hidden = escape(c.encode_utf8(&mut buffer)).chars().ne([c]);
        if hidden || (c == '#' && before == '#') {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
        before = c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_is_escaped_and_read_back_unchanged() {
        let said = "\u{9b}31m \u{202e} \u{7f} ##vso[x] \u{e0001} ü 日本";
        let mut line = String::new();
        push_inert(&mut line, &serde_json::Value::from(said).to_string());
        assert_eq!(
            line,
            r##""\u009b31m \u202e \u007f #\u0023vso[x] \udb40\udc01 ü 日本""##
        );
        let read: String = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read, said);
    }
}
