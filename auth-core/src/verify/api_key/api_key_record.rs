use std::fmt;
use std::time::SystemTime;

use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::digest::Digest;
use crate::verify::principal::{Method, Principal};
use crate::verify::span::Text;
use crate::{ScopeSet, Secret};

/// What is known of an API key: its id and digest, and who its owner is.
///
/// To replace a key without an outage its owner has two for a while: give both the same subject, and the old one an end.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_auth_core::{ApiKeyRecord, ApiKeyVerifier, NewApiKey};
///
/// let (old, new) = (NewApiKey::generate("acme")?, NewApiKey::generate("acme")?);
/// let in_a_week = SystemTime::now() + Duration::from_secs(7 * 24 * 60 * 60);
/// let scopes = "orders:read".parse()?;
/// let verifier = ApiKeyVerifier::new()
///     .record(ApiKeyRecord::new(old.id(), &old.digest())?.subject("partner-1").scopes(&scopes).not_after(in_a_week))
///     .record(ApiKeyRecord::new(new.id(), &new.digest())?.subject("partner-1").scopes(&scopes))
///     .build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a record does nothing before it is handed over"]
pub struct ApiKeyRecord {
    id: Box<str>,
    digest: Digest,
    subject: Option<Box<str>>,
    scope: Option<Box<str>>,
    roles: Box<[Box<str>]>,
    not_after: Option<SystemTime>,
}

impl ApiKeyRecord {
    /// The key of this id, by the digest of the whole key: `sha256:` and 64 hexadecimal digits, see
    /// [`ApiKeyVerifier::digest`](super::ApiKeyVerifier::digest).
    ///
    /// # Errors
    /// When the id is empty, or the digest is not of that form.
    pub fn new(id: impl Into<String>, digest: &str) -> Result<Self, ConfigError> {
        let id = id.into().into_boxed_str();
        let invalid = |what: String| ConfigError::new(ConfigErrorKind::InvalidCredential, what);
        if id.is_empty() {
            return Err(invalid("an API key has an empty id".to_owned()));
        }
        let Some(digest) = Digest::parse(digest) else {
            return Err(invalid(format!(
                "the digest of the API key {id:?} is not `sha256:` and 64 hexadecimal digits"
            )));
        };
        Ok(Self::with_digest(id, digest))
    }

    pub(super) fn of(id: &str, key: &Secret) -> Self {
        Self::with_digest(id.into(), Digest::of(&[key.expose_secret().as_bytes()]))
    }

    fn with_digest(id: Box<str>, digest: Digest) -> Self {
        Self { id, digest, subject: None, scope: None, roles: Box::default(), not_after: None }
    }

    /// The subject of the principal. Default: the id of the key. The id is also the principal's client id, so that it can
    /// be seen which of a subject's keys is in use.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    /// What the key may be used for.
    pub fn scopes(mut self, scopes: &ScopeSet) -> Self {
        self.scope = Some(scopes.to_string().into_boxed_str());
        self
    }

    /// The roles that its owner has.
    pub fn roles<I>(mut self, roles: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.roles = roles.into_iter().map(|role| role.into().into_boxed_str()).collect();
        self
    }

    /// The last moment at which the key is good.
    pub fn not_after(mut self, end: SystemTime) -> Self {
        self.not_after = Some(end);
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether the time of the key is over.
    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.not_after.is_some_and(|end| now > end)
    }

    /// Who it is that presented the key.
    pub(super) fn principal(&self) -> Principal {
        let mut principal = Principal::named(Method::ApiKey, self.subject.as_deref().unwrap_or(&self.id));
        principal.client_id = Some(Text::Owned(self.id.clone()));
        principal.scope = self.scope.clone().map(Text::Owned);
        principal.roles = self.roles.clone();
        principal.expires_at = self.not_after;
        principal
    }
}

impl fmt::Debug for ApiKeyRecord {
    /// Without the digest: of a short key it would say too much.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyRecord")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("scope", &self.scope)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
