use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Token;
use crate::Secret;

/// What a token endpoint returned: the token, how long it lives, and what came with it.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_core::{Token, TokenResponse};
///
/// let response = TokenResponse::new(Token::new("mF_9.B5f-4.1JqM")?).expires_in(Duration::from_secs(3600));
/// # Ok::<(), tower_auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct TokenResponse {
    token: Token,
    lifetime: Lifetime,
    refresh_in: Option<Duration>,
    refresh_token: Option<Secret>,
    id_token: Option<Secret>,
    extras: BTreeMap<String, Secret>,
    sequence: Option<u64>,
}

/// How long a token lives from the moment it was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifetime {
    /// Nobody said: used until it is refused, or for the cache's default lifetime.
    #[default]
    Unknown,
    /// This long. Zero: good for the request that waits for it, and not kept.
    For(Duration),
}

impl TokenResponse {
    /// A response that holds `token` and nothing else; its lifetime is unknown.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            token,
            lifetime: Lifetime::Unknown,
            refresh_in: None,
            refresh_token: None,
            id_token: None,
            extras: BTreeMap::new(),
            sequence: None,
        }
    }

    /// Sets how long the token lives, counted from its reception. Zero: good for the waiting request only.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::For(lifetime);
        self
    }

    /// Sets after how long the server would like the token to be renewed. A cache waits for a second at least.
    #[must_use]
    pub fn refresh_in(mut self, after: Duration) -> Self {
        self.refresh_in = Some(after);
        self
    }

    /// Sets the refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh_token: impl Into<Secret>) -> Self {
        self.refresh_token = Some(refresh_token.into());
        self
    }

    /// Sets the ID token. It is kept as text; nothing here validates it.
    #[must_use]
    pub fn with_id_token(mut self, id_token: impl Into<Secret>) -> Self {
        self.id_token = Some(id_token.into());
        self
    }

    /// Keeps a further value of the response. It is held as a secret, since nobody knows what a server sends.
    #[must_use]
    pub fn with_extra(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.extras.insert(name.into(), value.into());
        self
    }

    /// Sets the response's place in a sequence that several processes share, such as a counter in their store. In a cache
    /// a response never replaces one with a higher place.
    #[must_use]
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// The same response for a token with another scope.
    #[cfg(feature = "oauth")]
    pub(crate) fn with_granted_scope(mut self, scope: crate::ScopeSet) -> Self {
        self.token = self.token.with_scope(scope);
        self
    }

    /// The access token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// How long the token lives from its reception.
    #[must_use]
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// After how long the server would like the token to be renewed.
    #[must_use]
    pub fn refresh_after(&self) -> Option<Duration> {
        self.refresh_in
    }

    /// The refresh token.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// The ID token.
    #[must_use]
    pub fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    /// A further value that the source kept.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&Secret> {
        self.extras.get(name)
    }

    /// Every further value that the source kept, by name.
    pub fn extras(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.extras.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Keeps a further value unless there is one of that name.
    #[cfg(feature = "provider")]
    pub(crate) fn or_extra(mut self, name: String, value: Secret) -> Self {
        self.extras.entry(name).or_insert(value);
        self
    }

    /// The response's place in a shared sequence.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token", &self.token)
            .field("lifetime", &self.lifetime)
            .field("refresh_in", &self.refresh_in)
            .field("refresh_token", &self.refresh_token)
            .field("id_token", &self.id_token)
            .field("extras", &self.extras.keys())
            .finish()
    }
}
