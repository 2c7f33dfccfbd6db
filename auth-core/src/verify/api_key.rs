use std::collections::HashMap;
use std::fmt;

use http::HeaderName;
use subtle::ConditionallySelectable;

use super::digest::Digest;
use super::parts::Parts;
use super::principal::Method;
use super::rejection::{Challenges, DEFAULT_REALM, Fault, RejectionKind, Scheme};
use super::{Principal, Verifier};
use crate::Secret;
use crate::error::{ConfigError, ConfigErrorKind};

/// Accepts API keys of a fixed list, of which it knows digests only.
///
/// A key of the form `id.secret` is looked up by its id, which is no secret; any other is compared with every digest.
/// Digests are compared in constant time. A key must be long and random (128 bits or more), as no slow hash protects
/// it.
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
    keys: Vec<(String, String)>,
    place: Place,
    realm: String,
}

/// Where callers put their key.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Header(HeaderName),
    Scheme(String),
}

impl ApiKeyVerifier {
    /// No key yet, expected in the header `X-API-Key`.
    pub fn new() -> Self {
        let place = Place::Header(HeaderName::from_static("x-api-key"));
        Self { keys: Vec::new(), place, realm: DEFAULT_REALM.to_owned() }
    }

    /// What [`key`](Self::key) wants of an API key: `sha256:` and the digest of the whole key in hexadecimal.
    #[must_use]
    pub fn digest(key: &Secret) -> String {
        Digest::of(&[key.expose_secret().as_bytes()]).to_string()
    }

    /// Adds a key by its digest. `id` becomes the subject of who presents it.
    pub fn key(mut self, id: impl Into<String>, digest: impl Into<String>) -> Self {
        self.keys.push((id.into(), digest.into()));
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

    /// The verifier.
    ///
    /// # Errors
    /// When there is no key, an id is empty or there twice, a digest is not `sha256:` and 64 hexadecimal digits, two
    /// keys have one digest, the header is one that means something else, or realm or scheme cannot be sent.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let scheme = self.place.checked_scheme()?;
        let challenges = Challenges::one(Scheme::ApiKey, scheme, &self.realm)?;
        let keys = ApiKeys::new(&self.keys, self.place)?;
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
        let ids: Vec<_> = self.keys.iter().map(|(id, _)| id).collect();
        f.debug_struct("ApiKeyVerifier")
            .field("keys", &ids)
            .field("place", &self.place)
            .field("realm", &self.realm)
            .finish()
    }
}

impl Place {
    /// The scheme to be challenged with.
    fn checked_scheme(&self) -> Result<&str, ConfigError> {
        use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION};

        match self {
            Self::Header(name)
                if [AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION].contains(name) =>
            {
                Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("an API key cannot be in the header {name}, which means something else"),
                ))
            }
            Self::Header(_) => Ok("ApiKey"),
            Self::Scheme(scheme) if ["bearer", "basic", "dpop"].contains(&&*scheme.to_ascii_lowercase()) => {
                Err(ConfigError::new(
                    ConfigErrorKind::InvalidOption,
                    format!("an API key cannot be in the scheme {scheme}, which means something else"),
                ))
            }
            Self::Scheme(scheme) => Ok(scheme),
        }
    }
}

/// The keys: ids and digests.
pub(super) struct ApiKeys {
    keys: Vec<(Box<str>, Digest)>,
    by_id: HashMap<Box<str>, usize>,
    place: Place,
}

impl ApiKeys {
    fn new(listed: &[(String, String)], place: Place) -> Result<Self, ConfigError> {
        let invalid = |what: String| Err(ConfigError::new(ConfigErrorKind::InvalidCredential, what));
        if listed.is_empty() {
            return Err(ConfigError::new(ConfigErrorKind::MissingOption, "there is no API key to accept"));
        }
        let mut keys: Vec<(Box<str>, Digest)> = Vec::with_capacity(listed.len());
        let mut by_id = HashMap::with_capacity(listed.len());
        for (index, (id, text)) in listed.iter().enumerate() {
            if id.is_empty() {
                return invalid("an API key has an empty id".to_owned());
            }
            let Some(digest) = Digest::parse(text) else {
                return invalid(format!("the digest of the API key {id:?} is not `sha256:` and 64 hexadecimal digits"));
            };
            if by_id.insert(id.as_str().into(), index).is_some() {
                return invalid(format!("the API key {id:?} is there twice"));
            }
            if let Some((other, _)) = keys.iter().find(|(_, own)| bool::from(own.matches(&digest))) {
                return invalid(format!("the API keys {other:?} and {id:?} are the same key"));
            }
            keys.push((id.as_str().into(), digest));
        }
        Ok(Self { keys, by_id, place })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn verify(&self, key: &str) -> Result<Principal, Fault> {
        let presented = Digest::of(&[key.as_bytes()]);
        let id = self
            .named(key, &presented)
            .or_else(|| self.any(&presented))
            .ok_or_else(|| Fault::new(RejectionKind::UnknownApiKey, "no API key has this digest"))?;
        Ok(Principal::named(Method::ApiKey, id))
    }

    /// The key that `id.secret` names, if it is that one.
    fn named(&self, key: &str, presented: &Digest) -> Option<&str> {
        let (id, own) = &self.keys[*self.by_id.get(key.split_once('.')?.0)?];
        bool::from(own.matches(presented)).then_some(id)
    }

    /// Looks at every digest, whichever matches.
    fn any(&self, presented: &Digest) -> Option<&str> {
        let mut found = 0_u64;
        // Counted from one, so that zero is "none".
        for (number, (_, own)) in (1_u64..).zip(&self.keys) {
            found = u64::conditional_select(&found, &number, own.matches(presented));
        }
        let index = usize::try_from(found.checked_sub(1)?).ok()?;
        self.keys.get(index).map(|(id, _)| &**id)
    }
}
