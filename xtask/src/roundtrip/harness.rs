//! A program that decodes and encodes with the generated types: written beside their crate, compiled with it, and spoken to line by line.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use dovetail_codegen::Package;

use super::signature::{Lane, Types};
use crate::corpus::target_dir;
use crate::process::{cargo, root};

/// The name of the program.
const NAME: &str = "roundtrip-harness";

/// What generated types made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was decoded, and encoded to this.
    Encoded(String),
    /// It was refused.
    Refused {
        /// The place in it, such as `items[2].price`; a full stop is the text itself.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// It was decoded, and could not be encoded.
    Unencodable(String),
    /// The program ended over it.
    Crashed,
}

/// Times that the program is started again after it ended over a text.
const RESTARTS_MAX: usize = 100;

/// A compiled program.
#[derive(Debug)]
pub(super) struct Harness {
    program: PathBuf,
}

impl Harness {
    /// Writes and compiles the program for a client. All share what they are built from with the crates of the corpus.
    pub(super) fn build(work: &Path, package: &Package, types: &Types) -> Result<Self> {
        dovetail_codegen::output::write(work, std::slice::from_ref(package))?;
        let folder = work.join(NAME);
        std::fs::create_dir_all(folder.join("src"))?;
        let workspace = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"{}\", \"{NAME}\"]\n\n[profile.dev]\ndebug = false\nincremental = false\n",
            package.name
        );
        std::fs::write(work.join("Cargo.toml"), workspace)?;
        std::fs::copy(root().join("Cargo.lock"), work.join("Cargo.lock"))?;
        std::fs::write(folder.join("Cargo.toml"), manifest(package)?)?;
        std::fs::write(folder.join("src/main.rs"), source(types))?;
        let target = target_dir().join("corpus");
        let mut command: Command = cargo();
        command
            .current_dir(work)
            .args(["build", "--quiet", "-p", NAME]);
        command
            .env("CARGO_TARGET_DIR", &target)
            .stdin(Stdio::null());
        let output = command.output().context("cannot run cargo")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first: Vec<&str> = said.lines().take(30).collect();
            bail!("the generated types do not compile:\n{}", first.join("\n"));
        }
        let built = target
            .join("debug")
            .join(NAME)
            .with_extension(std::env::consts::EXE_EXTENSION);
        Ok(Self { program: built })
    }

    /// What the types make of each text; the number says which type.
    pub(super) fn ask(&self, texts: &[(usize, String)]) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for _ in 0..=RESTARTS_MAX {
            let rest = texts.get(answers.len()..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(answers);
            }
            answers.extend(self.ask_until_it_ends(rest)?);
            if answers.len() < texts.len() {
                answers.push(Answer::Crashed);
            }
        }
        bail!("the program ended {RESTARTS_MAX} times over what it was to decode")
    }

    fn ask_until_it_ends(&self, texts: &[(usize, String)]) -> Result<Vec<Answer>> {
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the program")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut input = input.context("the program has no input")?;
        let output = output.context("the program has no output")?;
        let answers = std::thread::scope(|scope| {
            // A program that ends early closes its input, which shows in how many answers there are.
            scope.spawn(move || {
                for (index, text) in texts {
                    if writeln!(input, "{index}\t{text}").is_err() {
                        break;
                    }
                }
            });
            let lines = BufReader::new(output).lines().take(texts.len());
            lines
                .map(|line| answer(&line.context("cannot read from the program")?))
                .collect()
        });
        child.kill().ok();
        child.wait().context("the program does not end")?;
        answers
    }
}

fn answer(line: &str) -> Result<Answer> {
    let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
    Ok(match word {
        "encoded" => Answer::Encoded(rest.to_owned()),
        "refused" => {
            let (path, message) = rest.split_once('\t').unwrap_or((rest, ""));
            Answer::Refused {
                path: path.to_owned(),
                message: message.to_owned(),
            }
        }
        "unencodable" => Answer::Unencodable(rest.to_owned()),
        _ => bail!("the program said `{word}`"),
    })
}

/// The manifest: what the generated crate depends on, and that crate.
fn manifest(package: &Package) -> Result<String> {
    let generated = package
        .files
        .get("Cargo.toml")
        .context("the crate has no manifest")?;
    let dependencies = generated
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let mut text = format!(
        "[package]\nname = \"{NAME}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n"
    );
    let is_own = |line: &&str| line.starts_with("serde =") || line.starts_with("serde_json =");
    for line in dependencies.filter(|line| !line.trim().is_empty() && !is_own(line)) {
        text.push_str(line);
        text.push('\n');
    }
    let name = &package.name;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "serde = \"1\"\nserde_json = \"1\"\n{name} = {{ path = \"../{name}\", features = [\"full-serde\"] }}"
    );
    Ok(text)
}

fn source(types: &Types) -> String {
    let mut arms = String::new();
    for (index, Lane { ty, .. }) in types.lanes.iter().enumerate() {
        let _ = writeln!(arms, "        {index} => round::<{ty}>(text),");
    }
    format!("{}{HEAD}{arms}{TAIL}", types.imports)
}

const HEAD: &str = r#"
fn main() {
    use std::io::{BufRead, Write};
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (index, text) = line.split_once('\t').unwrap();
        writeln!(output, "{}", answer(index.parse().unwrap(), text)).unwrap();
    }
}

fn answer(index: usize, text: &str) -> std::string::String {
    match index {
"#;

/// Decoding is what clients do with an answer, encoding what they do with a body.
const TAIL: &str = r#"        _ => "unknown".to_owned(),
    }
}

fn round<T: serde::de::DeserializeOwned + serde::Serialize>(text: &str) -> std::string::String {
    let response = dovetail_client::Response::new(200).with_body(text.as_bytes().to_vec());
    let line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    match response.json::<T>() {
        Ok(value) => match serde_json::to_string(&value) {
            Ok(text) => format!("encoded\t{text}"),
            Err(error) => format!("unencodable\t{}", line(&error.to_string())),
        },
        Err(error) => format!("refused\t{}\t{}", line(error.path()), line(error.message())),
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_word_by_word() {
        let refused = Answer::Refused {
            path: "a[1].b".to_owned(),
            message: "missing field `c`".to_owned(),
        };
        let rows = [
            (
                "encoded\t{\"a\":1}",
                Answer::Encoded("{\"a\":1}".to_owned()),
            ),
            ("refused\ta[1].b\tmissing field `c`", refused),
            ("unencodable\tno", Answer::Unencodable("no".to_owned())),
        ];
        for (line, expected) in rows {
            assert_eq!(answer(line).unwrap(), expected);
        }
        assert!(answer("unknown").is_err());
    }
}
