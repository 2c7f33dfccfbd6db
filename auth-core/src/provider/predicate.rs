use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::path::Path;

/// What an answer must look like: one of several descriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Predicate(pub(super) Vec<AnswerShape>);

/// A description of an answer; all its parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AnswerShape {
    /// Ranges of statuses; empty: any.
    pub(super) status: Vec<(u16, u16)>,
    pub(super) header: Option<(HeaderName, Condition)>,
    pub(super) body: Option<(Path, Condition)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Equals(Vec<String>),
    Contains(String),
    Present(bool),
}

impl Predicate {
    /// One status alone.
    pub(crate) fn status(from: u16, to: u16) -> Self {
        Self(vec![AnswerShape { status: vec![(from, to)], ..AnswerShape::default() }])
    }

    /// Whether a body must be read to decide it.
    pub(crate) fn needs_body(&self) -> bool {
        self.0.iter().any(|shape| shape.body.is_some())
    }

    /// Whether an answer is so. `json` is the body if it is JSON, and `text` what it is otherwise.
    pub(crate) fn holds(&self, status: u16, headers: &HeaderMap, json: Option<&Value>, text: &str) -> bool {
        self.0.iter().any(|shape| shape.holds(status, headers, json, text))
    }
}

impl AnswerShape {
    fn holds(&self, status: u16, headers: &HeaderMap, json: Option<&Value>, text: &str) -> bool {
        let by_status = self.status.is_empty() || self.status.iter().any(|(from, to)| (*from..=*to).contains(&status));
        let by_header = self.header.as_ref().is_none_or(|(name, condition)| {
            let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).peekable();
            match condition {
                Condition::Present(wanted) => values.peek().is_some() == *wanted,
                _ => values.any(|value| condition.holds(Some(value))),
            }
        });
        let by_body = || {
            self.body.as_ref().is_none_or(|(path, condition)| {
                let found = match json {
                    Some(value) => path.find_text(value),
                    None => path.is_whole().then(|| text.to_owned()).filter(|text| !text.is_empty()),
                };
                condition.holds(found.as_deref())
            })
        };
        by_status && by_header && by_body()
    }
}

impl Condition {
    fn holds(&self, found: Option<&str>) -> bool {
        match (self, found) {
            (Self::Present(wanted), found) => found.is_some() == *wanted,
            (Self::Equals(values), Some(found)) => values.iter().any(|value| value == found),
            (Self::Contains(part), Some(found)) => found.contains(part.as_str()),
            (_, None) => false,
        }
    }
}
