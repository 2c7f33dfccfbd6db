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
    /// Whether a body must be read to decide it.
    pub(crate) fn needs_body(&self) -> bool {
        self.0.iter().any(|shape| shape.body.is_some())
    }

    /// Whether an answer with this head may be so, whatever its body.
    pub(crate) fn may_hold(&self, status: u16, headers: &HeaderMap) -> bool {
        let head = |shape: &AnswerShape| AnswerShape { body: None, ..shape.clone() };
        self.0.iter().any(|shape| head(shape).holds(status, headers, None, ""))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(path: &str, condition: Condition) -> Predicate {
        let body = Some((Path::parse(path).unwrap(), condition));
        Predicate(vec![AnswerShape { body, ..AnswerShape::default() }])
    }

    #[test]
    fn bodies_are_compared_as_text() {
        let body = json!({"ok": false, "errors": [{"code": 602}], "message": "token expired"});
        let holds = |path: &str, condition| shape(path, condition).holds(200, &HeaderMap::new(), Some(&body), "");
        let equals = |text: &str| Condition::Equals(vec!["601".to_owned(), text.to_owned()]);
        assert!(holds("ok", equals("false")) && holds("errors[0].code", equals("602")));
        assert!(!holds("ok", equals("true")) && !holds("absent", equals("602")));
        assert!(holds("message", Condition::Contains("expired".to_owned())));
        assert!(holds("ok", Condition::Present(true)) && holds("absent", Condition::Present(false)));
        let text = |condition| shape("", condition).holds(200, &HeaderMap::new(), None, "Session expired");
        assert!(text(Condition::Contains("expired".to_owned())) && !text(Condition::Equals(vec!["x".to_owned()])));
        assert!(!shape("a", Condition::Present(true)).holds(200, &HeaderMap::new(), None, "a"));
    }

    #[test]
    fn all_parts_of_one_shape_must_hold_and_one_shape_is_enough() {
        let mut headers = HeaderMap::new();
        headers.insert("x-error", "Expired".parse().unwrap());
        let name = HeaderName::from_static("x-error");
        let header = Some((name, Condition::Equals(vec!["Expired".to_owned()])));
        let both = AnswerShape { status: vec![(200, 200), (400, 403)], header, body: None };
        let either = Predicate(vec![both.clone(), AnswerShape { status: vec![(401, 401)], ..AnswerShape::default() }]);
        let holds = |status, headers: &HeaderMap| either.holds(status, headers, None, "");
        assert!(holds(402, &headers) && holds(401, &HeaderMap::new()) && holds(200, &headers));
        assert!(!holds(402, &HeaderMap::new()) && !holds(404, &headers));
        assert!(!either.needs_body() && shape("a", Condition::Present(true)).needs_body());
    }
}
