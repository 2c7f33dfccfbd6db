use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exchange_key::{ExchangeKey, KeyDigest};
use super::supply::Supply;
use super::terms::Agreed;
use super::token_exchange::{Exchange, TokenExchange, TokenExchangeSource};
use crate::error::ConfigError;
use crate::oauth::OAuthClient;
use crate::oauth::endpoints::Target;
use crate::{Secret, SubjectToken, TokenCache, TokenCaches, TokenType};

/// Tokens to call others on behalf of whoever called: one cache for each caller's token.
///
/// ```
/// use tower_auth_core::{ConfigError, OnBehalfOf, SubjectToken, TokenCache, TokenExchange};
///
/// # #[cfg(feature = "http")]
/// fn stock() -> Result<OnBehalfOf, ConfigError> {
///     TokenExchange::new("https://login.example.com/oauth/token", "orders", "correct horse")
///         .audience("stock")
///         .on_behalf_of()
/// }
///
/// /// In a handler: the cache goes into an `AuthLayer`.
/// fn of_caller(stock: &OnBehalfOf, caller: &SubjectToken) -> Result<TokenCache, ConfigError> {
///     stock.tokens_for(caller)
/// }
/// ```
///
/// - The first call on behalf of a caller costs an exchange, the next ones none. Many calls at once share one.
/// - Two callers never share a token: the key is a digest of the caller's token and of everything that is asked for.
/// - What was exchanged ends with the caller's own token, whatever the server says, and is not renewed beyond that.
/// - At most 10,000 caches are kept, each for an hour after its last use; see [`limits`](Self::limits).
///
/// # Clone
/// Clones share everything.
#[derive(Clone)]
pub struct OnBehalfOf {
    agreed: Arc<Agreed>,
    exchange: Arc<Exchange>,
    caches: TokenCaches<ExchangeKey>,
}

impl TokenExchange {
    /// Exchanges on behalf of callers, each known by a [`SubjectToken`]. A [`subject`](Self::subject) that was set is not used.
    ///
    /// # Errors
    /// Those of [`build`](Self::build), a missing subject aside.
    pub fn on_behalf_of(self) -> Result<OnBehalfOf, ConfigError> {
        let (agreed, exchange) = self.agree()?;
        Ok(OnBehalfOf::with(agreed, exchange, 10_000, Duration::from_secs(60 * 60)))
    }
}

impl OnBehalfOf {
    fn with(agreed: Arc<Agreed>, exchange: Arc<Exchange>, max: usize, idle: Duration) -> Self {
        let clock = agreed.client.clock();
        let (terms, kind) = (Arc::clone(&agreed), Arc::clone(&exchange));
        let make = move |key: &ExchangeKey| TokenExchangeSource::of(&terms, &kind, &key.subject).cache_builder();
        Self { agreed, exchange, caches: TokenCaches::with_limits(make, max, idle, clock) }
    }

    /// Keeps at most `max` caches, each for `idle` after its last use, in place of 10,000 and an hour. Begins empty.
    #[must_use]
    pub fn limits(self, max: usize, idle: Duration) -> Self {
        Self::with(self.agreed, self.exchange, max, idle)
    }

    /// The tokens for calls on behalf of `caller`.
    ///
    /// # Errors
    /// None that a program which has built this can cause.
    pub fn tokens_for(&self, caller: &SubjectToken) -> Result<TokenCache, ConfigError> {
        self.caches.get(&self.key(caller, None))
    }

    /// As [`tokens_for`](Self::tokens_for), apart from those of other tenants: for services that keep tenants apart by something
    /// that is not in the token.
    ///
    /// # Errors
    /// As [`tokens_for`](Self::tokens_for).
    pub fn tokens_for_tenant(&self, caller: &SubjectToken, tenant: &str) -> Result<TokenCache, ConfigError> {
        self.caches.get(&self.key(caller, Some(tenant)))
    }

    /// The exchange itself for `caller`, without a cache.
    #[must_use]
    pub fn source_for(&self, caller: &SubjectToken) -> TokenExchangeSource {
        TokenExchangeSource::of(&self.agreed, &self.exchange, caller)
    }

    /// How many callers' tokens are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.caches.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.caches.is_empty()
    }

    fn key(&self, caller: &SubjectToken, tenant: Option<&str>) -> ExchangeKey {
        ExchangeKey::new(KeyFields::new(&self.agreed, &self.exchange, caller, tenant).digest(), caller.clone())
    }
}

/// What tells two exchanged tokens apart.
#[derive(Clone, Default)]
struct KeyFields<'a> {
    token_endpoint: Option<String>,
    client_id: &'a str,
    auth: &'a str,
    grant_type: &'a str,
    subject: &'a str,
    subject_type: &'a str,
    actor: Option<&'a str>,
    actor_type: Option<&'a str>,
    requested_type: Option<&'a str>,
    scopes: Vec<&'a str>,
    audiences: Vec<&'a str>,
    resources: Vec<&'a str>,
    /// Of the key that tokens are bound to.
    thumbprint: Option<&'a str>,
    tenant: Option<&'a str>,
}

