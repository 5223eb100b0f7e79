//! Files that hold more than items of the usual shapes: parsed as Rust, and printed item by item by a library.
//!
//! That takes longer than our own layout, and knows all of the language; few crates have such files.

use syn::{Item, ItemImpl, ItemTrait};

/// Formats a generated Rust file. Its first line, the banner, stays as it is.
///
/// # Errors
///
/// Says why the text is no Rust.
pub(crate) fn parsed(text: &str) -> Result<String, String> {
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
        if matches!(
            before,
            Some(Item::Impl(ItemImpl { .. }) | Item::Trait(ItemTrait { .. }))
        ) {
            formatted.push_str(&spaced(&printed));
        } else {
            formatted.push_str(&printed);
        }
    }
    Ok(formatted)
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

/// Puts an empty line after each member that has a body.
fn spaced(printed: &str) -> String {
    let mut spaced = String::with_capacity(printed.len() + 64);
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        spaced.push_str(line);
        spaced.push('\n');
        let is_member = line.starts_with("    ") && !line.starts_with("     ");
        let ends_member = line == "    }" || (is_member && line.ends_with(';'));
        if ends_member && lines.peek().is_some_and(|next| *next != "}") {
            spaced.push('\n');
        }
    }
    spaced
}
