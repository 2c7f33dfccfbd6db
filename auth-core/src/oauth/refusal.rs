use std::borrow::Cow;

use http::{HeaderMap, StatusCode};

use super::answer::Failure;
use super::response::Reader;
use crate::http::retry_after;
use crate::{TokenError, TokenErrorKind};

/// How much of an error description is kept, in characters.
const MAX_DESCRIPTION: usize = 200;

/// How much of an error code is kept, in characters.
const MAX_CODE: usize = 64;

/// What an answer that holds no token means.
struct Verdict {
    kind: TokenErrorKind,
    what: Cow<'static, str>,
    advice: String,
}

impl Reader<'_> {
    /// The error that a status and an error code mean, with what to do about it.
    pub(super) fn refusal(&self, status: StatusCode, headers: &HeaderMap, failure: Option<Failure>) -> TokenError {
        let Verdict { kind, what, advice } =
            self.verdict(status, failure.as_ref().map(|failure| failure.code.as_str()));
        let code = failure.as_ref().map(|failure| self.redactor.clean(&failure.code, MAX_CODE));
        let description = failure
            .and_then(|failure| failure.description)
            .map(|text| self.redactor.clean(&text, MAX_DESCRIPTION).replace('"', "'"))
            .filter(|text| !text.is_empty());

        let mut message = format!("{} {what} (status {}", self.site, status.as_u16());
        if let Some(code) = &code {
            message.push_str(", ");
            message.push_str(code);
        }
        if let Some(description) = &description {
            message.push_str(&format!(": \"{description}\""));
        }
        message.push_str("): ");
        message.push_str(&advice);

        let mut error = TokenError::new(kind, message).with_status(status.as_u16());
        if let Some(code) = &code {
            error = error.with_oauth_error(code);
        }
        match retry_after(headers, self.now) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    fn verdict(&self, status: StatusCode, code: Option<&str>) -> Verdict {
        match status.as_u16() {
            300..=399 => Verdict::misconfigured(
                "answered with a redirect",
                format!(
                    "redirects are not followed; put the final URL of the {} into the configuration",
                    self.target.kind()
                ),
            ),
            404 | 405 => Verdict::misconfigured(
                format!("has no {} at this URL", self.target.kind()),
                format!("check the {}, and the tenant in it", self.target.url()),
            ),
            408 => Verdict::server_error("gave up waiting for the request"),
            429 => Verdict::throttled(),
            500.. => Verdict::server_error("failed"),
            status => match code {
                Some(code) => self.by_code(code),
                None => self.by_status(status),
            },
        }
    }

    /// The codes of RFC 6749 section 5.2 and 4.1.2.1, RFC 8628 section 3.5 and RFC 8707 section 2.
    fn by_code(&self, code: &str) -> Verdict {
        let (method, url) = (self.method, self.target.url());
        match code {
            "invalid_client" => self.wrong_client(),
            // Some servers say so when the secret is wrong.
            "unauthorized_client" => Verdict::misconfigured(
                "refused the client",
                format!(
                    "check client id, secret and the authentication method (currently {method}), and that this client may use this grant"
                ),
            ),
            "unsupported_grant_type" => {
                Verdict::misconfigured("does not support the grant", format!("check the grant type and the {url}"))
            }
            "invalid_scope" => Verdict::misconfigured("refused the scope", "check the configured scopes"),
            "invalid_target" => {
                Verdict::misconfigured("refused the resource", "check the configured resource and audience")
            }
            "invalid_request" => Verdict::misconfigured(
                "refused the request",
                format!(
                    "check the {url}, the tenant in it, the parameters and the authentication method (currently {method})"
                ),
            ),
            "invalid_grant" => Verdict::refused(
                "refused the grant",
                "it has expired, was revoked or belongs to another client; access must be granted again",
            ),
            "access_denied" => Verdict::refused("denied access", "access must be granted at the provider"),
            "expired_token" => {
                Verdict::refused("ended the device code", "nobody confirmed it in time; begin with a new one")
            }
            "unsupported_token_type" => Verdict::misconfigured(
                "does not revoke tokens of this kind",
                "revoke the refresh token, or let the token end by itself",
            ),
            "slow_down" => Verdict::throttled(),
            "server_error" | "temporarily_unavailable" => Verdict::server_error("failed"),
            _ => Verdict::refused("refused the request", "look up this error code in the provider's documentation"),
        }
    }

    /// Without an error code.
    fn by_status(&self, status: u16) -> Verdict {
        match status {
            401 => self.wrong_client(),
            403 => Verdict::refused("denied access", "access must be granted at the provider"),
            _ => Verdict::misconfigured(
                "refused the request without a reason",
                format!(
                    "check the {}, the body format and the authentication method (currently {})",
                    self.target.url(),
                    self.method
                ),
            ),
        }
    }

    fn wrong_client(&self) -> Verdict {
        Verdict::misconfigured(
            "refused the client",
            format!("check client id, secret and the authentication method (currently {})", self.method),
        )
    }
}

impl Verdict {
    fn misconfigured(what: impl Into<Cow<'static, str>>, advice: impl Into<String>) -> Self {
        Self { kind: TokenErrorKind::Misconfigured, what: what.into(), advice: advice.into() }
    }

