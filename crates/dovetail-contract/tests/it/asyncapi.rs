//! The examples of the AsyncAPI specification load, and what they say is found.

use std::collections::{BTreeMap, BTreeSet};

use dovetail_contract::load::load_asyncapi;

use crate::shared;

/// What the examples are refused in, with the reason.
const REFUSED: &[(&str, &str)] = &[
    // Its payloads are on other machines.
    ("adeo-kafka-request-reply", "reference-remote"),
];

#[test]
fn every_example_of_every_version_loads_with_its_messages() {
    for version in ["v2.6.0", "v3.0.0", "v3.1.0"] {
        let name = format!("conformance/asyncapi/spec-examples-{version}");
        let Some(folder) = shared::folder(&name) else {
            return;
        };
        let mut counts = BTreeMap::new();
        for path in shared::documents(&folder) {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            // Parts that documents share are none themselves.
            if !text.contains("asyncapi:") {
                continue;
            }
            let path = path.strip_prefix(&folder).expect("it lies in the folder");
            let path = path.to_string_lossy().replace('\\', "/");
            let loaded = load_asyncapi(&folder, &path);
            let errors = loaded.findings.iter().filter(|finding| finding.is_error());
            let errors: BTreeSet<&str> = errors.map(|finding| finding.code.id).collect();
            let expected = REFUSED.iter().filter(|(name, _)| path.starts_with(name));
            let expected: BTreeSet<&str> = expected.map(|(_, code)| *code).collect();
            assert_eq!(errors, expected, "{version}/{path}: {:?}", loaded.findings);
            let api = loaded.api.expect("there is something to work with");
            assert!(!api.channels.is_empty(), "{version}/{path}");
            let messages = api.messaging.provides.len();
            assert!(messages > 0, "{version}/{path} has no message");
            counts.insert(path, messages);
        }
        assert!(counts.len() >= 18, "{version}: only {counts:?}");
    }
}