impl<'a> KeyFields<'a> {
    fn new(agreed: &'a Agreed, exchange: &'a Exchange, caller: &'a SubjectToken, tenant: Option<&'a str>) -> Self {
        let actor = exchange.actor.as_ref();
        Self {
            token_endpoint: agreed.client.token_endpoint(),
            client_id: agreed.client.client_id(),
            auth: agreed.client.auth().as_str(),
            grant_type: exchange.flavour.grant_type(),
            subject: caller.secret().expose_secret(),
            subject_type: exchange.subject_type.as_str(),
            actor: actor.and_then(|(supply, _)| match supply {
                Supply::Fixed(token) => Some(Secret::expose_secret(token)),
                Supply::Source(_) => None,
            }),
            actor_type: actor.map(|(_, kind)| TokenType::as_str(kind)),
            requested_type: exchange.requested_type.as_ref().map(TokenType::as_str),
            scopes: agreed.scope.iter().collect(),
            audiences: agreed.params.values_of("audience").collect(),
            resources: agreed.params.values_of("resource").collect(),
            thumbprint: None,
            tenant,
        }
    }

    fn digest(&self) -> [u8; 32] {
        KeyDigest::new()
            .field(self.token_endpoint.as_deref())
            .field(Some(self.client_id))
            .field(Some(self.auth))
            .field(Some(self.grant_type))
            .secret(Some(self.subject))
            .field(Some(self.subject_type))
            .secret(self.actor)
            .field(self.actor_type)
            .field(self.requested_type)
            .fields(self.scopes.iter().copied())
            .fields(self.audiences.iter().copied())
            .fields(self.resources.iter().copied())
            .field(self.thumbprint)
            .field(self.tenant)
            .finish()
    }
}

impl OAuthClient {
    /// The server: by the URL of its token endpoint, or by its issuer if the rest is in the metadata.
    fn token_endpoint(&self) -> Option<String> {
        let configured = self.0.endpoints.get(Target::Token).map(|endpoint| endpoint.uri().to_string());
        configured.or_else(|| self.0.issuer.clone())
    }
}

impl fmt::Debug for OnBehalfOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnBehalfOf")
            .field("client", &self.agreed.client)
            .field("exchange", &self.exchange)
            .field("caches", &self.caches)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Texts = (String, String, String, String, String, String);
    type Options = (Option<String>, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);
    type Lists = (Vec<String>, Vec<String>, Vec<String>);

    fn digest((texts, options, lists): &(Texts, Options, Lists)) -> [u8; 32] {
        KeyFields {
            token_endpoint: options.0.clone(),
            client_id: &texts.0,
            auth: &texts.1,
            grant_type: &texts.2,
            subject: &texts.3,
            subject_type: &texts.4,
            actor: options.1.as_deref(),
            actor_type: options.2.as_deref(),
            requested_type: options.3.as_deref(),
            scopes: lists.0.iter().map(String::as_str).collect(),
            audiences: lists.1.iter().map(String::as_str).collect(),
            resources: lists.2.iter().map(String::as_str).collect(),
            thumbprint: options.4.as_deref(),
            tenant: options.5.as_deref(),
        }
        .digest()
    }

    /// Few and short texts, so that neighbours that could run together come up often.
    fn fields() -> impl Strategy<Value = (Texts, Options, Lists)> {
        let text = || "[ab ]{0,2}";
        let option = || prop::option::of("[ab]{0,1}");
        let list = || prop::collection::vec("[ab ]{0,2}", 0..3);
        (
            (text(), text(), text(), text(), text(), text()),
            (option(), option(), option(), option(), option(), option()),
            (list(), list(), list()),
        )
            .prop_map(|(mut texts, options, lists)| {
                // Only five texts are fields.
                texts.5.clear();
                (texts, options, lists)
            })
    }

    proptest! {
        // THREAT-K1, R8693-P1, R8707-P1
        #[test]
        fn keys_are_equal_exactly_if_every_field_is(a in fields(), b in fields()) {
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }

        // THREAT-K1
        #[test]
        fn a_change_of_any_one_field_gives_another_key(base in fields(), which in 0_usize..14, with in "[abc]{1,3}") {
            let mut other = base.clone();
            let (texts, options, lists) = (&mut other.0, &mut other.1, &mut other.2);
            let slots = [&mut options.0, &mut options.1, &mut options.2, &mut options.3, &mut options.4, &mut options.5];
            match which {
                0 => texts.0.push_str(&with),
                1 => texts.1.push_str(&with),
                2 => texts.2.push_str(&with),
                3 => texts.3.push_str(&with),
                4 => texts.4.push_str(&with),
                5..=10 => {
                    let slot = slots.into_iter().nth(which - 5).unwrap();
                    // Absent becomes empty, and anything else longer.
                    *slot = slot.as_ref().map_or(Some(String::new()), |text| Some(format!("{text}{with}")));
                }
                11 => lists.0.push(with),
                12 => lists.1.push(with),
                _ => lists.2.push(with),
            }
            prop_assert_ne!(digest(&base), digest(&other));
        }
    }

    // THREAT-K1
    #[test]
    fn lists_do_not_run_together() {
        let lists = |one: &[&str], two: &[&str]| {
            let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            digest(&(Texts::default(), Options::default(), (list(one), list(two), Vec::new())))
        };
        let keys = [
            lists(&["a b"], &["c"]),
            lists(&["a"], &["b c"]),
            lists(&["a", "b"], &["c"]),
            lists(&["a", "b", "c"], &[]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{index}");
        }
    }
}
