//! What a content type says about the data, without its parameters and whatever its case.

/// The media type of an event in structured mode.
pub const STRUCTURED_JSON: &str = "application/cloudevents+json";
/// The media type of events in batch mode.
pub const BATCH_JSON: &str = "application/cloudevents-batch+json";

/// A content type without its parameters, in lower case: `application/json` of `Application/JSON; charset=utf-8`.
pub(super) fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether the content type declares JSON: its subtype is `json` or ends with `+json`.
pub(super) fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence
        .split_once('/')
        .is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// Whether data of the content type is text for people to read, rather than bytes.
pub(super) fn is_text(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence.starts_with("text/") || essence == "application/xml" || essence.ends_with("+xml")
}

/// The charset of a content type, if it names one.
pub(super) fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })
}

/// Whether text is written in the charset of a content type as it is in UTF-8.
pub(super) fn is_written_in_utf8(content_type: &str, text: &str) -> bool {
    match charset(content_type) {
        None => true,
        Some(charset) if charset.eq_ignore_ascii_case("utf-8") => true,
        Some(charset) if charset.eq_ignore_ascii_case("us-ascii") => text.is_ascii(),
        Some(_) => false,
    }
}

/// Whether a text has the shape of a content type: a type, a subtype, and parameters of which each has a name.
pub(super) fn is_content_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_essence = essence
        .trim()
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    is_essence
        && parameters
            .bytes()
            .all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_content_type_declares_does_not_depend_on_its_parameters_or_case() {
        let rows = [
            ("application/json", true, false),
            ("application/json; charset=utf-8", true, false),
            ("Application/Vnd.Orders+JSON", true, false),
            ("text/json", true, true),
            ("text/plain; charset=us-ascii", false, true),
            ("application/xml", false, true),
            ("image/svg+xml", false, true),
            ("application/jsonp", false, false),
            ("json", false, false),
        ];
        for (content_type, json, text) in rows {
            assert_eq!(is_json(content_type), json, "{content_type}");
            assert_eq!(is_text(content_type), text, "{content_type}");
        }
        assert_eq!(charset("text/plain; q=1; Charset=\"UTF-8\""), Some("UTF-8"));
        assert!(!is_written_in_utf8("text/plain; charset=utf-16", "a"));
    }

    #[test]
    fn a_content_type_has_a_type_and_a_subtype() {
        for (text, holds) in [
            ("text/plain", true),
            ("text/plain; charset=\"utf-8\"", true),
            ("text", false),
            ("/plain", false),
            ("text/", false),
            ("te xt/plain", false),
            ("text/plain; é", false),
            ("", false),
        ] {
            assert_eq!(is_content_type(text), holds, "{text}");
        }
    }
}
