//! `cargo xtask bench codegen`: every document of the corpus through every generator, each time as a process of its own, so that starting counts on
//! all sides.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::measure::{Usage, measure};
use super::peers::{CRATE, Peer};
use super::table::{Table, cells, median, ratio, times};
use super::{Asked, Outcome, first_error, print_table, progress, repeated, write_json};
use crate::corpus::{documents, real_documents};
use crate::document::Document;
use crate::process::{Profile, build, print, root};

/// The largest document of the corpus, which is shown apart.
const LARGEST: &str = "github-3.0.json";

/// What came of one document.
#[derive(Debug)]
struct Row {
    name: String,
    ours: Outcome,
    /// Generating again where nothing changed.
    again: Option<(Usage, Duration)>,
    peers: BTreeMap<&'static str, Outcome>,
}

/// Measures, prints, and returns the documents on which our own side failed.
pub(super) fn run(asked: &Asked, peers: &[&'static Peer]) -> Result<Vec<String>> {
    let ours = build("dovetail-cli", "dovetail", &[], Profile::Release)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut rows = Vec::new();
    for path in documents(&real_documents(), &asked.only)? {
        let document = Document::new(&path, work.path())?;
        rows.push(measure_document(
            asked,
            &ours,
            &document,
            peers,
            work.path(),
        )?);
    }
    if rows.is_empty() {
        bail!("there is no document to measure with");
    }
    print_rows(&rows, peers)?;
    print_medians(&rows, peers)?;
    print_largest(&rows)?;
    write_json(asked, &figures(&rows, peers))?;
    let failed = rows.iter().filter(|row| row.ours.usage().is_none());
    Ok(failed.map(|row| row.name.clone()).collect())
}

fn measure_document(
    asked: &Asked,
    ours: &Path,
    document: &Document,
    peers: &[&'static Peer],
    work: &Path,
) -> Result<Row> {
    let folder = work.join("ours");
    let workspace = Workspace::new(&folder, document)?;
    let outcome = repeated(asked.rounds, || {
        workspace.forget()?;
        run_once(&workspace.command(ours))
    })?;
    progress(&document.name, "ours", &outcome);
    let mut again = None;
    if outcome.usage().is_some() {
        let ran = measure(&workspace.command(ours))?;
        again = Some((ran.usage, ran.elapsed));
    }
    let mut row = Row {
        name: document.shown(),
        ours: outcome,
        again,
        peers: BTreeMap::new(),
    };
    std::fs::remove_dir_all(&folder)?;
    for peer in peers {
        let out = work.join(peer.name);
        let outcome = repeated(asked.rounds, || {
            empty(&out)?;
            run_once(&peer.command(&document.path, &out)?)
        })?;
        progress(&document.name, peer.name, &outcome);
        row.peers.insert(peer.name, outcome);
        empty(&out)?;
    }
    Ok(row)
}

fn run_once(command: &Command) -> Result<Result<Usage, String>> {
    let ran = measure(command)?;
    Ok(match ran.succeeded {
        true => Ok(ran.usage),
        false => Err(first_error(&ran.said)),
    })
}

/// An empty folder, whatever was there.
pub(super) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder).context("cannot make a folder")
}

