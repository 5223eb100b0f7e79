//! The tables of OpenAPI 3.0.4 and 3.1.1, row by row, and what a hostile value cannot do.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{json, value::RawValue};

use super::*;
use crate::error::InvalidRequest;

/// In the order of the specification, which is not that of the alphabet.
#[derive(Serialize)]
struct Rgb {
    #[serde(rename = "R")]
    red: u8,
    #[serde(rename = "G")]
    green: u8,
    #[serde(rename = "B")]
    blue: u8,
}

fn values() -> [Flat; 4] {
    [
        Flat::of("").unwrap(),
        Flat::of("blue").unwrap(),
        Flat::of(&["blue", "black", "brown"]).unwrap(),
        Flat::of(&Rgb {
            red: 100,
            green: 200,
            blue: 150,
        })
        .unwrap(),
    ]
}

/// What is not defined, or refused.
const NONE: &str = "-";

#[test]
fn paths_are_written_as_the_specification_has_it() {
    let rows = [
        (
            Style::Simple,
            false,
            [NONE, "blue", "blue,black,brown", "R,100,G,200,B,150"],
        ),
        (
            Style::Simple,
            true,
            [NONE, "blue", "blue,black,brown", "R=100,G=200,B=150"],
        ),
        (
            Style::Label,
            false,
            [NONE, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"],
        ),
        (
            Style::Label,
            true,
            [NONE, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"],
        ),
        (
            Style::Matrix,
            false,
            [
                ";color",
                ";color=blue",
                ";color=blue,black,brown",
                ";color=R,100,G,200,B,150",
            ],
        ),
        (
            Style::Matrix,
            true,
            [
                ";color",
                ";color=blue",
                ";color=blue;color=black;color=brown",
                ";R=100;G=200;B=150",
            ],
        ),
    ];
    for (style, explode, expected) in rows {
        let parameter = Parameter::path("color").style(style).explode(explode);
        for (value, expected) in values().iter().zip(expected) {
            let text = path_text(&parameter, value).unwrap_or_else(|_| NONE.to_owned());
            assert_eq!(text, expected, "{style:?} {explode} {value:?}");
        }
    }
}

fn query_text(parameter: &Parameter, value: &Flat) -> String {
    let pairs = query_pairs(parameter, value).unwrap();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

#[test]
fn queries_are_written_as_the_specification_has_it() {
    let rows = [
        (
            Style::Form,
            false,
            [
                "color=",
                "color=blue",
                "color=blue,black,brown",
                "color=R,100,G,200,B,150",
            ],
        ),
        (
            Style::Form,
            true,
            [
                "color=",
                "color=blue",
                "color=blue&color=black&color=brown",
                "R=100&G=200&B=150",
            ],
        ),
        (
            Style::SpaceDelimited,
            false,
            [
                "color=",
                "color=blue",
                "color=blue%20black%20brown",
                "color=R%20100%20G%20200%20B%20150",
            ],
        ),
        (
            Style::PipeDelimited,
            false,
            [
                "color=",
                "color=blue",
                "color=blue%7Cblack%7Cbrown",
                "color=R%7C100%7CG%7C200%7CB%7C150",
            ],
        ),
        (
            Style::DeepObject,
            true,
            [
                "color=",
                "color=blue",
                "color%5B0%5D=blue&color%5B1%5D=black&color%5B2%5D=brown",
                "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
            ],
        ),
    ];
    for (style, explode, expected) in rows {
        let parameter = Parameter::query("color").style(style).explode(explode);
        for (value, expected) in values().iter().zip(expected) {
            assert_eq!(
                query_text(&parameter, value),
                expected,
                "{style:?} {explode} {value:?}"
            );
        }
    }
}

#[test]
fn headers_are_written_without_escapes() {
    let text = |explode, value: &Flat| {
        header_text(&Parameter::header("x-color").explode(explode), value).unwrap()
    };
    let [empty, blue, list, object] = values();
    assert_eq!(text(false, &empty), "");
    assert_eq!(text(false, &blue), "blue");
    assert_eq!(text(true, &list), "blue,black,brown");
    assert_eq!(text(false, &object), "R,100,G,200,B,150");
    assert_eq!(text(true, &object), "R=100,G=200,B=150");
    assert_eq!(
        text(false, &Flat::of("50% off; \"now\"").unwrap()),
        "50% off; \"now\""
    );
}

#[test]
fn deep_objects_nest_to_any_depth() {
    let value =
        Flat::of(&json!({"a": {"b": {"c d": 1}}, "list": [{"x": true}, "y"], "none": null}))
            .unwrap();
    let parameter = Parameter::query("f").style(Style::DeepObject);
    let expected =
        "f%5Ba%5D%5Bb%5D%5Bc%20d%5D=1&f%5Blist%5D%5B0%5D%5Bx%5D=true&f%5Blist%5D%5B1%5D=y";
    assert_eq!(query_text(&parameter, &value), expected);
    let refused = query_pairs(&Parameter::query("f"), &value);
    assert_eq!(refused, Err(InvalidRequest::Nested("f".to_owned())));
}

#[test]
fn what_is_none_or_an_empty_list_is_left_out() {
    let parameter = Parameter::query("q");
    let none: Option<&str> = None;
    assert_eq!(query_text(&parameter, &Flat::of(&none).unwrap()), "");
    assert_eq!(query_text(&parameter, &Flat::of(&[0_u8; 0]).unwrap()), "");
    assert_eq!(
        query_text(&parameter.explode(false), &Flat::of(&[0_u8; 0]).unwrap()),
        ""
    );
    assert_eq!(
        query_text(
            &parameter,
            &Flat::of(&[Some("a"), None, Some("b")]).unwrap()
        ),
        "q=a&q=b"
    );
}

#[test]
fn numbers_keep_their_digits() {
    let raw = RawValue::from_string("0.1000000000000000000001".to_owned()).unwrap();
    assert_eq!(
        query_text(&Parameter::query("n"), &Flat::of(&raw).unwrap()),
        "n=0.1000000000000000000001"
    );
    assert_eq!(
        query_text(&Parameter::query("n"), &Flat::of(&u64::MAX).unwrap()),
        "n=18446744073709551615"
    );
}

#[test]
fn reserved_characters_are_encoded_unless_allowed_and_harmless() {
    let value = Flat::of("a/b?c=d&e#f[g]+h é%20'").unwrap();
    let text = query_text(&Parameter::query("q"), &value);
    assert_eq!(text, "q=a%2Fb%3Fc%3Dd%26e%23f%5Bg%5D%2Bh%20%C3%A9%2520%27");
    let text = query_text(&Parameter::query("q").allow_reserved(), &value);
    assert_eq!(text, "q=a/b?c%3Dd%26e%23f%5Bg%5D%2Bh%20%C3%A9%2520'");
    let outside = Flat::of("../../x?y#z\\").unwrap();
    for parameter in [Parameter::path("p"), Parameter::path("p").allow_reserved()] {
        let path = path_text(&parameter, &outside).unwrap();
        assert_eq!(path, "..%2F..%2Fx%3Fy%23z%5C");
    }
    let value = Flat::of("a; admin=1").unwrap();
    let text = query_text(&Parameter::cookie("c").allow_reserved(), &value);
    assert_eq!(text, "c=a%3B%20admin%3D1", "a cookie ends at a semicolon");
}

proptest! {
    // A failure is found again by its message; files of seeds are not kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a value holds, it stays within its segment, and is read back as it was.
    #[test]
    fn no_value_can_change_host_or_path(value in any::<String>(), other in "[.%/\\\\a-f2;?#@:]{0,6}") {
        for value in [value, other] {
            let Ok(text) = path_text(&Parameter::path("p"), &Flat::of(&value).unwrap()) else {
                prop_assert_eq!(value, "");
                continue;
            };
            let base = url::Url::parse("http://orders/v1").unwrap();
            let mut url = base.clone();
            url.set_path(&format!("/v1/{text}/end"));
            if matches!(value.as_str(), "." | "..") {
                continue;
            }
            prop_assert_eq!(url.host_str(), base.host_str());
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
            prop_assert_eq!(decoded, value);
        }
    }

    /// Whatever a value holds, a query says it and nothing else.
    #[test]
    fn no_value_can_add_to_a_query(value in any::<String>(), allow in any::<bool>()) {
        let parameter = Parameter { allow_reserved: allow, ..Parameter::query("q") };
        let text = query_text(&parameter, &Flat::of(&value).unwrap());
        let mut url = url::Url::parse("http://orders/?x=1").unwrap();
        url.set_query(Some(&text));
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("q".to_owned(), value)]);
        prop_assert_eq!(url.fragment(), None);
    }
}

#[test]
fn forms_repeat_lists_and_write_nested_members_as_json() {
    let body =
        json!({"a": [1, 2], "b": "x y", "c": {"d": [1.50, "e"]}, "f": null, "g": [{"h": "i\""}]});
    let Flat::Object(members) = Flat::of(&body).unwrap() else {
        panic!("not an object")
    };
    let text = |encoding: &[Parameter]| {
        let pairs = form_pairs(&members, encoding).unwrap();
        pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    };
    let plain = "a=1&a=2&b=x%20y&c=%7B%22d%22%3A%5B1.5%2C%22e%22%5D%7D&g=%5B%7B%22h%22%3A%22i%5C%22%22%7D%5D";
    assert_eq!(text(&[]), plain);
    let encoding = [
        Parameter::query("c").style(Style::DeepObject),
        Parameter::query("a").explode(false),
    ];
    assert!(text(&encoding).starts_with("a=1,2&b=x%20y&c%5Bd%5D%5B0%5D=1.5&c%5Bd%5D%5B1%5D=e&g="));
}
