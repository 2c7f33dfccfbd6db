use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request};

use super::scope::Scope;
use crate::error::{SigningError, SigningErrorKind};
use crate::json::check_strict;
use crate::oauth::{decode_form, encode_form};
use crate::provider::model::{Place, PlacementSpec};
use crate::provider::path::Path;
use crate::{Secret, TokenError, TokenErrorKind};

/// How deep a body may nest, and how many members it may have.
const MAX_DEPTH: usize = 64;
const MAX_MEMBERS: usize = 100_000;

/// The parts of a credential that go into bodies, and where.
pub(super) fn body_parts(placement: &[PlacementSpec], scope: &Scope<'_>) -> Result<Vec<(Path, Secret)>, TokenError> {
    let parts = placement.iter().filter_map(|spec| match &spec.place {
        Place::Body(path) => Some((path, &spec.value.value)),
        _ => None,
    });
    parts.map(|(path, value)| Ok((path.clone(), scope.text("the credential", value)?))).collect()
}

/// Puts `members` into the body of one of our own requests.
pub(super) fn fill_request(request: &mut Request<Bytes>, members: &[(Path, Secret)]) -> Result<(), TokenError> {
    if members.is_empty() {
        return Ok(());
    }
    let filled = fill_body(request.headers(), request.body(), members).map_err(|error| {
        TokenError::new(TokenErrorKind::Misconfigured, "the request of the description cannot carry the credential")
            .with_source(error)
    })?;
    request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    *request.body_mut() = Bytes::from(filled.expose_secret().to_owned());
    Ok(())
}

/// A body with `members` in it. What else it has stays as it is written; members may change their order.
pub(super) fn fill_body(headers: &HeaderMap, body: &[u8], members: &[(Path, Secret)]) -> Result<Secret, SigningError> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_ascii_lowercase());
    let essence = content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    match essence {
        "application/x-www-form-urlencoded" => form(body, members),
        json if json == "application/json" || json.ends_with("+json") || content_type.is_none() => {
            json_object(body, members)
        }
        _ => Err(unfit("the credential goes into the body, which is neither JSON nor a form by its Content-Type")),
    }
}

fn json_object(body: &[u8], members: &[(Path, Secret)]) -> Result<Secret, SigningError> {
    let text = std::str::from_utf8(body).map_err(|_| unfit("the credential goes into the body, which is not UTF-8"))?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    if !text.trim_start().starts_with('{') || check_strict(text.as_bytes(), MAX_DEPTH, MAX_MEMBERS).is_err() {
        return Err(unfit("the credential goes into the body, which is not a JSON object"));
    }
    let mut filled = Secret::from(text);
    for (path, value) in members {
        let put = path.put(filled.expose_secret(), value.expose_secret()).map(Secret::new);
        filled = put
            .ok_or_else(|| unfit(&format!("the credential goes to {path} of the body, where something else stands")))?;
    }
    Ok(filled)
}

fn form(body: &[u8], members: &[(Path, Secret)]) -> Result<Secret, SigningError> {
    let names: Option<Vec<_>> = members.iter().map(|(path, _)| path.as_name()).collect();
    let names = names.ok_or_else(|| unfit("the credential goes to a path of the body, which a form does not have"))?;
    let pairs = decode_form(body, MAX_MEMBERS).ok_or_else(|| unfit("the body is not a form"))?;
    let own = pairs.iter().filter(|(name, _)| !names.contains(&&**name)).map(|(name, value)| (&**name, value.as_str()));
    let added = names.iter().zip(members).map(|(name, (_, value))| (*name, value.expose_secret()));
    let mut filled = zeroize::Zeroizing::new(String::with_capacity(body.len() + 256));
    for (name, value) in own.chain(added) {
        if !filled.is_empty() {
            filled.push('&');
        }
        filled.push_str(&encode_form(name));
        filled.push('=');
        filled.push_str(&encode_form(value));
    }
    Ok(Secret::from(filled.as_str()))
}

fn unfit(what: &str) -> SigningError {
    SigningError::new(SigningErrorKind::Body, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(content_type: Option<&str>, body: &str, members: &[(&str, &str)]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        let members: Vec<_> =
            members.iter().map(|(path, value)| (Path::parse(path).unwrap(), Secret::from(*value))).collect();
        let filled = fill_body(&headers, body.as_bytes(), &members);
        filled.map(|body| body.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_json_object_keeps_what_it_has_to_the_letter() {
        let json = Some("application/json; charset=utf-8");
        for (body, members, whole) in [
            ("{}", &[("key", "a\"b")][..], r#"{"key":"a\"b"}"#),
            ("", &[("key", "k")], r#"{"key":"k"}"#),
            (
                r#"{"n":1.10,"big":123456789012345678901234567890}"#,
                &[("key", "k")],
                r#"{"big":123456789012345678901234567890,"key":"k","n":1.10}"#,
            ),
            (
                r#"{"key":"old","auth":{"x":1}}"#,
                &[("key", "k"), ("auth.key", "j")],
                r#"{"auth":{"key":"j","x":1},"key":"k"}"#,
            ),
            (r#"{"a":[{"b":null}]}"#, &[("a[0].b.c", "k")], r#"{"a":[{"b":{"c":"k"}}]}"#),
        ] {
            assert_eq!(filled(json, body, members).as_deref(), Ok(whole), "{body}");
        }
        assert!(
            filled(None, "", &[("key", "k")]).is_ok()
                && filled(Some("application/vnd.x+json"), "{}", &[("key", "k")]).is_ok()
        );
        for (body, path) in [
            ("[]", "key"),
            ("{\"a\":1,\"a\":2}", "key"),
            ("{\"a\":1}", "a.key"),
            ("{\"a\":[]}", "a[0]"),
            ("{", "key"),
            ("x=1", "key"),
        ] {
            assert!(filled(json, body, &[(path, "s3cret")]).is_err_and(|error| !error.contains("s3cret")), "{body}");
        }
    }

    #[test]
    fn a_form_gets_a_pair_and_other_bodies_are_refused() {
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(filled(form, "a=b+c&key=old", &[("key", "k&=")]).as_deref(), Ok("a=b+c&key=k%26%3D"));
        assert_eq!(filled(form, "", &[("key", "k")]).as_deref(), Ok("key=k"));
        assert!(filled(form, "", &[("auth.key", "k")]).is_err());
        assert!(filled(Some("text/plain"), "{}", &[("key", "k")]).is_err());
        assert!(filled(Some("multipart/form-data; boundary=x"), "", &[("key", "k")]).is_err());
    }
}
