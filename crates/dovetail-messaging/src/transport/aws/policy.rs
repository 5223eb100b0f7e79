//! Who may put messages into a queue, as the document that SQS keeps of it.

use serde_json::{Map, Value, json};

use super::name;
use crate::store::{ErrorKind, StoreError};

/// The policy of a queue with a statement more, by which a source may send to it; none where the policy speaks of the source already. Whatever
/// else its owner says there stays as it is.
pub(super) fn permitting(
    policy: Option<&str>,
    queue: &str,
    service: &str,
    source: &str,
) -> Result<Option<String>, StoreError> {
    let mut policy = match policy {
        Some(policy) => read(policy)?,
        None => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    let statements = policy.remove("Statement");
    let mut statements = match statements {
        Some(Value::Array(statements)) => statements,
        Some(one @ Value::Object(_)) => vec![one],
        None => Vec::new(),
        Some(_) => return Err(unreadable("its statements are no list")),
    };
    if statements.iter().any(|one| names(one, source)) {
        return Ok(None);
    }
    statements.push(json!({
        "Sid": format!("Dovetail{}", name::hash(&[source])),
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": { "ArnEquals": { "aws:SourceArn": source } },
    }));
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(policy).to_string()))
}

fn read(policy: &str) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_str(policy).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> StoreError {
    let action = "add to the policy of a queue, which cannot be read";
    StoreError::because(action, ErrorKind::Refused, why.to_owned())
}

/// Whether a text stands anywhere in a value. `serde_json` reads no deeper than it can be walked.
fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(one) => one == text,
        Value::Array(all) => all.iter().any(|one| names(one, text)),
        Value::Object(all) => all.values().any(|one| names(one, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:1:orders";

    fn permitting(policy: Option<&str>) -> Result<Option<String>, StoreError> {
        super::permitting(
            policy,
            "arn:aws:sqs:eu-west-1:1:q",
            "sns.amazonaws.com",
            TOPIC,
        )
    }

    fn statements(policy: &str) -> Vec<Value> {
        let policy: Value = serde_json::from_str(policy).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }

    #[test]
    fn what_the_owner_said_stays() {
        let deny =
            json!({ "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sqs:*" });
        for owned in [
            json!({ "Version": "2008-10-17", "Id": "mine", "Statement": [deny] }),
            json!({ "Version": "2008-10-17", "Id": "mine", "Statement": deny }),
        ] {
            let added = permitting(Some(&owned.to_string())).unwrap().unwrap();
            let statements = statements(&added);
            assert_eq!(statements.len(), 2);
            assert_eq!(statements[0], deny);
            assert_eq!(
                statements[1]["Condition"]["ArnEquals"]["aws:SourceArn"],
                TOPIC
            );
            let added_value: Value = serde_json::from_str(&added).unwrap();
            assert_eq!(
                (&added_value["Version"], &added_value["Id"]),
                (&owned["Version"], &owned["Id"])
            );
            assert_eq!(permitting(Some(&added)).unwrap(), None, "once");
        }
        assert_eq!(statements(&permitting(None).unwrap().unwrap()).len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_not_replaced() {
        for policy in ["", "{", "[]", "{\"Statement\":1}", "null"] {
            let error = permitting(Some(policy)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{policy}");
        }
    }
}
