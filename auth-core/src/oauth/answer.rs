use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::form;
use crate::Secret;
use crate::json::{JsonError, check_strict};

/// How deep an answer may nest, and how many members it may have.
const MAX_DEPTH: usize = 16;
const MAX_MEMBERS: usize = 1000;

/// The members of an answer, read on demand: nothing is copied that nobody asks for.
pub(super) struct Answer<'a>(BTreeMap<String, Member<'a>>);

enum Member<'a> {
    Json(&'a RawValue),
    Text(Zeroizing<String>),
}

/// An error that an answer holds.
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) description: Option<String>,
}

impl<'a> Answer<'a> {
    /// The members of a JSON object.
    pub(super) fn from_json(body: &'a [u8]) -> Result<Self, JsonError> {
        // Some servers write a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        check_strict(body, MAX_DEPTH, MAX_MEMBERS)?;
        // The parser's own error may quote the text, so it is dropped.
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).map_err(|_| JsonError::Syntax)?;
        Ok(Self(members.into_iter().map(|(name, value)| (name, Member::Json(value))).collect()))
    }

    /// The pairs of a form-encoded text; `None` if it is broken or repeats a name.
    pub(super) fn from_form(body: &[u8]) -> Option<Self> {
        let mut members = BTreeMap::new();
        for (name, value) in form::decode(body, MAX_MEMBERS)? {
            match members.entry(name) {
                Entry::Vacant(entry) => entry.insert(Member::Text(value)),
                Entry::Occupied(_) => return None,
            };
        }
        Some(Self(members))
    }

    /// A text that is not empty (RFC 6749 section 3.2: without a value is as if omitted).
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(|mut text| Secret::new(std::mem::take(&mut *text)))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let text = match self.0.get(name)? {
            Member::Json(raw) => Zeroizing::new(serde_json::from_str::<String>(raw.get()).ok()?),
            Member::Text(text) => text.clone(),
        };
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the member is the JSON value `true`, and not a text or a number that means it.
    pub(super) fn is_true(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Member::Json(raw)) if raw.get() == "true")
    }

    /// What stands where a number is expected: the number's text or a string's content; empty for anything else. `None`
    /// if absent or null.
    pub(super) fn number_text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Member::Text(text) => Some(text.as_str().to_owned()),
            Member::Json(raw) => match raw.get().as_bytes().first() {
                Some(b'-' | b'0'..=b'9') => Some(raw.get().to_owned()),
                Some(b'"') => Some(serde_json::from_str(raw.get()).unwrap_or_default()),
                _ if raw.get() == "null" => None,
                _ => Some(String::new()),
            },
        }
    }

    /// Texts parted by spaces, whether they came as one text or as a list.
    pub(super) fn words(&self, name: &str) -> Option<String> {
        if let Some(text) = self.text(name) {
            return Some(text.as_str().to_owned());
        }
        let Member::Json(raw) = self.0.get(name)? else { return None };
        serde_json::from_str::<Vec<String>>(raw.get()).ok().map(|words| words.join(" "))
    }

    /// The error in the answer, if it says so: RFC 6749 section 5.2, and what servers make of it (a nested object, a
    /// status of 200).
    pub(super) fn failure(&self) -> Option<Failure> {
        let own = |name| self.text(name).map(|text| text.as_str().to_owned());
        if let Some(code) = own("error") {
            return Some(Failure { code, description: own("error_description") });
        }
        let Member::Json(raw) = self.0.get("error")? else { return None };
        if let Ok(nested) = Answer::from_json(raw.get().as_bytes()) {
            let text = |name| nested.text(name).map(|text| text.as_str().to_owned());
            let code = ["code", "type", "status"].into_iter().find_map(text).unwrap_or_else(|| "unknown".to_owned());
            return Some(Failure { code, description: text("message").or_else(|| own("error_description")) });
        }
        match raw.get() {
            // An empty list is how some servers write that there is nothing.
            "null" | "false" | "0" | "\"\"" | "[]" => None,
            other => Some(Failure { code: other.to_owned(), description: own("error_description") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(json: &str) -> Option<(String, Option<String>)> {
        Answer::from_json(json.as_bytes()).unwrap().failure().map(|failure| (failure.code, failure.description))
    }

    fn some(code: &str, description: Option<&str>) -> Option<(String, Option<String>)> {
        Some((code.to_owned(), description.map(str::to_owned)))
    }

    // R6749-5.2a
    #[test]
    fn an_error_is_found_in_the_shapes_that_servers_use() {
        assert_eq!(
            failure(r#"{"error":"invalid_client","error_description":"no"}"#),
            some("invalid_client", Some("no"))
        );
        assert_eq!(failure(r#"{"ok":false,"error":"invalid_code"}"#), some("invalid_code", None));
        assert_eq!(
            failure(r#"{"error":{"type":"OAuthException","message":"no","code":190}}"#),
            some("OAuthException", Some("no"))
        );
        assert_eq!(failure(r#"{"error":{}}"#), some("unknown", None));
        assert_eq!(failure(r#"{"error":true}"#), some("true", None));
        for fine in ["{}", r#"{"error":null}"#, r#"{"error":""}"#, r#"{"error":false}"#, r#"{"ok":true}"#] {
            assert_eq!(failure(fine), None, "{fine}");
        }
    }

    // THREAT-A5
    #[test]
    fn only_one_object_is_an_answer() {
        for bad in ["", "[]", "\"a\"", "1", "null", "{} {}", r#"{"a":1,"a":1}"#] {
            assert!(Answer::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Answer::from_json(b"\xef\xbb\xbf{}").is_ok());
        assert!(Answer::from_form(b"a=1&a=2").is_none());
    }
}
