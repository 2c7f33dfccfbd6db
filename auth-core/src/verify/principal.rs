use std::fmt;
use std::time::SystemTime;

use super::rejection::Scheme;
use super::span::Text;
use super::subject_hash::subject_hash;
use crate::{ConfigError, ScopeSet};

/// Who calls, as a credential said it and a [`Verifier`](super::Verifier) confirmed it. Never holds the credential
/// itself.
///
/// [`subject`](Self::subject) alone names nobody: it is unique within its [`issuer`](Self::issuer) only, and may be a
/// user or a client (RFC 9068 section 5). Tell them apart by [`client_id`](Self::client_id).
///
/// `Debug` shows how the caller was verified, not who it is: that is personal data.
pub struct Principal {
    pub(super) method: Method,
    /// The claims, in which most of the texts below are ranges. Empty without claims.
    pub(super) claims: String,
    pub(super) issuer: Option<Text>,
    pub(super) subject: Text,
    pub(super) client_id: Option<Text>,
    pub(super) scope: Option<Text>,
    pub(super) roles: Box<[Box<str>]>,
    pub(super) expires_at: Option<SystemTime>,
    /// The thumbprint of the DPoP key that the token is bound to.
    pub(super) jkt: Option<Text>,
    /// The thumbprint of the client certificate that the token is bound to.
    pub(super) x5t_s256: Option<Text>,
    /// How the credential was presented; set by the verifier.
    pub(super) scheme: Scheme,
}

/// By what kind of credential a caller was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A token that is a JWT.
    Jwt,
    /// A token that its authorization server was asked about (RFC 7662).
    Introspection,
    /// A user-id and password.
    Basic,
    /// An API key.
    ApiKey,
}

impl Principal {
    /// A caller known by name alone.
    pub(super) fn named(method: Method, subject: &str) -> Self {
        Self {
            method,
            claims: String::new(),
            issuer: None,
            subject: Text::Owned(subject.into()),
            client_id: None,
            scope: None,
            roles: Box::default(),
            expires_at: None,
            jkt: None,
            x5t_s256: None,
            scheme: method.scheme(),
        }
    }

    /// By what kind of credential the caller was verified.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// How the credential was presented: a token as a plain one, or with a proof.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The SHA-256 thumbprint of the DPoP key that the token is bound to (`cnf.jkt`, RFC 9449 section 6.1), of which the
    /// request had a proof.
    #[must_use]
    pub fn dpop_thumbprint(&self) -> Option<&str> {
        self.jkt.as_ref().map(|text| text.of(&self.claims))
    }

    /// The SHA-256 thumbprint of the client certificate that the token is bound to (`cnf.x5t#S256`, RFC 8705 section 3.1),
    /// with which the request came.
    #[must_use]
    pub fn certificate_thumbprint(&self) -> Option<&str> {
        self.x5t_s256.as_ref().map(|text| text.of(&self.claims))
    }

    /// Whether the token is bound to a key, so that it serves nobody who has not that key.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.jkt.is_some() || self.x5t_s256.is_some()
    }

    /// Who vouches for the caller: the `iss` of its token. `None` for users and API keys of our own.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().map(|text| text.of(&self.claims))
    }

    /// Whom the credential is about: the `sub` of a token, the user-id, the owner of an API key or else its id.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject.of(&self.claims)
    }

    /// A short hash of issuer and subject for logs and traces, by which one caller's requests are found without naming a
    /// person. Its key is this process's own: another process, and the next start, has other hashes.
    #[must_use]
    pub fn subject_hash(&self) -> String {
        subject_hash(self.issuer(), self.subject())
    }

    /// The client that presents the credential, if that is known: `client_id`, or else `azp`, of a token; the id of an API key.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_ref().map(|text| text.of(&self.claims))
    }

    /// The scopes granted, as they stand in the credential.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let text = self.scope.as_ref().map_or("", |text| text.of(&self.claims));
        text.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether `scope` was granted: exact and case-sensitive.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|own| own == scope)
    }

    /// Whether every scope of `needed` was granted.
    #[must_use]
    pub fn has_scopes(&self, needed: &ScopeSet) -> bool {
        needed.iter().all(|scope| self.has_scope(scope))
    }

    /// The scopes granted, as a set.
    ///
    /// # Errors
    /// When one of them has a character that scopes must not have.
    pub fn scope_set(&self) -> Result<ScopeSet, ConfigError> {
        ScopeSet::new(self.scopes())
    }

    /// The roles, if the verifier was told which claim holds them.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| &**role)
    }

    /// Whether the caller has `role`: exact and case-sensitive.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|own| own == role)
    }

    /// When the credential expires (`exp`). A stream that outlives this should be ended or verified anew.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The claims set as received; an empty object for credentials without claims.
    #[must_use]
    pub fn claims_json(&self) -> &str {
        if self.claims.is_empty() { "{}" } else { &self.claims }
    }

    /// Decodes the claims into a type of your own. They are decoded on each call.
    ///
    /// # Errors
    /// [`UnusableClaims`](super::RejectionKind::UnusableClaims) (401) when the claims do not have the shape of `T`;
    /// [`Misconfigured`](super::RejectionKind::Misconfigured) (500) when `T` reads no JSON object whatever, as a
    /// number or a list does. Neither has a challenge: see [`Verifier::refusal`](super::Verifier::refusal).
    #[cfg(feature = "jwt")]
    pub fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, super::Rejection> {
        // Serde's own message is not passed on: it may quote a claim.
        super::claims::decode(self.claims_json()).map_err(|kind| {
            super::Rejection::new(kind, format!("the claims do not decode as {}", std::any::type_name::<T>()))
        })
    }
}

impl Method {
    /// The scheme that such credentials come in, if it is not one with a proof.
    #[must_use]
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Jwt | Self::Introspection => Scheme::Bearer,
            Self::Basic => Scheme::Basic,
            Self::ApiKey => Scheme::ApiKey,
        }
    }

    /// The name of the method in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Introspection => "introspection",
            Self::Basic => "basic",
            Self::ApiKey => "api_key",
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("method", &self.method)
            .field("issuer", &self.issuer())
            .field("client_id", &self.client_id())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
