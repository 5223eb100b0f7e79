//! What a newer service may say to an older client, and what it may not.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use super::*;
use crate::types::{Decimal, Patch, UnknownValue, UnknownVariant};

#[derive(Debug, PartialEq)]
struct Order {
    id: String,
    total: Decimal,
    status: Status,
    closed_at: Option<String>,
    note: Patch<String>,
    payment: Option<Payment>,
}

crate::object! {
    @read [] Order {
        required { 0 id: "id", 1 total: "total", 2 status: "status", 3 closed_at: "closed_at" }
        optional { 4 note: "note", 5 payment: "payment" }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Status {
    Open,
    Unknown(UnknownValue),
}

fn known(text: &str) -> Option<Status> {
    (text == "open").then_some(Status::Open)
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        open_enum(deserializer, known, Self::Unknown)
    }
}

#[derive(Debug, PartialEq)]
enum Payment {
    Card(Card),
    Many(Vec<Decimal>),
    Reference(String),
    Unknown(UnknownVariant),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Card {
    last4: Decimal,
}

impl<'de> Deserialize<'de> for Payment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variant = Variant::deserialize(deserializer)?;
        match variant.kind() {
            JsonKind::Array => return variant.read().map(Self::Many),
            JsonKind::String => return variant.read().map(Self::Reference),
            _ => {}
        }
        match variant.tag("kind").as_deref() {
            Some("card") => variant.read().map(Self::Card),
            tag => Ok(Self::Unknown(variant.unknown(tag))),
        }
    }
}

