use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use tower_auth_core::Challenge;

/// A response extension: the user must authenticate again, or in a stronger way (RFC 9470). No refresh helps; an authorization request with
/// these values does.
///
/// [`AuthLayer`](super::AuthLayer) puts it on a 401 or 403 to a request with a credential from a cache, unless recovery is off. Of other
/// responses, and of a gRPC status, [`from_headers`](Self::from_headers) reads it.
///
/// ```
/// use http::{HeaderMap, header::WWW_AUTHENTICATE};
/// use tower_auth::StepUpRequired;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(WWW_AUTHENTICATE, r#"Bearer error="insufficient_user_authentication", acr_values="mfa""#.parse()?);
/// assert_eq!(StepUpRequired::from_headers(&headers).unwrap().acr_values(), ["mfa"]);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUpRequired {
    acr_values: Vec<String>,
    max_age: Option<Duration>,
    scope: Option<String>,
}

/// A response extension: the token is good and grants too little (RFC 6750 section 3.1). Set as [`StepUpRequired`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsufficientScope {
    scope: Option<String>,
}

impl StepUpRequired {
    /// What the challenges of a refusal ask for, if one of them names `insufficient_user_authentication`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let challenge = with_error(headers, "insufficient_user_authentication")?;
        let values = challenge.param("acr_values").unwrap_or_default();
        Some(Self {
            acr_values: values.split_ascii_whitespace().map(str::to_owned).collect(),
            max_age: challenge.param("max_age").and_then(|age| age.parse().ok()).map(Duration::from_secs),
            scope: challenge.param("scope").map(str::to_owned),
        })
    }

    /// The authentication context classes that would do, the preferred one first; empty if the server named none.
    #[must_use]
    pub fn acr_values(&self) -> &[String] {
        &self.acr_values
    }

    /// How long ago the user may have authenticated at the most.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// The scope that is needed, parted by spaces.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }
}

impl InsufficientScope {
    /// What the challenges of a refusal ask for, if one of them names `insufficient_scope`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let challenge = with_error(headers, "insufficient_scope")?;
        Some(Self { scope: challenge.param("scope").map(str::to_owned) })
    }

    /// The scope that is needed, parted by spaces.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }
}

/// The challenge of an access token's scheme that names `error`.
fn with_error(headers: &HeaderMap, error: &str) -> Option<Challenge> {
    Challenge::from_headers(headers)
        .into_iter()
        .find(|challenge| is_of_a_token(challenge) && challenge.param("error") == Some(error))
}

pub(super) fn is_of_a_token(challenge: &Challenge) -> bool {
    challenge.is_scheme("Bearer") || challenge.is_scheme("DPoP")
}

/// The response, with what it asks of the caller if that is more than a new token.
#[inline]
pub(super) fn explain_demand<R>(response: Response<R>) -> Response<R> {
    match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => demanding(response),
        _ => response,
    }
}

#[cold]
fn demanding<R>(mut response: Response<R>) -> Response<R> {
    if let Some(demand) = StepUpRequired::from_headers(response.headers()) {
        response.extensions_mut().insert(demand);
    }
    if let Some(demand) = InsufficientScope::from_headers(response.headers()) {
        response.extensions_mut().insert(demand);
    }
    response
}
