//! What holds of every refusal.

use http::header::WWW_AUTHENTICATE;
use tower_auth_core::{Challenge, Rejection, RejectionKind};

/// It is an answer that can be sent, and a text that can stand in a log.
pub fn check(refusal: &Rejection) {
    let status = refusal.status().as_u16();
    assert!(matches!(status, 400 | 401 | 403 | 503), "{refusal}");
    assert_ne!(refusal.kind(), RejectionKind::Misconfigured, "{refusal}");
    let text = refusal.to_string();
    assert!(text.len() < 1_500 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
    assert!(refusal.message().bytes().all(|byte| matches!(byte, b' '..=b'~')));

    let headers = refusal.headers();
    let sent = headers.get_all(WWW_AUTHENTICATE).iter().count();
    assert_eq!(sent == 0, status >= 500, "a challenge goes with what another credential could mend: {refusal}");
    let parsed = Challenge::from_headers(&headers);
    assert_eq!(parsed.len(), sent, "each challenge is read by a client as it was meant");
    for (challenge, line) in parsed.iter().zip(headers.get_all(WWW_AUTHENTICATE)) {
        assert_eq!(challenge.to_header_value(), line);
    }
    assert_eq!(refusal.retry_after().is_some(), headers.contains_key("retry-after"));
}
