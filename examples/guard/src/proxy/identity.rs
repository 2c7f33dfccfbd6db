use std::collections::BTreeSet;
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_auth::core::Principal;

use super::forwarded::is_forwarding;

/// The headers that tell an upstream who calls.
///
/// Before they are set, every header is removed that the upstream might take for one of them: of the same name whatever its
/// case, and with any other mark where theirs has `-`, since CGI, WSGI, PHP and others make one name of all these.
#[derive(Clone, Debug, Default)]
pub struct IdentityHeaders {
    set: Vec<(HeaderName, Fact)>,
    /// Names, folded, that no request may bring along.
    removed: BTreeSet<String>,
}

/// What a header tells of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// Whom the credential is about: unique with the issuer only.
    Subject,
    /// Who vouches for it.
    Issuer,
    /// The client that presents it.
    Client,
    /// The scopes, with spaces between.
    Scope,
    /// The roles, with commas between.
    Roles,
    /// By what kind of credential the caller was verified.
    Method,
    /// All claims, as JSON in ASCII.
    Claims,
    /// All claims, as JSON in base64url without padding.
    ClaimsBase64,
    /// One claim: a text, or else its JSON.
    Claim(String),
}

/// Names that tell who calls in other set-ups: what an upstream believed before guard stood in front of it.
const FAMILIAR: &[&str] = &[
    "remote-user",
    "x-remote-user",
    "x-remote-group",
    "x-remote-groups",
    "x-user",
    "x-user-id",
    "x-authenticated-user",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-webauth-user",
    "client-cert",
    "client-cert-chain",
    "ssl-client-cert",
    "x-ssl-client-cert",
    "x-ssl-client-verify",
    "x-ssl-client-dn",
    "x-client-cert",
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
];

/// Names that a header about callers cannot have.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Whether a header means something else to HTTP or to proxies.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    let folded = folded(name.as_str());
    RESERVED.contains(&folded.as_str()) || is_forwarding(&folded) || folded.starts_with("proxy-")
}

/// One name for all that may become the same variable: each mark is a `-`, and letters are small.
pub(super) fn folded(name: &str) -> String {
    name.chars().map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' }).collect()
}

/// Removes every header but `name` itself that an upstream might take for it.
pub(super) fn remove_like(headers: &mut HeaderMap, name: &HeaderName) {
    let wanted = folded(name.as_str());
    let alike: Vec<HeaderName> =
        headers.keys().filter(|own| *own != name && folded(own.as_str()) == wanted).cloned().collect();
    for name in alike {
        headers.remove(name);
    }
}

impl IdentityHeaders {
    /// Sets one more header. `false` if it, or one that would be taken for it, is set already.
    pub(crate) fn add(&mut self, name: HeaderName, fact: Fact) -> bool {
        let is_new = !self.set.iter().any(|(own, _)| folded(own.as_str()) == folded(name.as_str()));
        self.remove(&name);
        self.set.push((name, fact));
        is_new
    }

    /// Lets no request bring `name` along.
    pub(crate) fn remove(&mut self, name: &HeaderName) {
        self.removed.insert(folded(name.as_str()));
    }

    /// What is set.
    pub(crate) fn set(&self) -> impl Iterator<Item = (&HeaderName, &Fact)> {
        self.set.iter().map(|(name, fact)| (name, fact))
    }

    /// Takes from a request every header that its sender must not decide about.
    pub(super) fn clean(&self, headers: &mut HeaderMap) {
        let is_bad = |name: &&HeaderName| {
            let folded = folded(name.as_str());
            self.removed.contains(&folded) || FAMILIAR.contains(&folded.as_str()) || is_forwarding(&folded)
        };
        let bad: Vec<HeaderName> = headers.keys().filter(is_bad).cloned().collect();
        for name in bad {
            headers.remove(name);
        }
    }