/// A workspace of contracts that holds one service with one document.
#[derive(Debug)]
pub(super) struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    /// Writes the workspace.
    pub(super) fn new(folder: &Path, document: &Document) -> Result<Self> {
        let service = folder.join("service");
        empty(folder)?;
        std::fs::create_dir_all(&service)?;
        let file = document
            .path
            .file_name()
            .context("a document has no name")?;
        std::fs::copy(&document.path, service.join(file))
            .with_context(|| format!("cannot copy {}", document.name))?;
        let runtime = relative(
            &folder.canonicalize()?,
            &root().canonicalize()?.join("crates"),
        )?;
        // JSON is YAML, so text of any kind stands in quotes.
        let settings = json!({
            "dovetail": 1,
            "codegen": { "output": "generated", "runtime": { "path": runtime } },
        });
        let contract = json!({
            "service": CRATE,
            "version": "0.1.0",
            "provides": { "http": { "openapi": file.to_string_lossy() } },
        });
        std::fs::write(folder.join("dovetail.yaml"), settings.to_string())?;
        std::fs::write(service.join("service.yaml"), contract.to_string())?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The command that generates.
    pub(super) fn command(&self, dovetail: &Path) -> Command {
        let mut command = Command::new(dovetail);
        command.arg("-C").arg(&self.folder);
        command.args(["codegen", "--quiet"]);
        command
    }

    /// The folder of the crate.
    pub(super) fn package(&self) -> PathBuf {
        self.folder
            .join("generated")
            .join(format!("{CRATE}-client"))
    }

    /// Removes what was generated.
    fn forget(&self) -> Result<()> {
        let generated = self.folder.join("generated");
        if generated.exists() {
            std::fs::remove_dir_all(generated)?;
        }
        Ok(())
    }
}

/// The way from one folder to another by way of the root, as contracts write paths.
fn relative(from: &Path, to: &Path) -> Result<String> {
    let names = |path: &Path| -> Result<Vec<String>> {
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_str().map(str::to_owned)),
            _ => None,
        });
        let names: Option<Vec<String>> = names.collect();
        names.with_context(|| format!("`{}` is not UTF-8", path.display()))
    };
    let up = names(from)?.into_iter().map(|_| "..".to_owned());
    Ok(up.chain(names(to)?).collect::<Vec<_>>().join("/"))
}