impl Serialize for Payment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(unknown) => unknown.serialize(serializer),
            _ => serializer.serialize_unit(),
        }
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    crate::read_json(json.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn an_order_is_read_whatever_else_it_holds() {
    let order: Order = read(
        r#"{"new":{"deep":[1,{"x":null}]},"id":"o-1","total":1.10,"status":"open","closed_at":null,"note":null,
            "payment":{"last4":0.10,"kind":"card"}}"#,
    )
    .unwrap();
    let expected = Order {
        id: "o-1".into(),
        total: "1.10".parse().unwrap(),
        status: Status::Open,
        closed_at: None,
        note: Patch::Null,
        payment: Some(Payment::Card(Card {
            last4: "0.10".parse().unwrap(),
        })),
    };
    assert_eq!(order, expected);
    let escaped: Order =
        read(r#"{"i\u0064":"o-1","total":"2","status":"new","closed_at":"x","payment":null}"#)
            .unwrap();
    assert_eq!(escaped.id, "o-1");
    assert!(matches!(&escaped.status, Status::Unknown(value) if value.as_str() == "new"));
    assert_eq!((escaped.note, escaped.payment), (Patch::Absent, None));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let rows = [
        (
            r#"{"total":1,"status":"open","closed_at":null}"#,
            "missing field `id`",
        ),
        (
            r#"{"id":"o","total":1,"status":"open"}"#,
            "missing field `closed_at`",
        ),
        (
            r#"{"id":"o","total":true,"status":"open","closed_at":null}"#,
            "at total: expected a decimal number",
        ),
        (
            r#"{"id":"o","total":1,"status":7,"closed_at":null}"#,
            "at status: invalid type: integer `7`, expected a string",
        ),
        (r#"[1]"#, "expected an object of the type Order"),
        (
            r#"{"id":"o","total":1,"status":"open","closed_at":null,"payment":{"kind":"card","last4":{}}}"#,
            "at payment.last4: expected a decimal number",
        ),
    ];
    for (json, expected) in rows {
        let error = read::<Order>(json).unwrap_err();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn an_unknown_variant_is_kept_to_the_letter() {
    let json = r#"{"kind":"iou","amount":0.1000000000000000000001,"b":1,"a":[1e400]}"#;
    let payment: Payment = read(json).unwrap();
    assert!(matches!(&payment, Payment::Unknown(unknown) if unknown.tag() == Some("iou")));
    assert_eq!(serde_json::to_string(&payment).unwrap(), json);
    let untagged: Payment = read(r#"{"kind":null}"#).unwrap();
    assert!(matches!(untagged, Payment::Unknown(unknown) if unknown.tag().is_none()));
}

#[test]
fn a_union_is_told_apart_by_kind_and_members() {
    assert_eq!(
        read::<Payment>(r#""ref-1""#).unwrap(),
        Payment::Reference("ref-1".into())
    );
    assert!(
        matches!(read::<Payment>("[1, 2.50]").unwrap(), Payment::Many(many) if many[1].as_str() == "2.50")
    );
    let variant: Variant =
        serde_json::from_str(r#"{"a":1,"b":"x","k\u0069nd":"k","c":1.0}"#).unwrap();
    assert_eq!(variant.kind(), JsonKind::Object);
    assert_eq!(variant.tag("kind").as_deref(), Some("k"));
    assert!(variant.has("a") && !variant.has("d"));
    assert_eq!(
        (variant.kind_of("a"), variant.kind_of("c")),
        (Some(JsonKind::Integer), Some(JsonKind::Number))
    );
    assert_eq!(variant.tag("a").as_deref(), Some("1"));
    assert_eq!(variant.tag("d"), None);
    for (json, kind) in [
        ("null", JsonKind::Null),
        ("false", JsonKind::Boolean),
        ("-0", JsonKind::Integer),
    ] {
        assert_eq!(serde_json::from_str::<Variant>(json).unwrap().kind(), kind);
    }
}

#[test]
fn types_can_be_tried_in_order() {
    let variant: Variant = serde_json::from_str(r#"{"last4":"x"}"#).unwrap();
    let first = variant.attempt::<Card>().unwrap_err();
    let second = variant.attempt::<Vec<u8>>().unwrap_err();
    assert!(
        first.starts_with("at last4: expected a decimal number"),
        "{first}"
    );
    assert!(second.contains("invalid type: map"), "{second}");
}

#[test]
fn a_closed_enum_refuses_what_it_does_not_name() {
    struct Closed;
    impl<'de> Deserialize<'de> for Closed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            closed_enum(deserializer, |text| (text == "a").then_some(Self))
        }
    }
    assert!(serde_json::from_str::<Closed>(r#""a""#).is_ok());
    let error = serde_json::from_str::<Closed>(r#""b""#)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(r#"invalid value: string "b", expected a value that the contract names"#),
        "{error}"
    );
}

#[derive(Debug)]
enum Tree {
    Node(Box<Node>),
}

#[derive(Debug, Deserialize)]
struct Node {
    child: Option<Tree>,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Variant::deserialize(deserializer)?.read().map(Self::Node)
    }
}

fn tree(levels: usize, leaf: &str) -> String {
    format!(
        "{}{leaf}{}",
        r#"{"child":"#.repeat(levels),
        "}".repeat(levels)
    )
}

#[test]
fn unions_within_unions_are_read_to_a_depth_and_a_bottomless_answer_is_refused() {
    let mut tree_read = Some(read::<Tree>(&tree(64, "null")).unwrap());
    let mut levels = 0;
    while let Some(Tree::Node(node)) = tree_read {
        levels += 1;
        tree_read = node.child;
    }
    assert_eq!(levels, 64);
    for levels in [65, 200_000] {
        let error = read::<Tree>(&tree(levels, "null")).unwrap_err();
        assert!(error.contains("the value nests too deeply"), "{error}");
    }
}

#[test]
fn a_fault_at_the_bottom_of_many_unions_is_found_by_reading_twice_and_not_twice_per_level() {
    // Twice per level would be 2^60 readings.
    let error = read::<Tree>(&tree(60, "7")).unwrap_err();
    let path = vec!["child"; 60].join(".");
    assert!(error.starts_with(&format!("at {path}: ")), "{error}");
    assert!(
        error.contains("invalid type: integer `7`"),
        "the place and the reason: {error}"
    );
}

#[test]
fn the_deepest_answer_that_is_read_fits_the_stack_of_a_worker() {
    #[derive(Debug, Deserialize)]
    struct Chain {
        child: Option<Box<Self>>,
        tree: Option<Tree>,
    }
    // As deep as `serde_json` goes, and unions as deep as they go at the bottom of it; wrong there, so that the place is
    // looked for as well. A test has as much stack as a worker of tokio.
    let bottom = format!(r#"{{"tree":{}}}"#, tree(63, "7"));
    let error = read::<Chain>(&tree(120, &bottom)).unwrap_err();
    assert!(error.contains("invalid type: integer `7`"), "{error}");
    let bottom = format!(r#"{{"tree":{}}}"#, tree(63, "null"));
    let mut chain = read::<Chain>(&tree(120, &bottom)).unwrap();
    let mut levels = 0;
    while let Some(child) = chain.child {
        (chain, levels) = (*child, levels + 1);
    }
    assert_eq!((levels, chain.tree.is_some()), (120, true));
    let error = read::<Chain>(&tree(200_000, "null")).unwrap_err();
    assert!(error.contains("recursion limit exceeded"), "{error}");
}
