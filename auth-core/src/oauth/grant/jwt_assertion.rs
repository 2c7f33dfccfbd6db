use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{JoseError, SigningKey, TokenHeader};
use crate::{Clock, Secret, TokenError, TokenErrorKind};

/// The JWT that [`JwtBearer`](super::JwtBearer) hands in, described; each attempt signs a new one (RFC 7523 section 3).
///
/// It has `iss`, `sub`, `aud`, `exp`, `iat` and a random `jti`.
///
/// ```
/// use tower_auth_core::JwtAssertion;
/// use tower_auth_core::jose::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Rs256)?;
/// // As Salesforce wants it: in the name of a user.
/// let assertion = JwtAssertion::new(key, "3MVG9...consumer-key")
///     .subject("robot@example.com")
///     .audience("https://login.salesforce.com");
/// # Ok::<(), tower_auth_core::jose::JoseError>(())
/// ```
#[derive(Clone)]
#[must_use = "a description does nothing before it is given to a grant"]
pub struct JwtAssertion {
    key: Arc<SigningKey>,
    issuer: String,
    subject: Option<String>,
    audience: Option<String>,
    lifetime: Duration,
    header: TokenHeader,
    claims: Vec<(String, Option<Value>)>,
}

/// The longest life of an assertion: servers take an hour at most.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

const OWN: &[&str] = &["iss", "sub", "aud", "exp", "iat", "jti"];

impl JwtAssertion {
    /// An assertion of `issuer` about itself, signed with `key`.
    pub fn new(key: SigningKey, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            key: Arc::new(key),
            subject: Some(issuer.clone()),
            issuer,
            audience: None,
            lifetime: Duration::from_secs(300),
            header: TokenHeader::new().typ("JWT"),
            claims: Vec::new(),
        }
    }

    /// In whose name tokens are wanted (`sub`), in place of the issuer's own.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Leaves `sub` out, against RFC 7523 section 3: for Google's service accounts, which name one only to act for a user.
    pub fn omit_subject(mut self) -> Self {
        self.subject = None;
        self
    }

    /// For whom the assertion is (`aud`): the server's issuer or the URL of its token endpoint, whichever it documents.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long each assertion is good. Default 5 minutes, an hour at most.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The header, in place of one with `typ` `JWT` alone. `alg` is the key's.
    pub fn header(mut self, header: TokenHeader) -> Self {
        self.header = header;
        self
    }

    /// The id of the key, as its public part was registered with.
    pub fn key_id(mut self, id: &str) -> Self {
        self.header = self.header.kid(id);
        self
    }

    /// Adds a claim, such as Google's `scope`.
    pub fn claim(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        self.claims.push((name.into(), serde_json::to_value(value).ok()));
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let missing =
            |what: &str| Err(ConfigError::new(ConfigErrorKind::MissingOption, format!("the assertion has no {what}")));
        let invalid = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidOption, what));
        if self.issuer.is_empty() {
            return missing("issuer");
        }
        if self.audience.as_ref().is_none_or(String::is_empty) {
            return missing("audience");
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > MAX_LIFETIME {
            return invalid("an assertion lives between a second and an hour".to_owned());
        }
        for (index, (name, value)) in self.claims.iter().enumerate() {
            let is_repeated = self.claims.iter().take(index).any(|(earlier, _)| earlier == name);
            if OWN.contains(&name.as_str()) || is_repeated {
                return invalid(format!("the claim {name:?} is in the assertion already"));
            }
            if value.is_none() {
                return invalid(format!("the value of the claim {name:?} cannot be written as JSON"));
            }
        }
        Ok(())
    }

    /// A new assertion.
    pub(super) fn sign(&self, clock: &Clock) -> Result<Secret, TokenError> {
        let now = clock.wall().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut claims: Map<String, Value> =
            self.claims.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
        claims.insert("iss".to_owned(), self.issuer.as_str().into());
        if let Some(subject) = &self.subject {
            claims.insert("sub".to_owned(), subject.as_str().into());
        }
        claims.insert("aud".to_owned(), self.audience.as_deref().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), now.saturating_add(self.lifetime.as_secs()).into());
        let signed = random_id().and_then(|id| {
            claims.insert("jti".to_owned(), id.into());
            self.key.sign(&self.header, &claims)
        });
        signed.map(Secret::new).map_err(|error| {
            TokenError::new(TokenErrorKind::Misconfigured, "the assertion could not be signed").with_source(error)
        })
    }
}

/// 128 random bits.
fn random_id() -> Result<String, JoseError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| JoseError::CryptoFailed)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl fmt::Debug for JwtAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAssertion")
            .field("key", &self.key)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
