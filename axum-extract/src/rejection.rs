use std::fmt;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::core::{Rejection, RejectionKind};

/// A refused request, as an answer: what every extractor of this crate rejects with.
///
/// The answer has the status, a `WWW-Authenticate` for each kind of credential that the route takes (RFC 9110 section
/// 11.6.1), `Retry-After` with a 503, `Cache-Control: no-store`, and a short text that is the same for many causes.
/// Nothing of the credential is in it. For a problem as RFC 9457 describes it, or no body, tell the verifier
/// ([`Verifier::with_rejection_body`](crate::core::Verifier::with_rejection_body)).
///
/// | kind | status | `error` of the Bearer challenge |
/// |---|---|---|
/// | no credential, or one of another kind | 401 | none |
/// | several, or a malformed one | 400 | `invalid_request` |
/// | a token that is not valid | 401 | `invalid_token` |
/// | a password or API key that is not valid | 401 | none |
/// | a scope is missing | 403 | `insufficient_scope`, with `scope` |
/// | a stronger or newer login is needed | 401 | `insufficient_user_authentication`, with `acr_values` and `max_age` |
/// | a role or a claim is not what it must be | 403 | none |
/// | the keys of the issuer cannot be had | 503 | no challenge |
/// | a mistake of this service | 500 | no challenge |
///
/// A handler that wants to decide itself takes a `Result`:
///
/// ```
/// use tower_auth_axum::{Auth, AuthRejection};
/// use tower_auth_axum::core::RejectionKind;
///
/// async fn me(caller: Result<Auth, AuthRejection>) -> Result<String, AuthRejection> {
///     match caller {
///         Ok(caller) => Ok(format!("hello {}", caller.subject())),
///         Err(refusal) if refusal.kind() == RejectionKind::MissingCredential => Ok("hello stranger".to_owned()),
///         Err(refusal) => Err(refusal),
///     }
/// }
/// ```
///
/// `Display` is for logs; see [`Rejection`]. In a handler `?` turns a [`Rejection`] into this type.
#[derive(Clone)]
pub struct AuthRejection(Rejection);

impl AuthRejection {
    /// Why the request was refused.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.0.kind()
    }

    /// The stable code of the kind, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// The status of the answer: 400, 401, 403, 500 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The refusal itself, for those who write an answer of their own.
    #[must_use]
    pub fn as_rejection(&self) -> &Rejection {
        &self.0
    }
}

impl From<Rejection> for AuthRejection {
    fn from(rejection: Rejection) -> Self {
        Self(rejection)
    }
}

impl From<AuthRejection> for Rejection {
    fn from(AuthRejection(rejection): AuthRejection) -> Self {
        rejection
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        self.0.to_full_response::<Body>()
    }
}

impl fmt::Display for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AuthRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthRejection").field(&self.0).finish()
    }
}

impl std::error::Error for AuthRejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
