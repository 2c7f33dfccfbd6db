use http::StatusCode;

/// Why a request was refused, coarse enough to stay stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// No credential was sent, or only one of a scheme that is not accepted here.
    MissingCredential,
    /// More than one credential, or one that breaks the grammar of its scheme.
    InvalidRequest,
    /// The token is no well-formed JWT, or a claim has the wrong type.
    Malformed,
    /// The token's algorithm is not accepted, or not the one of the key it names.
    UnsupportedAlgorithm,
    /// The signature does not match.
    BadSignature,
    /// No key of the issuer fits the token.
    UnknownKey,
    /// The token's issuer is none of those accepted.
    UnknownIssuer,
    /// The token is meant for somebody else.
    WrongAudience,
    /// A JWT, but not an access token of the accepted profile or preset: by its type, or by claims that only others have.
    WrongType,
    /// A claim that the profile or the preset demands is absent, or has not the value that it must have.
    MissingClaim,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The token is not active, by the word of its authorization server (RFC 7662).
    Inactive,
    /// The token is bound to a key (`cnf`), and was presented without a proof of it; or one that must be bound is not.
    BoundToken,
    /// The token is bound to a client certificate, and the request came with another one or with none (RFC 8705).
    WrongCertificate,
    /// The DPoP proof does not belong to the request, its token or its time (RFC 9449 section 4.3).
    InvalidProof,
    /// The DPoP proof was used before.
    ReplayedProof,
    /// The DPoP proof needs a nonce of ours (RFC 9449 section 9).
    NonceRequired,
    /// The claims do not have the shape that the service expects.
    UnusableClaims,
    /// No such user, or another password.
    BadPassword,
    /// No such API key.
    UnknownApiKey,
    /// The caller is known, and was authenticated too weakly or too long ago for this request (RFC 9470).
    InsufficientAuthentication,
    /// The caller is known and lacks a scope.
    InsufficientScope,
    /// The caller is known and may not do this, whatever its scopes: a role or a claim is not what the policy wants.
    Forbidden,
    /// The issuer's keys cannot be had at this time, so nothing can be said of the token.
    KeysUnavailable,
    /// The authorization server cannot be asked about the token at this time, so nothing can be said of it.
    IntrospectionUnavailable,
    /// A look-up that this service brings itself failed, so nothing can be said of the credential.
    LookupUnavailable,
    /// There is more to verify than this service can take: passwords to hash, proofs to remember.
    Overloaded,
    /// A mistake of this service.
    Misconfigured,
}

struct Facts {
    code: &'static str,
    status: StatusCode,
    oauth: Option<&'static str>,
    message: &'static str,
}

