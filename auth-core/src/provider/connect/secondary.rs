use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::builder::{Options, Persist};
use super::client::describe_secondary;
use super::credential::CredentialMaker;
use super::grantor::ProviderGrantor;
use super::known::Known;
use super::source::captured;
use crate::oauth::{Grant, OAuthClient, Params, Renewal, Target};
use crate::provider::filled::FilledProvider;
use crate::provider::kind::Rotation;
use crate::{
    ConfigError, Lifetime, ScopeSet, Secret, SourceRequest, TokenCache, TokenError, TokenErrorKind, TokenResponse,
    TokenSource,
};

/// What the caches of further tokens are made of.
pub(super) struct Makings<'a> {
    pub(super) filled: &'a Arc<FilledProvider>,
    pub(super) options: &'a Options,
    pub(super) main: &'a TokenCache,
    pub(super) renewal: &'a Arc<Renewal<ProviderGrantor>>,
    pub(super) budget: &'a Option<Arc<Budget>>,
    pub(super) persist: &'a Option<Persist>,
    pub(super) maker: &'a Arc<CredentialMaker>,
    pub(super) timeout: Duration,
}

impl Makings<'_> {
    /// A cache for each further token of the description, by its name.
    pub(super) fn caches(&self) -> Result<BTreeMap<String, TokenCache>, ConfigError> {
        let tokens = &self.filled.method().secondary_tokens;
        let caches = tokens.iter().enumerate().map(|(number, token)| Ok((token.name.clone(), self.cache(number)?)));
        caches.collect()
    }

    fn cache(&self, number: usize) -> Result<TokenCache, ConfigError> {
        let method = self.filled.method();
        let name = method.secondary_tokens.get(number).map_or("", |token| &*token.name);
        let source = SecondarySource {
            filled: Arc::clone(self.filled),
            client: describe_secondary(self.filled, self.options, number)?.build()?,
            main: self.main.clone(),
            renewal: Arc::clone(self.renewal),
            budget: self.budget.clone(),
            persist: self.persist.clone(),
        };
        let (maker, main) = (Arc::clone(self.maker), self.main.clone());
        let present = move |response: &TokenResponse| {
            let method = maker.filled.method();
            let own = method.secondary_tokens.get(number).map(|token| &token.placement);
            let placement = own.filter(|placement| !placement.is_empty()).unwrap_or(&method.placement);
            let known = main.last_response().as_deref().map(captured).unwrap_or_default();
            maker.make(placement, Some(response.token()), &known)
        };
        let cache = TokenCache::builder(source)
            .name(format!("{}.{name}", self.filled.spec().id()))
            .clock(self.options.clock.clone())
            .present_by(Arc::new(present))
            // It may wait for the main token's exchange first, and for the persist step after its own.
            .exchange_timeout(self.timeout.saturating_mul(3));
        match method.renewal.margin {
            Some(margin) => cache.refresh_margin(margin).build(),
            None => cache.build(),
        }
    }
}

/// A token for another audience, by the main token's refresh token.
struct SecondarySource {
    filled: Arc<FilledProvider>,
    client: OAuthClient,
    main: TokenCache,
    renewal: Arc<Renewal<ProviderGrantor>>,
    budget: Option<Arc<Budget>>,
    persist: Option<Persist>,
}

impl TokenSource for SecondarySource {
    async fn fetch(&self, _: SourceRequest) -> Result<TokenResponse, TokenError> {
        let has_refresh_token = |response: &Arc<TokenResponse>| response.refresh_token().is_some();
        if !self.main.last_response().as_ref().is_some_and(has_refresh_token) {
            self.main.ready().await?;
        }
        if let Some(budget) = &self.budget {
            budget.take(self.main.clock(), self.filled.spec().display_name())?;
        }
        // What the main exchange persists must not come after what this one does.
        self.main.settle().await;
        let previous = self.main.last_response();
        let spent = self.renewal.spend(previous.as_deref(), |token| self.exchange(token), |token| self.take_in(token));
        let response = Known::of(previous.as_deref()).during(spent).await?;
        // The refresh token is the main cache's.
        let own = TokenResponse::new(response.token().clone());
        let own = response.refresh_after().into_iter().fold(own, TokenResponse::refresh_in);
        Ok(match response.lifetime() {
            Lifetime::For(lifetime) => own.expires_in(lifetime),
            Lifetime::Unknown => own,
        })
    }
}

impl SecondarySource {
    async fn exchange(&self, token: Secret) -> Result<TokenResponse, TokenError> {
        let mut params = Params::default();
        params.push("refresh_token", token);
        let grant = Grant {
            name: "refresh_token",
            target: Target::Refresh,
            grant_type: Some("refresh_token"),
            scope: &ScopeSet::default(),
            params,
            keep_refresh_token: true,
            single_use: self.filled.method().renewal.rotation != Rotation::Stable,
        };
        self.client.exchange(grant).await
    }

    /// Keeps a refresh token that came in place of the one that was sent. The main token stays what it is.
    async fn take_in(&self, token: Secret) -> Result<(), TokenError> {
        let amended = self.main.amend(|response| response.with_refresh_token(token.clone()));
        let (Some(response), Some(persist)) = (amended, &self.persist) else { return Ok(()) };
        persist(Arc::new(response)).await.map_err(|error| {
            TokenError::new(TokenErrorKind::PersistFailed, "the refresh token could not be made durable")
                .with_source(error)
        })
    }
}
