use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::api_keys::ApiKeys;
use super::key_text::is_prefix;
use super::lookup::ErasedLookup;
use super::{ApiKeyLookup, ApiKeyRecord, Place};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::verify::Verifier;
use crate::verify::digest::Digest;
use crate::verify::parts::Parts;
use crate::verify::rejection::{Challenges, DEFAULT_REALM, Scheme};
use crate::{Clock, Secret};

/// Accepts API keys, of which it knows digests only: of a list, of a database, or of both.
///
/// A key of the form `<prefix>_<id>_<secret>`, as [`NewApiKey`](super::NewApiKey) makes them, or `<id>.<secret>` is
/// looked up by its id, which is no secret. Any other key is compared with every digest of the list. Digests are compared
/// in constant time. A key must be long and random (128 bits or more), as no slow hash protects it.
///
/// ```
/// use tower_auth_core::{ApiKeyVerifier, NewApiKey};
///
/// let issued = NewApiKey::generate("acme")?;
/// let verifier = ApiKeyVerifier::new().key(issued.id(), issued.digest()).build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
///
/// What an operator writes may be a key that others made:
///
/// ```
/// use tower_auth_core::{ApiKeyVerifier, Secret};
///
/// let issued = Secret::from("partner-1.nq8Z0vJc5mWd2rXh7tKb");
/// let digest = ApiKeyVerifier::digest(&issued);
/// let verifier = ApiKeyVerifier::new().key("partner-1", digest).build()?;
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a description does nothing before `build`"]
pub struct ApiKeyVerifier {
    keys: Vec<Listed>,
    lookup: Option<Arc<dyn ErasedLookup>>,
    lookup_timeout: Duration,
    prefix: Option<String>,
    clock: Clock,
    place: Place,
    realm: String,
}

#[derive(Clone)]
enum Listed {
    /// An id and a digest that was not read yet.
    Text(String, String),
    Record(ApiKeyRecord),
}

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

impl ApiKeyVerifier {
    /// No key yet, expected in the header `X-API-Key`.
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            lookup: None,
            lookup_timeout: LOOKUP_TIMEOUT,
            prefix: None,
            clock: Clock::system(),
            place: Place::Header(HeaderName::from_static("x-api-key")),
            realm: DEFAULT_REALM.to_owned(),
        }
    }

    /// What [`key`](Self::key) wants of an API key: `sha256:` and the digest of the whole key in hexadecimal.
    #[must_use]
    pub fn digest(key: &Secret) -> String {
        Digest::of(&[key.expose_secret().as_bytes()]).to_string()
    }

    /// Adds a key by its digest. `id` becomes the subject of who presents it.
    pub fn key(mut self, id: impl Into<String>, digest: impl Into<String>) -> Self {
        self.keys.push(Listed::Text(id.into(), digest.into()));
        self
    }

    /// Adds a key by its record, which may have a subject, scopes, roles and an end.
    pub fn record(mut self, record: ApiKeyRecord) -> Self {
        self.keys.push(Listed::Record(record));
        self
    }

    /// Asks `lookup` for keys that are not listed, by their id. Only keys that have one are asked for: those of the form
    /// `<id>.<secret>`, and those of the form `<prefix>_<id>_<secret>` whose checksum is right. Answers are not
    /// remembered.
    pub fn lookup(mut self, lookup: impl ApiKeyLookup) -> Self {
        self.lookup = Some(Arc::new(lookup));
        self
    }

    /// How long a look-up may take before the answer is a 503. Default 5 s.
    pub fn lookup_timeout(mut self, timeout: Duration) -> Self {
        self.lookup_timeout = timeout;
        self
    }

    /// Accepts only keys of the form `<prefix>_<id>_<secret>` that begin with this prefix. All others are refused before
    /// anybody is asked: those of another service or stage, and what strangers make up.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Expects the key in this header.
    pub fn header(mut self, name: HeaderName) -> Self {
        self.place = Place::Header(name);
        self
    }

    /// Expects the key in `Authorization`, after this scheme.
    pub fn scheme(mut self, scheme: impl Into<String>) -> Self {
        self.place = Place::Scheme(scheme.into());
        self
    }

    /// The realm of the challenge. Default `api`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Takes the time from `clock`.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    /// When there is neither a key nor a look-up, an id is empty or there twice, a digest is not `sha256:` and 64
    /// hexadecimal digits, two keys have one digest, the header is one that means something else, no key can have the
    /// prefix, or realm or scheme cannot be sent.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let scheme = self.place.checked_scheme()?;
        let challenges = Challenges::one(Scheme::ApiKey, scheme, &self.realm)?;
        if self.prefix.as_deref().is_some_and(|prefix| !is_prefix(prefix)) {
            return Err(ConfigError::new(ConfigErrorKind::InvalidOption, "no API key can have the prefix"));
        }
        let read = |one| match one {
            Listed::Text(id, digest) => ApiKeyRecord::new(id, &digest),
            Listed::Record(record) => Ok(record),
        };
        let records = self.keys.into_iter().map(read).collect::<Result<_, _>>()?;
        let mut keys = ApiKeys::new(records, self.lookup, self.place)?;
        keys.lookup_timeout = self.lookup_timeout;
        keys.prefix = self.prefix.map(String::into_boxed_str);
        keys.clock = self.clock;
        Ok(Verifier::new(Parts { api_key: Some(keys.into()), ..Parts::new(challenges) }))
    }
}

impl Default for ApiKeyVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ApiKeyVerifier {
    /// Ids without digests: somebody may have written a key in the place of one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(Listed::id).collect();
        f.debug_struct("ApiKeyVerifier")
            .field("keys", &ids)
            .field("lookup", &self.lookup.is_some())
            .field("place", &self.place)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl Listed {
    fn id(&self) -> &str {
        match self {
            Self::Text(id, _) => id,
            Self::Record(record) => record.id(),
        }
    }
}
