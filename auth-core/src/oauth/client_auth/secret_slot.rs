use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use super::authenticator::{Identity, SecretOrigin};
use super::secret_source::ErasedSecretSource;
use crate::clock::race;
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "jwt")]
use crate::jose::SigningKey;
use crate::oauth::failure::ForeignError;
use crate::oauth::form;
use crate::oauth::limit::Limit;
use crate::oauth::redact::Redactor;
use crate::{Clock, MonotonicTime, Secret, TokenError, TokenErrorKind};

/// How old the answer of a source may be.
const MAX_AGE: Duration = Duration::from_secs(60);

/// One of the client's secrets.
pub(super) struct SecretSlot {
    source: Option<Arc<dyn ErasedSecretSource>>,
    last: Mutex<Option<Arc<Prepared>>>,
}

/// A secret with what is made of it, once.
pub(super) struct Prepared {
    pub(super) secret: Secret,
    /// `Authorization`, where the method has one.
    pub(super) header: Option<HeaderValue>,
    /// What nobody may see.
    pub(super) hidden: Vec<Secret>,
    /// Signs assertions, where the method has such.
    #[cfg(feature = "jwt")]
    pub(super) key: Option<SigningKey>,
    read_at: MonotonicTime,
}

impl SecretSlot {
    pub(super) fn new(origin: SecretOrigin, identity: &Identity, clock: &Clock) -> Result<Self, ConfigError> {
        match origin {
            SecretOrigin::Fixed(secret) => {
                let prepared = Prepared::new(secret, identity, clock)?;
                Ok(Self { source: None, last: Mutex::new(Some(Arc::new(prepared))) })
            }
            SecretOrigin::Source(source) => Ok(Self { source: Some(source), last: Mutex::new(None) }),
        }
    }

    /// What is known without asking.
    pub(super) fn known(&self) -> Option<Arc<Prepared>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The secret, read again if the last reading is too old.
    pub(super) async fn get(
        &self,
        identity: &Identity,
        clock: &Clock,
        limit: Limit<'_>,
    ) -> Result<Arc<Prepared>, TokenError> {
        let last = self.known();
        let is_old = |prepared: &Prepared| clock.now().saturating_since(prepared.read_at) >= MAX_AGE;
        match (&self.source, last) {
            (None, Some(fixed)) => Ok(fixed),
            (Some(_), Some(last)) if !is_old(&last) => Ok(last),
            (_, last) => match (self.read(identity, clock, limit).await, last) {
                (Ok(new), _) => Ok(new),
                (Err(error), Some(last)) => {
                    tracing::warn!(client_id = %identity.id, %error, "the last client secret goes on being used");
                    Ok(last)
                }
                (Err(error), None) => Err(error),
            },
        }
    }

    /// Reads again; whether the secret is another than `refused`.
    pub(super) async fn changed_since(
        &self,
        refused: &Secret,
        identity: &Identity,
        clock: &Clock,
        limit: Limit<'_>,
    ) -> bool {
        if self.source.is_none() {
            return false;
        }
        match self.read(identity, clock, limit).await {
            Ok(new) => new.secret != *refused,
            Err(error) => {
                tracing::warn!(client_id = %identity.id, %error, "the client secret was refused and cannot be read again");
                false
            }
        }
    }

    async fn read(&self, identity: &Identity, clock: &Clock, limit: Limit<'_>) -> Result<Arc<Prepared>, TokenError> {
        let failed = |kind, what: &str| TokenError::new(kind, format!("the secret of client {:?} {what}", identity.id));
        let unreachable = |what: &str| failed(TokenErrorKind::Unreachable, what);
        let Some(source) = &self.source else { return Err(unreachable("is missing")) };
        let secret = match race(source.secret_boxed(), limit.passed()).await {
            Some(Ok(secret)) => secret,
            Some(Err(error)) => {
                let hidden = self.known().map(|last| last.hidden.clone()).unwrap_or_default();
                let source = ForeignError::new(&*error, &Redactor::default().and(hidden));
                return Err(unreachable("could not be had from its source").with_source(source));
            }
            None => return Err(failed(TokenErrorKind::TimedOut, "did not come from its source in time")),
        };
        // Transient, since whoever writes the secret may be replacing it at this moment.
        let prepared = Prepared::new(secret, identity, clock)
            .map_err(|error| unreachable("as its source has it cannot be used").with_source(error))?;
        let prepared = Arc::new(prepared);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&prepared));
        Ok(prepared)
    }
}

impl Prepared {
    fn new(secret: Secret, identity: &Identity, clock: &Clock) -> Result<Self, ConfigError> {
        if secret.is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::MissingOption,
                "the client secret (client_secret) is missing",
            ));
        }
        check_text("secret", secret.expose_secret())?;
        // A server may put a pair together that was not sent as one.
        let pair = |id: &str, secret: &str| Secret::new(format!("{id}:{secret}"));
        let (id, text) = (identity.id.as_str(), secret.expose_secret());
        let mut hidden = vec![secret.clone(), pair(id, text), pair(&form::encoded(id), &form::encoded(text))];
        let mut header = None;
        if identity.method.uses_header() {
            let (value, texts) = identity.halves.header(identity.method, &identity.id, &secret)?;
            hidden.extend(texts);
            header = Some(value);
        }
        Ok(Self {
            #[cfg(feature = "jwt")]
            key: identity.assertion.key_of(identity.method, &secret)?,
            secret,
            header,
            hidden,
            read_at: clock.now(),
        })
    }
}

/// Refuses what RFC 6749 appendix A does not allow in client ids and secrets.
pub(in crate::oauth) fn check_text(what: &str, text: &str) -> Result<(), ConfigError> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    Err(ConfigError::new(
        ConfigErrorKind::InvalidCredential,
        format!("the client {what} has a character outside printable ASCII; a line break at its end, perhaps"),
    ))
}
