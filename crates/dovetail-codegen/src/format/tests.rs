//! Layout: what it does with each construct, and that it does what prettyplease does.

use super::*;

/// A body between a banner and a line of documentation, as it comes out.
fn laid_out(body: &str) -> String {
    let formatted = rust(&format!("// banner\n//! Docs.\n{body}")).expect("tokens");
    let rest = formatted.strip_prefix("// banner\n//! Docs.\n\n");
    rest.expect("the banner stays").to_owned()
}

#[test]
fn items_and_methods_stand_apart_and_imports_together() {
    let text = "// banner\n//! Docs.\nuse std::fmt; use std::io;\nuse a::B;\n#[cfg(feature = \"x\")]\nmod a;\nmod b;\n/// A.\nstruct A { x: u8 }\nimpl A { fn a() { b(1); if true { b() } }\nfn b() {} }";
    let expected = "// banner\n//! Docs.\n\nuse std::fmt;\nuse std::io;\n\nuse a::B;\n\n#[cfg(feature = \"x\")]\nmod a;\nmod b;\n\n/// A.\nstruct A {\n    x: u8,\n}\n\nimpl A {\n    fn a() {\n        b(1);\n        if true { b() }\n    }\n\n    fn b() {}\n}\n";
    assert_eq!(rust(text).as_deref(), Ok(expected));
    let bare = "// banner\nstruct A;";
    assert_eq!(rust(bare).as_deref(), Ok("// banner\n\nstruct A;\n"));
}

#[test]
fn text_that_is_no_rust_is_an_error() {
    assert!(rust("// banner\npub fn (").is_err());
    assert!(tables("// banner\nobject! { \"x }").is_err());
}

#[test]
fn other_text_is_tidied() {
    assert_eq!(tidy("a  \n\n\n\nb\n\n"), "a\n\nb\n");
}

#[test]
fn what_has_no_room_is_broken_from_the_outside_in() {
    let long = "a_name_that_takes_some_room";
    let rows = [
        (
            format!("use a::{{{}}};", ["Aaaaaaaaaaaaaaaaaaaaaaaa"; 4].join(", ")),
            format!("use a::{{\n    {},\n    Aaaaaaaaaaaaaaaaaaaaaaaa,\n}};\n", ["Aaaaaaaaaaaaaaaaaaaaaaaa"; 3].join(", ")),
        ),
        (
            format!("impl C {{ pub async fn f(\n&self,\n{long}: &str,\n) -> Result<Vec<String>, Error<Undeclared>> {{ self.http\n.call(&X)\n.await }} }}"),
            format!("impl C {{\n    pub async fn f(\n        &self,\n        {long}: &str,\n    ) -> Result<Vec<String>, Error<Undeclared>> {{\n        self.http.call(&X).await\n    }}\n}}\n"),
        ),
        (
            format!("pub type {long} = BTreeMap<{long}, {long}>;"),
            format!("pub type {long} = BTreeMap<\n    {long},\n    {long},\n>;\n"),
        ),
        (
            format!("fn f() {{ self.http.call(&{long}).path({long}, {long}).await }}"),
            format!("fn f() {{\n    self.http\n        .call(&{long})\n        .path({long}, {long})\n        .await\n}}\n"),
        ),
        (
            format!("const X: T = T::new({long}, {long}, {long}).also(&[&[A], &[]]);"),
            format!("const X: T = T::new(\n    {long},\n    {long},\n    {long},\n)\n.also(&[&[A], &[]]);\n"),
        ),
        (
            "const X: P = P::new(1).retry(Retry { max_attempts: 3, backoff: Config { base: 1, ..new() } });".to_owned(),
            "const X: P = P::new(1)\n    .retry(Retry {\n        max_attempts: 3,\n        backoff: Config { base: 1, ..new() },\n    });\n".to_owned(),
        ),
        (
            format!("fn f() {{ match s {{ 1 => Ok(None), 2..=3 => call({long}, {long}), s @ 4 => r.map(|b| Some(Self::AnswerWithLongName {{ status, body }})), }} }}"),
            format!("fn f() {{\n    match s {{\n        1 => Ok(None),\n        2..=3 => call({long}, {long}),\n        s @ 4 => {{\n            r.map(|b| Some(Self::AnswerWithLongName {{\n                status,\n                body,\n            }}))\n        }}\n    }}\n}}\n"),
        ),
        (
            "fn f() { let fetch = move |at: Option<_>| { let mut a = at.clone(); a.b = at; async move { c.list(&a, &a).await } }; P::by(first, fetch, |page| page.next.clone()) }".to_owned(),
            "fn f() {\n    let fetch = move |at: Option<_>| {\n        let mut a = at.clone();\n        a.b = at;\n        async move { c.list(&a, &a).await }\n    };\n    P::by(first, fetch, |page| page.next.clone())\n}\n".to_owned(),
        ),
        (
            format!("fn f() {{ let a = move |b| async move {{ let c = {long}({long}); {long}(c).{long}(&{long}).await }}; if a {{ b(); }} else {{ c(); }} d }}"),
            format!("fn f() {{\n    let a = move |b| async move {{\n        let c = {long}({long});\n        {long}(c)\n            .{long}(&{long})\n            .await\n    }};\n    if a {{\n        b();\n    }} else {{\n        c();\n    }}\n    d\n}}\n"),
        ),
        (
            format!("enum E {{ /// Doc.\nA({long}::Bbbbbbbbbbbbbbb<{long}, {long}>), B {{ /// It.\nx: u8, }}, }}"),
            format!("enum E {{\n    /// Doc.\n    A(\n        {long}::Bbbbbbbbbbbbbbb<\n            {long},\n            {long},\n        >,\n    ),\n    B {{\n        /// It.\n        x: u8,\n    }},\n}}\n"),
        ),
    ];
    for (text, expected) in rows {
        let formatted = laid_out(&text);
        assert_eq!(formatted, expected, "{formatted}");
        assert_eq!(meaning(&formatted), meaning(&text), "{formatted}");
        let again = laid_out(&formatted);
        assert_eq!(again, expected, "a second time");
    }
}

