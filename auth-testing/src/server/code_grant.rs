use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;

use super::answer::Refusal;
use super::caller::Caller;
use super::grants::Binding;
use super::received::Received;
use super::shared::Shared;
use super::token_endpoint::Issue;

impl Shared {
    /// The authorization code grant (RFC 6749 section 4.1.3). Whatever its client does wrong uses the code up.
    pub(super) fn authorization_code(&self, client: &Caller, request: &Received) -> Result<Response<Bytes>, Refusal> {
        let refused = |why: &str| Refusal::new("invalid_grant", why);
        let code = request.param("code").ok_or_else(|| Refusal::invalid_request("code is missing"))?;
        let grant = self
            .grants()
            .take_code(code, &client.id)
            .ok_or_else(|| refused("the code is unknown, another client's, or was used before"))?;
        if self.clock().wall() >= grant.expires {
            return Err(refused("the code expired"));
        }
        if request.param("redirect_uri") != grant.redirect_uri.as_deref() {
            return Err(refused("redirect_uri is not that of the authorization request"));
        }
        self.check_binding(client, &Binding { jkt: grant.jkt, x5t: None })?;
        match (&grant.challenge, request.param("code_verifier")) {
            (None, None) => {}
            // Somebody took the challenge out of the request (RFC 9700 section 4.8.2).
            (None, Some(_)) => return Err(refused("code_verifier without code_challenge")),
            (Some(_), None) => return Err(refused("code_verifier is missing")),
            (Some(challenge), Some(verifier)) => {
                if !is_verifier(verifier) {
                    return Err(refused("code_verifier is not well-formed"));
                }
                if *challenge != URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) {
                    return Err(refused("code_verifier does not fit code_challenge"));
                }
            }
        }
        // What was granted stays the width of later refreshes; this request may narrow the audience (RFC 8707 section 2.2).
        let mut basis = grant.basis;
        let narrowed = self.requested_audience(&request.params)?;
        if !basis.audience.is_empty() && narrowed.iter().any(|one| !basis.audience.contains(one)) {
            return Err(Refusal::new("invalid_target", "the resource was not granted"));
        }
        let refresh = client.gives_refresh_tokens.then(|| basis.clone());
        if !narrowed.is_empty() {
            basis.audience = narrowed;
        }
        Ok(self.issue(client, Issue { basis, family: Some(grant.family), refresh, ..Issue::default() }))
    }
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for good in ["a".repeat(43), "~".repeat(128)] {
            assert!(is_verifier(&good));
        }
        for bad in ["a".repeat(42), "a".repeat(129), "+".repeat(43), "ä".repeat(43)] {
            assert!(!is_verifier(&bad), "{bad}");
        }
    }
}
