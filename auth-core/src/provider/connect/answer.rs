use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::Secret;
use crate::json::check_strict;
use crate::oauth::decode_form;
use crate::provider::model::Source;
use crate::provider::path::Path;
use crate::provider::predicate::Predicate;

/// How deep an answer may nest, and how many members it may have.
const MAX_DEPTH: usize = 16;
const MAX_MEMBERS: usize = 5000;

/// An answer of a provider, opened for paths and predicates.
pub(super) struct Answer {
    response: Response<Bytes>,
    json: Option<Value>,
    text: Zeroizing<String>,
}

impl Answer {
    /// Opens `response`. A body that is neither JSON nor a form has no members, only its text.
    pub(super) fn new(response: &Response<Bytes>) -> Self {
        let body = response.body().strip_prefix(b"\xef\xbb\xbf").unwrap_or(response.body());
        let strict = check_strict(body, MAX_DEPTH, MAX_MEMBERS).is_ok();
        let json = if strict { serde_json::from_slice(body).ok() } else { form(response.headers(), body) };
        Self { response: response.clone(), json, text: Zeroizing::new(String::from_utf8_lossy(body).into_owned()) }
    }

    /// The answer as it came.
    pub(super) fn response(&self) -> &Response<Bytes> {
        &self.response
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The body as JSON: null if it is none.
    pub(super) fn json(&self) -> &Value {
        self.json.as_ref().unwrap_or(&Value::Null)
    }

    /// The members of the body, if it is a JSON object or a form.
    pub(super) fn members(&self) -> Option<&Map<String, Value>> {
        self.json.as_ref().and_then(Value::as_object)
    }

    /// What the body has at `path`. The whole of a body that is no JSON is its text.
    pub(super) fn value(&self, path: &Path) -> Option<Value> {
        match &self.json {
            Some(json) => path.find(json).cloned(),
            None if path.is_whole() => Some(self.text.trim()).filter(|text| !text.is_empty()).map(Value::from),
            None => None,
        }
    }

    /// The first of `sources` that is there.
    pub(super) fn first(&self, sources: &[Source]) -> Option<Value> {
        sources.iter().find_map(|source| match source {
            Source::Body(path) => self.value(path),
            Source::Header(name) => {
                self.response.headers().get(name).and_then(|value| value.to_str().ok()).map(Value::from)
            }
            Source::Cookie(name) => self.cookie(name).map(Value::from),
        })
    }

    pub(super) fn first_text(&self, sources: &[Source]) -> Option<Secret> {
        self.first(sources).map(as_text).filter(|text| !text.is_empty())
    }

    /// The texts in the body, which errors of later requests must not repeat; short ones are words.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let (mut texts, mut left) = (Vec::new(), vec![self.json()]);
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) if text.len() >= 6 => texts.push(Secret::from(text.as_str())),
                Value::Array(list) => left.extend(list),
                Value::Object(members) => left.extend(members.values()),
                _ => {}
            }
        }
        texts
    }

    pub(super) fn holds(&self, predicate: &Predicate) -> bool {
        predicate.holds(self.status().as_u16(), self.response.headers(), self.json.as_ref(), &self.text)
    }

    /// The value of a cookie that the answer sets.
    fn cookie(&self, name: &str) -> Option<&str> {
        let set = self.response.headers().get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        set.filter_map(|line| line.split(';').next()?.split_once('='))
            .find(|(own, _)| own.trim() == name)
            .map(|(_, value)| value.trim())
    }
}

fn as_text(value: Value) -> Secret {
    Secret::new(match value {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// The pairs of a form-encoded body, as an object of texts.
fn form(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if !content_type.trim().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let mut members = Map::new();
    for (name, value) in decode_form(body, MAX_MEMBERS)? {
        if members.insert(name, Value::from(value.as_str())).is_some() {
            return None;
        }
    }
    Some(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn answer(content_type: &str, body: &'static str) -> Answer {
        let response = Response::builder()
            .header(CONTENT_TYPE, content_type)
            .header(SET_COOKIE, "B1SESSION=abc=1; Path=/; HttpOnly")
            .header(SET_COOKIE, "ROUTEID=.node1")
            .header("x-subject-token", "t1");
        Answer::new(&response.body(Bytes::from_static(body.as_bytes())).unwrap())
    }

    fn body(path: &str) -> Source {
        Source::Body(Path::parse(path).unwrap())
    }

    #[test]
    fn a_value_is_found_in_body_header_or_cookie_whichever_comes_first() {
        let json = answer("application/json", r#"{"data":{"token":"x","n":7},"null":null}"#);
        let text = |sources: &[Source]| json.first_text(sources).map(|text| text.expose_secret().to_owned());
        assert_eq!(text(&[body("access_token"), body("data.token")]).as_deref(), Some("x"));
        assert_eq!(text(&[body("data.n")]).as_deref(), Some("7"));
        assert_eq!(text(&[body("null")]), None);
        assert_eq!(text(&[Source::Header(HeaderName::from_static("x-subject-token"))]).as_deref(), Some("t1"));
        assert_eq!(text(&[Source::Cookie("B1SESSION".to_owned())]).as_deref(), Some("abc=1"));
        assert_eq!(text(&[Source::Cookie("ROUTEID".to_owned())]).as_deref(), Some(".node1"));
        assert_eq!(text(&[Source::Cookie("Path".to_owned())]), None);
    }

    #[test]
    fn the_whole_body_is_its_text_or_its_json_string() {
        let whole = |answer: &Answer| answer.first_text(&[body("")]).map(|text| text.expose_secret().to_owned());
        assert_eq!(whole(&answer("text/plain", " tok123\n")).as_deref(), Some("tok123"));
        assert_eq!(whole(&answer("application/json", "\"tok123\"")).as_deref(), Some("tok123"));
        assert_eq!(whole(&answer("text/plain", "")), None);
    }

    #[test]
    fn a_form_is_read_as_an_object_and_a_repeated_name_as_nothing() {
        let form = answer("application/x-www-form-urlencoded; charset=utf-8", "error=bad_code&x=a%2Bb");
        assert_eq!(form.first_text(&[body("x")]).unwrap().expose_secret(), "a+b");
        assert!(answer("application/x-www-form-urlencoded", "a=1&a=2").members().is_none());
        assert!(answer("application/json", r#"{"a":1,"a":2}"#).members().is_none());
    }
}
