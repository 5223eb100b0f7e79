//! Text as printable ASCII, in the way that the HTTP binding prescribes: fewer characters are encoded than in a URI.

use std::fmt::Write;

/// Encodes spaces, quotes, percent signs, and all that is not printable ASCII.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '!'..='~') && c != '"' && c != '%' {
            encoded.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes once: quoted parts first, as older senders wrote them, and escapes then. What only looks like an escape stays.
pub(super) fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = unquote(text)?.into_iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%'
            && let Some(value) = escaped(bytes.as_slice())
        {
            decoded.push(value);
            bytes.nth(1);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).map_err(|_| "has an escape that is not UTF-8")
}

/// The byte that two digits at the beginning stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else {
        return None;
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(*high)? * 16 + value(*low)?).ok()
}

fn unquote(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::with_capacity(text.len());
    let mut is_quoted = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\\' if is_quoted => out.push(bytes.next().ok_or(UNCLOSED)?),
            _ => out.push(byte),
        }
    }
    if is_quoted {
        return Err(UNCLOSED);
    }
    Ok(out)
}

const UNCLOSED: &str = "has a quote that is not closed";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_becomes_printable_ascii() {
        for (text, encoded) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("100%", "100%25"),
            ("\"a\"", "%22a%22"),
            ("/a?b=c&d", "/a?b=c&d"),
            ("", ""),
        ] {
            assert_eq!(encode(text), encoded);
            assert_eq!(decode(encoded).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_others_write_is_decoded() {
        for (encoded, text) in [
            ("%e2%82%ac", Ok("€")),
            ("%41", Ok("A")),
            ("%2541", Ok("%41")),
            ("\"a b\"", Ok("a b")),
            (r#""a\"b""#, Ok("a\"b")),
            (r#"x"\\"y"#, Ok("x\\y")),
            (r"a\b", Ok(r"a\b")),
            ("100%", Ok("100%")),
            ("%zz%4", Ok("%zz%4")),
            ("%C0%A0", Err("has an escape that is not UTF-8")),
            ("\"a", Err(UNCLOSED)),
            ("\"\\", Err(UNCLOSED)),
        ] {
            assert_eq!(decode(encoded).as_deref().map_err(|&problem| problem), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text: String) {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
            prop_assert_eq!(decode(&encoded), Ok(text));
        }

        #[test]
        fn no_header_makes_decoding_panic(text: String) {
            let _ = decode(&text);
        }
    }
}