    /// Tells who calls. What is not known of a caller is not told: there is no such header then.
    pub(super) fn tell(&self, headers: &mut HeaderMap, caller: &Principal) {
        for (name, fact) in &self.set {
            if let Some(value) = fact.of(caller).and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

impl Fact {
    fn of(&self, caller: &Principal) -> Option<String> {
        let list = |parts: Vec<String>, separator| Some(parts.join(separator)).filter(|text| !text.is_empty());
        match self {
            Self::Subject => Some(escaped(caller.subject(), "")),
            Self::Issuer => caller.issuer().map(|issuer| escaped(issuer, "")),
            Self::Client => caller.client_id().map(|client| escaped(client, "")),
            Self::Scope => list(caller.scopes().map(|scope| escaped(scope, "")).collect(), " "),
            Self::Roles => list(caller.roles().map(|role| escaped(role, ",")).collect(), ","),
            Self::Method => Some(caller.method().as_str().to_owned()),
            Self::Claims => Some(ascii_json(caller.claims_json())?),
            Self::ClaimsBase64 => Some(URL_SAFE_NO_PAD.encode(caller.claims_json())),
            Self::Claim(place) => {
                let claim = caller.claim(place)?;
                claim.as_text().map(|text| escaped(&text, "")).or_else(|| ascii_json(claim.as_json()))
            }
        }
    }
}

/// A text of which each header may be made: what is not visible ASCII is percent-encoded, and so is `%`, so that two texts
/// never look the same; and what is in `more`.
fn escaped(text: &str, more: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && !more.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The same JSON without what stands outside of ASCII or between tokens.
fn ascii_json(json: &str) -> Option<String> {
    let compact = serde_json::from_str::<Value>(json).ok()?.to_string();
    let mut out = String::with_capacity(compact.len());
    for unit in compact.encode_utf16() {
        match u8::try_from(unit) {
            // JSON has control characters escaped already, but for one.
            Ok(byte) if matches!(byte, b' '..=b'~') => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> IdentityHeaders {
        let mut headers = IdentityHeaders::default();
        assert!(headers.add("X-Auth-Subject".parse().unwrap(), Fact::Subject));
        assert!(headers.add("x-tenant".parse().unwrap(), Fact::Claim("tid".to_owned())));
        headers
    }

    // THREAT-T8
    #[test]
    fn whatever_may_be_taken_for_an_identity_header_is_removed() {
        for name in [
            "x-auth-subject",
            "X-AUTH-SUBJECT",
            "x_auth_subject",
            "X_Auth-Subject",
            "x-auth.subject",
            "x.auth_subject",
            "x~auth|subject",
            "x-tenant",
            "X_TENANT",
            "forwarded",
            "X-Forwarded-For",
            "x_forwarded_user",
            "X-Forwarded-Email",
            "x-real-ip",
            "Remote_User",
            "X-Remote-Group",
            "client_cert",
            "X-Original-URL",
            "proxy",
        ] {
            let mut map = HeaderMap::new();
            for value in ["root", "admin"] {
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            map.insert("x-other", "1".parse().unwrap());
            headers().clean(&mut map);
            assert_eq!(map.keys().collect::<Vec<_>>(), ["x-other"], "{name}");
        }
    }

    // THREAT-T8
    #[test]
    fn two_headers_that_may_be_taken_for_each_other_are_not_set() {
        assert!(!headers().add("x_tenant".parse().unwrap(), Fact::Issuer));
        for reserved in ["authorization", "Host", "x-forwarded-user", "Forwarded", "proxy-user", "content_length"] {
            assert!(is_reserved(&reserved.parse().unwrap()), "{reserved}");
        }
        assert!(!is_reserved(&HeaderName::from_static("x-auth-subject")));
    }

    // THREAT-T7
    #[test]
    fn values_are_visible_ascii_and_never_the_same_for_two_texts() {
        assert_eq!(escaped("auth0|a.b@c", ""), "auth0|a.b@c");
        assert_eq!(escaped("a b\r\nx: y%41ä", ","), "a%20b%0D%0Ax:%20y%2541%C3%A4");
        assert_eq!(escaped("a,b", ","), "a%2Cb");
        assert_ne!(escaped("%41", ""), escaped("A", ""));
        let json = ascii_json("{\n \"n\": \"ä\u{1F600}\\n\u{7f}\" }").unwrap();
        assert_eq!(json, r#"{"n":"\u00e4\ud83d\ude00\n\u007f"}"#);
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["n"], "ä\u{1F600}\n\u{7f}");
        assert!(HeaderValue::try_from(json).is_ok());
    }
}
