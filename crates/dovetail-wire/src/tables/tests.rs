//! Tables of every shape, both ways.
#![expect(
    unreachable_pub,
    reason = "the macros are made for types that others see"
)]

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::types::{Patch, RawJson, UnknownValue, UnknownVariant};

#[derive(Debug, PartialEq)]
struct Nothing {}
crate::object! { Nothing {} }

#[derive(Debug, PartialEq)]
struct OnlyConstant {}
crate::object! { OnlyConstant { constant { 0 version: "version" = 2, 1 exact: "exact" = true } } }

#[derive(Debug, PartialEq)]
struct OnlyOptional {
    note: Option<String>,
}
crate::object! { OnlyOptional { optional { 0 note: "note" } } }

#[derive(Debug, PartialEq)]
struct Full {
    r#type: String,
    nullable: Option<u8>,
    note: Option<String>,
    patch: Patch<u8>,
    any: Option<serde_json::Value>,
    rest: BTreeMap<String, u64>,
}
crate::object! {
    Full {
        required { 0 r#type: "type", 1 nullable: "nullable" }
        constant { 2 kind: "kind" = "full" }
        optional { 3 note: "note", 4 patch: "pa\"tch" }
        any { 5 any: "any" }
        rest { rest }
    }
}

#[derive(Debug, PartialEq)]
enum Either {
    Nothing(Nothing),
    Full(Box<Full>),
    Two(OnlyConstant),
    Number(f64),
    Raw(RawJson),
    Unknown(UnknownVariant),
}
crate::union! {
    Either {
        kinds { Number: Integer | Number, Raw: Array }
        tag "kind" { Full: "full" | "fuller" }
        members { Two: has_kind("version", Integer) }
        otherwise Nothing
        write { Nothing, Full, Two, Number, Raw }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Long {
    One,
    Two,
    Unknown(UnknownValue),
}
crate::open_enum! { table Long { One = "1", Two = "t\"wo" } }

fn check<T: DeserializeOwned + Serialize>(json: &str, written: &str) {
    let value: T = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(serde_json::to_string(&value).unwrap(), written);
}

#[test]
fn objects_are_read_and_written_by_their_tables() {
    check::<Nothing>(r#"{"new":1}"#, "{}");
    check::<OnlyConstant>(
        r#"{"exact":true,"version":2}"#,
        r#"{"version":2,"exact":true}"#,
    );
    check::<OnlyOptional>(r#"{"note":null}"#, "{}");
    check::<Full>(
        r#"{"n\u0075llable":null,"kind":"full","new":7,"type":"a","type":"b","pa\"tch":null,"any":null}"#,
        r#"{"kind":"full","type":"b","nullable":null,"pa\"tch":null,"any":null,"new":7}"#,
    );
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let rows = [
        (r#"{"type":"a","kind":"full"}"#, "missing field `nullable`"),
        (r#"{"nullable":1,"kind":"full"}"#, "missing field `type`"),
        (r#"{"type":"a","nullable":1}"#, "missing field `kind`"),
        (
            r#"{"type":"a","nullable":1,"kind":"other"}"#,
            r#"invalid value: "other", expected "full""#,
        ),
        (
            r#"["a"]"#,
            "invalid type: sequence, expected an object of the type Full",
        ),
        (r#"{"type":"a","new":"x"}"#, "invalid type: string"),
    ];
    for (json, expected) in rows {
        let error = serde_json::from_str::<Full>(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{json}: {error}");
    }
}

#[test]
fn unions_are_told_apart_by_their_tables() {
    check::<Either>("1", "1.0");
    check::<Either>("[1.50]", "[1.50]");
    check::<Either>(
        r#"{"version":2,"exact":true}"#,
        r#"{"version":2,"exact":true}"#,
    );
    check::<Either>(r#"{"version":"2"}"#, "{}");
    check::<Either>(r#""new""#, r#""new""#);
    let error = serde_json::from_str::<Either>(r#"{"kind":"full","nullable":1}"#).unwrap_err();
    assert!(
        error.to_string().starts_with("missing field `type`"),
        "{error}"
    );
}

#[test]
fn a_table_of_values_is_searched_both_ways() {
    check::<Vec<Long>>(r#"["1","t\"wo","three"]"#, r#"["1","t\"wo","three"]"#);
    assert_eq!(serde_json::from_str::<Long>(r#""1""#).unwrap(), Long::One);
}

/// 260 members: more than one number has bits for.
macro_rules! wide {
    ($($index:tt $field:ident $name:literal)*) => {
        #[derive(Debug)]
        struct Wide { $($field: u8),* }
        crate::object! { Wide { required { $($index $field: $name),* } } }
        const NAMES: &[&str] = &[$($name),*];
    };
}
wide! {
    0 f0 "f0" 1 f1 "f1" 2 f2 "f2" 3 f3 "f3" 4 f4 "f4" 5 f5 "f5" 6 f6 "f6" 7 f7 "f7" 8 f8 "f8" 9 f9 "f9"
    10 f10 "f10" 11 f11 "f11" 12 f12 "f12" 13 f13 "f13" 14 f14 "f14" 15 f15 "f15" 16 f16 "f16" 17 f17 "f17" 18 f18 "f18" 19 f19 "f19"
    20 f20 "f20" 21 f21 "f21" 22 f22 "f22" 23 f23 "f23" 24 f24 "f24" 25 f25 "f25" 26 f26 "f26" 27 f27 "f27" 28 f28 "f28" 29 f29 "f29"
    30 f30 "f30" 31 f31 "f31" 32 f32 "f32" 33 f33 "f33" 34 f34 "f34" 35 f35 "f35" 36 f36 "f36" 37 f37 "f37" 38 f38 "f38" 39 f39 "f39"
    40 f40 "f40" 41 f41 "f41" 42 f42 "f42" 43 f43 "f43" 44 f44 "f44" 45 f45 "f45" 46 f46 "f46" 47 f47 "f47" 48 f48 "f48" 49 f49 "f49"
    50 f50 "f50" 51 f51 "f51" 52 f52 "f52" 53 f53 "f53" 54 f54 "f54" 55 f55 "f55" 56 f56 "f56" 57 f57 "f57" 58 f58 "f58" 59 f59 "f59"
    60 f60 "f60" 61 f61 "f61" 62 f62 "f62" 63 f63 "f63" 64 f64 "f64" 65 f65 "f65" 66 f66 "f66" 67 f67 "f67" 68 f68 "f68" 69 f69 "f69"
    70 f70 "f70" 71 f71 "f71" 72 f72 "f72" 73 f73 "f73" 74 f74 "f74" 75 f75 "f75" 76 f76 "f76" 77 f77 "f77" 78 f78 "f78" 79 f79 "f79"
    80 f80 "f80" 81 f81 "f81" 82 f82 "f82" 83 f83 "f83" 84 f84 "f84" 85 f85 "f85" 86 f86 "f86" 87 f87 "f87" 88 f88 "f88" 89 f89 "f89"
    90 f90 "f90" 91 f91 "f91" 92 f92 "f92" 93 f93 "f93" 94 f94 "f94" 95 f95 "f95" 96 f96 "f96" 97 f97 "f97" 98 f98 "f98" 99 f99 "f99"
    100 f100 "f100" 101 f101 "f101" 102 f102 "f102" 103 f103 "f103" 104 f104 "f104" 105 f105 "f105" 106 f106 "f106" 107 f107 "f107" 108 f108 "f108" 109 f109 "f109"
    110 f110 "f110" 111 f111 "f111" 112 f112 "f112" 113 f113 "f113" 114 f114 "f114" 115 f115 "f115" 116 f116 "f116" 117 f117 "f117" 118 f118 "f118" 119 f119 "f119"
    120 f120 "f120" 121 f121 "f121" 122 f122 "f122" 123 f123 "f123" 124 f124 "f124" 125 f125 "f125" 126 f126 "f126" 127 f127 "f127" 128 f128 "f128" 129 f129 "f129"
    130 f130 "f130" 131 f131 "f131" 132 f132 "f132" 133 f133 "f133" 134 f134 "f134" 135 f135 "f135" 136 f136 "f136" 137 f137 "f137" 138 f138 "f138" 139 f139 "f139"
    140 f140 "f140" 141 f141 "f141" 142 f142 "f142" 143 f143 "f143" 144 f144 "f144" 145 f145 "f145" 146 f146 "f146" 147 f147 "f147" 148 f148 "f148" 149 f149 "f149"
    150 f150 "f150" 151 f151 "f151" 152 f152 "f152" 153 f153 "f153" 154 f154 "f154" 155 f155 "f155" 156 f156 "f156" 157 f157 "f157" 158 f158 "f158" 159 f159 "f159"
    160 f160 "f160" 161 f161 "f161" 162 f162 "f162" 163 f163 "f163" 164 f164 "f164" 165 f165 "f165" 166 f166 "f166" 167 f167 "f167" 168 f168 "f168" 169 f169 "f169"
    170 f170 "f170" 171 f171 "f171" 172 f172 "f172" 173 f173 "f173" 174 f174 "f174" 175 f175 "f175" 176 f176 "f176" 177 f177 "f177" 178 f178 "f178" 179 f179 "f179"
    180 f180 "f180" 181 f181 "f181" 182 f182 "f182" 183 f183 "f183" 184 f184 "f184" 185 f185 "f185" 186 f186 "f186" 187 f187 "f187" 188 f188 "f188" 189 f189 "f189"
    190 f190 "f190" 191 f191 "f191" 192 f192 "f192" 193 f193 "f193" 194 f194 "f194" 195 f195 "f195" 196 f196 "f196" 197 f197 "f197" 198 f198 "f198" 199 f199 "f199"
    200 f200 "f200" 201 f201 "f201" 202 f202 "f202" 203 f203 "f203" 204 f204 "f204" 205 f205 "f205" 206 f206 "f206" 207 f207 "f207" 208 f208 "f208" 209 f209 "f209"
    210 f210 "f210" 211 f211 "f211" 212 f212 "f212" 213 f213 "f213" 214 f214 "f214" 215 f215 "f215" 216 f216 "f216" 217 f217 "f217" 218 f218 "f218" 219 f219 "f219"
    220 f220 "f220" 221 f221 "f221" 222 f222 "f222" 223 f223 "f223" 224 f224 "f224" 225 f225 "f225" 226 f226 "f226" 227 f227 "f227" 228 f228 "f228" 229 f229 "f229"
    230 f230 "f230" 231 f231 "f231" 232 f232 "f232" 233 f233 "f233" 234 f234 "f234" 235 f235 "f235" 236 f236 "f236" 237 f237 "f237" 238 f238 "f238" 239 f239 "f239"
    240 f240 "f240" 241 f241 "f241" 242 f242 "f242" 243 f243 "f243" 244 f244 "f244" 245 f245 "f245" 246 f246 "f246" 247 f247 "f247" 248 f248 "f248" 249 f249 "f249"
    250 f250 "f250" 251 f251 "f251" 252 f252 "f252" 253 f253 "f253" 254 f254 "f254" 255 f255 "f255" 256 f256 "f256" 257 f257 "f257" 258 f258 "f258" 259 f259 "f259"
}

#[test]
fn of_very_many_members_the_missing_one_is_named() {
    let all: BTreeMap<&str, u8> = NAMES.iter().map(|name| (*name, 1)).collect();
    for missing in [
        0,
        1,
        126,
        127,
        128,
        129,
        254,
        255,
        256,
        257,
        NAMES.len() - 1,
    ] {
        let mut members = all.clone();
        members.remove(NAMES[missing]);
        let json = serde_json::to_string(&members).unwrap();
        let error = serde_json::from_str::<Wide>(&json).unwrap_err().to_string();
        let expected = format!("missing field `{}`", NAMES[missing]);
        assert!(error.starts_with(&expected), "{error}");
    }
    assert!(serde_json::from_str::<Wide>(&serde_json::to_string(&all).unwrap()).is_ok());
}
