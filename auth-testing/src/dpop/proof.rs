use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value};
use tower_auth_core::jose::{Jwk, Jws, MAX_TOKEN_LEN, VerifyingKey};

use super::Nonces;
use crate::replay::Replay;

/// The algorithms of proofs, as metadata and challenges name them.
pub(crate) const ALGORITHMS: [&str; 10] =
    ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

/// How old a proof may be, and how far ahead its clock.
const MAX_AGE: Duration = Duration::from_secs(300);
const SKEW: Duration = Duration::from_secs(60);

/// Checks the proofs that one server gets.
#[derive(Debug, Default)]
pub(crate) struct ProofChecker {
    replay: Replay,
    pub(crate) nonces: Nonces,
}

/// What a proof must be for.
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a Method,
    /// Where the request may have been sent to.
    pub(crate) urls: &'a [String],
    /// The access token that comes with it, if one does.
    pub(crate) token: Option<&'a str>,
    pub(crate) now: SystemTime,
}

/// Why a proof is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum ProofRefusal {
    Invalid(&'static str),
    /// The newest nonce is not in it.
    NeedsNonce,
}

/// The proof of a request, if there is one.
pub(crate) fn proof_of(headers: &HeaderMap) -> Result<Option<&str>, ProofRefusal> {
    let mut values = headers.get_all("dpop").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => proof.to_str().map(Some).map_err(|_| ProofRefusal::Invalid("the proof is not text")),
        (Some(_), Some(_)) => Err(ProofRefusal::Invalid("there are two proofs")),
    }
}

impl ProofChecker {
    pub(crate) fn new(nonces: Nonces) -> Self {
        Self { replay: Replay::default(), nonces }
    }

    /// The rules of RFC 9449 section 4.3, and the thumbprint of the proof's key.
    pub(crate) fn check(&self, proof: &str, expected: &Expected<'_>) -> Result<String, ProofRefusal> {
        let Expected { method, urls, token, now } = expected;
        let invalid = ProofRefusal::Invalid;
        let mut buffer = Vec::new();
        let jws = Jws::parse(proof, MAX_TOKEN_LEN, &mut buffer).map_err(|_| invalid("the proof is no JWT"))?;
        if !jws.header().typ_is("dpop+jwt") {
            return Err(invalid("typ is not dpop+jwt"));
        }
        let header = proof.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
        let header: Map<String, Value> =
            serde_json::from_slice(&header).map_err(|_| invalid("the header is no JSON"))?;
        let jwk = header.get("jwk").ok_or(invalid("jwk is missing"))?.to_string();
        let jwk = Jwk::parse(jwk.as_bytes()).map_err(|_| invalid("jwk is no key"))?;
        // It refuses what is private or symmetric, and with it every symmetric `alg`.
        let key = VerifyingKey::from_jwk(&jwk).map_err(|_| invalid("jwk is no public key for signatures"))?;
        jws.verify(&key).map_err(|_| invalid("the signature is not that of jwk"))?;
        let thumbprint = jwk.thumbprint().ok_or(invalid("jwk has no thumbprint"))?;

        let claims = jws.claims().map_err(|_| invalid("the claims are malformed"))?;
        let more: Map<String, Value> =
            serde_json::from_slice(claims.raw).map_err(|_| invalid("the claims are no JSON"))?;
        let text = |name: &str| more.get(name).and_then(Value::as_str);
        if text("htm") != Some(method.as_str()) {
            return Err(invalid("htm is not the method"));
        }
        let htu = text("htu").and_then(normalized).ok_or(invalid("htu is no URL without query and fragment"))?;
        if !urls.iter().filter_map(|url| normalized(url)).any(|url| url == htu) {
            return Err(invalid("htu is not the URL of the request"));
        }
        let issued = claims.iat.ok_or(invalid("iat is missing"))?.to_system_time();
        if issued + MAX_AGE < *now || issued > *now + SKEW {
            return Err(invalid("iat is not about now"));
        }
        if let Some(token) = token {
            let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
            if text("ath") != Some(hash.as_str()) {
                return Err(invalid("ath is not that of the token"));
            }
        }
        // 96 bits of base64url have 16 characters (RFC 9449 section 4.2).
        let jti = claims.jti.as_deref().filter(|jti| jti.len() >= 16).ok_or(invalid("jti is missing or short"))?;
        if !self.replay.is_first(jti.to_owned(), issued + MAX_AGE + SKEW, *now) {
            return Err(invalid("the proof was used before"));
        }
        if !self.nonces.accepts(text("nonce")) {
            return Err(ProofRefusal::NeedsNonce);
        }
        self.nonces.used();
        Ok(thumbprint)
    }
}

/// A URL as two of them are compared: scheme and host in small letters, no default port, no empty path. `None` with a query or a fragment.
fn normalized(url: &str) -> Option<String> {
    if url.contains(['?', '#']) {
        return None;
    }
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some(format!("{scheme}://{host}:{}{}", uri.port_u16().unwrap_or(default), uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_compared_by_scheme_and_syntax() {
        let same = |one: &str, other: &str| normalized(one).is_some_and(|one| Some(one) == normalized(other));
        assert!(same("HTTPS://Api.Test:443", "https://api.test/"));
        assert!(same("http://a.test:80/x", "http://a.test/x"));
        for (one, other) in [
            ("https://a.test/x", "https://a.test/X"),
            ("https://a.test/x", "https://a.test/x/"),
            ("https://a.test/x", "http://a.test/x"),
            ("https://a.test/x", "https://a.test:8443/x"),
            ("https://a.test/x?y", "https://a.test/x?y"),
            ("/x", "/x"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
