use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::scope::Scope;
use crate::oauth::encode_form;
use crate::provider::model::{Place, PlacementSpec};
use crate::provider::path::{Path, Segment};
use crate::{Secret, TokenError, TokenErrorKind};

/// The parts of a credential that go into bodies, and where.
pub(super) fn body_parts(placement: &[PlacementSpec], scope: &Scope<'_>) -> Result<Vec<(Path, Secret)>, TokenError> {
    let parts = placement.iter().filter_map(|spec| match &spec.place {
        Place::Body(path) => Some((path, &spec.value.value)),
        _ => None,
    });
    parts.map(|(path, value)| Ok((path.clone(), scope.text("the credential", value)?))).collect()
}

/// Puts `parts` into the body of a request: members of a JSON object, or pairs of a form.
pub(super) fn put(request: &mut http::Request<Bytes>, parts: &[(Path, Secret)]) -> Result<(), TokenError> {
    if parts.is_empty() {
        return Ok(());
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = request.body();
    let changed = if content_type.starts_with("application/x-www-form-urlencoded") {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for (path, value) in parts {
            let sign = if text.is_empty() { "" } else { "&" };
            let (name, value) = (encode_form(&path.to_string()), encode_form(value.expose_secret()));
            text.push_str(&format!("{sign}{}={}", name.as_str(), value.as_str()));
        }
        text
    } else {
        let mut json = match body.is_empty() {
            true => Value::Object(Map::new()),
            false => serde_json::from_slice(body).map_err(|_| impossible())?,
        };
        for (path, value) in parts {
            *member(&mut json, path.segments()).ok_or_else(impossible)? = Value::from(value.expose_secret());
        }
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        json.to_string()
    };
    *request.body_mut() = Bytes::from(changed);
    Ok(())
}

/// The member at the end of `path`; objects on the way are made.
fn member<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Name(name) => {
            if value.is_null() {
                *value = Value::Object(Map::new());
            }
            Some(value.as_object_mut()?.entry(name.as_str()).or_insert(Value::Null))
        }
        Segment::Index(index) => value.as_array_mut()?.get_mut(*index),
    })
}

fn impossible() -> TokenError {
    let message =
        "the credential goes into a JSON object or a form, and the description gives the request another body";
    TokenError::new(TokenErrorKind::Misconfigured, message)
}
