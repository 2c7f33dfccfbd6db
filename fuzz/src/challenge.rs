//! `WWW-Authenticate` fields of whatever server: each line of the input is one.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use tower_auth_core::Challenge;

pub fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut one_by_one = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        let mut alone = HeaderMap::new();
        alone.insert(WWW_AUTHENTICATE, value.clone());
        one_by_one.extend(Challenge::from_headers(&alone));
        headers.append(WWW_AUTHENTICATE, value);
    }
    let challenges = Challenge::from_headers(&headers);
    assert_eq!(challenges, one_by_one, "no line says anything about another");
    for challenge in &challenges {
        check(challenge, data.len());
    }
    built(data);
}

/// A challenge that was read is one that can be written, and is then read as the same.
fn check(challenge: &Challenge, len: usize) {
    let scheme = challenge.scheme();
    assert!(!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(challenge.is_scheme(&scheme.to_ascii_uppercase()));
    let params: Vec<_> = challenge.params().collect();
    assert!(params.len() <= 32 && (challenge.token68().is_none() || params.is_empty()));
    // A byte that is no text is read as a replacement character of three.
    assert!(params.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 3 * len);
    for (index, (name, value)) in params.iter().enumerate() {
        assert!(!params[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)), "{name} is there twice");
        assert_eq!(challenge.param(&name.to_ascii_uppercase()), Some(*value));
        assert!(!value.chars().any(|c| c.is_control() && c != '\t' && (c as u32) < 0x80), "{value:?}");
    }

    let mut headers = HeaderMap::new();
    headers.insert(WWW_AUTHENTICATE, challenge.to_header_value());
    let again = Challenge::from_headers(&headers);
    // What is read may be up to three times as long when it is written, and longer than what is read.
    if challenge.to_string().len() <= 16 * 1024 {
        assert_eq!(again, std::slice::from_ref(challenge));
    }
}

/// What the builder takes, a reader gets.
fn built(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let scheme = lines.next().unwrap_or_default();
    let Ok(mut challenge) = Challenge::new(scheme) else { return };
    for line in lines {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        match challenge.clone().with_param(name, value) {
            Ok(more) => challenge = more,
            Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
        }
    }
    if challenge.params().count() <= 32 && challenge.to_string().len() <= 16 * 1024 {
        assert_eq!(Challenge::parse(&challenge.to_string()), [challenge]);
    }
}
