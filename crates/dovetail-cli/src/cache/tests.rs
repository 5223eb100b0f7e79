//! A record counts while everything is as it was, and never otherwise.

use dovetail_codegen::Package;
use dovetail_contract::finding::Finding;
use dovetail_contract::source::Span;

use super::*;

/// A workspace with one contract and one generated crate, and a cache of its own.
struct Place {
    folder: tempfile::TempDir,
    packages: Vec<Package>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!("# {}\n", output::BANNER);
        let packages = vec![Package {
            name: "a-client".to_owned(),
            files: [("Cargo.toml".to_owned(), text)].into(),
        }];
        let place = Self { folder, packages };
        place.put("contracts/a/openapi.yaml", "openapi: 3.1.0\nüber: x\n");
        place.put("contracts/dovetail.yaml", "");
        output::write(&place.path("generated"), &place.packages).expect("an output");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn cache(&self) -> Cache {
        let root = self.path("contracts").canonicalize().expect("a folder");
        Cache {
            path: self.path("cache/codegen-x"),
            program: "this one".to_owned(),
            names: list_names(&root).expect("names"),
            root,
        }
    }

    /// Remembers a run that read both files and found something in one of them.
    fn remember(&self) -> Finding {
        let mut sources = Sources::default();
        for path in ["dovetail.yaml", "a/openapi.yaml"] {
            let text = fs::read_to_string(self.path("contracts").join(path)).expect("text");
            sources.add(path, text.trim_start_matches('\u{feff}'));
        }
        let file = sources.find("a/openapi.yaml").expect("the document");
        let code = &dovetail_codegen::codes::INDISTINCT_UNION;
        let finding = Finding::new(code, Span::new(file, 15, 20), "a message")
            .label("here")
            .related(Span::start_of(file), "there")
            .help("change it");
        let cache = self.cache();
        let places = [self.place("../generated")];
        assert!(cache.remember(&sources, std::slice::from_ref(&finding), &places));
        finding
    }

    fn place<'a>(&'a self, folder: &'a str) -> crate::places::Place<'a> {
        crate::places::Place {
            folder,
            packages: &self.packages,
        }
    }

    fn is_unchanged(&self) -> bool {
        self.cache().unchanged().is_some()
    }
}

#[test]
fn an_unchanged_workspace_says_what_it_said() {
    let place = Place::new();
    assert!(!place.is_unchanged(), "nothing is remembered yet");
    let said = place.remember();
    let unchanged = place.cache().unchanged().expect("nothing changed");
    let [again] = unchanged.findings.as_slice() else {
        panic!("{:?}", unchanged.findings);
    };
    assert_eq!(again.message, said.message);
    assert_eq!(
        (again.code.id, again.severity),
        (said.code.id, said.severity)
    );
    assert_eq!(
        (&again.help, &again.place.text),
        (&said.help, &said.place.text)
    );
    assert_eq!(again.related.len(), 1);
    assert_eq!(unchanged.sources.text(again.place.span), "über");
    assert_eq!(
        unchanged.sources.place(again.place.span),
        "a/openapi.yaml:2:1"
    );
    let counts = Counts {
        packages: 1,
        files: 1,
    };
    assert_eq!(unchanged.places, [("../generated".to_owned(), counts)]);
    assert_eq!(unchanged.inputs, ["a/openapi.yaml", "dovetail.yaml"]);
}

/// A name, a change to a workspace, and whether the record still counts after it.
type Row = (&'static str, fn(&Place), bool);

#[test]
fn whatever_changes_makes_the_record_void() {
    let rows: &[Row] = &[
        ("nothing", |_| {}, true),
        (
            "the same text, written again",
            |place| place.put("contracts/dovetail.yaml", ""),
            true,
        ),
        (
            "a byte order mark, which is no text",
            |place| {
                place.put(
                    "contracts/a/openapi.yaml",
                    "\u{feff}openapi: 3.1.0\nüber: x\n",
                );
            },
            true,
        ),
        (
            "a byte",
            |place| place.put("contracts/a/openapi.yaml", "openapi: 3.1.0\nüber: y\n"),
            false,
        ),
        (
            "more text",
            |place| place.put("contracts/dovetail.yaml", "x"),
            false,
        ),
        (
            "a contract less",
            |place| fs::remove_file(place.path("contracts/dovetail.yaml")).expect("gone"),
            false,
        ),
        (
            "a new service",
            |place| place.put("contracts/b/service.yaml", ""),
            false,
        ),
        (
            "a new expectation",
            |place| place.put("contracts/a/expects/b.yaml", ""),
            false,
        ),
        (
            "a hidden file",
            |place| place.put("contracts/.swp", ""),
            true,
        ),
        (
            "an edited output",
            |place| place.put("generated/a-client/Cargo.toml", "x"),
            false,
        ),
        (
            "no output",
            |place| fs::remove_dir_all(place.path("generated")).expect("gone"),
            false,
        ),
        (
            "an empty record",
            |place| place.put("cache/codegen-x", ""),
            false,
        ),
        (
            "no record at all",
            |place| fs::remove_dir_all(place.path("cache")).expect("gone"),
            false,
        ),
    ];
    for (what, change, expected) in rows {
        let place = Place::new();
        place.remember();
        change(&place);
        assert_eq!(place.is_unchanged(), *expected, "{what}");
    }
}

#[test]
fn output_inside_the_workspace_is_no_change_but_what_joins_it_is() {
    let place = Place::new();
    let before = place.cache();
    output::write(&place.path("contracts/out/crates"), &place.packages).expect("an output");
    let mut sources = Sources::default();
    sources.add("dovetail.yaml", "");
    assert!(before.remember(&sources, &[], &[place.place("out/crates")]));
    assert!(place.is_unchanged(), "the run itself made those names");
    place.put("contracts/out/service.yaml", "");
    assert!(!place.is_unchanged());
}

#[test]
fn a_damaged_record_and_one_of_another_program_do_not_count() {
    let place = Place::new();
    place.remember();
    let mut cache = place.cache();
    cache.program = "another one".to_owned();
    assert!(cache.unchanged().is_none());

    let path = place.path("cache/codegen-x");
    let whole = fs::read(&path).expect("a record");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).expect("a file");
        assert!(!place.is_unchanged(), "byte {at}");
    }
    fs::write(&path, &whole[..whole.len() - 1]).expect("a file");
    assert!(!place.is_unchanged());
    fs::write(&path, &whole).expect("a file");
    assert!(place.is_unchanged());
}

#[cfg(unix)]
#[test]
fn a_contract_that_leads_out_of_the_workspace_is_none() {
    let place = Place::new();
    place.remember();
    let contract = place.path("contracts/a/openapi.yaml");
    let outside = place.path("outside.yaml");
    fs::rename(&contract, &outside).expect("moved");
    std::os::unix::fs::symlink(&outside, &contract).expect("a link");
    assert!(!place.is_unchanged());
}

#[test]
fn old_records_make_room() {
    let place = Place::new();
    for number in 0..RECORDS_MAX + 10 {
        place.put(&format!("cache/codegen-{number}"), "");
    }
    place.put("cache/other", "");
    place.remember();
    let left = fs::read_dir(place.path("cache"))
        .expect("the cache")
        .count();
    assert_eq!(left, RECORDS_MAX + 1);
}
