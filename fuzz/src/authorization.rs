//! Requests with credentials of several kinds. Each line of the input is a header field, `name: value`, or a value of
//! `Authorization`.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower_auth_core::{ApiKeyVerifier, BasicVerifier, Method, Scheme, Secret, Verifier};

use super::refusal;
use super::world::{GOOD, TOKENS};

const KEY: &str = "partner-1.nq8Z0vJc5mWd2rXh7tKb";
const HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// Takes every kind; API keys in a header of their own, or by a scheme.
struct World {
    by_header: Verifier,
    by_scheme: Verifier,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let users =
        || BasicVerifier::new().user("batch", "s3cret").user("\u{e9}ric", "p:w").realm("orders").build().unwrap();
    let keys = || ApiKeyVerifier::new().key("partner-1", ApiKeyVerifier::digest(&Secret::from(KEY)));
    let with = |keys: ApiKeyVerifier| Verifier::any_of([TOKENS.clone(), users(), keys.build().unwrap()]).unwrap();
    World { by_header: with(keys()), by_scheme: with(keys().scheme("Key")) }
});

pub fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if headers.len() >= 64 {
            break;
        }
        let (name, value) = named(line).unwrap_or((AUTHORIZATION, line));
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    check(&WORLD.by_header, &headers, true);
    check(&WORLD.by_scheme, &headers, false);
}

/// A line that starts with the name of a field. No scheme has a colon.
fn named(line: &[u8]) -> Option<(HeaderName, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    Some((name, line[colon + 1..].trim_ascii_start()))
}

fn check(verifier: &Verifier, headers: &HeaderMap, by_header: bool) {
    let wanted = good(headers, by_header);
    match verifier.try_verify(headers) {
        Ok(verified) => {
            let method = wanted.expect("a credential that nobody issued was accepted");
            assert_eq!((verified.method(), verified.scheme()), (method, scheme(method)));
            assert!(verifier.has_verified(&verified));
            let credential = verifier.credential(headers).expect("what was verified is there");
            assert_eq!(credential.scheme(), scheme(method));
        }
        Err(refusal) => {
            assert_eq!(wanted, None, "a good credential was refused: {refusal}");
            refusal::check(&refusal);
            assert!(refusal.status().is_client_error());
        }
    }
    let found = verifier.finds_anything(headers);
    assert_eq!(found, headers.contains_key(AUTHORIZATION) || (by_header && headers.contains_key(HEADER)));
    let mut stripped = headers.clone();
    verifier.strip_credential(&mut stripped);
    assert!(!verifier.finds_anything(&stripped));
    let refusal = verifier.try_verify(&stripped).expect_err("nothing is no credential");
    assert_eq!(refusal.status(), 401);
}

/// The kind of the one good credential that a request has, if it has one and nothing beside it.
fn good(headers: &HeaderMap, by_header: bool) -> Option<Method> {
    let lines: Vec<&HeaderValue> = headers.get_all(AUTHORIZATION).iter().collect();
    let keys: Vec<&HeaderValue> = headers.get_all(HEADER).iter().filter(|_| by_header).collect();
    match (lines.as_slice(), keys.as_slice()) {
        ([line], []) => in_authorization(line.to_str().ok().filter(|text| text.len() <= 16 * 1024)?, by_header),
        (lines, [key]) => {
            // What another scheme says is not for us.
            let is_foreign = match lines {
                [] => true,
                [line] => line.len() <= 16 * 1024 && line.to_str().is_ok_and(is_foreign),
                _ => false,
            };
            let text = key.to_str().ok()?.trim_matches([' ', '\t']);
            (is_foreign && key.len() <= 16 * 1024 && text == KEY).then_some(Method::ApiKey)
        }
        _ => None,
    }
}

fn in_authorization(text: &str, by_header: bool) -> Option<Method> {
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    match &*scheme.to_ascii_lowercase() {
        "bearer" => GOOD.iter().any(|good| good == rest).then_some(Method::Jwt),
        "basic" => {
            let pair = STANDARD.decode(rest).ok()?;
            ["batch:s3cret", "\u{e9}ric:p:w", "e\u{301}ric:p:w"]
                .iter()
                .any(|own| own.as_bytes() == pair)
                .then_some(Method::Basic)
        }
        "key" => (!by_header && rest == KEY).then_some(Method::ApiKey),
        _ => None,
    }
}

fn is_foreign(text: &str) -> bool {
    let scheme = text.split(' ').next().unwrap_or_default();
    !["bearer", "basic", "dpop"].contains(&&*scheme.to_ascii_lowercase())
}

fn scheme(method: Method) -> Scheme {
    match method {
        Method::Basic => Scheme::Basic,
        Method::ApiKey => Scheme::ApiKey,
        _ => Scheme::Bearer,
    }
}
