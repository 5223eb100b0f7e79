//! The JSON Schemas (draft-07, the one that editors read) of the three kinds of contract files.
//!
//! They are for completion and hints while typing. The readers in `load::workspace` decide; a test holds both together.

/// Of `dovetail.yaml`.
pub const WORKSPACE: &str = include_str!("../../schemas/workspace.schema.json");

/// Of `service.yaml`.
pub const SERVICE: &str = include_str!("../../schemas/service.schema.json");

/// Of `expects/*.yaml`.
pub const EXPECTATION: &str = include_str!("../../schemas/expectation.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::lower::Keys;
    use super::super::workspace::{channels, delivery, expect, matcher, policy, service, settings};
    use super::*;

    const POLICIES: &[(&str, &Keys)] = &[
        ("timeout", &policy::TIMEOUT),
        ("retry", &policy::RETRY),
        ("backoff", &policy::BACKOFF),
        ("budget", &policy::BUDGET),
        ("breaker", &policy::BREAKER),
        ("slow", &policy::SLOW),
        ("open", &policy::OPEN),
        ("half_open", &policy::HALF_OPEN),
        ("bulkhead", &policy::BULKHEAD),
    ];

    const DELIVERY: &[(&str, &Keys)] = &[
        ("consume_retry", &delivery::RETRY),
        ("consume_backoff", &delivery::BACKOFF),
        ("dead_letter", &delivery::DEAD_LETTER),
        ("alert", &delivery::ALERT),
    ];

    /// The keys of a definition (of the root, where the name is empty) are those that the reader knows.
    fn check(schema: &str, definitions: &[(&str, &Keys)]) {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        for (name, keys) in definitions {
            let definition = if name.is_empty() {
                &schema
            } else {
                &schema["definitions"][name]
            };
            let properties = definition["properties"].as_object().unwrap();
            let said: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(
                said,
                keys.known.iter().copied().collect(),
                "keys of `{name}`"
            );
            let required = definition["required"].as_array().into_iter().flatten();
            let required: BTreeSet<&str> = required.filter_map(Value::as_str).collect();
            assert_eq!(
                required,
                keys.required.iter().copied().collect(),
                "required keys of `{name}`"
            );
            assert_eq!(
                definition["additionalProperties"],
                Value::Bool(false),
                "`{name}` is strict"
            );
        }
    }

    #[test]
    fn editors_and_readers_know_the_same_keys() {
        let workspace: &[(&str, &Keys)] = &[
            ("", &settings::WORKSPACE),
            ("policy", &policy::POLICY),
            ("codegen", &settings::CODEGEN),
            ("runtime", &settings::RUNTIME),
            ("channel", &channels::CHANNEL),
            ("messaging", &settings::MESSAGING),
            ("consume_idempotency", &settings::IDEMPOTENCY),
        ];
        check(WORKSPACE, workspace);
        check(WORKSPACE, POLICIES);
        check(WORKSPACE, DELIVERY);
        let service: &[(&str, &Keys)] = &[
            ("", &service::SERVICE),
            ("slo", &service::SLO),
            ("provides", &service::PROVIDES),
            ("http", &service::HTTP),
            ("pagination", &service::pagination::PAGINATION),
            ("paged", &service::pagination::PAGED),
            ("rename", &service::rename::RENAME),
            ("states", &service::STATES),
            ("state", &service::STATE),
            ("call", &service::CALL),
            ("needs", &service::NEEDS),
            ("operation", &service::OPERATION),
            ("message", &service::messages::MESSAGE),
            ("consumption", &service::messages::CONSUMPTION),
            ("idempotency", &service::messages::IDEMPOTENCY),
        ];
        check(SERVICE, service);
        check(SERVICE, POLICIES);
        check(SERVICE, DELIVERY);
        let expectation: &[(&str, &Keys)] = &[
            ("", &expect::EXPECTATION),
            ("interaction", &expect::INTERACTION),
            ("given", &expect::GIVEN),
            ("request", &expect::REQUEST),
            ("response", &expect::RESPONSE),
            ("rules", &matcher::MATCHER),
        ];
        check(EXPECTATION, expectation);
    }

    #[test]
    fn editors_and_readers_know_the_same_formats() {
        let schema: Value = serde_json::from_str(EXPECTATION).unwrap();
        assert_eq!(
            schema["definitions"]["rules"]["properties"]["format"]["enum"],
            serde_json::json!(matcher::FORMATS)
        );
    }
}