/// The text as another printer writes it, which is the same wherever the code is the same.
fn meaning(text: &str) -> String {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    prettyplease::unparse(&file)
}

#[test]
fn all_crates_of_this_repository_stay_as_they_are_and_as_another_printer_has_them() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../generated");
    let mut count = 0;
    for krate in std::fs::read_dir(folder).expect("the generated crates") {
        let sources = krate.expect("a crate").path().join("src");
        for file in std::fs::read_dir(sources).expect("its sources") {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("text");
            if path.ends_with("wire.rs") {
                assert_eq!(
                    tables(&text).as_deref(),
                    Ok(text.as_str()),
                    "{}",
                    path.display()
                );
                continue;
            }
            // Files of other shapes are laid out by another printer.
            if text.contains("\npub trait ") || text.contains("\nwhere\n") {
                let again = parsed(&text);
                assert_eq!(again.as_deref(), Ok(text.as_str()), "{}", path.display());
                continue;
            }
            let formatted = rust(&text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(formatted, text, "{}", path.display());
            // Lines are the same but for chains that follow a list of arguments, which the other printer indents twice.
            let other = meaning(&text);
            assert_eq!(squeezed(&formatted), squeezed(&other), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 10, "{count} files");
}

/// The lines that say something, without indentation and without the banner.
fn squeezed(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with("// ")).collect()
}

#[test]
fn closures_and_blocks_of_statements_stand_on_lines_of_their_own() {
    let text = "// banner\nfn a() { let fetch = move |number: u64| { let client = client.clone(); options.page = number; async move { client.list(&options).await } }; go(fetch, |page| page.next.clone()) }\n";
    let expected = "// banner\n\nfn a() {\n    let fetch = move |number: u64| {\n        let client = client.clone();\n        options.page = number;\n        async move { client.list(&options).await }\n    };\n    go(fetch, |page| page.next.clone())\n}\n";
    assert_eq!(rust(text).as_deref(), Ok(expected));
}
