//! What headers may say.

use std::fmt::Debug;

use chrono::{DateTime, FixedOffset};
use http::HeaderValue;
use serde::Deserialize;

use super::*;
use crate::types::Decimal;

fn headers(values: &[&[u8]]) -> HeaderMap {
    let values = values
        .iter()
        .map(|value| HeaderValue::from_bytes(value).unwrap());
    values.map(|value| (http::header::AGE, value)).collect()
}

fn check<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
    let map = headers(&[text.as_bytes()]);
    let said = match Headers::new(&map).required::<T>("Age") {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    };
    assert!(said.starts_with(expected), "{text}: {said}");
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
}

#[test]
fn values_are_read_as_their_type_says() {
    check::<u32>("7", "7");
    check::<i64>(" -7 ", "-7");
    check::<f64>("1.5", "1.5");
    check::<bool>("true", "true");
    check::<String>("true", "\"true\"");
    check::<String>("7", "\"7\"");
    check::<String>("a \"b\" \\", "\"a \\\"b\\\" \\\\\"");
    check::<String>("", "\"\"");
    check::<Colour>("red", "Red");
    check::<Decimal>("1.50", "Decimal(1.50)");
    check::<uuid::Uuid>("67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044");
    check::<DateTime<FixedOffset>>("2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00");
    check::<u32>("-7", "at header Age: invalid value: integer `-7`");
    check::<u32>("seven", "at header Age: invalid type: string \"seven\"");
    check::<u32>("\"7\"", "at header Age: invalid type: string");
    check::<Vec<u32>>("[7]", "at header Age: invalid type: string");
    check::<Option<u32>>("null", "at header Age: invalid type: string");
    check::<Colour>("blue", "at header Age: unknown variant `blue`");
}

#[test]
fn what_may_be_left_out_is_nothing_and_what_may_not_is_an_error() {
    let map = HeaderMap::new();
    let headers = Headers::new(&map);
    assert_eq!(headers.optional::<u32>("age"), Ok(None));
    assert_eq!(headers.optional_list::<u32>("age"), Ok(None));
    let error = headers.required::<u32>("age").unwrap_err();
    assert_eq!(error.to_string(), "at header age: it is not there");
    assert_eq!(headers.required_list::<u32>("age"), Err(error));
}

#[test]
fn lists_are_read_over_all_lines() {
    let map = headers(&[b"1, 2,,", b"3"]);
    assert_eq!(Headers::new(&map).required_list("age"), Ok(vec![1, 2, 3]));
    assert_eq!(
        Headers::new(&map).required("age"),
        Ok("1, 2,,, 3".to_owned())
    );
    assert!(Headers::new(&map).required::<u32>("age").is_err());
    let map = headers(&[b"1, x"]);
    assert!(Headers::new(&map).required_list::<u32>("age").is_err());
    let map = headers(&[b""]);
    assert_eq!(
        Headers::new(&map).required_list::<u32>("age"),
        Ok(Vec::new())
    );
}

#[test]
fn what_is_not_utf_8_is_refused() {
    let map = headers(&[b"\xff"]);
    let error = Headers::new(&map).optional::<String>("age").unwrap_err();
    assert_eq!(error.to_string(), "at header age: it is not UTF-8");
}