fn print_rows(rows: &[Row], peers: &[&'static Peer]) -> Result<()> {
    let mut heading = vec!["document".to_owned(), "ours s".into(), "MB".into()];
    for peer in peers {
        heading.extend([format!("{} s", peer.name), "MB".to_owned()]);
    }
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let mut table = Table::new(&heading);
    for row in rows {
        let mut line = vec![row.name.clone()];
        line.extend(cells(row.ours.usage()));
        for peer in peers {
            line.extend(cells(row.peers.get(peer.name).and_then(Outcome::usage)));
        }
        table.row(line);
    }
    print_table(&table)?;
    for row in rows {
        let peers = row.peers.iter().map(|(name, outcome)| (*name, outcome));
        for (who, outcome) in [("ours", &row.ours)].into_iter().chain(peers) {
            if let Outcome::Failed(said) = outcome {
                print(&format!("{} cannot be read by {who}: {said}", row.name))?;
            }
        }
    }
    Ok(())
}

/// The figures of documents that both sides read.
fn pairs(rows: &[Row], peer: &str) -> Vec<(Usage, Usage)> {
    let pair = |row: &Row| Some((row.ours.usage()?, row.peers.get(peer)?.usage()?));
    rows.iter().filter_map(pair).collect()
}

/// Ratios of one peer to us on the documents that both read.
#[derive(Debug)]
struct Compared {
    documents: usize,
    cpu: Option<f64>,
    memory: Option<f64>,
    /// Sums of processor time: theirs and ours.
    sums: (f64, f64),
}

fn compare(pairs: &[(Usage, Usage)]) -> Compared {
    let cpu = |(ours, theirs): &(Usage, Usage)| ratio(theirs.cpu_s, ours.cpu_s);
    let memory = |(ours, theirs): &(Usage, Usage)| ratio(theirs.megabytes(), ours.megabytes());
    Compared {
        documents: pairs.len(),
        cpu: median(pairs.iter().filter_map(cpu)),
        memory: median(pairs.iter().filter_map(memory)),
        sums: (
            pairs
                .iter()
                .fold(0.0, |sum, (_, theirs)| sum + theirs.cpu_s),
            pairs.iter().fold(0.0, |sum, (ours, _)| sum + ours.cpu_s),
        ),
    }
}

fn print_medians(rows: &[Row], peers: &[&'static Peer]) -> Result<()> {
    let read = rows.iter().filter(|row| row.ours.usage().is_some()).count();
    print(&format!(
        "\n{read} of {} documents read by us; above 1x we are the better",
        rows.len()
    ))?;
    let mut table = Table::new(&[
        "peer",
        "reads",
        "both",
        "median s",
        "median MB",
        "sum theirs s",
        "sum ours s",
    ]);
    for peer in peers {
        let outcomes = rows
            .iter()
            .filter_map(|row| row.peers.get(peer.name)?.usage());
        let compared = compare(&pairs(rows, peer.name));
        table.row(vec![
            peer.name.to_owned(),
            outcomes.count().to_string(),
            compared.documents.to_string(),
            times(compared.cpu),
            times(compared.memory),
            format!("{:.1}", compared.sums.0),
            format!("{:.1}", compared.sums.1),
        ]);
    }
    print_table(&table)
}

fn print_largest(rows: &[Row]) -> Result<()> {
    if let Some(row) = rows.iter().find(|row| row.name == LARGEST)
        && let Some(usage) = row.ours.usage()
    {
        print(&format!(
            "\n{LARGEST}: {:.2} s of processor time, {:.0} MB at most",
            usage.cpu_s,
            usage.megabytes()
        ))?;
        if let Some((again, elapsed)) = row.again {
            print(&format!(
                "  again, unchanged: {:.3} s of processor time, {:.3} s elapsed",
                again.cpu_s,
                elapsed.as_secs_f64()
            ))?;
        }
    }
    let all = rows
        .iter()
        .filter_map(|row| Some((row.ours.usage()?, row.again?.0)));
    let (first, again) = all.fold((0.0, 0.0), |(first, again), (a, b)| {
        (first + a.cpu_s, again + b.cpu_s)
    });
    print(&format!(
        "all documents: {first:.2} s of processor time, again and unchanged: {again:.2} s"
    ))
}

fn figures(rows: &[Row], peers: &[&'static Peer]) -> Value {
    let documents = rows.iter().map(|row| {
        json!({
            "document": row.name,
            "ours": row.ours,
            "unchanged": row.again.map(|(usage, elapsed)| json!({
                "cpu_s": usage.cpu_s,
                "peak_bytes": usage.peak_bytes,
                "elapsed_s": elapsed.as_secs_f64(),
            })),
            "peers": row.peers,
        })
    });
    let medians = peers.iter().map(|peer| {
        let compared = compare(&pairs(rows, peer.name));
        let figures = json!({
            "documents": compared.documents,
            "cpu_ratio": compared.cpu,
            "memory_ratio": compared.memory,
        });
        (peer.name.to_owned(), figures)
    });
    json!({
        "bench": "codegen",
        "documents": documents.collect::<Vec<_>>(),
        "medians": medians.collect::<serde_json::Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(cpu_s: f64, peak_bytes: u64) -> Outcome {
        Outcome::Done(Usage { cpu_s, peak_bytes })
    }

    fn row(ours: Outcome, theirs: Outcome) -> Row {
        Row {
            name: "a.yaml".to_owned(),
            ours,
            again: None,
            peers: BTreeMap::from([("ploidy", theirs)]),
        }
    }

    #[test]
    fn only_documents_that_both_sides_read_are_compared() {
        let failed = || Outcome::Failed("no".to_owned());
        let rows = [
            row(done(1.0, 10), done(2.0, 40)),
            row(done(1.0, 10), done(4.0, 20)),
            row(failed(), done(100.0, 20)),
            row(done(0.1, 10), failed()),
        ];
        let compared = compare(&pairs(&rows, "ploidy"));
        assert_eq!(compared.documents, 2);
        assert_eq!(compared.cpu, Some(3.0));
        assert_eq!(compared.memory, Some(3.0));
        assert_eq!(compared.sums, (6.0, 2.0));
    }

    #[test]
    fn a_way_leads_by_the_root() {
        let way = relative(Path::new("/a/b"), Path::new("/c/d")).unwrap();
        assert_eq!(way, "../../c/d");
    }

    #[test]
    fn a_peer_that_read_nothing_has_no_ratio() {
        let compared = compare(&pairs(&[], "ploidy"));
        assert_eq!((compared.documents, compared.cpu), (0, None));
    }
}
