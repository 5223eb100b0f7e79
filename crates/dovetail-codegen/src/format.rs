//! The last step: text is read as tokens, which proves that no text of a contract has become code, and laid out as people lay out Rust.
//!
//! The layout is our own: parsing and printing whole syntax trees took two thirds of a run, and templates print nearly all lines as they
//! stay. Tests parse what comes out of it and hold it against prettyplease, which lays out the few files of other shapes.

mod expression;
mod layout;
mod library;
mod token;

pub(crate) use self::library::parsed;
use self::token::Tokens;

/// Formats a generated Rust file. Its first line, the banner, stays as it is.
///
/// # Errors
///
/// Says what stands in the text that no template prints.
pub(crate) fn rust(text: &str) -> Result<String, String> {
    let (banner, body) = text.split_once('\n').unwrap_or((text, ""));
    let tokens = Tokens::read(body)?;
    let laid_out = layout::file(&tokens, body.len());
    let has_head = laid_out.starts_with("//!") || laid_out.starts_with("#!");
    let gap = if has_head { "" } else { "\n" };
    Ok(format!("{banner}\n{gap}{laid_out}"))
}

/// Lays out a file of tables, which stand as they are: read like all Rust, with one empty line between two of them.
///
/// # Errors
///
/// As for [`rust`].
pub(crate) fn tables(text: &str) -> Result<String, String> {
    Tokens::read(text)?;
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

#[cfg(test)]
mod tests;
