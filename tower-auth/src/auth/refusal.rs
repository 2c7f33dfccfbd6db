use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode};
use tower_auth_core::Challenge;

use super::demand::is_of_a_token;
use super::{InsufficientScope, StepUpRequired, TokenRefused};

/// Decides whether a response says that the token is dead.
#[derive(Clone)]
pub(super) enum Refusal {
    Standard,
    Custom(Arc<Predicate>),
}

pub(super) type Predicate = dyn Fn(StatusCode, &HeaderMap) -> bool + Send + Sync;

impl Refusal {
    #[inline]
    pub(super) fn is_refused<R>(&self, response: &Response<R>) -> bool {
        let (status, headers) = (response.status(), response.headers());
        let by_head = match self {
            Self::Standard => status == StatusCode::UNAUTHORIZED && asks_for_a_new_token(headers),
            Self::Custom(predicate) => predicate(status, headers) && !demands_more(headers),
        };
        by_head || response.extensions().get::<TokenRefused>().is_some()
    }
}

/// Whether the user, or the grant, has to do more than a refresh does, whatever a predicate says.
pub(crate) fn demands_more(headers: &HeaderMap) -> bool {
    StepUpRequired::from_headers(headers).is_some() || InsufficientScope::from_headers(headers).is_some()
}

/// Whether the challenges of a refusal ask for a new token: for predicates of
/// [`refused_when`](super::AuthLayer::refused_when), which find out by other means than a 401 that it is a refusal.
///
/// It does unless a Bearer or DPoP challenge names another error and none names `invalid_token`: too little scope, too weak a login and a
/// faulty proof are not mended by the same grant (RFC 6750 section 3.1, RFC 9470 section 3, RFC 9449 section 7.1).
#[must_use]
pub fn asks_for_a_new_token(headers: &HeaderMap) -> bool {
    let challenges = Challenge::from_headers(headers);
    let mut errors = challenges.iter().filter(|one| is_of_a_token(one)).filter_map(|one| one.param("error")).peekable();
    errors.peek().is_none() || errors.any(|error| error == "invalid_token")
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "Standard",
            Self::Custom(_) => "Custom",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{PROXY_AUTHENTICATE, WWW_AUTHENTICATE};

    use super::*;

    fn is_refused(status: StatusCode, headers: HeaderMap) -> bool {
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Refusal::Standard.is_refused(&response)
    }

    fn refused(status: u16, challenges: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        is_refused(StatusCode::from_u16(status).unwrap(), headers)
    }

    // R9110-11.1a, R9110-11.4b, R9110-15.5.2a, THREAT-C7
    #[test]
    fn a_401_asks_for_a_new_token_unless_it_asks_for_something_else() {
        for yes in [
            &["Bearer error=\"invalid_token\""][..],
            &["Bearer"],
            &["bearer realm=x"],
            &[],
            &["Basic realm=x"],
            &["Bearer error=insufficient_scope", "Bearer error=invalid_token"],
            &["@garbage@"],
            &["DPoP algs=\"ES256\""],
            &["Bearer", "DPoP error=\"invalid_token\""],
        ] {
            assert!(refused(401, yes), "{yes:?}");
        }
        for no in [
            "Bearer error=\"insufficient_scope\", scope=\"admin\"",
            "Basic realm=x, Bearer error=\"insufficient_user_authentication\", acr_values=\"high\"",
            "Bearer error=invalid_request",
            "DPoP error=\"use_dpop_nonce\"",
            "DPoP error=\"invalid_dpop_proof\", algs=\"ES256\"",
            "Bearer, DPoP error=\"insufficient_user_authentication\"",
        ] {
            assert!(!refused(401, &[no]), "{no}");
        }
        assert!(!refused(403, &["Bearer error=\"invalid_token\""]));
        assert!(!refused(200, &[]));
    }

    // R9110-11.7a
    #[test]
    fn a_proxy_that_asks_for_credentials_gets_none() {
        let mut headers = HeaderMap::new();
        headers.insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        assert!(!is_refused(StatusCode::PROXY_AUTHENTICATION_REQUIRED, headers));
    }
}