impl RejectionKind {
    /// Every kind, for documentation and tests.
    pub const ALL: &'static [Self] = &[
        Self::MissingCredential,
        Self::InvalidRequest,
        Self::Malformed,
        Self::UnsupportedAlgorithm,
        Self::BadSignature,
        Self::UnknownKey,
        Self::UnknownIssuer,
        Self::WrongAudience,
        Self::WrongType,
        Self::MissingClaim,
        Self::Expired,
        Self::NotYetValid,
        Self::Inactive,
        Self::BoundToken,
        Self::WrongCertificate,
        Self::InvalidProof,
        Self::ReplayedProof,
        Self::NonceRequired,
        Self::UnusableClaims,
        Self::BadPassword,
        Self::UnknownApiKey,
        Self::InsufficientAuthentication,
        Self::InsufficientScope,
        Self::Forbidden,
        Self::KeysUnavailable,
        Self::IntrospectionUnavailable,
        Self::LookupUnavailable,
        Self::Overloaded,
        Self::Misconfigured,
    ];

    /// The stable code, as listed in `docs/errors.md`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.facts().code
    }

    /// The HTTP status of the refusal.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.facts().status
    }

    /// The gRPC status code: `UNAUTHENTICATED` (16), `PERMISSION_DENIED` (7) for known callers only, `UNAVAILABLE` (14)
    /// when nothing can be said, `INTERNAL` (13).
    #[must_use]
    pub fn grpc_code(self) -> i32 {
        match self {
            Self::InsufficientScope | Self::Forbidden => 7,
            Self::KeysUnavailable | Self::IntrospectionUnavailable | Self::LookupUnavailable | Self::Overloaded => 14,
            Self::Misconfigured => 13,
            _ => 16,
        }
    }

    /// The error code of the challenge, where there is one (RFC 6750 section 3.1, RFC 9449 section 7.1, RFC 9470 section 3).
    #[must_use]
    pub fn oauth_error(self) -> Option<&'static str> {
        self.facts().oauth
    }

    /// What the client is told: short, the same for many causes, printable ASCII without `"`, `\` and `%`.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.facts().message
    }

    fn facts(self) -> Facts {
        let token =
            |code, message| Facts { code, status: StatusCode::UNAUTHORIZED, oauth: Some("invalid_token"), message };
        let unauthorized =
            |code, oauth, message| Facts { code, status: StatusCode::UNAUTHORIZED, oauth: Some(oauth), message };
        let unavailable = |code| Facts {
            code,
            status: StatusCode::SERVICE_UNAVAILABLE,
            oauth: None,
            message: "Authentication is not available at this time",
        };
        const NOT_VALID: &str = "The access token is not valid";
        const BAD_PROOF: &str = "The DPoP proof is not valid";
        match self {
            Self::MissingCredential => Facts {
                code: "rejection.missing_credential",
                status: StatusCode::UNAUTHORIZED,
                oauth: None,
                message: "Authentication is required",
            },
            Self::InvalidRequest => Facts {
                code: "rejection.invalid_request",
                status: StatusCode::BAD_REQUEST,
                oauth: Some("invalid_request"),
                message: "The request must carry exactly one well-formed credential",
            },
            Self::Malformed => token("rejection.malformed", NOT_VALID),
            Self::UnsupportedAlgorithm => token("rejection.unsupported_algorithm", NOT_VALID),
            Self::BadSignature => token("rejection.bad_signature", NOT_VALID),
            Self::UnknownKey => token("rejection.unknown_key", NOT_VALID),
            Self::UnknownIssuer => token("rejection.unknown_issuer", NOT_VALID),
            Self::WrongAudience => token("rejection.wrong_audience", NOT_VALID),
            Self::WrongType => token("rejection.wrong_type", NOT_VALID),
            Self::MissingClaim => token("rejection.missing_claim", NOT_VALID),
            Self::Expired => token("rejection.expired", "The access token has expired"),
            Self::NotYetValid => token("rejection.not_yet_valid", NOT_VALID),
            Self::Inactive => token("rejection.inactive", NOT_VALID),
            Self::BoundToken => token("rejection.bound_token", "The access token needs a proof of possession"),
            Self::WrongCertificate => {
                token("rejection.wrong_certificate", "The access token needs the client certificate it was issued to")
            }
            Self::InvalidProof => unauthorized("rejection.invalid_proof", "invalid_dpop_proof", BAD_PROOF),
            Self::ReplayedProof => unauthorized("rejection.replayed_proof", "invalid_dpop_proof", BAD_PROOF),
            Self::NonceRequired => unauthorized(
                "rejection.nonce_required",
                "use_dpop_nonce",
                "The DPoP proof needs a nonce of this server",
            ),
            Self::UnusableClaims => token("rejection.unusable_claims", NOT_VALID),
            Self::BadPassword => Facts {
                code: "rejection.bad_password",
                status: StatusCode::UNAUTHORIZED,
                oauth: None,
                message: "The credentials are not valid",
            },
            Self::UnknownApiKey => Facts {
                code: "rejection.unknown_api_key",
                status: StatusCode::UNAUTHORIZED,
                oauth: None,
                message: "The credentials are not valid",
            },
            Self::InsufficientAuthentication => unauthorized(
                "rejection.insufficient_authentication",
                "insufficient_user_authentication",
                "The request needs a stronger or newer login",
            ),
            Self::InsufficientScope => Facts {
                code: "rejection.insufficient_scope",
                status: StatusCode::FORBIDDEN,
                oauth: Some("insufficient_scope"),
                message: "The request needs more than was granted",
            },
            Self::Forbidden => Facts {
                code: "rejection.forbidden",
                status: StatusCode::FORBIDDEN,
                oauth: None,
                message: "The caller may not do this",
            },
            Self::KeysUnavailable => unavailable("rejection.keys_unavailable"),
            Self::IntrospectionUnavailable => unavailable("rejection.introspection_unavailable"),
            Self::LookupUnavailable => unavailable("rejection.lookup_unavailable"),
            Self::Overloaded => unavailable("rejection.overloaded"),
            Self::Misconfigured => Facts {
                code: "rejection.misconfigured",
                status: StatusCode::INTERNAL_SERVER_ERROR,
                oauth: None,
                message: "Authentication failed by a mistake of this service",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let mut codes: Vec<_> = RejectionKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), RejectionKind::ALL.len());
    }

    // R6750-3.1a, R9110-11.4a, R9068-4c, R9449-7.1b
    #[test]
    fn statuses_follow_the_registered_errors() {
        for &kind in RejectionKind::ALL {
            let expected = match kind.oauth_error() {
                Some("invalid_request") => 400,
                Some(
                    "invalid_token" | "invalid_dpop_proof" | "use_dpop_nonce" | "insufficient_user_authentication",
                ) => 401,
                Some("insufficient_scope") => 403,
                None => continue,
                Some(other) => panic!("{other} is not registered"),
            };
            assert_eq!(kind.status(), expected, "{kind:?}");
        }
    }

    // GRPC-3, GRPC-7, THREAT-V16
    #[test]
    fn only_a_known_caller_is_denied_permission_and_what_cannot_be_told_is_unavailable() {
        for &kind in RejectionKind::ALL {
            assert_eq!(kind.grpc_code() == 7, kind.status() == 403, "{kind:?}");
            assert_eq!(kind.grpc_code() == 14, kind.status() == 503, "{kind:?}");
            assert_eq!(kind.grpc_code() == 16, matches!(kind.status().as_u16(), 400 | 401), "{kind:?}");
        }
        assert_eq!(RejectionKind::KeysUnavailable.oauth_error(), None);
    }

    // GRPC-10, R6750-3c
    #[test]
    fn messages_are_short_and_need_no_escapes() {
        for &kind in RejectionKind::ALL {
            let message = kind.message();
            assert!(message.len() < 64, "{kind:?}");
            assert!(message.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\%".contains(&byte)), "{kind:?}");
        }
    }
}
