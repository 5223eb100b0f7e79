//! The last step: text is parsed, which proves that it is Rust, and laid out item by item, with blank lines where people put them.

use syn::{Item, ItemImpl};

/// Formats a generated Rust file. Its first line, the banner, stays as it is.
pub(crate) fn rust(text: &str) -> Result<String, String> {
    let (banner, body) = text.split_once('\n').unwrap_or((text, ""));
    let file = syn::parse_file(body).map_err(|error| error.to_string())?;
    let mut formatted = format!("{banner}\n");
    let head = syn::File {
        shebang: None,
        frontmatter: None,
        attrs: file.attrs,
        items: Vec::new(),
    };
    let head = prettyplease::unparse(&head);
    if !head.trim().is_empty() {
        formatted.push_str(head.trim_end());
        formatted.push('\n');
    }
    let mut before: Option<Item> = None;
    for item in file.items {
        if before
            .as_ref()
            .is_none_or(|before| !stand_together(before, &item))
        {
            formatted.push('\n');
        }
        let single = syn::File {
            shebang: None,
            frontmatter: None,
            attrs: Vec::new(),
            items: vec![item],
        };
        let printed = prettyplease::unparse(&single);
        before = single.items.into_iter().next();
        if matches!(before, Some(Item::Impl(ItemImpl { .. }))) {
            formatted.push_str(&spaced(&printed));
        } else {
            formatted.push_str(&printed);
        }
    }
    Ok(formatted)
}

/// Lays out a file of tables, which stand as they are: parsed like all Rust, with one empty line between two of them.
pub(crate) fn tables(text: &str) -> Result<String, String> {
    syn::parse_file(text).map_err(|error| error.to_string())?;
    let mut laid_out = String::with_capacity(text.len());
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
    {
        let begins = laid_out.is_empty() || line.starts_with([' ', '}', '/']);
        let goes_on = line.starts_with("use ")
            && laid_out
                .lines()
                .last()
                .is_some_and(|before| before.starts_with("use ") || before == "};");
        if !begins && !goes_on {
            laid_out.push('\n');
        }
        laid_out.push_str(line);
        laid_out.push('\n');
    }
    Ok(laid_out)
}

/// Text that is not Rust: no blanks at line ends, never two empty lines, one line break at the end.
pub(crate) fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    format!("{}\n", tidied.trim_end())
}

/// Imports of one kind, and modules, follow each other without an empty line.
fn stand_together(before: &Item, item: &Item) -> bool {
    match (before, item) {
        (Item::Use(before), Item::Use(item)) => origin(before) == origin(item),
        (Item::Mod(_), Item::Mod(_)) => true,
        _ => false,
    }
}

fn origin(item: &syn::ItemUse) -> u8 {
    match &item.tree {
        syn::UseTree::Path(path) if path.ident == "std" => 0,
        syn::UseTree::Path(path) if path.ident == "crate" => 2,
        _ => 1,
    }
}

/// Puts an empty line after each member of an `impl` that has a body.
fn spaced(printed: &str) -> String {
    let mut spaced = String::with_capacity(printed.len() + 64);
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        spaced.push_str(line);
        spaced.push('\n');
        let ends_member =
            line == "    }" || (line.starts_with("    const ") && line.ends_with(';'));
        if ends_member && lines.peek().is_some_and(|next| *next != "}") {
            spaced.push('\n');
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_and_methods_stand_apart_and_imports_together() {
        let text = "// banner\n//! Docs.\nuse std::fmt;use std::io;\nuse a::B;\n/// A.\nstruct A{x:u8}\nimpl A{fn a(){ if true { b() } }\nfn b(){}}";
        let expected = "// banner\n//! Docs.\n\nuse std::fmt;\nuse std::io;\n\nuse a::B;\n\n/// A.\nstruct A {\n    x: u8,\n}\n\nimpl A {\n    fn a() {\n        if true {\n            b()\n        }\n    }\n\n    fn b() {}\n}\n";
        assert_eq!(rust(text).as_deref(), Ok(expected));
    }

    #[test]
    fn text_that_is_no_rust_is_an_error() {
        assert!(rust("// banner\npub fn (").is_err());
    }

    #[test]
    fn other_text_is_tidied() {
        assert_eq!(tidy("a  \n\n\n\nb\n\n"), "a\n\nb\n");
    }
}
