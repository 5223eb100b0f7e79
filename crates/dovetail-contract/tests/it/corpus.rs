//! Real documents load, and what is refused among the odd ones is refused with reason.

use std::collections::BTreeSet;
use std::path::Path;

use dovetail_contract::load::{LoadedApi, load_openapi};

use crate::shared;

/// Documents that are defective themselves, with the codes that say so.
const DEFECTIVE: &[(&str, &str)] = &[
    // The key `description` stands twice in one schema.
    ("stripe-3.0.yaml", "duplicate-key"),
];

#[test]
fn every_real_document_loads_without_an_error() {
    let Some(folder) = shared::folder("corpus/openapi") else {
        return;
    };
    let mut operations = 0;
    for path in shared::documents(&folder) {
        let name = name(&path, &folder);
        let loaded = load_openapi(&path);
        let expected: BTreeSet<_> = DEFECTIVE
            .iter()
            .filter(|(document, _)| *document == name)
            .map(|(_, code)| (*code).to_owned())
            .collect();
        assert_eq!(errors(&loaded), expected, "{name}");
        let api = loaded.api.expect("there is something to work with");
        let ids: BTreeSet<_> = api.operations.iter().map(|o| &o.id.value).collect();
        assert_eq!(ids.len(), api.operations.len(), "{name} has ids twice");
        operations += api.operations.len();
    }
    assert!(operations > 9_000, "only {operations} operations were read");
}

#[test]
fn every_feature_of_openapi_is_read() {
    let Some(folder) = shared::folder("conformance/openapi-features") else {
        return;
    };
    let mut read = 0;
    for path in shared::documents(&folder) {
        let loaded = load_openapi(&path);
        let name = name(&path, &folder);
        assert_eq!(errors(&loaded), BTreeSet::new(), "{name}");
        let api = loaded.api.expect("there is something to work with");
        assert!(!api.operations.is_empty(), "{name} has no operation");
        read += 1;
    }
    assert!(read > 150, "only {read} documents were read");
}

/// Quirk documents that are refused although they claim to be OpenAPI 3, with the reason.
const REFUSED: &[(&str, &str)] = &[
    // Parameters stand where schemas are needed.
    ("hey-api/specs/3.0.x/full.yaml", "reference-kind"),
    ("hey-api/specs/3.1.x/full.yaml", "reference-kind"),
    // Schemas that are defined as themselves.
    (
        "hey-api/specs/3.1.x/validators-circular-ref.json",
        "reference-cycle",
    ),
    (
        "ogen/_testdata/negative/cyclic/allOf_double.json",
        "reference-cycle",
    ),
    (
        "ogen/_testdata/negative/cyclic/allOf_single.json",
        "reference-cycle",
    ),
    // References that are broken or remote on purpose.
    (
        "libopenapi/test_specs/badref-burgershop.openapi.yaml",
        "dangling-reference",
    ),
    (
        "libopenapi/test_specs/badref-burgershop.openapi.yaml",
        "reference-remote",
    ),
    (
        "libopenapi/test_specs/mixedref-burgershop.openapi.yaml",
        "reference-outside",
    ),
    (
        "libopenapi/test_specs/mixedref-burgershop.openapi.yaml",
        "reference-remote",
    ),
    // A schema stands where a response is needed.
    (
        "libopenapi/test_specs/burgershop.openapi-modified.yaml",
        "reference-kind",
    ),
    // `oneOf` and `required` stand among the properties, where they would be properties of these names.
    ("libopenapi/test_specs/circular-tests.yaml", "wrong-type"),
    (
        "libopenapi/test_specs/vendor-extensions-test.yaml",
        "wrong-type",
    ),
    // The files that it names were not published with it.
    ("libopenapi/test_specs/redocly-starter.yaml", "missing-file"),
];

#[test]
fn odd_documents_are_read_or_refused_with_reason() {
    let Some(folder) = shared::folder("corpus/quirks") else {
        return;
    };
    let mut read = 0;
    for path in shared::documents(&folder) {
        let name = name(&path, &folder);
        let loaded = load_openapi(&path);
        let errors = errors(&loaded);
        // Parts of documents that others refer to, and documents of Swagger 2.0.
        let is_other = |code: &str| errors.len() == 1 && errors.contains(code);
        if is_other("missing-key") || is_other("unsupported-version") {
            continue;
        }
        let expected: BTreeSet<_> = REFUSED
            .iter()
            .filter(|(document, _)| *document == name)
            .map(|(_, code)| (*code).to_owned())
            .collect();
        assert_eq!(errors, expected, "{name}");
        read += usize::from(errors.is_empty());
    }
    assert!(read > 400, "only {read} documents were read");
}

#[test]
fn reading_twice_gives_the_same() {
    let Some(folder) = shared::folder("corpus/openapi") else {
        return;
    };
    for name in [
        "train-travel-3.1.yaml",
        "fastapi-orders-3.1.json",
        "bitbucket-3.0.json",
    ] {
        let [first, second] = [(), ()].map(|()| {
            let loaded = load_openapi(&folder.join(name));
            format!("{:?} {:?}", loaded.api, loaded.findings)
        });
        assert!(first == second, "{name} is read in two ways");
    }
}

fn errors(loaded: &LoadedApi) -> BTreeSet<String> {
    let errors = loaded.findings.iter().filter(|finding| finding.is_error());
    errors.map(|finding| finding.code.id.to_owned()).collect()
}

fn name(path: &Path, folder: &Path) -> String {
    let path = path.strip_prefix(folder).expect("it is below the folder");
    path.to_string_lossy().replace('\\', "/")
}