    fn refused(what: &'static str, advice: &str) -> Self {
        Self { kind: TokenErrorKind::Refused, what: what.into(), advice: advice.to_owned() }
    }

    fn server_error(what: &'static str) -> Self {
        Self { kind: TokenErrorKind::ServerError, what: what.into(), advice: "try again later".to_owned() }
    }

    fn throttled() -> Self {
        Self {
            kind: TokenErrorKind::Throttled,
            what: "asks for fewer requests".into(),
            advice: "try again later".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::ClientAuth;
    use super::super::endpoints::Target;
    use super::super::redact::Redactor;
    use super::*;

    fn refusal(status: u16, code: &str, description: Option<&str>) -> TokenError {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        let failure =
            (!code.is_empty()).then(|| Failure { code: code.to_owned(), description: description.map(str::to_owned) });
        Reader {
            site: "login.example.com",
            target: Target::Token,
            method: ClientAuth::Basic.as_str(),
            redactor: &Redactor::new(["sentinel"]),
            now: SystemTime::UNIX_EPOCH,
            requested: None,
            separator: ' ',
            keep_refresh_token: false,
            takes_bearer: true,
            takes_dpop: false,
        }
        .refusal(StatusCode::from_u16(status).unwrap(), &headers, failure)
    }

    // R6749-5.2a, R8707-2c
    #[test]
    fn status_and_code_decide_the_kind() {
        use TokenErrorKind::{Misconfigured, Refused, ServerError, Throttled};
        for (status, code, expected) in [
            (400, "invalid_client", Misconfigured),
            (401, "invalid_client", Misconfigured),
            (400, "unauthorized_client", Misconfigured),
            (400, "unsupported_grant_type", Misconfigured),
            (400, "invalid_scope", Misconfigured),
            (400, "invalid_target", Misconfigured),
            (400, "invalid_request", Misconfigured),
            (400, "invalid_grant", Refused),
            (400, "access_denied", Refused),
            (403, "access_denied", Refused),
            (400, "expired_token", Refused),
            (400, "consent_required", Refused),
            (418, "teapot", Refused),
            (200, "invalid_client", Misconfigured),
            (200, "bad_verification_code", Refused),
            (400, "temporarily_unavailable", ServerError),
            (400, "server_error", ServerError),
            (400, "slow_down", Throttled),
            (401, "", Misconfigured),
            (403, "", Refused),
            (400, "", Misconfigured),
            (415, "", Misconfigured),
            (404, "", Misconfigured),
            (404, "invalid_grant", Misconfigured),
            (405, "", Misconfigured),
            (302, "", Misconfigured),
            (308, "", Misconfigured),
            (408, "", ServerError),
            (429, "", Throttled),
            (429, "invalid_client", Throttled),
            (500, "", ServerError),
            (503, "invalid_grant", ServerError),
            (599, "", ServerError),
        ] {
            let error = refusal(status, code, None);
            assert_eq!(error.kind(), expected, "{status} {code}");
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.oauth_error(), (!code.is_empty()).then_some(code));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
    }

    // SYS-V10
    #[test]
    fn messages_tell_what_to_do() {
        assert_eq!(
            refusal(401, "invalid_client", Some("Invalid client secret")).to_string(),
            "login.example.com refused the client (status 401, invalid_client: \"Invalid client secret\"): check client id, secret \
             and the authentication method (currently basic) [token.misconfigured]"
        );
        assert_eq!(
            refusal(404, "", None).to_string(),
            "login.example.com has no token endpoint at this URL (status 404): check the token URL, and the tenant in it \
             [token.misconfigured]"
        );
        assert_eq!(
            refusal(400, "invalid_request", Some("Tenant 'acme' not found.")).to_string(),
            "login.example.com refused the request (status 400, invalid_request: \"Tenant 'acme' not found.\"): check the token URL, \
             the tenant in it, the parameters and the authentication method (currently basic) [token.misconfigured]"
        );
        assert_eq!(
            refusal(302, "", None).to_string(),
            "login.example.com answered with a redirect (status 302): redirects are not followed; put the final URL of the token \
             endpoint into the configuration [token.misconfigured]"
        );
        assert_eq!(
            refusal(400, "invalid_grant", None).to_string(),
            "login.example.com refused the grant (status 400, invalid_grant): it has expired, was revoked or belongs to another \
             client; access must be granted again [token.refused]"
        );
        assert_eq!(
            refusal(503, "", None).to_string(),
            "login.example.com failed (status 503): try again later [token.server_error]"
        );
    }

    // THREAT-L2, THREAT-T7
    #[test]
    fn what_the_server_says_is_printable_bounded_and_without_our_secret() {
        let error = refusal(400, "bad\r\nsentinel", Some(&format!("a \"b\"\n sentinel {}", "x".repeat(1000))));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sentinel") && shown.contains("a 'b' [redacted] xxx"), "{shown}");
        assert_eq!(error.oauth_error(), Some("bad[redacted]"));
        assert!(error.to_string().len() < 400, "{error}");
        assert!(!error.to_string().contains(['\r', '\n']));
    }
}
